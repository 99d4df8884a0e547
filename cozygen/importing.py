"""Taking over the data of an earlier CozyGen: the JSON files of its data folder, and its tag list.

Everything can be imported again and again: what is known already stays as it is, only what is missing comes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cozygen.jobs import store
from cozygen.settings import Settings
from cozygen.storage.database import Database
from cozygen.storage.documents import DocumentError, DocumentStore
from cozygen.tags.model import TagFileError
from cozygen.tags.service import TagService
from cozygen.web import aliases
from cozygen.workflows.presets import PresetService
from cozygen.workflows.service import WorkflowService

_MAX_BYTES = 256 * 1024 * 1024


@dataclass(frozen=True)
class Imported:
    """What came of one file. `count` entries are new; `problem` says why nothing came."""

    file: str
    count: int = 0
    problem: str | None = None


class _Unusable(Exception):
    """The file is not what its name says."""


def import_data(folder: Path, settings: Settings) -> Iterator[Imported]:
    """Import every file of the old data folder that is there. Blocking. Raises `FileNotFoundError` without a folder."""
    if not folder.is_dir():
        raise FileNotFoundError(folder)
    documents = DocumentStore(settings.data_dir / "documents")
    steps: dict[str, Callable[[Path], int]] = {
        "aliases.json": lambda path: _aliases(documents, _read(path)),
        "workflow_types.json": lambda path: _types(WorkflowService(settings.workflows, documents), _read(path)),
        "workflow_presets.json": lambda path: PresetService(documents).merge(_object(_read(path))),
        "prompt_raw_store.json": lambda path: _prompts(settings.data_dir / "cozygen.db", _read(path)),
        "danbooru_tags.md": lambda path: _tags(TagService(settings.data_dir / "tags"), path),
    }
    for name, step in steps.items():
        path = folder / name
        if not path.is_file():
            continue
        try:
            yield Imported(name, step(path))
        except (_Unusable, TagFileError, DocumentError) as error:
            yield Imported(name, problem=str(error))
        except OSError as error:
            yield Imported(name, problem=error.strerror or str(error))


def _read(path: Path) -> Any:
    if path.stat().st_size > _MAX_BYTES:
        raise _Unusable(f"larger than {_MAX_BYTES // 2**20} MiB")
    try:
        return json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise _Unusable(f"not JSON: {error}") from None


def _object(data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise _Unusable("not a JSON object")
    return data


def _aliases(documents: DocumentStore, data: Any) -> int:
    """Add the aliases, categories and category names that are not there yet."""
    given = _wrapped(_object(data))
    added = 0

    def change(stored: Any) -> Any:
        nonlocal added
        result = _wrapped(stored if isinstance(stored, dict) else {})
        known = {name.lower() for name in result["items"]}
        for name, text in given["items"].items():
            if isinstance(text, str) and name.strip() and name.lower() not in known:
                result["items"][name] = text
                added += 1
                if isinstance(category := given["categories"].get(name), str):
                    result["categories"].setdefault(name, category)
        result["categoryList"] += [c for c in given["categoryList"] if c not in result["categoryList"]]
        return result

    documents.update(aliases.DOCUMENT, change)
    return added


def _wrapped(document: dict[str, Any]) -> dict[str, Any]:
    """A copy of an alias document in its full form; a plain ``{name: text}`` map becomes its items."""
    items = document.get("items")
    if not isinstance(items, dict):
        return {"items": dict(document), "categories": {}, "categoryList": []}
    categories, names = document.get("categories"), document.get("categoryList")
    return {
        **document,
        "items": dict(items),
        "categories": dict(categories) if isinstance(categories, dict) else {},
        "categoryList": list(names) if isinstance(names, list) else [],
    }


def _types(workflows: WorkflowService, data: Any) -> int:
    """Version 1 keeps the map under ``workflows``; a bare map is taken too."""
    given = _object(data)
    wrapped = given.get("workflows")
    return workflows.add_types(wrapped if isinstance(wrapped, dict) else given)


def _prompts(database: Path, data: Any) -> int:
    """``{"prompts": {prompt id: {"raw": {...}}}, "files": {"<subfolder>::<filename>": {"prompt_id"}}}``."""
    given = _object(data)
    prompts, files = _object(given.get("prompts") or {}), _object(given.get("files") or {})
    texts = {prompt_id: raw for prompt_id, entry in prompts.items() if (raw := _texts(entry)) and len(prompt_id) <= 64}
    links = [link for key, entry in files.items() if (link := _link(key, entry, texts)) is not None]
    db = Database(database)
    db.open()
    try:
        with db.engine.begin() as connection:
            return store.import_prompts(connection, texts, links)
    finally:
        db.close()


def _texts(entry: Any) -> dict[str, str]:
    raw = entry.get("raw") if isinstance(entry, dict) else None
    if not isinstance(raw, dict):
        return {}
    return {str(key): text for key, text in raw.items() if isinstance(text, str)}


def _link(key: str, entry: Any, texts: dict[str, dict[str, str]]) -> tuple[str, str, str] | None:
    """(subfolder, filename, prompt id) of a file whose prompt is known."""
    prompt_id = entry.get("prompt_id") if isinstance(entry, dict) else None
    subfolder, _, filename = key.rpartition("::")
    if not isinstance(prompt_id, str) or prompt_id not in texts or not filename:
        return None
    return subfolder.replace("\\", "/").strip("/"), filename, prompt_id


def _tags(tags: TagService, path: Path) -> int:
    """The tag list replaces the starter list, but neither one that was imported nor one that was fetched."""
    if (tags.folder / "list.npz").exists():
        return 0
    return len(tags.import_file(path).index)
