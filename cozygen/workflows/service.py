"""The workflows folder: JSON files in API format or in UI format, one name each."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cozygen.storage import jsons
from cozygen.storage.documents import DocumentStore
from cozygen.storage.paths import BadName, PathOutside, Root, atomic_write, check_name, fsync_directory
from cozygen.workflows import form
from cozygen.workflows.convert import ConversionError, Converted, is_ui, to_api
from cozygen.workflows.exposed import ExposedStore
from cozygen.workflows.graph import Graph, GraphError, as_graph
from cozygen.workflows.parameters import native_outputs, parameters

log = logging.getLogger(__name__)

MODES = ("image-to-image", "image-to-video", "text-to-image", "text-to-video")
TRASH = ".trash"
"""Where deleted workflows are kept, in the workflows folder."""

_MAX_BYTES = 32 * 1024 * 1024
_TYPES = "workflow_types"


class WorkflowNotFoundError(LookupError):
    """There is no such workflow."""


class WorkflowJsonError(ValueError):
    """The file is not JSON."""


class WorkflowExistsError(ValueError):
    """There is a workflow of that name already."""


class WorkflowNameError(ValueError):
    """The name cannot be that of a workflow; the message says why."""


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
        self.exposed = ExposedStore(documents)
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
            return jsons.loads(path.read_bytes())
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
            raise WorkflowNotFoundError(name) from None
        except (ValueError, RecursionError) as error:
            raise WorkflowJsonError(str(error)) from None

    def graph(self, name: str, object_info: Mapping[str, Any] | None = None) -> Graph:
        """A workflow as a graph. Raises as `read`, and `GraphError`."""
        return self.load(name, object_info).graph

    def load(self, name: str, object_info: Mapping[str, Any] | None = None) -> Converted:
        """A workflow as a graph, with what got lost where the file is in UI format. Raises as `graph`.

        The engine's `object_info` names the values in a file in UI format.
        """
        return as_workflow(self.read(name), object_info or {})

    def store(self, name: str, workflow: Any, *, overwrite: bool = False) -> None:
        """Keep a workflow (API format or UI format, which is checked) under a name.

        Raises `WorkflowNameError`, `WorkflowExistsError`, `GraphError` for what is no workflow, and `OSError`.
        """
        path = self._new_path(name)
        as_workflow(workflow, {})
        try:
            data = _encode(workflow)
        except (TypeError, ValueError, RecursionError) as error:
            raise GraphError(f"it cannot be written as JSON: {error}") from None
        if len(data) > _MAX_BYTES:
            raise GraphError(f"it is larger than {_MAX_BYTES // 2**20} MiB")
        self.folder.mkdir(parents=True, exist_ok=True)
        if path.is_dir() or (path.exists() and not overwrite):
            raise WorkflowExistsError(name)
        atomic_write(path, data + b"\n")

    def delete(self, name: str) -> str:
        """Move a workflow to the trash folder; returns its name there. Raises `WorkflowNotFoundError`, `OSError`."""
        path = self._path(name)
        if not path.is_file():
            raise WorkflowNotFoundError(name)
        trash = self.folder / TRASH
        trash.mkdir(exist_ok=True)
        kept = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{time.time_ns() % 10**9:09d}-{name[-150:]}"
        try:
            path.replace(trash / kept)
        except FileNotFoundError:
            raise WorkflowNotFoundError(name) from None
        fsync_directory(self.folder)
        return kept

    def rename(self, old: str, new: str) -> None:
        """Give a workflow another name, and with it its mode and what is exposed of it.

        Raises `WorkflowNotFoundError`, `WorkflowNameError`, `WorkflowExistsError` and `OSError`.
        """
        path = self._path(old)
        target = self._new_path(new)
        if not path.is_file():
            raise WorkflowNotFoundError(old)
        if old == new:
            return
        # A name that differs in case alone is the same file for some systems.
        if target.exists() and not target.samefile(path):
            raise WorkflowExistsError(new)
        path.rename(target)
        fsync_directory(self.folder)
        self.exposed.rename(old, new)
        mode = self.types().get(old)
        if mode is not None:
            self.set_type(new, mode)
            self.set_type(old, "")

    def _new_path(self, name: str) -> Path:
        """Where a workflow of a new name goes: a name that every system takes. Raises `WorkflowNameError`."""
        if not name.lower().endswith(".json"):
            raise WorkflowNameError("must end in .json")
        if name.startswith("."):
            raise WorkflowNameError("must not start with a dot")
        try:
            check_name(name, windows=True)
            return self._root.resolve_file("", name)
        except (BadName, PathOutside) as error:
            raise WorkflowNameError(str(error)) from None

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
        return _modes(self._documents.read(_TYPES, {}))

    def set_type(self, name: str, mode: str) -> dict[str, str]:
        """Set (or with an empty mode remove) a workflow's mode; returns the whole map."""

        def change(stored: Any) -> Any:
            result = dict(stored) if isinstance(stored, dict) else {}
            result.pop(name, None)
            if mode:
                result[name] = mode
            return result

        return _modes(self._documents.update(_TYPES, change))

    def add_types(self, types: Mapping[Any, Any]) -> int:
        """Give modes to workflows that have none yet, all at once; what is no mode is left out. How many."""
        added = 0

        def change(stored: Any) -> Any:
            nonlocal added
            known = _modes(stored)
            fresh = {name: mode for name, mode in types.items() if mode in MODES and name not in known}
            added = len(fresh)
            return {**(stored if isinstance(stored, dict) else {}), **fresh}

        self._documents.update(_TYPES, change)
        return added


def _modes(stored: Any) -> dict[str, str]:
    """The modes in a document of types; what is none is left out."""
    if not isinstance(stored, dict):
        return {}
    return {str(name): mode for name, mode in stored.items() if mode in MODES}


def _encode(workflow: Any) -> bytes:
    try:
        return jsons.dumps(workflow, ascii_only=False, indent=1).encode()
    except UnicodeEncodeError:  # lone surrogates, which JSON can only write escaped
        return jsons.dumps(workflow, indent=1).encode()


def as_workflow(value: Any, object_info: Mapping[str, Any]) -> Converted:
    """`value`, in API format or in UI format, as a graph. Raises `GraphError`."""
    if not is_ui(value):
        return Converted(as_graph(value), [])
    try:
        return to_api(value, object_info)
    except ConversionError as error:
        raise GraphError(str(error)) from None


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
    kinds = {output.kind for output in form.outputs(graph) or native_outputs(graph, {})}
    if not kinds:
        return None
    declared = form.fields(graph)
    source = "image" if any(item.type == "image" for item in declared or parameters(graph, {})) else "text"
    return f"{source}-to-{'video' if 'video' in kinds else 'image'}"
