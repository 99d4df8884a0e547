"""What was done and can be taken back, in the studio's database: it outlives the studio.

Each step has a token that takes it back once. Functions take a connection, so that a step is stored in the same
transaction as what it takes back.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from cozygen.storage.tables import undo_steps

KEPT_SECONDS = 7 * 86_400.0
_MOST = 2000


@dataclass(frozen=True)
class Step:
    """How to take something back. `kind` says what `data` is: ``notes`` or ``files``."""

    token: str
    kind: str
    data: dict[str, Any]


def push(connection: Connection, user: str, kind: str, data: dict[str, Any], *, pending: bool = False) -> str:
    """Store a step: its token. Steps that are too old, or too many, are dropped."""
    now = time.time()
    expired = undo_steps.c.created_at < now - KEPT_SECONDS
    connection.execute(delete(undo_steps).where(expired, undo_steps.c.pending.is_(False)))
    newest = select(undo_steps.c.token).order_by(undo_steps.c.created_at.desc()).limit(_MOST)
    connection.execute(delete(undo_steps).where(undo_steps.c.token.not_in(newest), undo_steps.c.pending.is_(False)))
    token = secrets.token_urlsafe(18)
    connection.execute(
        insert(undo_steps).values(token=token, user=user, kind=kind, data=data, pending=pending, created_at=now)
    )
    return token


def settle(connection: Connection, token: str, data: dict[str, Any] | None) -> None:
    """A pending step is finished: `data` takes back what was really done, None when there is nothing."""
    if data is None:
        connection.execute(delete(undo_steps).where(undo_steps.c.token == token))
    else:
        connection.execute(update(undo_steps).where(undo_steps.c.token == token).values(data=data, pending=False))


def find(connection: Connection, user: str, token: str) -> Step | None:
    """The user's step of that token, None when there is none any more."""
    mine = (undo_steps.c.token == token) & (undo_steps.c.user == user) & undo_steps.c.pending.is_(False)
    recent = undo_steps.c.created_at >= time.time() - KEPT_SECONDS
    row = connection.execute(select(undo_steps).where(mine, recent)).first()
    return None if row is None else Step(token, row.kind, row.data)


def take(connection: Connection, user: str, token: str) -> Step | None:
    """The user's step of that token, which cannot be taken again; None when there is none any more."""
    step = find(connection, user, token)
    if step is not None:
        connection.execute(delete(undo_steps).where(undo_steps.c.token == token))
    return step


def put_back(connection: Connection, user: str, step: Step) -> None:
    """A step that was taken turned out to be impossible: it can be taken again."""
    values = {"token": step.token, "user": user, "kind": step.kind, "data": step.data}
    connection.execute(insert(undo_steps).values(**values, pending=False, created_at=time.time()))


def pending(connection: Connection) -> list[Step]:
    """The steps that a crash interrupted, the oldest first."""
    rows = connection.execute(
        select(undo_steps).where(undo_steps.c.pending.is_(True)).order_by(undo_steps.c.created_at)
    )
    return [Step(row.token, row.kind, row.data) for row in rows]
