"""Jobs: queue a workflow with form values, follow it, cancel it, look at what came of it."""

from __future__ import annotations

import math
import random
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from aiohttp import web
from pydantic import BeforeValidator, Field, JsonValue, StrictBool

from cozygen.engines.base import EngineError, EngineUnavailable, PromptRejected
from cozygen.jobs.line import NotWaitingError, WaitingLine
from cozygen.jobs.model import ACTIVE, MAX_PRIORITY, Job, JobGroup, JobState, NewJob
from cozygen.jobs.service import GroupNotFoundError, JobEndedError, JobNotFoundError, JobService, preview_url
from cozygen.media.kinds import media_kind
from cozygen.web.aliases import load_aliases
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section
from cozygen.web.errors import ApiError
from cozygen.web.services import Services, in_thread
from cozygen.web.workflows import load_form
from cozygen.workflows.assemble import Assembled, ValuesError, assemble
from cozygen.workflows.form import FormField
from cozygen.workflows.graph import Graph
from cozygen.workflows.sweep import MAX_AXES, MAX_AXIS, MAX_RENDERS, Axis, SeedMode, plan, spread
from cozygen.workflows.texts import expander

section = Section("Jobs", "Renders: queued, followed and cancelled. A job is stored before it is acknowledged.")

_MAX_VALUES = 5000

_STATES: dict[str, list[JobState]] = {
    "active": sorted(ACTIVE),
    "done": [JobState.DONE],
    "failed": [JobState.FAILED],
    "cancelled": [JobState.CANCELLED],
}


class JobProgress(Model):
    """How far a running job is."""

    node_id: str | None
    node_title: str | None
    value: float
    max: float
    fraction: float = Field(description="0..1 of the whole job")


class JobError(Model):
    """Why a job failed."""

    type: str
    message: str
    node_id: str | None
    node_type: str | None
    node_title: str | None
    details: str


class JobOutput(Model):
    """One file that a job made."""

    node_id: str
    filename: str
    subfolder: str
    type: str
    media_kind: Literal["image", "video", "audio"] | None
    url: str
    thumb: str | None


class JobText(Model):
    """A text that a node shows, such as a caption."""

    node_id: str
    node_title: str
    text: str = Field(description="20,000 characters at most")


class JobView(Model):
    """A job as the web app sees it. Times are seconds since the epoch."""

    id: str
    workflow: str | None
    title: str
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    number: float = Field(description="order in the waiting line: lower runs first, then older")
    position: int | None = Field(description="place in the waiting line, 1 = next")
    created_at: float
    started_at: float | None
    finished_at: float | None
    progress: JobProgress | None
    error: JobError | None
    outputs: list[JobOutput]
    texts: list[JobText] = Field(description="50 at most")
    values: dict[str, Any]
    preview: str | None
    group_id: str | None = None
    group_place: int | None = None


class GroupView(Model):
    """Renders that belong together: a batch, or a sweep over `axes`, whose last one varies fastest."""

    id: str
    kind: Literal["batch", "sweep"]
    workflow: str | None
    title: str
    axes: list[SweptAxis]
    count: int = Field(description="renders of each cell")
    total: int
    states: dict[str, int] = Field(description="how many renders are in which state")
    created_at: float


class SweptAxis(Model):
    """What is varied: a form field, or ``<node id>.<input>``."""

    key: str
    values: list[Any]


class GroupCell(Model):
    """One cell of the grid: which value of each axis, and its renders."""

    indices: list[int]
    jobs: list[JobView]


class GroupGrid(Model):
    """A group with its results, cell by cell in the order of the axes."""

    group: GroupView
    cells: list[GroupCell]


class GroupPage(Model):
    """Groups, newest first."""

    items: list[GroupView]
    next: str | None = Field(description="give it as `before` for the next page")


class JobsCreated(Model):
    """The queued jobs, and the group that they make where there are several."""

    jobs: list[JobView]
    group: GroupView | None = None


class JobPage(Model):
    """Jobs, newest first."""

    items: list[JobView]
    next: str | None = Field(description="give it as `before` for the next page")


