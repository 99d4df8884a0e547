"""What is known of the request under way: set by the middlewares, read by whoever needs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

T = TypeVar("T")

ANYBODY = "default"
"""The user where nobody signs in."""

request_id: ContextVar[str] = ContextVar("request_id", default="-")
user: ContextVar[str] = ContextVar("user", default=ANYBODY)


@contextmanager
def holding(variable: ContextVar[T], value: T) -> Iterator[None]:
    """Give a variable a value for the duration of a request: a connection has many, one after the other."""
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)
