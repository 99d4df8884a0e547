from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.workflows.convert import to_api
from tests.workflows.core_info import INFO, node, workflow

SAMPLER = ["seed", "steps", "cfg", "sampler_name", "scheduler", "denoise"]


def values(kind: str, stored: Any, info: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    drawn = workflow([node(1, kind, more.pop("inputs", ()), (), stored, **more)], [])
    found: dict[str, Any] = to_api(drawn, INFO if info is None else info).graph["1"]["inputs"]
    return found


def test_the_value_after_a_seed_is_the_editor_s() -> None:
    assert values("KSampler", [5, "randomize", 20, 8, "euler", "normal", 0.5]) == dict(
        zip(SAMPLER, [5, 20, 8, "euler", "normal", 0.5], strict=True)
    )


@pytest.mark.parametrize("control", ["fixed", "increment", "decrement", "randomize", True, False, None])
def test_it_may_be_a_word_or_as_long_ago_a_boolean(control: Any) -> None:
    assert values("KSampler", [5, control, 20, 8, "euler", "normal", 1])["steps"] == 20


def test_it_may_be_missing() -> None:
    assert values("KSampler", [5, 20, 8, "euler", "normal", 1]) == dict(
        zip(SAMPLER, [5, 20, 8, "euler", "normal", 1], strict=True)
    )


def test_it_may_be_there_though_the_engine_does_not_say_so() -> None:
    info = {"A": {"input": {"required": {"start": ["INT"], "steps": ["INT"], "mode": [["x", "fixed"]]}}, "output": []}}
    assert values("A", [1, "randomize", 2, "x"], info) == {"start": 1, "steps": 2, "mode": "x"}
    assert values("A", [1, 2, "fixed"], info) == {"start": 1, "steps": 2, "mode": "fixed"}


def test_a_seed_without_it() -> None:
    info = {
        "A": {
            "input": {"required": {"seed": ["INT", {"control_after_generate": False}], "text": ["STRING"]}},
            "output": [],
        }
    }
    assert values("A", [1, "fixed"], info) == {"seed": 1, "text": "fixed"}


def test_a_choice_with_it_has_a_filter_too() -> None:
    info = {
        "A": {
            "input": {
                "required": {"name": ["COMBO", {"options": ["a"], "control_after_generate": True}], "n": ["INT"]}
            },
            "output": [],
        }
    }
    assert values("A", ["a", "increment", "filter", 3], info) == {"name": "a", "n": 3}


def test_the_upload_button_has_a_value_before_the_optional_ones() -> None:
    assert values("LoadImage", ["x.png", "image"]) == {"image": "x.png"}
    assert values("LoadImageMask", ["x.png", "red", "image", True]) == {
        "image": "x.png",
        "channel": "red",
        "invert": True,
    }


def test_what_has_no_value_has_its_default() -> None:
    assert values("KSampler", [5, "fixed"]) == dict(zip(SAMPLER, [5, 20, 8.0, "euler", "normal", 1.0], strict=True))
    assert values("SaveImage", None) == {"filename_prefix": "ComfyUI"}


def test_values_by_name() -> None:
    stored = {"seed": 3, "steps": 4, "videopreview": {"hidden": True}, "choose video to upload": "image", "crf": 19}
    assert values("KSampler", stored) == {
        **dict(zip(SAMPLER, [3, 4, 8.0, "euler", "normal", 1.0], strict=True)),
        "crf": 19,
    }


def test_inputs_that_can_only_be_linked_have_no_value() -> None:
    spec = {"a": ["INT", {"forceInput": True}], "b": ["INT"], "c": ["STRING"]}
    info = {"A": {"input": {"required": spec}, "output": []}}
    assert values("A", [1, "x"], info) == {"b": 1, "c": "x"}
    assert values("A", [9, 1, "x"], info) == {"b": 1, "c": "x"}, "old editors kept one"


def test_the_order_is_the_one_that_the_engine_gives() -> None:
    spec = {"required": {"b": ["INT"], "a": ["INT"]}}
    info = {"A": {"input": spec, "input_order": {"required": ["a", "b"]}, "output": []}}
    assert values("A", [1, 2], info) == {"a": 1, "b": 2}


def test_a_choice_that_brings_inputs_of_its_own() -> None:
    assert values("Resize", ["box", 30, 40, "area"]) == {"mode": "box", "mode.w": 30, "mode.h": 40, "method": "area"}
    assert values("Resize", ["scale", 2.5, "area"]) == {"mode": "scale", "mode.by": 2.5, "method": "area"}
    assert values("Resize", []) == {"mode": "box", "mode.w": 1, "mode.h": 2, "method": "area"}
    assert values("Resize", ["gone", "area"]) == {"mode": "gone", "method": "area"}


def test_lists_are_wrapped_or_they_would_be_links() -> None:
    info = {"A": {"input": {"required": {"a": ["STRING"]}}, "output": []}}
    assert values("A", [["1", 0]], info) == {"a": {"__value__": ["1", 0]}}


def test_loras_that_are_kept_as_objects() -> None:
    info = {
        "Power Lora Loader (rgthree)": {
            "input": {"required": {}, "optional": {"model": ["MODEL"]}},
            "output": ["MODEL"],
        }
    }
    stored = [
        {},
        {"type": "Header"},
        {"on": True, "lora": "a", "strength": 1, "strengthTwo": None},
        {"on": False, "lora": "b", "strength": 2, "strengthTwo": 3},
        {},
        "",
    ]
    assert values("Power Lora Loader (rgthree)", stored, info) == {
        "lora_1": {"on": True, "lora": "a", "strength": 1},
        "lora_2": {"on": False, "lora": "b", "strength": 2, "strengthTwo": 3},
    }


def test_a_class_that_nobody_knows_is_named_by_its_inputs() -> None:
    inputs = [("image", "IMAGE", None), ("seed", "INT", None), ("name", "STRING", None)]
    assert values("Odd", [5, "fixed", "x"], {}, inputs=inputs, widgets=["seed", "name"]) == {"seed": 5, "name": "x"}


def test_a_class_that_nobody_knows_is_named_by_the_editor() -> None:
    named = {"seed": 5, "control_after_generate": "fixed", "name": "x", "upload": "image"}
    assert values("Odd", [5, "fixed", "x", "image"], {}, widgets_values_named=named) == {"seed": 5, "name": "x"}


def test_values_without_names_are_left_out_and_said_so() -> None:
    inputs = [("a", "INT", None)]
    drawn = workflow([node(1, "Odd", inputs, (), [1, 2, 3], widgets=["a"]), node(2, "Odd", (), (), [4])], [])
    converted = to_api(drawn, {})
    assert converted.graph["1"]["inputs"] == {} == converted.graph["2"]["inputs"]
    assert converted.problems == [
        "The engine has no node Odd, so that nobody knows the names of its values (node 1): they were left out."
    ]


@given(st.integers(0, 2**64 - 1), st.booleans(), st.text(), st.floats(0, 100))
def test_what_is_stored_comes_out(seed: int, has_control: bool, sampler: str, cfg: float) -> None:
    control = ["fixed"] if has_control else []
    made = values("KSampler", [seed, *control, 7, cfg, sampler, "normal", 1])
    assert (made["seed"], made["steps"], made["cfg"], made["sampler_name"]) == (seed, 7, cfg, sampler)
