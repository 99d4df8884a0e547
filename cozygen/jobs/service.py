"""The durable queue: stores every prompt before it is acknowledged and follows it to its end."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from cozygen.engines.base import (
    Accepted,
    ConnectionEvent,
    Engine,
    EngineError,
    EngineEvent,
    EngineUnavailable,
    Event,
    Graph,
    Health,
    Outcome,
    PreviewEvent,
    PromptRejected,
    Submission,
)
from cozygen.jobs import store
from cozygen.jobs.bus import EventBus
from cozygen.jobs.line import WaitingLine
from cozygen.jobs.model import ACTIVE, Job, JobGroup, JobState, NewJob
from cozygen.jobs.progress import Durations, Progress, Tracker
from cozygen.storage.database import Database
from cozygen.workflows.graph import upstream

log = logging.getLogger(__name__)

_MESSAGES = ("execution_start", "execution_cached", "execution_success", "execution_error", "execution_interrupted")
_RETRY_SECONDS = 5.0
_CANCEL_SECONDS = 3.0
_ENDED_REFS = 256
_PRIORITY_STEP = 1e9  # queue numbers of one priority; more than there will ever be jobs

Listener = Callable[[Event, "JobRef | None"], None]


@dataclass(frozen=True)
class JobRef:
    """Whose prompt an event belongs to."""

    id: str
    user: str
    client_id: str | None


@dataclass(frozen=True)
class JobNotice:
    """A job as it stands after a change, with its place in the waiting line (1 = next)."""

    job: Job
    position: int | None


@dataclass
class _Live:
    """What is only worth knowing while a job runs."""

    tracker: Tracker
    messages: list[Any]
    progress: Progress | None = None
    preview: PreviewEvent | None = None
    previews: int = 0


class JobNotFoundError(LookupError):
    """There is no such job."""


class JobEndedError(Exception):
    """The job is over."""


class GroupNotFoundError(LookupError):
    """There is no such group."""


class DuplicateJobError(Exception):
    """A job with this prompt id exists already."""


class JobService:
    """Queues jobs on one engine. Every change of state is in the database before anybody hears of it.

    `on_queued` is called with the id and the graph of each job that was queued; it must not raise.
    """

    def __init__(
        self,
        database: Database,
        engine: Engine,
        bus: EventBus,
        on_queued: Callable[[str, Graph], Awaitable[None]] | None = None,
    ) -> None:
        self.engine = engine
        self.bus = bus
        self.health: Health | None = None
        self._on_queued = on_queued
        self._db = database
        self._durations = Durations()
        self._live: dict[str, _Live] = {}
        self._refs: dict[str, JobRef] = {}
        self._ended_refs: OrderedDict[str, JobRef] = OrderedDict()
        self._listeners: list[Listener] = []
        self._number = 0.0
        self._pump: asyncio.Task[None] | None = None
        self._recovery: asyncio.Task[None] | None = None
        self._submitting: set[str] = set()
        self._endings: dict[str, asyncio.Event] = {}
        self.line = WaitingLine(database, engine, self._resubmit_waiting, self._tell_line)

    def listen(self, listener: Listener) -> None:
        """Call `listener` with every event of the engine, in order, once its effect is stored."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Begin to follow the engine and take up what an earlier run left unfinished."""
        self._number = await self._db.read(store.next_number)
        await self.line.load()
        await self.engine.start()
        self._pump = asyncio.create_task(self._follow(), name="engine-events")
        self._recovery = asyncio.create_task(self._recover(), name="job-recovery")

    async def close(self) -> None:
        """Stop following; unfinished jobs stay stored and are taken up at the next start."""
        for task in (self._recovery, self._pump):
            if task is not None:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
        await self.engine.close()

    async def submit(self, new: NewJob) -> tuple[Job, Accepted]:
        """Store and queue a job. While the line is paused the engine hears of it later, and may refuse it then.

        Raises `PromptRejected` (nothing is kept), `EngineUnavailable` (nothing is kept) or `DuplicateJobError`.
        """
        prompt_id = new.prompt_id or str(uuid.uuid4())
        number = self._next_number(new)
        try:
            await self._db.write(lambda connection: store.add(connection, prompt_id, new, number))
        except IntegrityError:
            raise DuplicateJobError(prompt_id) from None
        self._refs[prompt_id] = JobRef(prompt_id, new.user, new.client_id)
        if self.line.paused:
            held = await self._change(prompt_id, lambda connection: store.hold(connection, prompt_id))
            await self._tell_queued(prompt_id, new.graph)
            return held, Accepted(prompt_id, number, [])
        self._submitting.add(prompt_id)
        try:
            accepted = await self.engine.submit(
                Submission(
                    prompt_id=prompt_id,
                    graph=new.graph,
                    number=number,
                    extra_data=new.extra_data,
                    client_id=new.client_id,
                    partial_execution_targets=new.partial_execution_targets,
                )
            )
        except (PromptRejected, EngineError):
            await self._db.write(lambda connection: store.forget(connection, prompt_id))
            self._refs.pop(prompt_id, None)
            raise
        finally:
            self._submitting.discard(prompt_id)
        job = await self._change(
            prompt_id,
            lambda connection: store.accept(connection, prompt_id, accepted.outputs_to_execute, accepted.number),
        )
        await self.line.settle(prompt_id)
        await self._tell_queued(prompt_id, new.graph)
        return job, accepted

    async def _tell_queued(self, prompt_id: str, graph: Graph) -> None:
        if self._on_queued is not None:
            await self._on_queued(prompt_id, graph)

    def _next_number(self, new: NewJob) -> float:
        if new.number is not None:
            return new.number
        number = self._number
        self._number += 1
        return (-number if new.front else number) - new.priority * _PRIORITY_STEP

    async def submit_group(self, group: JobGroup, members: Sequence[NewJob]) -> tuple[JobGroup, list[Job]]:
        """Store and queue jobs that belong together: all of them, or none. Raises as `submit`."""
        await self._db.write(lambda connection: store.add_group(connection, group))
        queued: list[Job] = []
        try:
            for new in members:
                queued.append((await self.submit(new))[0])
        except BaseException:
            for job in reversed(queued):
                with suppress(JobEndedError, EngineError):
                    await self.cancel(job.id)
            if not queued:
                await self._db.write(lambda connection: store.forget_group(connection, group.id))
            raise
        return await self.group(group.id), queued

    async def group(self, group_id: str) -> JobGroup:
        """One group. Raises `GroupNotFoundError`."""
        group = await self._db.read(lambda connection: store.get_group(connection, group_id))
        if group is None:
            raise GroupNotFoundError(group_id)
        return group

    async def group_jobs(self, group_id: str) -> list[Job]:
        """The jobs of a group in their places."""
        return await self._db.read(lambda connection: store.group_jobs(connection, group_id))

    async def group_ids(self, group_id: str) -> list[str]:
        """The ids of the jobs of a group in their places."""
        return await self._db.read(lambda connection: store.group_ids(connection, group_id))

    async def group_states(self, group_id: str) -> dict[str, int]:
        """How many jobs of a group are in which state."""
        return (await self._db.read(lambda connection: store.group_counts(connection, [group_id])))[group_id]

    async def groups(
        self, *, user: str, before: int | None, limit: int
    ) -> tuple[list[JobGroup], dict[str, dict[str, int]]]:
        """A user's groups, newest first, and how many jobs of each are in which state."""

        def read(connection: Connection) -> tuple[list[JobGroup], dict[str, dict[str, int]]]:
            found = store.groups(connection, user=user, before=before, limit=limit)
            return found, store.group_counts(connection, [group.id for group in found])

        return await self._db.read(read)

    async def cancel_group(self, group_id: str) -> int:
        """Cancel what has not ended of a group: the last first, so that nothing moves up. How many."""
        cancelled = 0
        for job in reversed(await self.group_jobs(group_id)):
            if not job.state.ended:
                with suppress(JobEndedError):
                    await self.cancel(job.id)
                    cancelled += 1
        return cancelled

    async def cancel(self, prompt_id: str) -> Job:
        """Cancel a job. One that waits has ended when this returns; one that runs ends as soon as its node reacts.

        Raises `JobNotFoundError`, `JobEndedError` or `EngineUnavailable`.
        """
        job = await self.get(prompt_id)
        if job.state.ended:
            raise JobEndedError(prompt_id)
        ending = self._endings.setdefault(prompt_id, asyncio.Event())
        try:
            if not await self.engine.cancel(prompt_id):
                # The engine has lost it or ended it this moment; whatever comes first decides.
                await self._finish(prompt_id, JobState.CANCELLED)
                self._refs.pop(prompt_id, None)
            elif job.state is not JobState.RUNNING:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_CANCEL_SECONDS):
                        await ending.wait()
        finally:
            self._endings.pop(prompt_id, None)
        return await self.get(prompt_id)

    async def retry(self, prompt_id: str) -> Job:
        """Queue the same graph again as a new job. Raises as `submit` and `get`."""
        job = await self.get(prompt_id)
        extra = {key: value for key, value in job.extra_data.items() if key != "create_time"}
        again = NewJob(
            graph=job.graph,
            user=job.user,
            title=job.title,
            workflow=job.workflow,
            client_id=job.client_id,
            extra_data=extra,
            values=job.values,
            prompt_raw=job.prompt_raw,
        )
        return (await self.submit(again))[0]

    async def get(self, prompt_id: str) -> Job:
        """One job. Raises `JobNotFoundError`."""
        job = await self._db.read(lambda connection: store.get(connection, prompt_id))
        if job is None:
            raise JobNotFoundError(prompt_id)
        return job

    async def active(self) -> list[Job]:
        """What runs and what waits, in the order of execution."""
        return await self._db.read(store.active)

    async def active_states(self, user: str) -> list[tuple[str, JobState]]:
        """Ids and states of what runs and waits of a user, in the order of execution."""
        return await self._db.read(lambda connection: store.active_states(connection, user))

    async def page(
        self,
        *,
        states: Sequence[JobState] | None,
        user: str | None,
        before: int | None,
        limit: int,
        group: str | None = None,
    ) -> list[Job]:
        """Stored jobs, newest first."""
        return await self._db.read(
            lambda connection: store.page(connection, states=states, user=user, before=before, limit=limit, group=group)
        )

    async def history(self, *, user: str, newest: int | None, offset: int | None, limit: int) -> list[Job]:
        """A user's ended jobs for ComfyUI's ``/history``, oldest first."""
        return await self._db.read(
            lambda connection: store.history(connection, user=user, newest=newest, offset=offset, limit=limit)
        )

    async def hide_history(self, prompt_ids: Sequence[str] | None, *, user: str) -> None:
        """Take a user's jobs out of ``/history`` (all with None)."""
        await self._db.write(lambda connection: store.hide_history(connection, prompt_ids, user=user))

    async def position(self, job: Job) -> int | None:
        """Place of a job in the waiting line (1 = next); None when it does not wait."""
        return await self._db.read(lambda connection: store.position(connection, job))

    async def positions(self) -> dict[str, int]:
        """The waiting line: job id -> place (1 = next)."""
        return await self._db.read(store.positions)

    async def count_active(self) -> int:
        """How many jobs have not ended."""
        return await self._db.read(store.count_active)

    async def put_prompt_raw(self, prompt_id: str, texts: dict[str, str]) -> None:
        """Keep the prompt as typed for a prompt id."""
        await self._db.write(lambda connection: store.put_prompt_raw(connection, prompt_id, texts))

    async def raw_for_file(self, subfolder: str, filename: str) -> dict[str, str] | None:
        """The prompt as typed of the job that made an output file."""
        return await self._db.read(lambda connection: store.raw_for_file(connection, subfolder, filename))

    def progress(self, prompt_id: str) -> Progress | None:
        """How far a running job is."""
        live = self._live.get(prompt_id)
        return live.progress if live else None

    def preview(self, prompt_id: str) -> PreviewEvent | None:
        """The newest preview picture of a running job."""
        live = self._live.get(prompt_id)
        return live.preview if live else None

    # The engine's events

    async def _follow(self) -> None:
        async for event in self.engine.events():
            try:
                await self._handle(event)
            except Exception:
                log.exception("could not process %s", type(event).__name__)

    async def _handle(self, event: Event) -> None:
        match event:
            case EngineEvent(type="cozygen_lost", prompt_id=str(prompt_id)):
                await self._resubmit(await self.get(prompt_id))
                return
            case EngineEvent():
                await self._handle_event(event)
            case PreviewEvent():
                self._handle_preview(event)
            case ConnectionEvent():
                await self._handle_connection(event)
        ref = None if isinstance(event, ConnectionEvent) else self._ref_of(event.prompt_id or "")
        for listener in self._listeners:
            listener(event, ref)
        if isinstance(event, EngineEvent) and event.type in _MESSAGES[2:] and event.prompt_id in self._refs:
            # ComfyUI's last word on a prompt, `executing` without a node, comes after its end has been stored.
            self._ended_refs[event.prompt_id] = self._refs.pop(event.prompt_id)
            while len(self._ended_refs) > _ENDED_REFS:
                self._ended_refs.popitem(last=False)

    def _ref_of(self, prompt_id: str) -> JobRef | None:
        return self._refs.get(prompt_id) or self._ended_refs.get(prompt_id)

    async def _handle_event(self, event: EngineEvent) -> None:
        prompt_id = event.prompt_id
        if prompt_id is None or prompt_id not in self._refs:
            return
        if event.type == "execution_start":
            job = await self._change(prompt_id, lambda connection: store.begin(connection, prompt_id))
            needed = upstream(job.graph, job.targets or job.graph)
            self._live[prompt_id] = _Live(Tracker(job.graph, self._durations, needed), [])
        live = self._live.get(prompt_id)
        if live is not None and event.type in _MESSAGES:
            live.messages.append([event.type, dict(event.data)])
        match event.type:
            case "execution_cached" if live is not None:
                live.tracker.cached([str(node) for node in event.data.get("nodes", [])])
            case "executing" if live is not None and event.data.get("node") is not None:
                self._tell_progress(prompt_id, live, live.tracker.executing(str(event.data["node"])))
            case "progress" if live is not None:
                node = str(event.data.get("node") or event.data.get("display_node") or "")
                step = live.tracker.step(node, _number(event.data.get("value")), _number(event.data.get("max")))
                self._tell_progress(prompt_id, live, step)
            case "executed":
                shown = event.data.get("output")
                if isinstance(shown, dict):
                    node = str(event.data.get("display_node") or event.data.get("node"))
                    await self._change(
                        prompt_id, lambda connection: store.add_output(connection, prompt_id, node, shown)
                    )
            case "execution_success":
                if live is not None:
                    live.tracker.end()
                await self._finish(prompt_id, JobState.DONE)
            case "execution_error":
                await self._finish(prompt_id, JobState.FAILED, error=dict(event.data))
            case "execution_interrupted":
                await self._finish(prompt_id, JobState.CANCELLED)

    def _tell_progress(self, prompt_id: str, live: _Live, progress: Progress) -> None:
        live.progress = progress
        data = {"job_id": prompt_id, "progress": progress.as_json()}
        self.bus.publish("progress", data, user=self._refs[prompt_id].user, keep=False)

    def _handle_preview(self, event: PreviewEvent) -> None:
        live = self._live.get(event.prompt_id)
        ref = self._refs.get(event.prompt_id)
        if live is None or ref is None:
            return
        live.preview = event
        live.previews += 1
        url = preview_url(event.prompt_id, live.previews)
        self.bus.publish("preview", {"job_id": event.prompt_id, "url": url}, user=ref.user, keep=False)

    def preview_version(self, prompt_id: str) -> int:
        """How many previews a running job has shown."""
        live = self._live.get(prompt_id)
        return live.previews if live else 0

    async def _handle_connection(self, event: ConnectionEvent) -> None:
        await self.refresh_health()
        if event.connected and (self._recovery is None or self._recovery.done()):
            self._recovery = asyncio.create_task(self._recover(), name="job-recovery")

    async def refresh_health(self) -> Health:
        """Ask the engine how it is and tell everybody when that has changed."""
        try:
            health = await self.engine.health()
        except EngineError as error:
            before = self.health
            kind = before.engine if before else "comfyui"
            health = Health(ok=False, engine=kind, version="", url=before.url if before else None, note=str(error))
        if health != self.health:
            self.health = health
            self.bus.publish("engine", health_json(health))
        return health

    # Changes of state

    async def _change(self, prompt_id: str, work: Callable[[Connection], None]) -> Job:
        def change(connection: Connection) -> JobNotice | None:
            work(connection)
            job = store.get(connection, prompt_id)
            return None if job is None else JobNotice(job, store.position(connection, job))

        notice = await self._db.write(change)
        if notice is None:
            raise JobNotFoundError(prompt_id)
        self.bus.publish("job", notice, user=notice.job.user)
        return notice.job

    async def _finish(
        self,
        prompt_id: str,
        state: JobState,
        *,
        error: dict[str, Any] | None = None,
        outcome: Outcome | None = None,
    ) -> None:
        live = self._live.pop(prompt_id, None)
        messages = outcome.messages if outcome else live.messages if live else []
        shown = outcome.outputs if outcome else None

        def end(connection: Connection) -> None:
            store.finish(connection, prompt_id, state, error=error, messages=messages, shown=shown)

        await self._change(prompt_id, end)
        if prompt_id in self._endings:
            self._endings[prompt_id].set()

    # Taking up what was left

    async def _recover(self) -> None:
        """Bring stored and engine's state together; retried until the engine answers."""
        while True:
            try:
                await self.refresh_health()
                await self._reconcile()
                return
            except EngineUnavailable as error:
                log.warning("jobs wait for the engine: %s", error)
            except Exception:
                log.exception("could not take up unfinished jobs")
            await asyncio.sleep(_RETRY_SECONDS)

    async def _reconcile(self) -> None:
        jobs = [job for job in await self.active() if job.id not in self._submitting]
        for job in jobs:
            self._refs.setdefault(job.id, JobRef(job.id, job.user, job.client_id))
        known = await self.engine.lookup([job.id for job in jobs]) if jobs else {}
        for job in jobs:
            outcome = known.get(job.id)
            if outcome is None:
                await self._resubmit(job)
            elif outcome.state in ("queued", "running"):
                await self._adopt(job, outcome)
            else:
                await self._finish(job.id, JobState(outcome.state), error=outcome.error, outcome=outcome)
                self._refs.pop(job.id, None)

    async def _adopt(self, job: Job, outcome: Outcome) -> None:
        def adopt(connection: Connection) -> None:
            store.accept(connection, job.id, job.targets, job.number)
            if outcome.state == "running":
                store.begin(connection, job.id)

        adopted = await self._change(job.id, adopt)
        if outcome.state == "queued":
            await self.line.settle(job.id)
        if outcome.state == "running" and job.id not in self._live:
            needed = upstream(adopted.graph, adopted.targets or adopted.graph)
            self._live[job.id] = _Live(Tracker(adopted.graph, self._durations, needed), [])

    def _tell_line(self) -> None:
        """The order has changed, or the line was paused or let go: places are to be read anew."""
        self.bus.publish("queue", {"paused": self.line.paused})

    async def _resubmit_waiting(self, prompt_id: str) -> None:
        job = await self.get(prompt_id)
        if job.state in (JobState.SUBMITTING, JobState.QUEUED) and prompt_id not in self._submitting:
            await self._resubmit(job)

    async def _resubmit(self, job: Job) -> None:
        if job.state not in ACTIVE:
            return
        self._live.pop(job.id, None)
        self._refs[job.id] = JobRef(job.id, job.user, job.client_id)
        await self._change(job.id, lambda connection: store.requeue(connection, job.id))
        if self.line.paused:
            return
        submission = Submission(
            job.id,
            job.graph,
            job.number,
            job.extra_data,
            job.client_id,
            partial_execution_targets=job.targets or None,
        )
        try:
            accepted = await self.engine.submit(submission)
        except EngineUnavailable:
            raise  # it is taken up again when the engine is back
        except (PromptRejected, EngineError) as refusal:
            await self._finish(job.id, JobState.FAILED, error=_refusal(job.id, refusal))
            self._refs.pop(job.id, None)
            return
        await self._change(
            job.id, lambda connection: store.accept(connection, job.id, accepted.outputs_to_execute, accepted.number)
        )


def preview_url(prompt_id: str, version: int) -> str:
    """Where a preview can be fetched; the version makes a new picture a new URL."""
    return f"/cozygen/api/jobs/{prompt_id}/preview?v={version}"


def health_json(health: Health) -> dict[str, Any]:
    """The wire form of an engine's health."""
    return {
        "ok": health.ok,
        "engine": health.engine,
        "version": health.version,
        "url": health.url,
        "note": health.note,
    }


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _refusal(prompt_id: str, refusal: PromptRejected | EngineError) -> dict[str, Any]:
    """A refusal at a second submission in the shape of ``execution_error``."""
    body = refusal.body if isinstance(refusal, PromptRejected) else {}
    error = body.get("error")
    details = error if isinstance(error, dict) else {"message": str(refusal), "type": "engine_error"}
    return {
        "prompt_id": prompt_id,
        "node_id": next(iter(body.get("node_errors") or {}), None),
        "node_type": None,
        "executed": [],
        "exception_message": details.get("message", ""),
        "exception_type": details.get("type", ""),
        "traceback": [],
        "current_inputs": {},
        "current_outputs": [],
        "timestamp": int(time.time() * 1000),
    }
