"""Which files are media, by their names: the kinds of the gallery and the content types that are safe to serve."""

from __future__ import annotations

from typing import Literal

MediaKind = Literal["image", "video", "audio"]

# SVG stays out: it is a document that can carry scripts.
_TYPES: dict[str, tuple[MediaKind, str]] = {
    "png": ("image", "image/png"),
    "apng": ("image", "image/apng"),
    "jpg": ("image", "image/jpeg"),
    "jpeg": ("image", "image/jpeg"),
    "gif": ("image", "image/gif"),
    "webp": ("image", "image/webp"),
    "bmp": ("image", "image/bmp"),
    "tif": ("image", "image/tiff"),
    "tiff": ("image", "image/tiff"),
    "avif": ("image", "image/avif"),
    "mp4": ("video", "video/mp4"),
    "webm": ("video", "video/webm"),
    "mov": ("video", "video/quicktime"),
    "mkv": ("video", "video/x-matroska"),
    "mp3": ("audio", "audio/mpeg"),
    "wav": ("audio", "audio/wav"),
    "flac": ("audio", "audio/flac"),
    "ogg": ("audio", "audio/ogg"),
    "opus": ("audio", "audio/ogg"),
    "m4a": ("audio", "audio/mp4"),
}


def extensions(kind: MediaKind | None = None) -> frozenset[str]:
    """The extensions (lower case, without dot) of one kind, or of all."""
    return frozenset(extension for extension, entry in _TYPES.items() if kind in (None, entry[0]))


def media_kind(name: str) -> MediaKind | None:
    """The kind of the file of this name or path, None when it is no medium of the gallery."""
    entry = _TYPES.get(_extension(name))
    return None if entry is None else entry[0]


def content_type(name: str) -> str:
    """The content type to serve the file of this name with.

    What is no medium is ``application/octet-stream``, so that no browser takes it for a page or a script.
    """
    entry = _TYPES.get(_extension(name))
    return "application/octet-stream" if entry is None else entry[1]


def _extension(name: str) -> str:
    stem, _, extension = name.replace("\\", "/").rpartition("/")[2].rpartition(".")
    return extension.lower() if stem else ""
