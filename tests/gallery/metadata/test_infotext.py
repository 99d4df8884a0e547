"""Parameters as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.gallery.metadata import Lora, Summary, infotext
from cozygen.gallery.metadata.generators import infotext_source
from tests.gallery.metadata.makers import INFOTEXT


def test_what_the_web_ui_writes() -> None:
    assert infotext.summarise(INFOTEXT) == Summary(
        positive="portrait of a fox, (detailed:1.2), <lora:add_detail:0.7>\nsecond line",
        negative="blurry, lowres\nand a second line",
        models=("sd_xl_base_1.0",),
        loras=(Lora("add_detail", 0.7, 0.7),),
        vae="sdxl_vae.safetensors",
        sampler="DPM++ 2M",
        scheduler="Karras",
        steps=28,
        cfg=6.5,
        seed=3218760543,
        size=(832, 1216),
        clip_skip=2,
    )


def test_values_with_commas_quotes_and_line_breaks() -> None:
    text = 'a\nSteps: 5, Script: "X/Y \\"plot\\", with: colons", Note: "two\\nlines", Broken: "no end, Seed: 7, Size: 64x64'
    assert infotext.parse(text)[2] == {
        "Steps": "5",
        "Script": 'X/Y "plot", with: colons',
        "Note": "two\nlines",
        "Broken": '"no end',
        "Seed": "7",
        "Size": "64x64",
    }


@pytest.mark.parametrize(
    ("text", "positive", "negative"),
    [
        ("a cat", "a cat", ""),
        ("", "", ""),
        ("a cat\nNegative prompt: a dog", "a cat", "a dog"),
        ("Negative prompt: a dog\nSteps: 1, Seed: 2, Size: 8x8", "", "a dog"),
        ("Steps: 1, Seed: 2, Size: 8x8", "", ""),
        ("a recipe\nSteps: mix, bake\nSteps: 3, Sampler: Euler, Seed: 4", "a recipe\nSteps: mix, bake", ""),
        ("time: 10:30, place: here", "time: 10:30, place: here", ""),
        ("a cat\r\nNegative prompt: a dog\r\nSteps: 2", "a cat", "a dog"),
        ("a\nSampler: Euler, Seed: 1, Size: 8x8", "a", ""),
        ("a\nNegative prompt: b\nNegative prompt: c\nSteps: 2", "a", "b\nNegative prompt: c"),
    ],
)
def test_where_the_prompts_end(text: str, positive: str, negative: str) -> None:
    assert infotext.parse(text)[:2] == (positive, negative)


def test_settings_go_on_behind_line_breaks() -> None:
    _, _, settings = infotext.parse("a\nSteps: 5, Seed: 1\nTemplate: a {b|c}\nSize: 8x16")
    assert (settings["Template"], settings["Size"]) == ("a {b|c}", "8x16")


def test_forge_with_a_distilled_guidance() -> None:
    text = "a\nSteps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, Distilled CFG Scale: 3.5, Seed: 1, Size: 896x1152, Model: flux1-dev, Version: f2.0.1v1.10.1, Module 1: ae"
    summary = infotext.summarise(text)
    assert (summary.scheduler, summary.cfg, summary.guidance, summary.vae) == ("Simple", 1.0, 3.5, "ae")
    assert infotext_source(text) == "forge"


def test_civitai_resources() -> None:
    text = 'a\nSteps: 4, CFG scale: 7, Seed: 1, Civitai resources: [{"type":"checkpoint","modelVersionId":1,"modelName":"Base, v2"},{"type":"lora","weight":0.65,"modelName":"Ink"}], Civitai metadata: {}'
    summary = infotext.summarise(text)
    assert summary.models == ("Base, v2",)
    assert summary.loras == (Lora("Ink", 0.65, 0.65),)
    assert infotext_source(text) == "civitai"


def test_loras_that_only_the_hashes_name() -> None:
    text = 'a <lora:one:0.5:0.25>\nSteps: 1, Lora hashes: "one: aa, two: bb", Hashes: {"lora:three": "cc"}'
    assert infotext.summarise(text).loras == (Lora("one", 0.5, 0.25), Lora("two"), Lora("three"))


def test_fooocus_in_this_form() -> None:
    text = 'a fox\nSteps: 30, Sampler: DPM++ 2M SDE Karras, Seed: 5, Size: 1152x896, CFG scale: 4, Model: juggernaut, Scheduler: karras, VAE: Default, Lora weights: "offset: 0.1, ink: 1.5", Lora hashes: "offset: aa, ink: bb", Version: Fooocus v2.5.0'
    summary = infotext.summarise(text)
    assert summary.loras == (Lora("offset", 0.1, 0.1), Lora("ink", 1.5, 1.5))
    assert (summary.sampler, summary.scheduler) == ("DPM++ 2M SDE", "karras")
    assert infotext_source(text) == "fooocus"


@pytest.mark.parametrize(
    ("setting", "source"),
    [
        ("Version: v1.9.4", "a1111"),
        ("App: SD.Next", "sdnext"),
        ("Version: ComfyUI", "comfyui"),
        ("Version: neo", "forge"),
    ],
)
def test_who_wrote_it(setting: str, source: str) -> None:
    assert infotext_source(f"a\nSteps: 1, {setting}") == source


@pytest.mark.parametrize(
    "part", ["a: [", 'a: "', "a: {", "x" * 300, ", ", "a: [1, ", '"', "<lora:a:1", "\nNegative prompt:", "Steps: 1, "]
)
def test_long_texts_of_nonsense_end(part: str) -> None:
    summary = infotext.summarise("a\nSteps: 1, " + part * 100_000)
    assert len(summary.positive) <= infotext.MAX_LENGTH


@given(st.text())
def test_any_text_has_a_summary(text: str) -> None:
    infotext.summarise(text)
    infotext_source(text)


_prompt = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), max_size=60).map(str.strip)


@given(
    positive=_prompt,
    negative=_prompt,
    seed=st.integers(0, 2**64 - 1),
    steps=st.integers(1, 999),
    width=st.integers(1, 9999),
    height=st.integers(1, 9999),
)
def test_what_is_written_is_read(positive: str, negative: str, seed: int, steps: int, width: int, height: int) -> None:
    text = f"{positive}\nNegative prompt: {negative}\nSteps: {steps}, Sampler: Euler a, CFG scale: 7, Seed: {seed}, Size: {width}x{height}"
    summary = infotext.summarise(text)
    assert (summary.positive, summary.negative) == (positive, negative)
    assert (summary.seed, summary.steps, summary.size) == (seed, steps, (width, height))
