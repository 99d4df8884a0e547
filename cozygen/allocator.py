"""How much of the memory that was needed for a moment the studio's process keeps for later."""

from __future__ import annotations

import ctypes
import os
import sys

# mallopt(3) of the GNU C library.
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8
_SETTINGS = {_ARENA_MAX: 2, _MMAP_THRESHOLD: 2 << 20, _TRIM_THRESHOLD: 8 << 20}
_VARIABLES = ("MALLOC_ARENA_MAX", "MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")


def economise() -> bool:
    """Have freed memory given back to the system soon; whether that could be arranged.

    By itself the GNU C library keeps as much for each thread as the largest thing was that ever was in memory: with a
    million files a few answers come to a hundred megabytes. Other systems, and who set one of its environment
    variables, are left alone.
    """
    if sys.platform != "linux" or any(name in os.environ for name in _VARIABLES):
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    return all(mallopt(option, value) == 1 for option, value in _SETTINGS.items())
