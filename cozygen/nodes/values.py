"""Values that a form's fields hold, as the types that they stand for. The messages are for people."""

from __future__ import annotations

import math
from collections.abc import Sequence

LARGEST = 2.0**64
"""Bound of numbers: above the largest seed that is in use (2**64 - 1)."""

Value = str | int | float | bool

_TRUE = ("true", "1", "yes", "on")
_FALSE = ("false", "0", "no", "off", "")


class WrongValue(ValueError):
    """A value is not of its type, or out of its range."""


def integer(value: object) -> int:
    """A whole number, also from text (``"20"``, ``"2e3"``). Raises `WrongValue`."""
    number = _number(value)
    if isinstance(number, float) and not number.is_integer():
        raise WrongValue(f"{_quoted(value)} is not a whole number")
    return int(number)


def real(value: object) -> float:
    """A number, also from text. Raises `WrongValue`, as for NaN and infinity."""
    return float(_number(value))


def _number(value: object) -> int | float:
    number: int | float
    if isinstance(value, str):
        try:
            number = int(value)
        except ValueError:
            try:
                number = float(value)
            except ValueError:
                raise WrongValue(f"{_quoted(value)} is not a number") from None
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = value
    else:
        raise WrongValue(f"{_quoted(value)} is not a number")
    if isinstance(number, float) and not math.isfinite(number):
        raise WrongValue(f"{_quoted(value)} is not a number")
    if abs(number) > LARGEST:
        raise WrongValue(f"{_quoted(value)} is too large")
    return number


def boolean(value: object) -> bool:
    """True or false, also from text (``true``, ``1``, ``yes``, ``on`` and their opposites). Raises `WrongValue`."""
    text = str(value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise WrongValue(f"{_quoted(value)} is neither true nor false")


def choice(value: Value, choices: Sequence[Value]) -> Value:
    """One of `choices`, anything when there are none. Raises `WrongValue`."""
    if choices and value not in choices:
        raise WrongValue(f"{_quoted(value)} is not one of the choices ({', '.join(map(str, choices))[:200]})")
    return value


def listed(text: object) -> list[str]:
    """The choices in a text, separated by commas."""
    return [part.strip() for part in str(text or "").split(",") if part.strip()]


def within(value: float, low: object, high: object) -> None:
    """Check the bounds, which count only when `low` is below `high`. Raises `WrongValue`."""
    least, most = real(low), real(high)
    if least < most and not least <= value <= most:
        raise WrongValue(f"{value:g} is not between {least:g} and {most:g}")


def _quoted(value: object) -> str:
    try:
        text = str(value)
    except ValueError:  # an integer too long to print
        return "the value"
    return f'"{text if len(text) <= 60 else text[:60] + "…"}"'