class Range(Model):
    """The numbers from `start` to `stop`, which is one of them where the step fits."""

    start: float
    stop: float
    step: float = 1.0


class AxisInput(Model):
    """What to vary: a form field (or ``<node id>.<input>``), and its values or their range."""

    key: str = Field(min_length=1, max_length=500)
    values: list[JsonValue] | None = Field(None, max_length=MAX_AXIS)
    range: Range | None = None


def _few(values: Any) -> Any:
    # Before each is looked at: pydantic makes an error of every one, however many there are.
    if isinstance(values, dict) and len(values) > _MAX_VALUES:
        raise ValueError(f"must be at most {_MAX_VALUES} values")
    return values


class JobRequest(Model):
    """What to render."""

    workflow: str = Field(min_length=1, max_length=255)
    values: Annotated[dict[Annotated[str, Field(max_length=500)], Any], BeforeValidator(_few)] = Field(
        default_factory=dict, json_schema_extra={"maxProperties": _MAX_VALUES}
    )
    randomize: list[str] = Field(default_factory=list, max_length=500, description="fields that get a fresh number")
    bypass: list[str] = Field(default_factory=list, max_length=500, description="fields whose node is taken out")
    count: int = Field(1, ge=1, le=MAX_RENDERS, strict=True, description="how many renders (of each cell of a sweep)")
    sweep: list[AxisInput] = Field(default_factory=list, max_length=MAX_AXES)
    seed_mode: SeedMode | None = Field(
        None,
        description="fresh numbers for `each` render, the `same` for all, or one more each time (`increment`). "
        "Default: `each`; in a sweep `increment`, so that every cell has the same ones",
    )
    front: StrictBool = Field(False, description="run before what waits")
    priority: int = Field(0, ge=-MAX_PRIORITY, le=MAX_PRIORITY, strict=True, description="higher runs first")


class MoveRequest(Model):
    """Where to: the `front` or `end` of the line, or next to another waiting job."""

    to: Literal["front", "end"] | None = None
    before: str | None = Field(None, max_length=64)
    after: str | None = Field(None, max_length=64)


class QueueState(Model):
    """The line: what runs, what waits in its order, and whether that is held back."""

    paused: bool
    running: list[str]
    waiting: list[str]


class GroupCancelled(Model):
    """How many renders of the group were cancelled."""

    cancelled: int


class JobsQuery(Model):
    """Which jobs to list."""

    status: Literal["active", "done", "failed", "cancelled"] | None = None
    group: str | None = Field(None, max_length=64)
    limit: int = Field(50, ge=1, le=200)
    before: int | None = Field(None, ge=0, le=2**62)


class GroupsQuery(Model):
    """Which groups to list."""

    limit: int = Field(20, ge=1, le=100)
    before: int | None = Field(None, ge=0, le=2**62)


class PreviewQuery(Model):
    """Which preview."""

    v: str | None = Field(None, description="any text; a new value is a new address")


def job_view(job: Job, position: int | None, jobs: JobService) -> JobView:
    """A job on the wire."""
    progress = jobs.progress(job.id)
    running = job.state is JobState.RUNNING
    version = jobs.preview_version(job.id)
    return JobView(
        id=job.id,
        workflow=job.workflow,
        title=job.title,
        status="queued" if job.state is JobState.SUBMITTING else job.state.value,
        number=job.number,
        position=position,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        progress=JobProgress.model_validate(progress.as_json()) if running and progress else None,
        error=_error(job) if job.error is not None else None,
        outputs=[_output(node_id, file) for node_id, file in job.files()],
        texts=[
            JobText(node_id=node_id, node_title=job.node_title(node_id), text=text) for node_id, text in job.texts()
        ],
        values=job.values,
        preview=preview_url(job.id, version) if running and version else None,
        group_id=job.group_id,
        group_place=job.group_place,
    )


