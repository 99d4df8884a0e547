"""What people do with the files of the gallery: mark them, put them into albums, take it back."""

from __future__ import annotations

import unicodedata
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, Literal, TypeVar

from aiohttp import web
from pydantic import Field, StrictBool, StrictInt

from cozygen.gallery import roots
from cozygen.gallery.catalogue import Scope
from cozygen.gallery.curator import AlbumView, CannotUndo, Changes, Done, NothingChosen, NothingToUndo
from cozygen.gallery.marks import OUTPUT, AlbumExists, AlbumMissing
from cozygen.gallery.organise import root_of
from cozygen.gallery.roots import Found, Wanted
from cozygen.gallery.scan import KINDS
from cozygen.gallery.service import MAX_CHOSEN, FolderMissing, Gallery, TooMany
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section, json_response
from cozygen.web.errors import ApiError
from cozygen.web.listing import (
    MAX_PER_PAGE,
    GalleryItem,
    KindName,
    RootQuery,
    Whole,
    elsewhere,
    gallery_of,
    is_text,
    item_view,
    no_folder,
    parse_query,
    path_errors,
    resolve_folder,
)
from cozygen.web.services import Services, in_thread

section = Section("Library", "Favourites, ratings, tags and albums, for one file or many, each of which can be undone.")

T = TypeVar("T")

_MAX_ITEMS = 10_000
_MAX_TAGS, _MAX_TAG, _MAX_NAME = 100, 100, 200
_MAX_ALBUM = 2**53


_ROOT = Field(None, max_length=64, description="its library; default: that of the request")


class Place(Model):
    """A file of the gallery."""

    filename: str = Field(max_length=4096)
    subfolder: str = Field("", max_length=4096)
    root: str | None = _ROOT


class Select(Model):
    """All files that a search finds, as the listing would show them."""

    root: str | None = _ROOT
    q: str = Field("", max_length=4096)
    subfolder: str = Field("", max_length=4096)
    recursive: StrictBool = True
    show_hidden: StrictBool = False
    kind: KindName = "all"


class ChosenFiles(RootQuery):
    """Which files: `items`, or all that `select` finds, in the library `root` unless they say otherwise."""

    items: list[Place] | None = Field(None, max_length=_MAX_ITEMS)
    select: Select | None = Field(None, description=f"at most {MAX_CHOSEN} files")


class Undoable(Model):
    """It is done. `undo` takes it back; null: nothing has changed."""

    ok: Literal[True]
    undo: str | None


class Changed(Undoable):
    """It is done for `count` files."""

    count: int
    missing: list[Place] | None = Field(None, description="the files of `items` that are not there, if any")


async def selection_of(services: Services, body: ChosenFiles) -> Wanted:
    """The files that a body names. Raises `ApiError`."""
    if body.select is not None and body.items is None:
        chosen = body.select
        gallery = _gallery(services, chosen.root, body.root, "select.root")
        subfolder = await gallery.off_loop(lambda: resolve_folder(gallery.root, chosen.subfolder))
        kind = None if chosen.kind == "all" else KINDS.index(chosen.kind)
        scope = Scope(subfolder, chosen.recursive, chosen.show_hidden, kind)
        return Found(gallery.name, scope, parse_query(chosen.q, "select.q"))
    if not body.items or body.select is not None:
        raise ApiError(400, "missing items", "Say which files with `items`, or with `select`.", field="items")
    return [place_of(services, item, body.root, f"items.{number}") for number, item in enumerate(body.items)]


def place_of(services: Services, item: Place, root: str, field: str) -> roots.Place:
    """The place that a body names, in the library `root` if it does not say. Raises `ApiError`."""
    return roots.Place(_gallery(services, item.root, root, f"{field}.root").name, item.subfolder, item.filename)


def _gallery(services: Services, given: str | None, default: str, field: str) -> Gallery:
    return gallery_of(services, default) if given is None else gallery_of(services, given, field)


def place_view(place: roots.Place) -> Place:
    """A place as it goes over the wire."""
    return Place(filename=place.filename, subfolder=place.subfolder, **elsewhere(place.root))


