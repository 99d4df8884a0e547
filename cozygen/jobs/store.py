"""Jobs in the database. Functions take a connection, so that callers decide what is one transaction."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from cozygen.jobs.model import ACTIVE, Job, JobGroup, JobState, NewJob, output_files
from cozygen.storage.database import storable
from cozygen.storage.tables import job_groups, jobs, outputs, prompt_raw, studio_state

_ACTIVE = [state.value for state in ACTIVE]


def add(connection: Connection, prompt_id: str, new: NewJob, number: float) -> None:
    """Store a new job in state ``submitting``."""
    connection.execute(
        insert(jobs).values(
            id=prompt_id,
            user=new.user,
            client_id=storable(new.client_id),
            number=number,
            state=JobState.SUBMITTING.value,
            workflow=storable(new.workflow),
            title=storable(new.title),
            graph=new.graph,
            extra_data=new.extra_data,
            targets=new.partial_execution_targets or [],
            values=new.values,
            prompt_raw=new.prompt_raw,
            outputs={},
            messages=[],
            created_at=time.time(),
            group_id=new.group_id,
            group_place=new.group_place,
        )
    )
    if new.prompt_raw:
        put_prompt_raw(connection, prompt_id, new.prompt_raw)


def put_prompt_raw(connection: Connection, prompt_id: str, texts: dict[str, str]) -> None:
    """Keep the texts as typed for a prompt id, known or not yet known."""
    values = {"prompt_id": prompt_id, "texts": texts, "updated_at": time.time()}
    statement = upsert(prompt_raw).values(values)
    connection.execute(statement.on_conflict_do_update(index_elements=["prompt_id"], set_=values))


def import_prompts(
    connection: Connection, texts: Mapping[str, dict[str, str]], files: Iterable[tuple[str, str, str]]
) -> int:
    """Add prompts as typed, and (subfolder, filename, prompt id) of their files, where none is known.

    Returns how many prompts are new.
    """
    now = time.time()
    added = 0
    for prompt_id, typed in texts.items():
        row = {"prompt_id": prompt_id, "texts": typed, "updated_at": now}
        added += connection.execute(upsert(prompt_raw).values(row).on_conflict_do_nothing()).rowcount
    for subfolder, filename, prompt_id in files:
        link = {
            "subfolder": subfolder,
            "filename": filename,
            "prompt_id": prompt_id,
            "node_id": "",
            "created_at": now,
        }
        connection.execute(upsert(outputs).values(link).on_conflict_do_nothing())
    return added


def forget(connection: Connection, prompt_id: str) -> None:
    """Remove a job that the engine refused: it was never acknowledged."""
    connection.execute(delete(jobs).where(jobs.c.id == prompt_id, jobs.c.state == JobState.SUBMITTING.value))
    connection.execute(delete(prompt_raw).where(prompt_raw.c.prompt_id == prompt_id))


def accept(connection: Connection, prompt_id: str, targets: list[str], number: float) -> None:
    """The engine took the prompt; it may have begun or ended in the meantime."""
    connection.execute(update(jobs).where(jobs.c.id == prompt_id).values(targets=targets, number=number))
    waiting = and_(jobs.c.id == prompt_id, jobs.c.state == JobState.SUBMITTING.value)
    connection.execute(update(jobs).where(waiting).values(state=JobState.QUEUED.value))


def set_numbers(connection: Connection, numbers: Mapping[str, float]) -> None:
    """Give waiting jobs other places in the line."""
    for prompt_id, number in numbers.items():
        connection.execute(update(jobs).where(jobs.c.id == prompt_id, _waiting()).values(number=number))


def hold(connection: Connection, prompt_id: str) -> None:
    """The job waits here, without an engine that knows of it."""
    connection.execute(update(jobs).where(jobs.c.id == prompt_id, _waiting()).values(state=JobState.QUEUED.value))


def begin(connection: Connection, prompt_id: str) -> None:
    """The engine began to execute."""
    waiting = and_(jobs.c.id == prompt_id, _waiting())
    connection.execute(update(jobs).where(waiting).values(state=JobState.RUNNING.value, started_at=time.time()))


def requeue(connection: Connection, prompt_id: str) -> None:
    """Back to the line: the engine no longer knows the prompt."""
    active = and_(jobs.c.id == prompt_id, jobs.c.state.in_(_ACTIVE))
    connection.execute(
        update(jobs).where(active).values(state=JobState.QUEUED.value, started_at=None, outputs={}, messages=[])
    )


def add_output(connection: Connection, prompt_id: str, node_id: str, shown: dict[str, Any]) -> None:
    """Store what a node showed, and which prompt made the files that it names."""
    row = connection.execute(select(jobs.c.outputs).where(jobs.c.id == prompt_id)).first()
    if row is None:
        return
    connection.execute(update(jobs).where(jobs.c.id == prompt_id).values(outputs={**row.outputs, node_id: shown}))
    link_files(connection, prompt_id, {node_id: shown})


def link_files(connection: Connection, prompt_id: str, shown: dict[str, Any]) -> None:
    """Remember which prompt made the output files that `shown` (node id -> UI output) names."""
    for node_id, file in output_files(shown):
        if file["type"] != "output":
            continue
        values = {
            "subfolder": file["subfolder"],
            "filename": file["filename"],
            "prompt_id": prompt_id,
            "node_id": node_id,
            "created_at": time.time(),
        }
        statement = upsert(outputs).values(values)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["subfolder", "filename"],
                set_={key: values[key] for key in ("prompt_id", "node_id", "created_at")},
            )
        )


def finish(
    connection: Connection,
    prompt_id: str,
    state: JobState,
    *,
    error: dict[str, Any] | None = None,
    messages: list[Any] | None = None,
    shown: dict[str, Any] | None = None,
) -> bool:
    """End a job, once: False when it had ended before or does not exist."""
    values: dict[str, Any] = {"state": state.value, "error": error, "finished_at": time.time(), "in_history": True}
    if messages is not None:
        values["messages"] = messages
    if shown:
        values["outputs"] = shown
        link_files(connection, prompt_id, shown)
    active = and_(jobs.c.id == prompt_id, jobs.c.state.in_(_ACTIVE))
    return connection.execute(update(jobs).where(active).values(values)).rowcount == 1


def get(connection: Connection, prompt_id: str) -> Job | None:
    """One job."""
    row = connection.execute(select(jobs).where(jobs.c.id == prompt_id)).mappings().first()
    return None if row is None else _job(dict(row))


def active(connection: Connection) -> list[Job]:
    """Everything that has not ended: what runs first, then the waiting line in its order."""
    return _jobs(connection, _active(select(jobs)))


def active_states(connection: Connection, user: str) -> list[tuple[str, JobState]]:
    """Ids and states of a user's jobs that have not ended, in the same order."""
    query = _active(select(jobs.c.id, jobs.c.state)).where(jobs.c.user == user)
    return [(row.id, JobState(row.state)) for row in connection.execute(query).all()]


