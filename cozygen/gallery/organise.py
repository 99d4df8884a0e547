"""Moving, copying and renaming files and folders of the gallery, each of which can be undone.

What is about to happen is written into the studio's database first (`cozygen.gallery.undo`, a pending step): a crash
leaves every file whole at its old or its new place, and the next start finishes the record. The index and the marks
follow without reading a file again.
"""

from __future__ import annotations

import asyncio
import errno
import filecmp
import itertools
import logging
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection

from cozygen.gallery import marks, undo
from cozygen.gallery.catalogue import within
from cozygen.gallery.curator import CannotUndo, NothingChosen, NothingToUndo
from cozygen.gallery.files import copy_at, copy_folder_at, free_names, put_at, put_folder_at
from cozygen.gallery.library import Carried, Row
from cozygen.gallery.scan import file_kind, is_own, stat_file
from cozygen.gallery.service import Chosen, FolderMissing, Gallery, Selection
from cozygen.storage.database import Database
from cozygen.storage.paths import BadName, PathError, check_name, sweep_temporaries

log = logging.getLogger(__name__)

_LEFTOVER_SECONDS = 60.0
_PLACEHOLDER = re.compile(r"\{(\w*)(?::(\d{1,2}))?\}")

Conflict = Literal["rename", "refuse"]
Place = tuple[str, str]
"""(subfolder, filename)."""


class Taken(Exception):
    """There is something at these places already, and it was asked not to choose others."""

    def __init__(self, paths: Sequence[str]) -> None:
        super().__init__(", ".join(paths))
        self.paths = list(paths)


class CannotMove(Exception):
    """It cannot be done. The message is fit for the one who asked."""


class BadPattern(ValueError):
    """A pattern of names that makes no names."""


@dataclass(frozen=True)
class Target:
    """A file or a folder (`row` is None), and the place that it is to have."""

    row: Row | None
    before: Place
    after: Place


@dataclass
class Result:
    """What was moved or copied, from where to where, and what could not be. `token` takes it back."""

    files: list[tuple[Place, Place]] = field(default_factory=list)
    folders: list[tuple[str, str]] = field(default_factory=list)
    missing: list[Place] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    token: str | None = None


def joined(place: Place) -> str:
    """The relative path of a place."""
    return f"{place[0]}/{place[1]}" if place[0] else place[1]


def root_of(step: undo.Step) -> str:
    """The library whose files a step moves."""
    return str(step.data.get("root", marks.OUTPUT))


def split(path: str) -> Place:
    """The place at a relative path."""
    subfolder, _, name = path.rpartition("/")
    return subfolder, name


