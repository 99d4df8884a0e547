"""Organise: move, copy and rename files and folders, make folders. Each can be undone."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt

from cozygen.gallery.organise import BadPattern, CannotMove, Organiser, Place, Result, Taken
from cozygen.gallery.roots import Found
from cozygen.gallery.service import FolderMissing, Selection
from cozygen.storage.paths import BadName, PathOutside
from cozygen.web.api import Call, Model, NoQuery, Section
from cozygen.web.errors import ApiError
from cozygen.web.library import ChosenFiles, Undoable, selection_errors, selection_of
from cozygen.web.library import Place as PlaceView
from cozygen.web.listing import RootQuery, changeable, elsewhere, is_text
from cozygen.web.services import Services

section = Section("Organise", "Moving, copying and renaming, for one file or many, each of which can be undone.")

_MAX_FOLDERS = 1000
_SHOWN = 100

Conflict = Annotated[
    Literal["rename", "refuse"],
    Field(description="what to do where a name is taken: add a number to it, or do nothing at all"),
]


class MoveBody(ChosenFiles):
    """Which files and folders, and where to."""

    folders: list[str] = Field([], max_length=_MAX_FOLDERS, description="paths of folders, which go as a whole")
    to: str = Field(max_length=4096, description="the folder that they are put into; empty: the gallery's own")
    conflict: Conflict = "rename"


class FilePair(Model):
    """Where a file was, or what it is a copy of, and where it is now."""

    before: PlaceView
    after: PlaceView


class FolderPair(Model):
    """The same of a folder, as paths."""

    before: str
    after: str


class Moved(Undoable):
    """What was done; what is not in it was where it belongs already."""

    root: str | None = Field(None, description="the library; only when it is not `output`")
    files: list[FilePair]
    folders: list[FolderPair]
    missing: list[PlaceView] | None = Field(None, description="the files of `items` that are not there, if any")
    errors: list[str] | None = Field(None, description="a sentence for each that could not be moved, if any")


_ERRORS = {
    400: "`missing items`, `invalid name`, `invalid query`, `invalid root`, `several roots`, or a wrong field",
    403: "Outside the library's folder, or `read-only`",
    404: "No such file or folder",
    409: "`exists`: with `refuse`, there is something of that name (`paths`); `cannot move`: the disk refuses",
    413: "Too many files",
}


def _place(place: Place, where: dict[str, str]) -> PlaceView:
    return PlaceView(filename=place[1], subfolder=place[0], **where)


def _moved(result: Result, root: str) -> Moved:
    where = elsewhere(root)
    values: dict[str, Any] = {**where}
    if result.missing:
        values["missing"] = [_place(place, where) for place in result.missing]
    if result.errors:
        values["errors"] = result.errors
    return Moved(
        ok=True,
        undo=result.token,
        files=[FilePair(before=_place(before, where), after=_place(after, where)) for before, after in result.files],
        folders=[FolderPair(before=before, after=after) for before, after in result.folders],
        **values,
    )


@contextmanager
def _errors(field: str) -> Iterator[None]:
    try:
        with selection_errors():
            try:
                yield
            except FolderMissing:
                raise ApiError(404, "not found", "There is no such folder.", field=field) from None
            except PathOutside:
                raise ApiError(403, "forbidden", "The path leaves its folder.", field=field) from None
            except BadName as error:
                raise ApiError(400, "invalid name", f"{error}.", field=field) from None
    except BadPattern as error:
        raise ApiError(400, "invalid pattern", f"{error}.", field="pattern") from None
    except Taken as error:
        message = f"There is something called {error.paths[0]} already."
        raise ApiError(409, "exists", message, field=field, paths=error.paths[:_SHOWN]) from None
    except CannotMove as error:
        raise ApiError(409, "cannot move", str(error), field=field) from None


async def _do(work: Awaitable[Result], field: str, root: str) -> Moved:
    with _errors(field):
        result = await work
    if result.errors and not result.files and not result.folders:
        raise ApiError(409, "cannot move", f"{result.errors[0]}.", errors=result.errors[:_SHOWN])
    return _moved(result, root)


async def _chosen(services: Services, body: ChosenFiles) -> tuple[str, Selection]:
    """The files that are meant, and their library. Raises `ApiError`."""
    wanted = await selection_of(services, body)
    if isinstance(wanted, Found):
        return wanted.root, Selection(None, wanted.scope, wanted.node)
    if len({place.root for place in wanted}) > 1:
        message = "Files of several libraries cannot be moved at once."
        raise ApiError(400, "several roots", message, field="items")
    return wanted[0].root, Selection([(place.subfolder, place.filename) for place in wanted])


async def _what(services: Services, body: MoveBody) -> tuple[str, Selection | None]:
    """The files that are meant (None where only folders are), and the library of all of it. Raises `ApiError`."""
    if body.folders and not body.items and body.select is None:
        return body.root, None
    root, selection = await _chosen(services, body)
    if body.folders and root != body.root:
        message = "Files and folders of several libraries cannot be moved at once."
        raise ApiError(400, "several roots", message, field="root")
    return root, selection


async def _organiser(services: Services, root: str) -> Organiser:
    """Who moves the files of a library. Raises `ApiError`."""
    return services.organisers[(await changeable(services, root)).name]


@section.route(
    "POST",
    "/cozygen/api/gallery/move",
    body=MoveBody,
    response=Moved,
    errors=_ERRORS,
    field_errors={"root": "invalid root"},
)
async def move(call: Call[NoQuery, MoveBody]) -> Moved:
    """Move files and folders into a folder of their library. What is noted of them, and their prompts, go with them."""
    body = call.body
    root, selection = await _what(call.services, body)
    organiser = await _organiser(call.services, root)
    return await _do(organiser.move(call.user, selection, body.folders, body.to, body.conflict), "to", root)


@section.route(
    "POST",
    "/cozygen/api/gallery/copy",
    body=MoveBody,
    response=Moved,
    errors=_ERRORS,
    field_errors={"root": "invalid root"},
)
async def copy(call: Call[NoQuery, MoveBody]) -> Moved:
    """Copy files and folders into a folder of their library. Copies are rated and tagged as what they are copies of."""
    body = call.body
    root, selection = await _what(call.services, body)
    organiser = await _organiser(call.services, root)
    return await _do(organiser.copy(call.user, selection, body.folders, body.to, body.conflict), "to", root)


class RenameBody(ChosenFiles):
    """A file (`filename`, `subfolder`) or a `folder`, and its new `name`; or `items` or `select`, and a `pattern`."""

    filename: str | None = Field(None, max_length=4096)
    subfolder: str = Field("", max_length=4096)
    folder: str | None = Field(None, max_length=4096)
    name: str | None = Field(None, max_length=4096, description="of a file: its extension stays")
    pattern: str | None = Field(
        None,
        max_length=500,
        description="`{name}` (the old one), `{n}` or `{n:4}` (counts), `{date}`, `{time}`; extensions stay",
    )
    start: Annotated[StrictInt, Field(ge=0, le=10**9, description="the first `{n}`")] = 1
    conflict: Conflict = "rename"


@section.route(
    "POST",
    "/cozygen/api/gallery/rename",
    body=RenameBody,
    response=Moved,
    errors=_ERRORS,
    field_errors={"name": "invalid name", "pattern": "invalid pattern", "root": "invalid root"},
)
async def rename(call: Call[NoQuery, RenameBody]) -> Moved:
    """Rename a file or a folder, or many files by a pattern."""
    body = call.body
    if body.pattern is not None:
        return await _rename_all(call, body.pattern)
    if not body.name:
        raise ApiError(400, "missing name", "Say what it is to be called with `name`, or with `pattern`.", field="name")
    if not body.folder and not body.filename:
        raise ApiError(400, "missing filename", "Say which file with `filename`, or `folder`.", field="filename")
    organiser = await _organiser(call.services, body.root)
    if body.folder:
        work = organiser.rename_folder(call.user, body.folder, body.name, body.conflict)
    else:
        work = organiser.rename(call.user, (body.subfolder, body.filename or ""), body.name, body.conflict)
    return await _do(work, "name", body.root)


async def _rename_all(call: Call[NoQuery, RenameBody], pattern: str) -> Moved:
    body = call.body
    if not is_text(pattern):
        raise ApiError(400, "invalid pattern", "pattern is not valid Unicode.", field="pattern")
    root, selection = await _chosen(call.services, body)
    organiser = await _organiser(call.services, root)
    work = organiser.rename_all(call.user, selection, pattern, body.start, body.conflict)
    return await _do(work, "pattern", root)


class FolderBody(RootQuery):
    """A folder to be made."""

    path: str = Field(max_length=4096, description="relative; folders above it are made too")


class FolderMade(Undoable):
    """The folder is there."""

    path: str
    root: str | None = Field(None, description="the library; only when it is not `output`")


@section.route(
    "POST",
    "/cozygen/api/gallery/folders",
    body=FolderBody,
    response=FolderMade,
    errors={
        400: "`invalid name`, `invalid root`, or a wrong field",
        403: "Outside the library's folder, or `read-only`",
        404: "A folder of the studio's own",
        409: "`exists`, or `cannot move`: the disk refuses",
    },
    field_errors={"root": "invalid root"},
)
async def make_folder(call: Call[NoQuery, FolderBody]) -> FolderMade:
    """Make a folder."""
    root = call.body.root
    organiser = await _organiser(call.services, root)
    with _errors("path"):
        path, token = await organiser.make_folder(call.user, call.body.path)
    return FolderMade(ok=True, path=path, undo=token, **elsewhere(root))