def _active(query: Select[Any]) -> Select[Any]:
    running_first = jobs.c.state != JobState.RUNNING.value
    return query.where(jobs.c.state.in_(_ACTIVE)).order_by(running_first, jobs.c.number, jobs.c.seq)


def position(connection: Connection, job: Job) -> int | None:
    """Place of a job in the waiting line (1 = next); None when it does not wait."""
    if job.state not in (JobState.SUBMITTING, JobState.QUEUED):
        return None
    before = or_(jobs.c.number < job.number, and_(jobs.c.number == job.number, jobs.c.seq < job.seq))
    return 1 + connection.execute(select(func.count()).select_from(jobs).where(_waiting(), before)).scalar_one()


def line(connection: Connection) -> list[tuple[str, float]]:
    """The waiting line in its order: (job id, number)."""
    query = select(jobs.c.id, jobs.c.number).where(_waiting()).order_by(jobs.c.number, jobs.c.seq)
    return [(row.id, row.number) for row in connection.execute(query)]


def positions(connection: Connection) -> dict[str, int]:
    """The waiting line: job id -> place (1 = next)."""
    return {job_id: place for place, (job_id, _) in enumerate(line(connection), 1)}


def _waiting() -> ColumnElement[bool]:
    return jobs.c.state.in_([JobState.SUBMITTING.value, JobState.QUEUED.value])


def count_active(connection: Connection) -> int:
    """How many jobs have not ended."""
    return connection.execute(select(func.count()).select_from(jobs).where(jobs.c.state.in_(_ACTIVE))).scalar_one()


def page(
    connection: Connection,
    *,
    states: Iterable[JobState] | None,
    user: str | None,
    before: int | None,
    limit: int,
    group: str | None = None,
) -> list[Job]:
    """Jobs, newest first, older than sequence number `before`."""
    query = select(jobs).order_by(jobs.c.seq.desc()).limit(limit)
    if states is not None:
        query = query.where(jobs.c.state.in_([state.value for state in states]))
    if user is not None:
        query = query.where(jobs.c.user == user)
    if group is not None:
        query = query.where(jobs.c.group_id == group)
    if before is not None:
        query = query.where(jobs.c.seq < before)
    return _jobs(connection, query)


