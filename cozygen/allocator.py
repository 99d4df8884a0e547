"""How much of the memory that was needed for a moment the studio's process keeps for later."""

from __future__ import annotations

import ctypes
import os
import sys

# mallopt(3) of the GNU C library.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
# A lower threshold for maps of their own would give memory back sooner, but every large answer would then fault its
# pages in anew, and threads that hold the interpreter meanwhile keep the event loop waiting.
_SETTINGS = {_ARENA_MAX: 2, _MMAP_THRESHOLD: 32 << 20, _TRIM_THRESHOLD: 64 << 20}
_VARIABLES = ("MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


def economise() -> bool:
    """Have threads share what they keep of freed memory; whether that could be arranged.

    By itself the GNU C library keeps a heap for each of many threads: with a million files a few answers come to a
    hundred megabytes. Other systems, and who set one of its environment
    variables, are left alone.
    """
    if sys.platform != "linux" or any(name in os.environ for name in _VARIABLES):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(option, value) == 1 for option, value in _SETTINGS.items())
