"""Thumbnails made ahead: in which order, and what is made no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from cozygen.media.ahead import Ahead, Wanted
from cozygen.media.pool import MediaUnavailable


class Thumbs:
    """Makes nothing until it is told to."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.cancelled: list[str] = []
        self.options: list[tuple[int, str, bool]] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.errors: dict[str, Exception] = {}

    async def get(self, path: Path, width: int, kind: str, *, background: bool = False) -> None:
        self.begun.append(path.name)
        self.options.append((width, kind, background))
        try:
            await self.gates.setdefault(path.name, asyncio.Event()).wait()
        except asyncio.CancelledError:
            self.cancelled.append(path.name)
            raise
        if path.name in self.errors:
            raise self.errors[path.name]

    async def finish(self, *names: str) -> None:
        for name in names:
            self.gates.setdefault(name, asyncio.Event()).set()
        await settle()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def wanted(names: str, width: int = 200) -> list[Wanted]:
    return [Wanted(Path("/x") / name, width, "jpeg") for name in names]


@pytest.fixture
def thumbs() -> Thumbs:
    return Thumbs()


@pytest.fixture
async def ahead(thumbs: Any) -> AsyncIterator[Ahead]:
    made = Ahead(thumbs)
    yield made
    await made.close()


async def test_a_few_at_a_time_in_their_order(ahead: Ahead, thumbs: Thumbs) -> None:
    assert ahead.want("ann", wanted("abcda")) == 4
    await settle()
    assert thumbs.begun == ["a", "b"]
    await thumbs.finish("b")
    await thumbs.finish("a", "c")
    assert thumbs.begun == ["a", "b", "c", "d"]
    assert set(thumbs.options) == {(200, "jpeg", True)}


async def test_what_was_asked_for_last_is_first(ahead: Ahead, thumbs: Thumbs) -> None:
    ahead.want("ann", wanted("abc"))
    ahead.want("eve", wanted("xy"))
    await settle()
    ahead.add([Path("/x/n"), Path("/x/m")])
    await thumbs.finish(*"abcdxynm")
    assert thumbs.begun == ["a", "b", "x", "y", "c", "m", "n"]


async def test_a_list_replaces_the_one_before(ahead: Ahead, thumbs: Thumbs) -> None:
    ahead.want("ann", wanted("abcd"))
    ahead.want("eve", wanted("x"))
    await settle()
    ahead.want("ann", wanted("bef"))
    await settle()
    assert thumbs.cancelled == ["a"]
    await thumbs.finish(*"abcdefx")
    assert thumbs.begun == ["a", "b", "e", "f", "x"]
    ahead.want("ann", wanted("gh"))
    await settle()
    assert ahead.want("ann", []) == 0
    await settle()
    assert thumbs.cancelled == ["a", "g", "h"]


async def test_another_width_is_another_thumbnail(ahead: Ahead, thumbs: Thumbs) -> None:
    ahead.want("ann", wanted("a"))
    await settle()
    ahead.want("ann", wanted("a", 300))
    await settle()
    assert (thumbs.cancelled, thumbs.options[-1][0]) == (["a"], 300)


async def test_new_files_get_what_is_usual(ahead: Ahead, thumbs: Thumbs) -> None:
    ahead.usual = 500, "avif"
    ahead.add([Path("/x/n")])
    await settle()
    assert thumbs.options == [(500, "avif", True)]


async def test_of_very_many_new_files_only_the_last(ahead: Ahead, thumbs: Thumbs) -> None:
    ahead.want("ann", wanted("ab"))
    ahead.add(Path("/x") / f"{number}" for number in range(1000))
    await thumbs.finish("a", "b", *(str(number) for number in range(1000)))
    for _ in range(600):
        await settle()
    assert len(thumbs.begun) == 502 and thumbs.begun[2] == "999"


@pytest.mark.parametrize("error", [FileNotFoundError("gone"), MediaUnavailable("no worker"), ValueError("a fault")])
async def test_one_that_fails_keeps_none_from_being_made(ahead: Ahead, thumbs: Thumbs, error: Exception) -> None:
    thumbs.errors["a"] = error
    ahead.want("ann", wanted("abc"))
    await thumbs.finish("a", "b")
    assert thumbs.begun == ["a", "b", "c"]


async def test_lists_of_very_many_callers(ahead: Ahead, thumbs: Thumbs) -> None:
    ahead.want("busy", wanted("ab"))
    for number in range(150):
        ahead.want(f"caller {number}", [Wanted(Path(f"/x/{number}"), 200, "jpeg")])
    await thumbs.finish("a", "b", *(str(number) for number in range(150)))
    for _ in range(200):
        await settle()
    assert len(thumbs.begun) == 102 and "0" not in thumbs.begun


async def test_nothing_is_made_after_the_end(thumbs: Any) -> None:
    ahead = Ahead(thumbs)
    ahead.want("ann", wanted("abc"))
    await settle()
    await ahead.close()
    ahead.want("ann", wanted("d"))
    ahead.add([Path("/x/e")])
    await settle()
    assert (thumbs.begun, sorted(thumbs.cancelled)) == (["a", "b"], ["a", "b"])
