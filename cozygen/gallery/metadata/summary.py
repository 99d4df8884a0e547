"""One account of how a file was generated, whichever program made it."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import TypedDict

from cozygen.gallery.metadata import comfyui, generators, infotext, workflow
from cozygen.gallery.metadata.model import FileMetadata, Summary

_UNKNOWN = (None, "", ())
_NOTHING = Summary()


class WireMeta(TypedDict):
    """The ``meta`` of a file in the gallery's listing."""

    model: str | None
    prompt: str
    loras: list[str]
    has_prompt: bool


def summarise(metadata: FileMetadata) -> Summary:
    """How the file was generated, as far as its metadata say. Never fails.

    A ComfyUI graph says it best; a UI-format workflow, which has no names for its values, is the next best. Where
    either leaves something open, the program's own parameters beside it fill in.
    """
    summary = _NOTHING
    if metadata.prompt is not None:
        summary = comfyui.summarise(metadata.prompt)
    elif metadata.workflow_text is not None and (ui_format := metadata.workflow) is not None:
        summary = comfyui.summarise(workflow.to_prompt(ui_format))
    if metadata.document is not None:
        summary = _filled(summary, generators.summarise(metadata.document))
    if metadata.parameters is not None:
        summary = _filled(summary, infotext.summarise(metadata.parameters))
    if summary.size is None and metadata.has_prompt and metadata.width and metadata.height:
        summary = replace(summary, size=(metadata.width, metadata.height))
    return summary


def wire_meta(summary: Summary) -> WireMeta:
    """What a listing shows of a file that has prompt metadata."""
    return {
        "model": summary.models[0] if summary.models else None,
        "prompt": summary.positive,
        "loras": [lora.name for lora in summary.loras],
        "has_prompt": True,
    }


def _filled(summary: Summary, other: Summary) -> Summary:
    """The summary, with what it leaves open taken from another."""
    if summary == _NOTHING:
        return other
    missing = [item.name for item in fields(Summary) if getattr(summary, item.name) in _UNKNOWN]
    return replace(summary, **{name: getattr(other, name) for name in missing})
