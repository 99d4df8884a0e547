from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.workflows.source import FoundWorkflow, NoWorkflowError, find_workflow
from tests.workflows.core_info import text_to_image

GRAPH = {"1": {"class_type": "A", "inputs": {"x": 1}}}
UI = text_to_image()


@pytest.mark.parametrize(
    ("value", "graph", "ui"),
    [
        (GRAPH, GRAPH, None),
        (UI, None, UI),
        ({**GRAPH, "extra": 5, "version": 0.4}, GRAPH, None),
        ({"prompt": GRAPH}, GRAPH, None),
        ({"prompt": GRAPH, "workflow": UI}, GRAPH, UI),
        ({"workflow": UI, "output": GRAPH}, GRAPH, UI),
        ({"workflow": GRAPH}, GRAPH, None),
        ({"prompt": json.dumps(GRAPH), "workflow": json.dumps(UI)}, GRAPH, UI),
        (json.dumps(GRAPH), GRAPH, None),
        ({"prompt": GRAPH, "extra_data": {"extra_pnginfo": {"workflow": UI}}, "client_id": "x"}, GRAPH, UI),
        ({"id": {"prompt": [0, "id", GRAPH, {"extra_pnginfo": {"workflow": UI}}, ["1"]], "outputs": {}}}, GRAPH, UI),
        ({"prompt": None, "workflow": UI}, None, UI),
    ],
)
def test_where_a_workflow_may_be(value: Any, graph: Any, ui: Any) -> None:
    assert find_workflow(value) == FoundWorkflow(graph, ui)


@pytest.mark.parametrize(
    "value",
    [None, 5, "x", "{", [], {}, {"a": 1}, {"prompt": {}}, {"nodes": 5}, {"1": {"class_type": 5}}, {"prompt": "{{"}],
)
def test_what_is_none(value: Any) -> None:
    with pytest.raises(NoWorkflowError) as raised:
        find_workflow(value)
    assert str(raised.value)


@given(
    st.recursive(
        st.none() | st.text(max_size=3) | st.just(GRAPH) | st.just(UI) | st.just('{"prompt": {}}'),
        lambda inner: (
            st.lists(inner, max_size=5)
            | st.dictionaries(st.sampled_from(["prompt", "workflow", "output", "a"]), inner, max_size=3)
        ),
        max_leaves=10,
    )
)
def test_anything_is_looked_at(value: Any) -> None:
    try:
        found = find_workflow(value)
    except NoWorkflowError:
        return
    assert found.graph == GRAPH or found.ui == UI
