"""What a graph needs and the engine does not have: node classes, and files of models and inputs. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Literal

from rapidfuzz import fuzz, process, utils

from cozygen.workflows.graph import Graph, title
from cozygen.workflows.parameters import MODEL_FILE, Parameter, parameters

_CLOSE = 60  # of 100: how alike a name must be to be offered
_OFFERED = 3
_MAX_TEXT = 300


@dataclass(frozen=True)
class MissingNode:
    """A class that the engine does not know, the nodes of it, and classes with names like it, closest first."""

    class_type: str
    title: str
    node_ids: list[str]
    close: list[str]

    def sentence(self) -> str:
        """For people."""
        return f"This engine has no node {self.class_type} (used by “{self.title}”).{_offer(self.close)}"


@dataclass(frozen=True)
class MissingFile:
    """A choice that the engine does not offer: a model, a file to start from, or an option."""

    kind: Literal["model", "input", "option"]
    node_id: str
    class_type: str
    title: str
    input: str
    value: str
    close: list[str]

    def sentence(self) -> str:
        """For people."""
        what = {"model": "model", "input": "input file", "option": "option"}[self.kind]
        return f"This engine has no {what} {self.value[:200]} ({self.input} of “{self.title}”).{_offer(self.close)}"


def _offer(close: Sequence[str]) -> str:
    return f" Like it: {', '.join(close)}." if close else ""


def missing_nodes(graph: Graph, object_info: Mapping[str, Any]) -> list[MissingNode]:
    """The classes that the engine does not know, by name."""
    used: dict[str, list[str]] = {}
    for node_id, node in graph.items():
        if node["class_type"] not in object_info:
            used.setdefault(node["class_type"], []).append(node_id)
    return [
        MissingNode(name, title(graph[ids[0]])[:_MAX_TEXT], ids, close_matches(name, object_info))
        for name, ids in sorted(used.items())
    ]


def missing_files(graph: Graph, object_info: Mapping[str, Any]) -> list[MissingFile]:
    """The choices in the graph that the engine does not offer."""
    return list(_missing_files(parameters(graph, object_info)))


def _missing_files(listed: Iterable[Parameter]) -> Iterator[MissingFile]:
    for item in listed:
        if item.choices is None or item.value in item.choices or _is_elsewhere(item):
            continue
        offered = [str(choice) for choice in item.choices]
        value = str(item.value)
        yield MissingFile(
            kind=_kind(item, offered),
            node_id=item.node_id,
            class_type=item.class_type,
            title=item.name[:_MAX_TEXT],
            input=item.input,
            value=value[:_MAX_TEXT],
            close=close_files(value, offered),
        )


def _is_elsewhere(item: Parameter) -> bool:
    """Whether a file lies where the list does not look: in a subfolder, or (``name [output]``) in another folder."""
    value = str(item.value)
    return item.type == "image" and (value.endswith("]") or "/" in value or not value)


def _kind(item: Parameter, offered: Sequence[str]) -> Literal["model", "input", "option"]:
    if item.type == "image" or any(key.endswith("_upload") for key in item.options):
        return "input"
    if MODEL_FILE.search(str(item.value)) or any(MODEL_FILE.search(name) for name in offered[:50]):
        return "model"
    return "option"


def close_matches(name: str, known: Iterable[str]) -> list[str]:
    """Up to three names that are like `name`, the closest first."""
    found = process.extract(
        name[:_MAX_TEXT],
        list(known),
        scorer=fuzz.WRatio,
        processor=utils.default_process,
        limit=_OFFERED,
        score_cutoff=80,
    )
    return [match for match, _, _ in found]


def close_files(value: str, offered: Sequence[str]) -> list[str]:
    """Up to three file names that are like `value`. The same name in another folder is the closest."""
    stems = {name: _stem(name) for name in offered}
    found = process.extract(
        _stem(value[:_MAX_TEXT]),
        stems,
        scorer=fuzz.ratio,
        processor=utils.default_process,
        limit=_OFFERED,
        score_cutoff=_CLOSE,
    )
    return [name for _, _, name in found]


def _stem(name: str) -> str:
    return PurePosixPath(name.replace("\\", "/")).stem