def _error(job: Job) -> JobError:
    error = job.error or {}
    node_id = error.get("node_id")
    trace = error.get("traceback")
    return JobError(
        type=str(error.get("exception_type") or "error"),
        message=str(error.get("exception_message") or "The render failed.").strip(),
        node_id=None if node_id is None else str(node_id),
        node_type=str(error["node_type"]) if error.get("node_type") else None,
        node_title=job.node_title(str(node_id)) if node_id is not None else None,
        details="".join(str(line) for line in trace) if isinstance(trace, list) else str(trace or ""),
    )


def _output(node_id: str, file: dict[str, str]) -> JobOutput:
    kind = media_kind(file["filename"])
    thumb = None
    if file["type"] in ("output", "input"):
        query = {"type": file["type"], "filename": file["filename"], "subfolder": file["subfolder"], "w": "384"}
        thumb = "/cozygen/thumb?" + urlencode(query)
    return JobOutput(
        node_id=node_id,
        filename=file["filename"],
        subfolder=file["subfolder"],
        type=file["type"],
        media_kind=kind,
        url="/view?" + urlencode({k: file[k] for k in ("filename", "subfolder", "type")}),
        thumb=thumb,
    )


async def _view(call: Call[Any, Any], job: Job) -> JobView:
    return job_view(job, await call.services.jobs.position(job), call.services.jobs)


@section.route(
    "POST",
    "/cozygen/api/jobs",
    body=JobRequest,
    response=JobsCreated,
    status=201,
    errors={400: "The values do not fit", 404: "No such workflow", 503: "The engine is out of reach"},
)
async def create_jobs(call: Call[NoQuery, JobRequest]) -> JobsCreated:
    """Queue a workflow with form values.

    Validation errors carry ComfyUI's ``node_errors`` and, under ``fields``, a sentence for each form field at fault.
    """
    services, body = call.services, call.body
    graph, form = await load_form(services, body.workflow)
    rng = random.SystemRandom()
    axes = [_axis(place, axis) for place, axis in enumerate(body.sweep)]
    total = math.prod(len(axis.values) for axis in axes) * body.count
    if total > MAX_RENDERS:
        raise ApiError(400, "too many renders", f"{total} renders are more than {MAX_RENDERS}.", field="sweep")
    group = None if total == 1 and not axes else _new_group(call, axes, form.title)
    prepare = await _preparation(services, body, graph, form.fields, rng)
    members = await in_thread(
        lambda: [_new_job(call, form.title, place, assembled, group) for place, assembled in prepare(axes)]
    )
    with refusals(form.fields):
        if group is None:
            jobs = [(await services.jobs.submit(members[0]))[0]]
        else:
            jobs = await _submit_group(services.jobs, group, members)
    used = [
        (f.label, str(jobs[0].values[f.key])) for f in form.fields if f.type == "string" and f.key in jobs[0].values
    ]
    await services.user_state.remember_prompts(call.user, body.workflow, used)
    positions = await services.jobs.positions()
    views = [job_view(job, positions.get(job.id), services.jobs) for job in jobs]
    return JobsCreated(jobs=views, group=None if group is None else await _group_view(services.jobs, group.id))


def _axis(place: int, axis: AxisInput) -> Axis:
    if (axis.values is None) == (axis.range is None):
        raise ApiError(400, "invalid request", "Give either values or a range.", field=f"sweep.{place}")
    if axis.values is not None:
        return Axis(axis.key, list(axis.values))
    given = axis.range
    assert given is not None
    try:
        return Axis(axis.key, spread(given.start, given.stop, given.step))
    except ValueError as error:
        raise ApiError(
            400, "invalid request", f"The range of {axis.key} {error}.", field=f"sweep.{place}.range"
        ) from None


def _new_group(call: Call[NoQuery, JobRequest], axes: list[Axis], title: str) -> JobGroup:
    return JobGroup(
        seq=0,
        id=str(uuid.uuid4()),
        user=call.user,
        kind="sweep" if axes else "batch",
        workflow=call.body.workflow,
        title=title,
        axes=[{"key": axis.key, "values": axis.values} for axis in axes],
        count=call.body.count,
        created_at=time.time(),
    )


