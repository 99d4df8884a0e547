"""What is refused, and in which words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.engines.base import PromptRejected
from cozygen.engines.embedded.executor import Executor
from cozygen.engines.embedded.registry import NodeRegistry
from cozygen.engines.embedded.report import dump_json
from cozygen.engines.embedded.validation import Valid, types_match, validate_prompt
from tests.engines.embedded.little_nodes import NODE_CLASS_MAPPINGS

REGISTRY = NodeRegistry(NODE_CLASS_MAPPINGS)
TEXTS = {"text": "t", "size": 1, "strength": 0.5, "flag": True, "mode": "fast", "kind": "a"}


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def refuse(graph: Any, targets: list[str] | None = None) -> dict[str, Any]:
    """The body of the refusal, as it would arrive."""
    with pytest.raises(PromptRejected) as caught:
        validate_prompt(graph, REGISTRY, targets)
    assert caught.value.status == 400
    body: dict[str, Any] = json.loads(json.dumps(caught.value.body, allow_nan=False))
    assert set(body) == {"error", "node_errors"}
    assert set(body["error"]) == {"type", "message", "details", "extra_info"}
    return body


def only_error(graph: Any, node_id: str) -> dict[str, Any]:
    body = refuse(graph)
    assert body["error"]["type"] == "prompt_outputs_failed_validation"
    assert body["error"]["message"] == "Prompt outputs failed validation"
    (error,) = body["node_errors"][node_id]["errors"]
    assert set(error) == {"type", "message", "details", "extra_info"}
    found: dict[str, Any] = error
    return found


@pytest.mark.parametrize("graph", [None, [], "x", 5, {"1": None}, {"1": []}, {"1": {}}, {"1": {"class_type": 5}}])
def test_what_is_no_graph_is_refused(graph: Any) -> None:
    assert refuse(graph)["error"]["type"] == ("prompt_no_outputs" if graph == {} else "invalid_prompt")


def test_inputs_that_are_no_object_are_refused() -> None:
    body = refuse({"1": {"class_type": "Show", "inputs": ["x"]}})
    assert body["error"]["type"] == "invalid_prompt"
    assert body["error"]["details"] == "Node ID '#1'"


def test_a_class_that_does_not_exist_is_named() -> None:
    body = refuse({"4": {"class_type": "KSampler", "inputs": {}, "_meta": {"title": "My sampler"}}})
    assert body["error"]["type"] == "missing_node_type"
    assert body["error"]["message"] == "Node 'My sampler' not found. The custom node may not be installed."
    assert body["error"]["extra_info"] == {"node_id": "4", "class_type": "KSampler", "node_title": "My sampler"}
    assert body["node_errors"] == {}


def test_a_prompt_needs_an_output() -> None:
    for graph in ({}, {"1": node("Number", value=1)}):
        assert refuse(graph)["error"] == {
            "type": "prompt_no_outputs",
            "message": "Prompt has no outputs",
            "details": "",
            "extra_info": {},
        }
    graph = {"1": node("Show", value=1), "2": node("Show", value=2)}
    assert refuse(graph, ["3"])["error"]["type"] == "prompt_no_outputs"
    assert validate_prompt(graph, REGISTRY, ["2"]) == Valid(["2"], {})


def test_a_missing_input_is_named() -> None:
    body = refuse({"1": node("Show")})
    assert body["error"]["details"] == "Required input is missing: value"
    assert body["node_errors"] == {
        "1": {
            "errors": [
                {
                    "type": "required_input_missing",
                    "message": "Required input is missing",
                    "details": "value",
                    "extra_info": {"input_name": "value"},
                }
            ],
            "dependent_outputs": ["1"],
            "class_type": "Show",
        }
    }


@pytest.mark.parametrize(
    ("name", "value", "kind", "message", "details"),
    [
        ("size", 0, "value_smaller_than_min", "Value 0 smaller than min of 1", "size"),
        ("size", 9, "value_bigger_than_max", "Value 9 bigger than max of 8", "size"),
        ("strength", 1.5, "value_bigger_than_max", "Value 1.5 bigger than max of 1.0", "strength"),
        ("mode", "odd", "value_not_in_list", "Value not in list", "mode: 'odd' not in ['fast', 'slow']"),
        ("kind", "c", "value_not_in_list", "Value not in list", "kind: 'c' not in ['a', 'b']"),
        ("size", "x", "invalid_input_type", "Failed to convert an input value to a INT value", "size, x, "),
        ("size", None, "invalid_input_type", "Failed to convert an input value to a INT value", "size, None, "),
        ("strength", {}, "invalid_input_type", "Failed to convert an input value to a FLOAT value", "strength, {}"),
        ("strength", float("nan"), "invalid_input_type", "Failed to convert an input value to a FLOAT value", "nan"),
        ("size", 10**400, "invalid_input_type", "Failed to convert an input value to a INT value", "too large"),
        ("size", float("inf"), "invalid_input_type", "Failed to convert an input value to a INT value", "infinity"),
    ],
)
def test_values_are_checked(name: str, value: Any, kind: str, message: str, details: str) -> None:
    error = only_error({"1": node("Texts", **{**TEXTS, name: value})}, "1")
    assert (error["type"], error["message"]) == (kind, message)
    assert details in error["details"]
    assert error["extra_info"]["input_name"] == name
    assert "input_config" in error["extra_info"]
    if isinstance(value, str | None) or (isinstance(value, int | float) and abs(value) < 100):
        assert error["extra_info"]["received_value"] == value


def test_values_are_converted_in_place() -> None:
    graph = {"1": node("Texts", text=5, size="3", strength="0.25", flag=1, mode={"__value__": "slow"}, kind="a")}
    assert validate_prompt(graph, REGISTRY) == Valid(["1"], {})
    assert graph["1"]["inputs"] == {
        "text": "5",
        "size": 3,
        "strength": 0.25,
        "flag": True,
        "mode": "slow",
        "kind": "a",
    }


@pytest.mark.parametrize(
    "link",
    [
        [],
        ["1"],
        ["1", 0, 0],
        ["9", 0],
        ["1", 1],
        ["1", -1],
        ["1", "0"],
        ["1", True],
        [1, 0],
        [["1", 0], 0],
        ["1", 10**30],
    ],
)
def test_links_that_lead_nowhere_are_refused(link: list[Any]) -> None:
    error = only_error({"1": node("Number", value=1), "2": node("Show", value=link)}, "2")
    assert error["type"] == "bad_linked_input"
    assert error["message"].startswith("Bad linked input")


def test_types_must_match() -> None:
    graph = {"1": node("Texts", **TEXTS), "2": node("Add", a=["1", 0], b=1), "3": node("Show", value=["2", 0])}
    valid = validate_prompt(graph, REGISTRY)
    assert valid.outputs_to_execute == ["1"]
    assert valid.node_errors == {
        "2": {
            "errors": [
                {
                    "type": "return_type_mismatch",
                    "message": "Return type mismatch between linked nodes",
                    "details": "a, received_type(STRING) mismatch input_type(INT)",
                    "extra_info": {
                        "input_name": "a",
                        "input_config": ["INT", {}],
                        "received_type": "STRING",
                        "linked_node": ["1", 0],
                    },
                }
            ],
            "dependent_outputs": ["3"],
            "class_type": "Add",
        }
    }


@pytest.mark.parametrize(
    ("given_type", "wanted", "fits"),
    [
        ("INT", "INT", True),
        ("INT", "FLOAT", False),
        ("*", "MODEL", True),
        ("MODEL", "*", True),
        ("INT,FLOAT", "FLOAT,STRING", True),
        ("COMBO", ["a"], True),
        (["a"], "COMBO", True),
        ("STRING", ["a"], False),
        (["a"], ["b"], True),
    ],
)
def test_types_fit_as_in_comfyui(given_type: Any, wanted: Any, fits: bool) -> None:
    assert types_match(given_type, wanted) is fits


def test_a_class_checks_its_own_inputs() -> None:
    assert validate_prompt({"1": node("Picky", name="good", size=1)}, REGISTRY).outputs_to_execute == ["1"]
    error = only_error({"1": node("Picky", name="bad", size=1)}, "1")
    assert error == {
        "type": "custom_validation_failed",
        "message": "Custom validation failed for node",
        "details": "name - Invalid name: bad",
        "extra_info": {"input_name": "name"},
    }
    error = only_error({"1": node("Picky", name="raise", size=1)}, "1")
    assert (error["type"], error["message"]) == ("exception_during_validation", "Exception when validating node")
    assert error["details"] == "cannot even look"
    assert error["extra_info"]["exception_type"] == "LookupError"
    assert error["extra_info"]["traceback"]
    errors = refuse({"1": node("Picky", name="bad", size=0)})["node_errors"]["1"]["errors"]
    assert [error["type"] for error in errors] == ["value_smaller_than_min", "custom_validation_failed"]


def test_a_class_that_fails_to_describe_itself_fails_alone() -> None:
    graph = {"1": node("Broken"), "2": node("Show", value=["1", 0]), "3": node("Show", value=3)}
    valid = validate_prompt(graph, REGISTRY)
    assert valid.outputs_to_execute == ["3"]
    (error,) = valid.node_errors["1"]["errors"]
    assert error["type"] == "exception_during_inner_validation"
    assert error["extra_info"]["linked_node"] == ["1", 0]
    assert valid.node_errors["1"]["dependent_outputs"] == ["2"]


@pytest.mark.parametrize(
    ("graph", "members"),
    [
        ({"1": node("Add", a=["1", 0]), "2": node("Show", value=["1", 0])}, ["1"]),
        ({"1": node("Add", a=["2", 0]), "2": node("Add", a=["1", 0]), "3": node("Show", value=["2", 0])}, ["1", "2"]),
        (
            {
                "1": node("Switch", left=True, on_left=["2", 0], on_right=1),
                "2": node("Add", a=["1", 0], b=1),
                "3": node("Show", value=["2", 0]),
            },
            ["1", "2"],
        ),
    ],
)
def test_cycles_are_named(graph: dict[str, Any], members: list[str]) -> None:
    body = refuse(graph)
    assert sorted(body["node_errors"]) == members
    for node_id in members:
        (error,) = body["node_errors"][node_id]["errors"]
        assert error["type"] == "dependency_cycle"
        assert error["extra_info"]["cycle_nodes"] == members


def test_a_type_that_equals_all_converts_nothing() -> None:
    graph = {"1": node("Same", value="text"), "2": node("Add", a=["1", 0], b=1), "3": node("Show", value=["2", 0])}
    assert validate_prompt(graph, REGISTRY) == Valid(["3"], {})
    assert graph["1"]["inputs"] == {"value": "text"}


def test_undeclared_inputs_do_not_matter() -> None:
    graph = {"1": node("Show", value=1, extra=["nowhere", 0], self_link=["1", 0], number=float("nan"))}
    assert validate_prompt(graph, REGISTRY) == Valid(["1"], {})


def test_large_graphs_are_checked_in_time() -> None:
    chain: dict[str, Any] = {"0": node("Number", value=1000)}
    for place in range(1, 10_000):
        chain[str(place)] = node("Add", a=[str(place - 1), 0], b=1)
    chain |= {f"end{place}": node("Show", value=["9999", 0]) for place in range(2000)}
    body = refuse(chain)
    assert list(body["node_errors"]) == ["0"]
    assert body["node_errors"]["0"]["dependent_outputs"][0] == "end0"
    circle = {str(place): node("Add", a=[str((place + 1) % 10_000), 0], b=["0", 0]) for place in range(10_000)}
    circle["end"] = node("Show", value=["0", 0])
    assert len(refuse(circle)["node_errors"]) == 1000


def test_too_many_nodes_are_refused() -> None:
    assert refuse({str(place): node("Number") for place in range(100_001)})["error"]["type"] == "invalid_prompt"


ids = st.sampled_from(["1", "2", "3", "4", "", "ä", "\ud800"])
junk = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.just(10**400)
    | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=5,
)
links = st.tuples(ids, st.integers(-1, 2)).map(list)
names = st.sampled_from(
    ["value", "a", "b", "left", "on_left", "on_right", "text", "size", "mode", "name", "how", "__value__", "odd"]
)
values = junk | links | links | junk.map(lambda value: {"__value__": value})
# One would end this process, one wants a host.
CHECKED = {name: node_class for name, node_class in NODE_CLASS_MAPPINGS.items() if name not in ("Trap", "Files")}
nodes = st.fixed_dictionaries(
    {
        "class_type": st.sampled_from([*CHECKED, "Show", "Show", "Add"]),
        "inputs": st.dictionaries(names, values, max_size=4),
    }
)
sound_links = st.tuples(ids, st.just(0)).map(list)
sound_nodes = st.one_of(
    st.builds(node, st.just("Number"), value=st.integers(-200, 200)),
    st.builds(node, st.just("Add"), a=sound_links, b=st.integers() | sound_links),
    st.builds(node, st.just("Show"), value=sound_links | junk),
    st.builds(node, st.just("Switch"), left=st.booleans(), on_left=sound_links, on_right=sound_links),
)


def check_answer(graph: Any, targets: list[str] | None) -> None:
    """A graph is valid or refused, and the answer can be sent."""
    try:
        valid = validate_prompt(graph, NodeRegistry(CHECKED), targets)
    except PromptRejected as rejected:
        assert rejected.body["error"]["message"]
        assert json.loads(dump_json(rejected.body)) == json.loads(json.dumps(rejected.body, allow_nan=False))
    else:
        assert valid.outputs_to_execute
        assert set(valid.outputs_to_execute) <= set(graph) & set(targets if targets is not None else graph)
        json.dumps(valid.node_errors, allow_nan=False).encode()


@given(st.dictionaries(ids, nodes | nodes | nodes | junk, max_size=6), st.none() | st.lists(ids, max_size=3))
def test_any_graph_is_valid_or_refused(graph: Any, targets: list[str] | None) -> None:
    check_answer(graph, targets)


@given(st.dictionaries(ids, sound_nodes, min_size=3, max_size=7))
def test_any_graph_that_is_valid_runs_to_its_end(graph: Any) -> None:
    check_answer(graph, None)
    try:
        valid = validate_prompt(graph, NodeRegistry(CHECKED))
    except PromptRejected:
        return
    told: list[str] = []
    folders: Any = {}
    executor = Executor(
        NodeRegistry(CHECKED), folders, lambda event, data: told.append(event), lambda *_: None, lambda: False
    )
    executor.run("p", graph, {}, valid.outputs_to_execute)
    assert told[0] == "execution_start"
    assert told[-1] in ("execution_success", "execution_error")
    assert told.count("executed") == len(valid.outputs_to_execute) or told[-1] == "execution_error"
