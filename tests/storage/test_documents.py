from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cozygen
from cozygen.storage.documents import (
    MAX_BYTES,
    DocumentBusy,
    DocumentInvalid,
    DocumentStore,
    DocumentUnavailable,
)
from cozygen.storage.jsons import Json
from cozygen.storage.paths import BadName

PACKAGE = Path(cozygen.__file__).parents[1]


@pytest.fixture
def store(tmp_path: Path) -> DocumentStore:
    return DocumentStore(tmp_path / "documents")


def put(store: DocumentStore, name: str, data: bytes) -> None:
    store.folder.mkdir(exist_ok=True)
    (store.folder / f"{name}.json").write_bytes(data)


def raw(store: DocumentStore, name: str) -> bytes:
    return (store.folder / f"{name}.json").read_bytes()


# --- reading and writing -----------------------------------------------------------------------------------------


def test_an_absent_document_is_the_default(store: DocumentStore) -> None:
    assert store.read("aliases", {"items": {}}) == {"items": {}}
    assert store.read("aliases") is None
    assert not store.folder.exists()


def test_what_was_stored_is_read(store: DocumentStore) -> None:
    value = {"items": {"größe": "a, b"}, "n": [1, 2.5, None, True], "lone": "\ud800"}
    assert store.replace("aliases", value) == value
    assert store.read("aliases") == value
    assert DocumentStore(store.folder).read("aliases") == value


def test_update_changes_what_is_there(store: DocumentStore) -> None:
    def count(value: Json) -> Json:
        value["n"] += 1
        return value

    default = {"n": 0}
    assert store.update("counter", count, default=default) == {"n": 1}
    assert store.update("counter", count, default=default) == {"n": 2}
    assert default == {"n": 0}


def test_the_answer_is_what_was_stored(store: DocumentStore) -> None:
    assert store.replace("keys", {1: (2, 3)}) == {"1": [2, 3]}
    mine: dict[str, Any] = {"list": []}
    answer = store.replace("own", mine)
    mine["list"].append("changed later")
    assert answer == store.read("own") == {"list": []}


def test_people_can_read_small_documents_and_large_ones_are_compact(store: DocumentStore) -> None:
    store.replace("small", {"a": {"b": "ü"}})
    assert raw(store, "small").decode() == '{\n "a": {\n  "b": "ü"\n }\n}\n'
    store.replace("large", ["x" * 100] * 5000)
    assert b"\n" not in raw(store, "large")
    assert store.read("large") == ["x" * 100] * 5000


def test_a_change_that_raises_stores_nothing(store: DocumentStore) -> None:
    store.replace("doc", 1)
    with pytest.raises(ZeroDivisionError):
        store.update("doc", lambda value: value / 0)
    assert store.read("doc") == 1
    assert store.replace("doc", 2) == 2  # the locks are free again


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {"a": [float("-inf")]}, object(), {"a": {1, 2}}, b"bytes", "x" * MAX_BYTES]
)
def test_what_is_no_json_or_too_large_is_refused(store: DocumentStore, value: object) -> None:
    store.replace("doc", "old")
    with pytest.raises(DocumentInvalid):
        store.replace("doc", value)
    assert store.read("doc") == "old"


def test_endless_nesting_is_refused(store: DocumentStore) -> None:
    circle: list[Any] = []
    circle.append(circle)
    deep: Json = []
    for _ in range(100_000):
        deep = [deep]
    for value in (circle, deep):
        with pytest.raises(DocumentInvalid):
            store.replace("doc", value)


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "A", "-x", "a.json", "a\n", "x" * 65, "a\0", "é"])
def test_names(store: DocumentStore, name: str) -> None:
    with pytest.raises(BadName):
        store.read(name)
    with pytest.raises(BadName):
        store.replace(name, 1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@given(value=JSON)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_property_any_json_comes_back(store: DocumentStore, value: Json) -> None:
    assert store.replace("any", value) == value
    assert store.read("any") == value
    json.loads(raw(store, "any"), parse_constant=pytest.fail)


# --- damage ------------------------------------------------------------------------------------------------------

DAMAGE = [
    b"",
    b"{",
    b'{"a": 1',
    b"\xff\xfe{}",
    b"[NaN]",
    b"[1e999]",
    b"null null",
    b"[" * 100_000,
    b" " * (MAX_BYTES + 1),
]


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda data: repr(data[:8]))
def test_a_damaged_document_is_kept_and_the_last_good_value_returns(
    store: DocumentStore, damage: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    store.replace("aliases", {"old": "1"})
    store.replace("aliases", {"good": "2"})
    put(store, "aliases", damage)
    with caplog.at_level(logging.ERROR):
        assert store.read("aliases", {}) == {"good": "2"}
    (kept,) = store.set_aside()
    assert kept.name.startswith("aliases.corrupt-")
    assert kept.read_bytes() == damage
    assert kept.name in caplog.text
    assert store.read("aliases", {}) == {"good": "2"}
    assert len(store.set_aside()) == 1


def test_damage_without_an_earlier_value(store: DocumentStore) -> None:
    put(store, "aliases", b"not json")
    assert store.read("aliases", {}) == {}
    assert [path.read_bytes() for path in store.set_aside()] == [b"not json"]
    assert store.replace("aliases", {"a": "b"}) == {"a": "b"}


def test_damage_found_by_an_update(store: DocumentStore) -> None:
    store.replace("counter", 5)
    put(store, "counter", b"5 5")
    assert store.update("counter", lambda value: value + 1, default=0) == 6
    assert len(store.set_aside()) == 1


def test_both_copies_damaged(store: DocumentStore) -> None:
    store.replace("doc", 1)
    put(store, "doc", b"?")
    (store.folder / "doc.json.bak").write_bytes(b"!")
    assert store.read("doc", "default") == "default"
    assert len(store.set_aside()) == 1


def test_damage_where_files_cannot_have_two_names(store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path, target: Path) -> None:
        raise OSError("no hard links here")

    monkeypatch.setattr(Path, "hardlink_to", refuse)
    store.replace("doc", 1)
    put(store, "doc", b"?")
    assert store.read("doc") == 1
    assert [path.read_bytes() for path in store.set_aside()] == [b"?"]


def test_an_editor_that_is_still_saving(store: DocumentStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store.replace("doc", "old")
    put(store, "doc", b'"ne')
    monkeypatch.setattr("time.sleep", lambda seconds: put(store, "doc", b'"new"'))
    assert store.read("doc") == "new"
    assert store.set_aside() == []


def test_many_readers_meet_damage_at_once(store: DocumentStore) -> None:
    store.replace("doc", "good")
    put(store, "doc", b"?")
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: store.read("doc"), range(8))) == ["good"] * 8
    assert len(store.set_aside()) == 1


