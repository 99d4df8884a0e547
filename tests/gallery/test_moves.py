"""The log of moves: old names lead to where a file is now, and back."""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine

from cozygen.gallery import moves
from cozygen.storage.tables import metadata

SOURCE = "output"


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as connection:
        yield connection
    engine.dispose()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """A clock that goes on by 10 seconds at every move."""
    now = [0.0]

    def tick() -> float:
        now[0] += 10.0
        return now[0]

    monkeypatch.setattr(moves, "time", SimpleNamespace(time=tick))
    return now


def split(path: str) -> tuple[str, str]:
    subfolder, _, name = path.rpartition("/")
    return subfolder, name


def move(connection: Connection, before: str, after: str, source: str = SOURCE) -> None:
    moves.note(connection, source, [(split(before), split(after))])


@pytest.mark.usefixtures("clock")
def test_a_file_that_was_never_moved(connection: Connection) -> None:
    assert moves.path_now(connection, SOURCE, "a/b.png", 0.0) == "a/b.png"
    assert moves.stays(connection, SOURCE, "a/b.png") == [moves.Stay("a/b.png", -math.inf, math.inf)]


@pytest.mark.usefixtures("clock")
def test_from_name_to_name_and_with_its_folder(connection: Connection) -> None:
    move(connection, "a/1.png", "b/2.png")
    moves.note_folder(connection, SOURCE, "b", "c/d")
    moves.note_folder(connection, SOURCE, "c", "e")
    move(connection, "e/d/2.png", "3.png")
    move(connection, "a/1.png", "elsewhere.png", source="input")
    assert moves.path_now(connection, SOURCE, "a/1.png", 5.0) == "3.png"
    assert moves.path_now(connection, SOURCE, "b/2.png", 15.0) == "3.png"
    assert moves.path_now(connection, SOURCE, "b/2.png", 25.0) == "b/2.png"
    assert moves.stays(connection, SOURCE, "3.png") == [
        moves.Stay("3.png", 40.0, math.inf),
        moves.Stay("e/d/2.png", 30.0, 40.0),
        moves.Stay("c/d/2.png", 20.0, 30.0),
        moves.Stay("b/2.png", 10.0, 20.0),
        moves.Stay("a/1.png", -math.inf, 10.0),
    ]


@pytest.mark.usefixtures("clock")
def test_a_name_that_is_used_again(connection: Connection) -> None:
    move(connection, "a.png", "b.png")
    move(connection, "a.png", "c.png")
    assert moves.path_now(connection, SOURCE, "a.png", 5.0) == "b.png"
    assert moves.path_now(connection, SOURCE, "a.png", 15.0) == "c.png"
    assert moves.path_now(connection, SOURCE, "a.png", 25.0) == "a.png"
    assert moves.stays(connection, SOURCE, "a.png") == [moves.Stay("a.png", 20.0, math.inf)]
    assert moves.stays(connection, SOURCE, "c.png")[1] == moves.Stay("a.png", 10.0, 20.0)
    assert moves.stays(connection, SOURCE, "b.png")[1] == moves.Stay("a.png", -math.inf, 10.0)


@pytest.mark.usefixtures("clock")
def test_there_and_back(connection: Connection) -> None:
    move(connection, "a.png", "b.png")
    move(connection, "b.png", "a.png")
    assert moves.path_now(connection, SOURCE, "a.png", 5.0) == "a.png"
    assert [stay.path for stay in moves.stays(connection, SOURCE, "a.png")] == ["a.png", "b.png", "a.png"]


@pytest.mark.usefixtures("clock")
def test_a_file_is_no_folder(connection: Connection) -> None:
    move(connection, "a", "b")  # a file without an extension
    assert moves.path_now(connection, SOURCE, "a/1.png", 5.0) == "a/1.png"
    assert len(moves.stays(connection, SOURCE, "b/1.png")) == 1


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", "x/a", "x/b", "y/a"])), max_size=12))
def test_every_old_name_leads_to_its_file(steps: list[tuple[int, str]]) -> None:
    """Some files are moved about between few names, and new ones come where names are free."""
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.connect() as connection, pytest.MonkeyPatch.context() as patch:
        time = [0.0]
        patch.setattr(moves, "time", SimpleNamespace(time=lambda: time[0]))
        at: dict[str, int] = {}
        told: list[tuple[int, str, float]] = []
        for number, (chosen, target) in enumerate(steps):
            time[0] = 10.0 * number
            names = sorted(at)
            if chosen < len(names) and target not in at:
                move(connection, names[chosen], target)
                at[target] = at.pop(names[chosen])
            elif target not in at:
                at[target] = number
            told += [(file, path, time[0] + 5.0) for path, file in at.items()]
        for file, path, moment in told:
            now = moves.path_now(connection, SOURCE, path, moment)
            assert at[now] == file
            assert any(s.path == path and s.since <= moment < s.until for s in moves.stays(connection, SOURCE, now))
    engine.dispose()
