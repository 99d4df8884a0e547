"""Jobs: queue a workflow with form values, follow it, cancel it, look at what came of it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

from aiohttp import web
from pydantic import Field, StrictBool

from cozygen.engines.base import EngineError, EngineUnavailable, PromptRejected
from cozygen.jobs.bus import Notice
from cozygen.jobs.model import ACTIVE, Job, JobState, NewJob
from cozygen.jobs.service import (
    JobEndedError,
    JobNotFoundError,
    JobNotice,
    JobService,
    health_json,
    preview_url,
)
from cozygen.media.kinds import media_kind
from cozygen.web.api import Call, Model, NoBody, NoQuery, Section
from cozygen.web.errors import ApiError
from cozygen.web.health import EngineState
from cozygen.web.workflows import load_form
from cozygen.workflows.assemble import ValuesError, assemble
from cozygen.workflows.form import FormField

section = Section("Jobs", "Renders: queued, followed and cancelled. A job is stored before it is acknowledged.")

_STATES: dict[str, list[JobState]] = {
    "active": sorted(ACTIVE),
    "done": [JobState.DONE],
    "failed": [JobState.FAILED],
    "cancelled": [JobState.CANCELLED],
}
_KEEP_ALIVE_SECONDS = 15.0


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
    values: dict[str, Any]
    preview: str | None


class JobsCreated(Model):
    """The queued jobs."""

    jobs: list[JobView]


class JobPage(Model):
    """Jobs, newest first."""

    items: list[JobView]
    next: str | None = Field(description="give it as `before` for the next page")


class JobRequest(Model):
    """What to render."""

    workflow: str = Field(min_length=1, max_length=255)
    values: dict[Annotated[str, Field(max_length=500)], Any] = Field(default_factory=dict)
    randomize: list[str] = Field(default_factory=list, max_length=500, description="fields that get a fresh number")
    bypass: list[str] = Field(default_factory=list, max_length=500, description="fields whose node is taken out")
    count: int = Field(1, ge=1, le=100, strict=True, description="how many renders; randomised anew for each")
    front: StrictBool = Field(False, description="run before what waits")


class JobsQuery(Model):
    """Which jobs to list."""

    status: Literal["active", "done", "failed", "cancelled"] | None = None
    limit: int = Field(50, ge=1, le=200)
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
        values=job.values,
        preview=preview_url(job.id, version) if running and version else None,
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
    positions = await call.services.jobs.positions()
    return job_view(job, positions.get(job.id), call.services.jobs)


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
    info = await services.engine.object_info() if body.bypass else {}
    rng = random.SystemRandom()
    created: list[JobView] = []
    for _ in range(body.count):
        try:
            assembled = assemble(
                graph,
                form.fields,
                body.values,
                randomize=body.randomize,
                bypassed=body.bypass,
                object_info=info,
                rng=rng,
            )
        except ValuesError as error:
            raise ApiError(400, "invalid values", str(error), fields=error.fields) from None
        extra: dict[str, Any] = {"extra_pnginfo": {"cozygen_prompt_raw": assembled.prompt_raw}}
        new = NewJob(
            graph=assembled.graph,
            user=call.user,
            title=form.title,
            workflow=body.workflow,
            front=body.front,
            extra_data=extra,
            values=assembled.values,
            prompt_raw=assembled.prompt_raw,
        )
        job = await _submit(services.jobs.submit, new, form.fields)
        created.append(await _view(call, job))
    return JobsCreated(jobs=created)


async def _submit(submit: Callable[[NewJob], Any], new: NewJob, fields: list[FormField]) -> Job:
    try:
        job, _ = await submit(new)
    except PromptRejected as rejected:
        raise _rejected(rejected, fields) from None
    except EngineUnavailable as error:
        raise ApiError(503, "engine unavailable", str(error)) from None
    except EngineError as error:
        raise ApiError(502, "engine error", str(error)) from None
    result: Job = job
    return result


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
            text = ": ".join(str(problem[key]) for key in ("message", "details") if problem.get(key))
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


@section.route("GET", "/cozygen/api/jobs", query=JobsQuery, response=JobPage)
async def list_jobs(call: Call[JobsQuery, NoBody]) -> JobPage:
    """List the user's jobs, newest first."""
    query, jobs = call.query, call.services.jobs
    states = _STATES[query.status] if query.status else None
    found = await jobs.page(states=states, user=call.user, before=query.before, limit=query.limit + 1)
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
    try:
        return await _view(call, await call.services.jobs.cancel(job.id))
    except JobEndedError:
        raise ApiError(409, "already ended", "The job is over.") from None
    except EngineUnavailable as error:
        raise ApiError(503, "engine unavailable", str(error)) from None


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
    try:
        again = await call.services.jobs.retry(job.id)
    except PromptRejected as rejected:
        raise _rejected(rejected, []) from None
    except EngineUnavailable as error:
        raise ApiError(503, "engine unavailable", str(error)) from None
    return JobsCreated(jobs=[await _view(call, again)])


@section.route(
    "GET",
    "/cozygen/api/jobs/{id}/preview",
    query=PreviewQuery,
    media_type="image/jpeg",
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


class EventsQuery(Model):
    """Where to go on."""

    last_id: str | None = Field(None, max_length=100, description="as the header Last-Event-ID, which wins")


@section.route("GET", "/cozygen/api/events", query=EventsQuery, media_type="text/event-stream")
async def events(call: Call[EventsQuery, NoBody]) -> web.StreamResponse:
    """Server-Sent Events: hello, job, progress, preview, engine; reset when events were missed.

    Resumable by ``Last-Event-ID``.
    """
    services = call.services
    response = web.StreamResponse(
        headers={"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    )
    await response.prepare(call.request)
    last = call.request.headers.get("Last-Event-ID") or call.query.last_id
    async with services.bus.listen(call.user) as listener:
        missed = services.bus.since(last) if last else []
        health = services.jobs.health or await services.jobs.refresh_health()
        hello = {"engine": EngineState.model_validate(health_json(health)).model_dump()}
        await response.write(_sse(services.bus.last_id if missed is None else None, "hello", hello))
        if missed is None:
            await response.write(_sse(services.bus.last_id, "reset", {}))
        for notice in missed or []:
            if notice.user in (None, call.user):
                await response.write(encode_notice(notice, services.jobs))
        closing = asyncio.create_task(services.closing.wait())
        try:
            while not closing.done():
                upcoming = asyncio.create_task(listener.next())
                await asyncio.wait(
                    {upcoming, closing}, timeout=_KEEP_ALIVE_SECONDS, return_when=asyncio.FIRST_COMPLETED
                )
                if listener.overrun:
                    listener.restart()
                    await response.write(_sse(services.bus.last_id, "reset", {}))
                if upcoming.done():
                    await response.write(encode_notice(upcoming.result(), services.jobs))
                else:
                    upcoming.cancel()
                    await response.write(b": keep-alive\n\n")
        finally:
            closing.cancel()
    return response


def encode_notice(notice: Notice, jobs: JobService) -> bytes:
    """A notice as a server-sent event."""
    data = notice.data
    if isinstance(data, JobNotice):
        data = job_view(data.job, data.position, jobs).model_dump()
    return _sse(notice.id, notice.name, data)


def _sse(event_id: str | None, name: str, data: Any) -> bytes:
    prefix = f"id: {event_id}\n" if event_id else ""
    return f"{prefix}event: {name}\ndata: {json.dumps(data)}\n\n".encode()
