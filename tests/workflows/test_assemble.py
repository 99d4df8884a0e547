from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.workflows import form
from cozygen.workflows.assemble import MAX_RANDOM_INT, ValuesError, assemble, draw

GRAPH: dict[str, dict[str, Any]] = {
    "1": {"class_type": "CozyGenDynamicInput", "inputs": {"param_name": "Prompt", "param_type": "STRING", "default_value": "a cat"}},
    "2": {"class_type": "CozyGenDynamicInput", "inputs": {"param_name": "Steps", "param_type": "INT", "default_value": "20", "min_value": 1, "max_value": 60, "add_randomize_toggle": True}},
    "3": {"class_type": "CozyGenChoiceInput", "inputs": {"param_name": "LoRA", "choice_type": "loras", "value": "x", "display_bypass": True}},
    "4": {"class_type": "Loader", "inputs": {"name": "base"}},
    "5": {"class_type": "LoraLoader", "inputs": {"model": ["4", 0], "lora": ["3", 0]}},
    "6": {"class_type": "Sampler", "inputs": {"model": ["5", 0], "text": ["1", 0], "steps": ["2", 0], "cfg": 7.0}},
}  # fmt: skip
FIELDS = form.fields(GRAPH)
INFO = {"LoraLoader": {"input": {"required": {"model": ["MODEL"], "lora": [["x", "y"]]}}, "output": ["MODEL"]}}


def build(values: dict[str, Any] | None = None, **options: Any) -> Any:
    return assemble(GRAPH, FIELDS, values or {}, rng=random.Random(1), object_info=INFO, **options)


def test_values_go_where_their_nodes_read_them() -> None:
    result = build({"Prompt": "a dog", "Steps": 30})
    assert result.graph["1"]["inputs"]["default_value"] == "a dog"
    assert result.graph["2"]["inputs"]["default_value"] == 30
    assert GRAPH["1"]["inputs"]["default_value"] == "a cat", "the workflow itself is untouched"
    assert result.values == {"Prompt": "a dog", "Steps": 30, "LoRA": "x"}
    assert result.prompt_raw == {"1.default_value": "a dog"}


def test_what_is_not_given_stays_as_the_author_wrote_it() -> None:
    assert build().graph == GRAPH


def test_any_input_can_be_set_by_node_and_name() -> None:
    assert build({"6.cfg": 4.5}).graph["6"]["inputs"]["cfg"] == 4.5


@pytest.mark.parametrize(
    ("values", "key", "says"),
    [
        ({"Steps": 61}, "Steps", "at most 60"),
        ({"Steps": 0}, "Steps", "at least 1"),
        ({"Steps": "many"}, "Steps", "number"),
        ({"Prompt": {"x": 1}}, "Prompt", "text"),
        ({"Colour": "red"}, "Colour", "not a field"),
        ({"9.cfg": 1}, "9.cfg", "not a field"),
        ({"6.nope": 1}, "6.nope", "not an input"),
        ({"6.cfg": [1]}, "6.cfg", "text, a number"),
        ({"6.cfg": float("nan")}, "6.cfg", "text, a number"),
        ({"Prompt": "x" * 1_000_001}, "Prompt", "too long"),
    ],
)
def test_values_that_do_not_fit_are_named(values: dict[str, Any], key: str, says: str) -> None:
    with pytest.raises(ValuesError) as caught:
        build(values)
    assert says in caught.value.fields[key]


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(ValuesError) as caught:
        build({"Steps": 99, "Nope": 1}, randomize=["Prompt"], bypassed=["Absent"])
    assert set(caught.value.fields) == {"Steps", "Nope", "Prompt", "Absent"}


def test_randomised_numbers_are_fresh_and_reported() -> None:
    result = build(randomize=["Steps"])
    assert 1 <= result.values["Steps"] <= 60
    assert result.graph["2"]["inputs"]["default_value"] == result.values["Steps"]
    drawn = {draw(FIELDS[1], random.Random(seed)) for seed in range(50)}
    assert len(drawn) > 10


def test_bypassing_takes_out_the_node_that_the_choice_feeds() -> None:
    result = build(bypassed=["LoRA"])
    assert set(result.graph) == {"1", "2", "4", "6"}
    assert result.graph["6"]["inputs"]["model"] == ["4", 0]


@given(
    st.sampled_from(["INT", "FLOAT"]),
    st.integers(-1000, 1000),
    st.integers(1, 5000),
    st.sampled_from([0, 1, 3, 0.5, 0.1, 64]),
    st.integers(0, 2**32),
)
def test_drawn_values_keep_to_bounds_and_step(kind: str, low: int, span: int, step: float, seed: int) -> None:
    inputs = {"param_name": "n", "param_type": kind, "min_value": low, "max_value": low + span, "step": step}
    (field,) = form.fields({"1": {"class_type": "CozyGenDynamicInput", "inputs": inputs}})
    value = draw(field, random.Random(seed))
    assert low <= value <= low + span
    if kind == "INT":
        assert isinstance(value, int)
        assert (value - low) % max(1, int(step or 1)) == 0


def test_an_unbounded_seed_is_exact_in_every_reader() -> None:
    (field,) = form.fields(
        {"1": {"class_type": "CozyGenDynamicInput", "inputs": {"param_name": "seed", "param_type": "INT"}}}
    )
    values = [draw(field, random.Random(seed)) for seed in range(100)]
    assert all(0 <= value <= MAX_RANDOM_INT for value in values)
    assert max(values) > 2**50


def test_texts_are_expanded_and_kept_as_typed() -> None:
    result = build({"Prompt": "$x$"}, expand=lambda text: text.replace("$x$", "a dog"))
    assert result.graph["1"]["inputs"]["default_value"] == "a dog"
    assert result.values["Prompt"] == "$x$" and result.prompt_raw == {"1.default_value": "$x$"}
    untouched = build(expand=lambda text: text.replace("a cat", "a lion"))
    assert untouched.graph["1"]["inputs"]["default_value"] == "a lion", "the author's text is expanded too"


def test_a_text_that_cannot_be_expanded_is_named() -> None:
    def refuse(text: str) -> str:
        raise ValueError("leads nowhere")

    with pytest.raises(ValuesError) as problem:
        build(expand=refuse)
    assert problem.value.fields == {"Prompt": "leads nowhere"}


def test_a_text_that_comes_from_another_node_is_left_alone() -> None:
    graph = {
        **GRAPH,
        "1": {"class_type": "CozyGenStringInput", "inputs": {"param_name": "Prompt", "default_value": ["9", 0]}},
    }
    result = assemble(graph, form.fields(graph), {}, rng=random.Random(1), expand=lambda text: "changed")
    assert result.graph["1"]["inputs"]["default_value"] == ["9", 0] and result.prompt_raw == {}
