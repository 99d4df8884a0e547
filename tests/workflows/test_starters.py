"""The starter workflows: their forms, and that they run on the embedded engine as they are delivered."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from cozygen.engines.embedded.executor import Executor, FolderHost
from cozygen.engines.embedded.library.motion import CozyGenPanZoom
from cozygen.engines.embedded.painter import MOTIONS, STYLE_CHOICES
from cozygen.engines.embedded.registry import load_nodes
from cozygen.engines.embedded.validation import validate_prompt
from cozygen.nodes.host import Directory, set_host
from cozygen.workflows import form
from cozygen.workflows.assemble import assemble
from cozygen.workflows.graph import Graph, as_graph, links
from cozygen.workflows.service import MODES, describe, mode_of

STARTERS = Path(__file__).parents[2] / "workflows"
EXAMPLE = "cozygen-example.png"
REGISTRY = load_nodes()
SMALL = {"Width": 64, "Height": 64, "Steps": 1, "Frames": 3}


def starter(mode: str) -> Graph:
    return as_graph(json.loads((STARTERS / f"{mode}.json").read_text("utf-8")))


def fields_of(mode: str) -> dict[str, form.FormField]:
    return {field.key: field for field in form.fields(starter(mode))}


@pytest.fixture
def folders(tmp_path: Path) -> dict[Directory, Path]:
    """Folders for a run, with the example picture among the inputs."""
    found: dict[Directory, Path] = {"input": tmp_path / "in", "output": tmp_path / "out", "temp": tmp_path / "temp"}
    for folder in found.values():
        folder.mkdir()
    Image.fromarray(np.full((40, 60, 3), 128, np.uint8)).save(found["input"] / EXAMPLE)
    set_host(FolderHost(found))
    return found


def test_there_is_one_for_each_mode() -> None:
    assert sorted(path.stem for path in STARTERS.glob("*.json")) == sorted(MODES)


@pytest.mark.parametrize("mode", MODES)
def test_it_says_what_it_is(mode: str) -> None:
    graph = starter(mode)
    about = describe(graph)
    assert set(about) == {"title", "description", "mode"}
    assert about["mode"] == mode == mode_of(graph)
    assert "not a diffusion model" in about["description"]
    without = copy.deepcopy(graph)
    for node in without.values():
        node["_meta"].pop("cozygen", None)
    assert mode_of(without) == mode
    assert all(node["_meta"]["title"] for node in graph.values())


@pytest.mark.parametrize("mode", MODES)
def test_every_field_is_in_order_and_connected(mode: str) -> None:
    graph = starter(mode)
    fields = form.fields(graph)
    assert [field.priority for field in fields] == sorted({field.priority for field in fields})
    assert len({field.label for field in fields}) == len(fields)
    fed = {source for node in graph.values() for _, source, _ in links(node)}
    assert {field.node_id for field in fields} <= fed
    for field in fields:
        assert form.convert(field.type, field.default) == field.default
        assert field.type != "choice" or field.default in (field.choices or [])
        if field.min is not None and field.max is not None:
            assert field.min <= field.default <= field.max


@pytest.mark.parametrize("mode", ["text-to-image", "image-to-image", "text-to-video"])
def test_prompts_come_first_and_seeds_can_be_drawn(mode: str) -> None:
    fields = fields_of(mode)
    texts = [key for key in fields if fields[key].type == "string"]
    assert texts == ["Prompt", "Negative prompt"]
    assert all(fields[key].multiline for key in texts)
    assert next(key for key in fields if fields[key].type != "image") == "Prompt"
    assert fields["Seed"].can_randomize


@pytest.mark.parametrize("mode", ["image-to-image", "image-to-video"])
def test_picture_fields_start_with_the_example(mode: str) -> None:
    first = next(iter(fields_of(mode).values()))
    assert (first.type, first.default) == ("image", EXAMPLE)


def test_choices_are_those_of_the_nodes() -> None:
    for mode in ("text-to-image", "image-to-image", "text-to-video"):
        assert fields_of(mode)["Style"].choices == list(STYLE_CHOICES)
    assert fields_of("text-to-video")["Motion"].choices == list(MOTIONS)
    assert fields_of("image-to-video")["Easing"].choices == CozyGenPanZoom.INPUT_TYPES()["required"]["easing"][0]


@pytest.mark.parametrize("mode", MODES)
def test_ranges_are_within_those_of_the_nodes(mode: str) -> None:
    graph = starter(mode)
    by_id = {field.node_id: field for field in form.fields(graph)}
    checked = 0
    for node in graph.values():
        declared = REGISTRY.classes[node["class_type"]].INPUT_TYPES()
        specs = {**declared.get("required", {}), **declared.get("optional", {})}
        for name, source, _ in links(node):
            options = specs[name][1] if len(specs[name]) > 1 else {}
            field = by_id.get(source)
            if field is not None and field.min is not None and "min" in options:
                assert options["min"] <= field.min, (name, field.label)
                assert field.max is not None
                assert field.max <= options["max"], (name, field.label)
                checked += 1
    assert checked >= 3


@pytest.mark.parametrize("mode", MODES)
def test_it_is_valid_as_delivered(mode: str, folders: dict[Directory, Path]) -> None:
    valid = validate_prompt(starter(mode), REGISTRY)
    assert valid.node_errors == {}
    assert len(valid.outputs_to_execute) == 1


@pytest.mark.parametrize("mode", MODES)
def test_it_runs_to_its_end(mode: str, folders: dict[Directory, Path]) -> None:
    graph = starter(mode)
    fields = form.fields(graph)
    values = {key: value for key, value in SMALL.items() if key in fields_of(mode)}
    drawn = [field.key for field in fields if field.can_randomize]
    assembled = assemble(graph, fields, values, randomize=drawn, rng=random.Random(4))
    valid = validate_prompt(assembled.graph, REGISTRY)
    events: list[tuple[str, dict[str, Any]]] = []
    previews: list[Any] = []
    executor = Executor(
        REGISTRY,
        folders,
        lambda event, data: events.append((event, data)),
        lambda node_id, picture: previews.append(picture),
        lambda: False,
    )
    executor.run("p", assembled.graph, {}, valid.outputs_to_execute)
    assert events[-1][0] == "execution_success", events[-1]
    assert any(event == "progress" for event, _ in events)
    assert previews
    assert all(preview.ndim == 3 and preview.shape[2] == 3 for preview in previews)
    (path,) = [path for path in folders["output"].rglob("*") if path.is_file()]
    if mode.endswith("image"):
        with Image.open(path) as picture:
            assert picture.size == (64, 64)
            assert json.loads(picture.text["prompt"]) == assembled.graph  # type: ignore[attr-defined]
    else:
        assert path.suffix == ".mp4"
        with av.open(str(path)) as container:
            assert sum(1 for _ in container.decode(video=0)) == 3
