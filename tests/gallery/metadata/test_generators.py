"""Programs that have a format of their own."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.gallery.metadata import Lora, Summary, generators, read, summarise
from tests.gallery.metadata.makers import exif, picture, png

USER_COMMENT, MAKER_NOTE, SOFTWARE = 0x9286, 0x927C, 0x0131


def account(texts: dict[str, Any]) -> tuple[str | None, Summary]:
    """The source and the summary of a PNG with these texts; objects as JSON."""
    made = png({key: value if isinstance(value, str) else json.dumps(value) for key, value in texts.items()})
    found = read(io.BytesIO(made))
    return found.source, summarise(found)


def test_invokeai() -> None:
    metadata = {
        "generation_mode": "sdxl_txt2img",
        "positive_prompt": "a barn",
        "negative_prompt": "people",
        "positive_style_prompt": "oil",
        "negative_style_prompt": "",
        "width": 1024,
        "height": 768,
        "seed": 2892304,
        "cfg_scale": 5.5,
        "steps": 32,
        "scheduler": "dpmpp_2m_k",
        "model": {"key": "k", "hash": "blake3:1", "name": "Dreamshaper XL", "base": "sdxl", "type": "main"},
        "loras": [{"model": {"key": "l", "name": "Ink"}, "weight": 0.75}],
        "vae": {"key": "v", "name": "sdxl-vae-fp16-fix"},
        "app_version": "5.4.2",
    }
    expected = Summary(
        positive="a barn\noil",
        negative="people",
        models=("Dreamshaper XL",),
        loras=(Lora("Ink", 0.75, 0.75),),
        vae="sdxl-vae-fp16-fix",
        scheduler="dpmpp_2m_k",
        steps=32,
        cfg=5.5,
        seed=2892304,
        size=(1024, 768),
    )
    assert account({"invokeai_metadata": metadata, "invokeai_graph": {"nodes": {}, "edges": []}}) == (
        "invokeai",
        expected,
    )
    graph = {"nodes": {"core": {"type": "core_metadata", **metadata}, "x": {"type": "noise"}}, "edges": []}
    assert account({"invokeai_graph": graph}) == ("invokeai", expected)


def test_invokeai_of_the_first_versions() -> None:
    metadata = {
        "model": "stable diffusion",
        "model_weights": "stable-diffusion-1.5",
        "app_version": "v2.3.5",
        "image": {
            "prompt": [{"prompt": "a barn [people, cars]", "weight": 1}],
            "steps": 50,
            "cfg_scale": 7.5,
            "seed": 11,
            "width": 512,
            "height": 640,
            "sampler": "k_lms",
        },
    }
    source, summary = account({"sd-metadata": metadata, "Dream": '"a barn" -s 50'})
    assert source == "invokeai"
    assert (summary.positive, summary.negative, summary.sampler) == ("a barn", "people, cars", "k_lms")
    assert (summary.steps, summary.cfg, summary.seed, summary.size) == (50, 7.5, 11, (512, 640))
    source, summary = account({"Dream": '"a \\"red\\" barn [people]" -s 50 -S 123 -W 512 -H 768 -C 7.5 -A k_lms'})
    assert source == "invokeai"
    assert summary == Summary(
        positive='a "red" barn', negative="people", sampler="k_lms", steps=50, cfg=7.5, seed=123, size=(512, 768)
    )


def test_novelai() -> None:
    comment = {
        "steps": 28,
        "height": 1216,
        "width": 832,
        "scale": 5.0,
        "seed": 42,
        "sampler": "k_euler_ancestral",
        "noise_schedule": "karras",
        "uc": "lowres",
        "request_type": "PromptGenerateRequest",
    }
    texts = {
        "Title": "NovelAI generated image",
        "Description": "1girl, solo",
        "Software": "NovelAI",
        "Source": "NovelAI Diffusion V3 1E1DE37E",
        "Comment": comment,
    }
    source, summary = account(texts)
    assert source == "novelai"
    assert summary == Summary(
        positive="1girl, solo",
        negative="lowres",
        models=("NovelAI Diffusion V3 1E1DE37E",),
        sampler="k_euler_ancestral",
        scheduler="karras",
        steps=28,
        cfg=5.0,
        seed=42,
        size=(832, 1216),
    )
    captions = {
        "caption": {
            "base_caption": "2girls",
            "char_captions": [{"char_caption": "girl, red"}, {"char_caption": "girl, blue"}],
        }
    }
    source, summary = account(
        {
            **texts,
            "Comment": {
                **comment,
                "prompt": "2girls",
                "v4_prompt": captions,
                "v4_negative_prompt": {"caption": {"base_caption": "bad", "char_captions": []}},
            },
        }
    )
    assert (summary.positive, summary.negative) == ("2girls\ngirl, red\ngirl, blue", "bad")


def test_novelai_in_a_webp() -> None:
    packed = json.dumps(
        {"Description": "1girl", "Software": "NovelAI", "Source": "V4", "Comment": json.dumps({"uc": "bad", "seed": 4})}
    )
    found = read(io.BytesIO(picture("WEBP", exif=exif({}, {USER_COMMENT: b"UNICODE\0" + packed.encode("utf-16-be")}))))
    assert (found.source, summarise(found).positive, summarise(found).negative) == ("novelai", "1girl", "bad")


FOOOCUS = {
    "prompt": "fox",
    "negative_prompt": "",
    "full_prompt": ["cinematic still fox", "fox, vivid"],
    "full_negative_prompt": ["anime"],
    "steps": 30,
    "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras",
    "guidance_scale": 4.0,
    "seed": "123456789012345678",
    "resolution": "(1152, 896)",
    "base_model": "juggernautXL_v8",
    "refiner_model": "None",
    "loras": [["sd_xl_offset", 0.1, "4852686128"]],
    "lora_combined_1": "sd_xl_offset : 0.1",
    "vae": "Default (model)",
    "version": "Fooocus v2.5.0",
}


def test_fooocus() -> None:
    source, summary = account({"parameters": FOOOCUS, "fooocus_scheme": "fooocus"})
    assert source == "fooocus"
    assert (summary.positive, summary.negative) == ("cinematic still fox, fox, vivid", "anime")
    assert (summary.models, summary.loras) == (("juggernautXL_v8",), (Lora("sd_xl_offset", 0.1, 0.1),))
    assert (summary.seed, summary.size, summary.cfg, summary.steps) == (123456789012345678, (1152, 896), 4.0, 30)


@pytest.mark.parametrize("form", ["JPEG", "WEBP"])
def test_fooocus_in_exif(form: str) -> None:
    block = exif({USER_COMMENT: json.dumps(FOOOCUS), SOFTWARE: "Fooocus v2.5.0", MAKER_NOTE: "fooocus"})
    found = read(io.BytesIO(picture(form, exif=block)))
    assert (found.source, summarise(found).models) == ("fooocus", ("juggernautXL_v8",))


def test_fooocus_before_it_had_schemes() -> None:
    log = {
        "Prompt": "fox",
        "Negative Prompt": "bad",
        "Performance": "Speed",
        "Resolution": "(896, 1152)",
        "Base Model": "a.safetensors",
        "Refiner Model": "None",
        "LoRA 1": "b.safetensors : 0.5",
        "Seed": 8,
        "Guidance Scale": 7,
    }
    source, summary = account({"Comment": log})
    assert source == "fooocus"
    assert (summary.positive, summary.negative, summary.models, summary.size) == (
        "fox",
        "bad",
        ("a.safetensors",),
        (896, 1152),
    )
    assert (summary.loras, summary.seed, summary.cfg) == ((Lora("b.safetensors", 0.5, 0.5),), 8, 7.0)


SWARM: dict[str, dict[str, Any]] = {
    "sui_image_params": {
        "prompt": "a lake", "negativeprompt": "fog", "model": "Flux/flux1-dev-fp8", "seed": 2042464333, "steps": 25, "cfgscale": 1.0,
        "fluxguidancescale": 3.5, "width": 512, "height": 768, "sampler": "euler", "scheduler": "normal", "vae": "ae.sft",
        "loras": ["ink", "style/oil"], "loraweights": ["0.5", "1"], "swarm_version": "0.9.5",
    },
    "sui_extra_data": {"date": "2024-08-07"},
}  # fmt: skip


def test_swarmui() -> None:
    source, summary = account({"parameters": SWARM})
    assert source == "swarmui"
    assert summary == Summary(
        positive="a lake",
        negative="fog",
        models=("Flux/flux1-dev-fp8",),
        loras=(Lora("ink", 0.5, 0.5), Lora("style/oil", 1.0, 1.0)),
        vae="ae.sft",
        sampler="euler",
        scheduler="normal",
        steps=25,
        cfg=1.0,
        guidance=3.5,
        seed=2042464333,
        size=(512, 768),
    )
    older = {"sui_image_params": {**SWARM["sui_image_params"], "loras": "ink,style/oil", "loraweights": "0.5,1"}}
    assert account({"parameters": older})[1] == summary


def test_swarmui_in_a_jpeg() -> None:
    comment = b"UNICODE\0" + json.dumps(SWARM).encode("utf-16-le")
    found = read(io.BytesIO(picture("JPEG", exif=exif({}, {USER_COMMENT: comment}))))
    assert (found.source, summarise(found).size) == ("swarmui", (512, 768))


def test_easy_diffusion() -> None:
    texts = {
        "prompt": "a cup",
        "negative_prompt": "tea",
        "seed": "5",
        "use_stable_diffusion_model": "/home/me/models/sd-v1-4",
        "use_vae_model": "",
        "sampler_name": "euler_a",
        "num_inference_steps": "25",
        "guidance_scale": "7.5",
        "width": "512",
        "height": "512",
        "use_lora_model": "ink",
        "lora_alpha": "0.5",
    }
    expected = Summary(
        positive="a cup",
        negative="tea",
        models=("sd-v1-4",),
        loras=(Lora("ink", 0.5, 0.5),),
        sampler="euler_a",
        steps=25,
        cfg=7.5,
        seed=5,
        size=(512, 512),
    )
    assert account(texts) == ("easydiffusion", expected)
    found = read(
        io.BytesIO(picture("JPEG", exif=exif({}, {USER_COMMENT: b"UNICODE\0" + json.dumps(texts).encode("utf-16-be")})))
    )
    assert (found.source, summarise(found)) == ("easydiffusion", expected)


def test_easy_diffusion_with_readable_names() -> None:
    texts = {
        "Prompt": "a cup",
        "Negative Prompt": "tea",
        "Seed": "5",
        "Stable Diffusion model": "sd",
        "Sampler": "ddim",
        "Steps": "9",
        "Guidance Scale": "7",
    }
    source, summary = account(texts)
    assert source == "easydiffusion"
    assert (summary.positive, summary.negative, summary.models) == ("a cup", "tea", ("sd",))
    assert (summary.seed, summary.sampler, summary.cfg) == (5, "ddim", 7.0)


def test_a_program_that_nobody_knows() -> None:
    source, summary = account({"parameters": {"prompt": "x", "seed": 3, "model": "C:\\models\\m.safetensors"}})
    assert (source, summary.positive, summary.models) == (None, "x", ("m.safetensors",))
    found = read(io.BytesIO(png({"parameters": '{"a": 1}'})))
    assert not found.has_prompt


def test_parameters_beside_a_graph_fill_what_it_leaves_open() -> None:
    graph = {
        "1": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}},
        "2": {"class_type": "Mystery", "inputs": {"model": "x"}},
    }
    source, summary = account({"prompt": graph, "parameters": "a hill\nSteps: 9, Seed: 3, Size: 64x64"})
    assert (source, summary.positive, summary.steps) == ("comfyui", "a hill", 9)


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_KEYS = [
    "prompt",
    "negative_prompt",
    "uc",
    "c",
    "loras",
    "lora",
    "loraweights",
    "model",
    "image",
    "v4_prompt",
    "seed",
    "steps",
    "size",
    "width",
    "height",
    "resolution",
    "lora_combined_1",
    "model_weights",
    "vae",
    "sampler",
    "positive_style_prompt",
]


@given(st.dictionaries(st.sampled_from(_KEYS), _json))
def test_any_document_has_a_summary(document: dict[str, Any]) -> None:
    generators.summarise(document).to_json()


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "comment",
                "parameters",
                "software",
                "dream",
                "sd-metadata",
                "invokeai_graph",
                "usercomment",
                "description",
            ]
        ),
        _json.map(json.dumps) | st.text(),
    )
)
def test_any_texts_are_recognised_or_not(entries: dict[str, str]) -> None:
    recognised = generators.recognise(entries)
    assert recognised is None or isinstance(recognised[1], dict)