class Organiser:
    """Moves what is in one gallery."""

    def __init__(self, gallery: Gallery, database: Database) -> None:
        self._gallery = gallery
        self._root = gallery.root
        self._db = database
        # One after the other: two that move the same things at once would each get half of them.
        self._lock = asyncio.Lock()

    # What can be done

    async def move(
        self, user: str, selection: Selection | None, folders: Sequence[str], to: str, conflict: Conflict
    ) -> Result:
        """Move files and folders into the folder `to`.

        Raises `NothingChosen`, `FolderMissing`, `Taken` (with `refuse`), `CannotMove`, and what `Gallery.choose` does.
        """
        return await self._into(user, selection, folders, to, conflict, self._move)

    async def copy(
        self, user: str, selection: Selection | None, folders: Sequence[str], to: str, conflict: Conflict
    ) -> Result:
        """Copy files and folders into the folder `to`. Raises as `move` does."""
        return await self._into(user, selection, folders, to, conflict, self._copy)

    async def _into(
        self,
        user: str,
        selection: Selection | None,
        folders: Sequence[str],
        to: str,
        conflict: Conflict,
        perform: Callable[..., Any],
    ) -> Result:
        chosen = await self._gallery.choose(selection) if selection is not None else Chosen([], [])
        async with self._lock:
            to, paths = await asyncio.to_thread(lambda: (self._folder(to), [self._folder(path) for path in folders]))
            moving = perform == self._move
            targets = [
                Target(row, (row.subfolder, row.name), (to, row.name))
                for row in chosen.rows
                if not moving or row.subfolder != to
            ]
            for path in dict.fromkeys(paths):
                if within(to, path):
                    raise CannotMove(f"{path} cannot be put into itself.")
                if not moving or split(path)[0] != to:
                    targets.append(Target(None, split(path), (to, split(path)[1])))
            if not chosen.rows and not paths and (selection is None or selection.files is not None):
                raise NothingChosen
            result: Result = await perform(user, targets, conflict)
        result.missing = chosen.missing
        return result

    async def rename(self, user: str, place: Place, name: str, conflict: Conflict) -> Result:
        """Give a file another name; its extension stays. Raises as `move` does, and `BadName`."""
        chosen = await self._gallery.choose(Selection([place]))
        if not chosen.rows:
            raise NothingChosen
        row = chosen.rows[0]
        check_file_name(name)
        renamed = with_extension(name, row.name)
        check_file_name(renamed)
        async with self._lock:
            targets = [Target(row, (row.subfolder, row.name), (row.subfolder, renamed))] if renamed != row.name else []
            return await self._move(user, targets, conflict)

    async def rename_folder(self, user: str, path: str, name: str, conflict: Conflict) -> Result:
        """Give a folder another name. Raises as `move` does, and `BadName`."""
        check_file_name(name)
        async with self._lock:
            parent, before = split(await asyncio.to_thread(lambda: self._folder(path)))
            if not before:
                raise CannotMove("The gallery's own folder cannot be renamed.")
            targets = [Target(None, (parent, before), (parent, name))] if name != before else []
            return await self._move(user, targets, conflict)

    async def rename_all(self, user: str, selection: Selection, pattern: str, start: int, conflict: Conflict) -> Result:
        """Name files after a pattern (see `named`). Raises as `move` does, and `BadPattern` and `BadName`."""
        chosen = await self._gallery.choose(selection)
        if not chosen.rows and selection.files is not None:
            raise NothingChosen
        targets = []
        for number, row in enumerate(chosen.rows, start):
            name = named(pattern, row.name, row.mtime_ns / 1e9, number)
            check_file_name(name)
            if name != row.name:
                targets.append(Target(row, (row.subfolder, row.name), (row.subfolder, name)))
        async with self._lock:
            result = await self._move(user, targets, conflict)
        result.missing = chosen.missing
        return result

    async def make_folder(self, user: str, path: str) -> tuple[str, str]:
        """Make a folder, and those above it: its path, and the token that takes it back.

        Raises `PathError`, `Taken` and `CannotMove`.
        """

        def make() -> tuple[str, list[str]]:
            target = self._root.resolve(path)
            relative = self._root.relative(target)
            self._refuse_own(relative)
            if not relative or os.path.lexists(target):
                raise Taken([relative or "the gallery"])
            made = []
            try:
                for depth in range(relative.count("/") + 1):
                    part = "/".join(relative.split("/")[: depth + 1])
                    with suppress(FileExistsError):
                        self._root.resolve(part).mkdir()
                        made.append(part)
            except OSError as error:
                for part in reversed(made):
                    self._root.resolve(part).rmdir()
                raise CannotMove(f"{relative}: {error.strerror or error}.") from None
            return relative, made

        async with self._lock:
            relative, made = await asyncio.to_thread(make)
            await self._gallery.take_in([relative])
            token = await self._db.write(
                lambda connection: undo.push(connection, user, "files", self._step(made=made, moved=[], copied=[]))
            )
        return relative, token

    async def undo(self, user: str, token: str) -> str | None:
        """Take a step back: the token that does it again, None for copies and new folders.

        Raises `NothingToUndo` and `CannotUndo`.
        """
        async with self._lock:
            step = await self._db.write(lambda connection: undo.take(connection, user, token))
            if step is None:
                raise NothingToUndo
            done = False
            try:
                result = await self._take_back(user, step.data)
                done = result.errors == [] or bool(result.files or result.folders)
            except (CannotMove, PathError, OSError) as error:
                raise CannotUndo(str(error)) from None
            finally:
                if not done:
                    await self._db.write(lambda connection: undo.put_back(connection, user, step))
            if not done:
                raise CannotUndo("; ".join(result.errors[:3]))
        return result.token

    async def _take_back(self, user: str, data: dict[str, Any]) -> Result:
        copied = [joined((subfolder, name)) for subfolder, name in data.get("copied", ())]
        if copied or data.get("made"):
            return await self._remove(copied, data.get("copied_folders", ()), data.get("made", ()))
        if data.get("copied_folders"):
            return await self._remove([], data["copied_folders"], ())
        targets = []
        places = [(tuple(after), tuple(before)) for before, after in data["moved"]]
        chosen = await self._gallery.choose(Selection([place for place, _ in places])) if places else Chosen([], [])
        rows = {(row.subfolder, row.name): row for row in chosen.rows}
        for after, before in reversed(places):
            if after in rows:
                targets.append(Target(rows[after], after, before))
        for before_path, after_path in reversed(data.get("moved_folders", ())):
            if await asyncio.to_thread(self._root.resolve(after_path).is_dir):
                targets.append(Target(None, split(after_path), split(before_path)))
        for folder in {target.after[0] for target in targets}:
            await asyncio.to_thread(self._root.resolve(folder).mkdir, parents=True, exist_ok=True)
        result = await self._move(user, targets, "rename")
        gone = len(places) + len(data.get("moved_folders", ())) - len(targets)
        if gone:
            result.errors.append(f"{gone} of the files are no longer where they were put")
        return result

    async def _remove(self, copied: Sequence[str], folders: Sequence[str], made: Sequence[str]) -> Result:
        """Copies go to the trash; folders go when nothing is in them."""
        result = Result()
        for path in copied:
            with suppress(LookupError):
                await self._gallery.delete(*split(path))
            result.files.append((split(path), split(path)))
        for path in folders:
            with suppress(LookupError):
                outcome = await self._gallery.delete_all(path, recursive=True, hidden=True)
                result.errors += outcome.errors
            await asyncio.to_thread(_remove_empty, self._root.resolve(path))
            result.folders.append((path, path))
        for path in sorted(made, key=len, reverse=True):
            try:
                await asyncio.to_thread(self._root.resolve(path).rmdir)
                result.folders.append((path, path))
            except FileNotFoundError:
                continue
            except OSError as error:
                result.errors.append(f"{path}: {error.strerror or error}")
        await self._gallery.take_in({split(path)[0] for path in (*folders, *made)})
        return result

    # How it is done

    def _folder(self, path: str) -> str:
        """The folder as the gallery names it. Blocking. Raises `PathError`, `FolderMissing` and `CannotMove`."""
        target = self._root.resolve(path)
        relative = self._root.relative(target)
        self._refuse_own(relative)
        if not target.is_dir():
            raise FolderMissing(relative)
        return relative

    def _refuse_own(self, path: str) -> None:
        if self._gallery.is_own(path):
            raise FolderMissing(path)

    def _planned(self, targets: Sequence[Target], conflict: Conflict) -> list[Target]:
        """The targets with places that are free now. Blocking. Raises `Taken`."""
        planned, reserved, taken = [], set[str](), []
        for target in targets:
            for candidate in free_names(self._root.resolve(joined(target.after)), folder=target.row is None):
                free = not os.path.lexists(candidate) or _is_same(candidate, self._root.resolve(joined(target.before)))
                if free and os.path.normcase(candidate) not in reserved:
                    reserved.add(os.path.normcase(candidate))
                    planned.append(Target(target.row, target.before, (target.after[0], candidate.name)))
                    break
                if conflict == "refuse":
                    taken.append(joined(target.after))
                    break
        if taken:
            raise Taken(taken)
        return planned

    async def _move(self, user: str, targets: Sequence[Target], conflict: Conflict) -> Result:
        if not targets:
            return Result()
        planned = await asyncio.to_thread(self._planned, targets, conflict)
        plan = self._plan(planned)
        token = await self._db.write(lambda connection: undo.push(connection, user, "files", plan, pending=True))
        result = Result()
        # When the program ends meanwhile, the step stays pending, and the next start looks what was done.
        try:
            files = [target for target in planned if target.row is not None]
            moved, errors = await self._gallery.relocate(lambda: self._move_files(files, conflict))
            result.files = [((one.row.subfolder, one.row.name), (one.subfolder, one.name)) for one in moved]
            result.errors += errors
            for target in planned:
                if target.row is None:
                    await self._move_folder(target, conflict, result)
        except Exception:
            await self._finish(token, await asyncio.to_thread(self._found_done, plan))
            raise
        await self._finish(token, result)
        return result

    def _move_files(self, targets: Sequence[Target], conflict: Conflict) -> Iterator[Carried | str]:
        """Move files, one at each step. On the thread that looks at the disk, so that it sees none of it half done."""
        for target in targets:
            assert target.row is not None
            source = self._root.resolve(joined(target.before))
            yield self._attempt(target, source, put_at, conflict)

    def _attempt(
        self, target: Target, source: Path, perform: Callable[[Path, Path], None], conflict: Conflict
    ) -> Carried | str:
        """Move or copy one file to a place that is free: where it is now, or what is wrong."""
        row, shown = target.row, joined(target.before)
        assert row is not None
        try:
            for candidate in free_names(self._root.resolve(joined(target.after))):
                try:
                    _perform(source, candidate, perform)
                except FileExistsError:
                    if conflict == "refuse":
                        return f"{shown}: {joined(target.after)} is taken"
                    continue
                state = stat_file(candidate, candidate.name, follow_symlinks=self._root.follow_symlinks)
                if state is None:
                    return f"{shown}: it vanished"
                return Carried(row, target.after[0], candidate.name, state)
        except (OSError, PathError) as error:
            return f"{shown}: {getattr(error, 'strerror', None) or error}"
        return f"{shown}: too many files of this name"

    async def _move_folder(self, target: Target, conflict: Conflict, result: Result) -> None:
        before, shown = self._root.resolve(joined(target.before)), joined(target.before)

        def perform() -> Iterator[tuple[str, str] | str]:
            try:
                for candidate in free_names(self._root.resolve(joined(target.after)), folder=True):
                    try:
                        _perform(before, candidate, put_folder_at)
                    except FileExistsError:
                        if conflict == "refuse":
                            yield f"{shown}: {joined(target.after)} is taken"
                            return
                        continue
                    yield shown, joined((target.after[0], candidate.name))
                    return
            except (OSError, PathError) as error:
                other = isinstance(error, OSError) and error.errno == errno.EXDEV
                reason = "it is on another disk" if other else getattr(error, "strerror", None) or error
                yield f"{shown}: {reason}"

        moved, errors = await self._gallery.relocate_folders(perform)
        result.folders += moved
        result.errors += errors

    async def _copy(self, user: str, targets: Sequence[Target], conflict: Conflict) -> Result:
        if not targets:
            return Result()
        planned = await asyncio.to_thread(self._planned, targets, conflict)
        plan = self._plan(planned, copies=True)
        token = await self._db.write(lambda connection: undo.push(connection, user, "files", plan, pending=True))
        result = Result()
        copies: list[tuple[Row, Place]] = []

        def copy() -> None:
            for target in planned:
                source = self._root.resolve(joined(target.before))
                if target.row is None:
                    self._copy_folder(target, source, conflict, result)
                    continue
                done = self._attempt(target, source, copy_at, conflict)
                if isinstance(done, str):
                    result.errors.append(done)
                else:
                    copies.append((target.row, (done.subfolder, done.name)))
                    result.files.append((target.before, (done.subfolder, done.name)))

        await asyncio.to_thread(copy)
        await self._finish(token, result, copies=True)
        await self._gallery.take_in({target.after[0] for target in planned})
        await self._copy_notes(copies)
        return result

    def _copy_folder(self, target: Target, source: Path, conflict: Conflict, result: Result) -> None:
        try:
            for candidate in free_names(self._root.resolve(joined(target.after)), folder=True):
                try:
                    copy_folder_at(source, candidate)
                except FileExistsError:
                    if conflict == "refuse":
                        result.errors.append(f"{joined(target.before)}: {joined(target.after)} is taken")
                        return
                    continue
                result.folders.append((joined(target.before), joined((target.after[0], candidate.name))))
                return
        except OSError as error:  # shutil's own error is one, with a list of what went wrong
            result.errors.append(f"{joined(target.before)}: {error.strerror or 'not everything can be copied'}")

    async def _copy_notes(self, copies: Sequence[tuple[Row, Place]]) -> None:
        """Copies are noted as what they are copies of."""
        noted = [
            (mark, place)
            for (row, place), mark in zip(copies, self._gallery.marks_of([row for row, _ in copies]), strict=True)
            if mark
        ]
        if not noted:
            return
        chosen = await self._gallery.choose(Selection([place for _, place in noted]))
        rows = {(row.subfolder, row.name): row for row in chosen.rows}
        pairs = [(mark, rows[place]) for mark, place in noted if place in rows]
        identities = await self._gallery.identify([row for _, row in pairs])
        wanted = [(mark, file) for (mark, _), file in zip(pairs, identities, strict=True)]
        made = await self._db.write(lambda connection: marks.copy_notes(connection, self._gallery.name, wanted))
        ids = {mark.id: rows[mark.file.subfolder, mark.file.filename].id for mark in made}
        await self._gallery.show_notes(made, ids, {})

    async def _finish(self, token: str, result: Result, *, copies: bool = False) -> None:
        """Note in the database what was done."""

        def write(connection: Connection) -> bool:
            if not copies:
                marks.follow(connection, self._gallery.name, result.files)
                for before, after in result.folders:
                    marks.follow_folder(connection, self._gallery.name, before, after)
            done = bool(result.files or result.folders)
            undo.settle(connection, token, self._done(result, copies=copies) if done else None)
            return done

        if await self._db.write(write):
            result.token = token

    def _step(self, **data: Any) -> dict[str, Any]:
        """A step as it is stored: those of the output folder say nothing of where they belong."""
        return data if self._gallery.name == marks.OUTPUT else {**data, "root": self._gallery.name}

    def _plan(self, targets: Iterable[Target], *, copies: bool = False) -> dict[str, Any]:
        result = Result(
            files=[(target.before, target.after) for target in targets if target.row is not None],
            folders=[(joined(target.before), joined(target.after)) for target in targets if target.row is None],
        )
        return self._done(result, copies=copies)

    def _done(self, result: Result, *, copies: bool) -> dict[str, Any]:
        if not copies:
            return self._step(moved=result.files, moved_folders=result.folders)
        return self._step(
            copied=[after for _, after in result.files], copied_folders=[after for _, after in result.folders]
        )

    # After a crash

    async def recover(self) -> None:
        """Finish what a crash interrupted; what is on a disk that is not there waits until it is."""
        for step in await self._db.read(undo.pending):
            if root_of(step) != self._gallery.name or not await asyncio.to_thread(self._root.folder.is_dir):
                continue
            result = await asyncio.to_thread(self._found_done, step.data)
            copies = "copied" in step.data
            if not copies and not await asyncio.to_thread(self._finds_any, step.data):
                continue
            await self._finish(step.token, result, copies=copies)
            log.info("finished what was interrupted: %d files, %d folders", len(result.files), len(result.folders))

    def _finds_any(self, data: dict[str, Any]) -> bool:
        """Whether anything that a step moves is at its old or its new place.

        Where none of it is, an empty folder may stand in the place of the drive that it is on.
        """
        places = [(joined(before), joined(after)) for before, after in data.get("moved", ())]
        places += data.get("moved_folders", ())
        for path in itertools.chain.from_iterable(places):
            if os.path.lexists(self._root.folder.joinpath(*path.split("/"))):
                return True
        return False

    def _found_done(self, data: dict[str, Any]) -> Result:
        """What of a plan was carried out, as the disk says. A file that is at both places loses the old one."""
        result = Result()
        for before, after in data.get("moved", ()):
            with suppress(OSError, PathError):
                if self._finish_move(self._root.resolve_file(*before), self._root.resolve_file(*after)):
                    result.files.append((tuple(before), tuple(after)))
        for before, after in data.get("moved_folders", ()):
            with suppress(OSError, PathError):
                old, new = self._root.resolve(before), self._root.resolve(after)
                if old.is_dir():
                    new.rmdir()  # what kept the place free
                elif new.is_dir():
                    result.folders.append((before, after))
        for place in data.get("copied", ()):
            with suppress(OSError, PathError):
                if self._root.resolve_file(*place).is_file():
                    result.files.append((tuple(place), tuple(place)))
        for path in data.get("copied_folders", ()):
            with suppress(OSError, PathError):
                if self._root.resolve(path).is_dir():
                    result.folders.append((path, path))
        self._sweep(data)
        return result

    @staticmethod
    def _finish_move(old: Path, new: Path) -> bool:
        if not os.path.lexists(new):
            return False
        if os.path.lexists(old):
            same = os.path.samestat(old.lstat(), new.lstat())
            if not same and not (old.is_file() and filecmp.cmp(old, new, shallow=False)):
                return False
            old.unlink()
        return True

    def _sweep(self, data: dict[str, Any]) -> None:
        places = [*(after for _, after in data.get("moved", ())), *data.get("copied", ())]
        for folder in {subfolder for subfolder, _ in places}:
            with suppress(PathError):
                sweep_temporaries(self._root.resolve(folder), older_than=_LEFTOVER_SECONDS)


