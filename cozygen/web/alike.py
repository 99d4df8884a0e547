"""Files that look the same: similar ones of one file, and groups of near-duplicates."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from pydantic import Field

from cozygen.gallery.alike import Group
from cozygen.gallery.catalogue import Scope
from cozygen.gallery.hamming import BITS, MAX_DISTANCE
from cozygen.gallery.looker import Looker, NothingToSee
from cozygen.gallery.service import FolderMissing, Gallery, Item, Selection
from cozygen.media.pool import MediaUnavailable
from cozygen.web.api import Call, Model, NoBody, Section, json_response
from cozygen.web.errors import ApiError
from cozygen.web.listing import (
    FLAG_HELP,
    MAX_PER_PAGE,
    Flag,
    GalleryItem,
    RootQuery,
    Whole,
    gallery_of,
    item_view,
    no_folder,
    path_errors,
    resolve_folder,
)
from cozygen.web.services import in_thread

section = Section("Alike", "Pictures and films that look the same, found by what they look like.")

_DISTANCE = 6
_MOST_FILES = 500


class SimilarQuery(RootQuery):
    """Which file, and how many others."""

    filename: str = Field("", max_length=4096)
    subfolder: str = Field("", max_length=4096)
    limit: Whole = Field(50, description=f"clamped to 1..{MAX_PER_PAGE}")
    distance: Whole = Field(BITS, ge=0, le=BITS, description="bits that may differ; about 32 do by chance")
    show_hidden: Flag = Field(False, description=f"{FLAG_HELP}: also names that start with a dot")


class SimilarItem(GalleryItem):
    """A file that looks more or less like another one."""

    distance: int = Field(description="bits of the two perceptual hashes that differ: 0..64")


class SimilarPage(Model):
    """The files that look most like one, the nearest first."""

    items: list[SimilarItem]
    unseen: int = Field(description="pictures and films that have not been looked at until now")


@section.route(
    "GET",
    "/cozygen/api/gallery/similar",
    query=SimilarQuery,
    response=SimilarPage,
    errors={
        400: "`missing filename`, `invalid filename`, `invalid root`, or a wrong field",
        403: "Outside the library's folder",
        404: "No such file",
        409: "`nothing to see`: sound, or what cannot be decoded",
        503: "No picture can be decoded at the moment",
    },
    field_errors={"root": "invalid root", "limit": "invalid limit", "distance": "invalid distance"},
)
async def similar_files(call: Call[SimilarQuery, NoBody]) -> web.Response:
    """Find the files of a library that look most like one of them, scaled, compressed or touched up as they may be.

    Only those are found that have been looked at, which is done in the background; the file itself is looked at now.
    """
    query, services = call.query, call.services
    if not query.filename:
        raise ApiError(400, "missing filename", "Say which file with `filename`.", field="filename")
    gallery = gallery_of(services, query.root)
    subfolder = await in_thread(lambda: resolve_folder(gallery.root, query.subfolder))
    with path_errors():
        chosen = await gallery.choose(Selection([(subfolder, query.filename)]))
    if not chosen.rows:
        raise _no_file()
    scope = Scope("", recursive=True, show_hidden=query.show_hidden)
    limit = max(1, min(MAX_PER_PAGE, query.limit))
    try:
        found = await services.looker.similar(gallery, chosen.rows[0], scope, limit, query.distance)
    except NothingToSee:
        raise ApiError(409, "nothing to see", "The file has no picture, or it cannot be decoded.") from None
    except MediaUnavailable as error:
        raise ApiError(503, "unavailable", str(error), headers={"Retry-After": "5"}) from None
    except OSError:  # it vanished a moment ago
        raise _no_file() from None
    items = await gallery.items([row for row, _ in found])
    unseen = (await gallery.progress()).unseen
    views = [_similar(item, distance) for item, (_, distance) in zip(items, found, strict=True)]
    return await in_thread(lambda: json_response(SimilarPage(items=views, unseen=unseen)))


def _no_file() -> ApiError:
    return ApiError(404, "not found", "There is no such file.", field="filename")


def _similar(item: Item, distance: int) -> SimilarItem:
    view = item_view(item)
    return SimilarItem.model_construct(view.model_fields_set | {"distance"}, **vars(view), distance=distance)


class DuplicatesQuery(RootQuery):
    """Which part of a library, and how much alike."""

    subfolder: str = Field("", max_length=4096, description="with all below it")
    show_hidden: Flag = Field(False, description=f"{FLAG_HELP}: also names that start with a dot")
    distance: Whole = Field(
        _DISTANCE, ge=0, le=MAX_DISTANCE, description="bits of 64 in which neighbours of a group differ at most"
    )
    exact: Flag = Field(False, description=f"{FLAG_HELP}: only files that are the same byte for byte")
    page: Whole = Field(1, description="from 1")
    per_page: Whole = Field(20, description="groups; clamped to 1..100")
    files: Whole = Field(50, description=f"files of each group; clamped to 2..{_MOST_FILES}")


class DuplicateItem(GalleryItem):
    """A file of a group."""

    distance: int | None = Field(description="bits that differ from the first file; null where nobody can tell")
    copy_of: int | None = Field(
        description="the place in `files` of the one that has the same content; null: there is none before it"
    )


class DuplicateGroup(Model):
    """Files that look the same. Sizes in bytes."""

    files: list[DuplicateItem] = Field(
        description="the best one to keep first: a favourite, the best rated, one with tags, the largest, the oldest"
    )
    count: int = Field(description="of files, also when they are more than are shown")
    exact: bool = Field(description="all of them have the same content")
    size: int = Field(description="of all files")
    wasted: int = Field(description="of all but the largest")
    spare: int = Field(description="of those of which there is a copy")


class DuplicatesPage(Model):
    """Groups of files that look the same, those first that waste most. Sizes in bytes."""

    groups: list[DuplicateGroup]
    page: int
    per_page: int
    total_pages: int
    total_groups: int
    total_files: int = Field(description="of all groups")
    wasted: int = Field(description="of all groups")
    spare: int = Field(description="of all groups: what is freed when one of each content is kept")
    unseen: int = Field(description="pictures and films that have not been looked at until now")
    indexing: bool = Field(description="the first scan is under way: there may be more")


@section.route(
    "GET",
    "/cozygen/api/gallery/duplicates",
    query=DuplicatesQuery,
    response=DuplicatesPage,
    errors={
        400: "`bad paging`, `invalid distance`, `invalid root`, or a wrong field",
        403: "Outside the library's folder",
        404: "No such folder",
    },
    field_errors={
        "page": "bad paging",
        "per_page": "bad paging",
        "files": "bad paging",
        "distance": "invalid distance",
        "root": "invalid root",
    },
)
async def duplicates(call: Call[DuplicatesQuery, NoBody]) -> web.Response:
    """Find files that are copies of each other, or look alike: whatever a chain of near ones links is one group."""
    query, services = call.query, call.services
    gallery = gallery_of(services, query.root)
    subfolder = await in_thread(lambda: resolve_folder(gallery.root, query.subfolder))
    scope = Scope(subfolder, recursive=True, show_hidden=query.show_hidden)
    page, per_page = max(1, query.page), max(1, min(100, query.per_page))
    try:
        grouping = await services.looker.groups(gallery, scope, query.distance, exact=query.exact)
    except FolderMissing:
        raise no_folder() from None
    start = (page - 1) * per_page
    numbers = range(min(start, len(grouping)), min(start + per_page, len(grouping)))
    groups = await services.looker.describe(gallery, grouping, numbers)
    shown = await _shown(services.looker, gallery, groups, max(2, min(_MOST_FILES, query.files)))
    progress = await gallery.progress()
    answer = DuplicatesPage(
        groups=shown,
        page=page,
        per_page=per_page,
        total_pages=-(-len(grouping) // per_page),
        total_groups=len(grouping),
        total_files=len(grouping.ids),
        wasted=int(grouping.wasted.sum()),
        spare=int(grouping.spare.sum()),
        unseen=progress.unseen,
        indexing=not progress.complete,
    )
    return await in_thread(lambda: json_response(answer))


async def _shown(looker: Looker, gallery: Gallery, groups: list[Group], most: int) -> list[DuplicateGroup]:
    """The groups with their files, without those that have gone meanwhile."""
    wanted = [id for group in groups for id in group.files[:most]]
    rows = await looker.rows(gallery, wanted)
    items = dict(zip(rows, await gallery.items(list(rows.values())), strict=True))
    found = [_group(group, items, most) for group in groups]
    return [group for group in found if len(group.files) > 1]


def _group(group: Group, items: dict[int, Item], most: int) -> DuplicateGroup:
    places = [place for place, id in enumerate(group.files[:most]) if id in items]
    first: dict[int, int] = {}
    views: list[DuplicateItem] = []
    for number, place in enumerate(places):
        view = item_view(items[group.files[place]])
        copy_of = first.setdefault(group.copies[place], number)
        more: dict[str, Any] = {"distance": group.distances[place], "copy_of": None if copy_of == number else copy_of}
        views.append(DuplicateItem.model_construct(view.model_fields_set | set(more), **vars(view), **more))
    return DuplicateGroup.model_construct(
        files=views,
        count=len(group.files),
        exact=group.exact,
        size=group.size,
        wasted=group.wasted,
        spare=group.spare,
    )
