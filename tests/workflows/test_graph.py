from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.workflows.graph import GraphError, as_graph, bypass, consumers, is_link, links, title, upstream

CHAIN: dict[str, dict[str, Any]] = {
    "1": {"class_type": "Load", "inputs": {}, "_meta": {"title": "My loader"}},
    "2": {"class_type": "Lora", "inputs": {"model": ["1", 0], "clip": ["1", 1], "name": "x"}},
    "3": {"class_type": "Sampler", "inputs": {"model": ["2", 0], "clip": ["2", 1], "seed": 5}},
    "4": {"class_type": "Unrelated", "inputs": {}},
}
LORA_TYPES = {"2": {"model": "MODEL", "clip": "CLIP", "name": "STRING"}}


def test_as_graph_accepts_api_format() -> None:
    assert as_graph(CHAIN) is CHAIN


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "JSON object"),
        ({}, "no nodes"),
        ({"nodes": [], "links": []}, "UI-format"),
        ({"1": {"inputs": {}}}, "class_type"),
        ({"1": {"class_type": "A", "inputs": []}}, "inputs of node 1"),
        ({"1": "text"}, "node 1"),
    ],
)
def test_as_graph_says_what_is_wrong(value: Any, says: str) -> None:
    with pytest.raises(GraphError, match=says):
        as_graph(value)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(), lambda c: st.lists(c) | st.dictionaries(st.text(), c)
    )
)
def test_as_graph_never_raises_anything_else(value: Any) -> None:
    try:
        graph = as_graph(json.loads(json.dumps(value)))
    except GraphError:
        return
    assert all(isinstance(node["class_type"], str) for node in graph.values())


@pytest.mark.parametrize("value", [["1", True], ["1"], [1, 0], ["1", 0, 0], "1", None, ["1", 0.0]])
def test_only_a_pair_of_id_and_index_is_a_link(value: Any) -> None:
    assert not is_link(value)


def test_links_and_consumers_see_both_ends() -> None:
    assert list(links(CHAIN["2"])) == [("model", "1", 0), ("clip", "1", 1)]
    assert sorted(consumers(CHAIN, "2")) == [("3", "clip", 1), ("3", "model", 0)]


def test_upstream_is_what_a_target_needs() -> None:
    assert upstream(CHAIN, ["3"]) == {"1", "2", "3"}
    assert upstream(CHAIN, ["absent"]) == set()


def test_upstream_ends_on_cycles_and_long_chains() -> None:
    cycle: dict[str, dict[str, Any]] = {
        "a": {"class_type": "X", "inputs": {"i": ["b", 0]}},
        "b": {"class_type": "X", "inputs": {"i": ["a", 0]}},
    }
    assert upstream(cycle, ["a"]) == {"a", "b"}
    long: dict[str, dict[str, Any]] = {
        str(i): {"class_type": "X", "inputs": {"i": [str(i + 1), 0]}} for i in range(20_000)
    }
    assert len(upstream(long, ["0"])) == 20_000


def test_bypass_reconnects_consumers_by_type() -> None:
    result = bypass(CHAIN, "2", LORA_TYPES, ["MODEL", "CLIP"])
    assert "2" not in result
    assert result["3"]["inputs"] == {"model": ["1", 0], "clip": ["1", 1], "seed": 5}
    assert CHAIN["3"]["inputs"]["model"] == ["2", 0], "the original is untouched"


def test_bypass_drops_an_input_that_nothing_can_feed() -> None:
    graph: dict[str, dict[str, Any]] = {
        "1": {"class_type": "Text", "inputs": {}},
        "2": {"class_type": "Make", "inputs": {"text": ["1", 0]}},
        "3": {"class_type": "Use", "inputs": {"image": ["2", 0]}},
    }
    result = bypass(graph, "2", {"2": {"text": "STRING"}}, ["IMAGE"])
    assert result["3"]["inputs"] == {}


def test_title_is_the_authors_else_the_class() -> None:
    assert title(CHAIN["1"]) == "My loader"
    assert title(CHAIN["4"]) == "Unrelated"