def _perform(source: Path, target: Path, perform: Callable[[Path, Path], None]) -> None:
    """Move something, also to a name that is the same to a file system that does not tell letters' case apart."""
    if os.path.lexists(target) and perform in (put_at, put_folder_at) and _is_same(target, source):
        source.rename(target)
    else:
        perform(source, target)


def _is_same(path: Path, other: Path) -> bool:
    """Whether two names are of one and the same entry, which differ in letters' case only."""
    if path.parent != other.parent or path.name == other.name or path.name.lower() != other.name.lower():
        return False
    with suppress(OSError):
        return path.name not in os.listdir(path.parent) and os.path.samestat(path.lstat(), other.lstat())  # noqa: PTH208
    return False


def _remove_empty(folder: Path) -> None:
    """Remove a folder and those in it, as far as nothing is in them."""
    for path, _, _ in os.walk(folder, topdown=False):
        with suppress(OSError):
            Path(path).rmdir()


def check_file_name(name: str) -> None:
    """Check a name that somebody chose. Raises `BadName`, also for names that the studio keeps for itself."""
    check_name(name)
    if is_own(name):
        raise BadName("a name begins as those of the studio's own files")


def with_extension(name: str, original: str) -> str:
    """`name` with the extension of the original, whose bytes it stands for."""
    suffix = Path(original).suffix
    if name.lower().endswith(suffix.lower()):
        return name
    if file_kind(name) is not None:
        name = name[: -len(Path(name).suffix)]
    return name + suffix


def named(pattern: str, original: str, mtime: float, number: int) -> str:
    """The name that a pattern gives a file: ``{name}`` (the one it has, without extension), ``{n}`` or ``{n:4}`` (its
    number, with so many digits), ``{date}`` and ``{time}`` (of its last change). The extension stays.

    Raises `BadPattern`.
    """

    def fill(found: re.Match[str]) -> str:
        key, width = found[1], int(found[2] or 0)
        if key == "n":
            return f"{number:0{width}}"
        if found[2] is not None:
            raise BadPattern(f"{found[0]} is not known")
        if key == "name":
            return Path(original).stem
        if key in ("date", "time"):
            moment = time.localtime(max(0.0, min(mtime, 4e9)))
            return time.strftime("%Y-%m-%d" if key == "date" else "%H%M%S", moment)
        raise BadPattern(f"{found[0]} is not known; {{name}}, {{n}}, {{date}} and {{time}} are")

    stem = _PLACEHOLDER.sub(fill, pattern)
    if "{" in stem or "}" in stem:
        raise BadPattern("a brace is left over")
    return stem + Path(original).suffix
