"""Browse: what a page needs to show a large library piece by piece, and what it does with many files at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from aiohttp import web
from pydantic import Field

from cozygen.gallery.catalogue import Scope
from cozygen.gallery.roots import Picked
from cozygen.gallery.scan import KINDS
from cozygen.gallery.service import FolderMissing, Gallery
from cozygen.gallery.timeline import Period, Timeline
from cozygen.gallery.trash import Doomed, Outcome
from cozygen.storage.paths import PathError
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section, json_response, long_json_response
from cozygen.web.errors import ApiError
from cozygen.web.library import ChosenFiles, Place, place_view, selection_errors, selection_of
from cozygen.web.listing import (
    KindName,
    ScopeQuery,
    changeable,
    elsewhere,
    gallery_of,
    no_folder,
    parse_query,
    resolve_folder,
)
from cozygen.web.services import in_thread

section = Section("Browse", "The gallery at a glance, and deleting many files at once.")

_SHOWN = 100


class TimelineQuery(ScopeQuery):
    """Which part of the gallery."""

    kind: KindName = "all"
    q: str = Field("", max_length=4096, description="what is looked for, see `/cozygen/api/gallery/complete`")


class PeriodView(Model):
    """A day or a month that has files."""

    date: str = Field(description="`2026-10-05`; of a month its first day")
    count: int
    ratio: float | None = Field(description="mean of width by height of its files; null where none is known")


class TimelineView(Model):
    """How the files that the listing would show are spread over time, the latest first."""

    unit: Literal["day", "month"] = Field(description="months when there are files of more than 4,000 days")
    periods: list[PeriodView]
    total: int = Field(description="files")
    ratio: float | None
    indexing: bool = Field(description="the first scan is under way: there may be more")


@section.route(
    "GET",
    "/cozygen/api/gallery/timeline",
    query=TimelineQuery,
    response=TimelineView,
    errors={
        400: "`invalid root`, `invalid query` (`position` says where), or a wrong field",
        403: "Outside the library's folder",
        404: "No such folder",
    },
    field_errors={"kind": "invalid kind", "q": "invalid query", "root": "invalid root"},
)
async def timeline(call: Call[TimelineQuery, NoBody]) -> web.Response:
    """Count the files of a listing by days, with their shapes: enough to lay it out before it is loaded.

    Days are those of the studio's local time, as in `date:` of a search. Folders are not counted.
    """
    query, gallery = call.query, gallery_of(call.services, call.query.root)
    kind = None if query.kind == "all" else KINDS.index(query.kind)
    node = parse_query(query.q)
    subfolder = await in_thread(lambda: resolve_folder(gallery.root, query.subfolder))
    try:
        found, complete = await gallery.timeline(Scope(subfolder, query.recursive, query.show_hidden, kind), node)
    except FolderMissing:
        raise no_folder() from None
    return await in_thread(lambda: json_response(_view(found, complete=complete)))


def _view(found: Timeline, *, complete: bool) -> TimelineView:
    return TimelineView.model_construct(
        unit=found.unit,
        periods=list(map(_period, found.periods)),
        total=found.total,
        ratio=found.ratio,
        indexing=not complete,
    )


def _period(period: Period) -> PeriodView:
    return PeriodView.model_construct(date=period.day.isoformat(), count=period.count, ratio=period.ratio)


class TrashedFile(Model):
    """A file that is in the trash now."""

    trash_id: str = Field(description="restores it")
    filename: str
    subfolder: str
    root: str | None = Field(None, description="the library; only when it is not `output`")


class Trashed(Model):
    """The files are in the trash."""

    ok: Literal[True]
    count: int
    trashed: list[TrashedFile]
    missing: list[Place] | None = Field(None, description="the files of `items` that are not there, if any")
    errors: list[str] | None = Field(None, description="a sentence for each that could not be deleted, at most 100")


@section.route(
    "POST",
    "/cozygen/api/gallery/trash",
    body=ChosenFiles,
    response=Trashed,
    errors={
        400: "`missing items`, `invalid query`, `invalid root`, or a wrong field",
        403: "Outside the library's folder, or `read-only`",
        404: "None of the files is there",
        409: "`cannot delete`: the disk refuses",
        413: "Too many files",
    },
    field_errors={"root": "invalid root"},
)
async def trash_files(call: Call[NoQuery, ChosenFiles]) -> web.Response:
    """Move files to the trash. `/cozygen/api/trash/restore` brings them back by their `trash_id`."""
    services = call.services
    selection = await selection_of(services, call.body)
    with selection_errors():
        gathered = await services.galleries.choose(selection)
    if not gathered.files:
        raise ApiError(404, "not found", "There is no such file.", field="items")
    for gallery, _ in gathered.by_gallery():
        await changeable(services, gallery.name)
    trashed: list[TrashedFile] = []
    errors: list[str] = []
    for gallery, places in gathered.by_gallery():
        outcome = await _trash(gallery, [gathered.files[place] for place in places])
        errors += outcome.errors
        where = elsewhere(gallery.name)
        trashed += [
            TrashedFile(trash_id=item.id, filename=item.filename, subfolder=item.subfolder, **where)
            for item in outcome.done
        ]
    if errors and not trashed:
        raise ApiError(409, "cannot delete", f"{errors[0]}.", errors=errors[:_SHOWN])
    about = Trashed(ok=True, count=len(trashed), trashed=[])
    if gathered.missing:
        about.missing = list(map(place_view, gathered.missing))
    if errors:
        about.errors = errors[:_SHOWN]
    return await in_thread(lambda: long_json_response(about, "trashed", trashed))


async def _trash(gallery: Gallery, files: Sequence[Picked]) -> Outcome:
    def put() -> Outcome:
        doomed: list[Doomed] = []
        refused: list[str] = []
        for file in files:
            row = file.row
            try:
                doomed.append(Doomed(gallery.root.resolve_file(row.subfolder, row.name), row.subfolder, row.name))
            except PathError as error:
                refused.append(f"{row.path}: {error}")
        outcome = gallery.trash.put(doomed)
        outcome.errors.extend(refused)
        return outcome

    try:
        return await in_thread(put)
    except OSError as error:
        raise ApiError(409, "cannot delete", f"The trash cannot be written to: {error.strerror or error}.") from None
    finally:
        await gallery.take_in({file.row.subfolder for file in files})
