from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from cozygen.gallery.catalogue import Columns, Folder, NewFile, Scope, Snapshot, Tree, hidden_below, within
from cozygen.gallery.scan import Stamp

STAMP = Stamp(1, 1, 1)
PATHS = ["", "a", "a/b", "ab", ".h", "a/.h", "a/.h/c"]
TREE = Tree({path: Folder(id, path, STAMP, True, 0.0) for id, path in enumerate(PATHS, 1)})

names = st.sampled_from(["a.png", "b.png", "c.png", ".d.png", "B.png", "é.png", "\U0001f600.png", "z.png"])
files = st.builds(
    lambda folder, name, kind, mtime: (folder, name, kind, mtime),
    st.integers(1, len(PATHS)),
    names,
    st.integers(0, 2),
    st.integers(-3, 3),
)
scopes = st.builds(Scope, st.sampled_from(PATHS), st.booleans(), st.booleans(), st.sampled_from([None, 0, 1, 2]))


@dataclass
class Model:
    """The same as `Columns`, the slow way."""

    rows: dict[int, NewFile]

    def listed(self, scope: Scope) -> list[NewFile]:
        chosen = [row for row in self.rows.values() if self.shows(scope, row)]
        return sorted(chosen, key=lambda row: (-row.mtime_ns, row.name))

    @staticmethod
    def shows(scope: Scope, row: NewFile) -> bool:
        path = PATHS[row.folder - 1]
        if path != scope.subfolder and not (
            scope.recursive and f"{path}/".startswith(f"{scope.subfolder}/".lstrip("/"))
        ):
            return False
        below = [*path.split("/")[len(scope.subfolder.split("/")) if scope.subfolder else 0 :], row.name]
        if not scope.show_hidden and any(part.startswith(".") for part in below):
            return False
        return scope.kind is None or row.kind == scope.kind


@given(st.lists(st.lists(files, max_size=8), max_size=6), st.data())
def test_any_sequence_of_changes_keeps_every_listing_in_order(
    steps: list[list[tuple[int, str, int, int]]], data: st.DataObject
) -> None:
    columns, model, next_id = Columns(), Model({}), 1
    for step in steps:
        gone = data.draw(st.sets(st.sampled_from(sorted(model.rows) or [0])))
        columns = columns.without(gone)
        model.rows = {id: row for id, row in model.rows.items() if id not in gone}
        new = []
        for folder, name, kind, mtime in step:
            new.append(NewFile(next_id, folder, name, kind, mtime))
            next_id += 1
        columns = columns.including(new, lambda id: model.rows[id].name)
        model.rows.update({row.id: row for row in new})
    snapshot = Snapshot(TREE, columns)
    scope = data.draw(scopes)
    wanted = model.listed(scope)
    assert len(snapshot.places(scope)) == len(wanted)
    found = [model.rows[id] for id in snapshot.ids(scope, 0, None)]
    assert [(row.mtime_ns, row.name) for row in found] == [(row.mtime_ns, row.name) for row in wanted]
    assert {row.id for row in found} == {row.id for row in wanted}
    start, count = data.draw(st.integers(0, 50)), data.draw(st.integers(0, 50))
    assert snapshot.ids(scope, start, start + count) == [row.id for row in found][start : start + count]


def test_a_sibling_whose_name_begins_alike_is_not_below() -> None:
    assert [folder.path for folder in TREE.below("a")] == ["a", "a/b", "a/.h", "a/.h/c"]
    assert within("a/b", "a") and within("a", "a") and within("a", "") and not within("ab", "a")


def test_hidden_is_counted_from_where_one_stands() -> None:
    assert hidden_below("a/.h/c", "a")
    assert not hidden_below("a/.h/c", "a/.h")
    assert hidden_below(".h", "")
    assert not hidden_below("a/b", "")


def test_children_are_those_directly_inside() -> None:
    assert sorted(folder.path for folder in TREE.children[""]) == [".h", "a", "ab"]
    assert sorted(folder.name for folder in TREE.children["a"]) == [".h", "b"]


def test_a_snapshot_remembers_only_a_few_listings() -> None:
    snapshot = Snapshot(TREE, Columns())
    for number in range(30):
        assert snapshot.ids(Scope(f"no{number}"), 0, None) == []
    assert len(snapshot._places) == Snapshot._REMEMBERED
