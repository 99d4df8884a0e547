"""XMP packets (ISO 16684-1): the few properties that generators use, found without an XML parser, whose entities
a hostile file could turn into gigabytes.

Draw Things writes its parameters as JSON in ``exif:UserComment`` and itself as ``xmp:CreatorTool``.
"""

from __future__ import annotations

import html
import re

from cozygen.gallery.metadata import texts
from cozygen.gallery.metadata.found import Found

_PROPERTIES = {
    "exif:UserComment": "usercomment",
    "xmp:CreatorTool": "software",
    "dc:description": "description",
    "tiff:ImageDescription": "imagedescription",
    "parameters": "parameters",
}
_TAG = re.compile(r"<[^<>]*>")


def read(found: Found, packet: bytes) -> None:
    """Gather the texts of a packet."""
    text = texts.decode(packet)
    for name, key in _PROPERTIES.items():
        value = _element(text, name) or _attribute(text, name)
        if value:
            found.add(key, html.unescape(value))


def _element(text: str, name: str) -> str:
    """The text within ``<name>``; of a list of alternatives the first."""
    start = text.find(f"<{name}>")
    start = text.find(f"<{name} ") if start < 0 else start
    end = text.find(f"</{name}>", start)
    if start < 0 or end < 0:
        return ""
    content = text[text.find(">", start) + 1 : end]
    first, has_items, _ = content.partition("</rdf:li>")
    return _TAG.sub("", first if has_items else content).strip()


def _attribute(text: str, name: str) -> str:
    start = text.find(f' {name}="')
    if start < 0:
        return ""
    start += len(name) + 3
    end = text.find('"', start)
    return text[start:end].strip() if end > 0 else ""
