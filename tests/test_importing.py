from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cozygen.importing import import_data
from cozygen.jobs import store
from cozygen.settings import Settings
from cozygen.storage.database import Database
from cozygen.storage.documents import DocumentStore
from cozygen.tags.service import TagService
from cozygen.workflows.presets import PresetService

PRESET = {"id": "p1", "name": "Night", "values": {"a": 1}, "updated": 20, "created": 10}
ALIASES = {"items": {"hair::red": "red hair", "b": "two"}, "categories": {"b": "N"}, "categoryList": ["N"]}
PROMPTS = {
    "version": 1,
    "prompts": {"id-1": {"raw": {"3.text": "$hero$", "4.text": 5}, "ts": 1.5}, "id-2": {"raw": {}}, "id-3": 7},
    "files": {
        "sub\\deep::a_00001_.png": {"prompt_id": "id-1", "ts": 2},
        "b.png": {"prompt_id": "id-1"},
        "c.png": {"prompt_id": "gone"},
        "d.png": None,
    },
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    folder = tmp_path / "old"
    folder.mkdir()
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, data_dir=tmp_path / "new")


def write(folder: Path, name: str, data: Any) -> None:
    (folder / name).write_text(data if isinstance(data, str) else json.dumps(data), "utf-8")


def run(folder: Path, settings: Settings) -> dict[str, int | str]:
    return {r.file: r.problem if r.problem is not None else r.count for r in import_data(folder, settings)}


def raw(settings: Settings, subfolder: str, filename: str) -> Any:
    database = Database(settings.data_dir / "cozygen.db")
    database.open()
    try:
        with database.engine.begin() as connection:
            return store.raw_for_file(connection, subfolder, filename)
    finally:
        database.close()


def test_everything_comes_once(old: Path, settings: Settings) -> None:
    write(old, "aliases.json", ALIASES)
    write(old, "workflow_types.json", {"version": 1, "workflows": {"a.json": "text-to-image", "b.json": "nonsense"}})
    write(old, "workflow_presets.json", {"version": 2, "users": {"ann": {"workflows": {"a.json": [PRESET, 5]}}}})
    write(old, "prompt_raw_store.json", PROMPTS)
    write(old, "danbooru_tags.md", "## color (3)\n- `red_hair` — 5\n")
    assert run(old, settings) == {
        "aliases.json": 2,
        "workflow_types.json": 1,
        "workflow_presets.json": 1,
        "prompt_raw_store.json": 1,
        "danbooru_tags.md": 1,
    }
    documents = DocumentStore(settings.data_dir / "documents")
    assert documents.read("aliases") == ALIASES
    assert PresetService(documents).of_workflow("ann", "a.json") == [PRESET]
    assert documents.read("workflow_types") == {"a.json": "text-to-image"}
    assert raw(settings, "sub/deep", "a_00001_.png") == raw(settings, "", "b.png") == {"3.text": "$hero$"}
    assert raw(settings, "", "c.png") is None
    assert TagService(settings.data_dir / "tags").loaded().index.names == ["red_hair"]

    assert set(run(old, settings).values()) == {0}, "the second time nothing is new"
    assert documents.read("aliases") == ALIASES


def test_what_was_changed_since_stays(old: Path, settings: Settings) -> None:
    documents = DocumentStore(settings.data_dir / "documents")
    documents.replace("aliases", {"B": "mine", "c": "three"})
    PresetService(documents).save("default", "a.json", name="night", values={"mine": 1})
    write(old, "aliases.json", ALIASES)
    write(
        old,
        "workflow_presets.json",
        {"version": 1, "workflows": {"a.json": [PRESET, {**PRESET, "id": "x", "name": "Day"}]}},
    )
    assert run(old, settings) == {"aliases.json": 1, "workflow_presets.json": 1}
    assert documents.read("aliases")["items"] == {"B": "mine", "c": "three", "hair::red": "red hair"}
    presets = PresetService(documents).of_workflow("default", "a.json")
    assert [(p["name"], p["values"]) for p in presets] == [("night", {"mine": 1}), ("Day", {"a": 1})]


def test_plain_aliases_and_types(old: Path, settings: Settings) -> None:
    write(old, "aliases.json", {"a": "b", "n": 5})
    write(old, "workflow_types.json", {"a.json": "image-to-video"})
    assert run(old, settings) == {"aliases.json": 1, "workflow_types.json": 1}


@pytest.mark.parametrize("text", ["{", "[]", "5", "null", "\0", "[" * 100_000])
def test_a_damaged_file_is_named_and_the_others_come(old: Path, settings: Settings, text: str) -> None:
    for name in ("aliases.json", "workflow_types.json", "workflow_presets.json"):
        write(old, name, text)
    write(old, "prompt_raw_store.json", PROMPTS)
    write(old, "danbooru_tags.md", "nothing")
    results = run(old, settings)
    assert results.pop("prompt_raw_store.json") == 1
    assert len(results) == 4 and all(isinstance(problem, str) and problem for problem in results.values())
    assert DocumentStore(settings.data_dir / "documents").read("aliases") is None


def test_no_folder(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(import_data(tmp_path / "nowhere", settings))
