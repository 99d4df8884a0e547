"""The workflows folder: API-format JSON files, one name each."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cozygen.storage.documents import DocumentStore
from cozygen.storage.paths import BadName, PathOutside, Root, atomic_write
from cozygen.workflows import form
from cozygen.workflows.graph import Graph, GraphError, as_graph

log = logging.getLogger(__name__)

MODES = ("image-to-image", "image-to-video", "text-to-image", "text-to-video")
_MAX_BYTES = 32 * 1024 * 1024
_TYPES = "workflow_types"


class WorkflowNotFoundError(LookupError):
    """There is no such workflow."""


class WorkflowJsonError(ValueError):
    """The file is not JSON."""


@dataclass(frozen=True)
class Summary:
    """A workflow in a list. `error` says why the file cannot be used."""

    name: str
    title: str
    description: str
    mode: str | None
    error: str | None


class WorkflowService:
    """Lists and reads workflows. All methods block; the web layer calls them in a thread."""

    def __init__(self, folder: Path, documents: DocumentStore) -> None:
        self.folder = folder
        self._root = Root(folder)
        self._documents = documents
        self._summaries: dict[str, tuple[tuple[int, int], Summary]] = {}

    def seed(self, starters: Path) -> list[str]:
        """Copy the starter workflows into a folder that does not exist yet; returns their names."""
        if self.folder.exists():
            return []
        self.folder.mkdir(parents=True)
        names = []
        for source in sorted(starters.glob("*.json")):
            atomic_write(self.folder / source.name, source.read_bytes())
            names.append(source.name)
        return names

    def names(self) -> list[str]:
        """The file names, sorted."""
        if not self.folder.is_dir():
            return []
        return sorted(
            entry.name
            for entry in self.folder.iterdir()
            if entry.suffix.lower() == ".json" and not entry.name.startswith(".") and entry.is_file()
        )

    def read(self, name: str) -> Any:
        """The parsed JSON. Raises `WorkflowNotFoundError` or `WorkflowJsonError`."""
        path = self._path(name)
        try:
            if path.stat().st_size > _MAX_BYTES:
                raise WorkflowJsonError("the file is too large")
            return json.loads(path.read_bytes())
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise WorkflowNotFoundError(name) from None
        except (ValueError, RecursionError) as error:
            raise WorkflowJsonError(str(error)) from None

    def graph(self, name: str) -> Graph:
        """A workflow as a graph. Raises as `read`, and `GraphError`."""
        return as_graph(self.read(name))

    def _path(self, name: str) -> Path:
        if not name.lower().endswith(".json"):
            raise WorkflowNotFoundError(name)
        try:
            return self._root.resolve_file("", name)
        except (BadName, PathOutside):
            raise WorkflowNotFoundError(name) from None

    def summaries(self) -> list[Summary]:
        """All workflows for the picker, sorted by name. Unchanged files are not read again."""
        types = self.types()
        result = []
        for name in self.names():
            try:
                stat = (self.folder / name).stat()
            except OSError:
                continue
            stamp = (stat.st_mtime_ns, stat.st_size)
            known = self._summaries.get(name)
            if known is None or known[0] != stamp:
                known = (stamp, self._summarise(name))
                self._summaries[name] = known
            summary = known[1]
            mode = types.get(name, summary.mode)
            result.append(Summary(name, summary.title, summary.description, mode, summary.error))
        return result

    def _summarise(self, name: str) -> Summary:
        title = Path(name).stem.replace("_", " ").replace("-", " ").strip() or name
        try:
            graph = self.graph(name)
        except WorkflowNotFoundError:
            return Summary(name, title, "", None, "the file has gone")
        except WorkflowJsonError as error:
            return Summary(name, title, "", None, f"not JSON: {error}")
        except GraphError as error:
            return Summary(name, title, "", None, str(error))
        about = describe(graph)
        return Summary(name, about.get("title", title), about.get("description", ""), mode_of(graph), None)

    def types(self) -> dict[str, str]:
        """Workflow name -> mode, as set by users."""
        stored = self._documents.read(_TYPES, {})
        if not isinstance(stored, dict):
            return {}
        return {str(name): mode for name, mode in stored.items() if mode in MODES}

    def set_type(self, name: str, mode: str) -> dict[str, str]:
        """Set (or with an empty mode remove) a workflow's mode; returns the whole map."""

        def change(stored: Any) -> Any:
            result = dict(stored) if isinstance(stored, dict) else {}
            result.pop(name, None)
            if mode:
                result[name] = mode
            return result

        self._documents.update(_TYPES, change)
        return self.types()


def describe(graph: Graph) -> dict[str, str]:
    """What the author says of a workflow: ``_meta.cozygen`` (title, description, mode) of any node."""
    for node in graph.values():
        meta = node.get("_meta")
        about = meta.get("cozygen") if isinstance(meta, dict) else None
        if isinstance(about, dict):
            return {key: value for key, value in about.items() if isinstance(value, str)}
    return {}


def mode_of(graph: Graph) -> str | None:
    """The mode that a graph implies: said by its author, else by its image inputs and outputs."""
    said = describe(graph).get("mode")
    if said in MODES:
        return said
    kinds = {output.kind for output in form.outputs(graph)}
    if not kinds:
        return None
    source = "image" if any(f.type == "image" for f in form.fields(graph)) else "text"
    return f"{source}-to-{'video' if 'video' in kinds else 'image'}"