def test_an_edit_by_hand_counts(store: DocumentStore) -> None:
    put(store, "aliases", '\ufeff{"ä": 1}\r\n'.encode())
    assert store.read("aliases") == {"ä": 1}


def test_a_deleted_document_is_absent(store: DocumentStore) -> None:
    store.replace("doc", 1)
    (store.folder / "doc.json").unlink()
    assert store.read("doc", "default") == "default"


def test_the_disk_refuses(store: DocumentStore, tmp_path: Path) -> None:
    store.folder.mkdir()
    (store.folder / "doc.json").mkdir()
    with pytest.raises(DocumentUnavailable):
        store.read("doc")
    with pytest.raises(DocumentUnavailable):
        store.replace("doc", 1)
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DocumentUnavailable):
        DocumentStore(tmp_path / "file").replace("doc", 1)


# --- several writers ---------------------------------------------------------------------------------------------


def increment(value: Json) -> Json:
    return {"n": value["n"] + 1}


def test_threads_lose_no_update(store: DocumentStore) -> None:
    other = DocumentStore(store.folder)
    with ThreadPoolExecutor(8) as pool:
        for future in [
            pool.submit((store, other)[number % 2].update, "counter", increment, default={"n": 0})
            for number in range(80)
        ]:
            future.result()
    assert store.read("counter") == {"n": 80}


COUNTER = """
import sys
from pathlib import Path
from cozygen.storage.documents import DocumentStore
store = DocumentStore(Path(sys.argv[1]))
for _ in range(int(sys.argv[2])):
    value = store.update("counter", lambda value: {"n": value["n"] + 1, "pad": "x" * 5000}, default={"n": 0})
    print(value["n"], flush=True)
"""


@contextmanager
def counting(store: DocumentStore, times: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", COUNTER, str(store.folder), str(times)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PACKAGE) as process:
        try:
            yield process
        finally:
            process.kill()


def test_processes_lose_no_update(store: DocumentStore) -> None:
    with counting(store, 40) as one, counting(store, 40) as two, counting(store, 40) as three:
        seen = [int(line) for process in (one, two, three) for line in process.communicate()[0].split()]
    assert sorted(seen) == list(range(1, 121))
    assert store.read("counter")["n"] == 120


def test_a_killed_writer_leaves_the_old_or_the_new_value(store: DocumentStore) -> None:
    acknowledged = 0
    for turn in range(8):
        with counting(store, 1_000_000) as process:
            assert process.stdout is not None
            for _ in range(3 + turn):
                acknowledged = int(process.stdout.readline())
            process.kill()
            rest = process.stdout.read().split("\n")[:-1]
            acknowledged = max([acknowledged, *map(int, rest)])
        value = json.loads(raw(store, "counter"))
        assert acknowledged <= value["n"] <= acknowledged + 1
        assert store.read("counter") == value
        acknowledged = value["n"]
    assert store.update("counter", increment)["n"] == acknowledged + 1
    assert store.set_aside() == []


def test_readers_never_wait_and_never_see_half(store: DocumentStore) -> None:
    store.replace("doc", ["a"] * 1000)
    inside, leave = threading.Event(), threading.Event()

    def slow(value: Json) -> Json:
        inside.set()
        assert leave.wait(10)
        return ["b"] * 1000

    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(store.update, "doc", slow)
        assert inside.wait(10)
        assert store.read("doc") == ["a"] * 1000
        leave.set()
        assert writing.result() == store.read("doc") == ["b"] * 1000


def test_waiting_for_a_writer_ends(store: DocumentStore) -> None:
    hasty = DocumentStore(store.folder, lock_timeout=0.05)
    with pytest.raises(DocumentBusy):
        hasty.update("doc", lambda value: hasty.replace("doc", 1))
    store.replace("doc", 1)

    def meanwhile(value: Json) -> Json:
        with ThreadPoolExecutor(1) as pool, pytest.raises(DocumentBusy):
            pool.submit(hasty.replace, "doc", 2).result()
        return 3

    assert store.update("doc", meanwhile) == 3
    assert hasty.replace("doc", 4) == 4


def test_leftovers_of_killed_writers_are_swept(store: DocumentStore) -> None:
    store.folder.mkdir()
    leftover = store.folder / f".cozygen-{'0' * 16}.tmp"
    leftover.write_bytes(b"half")
    os.utime(leftover, (1, 1))
    store.replace("doc", 1)
    assert not leftover.exists()
