"""Lineage: from a file to its job, its workflow and what it started from, and to what was made from it."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import urlencode

from aiohttp import web
from pydantic import Field

from cozygen.gallery.library import Row
from cozygen.gallery.lineage import Derived, Ingredient
from cozygen.gallery.marks import OUTPUT
from cozygen.gallery.metadata import FileMetadata
from cozygen.gallery.service import Gallery, Selection
from cozygen.jobs.model import Job, JobState
from cozygen.jobs.service import JobNotFoundError
from cozygen.web.api import Call, Model, NoBody, Section, json_response
from cozygen.web.errors import ApiError
from cozygen.web.listing import MAX_PER_PAGE, GalleryItem, RootQuery, Whole, gallery_of, item_view, path_errors
from cozygen.web.services import Services, in_thread

section = Section("Lineage", "What a file was made from, and what was made from it.")

_LONGEST_VALUE = 1000


class LineageQuery(RootQuery):
    """Which file, and which page of what was made from it."""

    filename: str = Field("", max_length=4096)
    subfolder: str = Field("", max_length=4096)
    page: Whole = Field(1, description="from 1")
    per_page: Whole = Field(50, description="clamped to 0..500; 0 is everything on one page")


class LineageJob(Model):
    """The job that made a file. `created_at` in seconds since the epoch."""

    id: str
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    workflow: str | None
    title: str
    created_at: float
    group_id: str | None
    values: dict[str, Any] = Field(description="as they were sent; texts are cut to 1,000 characters")


class LineageInput(Model):
    """A file that the render started from."""

    name: str = Field(description="as the graph names it")
    node_id: str
    input: str
    type: Literal["input", "output", "temp"]
    subfolder: str = Field(description="where it is now, or was last")
    filename: str
    exists: bool = Field(description="it is there, as it was used")
    replaced: bool = Field(description="there is another file of its name")
    url: str | None = Field(description="null where it does not exist")
    item: GalleryItem | None = Field(description="the file of the gallery that it is, or is a copy of")


class LineageView(Model):
    """Where a file comes from, and what came of it."""

    filename: str
    subfolder: str
    root: str
    prompt_id: str | None = Field(description="the prompt that made it, where that is known")
    job: LineageJob | None = Field(description="null for what the user did not render here")
    workflow: str | None = Field(description="the name of the workflow, where it is known")
    prompt_raw: dict[str, str] | None = Field(description="`<node id>.<input>` to the prompt as typed")
    inputs: list[LineageInput] = Field(description="in the order of the graph's nodes")
    siblings: list[GalleryItem] = Field(description="made by the same job, or the same batch or sweep; 500 at most")
    derived: list[GalleryItem] = Field(description="made from this file, newest first: one page of them")
    page: int
    per_page: int
    total_pages: int
    total_items: int = Field(description="how many were made from this file")
    indexing: bool = Field(description="not every file has been read: there may be more")


@section.route(
    "GET",
    "/cozygen/api/gallery/lineage",
    query=LineageQuery,
    response=LineageView,
    errors={
        400: "`missing filename`, `invalid root`, `bad paging`, or a name that is none",
        403: "Outside its folder",
        404: "No such file",
    },
    field_errors={"page": "bad paging", "per_page": "bad paging", "root": "invalid root"},
)
async def lineage(call: Call[LineageQuery, NoBody]) -> web.Response:
    """Follow a file back to its job, its workflow and its inputs, and forth to what was made from it.

    Files are told by their content as well as by their names, so that moving them breaks nothing.
    """
    query, services = call.query, call.services
    if not query.filename:
        raise ApiError(400, "missing filename", "Say which file with `filename`.", field="filename")
    gallery = gallery_of(services, query.root)
    row = await _row(gallery, query.subfolder, query.filename)
    prompt_id = await services.lineage.prompt_of(row.subfolder, row.name) if gallery.name == OUTPUT else None
    job = await _job(services, prompt_id, call.user)
    found = await gallery.details(row.subfolder, row.name) or FileMetadata()
    graph = found.prompt if job is None else job.graph
    made_at = row.mtime_ns / 1e9 if job is None else job.created_at
    inputs = await services.lineage.ingredients(graph or {}, made_at, None if job is None else job.id)
    together = [prompt_id] if prompt_id else []
    if job is not None and job.group_id is not None:
        together = await services.jobs.group_ids(job.group_id)
    siblings = await services.lineage.siblings(together, row) if together else []
    page, per_page = max(1, query.page), max(0, min(MAX_PER_PAGE, query.per_page))
    start = (page - 1) * per_page
    derived = await services.lineage.derived(gallery, row, start, per_page or None)
    raw = found.prompt_raw or (await services.jobs.raw_for_file(row.subfolder, row.name) if prompt_id else None)

    def make() -> web.Response:
        return json_response(
            LineageView(
                filename=row.name,
                subfolder=row.subfolder,
                root=gallery.name,
                prompt_id=prompt_id,
                job=None if job is None else _job_view(job),
                workflow=None if job is None else job.workflow,
                prompt_raw=raw,
                inputs=[_input(one) for one in inputs],
                siblings=[item_view(item) for item in siblings],
                derived=[item_view(item) for item in derived.items],
                **_paging(derived, page, per_page),
            )
        )

    return await in_thread(make)


async def _row(gallery: Gallery, subfolder: str, filename: str) -> Row:
    with path_errors():
        chosen = await gallery.choose(Selection([(subfolder, filename)]))
    if not chosen.rows:
        raise ApiError(404, "not found", "There is no such file.")
    return chosen.rows[0]


async def _job(services: Services, prompt_id: str | None, user: str) -> Job | None:
    """The job of a prompt, None for one that is not the user's."""
    if prompt_id is None:
        return None
    try:
        job = await services.jobs.get(prompt_id)
    except JobNotFoundError:
        return None
    return job if job.user == user else None


def _paging(derived: Derived, page: int, per_page: int) -> dict[str, Any]:
    return {
        "page": page,
        "per_page": per_page,
        "total_pages": -(-derived.total // per_page) if per_page else 1,
        "total_items": derived.total,
        "indexing": not derived.complete,
    }


def _job_view(job: Job) -> LineageJob:
    return LineageJob(
        id=job.id,
        status="queued" if job.state is JobState.SUBMITTING else job.state.value,
        workflow=job.workflow,
        title=job.title,
        created_at=job.created_at,
        group_id=job.group_id,
        values={key: value[:_LONGEST_VALUE] if isinstance(value, str) else value for key, value in job.values.items()},
    )


def _input(one: Ingredient) -> LineageInput:
    subfolder, _, filename = one.path.rpartition("/")
    place = {"filename": filename, "subfolder": subfolder, "type": one.source.folder}
    return LineageInput(
        name=one.source.name,
        node_id=one.source.node,
        input=one.source.input,
        type=one.source.folder,
        subfolder=subfolder,
        filename=filename,
        exists=one.exists,
        replaced=one.replaced,
        url="/view?" + urlencode(place) if one.exists else None,
        item=None if one.item is None else item_view(one.item),
    )