@contextmanager
def selection_errors() -> Iterator[None]:
    """Turns what can be wrong with a selection into answers."""
    try:
        with path_errors():
            yield
    except FolderMissing:
        raise no_folder() from None
    except NothingChosen:
        raise ApiError(404, "not found", "There is no such file.", field="items") from None
    except TooMany as error:
        raise ApiError(413, "too many", f"{error}.", field="select") from None
    except AlbumMissing:
        raise ApiError(404, "no such album", "There is no such album.", field="id") from None
    except AlbumExists:
        raise ApiError(409, "album exists", "There is an album of this name.", field="name") from None


async def _do(work: Awaitable[T]) -> T:
    with selection_errors():
        return await work


def _changed(done: Done) -> Changed:
    return Changed(**done_values(done))


def done_values(done: Done) -> dict[str, Any]:
    """The fields of a `Changed`."""
    values: dict[str, Any] = {"ok": True, "count": done.count, "undo": done.token}
    if done.missing:
        values["missing"] = list(map(place_view, done.missing))
    return values


_SELECTION_ERRORS = {
    400: "`missing items`, `invalid query`, `invalid root`, or a wrong field",
    403: "Outside the library's folder",
    404: "None of the files is there",
    413: "Too many files",
}


# Marks


class MarkValues(Model):
    """What to note. What is left out stays as it is."""

    favorite: StrictBool | None = None
    rating: Annotated[StrictInt, Field(ge=0, le=5)] | None = None
    hidden: StrictBool | None = Field(None, description="hidden files are listed with `show_hidden` only")
    add_tags: list[str] | None = Field(None, max_length=_MAX_TAGS)
    remove_tags: list[str] | None = Field(None, max_length=_MAX_TAGS)


class MarksBody(ChosenFiles):
    """Which files, and what to note of them."""

    set: MarkValues


@section.route(
    "POST",
    "/cozygen/api/gallery/marks",
    body=MarksBody,
    response=Changed,
    errors=_SELECTION_ERRORS,
    field_errors={"set": "invalid marks", "root": "invalid root"},
)
async def set_marks(call: Call[NoQuery, MarksBody]) -> Changed:
    """Make files favourites, rate, hide and tag them. It follows them wherever they are moved to."""
    values, services = call.body.set, call.services
    changes = Changes(
        favorite=values.favorite,
        rating=values.rating,
        hidden=values.hidden,
        add_tags=_tags(values.add_tags, "set.add_tags"),
        remove_tags=_tags(values.remove_tags, "set.remove_tags"),
    )
    selection = await selection_of(services, call.body)
    return _changed(await _do(services.curator.mark(call.user, selection, changes)))


def _tags(given: Sequence[str] | None, field: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_name(tag, field, _MAX_TAG, "invalid tag") for tag in given or ()))


def _name(given: str, field: str, longest: int, code: str) -> str:
    """A name of the user's: composed, with single spaces. Raises `ApiError`."""
    if not is_text(given):
        raise ApiError(400, code, "A name is not valid Unicode.", field=field)
    name = " ".join(unicodedata.normalize("NFC", given).split())
    if not name or len(name) > longest:
        raise ApiError(400, code, f"A name has 1 to {longest} characters.", field=field)
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise ApiError(400, code, "A name has control characters in it.", field=field)
    return name


class AlbumName(Model):
    """An album."""

    id: int
    name: str


class NotesView(Model):
    """What is noted of a file."""

    filename: str
    subfolder: str
    root: str | None = Field(None, description="the library; only when it is not `output`")
    favorite: bool
    rating: int
    hidden: bool
    tags: list[str]
    albums: list[AlbumName]


class PlaceQuery(RootQuery):
    """Which file."""

    filename: str = Field("", max_length=4096)
    subfolder: str = Field("", max_length=4096)


