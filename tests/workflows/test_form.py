from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.workflows import form
from cozygen.workflows.form import convert


def dynamic(**inputs: Any) -> dict[str, Any]:
    return {"class_type": "CozyGenDynamicInput", "inputs": inputs}


def only(**inputs: Any) -> form.FormField:
    (field,) = form.fields({"1": dynamic(**inputs)})
    return field


def test_fields_come_by_priority_then_by_place() -> None:
    graph = {
        "1": dynamic(param_name="late", priority=20),
        "2": dynamic(param_name="first", priority=1),
        "3": dynamic(param_name="second", priority=1),
        "4": {"class_type": "KSampler", "inputs": {}},
    }
    assert [field.key for field in form.fields(graph)] == ["first", "second", "late"]


def test_equal_names_get_distinct_keys() -> None:
    graph = {"1": dynamic(param_name="seed"), "2": dynamic(param_name="seed")}
    assert [field.key for field in form.fields(graph)] == ["seed", "seed #2"]
    assert {field.label for field in form.fields(graph)} == {"seed"}


@pytest.mark.parametrize(
    ("param_type", "default", "kind", "expected"),
    [
        ("STRING", "a cat", "string", "a cat"),
        ("INT", "20", "int", 20),
        ("FLOAT", "7.5", "float", 7.5),
        ("BOOLEAN", "True", "boolean", True),
        ("DROPDOWN", "b", "choice", "b"),
        ("NEWKIND", "x", "string", "x"),
        ("INT", "not a number", "int", 0),
    ],
)
def test_dynamic_input_has_the_type_it_says(param_type: str, default: str, kind: str, expected: Any) -> None:
    field = only(param_name="p", param_type=param_type, default_value=default, choices="a, b")
    assert (field.type, field.default, field.input) == (kind, expected, "default_value")


def test_dropdown_lists_its_choices() -> None:
    assert only(param_name="p", param_type="DROPDOWN", choices="a, b,,c ").choices == ["a", "b", "c"]


def test_numbers_have_bounds_unless_both_are_equal() -> None:
    bounded = only(param_name="p", param_type="FLOAT", min_value="0", max_value=2.5, step="0.1")
    assert (bounded.min, bounded.max, bounded.step) == (0, 2.5, 0.1)
    open_ended = only(param_name="p", param_type="INT", min_value=0, max_value=0, step=0)
    assert (open_ended.min, open_ended.max, open_ended.step) == (None, None, None)


def test_toggles_show_only_where_they_make_sense() -> None:
    number = only(param_name="p", param_type="INT", add_randomize_toggle=True, display_bypass=True)
    assert (number.can_randomize, number.can_bypass) == (True, False)
    text = only(param_name="p", param_type="STRING", add_randomize_toggle=True, multiline=True)
    assert (text.can_randomize, text.multiline) == (False, True)


def test_choice_and_image_inputs_are_injected_where_their_nodes_read() -> None:
    graph = {
        "1": {
            "class_type": "CozyGenChoiceInput",
            "inputs": {"param_name": "LoRA", "choice_type": "loras", "value": "none", "default_choice": "a.safetensors", "display_bypass": True},
        },
        "2": {"class_type": "CozyGenImageInput", "inputs": {"param_name": "Image", "image_filename": "x.png"}},
    }  # fmt: skip
    choice, image = form.fields(graph)
    assert (choice.input, choice.default, choice.choice_type, choice.can_bypass) == (
        "value",
        "a.safetensors",
        "loras",
        True,
    )
    assert (image.input, image.type, image.default) == ("image_filename", "image", "x.png")


def test_outputs_are_the_delivering_nodes() -> None:
    graph = {"1": {"class_type": "CozyGenVideoOutput", "inputs": {}}, "2": {"class_type": "SaveImage", "inputs": {}}}
    assert [(out.node_id, out.kind) for out in form.outputs(graph)] == [("1", "video")]


@pytest.mark.parametrize("kind", ["int", "float"])
@pytest.mark.parametrize("value", ["", "abc", None, True, float("nan"), float("inf"), [], 2**70, "1e400"])
def test_not_every_value_is_a_number(kind: Any, value: Any) -> None:
    with pytest.raises(ValueError, match=r"must be a number|too large"):
        convert(kind, value)


def test_int_takes_no_fraction() -> None:
    assert convert("int", 3.0) == 3
    with pytest.raises(ValueError, match="whole number"):
        convert("int", 3.5)


json_values = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "param_name",
                "priority",
                "param_type",
                "default_value",
                "choices",
                "min_value",
                "max_value",
                "step",
                "multiline",
                "choice_type",
                "value",
            ]
        ),
        json_values,
    )
)
def test_any_inputs_give_a_field(inputs: dict[str, Any]) -> None:
    graph = {
        str(n): {"class_type": name, "inputs": inputs}
        for n, name in enumerate(["CozyGenDynamicInput", "CozyGenIntInput", "CozyGenChoiceInput", "CozyGenImageInput"])
    }
    found = form.fields(graph)
    assert len({field.key for field in found}) == 4
    for field in found:
        assert field.label
        if field.min is not None and field.max is not None:
            assert field.min < field.max