async def _preparation(
    services: Services, body: JobRequest, graph: Graph, fields: list[FormField], rng: random.Random
) -> Callable[[list[Axis]], Iterator[tuple[int, Assembled]]]:
    """A function that assembles every render of a group; all that it needs has been fetched."""
    info = await services.engine.object_info() if body.bypass else {}
    expand = expander(await load_aliases(services), services.wildcards.lines, rng)

    def prepare(axes: list[Axis]) -> Iterator[tuple[int, Assembled]]:
        try:
            planned = plan(
                axes,
                body.values,
                count=body.count,
                randomize=body.randomize,
                seed_mode=body.seed_mode or ("increment" if axes else "each"),
                fields=fields,
                rng=rng,
            )
            for render in planned:
                yield (
                    render.place,
                    assemble(
                        graph,
                        fields,
                        render.values,
                        randomize=render.randomize,
                        bypassed=body.bypass,
                        object_info=info,
                        expand=expand,
                        rng=rng,
                    ),
                )
        except ValuesError as error:
            raise ApiError(400, "invalid values", str(error), fields=error.fields) from None

    return prepare


def _new_job(
    call: Call[NoQuery, JobRequest], title: str, place: int, assembled: Assembled, group: JobGroup | None
) -> NewJob:
    body = call.body
    return NewJob(
        graph=assembled.graph,
        user=call.user,
        title=title,
        workflow=body.workflow,
        front=body.front,
        priority=body.priority,
        group_id=None if group is None else group.id,
        group_place=None if group is None else place,
        extra_data={"extra_pnginfo": {"cozygen_prompt_raw": assembled.prompt_raw}},
        values=assembled.values,
        prompt_raw=assembled.prompt_raw,
    )


async def _submit_group(jobs: JobService, group: JobGroup, members: list[NewJob]) -> list[Job]:
    if not members[0].front:
        return (await jobs.submit_group(group, members))[1]
    # At the front each goes before the one queued before it: the last comes first.
    return (await jobs.submit_group(group, members[::-1]))[1][::-1]


@contextmanager
def refusals(fields: list[FormField]) -> Iterator[None]:
    """Turn what the engine raises into answers."""
    try:
        yield
    except PromptRejected as rejected:
        raise _rejected(rejected, fields) from None
    except EngineUnavailable as error:
        raise ApiError(503, "engine unavailable", str(error)) from None
    except EngineError as error:
        raise ApiError(502, "engine error", str(error)) from None


def _rejected(rejected: PromptRejected, fields: list[FormField]) -> ApiError:
    """The engine's refusal, with a sentence for each form field that is at fault."""
    error = rejected.body.get("error")
    error = error if isinstance(error, dict) else {"type": "prompt_rejected", "message": str(error)}
    node_errors = rejected.body.get("node_errors")
    node_errors = node_errors if isinstance(node_errors, dict) else {}
    sentences: dict[str, str] = {}
    details: list[str] = []
    for node_id, entry in node_errors.items():
        for problem in entry.get("errors", []):
            text = _sentence(problem)
            details.append(f"{entry.get('class_type', 'node')} (node {node_id}): {text}")
            name = (problem.get("extra_info") or {}).get("input_name")
            for field in fields:
                if field.node_id == str(node_id) and name in (field.input, None):
                    sentences.setdefault(field.key, text)
    message = str(error.get("message") or "The engine refused the workflow.")
    explained = error.get("details")
    if explained and explained != message:
        details.insert(0, str(explained))
    return ApiError(
        400,
        str(error.get("type") or "prompt_rejected"),
        ". ".join([message, *details[:5]]),
        node_errors=node_errors,
        fields=sentences,
    )


def _sentence(problem: dict[str, Any]) -> str:
    """A node error for people. What a node's own check says needs no more around it than that."""
    details = str(problem.get("details") or "")
    if problem.get("type") == "custom_validation_failed" and " - " in details:
        return details.partition(" - ")[2]
    return ": ".join(part for part in (str(problem.get("message") or ""), details) if part)