@section.route(
    "GET",
    "/cozygen/api/gallery/marks",
    query=PlaceQuery,
    response=NotesView,
    errors={
        400: "`missing filename`, `invalid root`, or a wrong field",
        403: "Outside the library's folder",
        404: "No such file",
    },
    field_errors={"root": "invalid root"},
)
async def get_marks(call: Call[PlaceQuery, NoBody]) -> NotesView:
    """What is noted of one file."""
    query = call.query
    if not query.filename:
        raise ApiError(400, "missing filename", "Say which file with `filename`.", field="filename")
    gallery = gallery_of(call.services, query.root)
    place = roots.Place(gallery.name, query.subfolder, query.filename)
    item, albums = await _do(call.services.curator.note_of(place))
    notes = item.notes
    return NotesView(
        filename=item.filename,
        subfolder=item.subfolder,
        favorite=notes is not None and notes.favorite,
        rating=notes.rating if notes is not None else 0,
        hidden=notes is not None and notes.hidden,
        tags=notes.tags if notes is not None else [],
        albums=[AlbumName(id=album.id, name=album.name) for album in albums],
        **elsewhere(item.root),
    )


class UndoBody(Model):
    """What to take back."""

    token: str = Field(max_length=200)


@section.route(
    "POST",
    "/cozygen/api/undo",
    body=UndoBody,
    response=Undoable,
    errors={
        400: "A wrong field",
        404: "It was taken back already, or is more than seven days old",
        409: "It cannot be taken back as things are now",
    },
)
async def undo(call: Call[NoQuery, UndoBody]) -> Undoable:
    """Take back what answered with this `undo`. The new `undo` does it again."""
    services, token = call.services, call.body.token
    if not is_text(token):
        raise ApiError(400, "invalid token", "token is not valid Unicode.", field="token")
    try:
        step = await services.curator.step(call.user, token)
        service = services.curator if step.kind == "notes" else services.organisers.get(root_of(step))
        if service is None:
            raise CannotUndo(f"There is no library called {root_of(step)} now.")
        again = await service.undo(call.user, token)
    except NothingToUndo:
        raise ApiError(404, "nothing to undo", "That has been undone, or is too long ago.", field="token") from None
    except CannotUndo as error:
        raise ApiError(409, "cannot undo", str(error), field="token") from None
    return Undoable(ok=True, undo=again)


# Albums


class AlbumInfo(Model):
    """An album. Times are seconds since the epoch."""

    id: int
    name: str
    count: int = Field(description="its files that are there")
    cover: GalleryItem | None
    created_at: float
    updated_at: float


class Albums(Model):
    """All albums, by name."""

    albums: list[AlbumInfo]


def _album(view: AlbumView) -> AlbumInfo:
    return AlbumInfo.model_construct(
        id=view.album.id,
        name=view.album.name,
        count=view.count,
        cover=None if view.cover is None else item_view(view.cover),
        created_at=view.album.created_at,
        updated_at=view.album.updated_at,
    )


@section.route("GET", "/cozygen/api/albums", response=Albums)
async def list_albums(call: Call[NoQuery, NoBody]) -> Albums:
    """List the albums."""
    return Albums.model_construct(albums=[_album(view) for view in await call.services.curator.albums()])


class NewAlbum(ChosenFiles):
    """An album to be made, empty without `items` and `select`."""

    name: str = Field(max_length=4096)


class AlbumChanged(Undoable):
    """The album as it is now."""

    album: AlbumInfo


@section.route(
    "POST",
    "/cozygen/api/albums",
    body=NewAlbum,
    response=AlbumChanged,
    errors={**_SELECTION_ERRORS, 409: "There is an album of this name"},
)
async def make_album(call: Call[NoQuery, NewAlbum]) -> AlbumChanged:
    """Make an album, with files or without."""
    body, curator = call.body, call.services.curator
    name = _name(body.name, "name", _MAX_NAME, "invalid name")
    empty = body.items is None and body.select is None
    selection = None if empty else await selection_of(call.services, body)
    id, done = await _do(curator.make_album(call.user, name, selection))
    return AlbumChanged.model_construct(ok=True, undo=done.token, album=_album(await _do(curator.album(id))))


def _id(call: Call[Any, Any]) -> int:
    text = call.path("id")
    if not (text.isascii() and text.isdecimal()) or len(text) > 15:
        raise ApiError(404, "no such album", "There is no such album.", field="id")
    return int(text)


class AlbumEdit(Model):
    """What to change of an album."""

    name: str | None = Field(None, max_length=4096)
    cover: Place | None = Field(None, description="a file of the album")


