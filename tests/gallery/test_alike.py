from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cozygen.gallery import alike
from cozygen.gallery.alike import Group, Keyed, Seen
from cozygen.gallery.attributes import Attributes, Noted
from cozygen.gallery.catalogue import Columns, Folder, Scope, Snapshot, Tree
from cozygen.gallery.library import Library
from cozygen.gallery.scan import Stamp
from cozygen.gallery.worker import Steps
from cozygen.media.pool import Looks

from .test_library import Rig

EVERYTHING = Scope("", recursive=True, show_hidden=True)
HASH = 0x0F1E2D3C4B5A6978

Known = tuple[int, int, int | None, int]
"""Kind, size, perceptual hash, key of the content."""


def a_library(files: list[Known]) -> Library:
    """What the finding asks of a library, with files of the ids 1, 2, ..., the newest first."""
    attributes = Attributes()
    attributes.reserve(len(files) + 1)
    count = len(files)
    for id, (_, size, hash, content) in enumerate(files, 1):
        attributes.frame.size[id], attributes.frame.content[id] = size, content
        attributes.frame.phash[id] = hash or 0
        attributes.frame.sight[id] = alike.BLANK if hash is None else alike.SEEN
    columns = Columns(
        np.arange(count, dtype=np.int64),
        np.arange(1, count + 1, dtype=np.int64),
        np.ones(count, np.int32),
        np.array([kind for kind, *_ in files], np.int8),
        np.zeros(count, np.bool_),
    )
    tree = Tree({"": Folder(1, "", Stamp(0, 0, 0), True, 0.0)})
    return cast(Library, SimpleNamespace(snapshot=Snapshot(tree, columns), attributes=attributes))


def groups_of(library: Library, distance: int, *, exact: bool = False) -> list[Group]:
    found = alike.find_groups(library, EVERYTHING, distance, exact=exact)
    return [found.group(number, library) for number in range(len(found))]


def run(steps: Steps[None]) -> None:
    for _ in steps:
        pass


@st.composite
def libraries(draw: st.DrawFn) -> list[Known]:
    hashes = st.one_of(st.none(), st.sampled_from([HASH, HASH ^ 1, HASH ^ 0b111, HASH ^ 0xFFFF, ~HASH % 2**64, 0, 3]))
    file = st.tuples(st.integers(0, 1), st.integers(1, 5), hashes, st.integers(0, 3))
    return draw(st.lists(file, max_size=25))


def by_comparing_all(files: list[Known], distance: int, *, exact: bool) -> set[frozenset[int]]:
    groups = {id: {id} for id in range(1, len(files) + 1)}
    for one, (kind, _, hash, content) in enumerate(files, 1):
        for other, (other_kind, _, other_hash, other_content) in enumerate(files[: one - 1], 1):
            same = content == other_content != 0
            if not exact and kind == other_kind and hash is not None and other_hash is not None:
                telling = min(hash.bit_count(), other_hash.bit_count()) >= 8
                same |= telling and (hash ^ other_hash).bit_count() <= distance
            if same and groups[one] is not groups[other]:
                groups[one] |= groups[other]
                for member in groups[one]:
                    groups[member] = groups[one]
    return {frozenset(group) for group in groups.values() if len(group) > 1}


@given(libraries(), st.integers(0, 10), st.booleans())
def test_groups_are_those_of_comparing_all(files: list[Known], distance: int, exact: bool) -> None:
    found = groups_of(a_library(files), distance, exact=exact)
    wanted = by_comparing_all(files, distance, exact=exact)
    assert {frozenset(group.files) for group in found} == wanted
    assert sum(len(group.files) for group in found) == sum(map(len, wanted))
    assert [group.wasted for group in found] == sorted((group.wasted for group in found), reverse=True)
    for group in found:
        sizes = [files[id - 1][1] for id in group.files]
        assert group.size == sum(sizes) and group.wasted == sum(sizes) - max(sizes)
        for place, (id, copy) in enumerate(zip(group.files, group.copies, strict=True)):
            content = files[id - 1][3]
            same = [at for at, other in enumerate(group.files) if content and files[other - 1][3] == content]
            assert copy == (same[0] if same else place)


