"""How much memory a single value may take, asked before it is made."""

from __future__ import annotations

from math import prod

MAX_VALUE_BYTES = 4 * 2**30
"""Most bytes of one IMAGE, MASK or clip."""

_FLOAT = 4  # bytes


class TooLarge(ValueError):
    """A value would be larger than `MAX_VALUE_BYTES`; the message says how large, and what to do."""


def check_size(what: str, *shape: int, limit: int = MAX_VALUE_BYTES) -> None:
    """Raise `TooLarge` when float32 values of `shape` would take more than `limit` bytes. `what` names them."""
    size = prod(shape) * _FLOAT
    if size > limit:
        raise TooLarge(
            f"{what} of {' x '.join(str(length) for length in shape)} values would take {_gib(size)}, more than the "
            f"{_gib(limit)} that one value may take. Ask for a smaller size or batch."
        )


def _gib(size: int) -> str:
    return f"{size / 2**30:,.1f} GiB"
