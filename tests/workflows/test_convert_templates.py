"""Conversion and inference on ComfyUI's own templates: the package comfyui-workflow-templates-json."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from cozygen.workflows.convert import is_ui, to_api
from cozygen.workflows.form import MORE
from cozygen.workflows.graph import Graph, as_graph, is_link
from cozygen.workflows.infer import infer
from tests.workflows.core_info import INFO

PACKAGE = "comfyui_workflow_templates_json"
_spec = find_spec(PACKAGE)

pytestmark = pytest.mark.skipif(
    _spec is None, reason="the package comfyui-workflow-templates-json is not installed: its templates are not tried"
)


def templates() -> dict[str, Any]:
    assert _spec is not None and _spec.submodule_search_locations
    folder = Path(_spec.submodule_search_locations[0])
    read = {path.stem: json.loads(path.read_bytes()) for path in sorted(folder.rglob("*.json"))}
    return {name: value for name, value in read.items() if is_ui(value)}


@pytest.fixture(scope="module")
def drawn() -> dict[str, Any]:
    found = templates()
    assert len(found) > 100
    return found


@pytest.fixture(scope="module", params=[INFO, {}], ids=["a few core nodes known", "no engine"])
def converted(request: pytest.FixtureRequest, drawn: dict[str, Any]) -> dict[str, Graph]:
    return {name: to_api(value, request.param).graph for name, value in drawn.items()}


def sheets(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield value
    yield from (value.get("definitions") or {}).get("subgraphs") or []


def is_core(value: dict[str, Any]) -> bool:
    """Whether every node comes with ComfyUI and renders by itself, without a paid service."""
    own = {sheet.get("id") for sheet in sheets(value)}
    editor = {"Note", "MarkdownNote", "Reroute", "PrimitiveNode"}
    for sheet in sheets(value):
        for item in sheet["nodes"]:
            if item["type"] in own | editor:
                continue
            if (item.get("properties") or {}).get("cnr_id") != "comfy-core":
                return False
    return True


def test_every_template_converts_to_a_graph_without_loose_ends(converted: dict[str, Graph]) -> None:
    for name, graph in converted.items():
        as_graph(graph)
        for node_id, node in graph.items():
            for key, value in node["inputs"].items():
                assert not isinstance(value, list) or is_link(value), f"{name} {node_id}.{key}"
                assert not is_link(value) or value[0] in graph, f"{name} {node_id}.{key}"


def expected(graph: Graph) -> Iterator[str]:
    """The prompts, seeds and sizes that stand in a graph, as ``<node id>.<input>``."""
    for node_id, node in graph.items():
        kind = node["class_type"]
        for name, value in node["inputs"].items():
            is_prompt = name in ("text", "prompt") and "TextEncode" in kind and isinstance(value, str)
            is_seed = name in ("seed", "noise_seed") and isinstance(value, int)
            is_size = (
                name in ("width", "height") and kind.startswith("Empty") and "Latent" in kind and isinstance(value, int)
            )
            if is_prompt or is_seed or is_size:
                yield f"{node_id}.{name}"


def test_the_form_has_prompt_seed_and_size(drawn: dict[str, Any], converted: dict[str, Graph]) -> None:
    tried = 0
    for name, graph in converted.items():
        if not is_core(drawn[name]):
            continue
        wanted = set(expected(graph))
        shown = {field.key for field in infer(graph, INFO) if field.group != MORE}
        assert wanted <= shown, f"{name}: {wanted - shown}"
        tried += bool(wanted)
    assert tried > 50


def test_every_value_that_names_an_input_is_in_the_form(converted: dict[str, Graph]) -> None:
    for name, graph in converted.items():
        fields = infer(graph, {})
        assert len({field.key for field in fields}) == len(fields), name
        for field in fields:
            assert not is_link(graph[field.node_id]["inputs"][field.input]), name
