"""What the gallery's endpoints have in common: parameters, paths, and items as they go over the wire."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BeforeValidator, Field, WithJsonSchema

from cozygen.gallery.marks import OUTPUT
from cozygen.gallery.query import Node, QueryError, parse
from cozygen.gallery.roots import INPUT, UnknownRoot
from cozygen.gallery.scan import KINDS, file_kind
from cozygen.gallery.service import Gallery, Item
from cozygen.storage.paths import BadName, PathError, PathOutside, Root
from cozygen.web.api import Model
from cozygen.web.errors import ApiError
from cozygen.web.services import Services, in_thread

MAX_PER_PAGE = 500
_INTEGER = re.compile(r"\s*[+-]?[0-9]{1,18}\s*")


def _flag(value: Any) -> bool:
    return value is True or value in ("1", "true", "True")


def _whole(value: Any) -> int:
    if isinstance(value, str) and not _INTEGER.fullmatch(value):
        raise ValueError("must be a whole number")
    return int(value)


def _lower(value: Any) -> Any:
    return (value.strip().lower() or "all") if isinstance(value, str) else value


Flag = Annotated[bool, BeforeValidator(_flag), WithJsonSchema({"type": "string"})]
"""A boolean of a query: `1`, `true` and `True` are true, everything else is false."""

Whole = Annotated[int, BeforeValidator(_whole)]

KindName = Annotated[Literal["all", "image", "video", "audio"], BeforeValidator(_lower)]

FLAG_HELP = "`1`, `true` or `True`"


RootName = Annotated[str, Field(max_length=64, description="a library, as `/cozygen/api/gallery/roots` lists them")]
"""The name of a library. See `gallery_of`."""


class RootQuery(Model):
    """Which library."""

    root: RootName = OUTPUT


class ScopeQuery(RootQuery):
    """Which part of the gallery."""

    subfolder: str = Field("", max_length=4096)
    show_hidden: Flag = Field(False, description=f"{FLAG_HELP}: also names that start with a dot")
    recursive: Flag = Field(False, description=f"{FLAG_HELP}: all files below the folder, without the folders")


class Meta(Model):
    """How a file was generated, in brief."""

    model: str | None = None
    prompt: str | None = None
    loras: list[Any]
    has_prompt: Literal[True]


class GalleryItem(Model):
    """A folder or a file."""

    filename: str
    type: str = Field(description="`directory`, or the library of a file, as `/view` and `/cozygen/thumb` take it")
    root: str | None = Field(None, description="the library; only when it is not `output`")
    subfolder: str = Field(description="the folder that a file is in; a folder's own path")
    mtime: float = Field(description="seconds since the epoch")
    size: int | None = Field(None, description="bytes; of files only")
    media_kind: Literal["image", "video", "audio"] | None = Field(None, description="of files only")
    meta: Meta | None = None
    favorite: bool | None = Field(None, description="only when it is one")
    rating: int | None = Field(None, description="1..5; only when it is rated")
    hidden: bool | None = Field(None, description="only when its user has hidden it")
    tags: list[str] | None = Field(None, description="its user's; only when there are some")
    width: int | None = Field(None, description="pixels, where known; of searches only, as the next two")
    height: int | None = None
    duration: float | None = Field(None, description="seconds, where known")
    placeholder: str | None = Field(None, description="what it looks like, where known: a thumbhash in base64")


def resolve_folder(root: Root, subfolder: str) -> str:
    """The folder as the gallery names it. Raises `ApiError`. Blocking."""
    try:
        return root.relative(root.resolve(subfolder))
    except PathOutside:
        raise ApiError(403, "forbidden", "The path leaves its folder.", field="subfolder") from None
    except BadName as error:
        raise ApiError(400, "invalid subfolder", str(error), field="subfolder") from None


def gallery_of(services: Services, root: str, field: str = "root") -> Gallery:
    """The gallery of a library. Raises `ApiError`."""
    try:
        return services.galleries.get(root)
    except UnknownRoot:
        raise unknown_root(services, field) from None


def is_further(gallery: Gallery) -> bool:
    """Whether it is neither the output nor the input folder, but somebody's own, with all that there may be in it."""
    return gallery.name not in (OUTPUT, INPUT)


def refuse_unshown(gallery: Gallery, path: str) -> None:
    """Raises `ApiError` for what the gallery does not show in a further library: the studio's own, and no media."""
    relative = gallery.root.relative(gallery.root.resolve(path))
    if gallery.is_own(relative) or file_kind(relative.rpartition("/")[2]) is None:
        raise ApiError(404, "not found", "There is no such file.")


def unknown_root(services: Services, field: str = "root") -> ApiError:
    """The answer to the name of a library that is none."""
    names = ", ".join(services.galleries.names)
    return ApiError(400, f"invalid {field.rpartition('.')[2]}", f"{field} must be one of {names}.", field=field)


async def changeable(services: Services, root: str) -> Gallery:
    """The gallery of a library whose files are to be moved or deleted. Raises `ApiError`."""
    gallery = gallery_of(services, root)
    if root != OUTPUT:
        reach = await gallery.reach()
        if reach.available and not reach.writable:
            raise ApiError(403, "read-only", f"The files of the library {root} cannot be changed.", field="root")
    return gallery


def elsewhere(root: str) -> dict[str, str]:
    """The field that says where an answer belongs, which those of the output folder do without."""
    return {} if root == OUTPUT else {"root": root}


def no_folder() -> ApiError:
    """The answer to a folder that is not there."""
    return ApiError(404, "not found", "There is no such folder.", field="subfolder")


@contextmanager
def path_errors() -> Iterator[None]:
    """Turns the errors of a file's path into answers."""
    try:
        yield
    except PathOutside:
        raise ApiError(403, "forbidden", "The path leaves its folder.") from None
    except PathError as error:
        raise ApiError(400, "invalid filename", str(error), field="filename") from None


def is_text(value: str) -> bool:
    """Whether a string can be stored: JSON may smuggle lone surrogates in."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


async def sized(make: Callable[[], web.Response], count: int) -> web.Response:
    """Make a response; a large one on a thread, since it takes a while."""
    return make() if count <= 50 else await in_thread(make)


def item_view(item: Item) -> GalleryItem:
    """An item as it goes over the wire."""
    values: dict[str, Any] = {"filename": item.filename, "subfolder": item.subfolder, "mtime": item.mtime}
    values.update(elsewhere(item.root))
    if item.is_dir:
        values["type"] = "directory"
    else:
        values.update(type=item.root, size=item.size, media_kind=KINDS[item.kind or 0])
        if item.placeholder is not None:
            values["placeholder"] = b64encode(item.placeholder).decode()
        if item.meta is not None:
            values["meta"] = Meta.model_construct(**item.meta)
        for known in (item.notes, item.measures):
            if known is not None:
                values.update((name, value) for name, value in vars(known).items() if value)
    # Validating what we made ourselves would take most of the time of a large page.
    return GalleryItem.model_construct(**values)


def parse_query(text: str, field: str = "q") -> Node:
    """What a search asks for. Raises `ApiError`."""
    if not is_text(text):
        raise ApiError(400, "invalid query", "The query is not valid Unicode.", field=field, position=0)
    try:
        return parse(text)
    except QueryError as error:
        message = f"{str(error)[:1].upper()}{str(error)[1:]}."
        raise ApiError(400, "invalid query", message, field=field, position=error.position) from None