@section.route(
    "PUT",
    "/cozygen/api/albums/{id}",
    body=AlbumEdit,
    response=AlbumChanged,
    errors={
        400: "A wrong field",
        403: "Outside the library's folder",
        404: "No such album, or the cover is not in it",
        409: "There is an album of this name",
    },
)
async def edit_album(call: Call[NoQuery, AlbumEdit]) -> AlbumChanged:
    """Rename an album, or choose its cover."""
    body, curator, id = call.body, call.services.curator, _id(call)
    name = None if body.name is None else _name(body.name, "name", _MAX_NAME, "invalid name")
    cover = None if body.cover is None else place_of(call.services, body.cover, OUTPUT, "cover")
    token = await _do(curator.edit_album(call.user, id, name=name, cover=cover))
    return AlbumChanged.model_construct(ok=True, undo=token, album=_album(await _do(curator.album(id))))


@section.route("DELETE", "/cozygen/api/albums/{id}", response=Undoable, errors={404: "No such album"})
async def delete_album(call: Call[NoQuery, NoBody]) -> Undoable:
    """Remove an album. Its files stay."""
    return Undoable(ok=True, undo=await _do(call.services.curator.drop_album(call.user, _id(call))))


class AlbumQuery(Model):
    """Which page."""

    page: Whole = Field(1, description="from 1")
    per_page: Whole = Field(50, description="clamped to 0..500; 0 is everything on one page")


class AlbumPage(Model):
    """A page of an album, in its order."""

    album: AlbumName
    items: list[GalleryItem]
    page: int
    per_page: int
    total_pages: int
    total_items: int


@section.route(
    "GET",
    "/cozygen/api/albums/{id}/items",
    query=AlbumQuery,
    response=AlbumPage,
    errors={400: "`bad paging`", 404: "No such album"},
    field_errors={"page": "bad paging", "per_page": "bad paging"},
)
async def list_album(call: Call[AlbumQuery, NoBody]) -> web.Response:
    """List the files of an album, in its order."""
    page, per_page = max(1, call.query.page), max(0, min(MAX_PER_PAGE, call.query.per_page))
    album, found = await _do(call.services.curator.album_items(_id(call)))
    start = (page - 1) * per_page

    def make() -> web.Response:
        shown = found[start : start + per_page] if per_page else found
        return json_response(
            AlbumPage.model_construct(
                album=AlbumName(id=album.id, name=album.name),
                items=[item_view(item) for item in shown],
                page=page,
                per_page=per_page,
                total_pages=-(-len(found) // per_page) if per_page else 1,
                total_items=len(found),
            )
        )

    return await in_thread(make)


@section.route(
    "POST",
    "/cozygen/api/albums/{id}/add",
    body=ChosenFiles,
    response=Changed,
    errors={**_SELECTION_ERRORS, 404: "No such album, or none of the files is there"},
)
async def add_to_album(call: Call[NoQuery, ChosenFiles]) -> Changed:
    """Put files into an album, at its end. Those that are in it already stay where they are."""
    selection = await selection_of(call.services, call.body)
    return _changed(await _do(call.services.curator.join(call.user, _id(call), selection)))


@section.route(
    "POST",
    "/cozygen/api/albums/{id}/remove",
    body=ChosenFiles,
    response=Changed,
    errors={**_SELECTION_ERRORS, 404: "No such album, or none of the files is there"},
)
async def remove_from_album(call: Call[NoQuery, ChosenFiles]) -> Changed:
    """Take files out of an album."""
    selection = await selection_of(call.services, call.body)
    return _changed(await _do(call.services.curator.leave(call.user, _id(call), selection)))


class OrderBody(ChosenFiles):
    """Which files of an album go where."""

    before: Place | None = Field(None, description="the file that they are put before; null: at the end")


@section.route(
    "POST",
    "/cozygen/api/albums/{id}/order",
    body=OrderBody,
    response=Changed,
    errors={**_SELECTION_ERRORS, 404: "No such album, or none of the files is there"},
)
async def order_album(call: Call[NoQuery, OrderBody]) -> Changed:
    """Put files of an album, in the order of `items`, before one of the others, or at its end."""
    body = call.body
    selection = await selection_of(call.services, body)
    before = None if body.before is None else place_of(call.services, body.before, body.root, "before")
    return _changed(await _do(call.services.curator.reorder(call.user, _id(call), selection, before)))