def add_group(connection: Connection, group: JobGroup) -> None:
    """Store a group; its `seq` is given by the database."""
    connection.execute(insert(job_groups).values({key: value for key, value in vars(group).items() if key != "seq"}))


def forget_group(connection: Connection, group_id: str) -> None:
    """Remove a group that no job was queued for."""
    connection.execute(delete(job_groups).where(job_groups.c.id == group_id))


def get_group(connection: Connection, group_id: str) -> JobGroup | None:
    """One group."""
    row = connection.execute(select(job_groups).where(job_groups.c.id == group_id)).mappings().first()
    return None if row is None else JobGroup(**row)


def groups(connection: Connection, *, user: str, before: int | None, limit: int) -> list[JobGroup]:
    """A user's groups, newest first, older than sequence number `before`."""
    query = select(job_groups).where(job_groups.c.user == user).order_by(job_groups.c.seq.desc()).limit(limit)
    if before is not None:
        query = query.where(job_groups.c.seq < before)
    return [JobGroup(**row) for row in connection.execute(query).mappings()]


def group_counts(connection: Connection, group_ids: Sequence[str]) -> dict[str, dict[str, int]]:
    """How many jobs of each group are in which state."""
    query = (
        select(jobs.c.group_id, jobs.c.state, func.count())
        .where(jobs.c.group_id.in_(list(group_ids)))
        .group_by(jobs.c.group_id, jobs.c.state)
    )
    counts: dict[str, dict[str, int]] = {group_id: {} for group_id in group_ids}
    for group_id, state, count in connection.execute(query):
        counts[group_id][state] = count
    return counts


def group_ids(connection: Connection, group_id: str) -> list[str]:
    """The ids of the jobs of a group in their places."""
    query = select(jobs.c.id).where(jobs.c.group_id == group_id).order_by(jobs.c.group_place, jobs.c.seq)
    return [row.id for row in connection.execute(query)]


def group_jobs(connection: Connection, group_id: str) -> list[Job]:
    """The jobs of a group in their places."""
    return _jobs(connection, select(jobs).where(jobs.c.group_id == group_id).order_by(jobs.c.group_place, jobs.c.seq))


_PAUSED = "queue_paused"


def paused(connection: Connection) -> bool:
    """Whether the waiting line is held back."""
    row = connection.execute(select(studio_state.c.value).where(studio_state.c.key == _PAUSED)).first()
    return row is not None and row.value is True


def set_paused(connection: Connection, value: bool) -> None:
    """Hold the waiting line back, or let it go."""
    row = {"key": _PAUSED, "value": value}
    connection.execute(upsert(studio_state).values(row).on_conflict_do_update(index_elements=["key"], set_=row))


def history(connection: Connection, *, user: str, newest: int | None, offset: int | None, limit: int) -> list[Job]:
    """A user's ended jobs, oldest first: the `newest` last ones, or `limit` from `offset` on."""
    query = select(jobs).where(jobs.c.in_history, jobs.c.user == user)
    if newest is not None:
        return _jobs(connection, query.order_by(jobs.c.seq.desc()).limit(newest))[::-1]
    return _jobs(connection, query.order_by(jobs.c.seq).offset(offset or 0).limit(limit))


def hide_history(connection: Connection, prompt_ids: Sequence[str] | None, *, user: str) -> None:
    """Take a user's ended jobs out of the history (all with None). The jobs themselves stay."""
    statement = update(jobs).where(jobs.c.user == user).values(in_history=False)
    if prompt_ids is None:
        connection.execute(statement)
    elif prompt_ids:
        connection.execute(statement.where(jobs.c.id.in_(list(prompt_ids)[:10_000])))


def next_number(connection: Connection) -> float:
    """ComfyUI counts its prompts from 0; ours goes on counting after a restart."""
    return float(connection.execute(select(func.coalesce(func.max(jobs.c.seq), 0))).scalar_one())


def raw_for_file(connection: Connection, subfolder: str, filename: str) -> dict[str, str] | None:
    """The texts as typed of the prompt that made an output file."""
    query = (
        select(prompt_raw.c.texts)
        .join(outputs, outputs.c.prompt_id == prompt_raw.c.prompt_id)
        .where(outputs.c.subfolder == subfolder, outputs.c.filename == filename)
    )
    row = connection.execute(query).first()
    return None if row is None else dict(row.texts)


def _jobs(connection: Connection, query: Select[Any]) -> list[Job]:
    # All rows at once. Going from one to the next, this thread would let go so often, and so briefly, that the event
    # loop could neither take over nor ask it to stop.
    return [_job(dict(row)) for row in connection.execute(query).mappings().all()]


def _job(row: dict[str, Any]) -> Job:
    row["state"] = JobState(row["state"])
    return Job(**row)
