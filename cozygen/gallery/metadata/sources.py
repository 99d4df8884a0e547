"""The files that an API-format graph starts from: pictures, films and sounds that its nodes load.

As ComfyUI has it, a value is a path in the input folder, unless it ends in ``[output]``, ``[input]`` or ``[temp]``,
which names the folder. CozyGen's own nodes also take ``output::<subfolder>::<file>``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

from cozygen.gallery.metadata.graph import Graph
from cozygen.media.kinds import media_kind

Folder = Literal["input", "output", "temp"]

MAX_SOURCES = 500
"""Files of one graph that are looked at."""

_INPUTS = ("image", "video", "audio", "file", "mask", "image_filename")
_INPUT_SET = frozenset(_INPUTS)
_LOADERS = re.compile(r"(?:^|_)load|^cozygenimageinput$", re.I)
_ANNOTATED = re.compile(r"(.*\S)\s*\[(input|output|temp)\]", re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")
_OUTPUT_SCHEME = "output::"
_LONGEST = 4096


class Source(NamedTuple):
    """A file that a node loads: `name` as the graph has it, `path` relative to the folder, ``/``-separated."""

    node: str
    input: str
    name: str
    folder: Folder
    path: str


def sources(prompt: Mapping[str, Any]) -> list[Source]:
    """The files that the nodes of a graph load, in the order of the nodes, `MAX_SOURCES` at most.

    Whatever the graph is, there is an answer: what is no path within a folder is left out.
    """
    found: list[Source] = []
    for node, input, name in _names(prompt):
        place = place_of(name)
        if place is not None:
            found.append(Source(node, input, name, *place))
            if len(found) == MAX_SOURCES:
                break
    return found


def distinct_places(prompt: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The same as places, (folder, path), each once."""
    return list(dict.fromkeys((source.folder, source.path) for source in sources(prompt)))


def _names(prompt: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    graph: Graph | None = None
    for key, node in prompt.items():
        inputs = node.get("inputs") if isinstance(node, dict) else None
        if not isinstance(inputs, dict) or _INPUT_SET.isdisjoint(inputs):
            continue
        for name in _INPUTS:
            value = inputs.get(name)
            if type(value) is list and _LOADERS.search(str(node.get("class_type"))):
                # The name itself comes from another node; what goes into other nodes is the picture.
                graph = graph or Graph(_nodes(prompt))
                value = graph.value(value, name)
            if type(value) is str and value:
                yield str(key), name, value


def _nodes(prompt: Mapping[str, Any]) -> dict[str, Any]:
    """The entries that are nodes."""
    return {
        str(key): node
        for key, node in prompt.items()
        if isinstance(node, dict)
        and isinstance(node.get("class_type"), str)
        and isinstance(node.get("inputs", {}), dict)
    }


def place_of(name: str) -> tuple[Folder, str] | None:
    """The (folder, path) of a media file that a graph names; None for what is none, or leads out of its folder."""
    if len(name) > _LONGEST:
        return None
    folder, path = _parse(name)
    parts = [part for part in path.replace("\\", "/").split("/") if part not in ("", ".")]
    if not parts or ".." in parts or path[:1] in ("/", "\\") or _DRIVE.match(path) or media_kind(parts[-1]) is None:
        return None
    joined = "/".join(parts)
    try:
        joined.encode()
    except UnicodeEncodeError:
        return None
    return None if "\0" in joined else (folder, joined)


def _parse(name: str) -> tuple[Folder, str]:
    if name.startswith(_OUTPUT_SCHEME):
        subfolder, _, filename = name.removeprefix(_OUTPUT_SCHEME).rpartition("::")
        return "output", f"{subfolder}/{filename}" if subfolder else filename
    annotated = _ANNOTATED.fullmatch(name)
    if annotated is None:
        return "input", name
    folder: Folder = "output" if annotated[2] == "output" else "temp" if annotated[2] == "temp" else "input"
    return folder, annotated[1]