@given(libraries(), st.data())
def test_similar_ones_come_by_distance(files: list[Known], data: st.DataObject) -> None:
    seen = [id for id, file in enumerate(files, 1) if file[2] is not None]
    if not seen:
        return
    id, most = data.draw(st.sampled_from(seen)), data.draw(st.integers(0, 64))
    hash = files[id - 1][2] or 0
    far = sorted((((files[other - 1][2] or 0) ^ hash).bit_count(), other) for other in seen if other != id)
    wanted = [(other, distance) for distance, other in far if distance <= most]
    assert alike.similar(a_library(files), EVERYTHING, id, 10, most) == wanted[:10]


def test_the_best_file_is_first() -> None:
    library = a_library([(0, 9, HASH, 0), (0, 5, HASH, 7), (0, 5, HASH, 7), (0, 5, HASH, 7)])

    def order(**noted: Any) -> list[int]:
        library.attributes.note({int(name[1:]): note for name, note in noted.items()})
        [group] = groups_of(library, 0)
        return group.files

    assert order() == [1, 4, 3, 2]  # the largest, then the oldest
    assert order(_2=Noted(mark=1, tags=["fox"])) == [2, 1, 4, 3]
    assert order(_3=Noted(mark=2, rating=3)) == [3, 2, 1, 4]
    assert order(_4=Noted(mark=3, favorite=True)) == [4, 3, 2, 1]
    [group] = groups_of(library, 0)
    assert group.copies == [0, 0, 0, 3] and group.spare == 10 and not group.exact
    assert group.distances == [0, 0, 0, 0]


def test_what_was_seen_is_in_the_index_and_goes_with_its_file(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    for name in ("a.png", "b.png", "c.png"):
        rig.file(name)
    rig.scan()
    library = rig.library
    run(alike.load(library))
    rows = alike.unseen(library, 10, lambda id: False)
    assert {row.name for row in rows} == {"a.png", "b.png", "c.png"} and alike.count_unseen(library) == 3
    assert {row.name for row in alike.unkeyed(library, 10, lambda id: False)} == {"a.png", "b.png", "c.png"}
    a, b, c = sorted(rows, key=lambda row: row.name)
    assert [row.name for row in alike.unseen(library, 1, {a.id, c.id}.__contains__)] == ["b.png"]
    looks = Looks(2**64 - 5, b"12345")
    seen = [
        Seen(a.id, a.size, a.mtime_ns, looks),
        Seen(b.id, b.size, b.mtime_ns, None),
        Seen(c.id, c.size + 1, c.mtime_ns, looks),  # it has changed since
    ]
    run(alike.store_seen(library, seen))
    run(alike.store_keys(library, [Keyed(a.id, a.size, a.mtime_ns, "f" * 40), Keyed(9, 1, 1, "e" * 40)]))
    assert [row.name for row in alike.unseen(library, 10, lambda id: False)] == ["c.png"]
    assert {row.name for row in alike.unkeyed(library, 10, lambda id: False)} == {"b.png", "c.png"}
    known = rig.store.writer.execute("SELECT * FROM looks ORDER BY file").fetchall()
    assert known == [(a.id, 1, -5, b"12345", -1), (b.id, 1, None, None, None)]

    library.load()
    assert library.attributes.looks == 0 and alike.count_unseen(library) == 3
    run(alike.load(library))
    assert library.attributes.looks == 1 and alike.count_unseen(library) == 1
    assert int(library.attributes.frame.phash[a.id]) == 2**64 - 5
    assert int(library.attributes.frame.content[a.id]) == 2**64 - 1
    [row] = library.rows(library.snapshot, [a.id])
    assert row is not None and row.placeholder == b"12345"

    (rig.folder / "a.png").unlink()
    rig.scan()
    assert rig.store.writer.execute("SELECT count(*) FROM looks").fetchone() == (1,)
    rig.store.close()
