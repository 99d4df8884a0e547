"""What the declarations of several core nodes have in common."""

from __future__ import annotations

from typing import Any

MAX_RESOLUTION = 16384
"""Largest width and height that nodes offer, in pixels."""

PREFIX_TOOLTIP = (
    "How the file's name begins. Folders are allowed, and so are %date:yyyy-MM-dd%, %width%, %height% and the like."
)

HIDDEN = {"prompt": "PROMPT", "extra_pnginfo": "EXTRA_PNGINFO"}
"""What a saving node gets beside its inputs."""


def pixels(default: int = 512, least: int = 1) -> tuple[str, dict[str, Any]]:
    """A length in pixels, as an input."""
    return ("INT", {"default": default, "min": least, "max": MAX_RESOLUTION, "step": 1})