@section.route("GET", "/cozygen/api/jobs", query=JobsQuery, response=JobPage)
async def list_jobs(call: Call[JobsQuery, NoBody]) -> JobPage:
    """List the user's jobs, newest first."""
    query, jobs = call.query, call.services.jobs
    states = _STATES[query.status] if query.status else None
    found = await jobs.page(
        states=states, user=call.user, before=query.before, limit=query.limit + 1, group=query.group
    )
    positions = await jobs.positions()
    page = found[: query.limit]
    return JobPage(
        items=[job_view(job, positions.get(job.id), jobs) for job in page],
        next=str(page[-1].seq) if len(found) > query.limit else None,
    )


async def _own(call: Call[Any, Any]) -> Job:
    try:
        job = await call.services.jobs.get(call.path("id"))
    except JobNotFoundError:
        raise ApiError(404, "not found", "There is no such job.") from None
    if job.user != call.user:
        raise ApiError(404, "not found", "There is no such job.")
    return job


@section.route("GET", "/cozygen/api/jobs/{id}", response=JobView, errors={404: "No such job"})
async def get_job(call: Call[NoQuery, NoBody]) -> JobView:
    """One job."""
    return await _view(call, await _own(call))


@section.route(
    "POST",
    "/cozygen/api/jobs/{id}/cancel",
    response=JobView,
    errors={404: "No such job", 409: "The job is over", 503: "The engine is out of reach"},
)
async def cancel_job(call: Call[NoQuery, NoBody]) -> JobView:
    """Cancel a waiting or running job."""
    job = await _own(call)
    with refusals([]):
        try:
            return await _view(call, await call.services.jobs.cancel(job.id))
        except JobEndedError:
            raise ApiError(409, "already ended", "The job is over.") from None


@section.route(
    "POST",
    "/cozygen/api/jobs/{id}/retry",
    response=JobsCreated,
    status=201,
    errors={400: "The engine refuses the workflow", 404: "No such job", 503: "The engine is out of reach"},
)
async def retry_job(call: Call[NoQuery, NoBody]) -> JobsCreated:
    """Queue the same graph again, with the same values and seeds."""
    job = await _own(call)
    with refusals([]):
        again = await call.services.jobs.retry(job.id)
    return JobsCreated(jobs=[await _view(call, again)])


@section.route(
    "GET",
    "/cozygen/api/jobs/{id}/preview",
    query=PreviewQuery,
    media_type="image/*",
    errors={404: "No such job, or no preview"},
)
async def job_preview(call: Call[PreviewQuery, NoBody]) -> web.Response:
    """The newest preview picture of a running job."""
    job = await _own(call)
    preview = call.services.jobs.preview(job.id)
    if preview is None:
        raise ApiError(404, "not found", "There is no preview.")
    headers = {"Cache-Control": "private, no-store"}
    return web.Response(body=preview.data, content_type=preview.mime, headers=headers)


@section.route(
    "POST",
    "/cozygen/api/jobs/{id}/move",
    body=MoveRequest,
    response=JobView,
    errors={
        400: "No place, or several",
        404: "No such job",
        409: "It waits no more",
        503: "The engine is out of reach",
    },
)
async def move_job(call: Call[NoQuery, MoveRequest]) -> JobView:
    """Move a waiting job to the front or the end of the line, or next to another waiting job."""
    job, line = await _own(call), call.services.jobs.line
    body = call.body
    if sum(target is not None for target in (body.to, body.before, body.after)) != 1:
        raise ApiError(400, "invalid request", "Give one of to, before and after.", field="to")
    with refusals([]):
        try:
            await line.move(job.id, await _place(line, job.id, body))
        except NotWaitingError:
            raise ApiError(409, "not waiting", "The job waits no more.") from None
    return await _view(call, await call.services.jobs.get(job.id))


async def _place(line: WaitingLine, moving: str, body: MoveRequest) -> int:
    """The place that `moving` gets among the others."""
    if body.to is not None:
        return 0 if body.to == "front" else 10**9
    target = body.before or body.after or ""
    at = await line.place_of(moving)
    place = await line.place_of(target)
    return place - (at < place) + (body.after is not None)


