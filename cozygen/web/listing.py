"""What the gallery's endpoints have in common: parameters, paths, and items as they go over the wire."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from aiohttp import web
from pydantic import BeforeValidator, Field, WithJsonSchema

from cozygen.gallery.query import Node, QueryError, parse
from cozygen.gallery.scan import KINDS
from cozygen.gallery.service import Item
from cozygen.storage.paths import BadName, PathError, PathOutside, Root
from cozygen.web.api import Model
from cozygen.web.errors import ApiError
from cozygen.web.services import in_thread

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


class ScopeQuery(Model):
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
    type: Literal["directory", "output"]
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


def resolve_folder(root: Root, subfolder: str) -> str:
    """The folder as the gallery names it. Raises `ApiError`. Blocking."""
    try:
        return root.relative(root.resolve(subfolder))
    except PathOutside:
        raise ApiError(403, "forbidden", "The path leaves the output folder.", field="subfolder") from None
    except BadName as error:
        raise ApiError(400, "invalid subfolder", str(error), field="subfolder") from None


def no_folder() -> ApiError:
    """The answer to a folder that is not there."""
    return ApiError(404, "not found", "There is no such folder.", field="subfolder")


@contextmanager
def path_errors() -> Iterator[None]:
    """Turns the errors of a file's path into answers."""
    try:
        yield
    except PathOutside:
        raise ApiError(403, "forbidden", "The path leaves the output folder.") from None
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
    if item.is_dir:
        values["type"] = "directory"
    else:
        values.update(type="output", size=item.size, media_kind=KINDS[item.kind or 0])
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
