"""The prompt and the workflow inside of what was made from them, in the places where ComfyUI puts them.

PNG: a ``tEXt`` chunk for each key. Animated PNG: private ``comf`` chunks, ``key NUL JSON``. WebP: EXIF strings
``key:JSON``, the prompt in Model (0x0110), the others from Make (0x010F) downwards. MP4 and WebM: a tag for each key.
GIF: a comment that is one JSON object.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

_LONGEST_KEY = 79  # bytes, of a key in PNG
_MODEL = 0x0110
_DESCRIPTIVE_TAGS = range(0x010F, 0x010A, -1)  # below are tags that hold numbers
_PRIVATE_TAGS = range(0xFDE8, 0xFFFE)


def texts(prompt: Any, extra: Any) -> dict[str, str]:
    """What to embed: key -> JSON in ASCII, with the prompt first, then each key of `extra` (``extra_pnginfo``).

    Keys that no PNG could hold (empty, longer than 79 bytes, not Latin-1, with control characters) are left out.
    """
    found = {} if prompt is None else {"prompt": json.dumps(prompt)}
    for key, value in extra.items() if isinstance(extra, Mapping) else ():
        if isinstance(key, str) and _is_key(key):
            found.setdefault(key, json.dumps(value))
    return found


def _is_key(key: str) -> bool:
    return 0 < len(key) <= _LONGEST_KEY and key.isprintable() and all(ord(letter) < 256 for letter in key)


def png_info(found: Mapping[str, str]) -> PngInfo:
    """As the text chunks of a still PNG."""
    info = PngInfo()
    for key, value in found.items():
        info.add_text(key, value)
    return info


def apng_info(found: Mapping[str, str]) -> PngInfo:
    """As the private chunks of an animated PNG, which follow the first frame."""
    info = PngInfo()
    for key, value in found.items():
        info.add(b"comf", key.encode("latin-1") + b"\0" + value.encode("latin-1"), after_idat=True)
    return info


def exif(found: Mapping[str, str]) -> Image.Exif:
    """As the EXIF of a WebP."""
    block = Image.Exif()
    tags: Iterator[int] = chain(_DESCRIPTIVE_TAGS, _PRIVATE_TAGS)
    for key, value in found.items():
        block[_MODEL if key == "prompt" else next(tags)] = f"{key}:{value}"
    return block


def comment(found: Mapping[str, str]) -> bytes:
    """As the comment of a GIF; empty when there is nothing to say."""
    return "{{{}}}".format(", ".join(f"{json.dumps(k)}: {v}" for k, v in found.items())).encode() if found else b""
