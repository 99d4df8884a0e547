"""What is noted in the database: every step has an inverse, and steps end."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, create_engine, select, update

from cozygen.gallery import marks, undo
from cozygen.gallery.content import content_key
from cozygen.gallery.marks import AlbumExists, AlbumMissing, Identity
from cozygen.storage.tables import album_items, albums, mark_tags, metadata, outputs, undo_steps
from cozygen.storage.tables import marks as marks_table


@pytest.fixture
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    with engine.begin() as made:
        metadata.create_all(made)
        yield made
    engine.dispose()


def identity(name: str, subfolder: str = "") -> Identity:
    return Identity(subfolder, name, 1, 2, name)


def state(connection: Connection) -> Any:
    """All that is noted, but for when."""
    found = []
    for table in (marks_table, mark_tags, albums, album_items):
        rows = connection.execute(select(*(c for c in table.c if not c.name.endswith("_at"))))
        found.append(sorted(tuple(str(value) for value in row) for row in rows))
    return found


ids = st.lists(st.integers(1, 5), max_size=4, unique=True)
steps: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.builds(lambda found, value: {"set": {"rating": [[mark, value] for mark in found]}}, ids, st.integers(0, 5)),
    st.builds(lambda found, value: {"set": {"favorite": [[mark, value] for mark in found]}}, ids, st.booleans()),
    st.builds(lambda found, tag: {"tag": {tag: found}}, ids, st.sampled_from(["fox", "Fox", "owl"])),
    st.builds(lambda found, tag: {"untag": {tag: found}}, ids, st.sampled_from(["fox", "Fox", "owl"])),
    st.builds(lambda found: {"join": {"1": [[mark, None] for mark in found]}}, ids),
    st.builds(lambda found: {"leave": {"1": found}}, ids),
    st.builds(lambda found: {"places": {"1": [[mark, 10 - mark] for mark in found]}}, ids),
    st.builds(lambda name: {"edit": [[1, {"name": name}]]}, st.sampled_from(["A", "B"])),
    st.builds(lambda mark: {"edit": [[1, {"cover": mark}]]}, st.integers(1, 4)),
    st.just({"drop": [2]}),
    st.builds(
        lambda found: {
            "set": {"hidden": [[mark, True] for mark in found]},
            "tag": {"both": found},
            "untag": {"fox": found},
        },
        ids,
    ),
)


@settings(suppress_health_check=list(HealthCheck), deadline=None)
@given(st.lists(steps, min_size=1, max_size=8))
def test_steps_taken_back_in_turn_leave_everything_as_it_was(made: list[dict[str, Any]]) -> None:
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        created = marks.create(connection, "output", [identity(f"{number}.png") for number in range(4)])
        assert created == [1, 2, 3, 4]
        for name, members in (("First", [1, 2]), ("Second", [3, 1])):
            _, step = marks.album_step(connection, name, members)
            marks.apply(connection, step)
        marks.apply(connection, {"tag": {"fox": [1, 2]}})
        states, inverses = [state(connection)], []
        for step in made:
            inverse = json.loads(json.dumps(marks.apply(connection, json.loads(json.dumps(step)))))
            assert bool(inverse) == (state(connection) != states[-1])
            if inverse:
                inverses.append(inverse)
                states.append(state(connection))
        redone = []
        for inverse, before in zip(reversed(inverses), states[-2::-1], strict=True):
            redone.append(marks.apply(connection, inverse))
            assert state(connection) == before
        for again, after in zip(reversed(redone), states[1:], strict=True):
            marks.apply(connection, again)
            assert state(connection) == after
    engine.dispose()


def test_albums_have_names_of_their_own(connection: Connection) -> None:
    _, step = marks.album_step(connection, "Straße", [])
    marks.apply(connection, step)
    _, step = marks.album_step(connection, "STRASSE", [])
    with pytest.raises(AlbumExists):
        marks.apply(connection, step)
    with pytest.raises(AlbumMissing):
        marks.apply(connection, {"edit": [[7, {"name": "x"}]]})
    with pytest.raises(AlbumMissing):
        marks.apply(connection, {"join": {"7": [[1, None]]}})


def test_ids_are_never_used_twice(connection: Connection) -> None:
    first = marks.create(connection, "output", [identity("1.png")])
    marks.tidy(connection, time.time() + 1)
    assert marks.load(connection, "output", first) == []
    assert marks.create(connection, "output", [identity("2.png")]) != first
    id, step = marks.album_step(connection, "A", [])
    inverse = marks.apply(connection, step)
    marks.apply(connection, inverse)
    assert marks.album_step(connection, "B", [])[0] == id + 1


def test_only_what_says_nothing_is_tidied_away(connection: Connection) -> None:
    created = marks.create(connection, "output", [identity(f"{number}.png") for number in range(5)])
    _, step = marks.album_step(connection, "A", [created[0]])
    marks.apply(connection, step)
    marks.apply(
        connection, {"tag": {"t": [created[1]]}, "set": {"rating": [[created[2], 1]], "hidden": [[created[3], True]]}}
    )
    marks.tidy(connection, time.time() - 60)
    assert len(marks.load(connection, "output", created)) == 5
    marks.tidy(connection, time.time() + 60)
    assert [mark.id for mark in marks.load(connection, "output", created)] == created[:4]
    assert len(marks.load(connection, "output")) == 4
    assert marks.load(connection, "input") == []


def test_what_is_known_of_places_follows(connection: Connection) -> None:
    created = marks.create(
        connection, "output", [identity("1.png", "a"), identity("2.png", "a/b"), identity("3.png", "ab")]
    )
    for subfolder, filename in (("a", "1.png"), ("a/b", "2.png"), ("ab", "3.png"), ("x/b", "2.png")):
        values = {
            "subfolder": subfolder,
            "filename": filename,
            "prompt_id": subfolder,
            "node_id": "",
            "created_at": 0.0,
        }
        connection.execute(outputs.insert().values(values))
    marks.follow(connection, "output", [(("a", "1.png"), ("x", "new.png"))])
    marks.follow_folder(connection, "output", "a", "x")
    places = [(mark.file.subfolder, mark.file.filename) for mark in marks.load(connection, "output", created)]
    assert places == [("x", "new.png"), ("x/b", "2.png"), ("ab", "3.png")]
    rows = connection.execute(select(outputs.c.subfolder, outputs.c.filename, outputs.c.prompt_id)).all()
    assert sorted(map(tuple, rows)) == [("ab", "3.png", "ab"), ("x", "new.png", "a"), ("x/b", "2.png", "a/b")]


@pytest.mark.parametrize(
    ("moved", "before", "wanted"),
    [
        ([3], 1, [3, 1, 2]),
        ([1], None, [2, 3, 1]),
        ([3, 2], 1, [3, 2, 1]),
        ([1], 1, [2, 3, 1]),
        ([9], 1, [1, 2, 3]),
        ([2, 2], 9, [1, 3, 2]),
    ],
)
def test_an_order_is_changed(moved: list[int], before: int | None, wanted: list[int]) -> None:
    assert marks.reorder([1, 2, 3], moved, before) == wanted


# Undo


def kind_of(connection: Connection, user: str, token: str) -> str | None:
    step = undo.find(connection, user, token)
    return None if step is None else step.kind


def test_a_step_is_taken_once_by_its_owner(connection: Connection) -> None:
    token = undo.push(connection, "ada", "notes", {"a": 1})
    assert kind_of(connection, "eve", token) is None
    assert undo.take(connection, "eve", token) is None
    assert kind_of(connection, "ada", token) == "notes"
    step = undo.take(connection, "ada", token)
    assert step is not None and step.data == {"a": 1}
    assert undo.take(connection, "ada", token) is None
    undo.put_back(connection, "ada", step)
    assert undo.take(connection, "ada", token) == step


def test_old_steps_go(connection: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    old = undo.push(connection, "ada", "notes", {})
    kept = undo.push(connection, "ada", "files", {}, pending=True)
    connection.execute(update(undo_steps).values(created_at=time.time() - undo.KEPT_SECONDS - 1))
    assert undo.take(connection, "ada", old) is None
    undo.push(connection, "ada", "notes", {})
    assert [step.token for step in undo.pending(connection)] == [kept]
    assert undo.take(connection, "ada", kept) is None
    monkeypatch.setattr(undo, "_MOST", 3)
    tokens = [undo.push(connection, "ada", "notes", {}) for _ in range(6)]
    assert [kind_of(connection, "ada", token) for token in tokens] == [
        None,
        None,
        "notes",
        "notes",
        "notes",
        "notes",
    ]


def test_a_pending_step_is_settled(connection: Connection) -> None:
    token = undo.push(connection, "ada", "files", {"plan": 1}, pending=True)
    undo.settle(connection, token, {"done": 1})
    assert undo.pending(connection) == []
    step = undo.take(connection, "ada", token)
    assert step is not None and step.data == {"done": 1}
    nothing = undo.push(connection, "ada", "files", {}, pending=True)
    undo.settle(connection, nothing, None)
    assert kind_of(connection, "ada", nothing) is None


# Content


def test_content_is_told_apart_wherever_it_differs(tmp_path: Path) -> None:
    path = tmp_path / "file"
    keys = set()
    for data in (
        b"",
        b"a",
        b"b",
        b"aa",
        bytes(131_072),
        bytes(131_071) + b"x",
        bytes(3_000_000),
        b"x" + bytes(2_999_999),
        bytes(2_999_999) + b"x",
    ):
        path.write_bytes(data)
        keys.add(content_key(path))
    assert len(keys) == 9
    assert all(len(key) == 40 for key in keys)
    other = tmp_path / "other"
    other.write_bytes(path.read_bytes())
    assert content_key(other) == content_key(path)
    with pytest.raises(OSError):
        content_key(tmp_path)