@section.route("GET", "/cozygen/api/queue", response=QueueState)
async def queue_state(call: Call[NoQuery, NoBody]) -> QueueState:
    """The user's jobs that run and wait, in order."""
    return await _queue_state(call)


async def _queue_state(call: Call[NoQuery, NoBody]) -> QueueState:
    jobs = call.services.jobs
    active = await jobs.active_states(call.user)
    return QueueState(
        paused=jobs.line.paused,
        running=[id for id, state in active if state is JobState.RUNNING],
        waiting=[id for id, state in active if state is not JobState.RUNNING],
    )


@section.route(
    "POST", "/cozygen/api/queue/pause", response=QueueState, errors={502: "The engine failed", 503: "It is away"}
)
async def pause_queue(call: Call[NoQuery, NoBody]) -> QueueState:
    """Hold back what waits, over restarts too; what runs goes on."""
    with refusals([]):
        await call.services.jobs.line.pause()
    return await _queue_state(call)


@section.route(
    "POST", "/cozygen/api/queue/resume", response=QueueState, errors={502: "The engine failed", 503: "It is away"}
)
async def resume_queue(call: Call[NoQuery, NoBody]) -> QueueState:
    """Let go what waits."""
    with refusals([]):
        await call.services.jobs.line.resume()
    return await _queue_state(call)


def _group_model(group: JobGroup, states: dict[str, int]) -> GroupView:
    shown: dict[str, int] = {}
    for state, count in states.items():
        name = "queued" if state == JobState.SUBMITTING else state
        shown[name] = shown.get(name, 0) + count
    return GroupView(
        id=group.id,
        kind=group.kind,
        workflow=group.workflow,
        title=group.title,
        axes=[SweptAxis(**axis) for axis in group.axes],
        count=group.count,
        total=group.count * math.prod(len(axis["values"]) for axis in group.axes),
        states=shown,
        created_at=group.created_at,
    )


async def _group_view(jobs: JobService, group_id: str) -> GroupView:
    return _group_model(await jobs.group(group_id), await jobs.group_states(group_id))


@section.route("GET", "/cozygen/api/groups", query=GroupsQuery, response=GroupPage)
async def list_groups(call: Call[GroupsQuery, NoBody]) -> GroupPage:
    """List the user's batches and sweeps, newest first."""
    query = call.query
    found, counts = await call.services.jobs.groups(user=call.user, before=query.before, limit=query.limit + 1)
    page = found[: query.limit]
    return GroupPage(
        items=[_group_model(group, counts[group.id]) for group in page],
        next=str(page[-1].seq) if len(found) > query.limit else None,
    )


async def _own_group(call: Call[Any, Any]) -> JobGroup:
    with suppress(GroupNotFoundError):
        group = await call.services.jobs.group(call.path("id"))
        if group.user == call.user:
            return group
    raise ApiError(404, "not found", "There is no such group.")


@section.route("GET", "/cozygen/api/groups/{id}", response=GroupGrid, errors={404: "No such group"})
async def get_group(call: Call[NoQuery, NoBody]) -> GroupGrid:
    """A batch or a sweep with its results as a grid."""
    group, jobs = await _own_group(call), call.services.jobs
    positions = await jobs.positions()
    cells: dict[tuple[int, ...], list[JobView]] = {}
    for job in await jobs.group_jobs(group.id):
        cell = tuple(group.cell(job.group_place or 0))
        cells.setdefault(cell, []).append(job_view(job, positions.get(job.id), jobs))
    return GroupGrid(
        group=await _group_view(jobs, group.id),
        cells=[GroupCell(indices=list(cell), jobs=views) for cell, views in sorted(cells.items())],
    )


@section.route(
    "POST",
    "/cozygen/api/groups/{id}/cancel",
    response=GroupCancelled,
    errors={404: "No such group", 502: "The engine failed", 503: "The engine is out of reach"},
)
async def cancel_group(call: Call[NoQuery, NoBody]) -> GroupCancelled:
    """Cancel what has not ended of a batch or a sweep."""
    group = await _own_group(call)
    with refusals([]):
        return GroupCancelled(cancelled=await call.services.jobs.cancel_group(group.id))
