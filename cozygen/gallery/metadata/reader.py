"""From a file to its metadata: choose the reader by the first bytes, then make sense of the texts that it found."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Callable
from typing import Any, BinaryIO

from cozygen.gallery.metadata import exif as tiff
from cozygen.gallery.metadata import generators, gif, id3, isobmff, jpeg, matroska, png, riff, texts, xiph
from cozygen.gallery.metadata.bytesource import ByteSource, Damaged, opened
from cozygen.gallery.metadata.found import Found
from cozygen.gallery.metadata.model import FileMetadata
from cozygen.media.sniff import HEAD, sniff

_DAMAGE = (Damaged, LookupError, ValueError, ArithmeticError, struct.error)
_PROMPT, _WORKFLOW, _PARAMETERS, _RAW = "prompt", "workflow", "parameters", "cozygen_prompt_raw"
_PACKED = tuple(f'"{name}"' for name in (_PROMPT, _WORKFLOW, "Comment"))

# The texts in which programs put all of their parameters, most telling first.
_CARRIERS = (_PARAMETERS, "usercomment", "comment", "description", "imagedescription", "xpcomment", "title")


def read(file: str | os.PathLike[str] | int | BinaryIO) -> FileMetadata:
    """The metadata of the file at a path, behind a descriptor, or of a seekable binary stream.

    Whatever the bytes are, there is an answer: an unknown format gives an empty one, and what is damaged gives what
    comes before the damage, with a `problem`. Time and memory are bounded: at most 32 MiB of text are taken, and no
    picture data is read. Raises `OSError`, and nothing else.
    """
    with opened(file) as source:
        found, problem = _gather(source)
    return interpret(found, problem)


def _gather(source: ByteSource) -> tuple[Found, str | None]:
    found = Found()
    form = sniff(source.head[:HEAD])
    reader = _READERS.get(form.name) if form is not None else None
    if reader is None:
        return found, "not a known format" if source.size else "empty"
    try:
        reader(source, found)
    except Damaged as damage:
        return found, str(damage)
    except _DAMAGE:
        return found, "a part of the file is cut short"
    return found, None


def _bmp(source: ByteSource, found: Found) -> None:
    """Windows bitmaps have a size and no texts."""
    found.container = "bmp"
    header = source.at(14, 12)
    if int.from_bytes(header[:4], "little") >= 40:
        height = int.from_bytes(header[8:], "little", signed=True)  # negative where the rows go downwards
        found.size(int.from_bytes(header[4:8], "little"), abs(height))


_READERS: dict[str, Callable[[ByteSource, Found], None]] = {
    "PNG": png.read,
    "JPEG": jpeg.read,
    "GIF": gif.read,
    "BMP": _bmp,
    "TIFF": tiff.read_file,
    "WEBP": riff.read_webp,
    "AVIF": isobmff.read,
    "mov": isobmff.read,
    "matroska": matroska.read,
    "flac": xiph.read_flac,
    "ogg": xiph.read_ogg,
    "mp3": id3.read_file,
    "wav": riff.read_wav,
}


def interpret(found: Found, problem: str | None = None) -> FileMetadata:
    """What the texts mean."""
    entries = dict(found.texts)
    _unpack(entries)
    prompt = _graph(found, entries)
    workflow = _workflow_text(entries, has_graph=prompt is not None)
    parameters = _infotext(entries)
    source: str | None = None
    document: dict[str, Any] | None = None
    if prompt is not None or workflow is not None:
        source = "comfyui"
    elif (recognised := generators.recognise(entries)) is not None:
        source, document = recognised
    elif parameters is not None:
        source = generators.infotext_source(parameters)
    used = {_RAW}
    used |= {_PROMPT} if prompt is not None else set()
    used |= {_WORKFLOW} if workflow is not None else set()
    # In these formats a decoder turns the picture itself, whatever the EXIF says.
    is_turned = found.is_turned and found.container not in ("avif", "heif")
    return FileMetadata(
        container=found.container,
        width=found.height if is_turned else found.width,
        height=found.width if is_turned else found.height,
        duration=found.duration,
        fps=found.fps,
        source=source,
        prompt=prompt,
        workflow_text=workflow,
        prompt_raw=_prompt_raw(entries.get(_RAW)),
        parameters=parameters,
        document=document,
        extra={key: text for key, text in entries.items() if key not in used and text is not parameters},
        problem=problem,
    )


def _unpack(entries: dict[str, str]) -> None:
    """Lift out what a program packed into one text: a JSON object of other texts.

    VideoHelperSuite's older comments hold ``prompt`` and ``workflow``, some savers' UserComments too, each as an
    object or as JSON once more; NovelAI's hold all of its PNG texts.
    """
    for key in _CARRIERS:
        text = entries.get(key)
        if text is None or not any(name in text for name in _PACKED):
            continue
        packed = texts.json_object(text) if texts.looks_like_object(text) else None
        if packed is None:
            continue
        for name, value in packed.items():
            if name in (_PROMPT, _WORKFLOW, _RAW) and name not in entries and _is_packed_object(value):
                entries[name] = value if isinstance(value, str) else json.dumps(value)
            elif "Comment" in packed and isinstance(value, str):
                entries.setdefault(name.lower(), value)


def _is_packed_object(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, str) and texts.looks_like_object(value))


def _graph(found: Found, entries: dict[str, str]) -> dict[str, Any] | None:
    """The API-format graph: under its own key, else where some programs put it."""
    candidates = [text for key, text in reversed(found.texts) if key == _PROMPT]
    candidates += [entries[key] for key in (_PROMPT, _WORKFLOW, *_CARRIERS) if '"class_type"' in entries.get(key, "")]
    for text in dict.fromkeys(candidates):
        value = texts.json_object(text) if texts.looks_like_object(text) else None
        graph = None if value is None else nodes_of(value)
        if graph:
            return graph
    return None


def nodes_of(value: dict[str, Any]) -> dict[str, Any]:
    """The entries that are nodes of an API-format graph. Some programs keep other things beside them."""
    if all(_is_node(node) for node in value.values()):
        return value
    return {key: node for key, node in value.items() if _is_node(node)}


def _is_node(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and isinstance(value.get("class_type"), str)
        and isinstance(value.get("inputs", {}), dict)
    )


def _workflow_text(entries: dict[str, str], *, has_graph: bool) -> str | None:
    """The UI-format workflow: an object with a list of nodes. Beside a graph it is taken unparsed: it is the largest
    text by far, and of no use until somebody opens it."""
    for key in (_WORKFLOW, _PROMPT):
        text = entries.get(key, "")
        if texts.looks_like_object(text) and "nodes" in text and text.rstrip().endswith(("}", '}"')):
            if has_graph and key == _WORKFLOW and '"class_type"' not in text:
                return text
            value = texts.json_object(text)
            if value is not None and isinstance(value.get("nodes"), list):
                return text
    return None


def _infotext(entries: dict[str, str]) -> str | None:
    """The parameters as text. Under other keys than their own they are recognised by their form."""
    for key in _CARRIERS:
        text = entries.get(key)
        if text is None or texts.looks_like_object(text):
            continue
        if key == _PARAMETERS or "Steps: " in text or "\nNegative prompt:" in text:
            return text
    return None


def _prompt_raw(text: str | None) -> dict[str, str] | None:
    value = None if text is None else texts.json_object(text)
    if value is None:
        return None
    return {key: item for key, item in value.items() if isinstance(item, str)} or None
