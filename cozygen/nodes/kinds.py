"""Types of inputs and outputs that fit more than their own name. ComfyUI tells types apart by ``!=``."""

from __future__ import annotations


class AnyType(str):
    """A type that is equal to every other, so that an output of it fits any input."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


class NumberType(str):
    """FLOAT for an input that takes whole numbers from other nodes as well.

    Types are told apart by ``!=`` alone; to be equal to INT as well would have fractions cut off.
    """

    def __ne__(self, other: object) -> bool:
        return other not in ("INT", "FLOAT")


ANY = AnyType("*")
NUMBER = NumberType("FLOAT")
