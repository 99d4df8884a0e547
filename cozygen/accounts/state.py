"""What the studio remembers for each user: the state of their forms and pages, and the prompts they used."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update
from sqlalchemy.dialects.sqlite import insert as upsert

from cozygen.storage.database import Database, storable
from cozygen.storage.tables import prompt_history, user_state

MAX_STATE_BYTES = 1024 * 1024
MAX_KEYS = 2000
MAX_PROMPTS = 5000
"""How many prompts are remembered for a user; the one that was not used for longest goes first."""


class StateTooLargeError(ValueError):
    """The value is too large, or there are too many keys."""


class StateChangedError(Exception):
    """Somebody else changed the value since it was read; `current` is what it is now."""

    def __init__(self, current: Stored | None) -> None:
        super().__init__("changed in the meantime")
        self.current = current


@dataclass(frozen=True)
class Stored:
    """A value as it stands. `version` counts its changes; `updated_at` is in seconds since the epoch."""

    key: str
    value: Any
    version: int
    updated_at: float


@dataclass(frozen=True)
class UsedPrompt:
    """A prompt as typed, the form field it was typed into last, how often it was used and when last."""

    id: int
    text: str
    field: str
    workflow: str | None
    uses: int
    used_at: float


class UserState:
    """Keeps values and prompts by user, in the database."""

    def __init__(self, database: Database, *, clock: Callable[[], float] = time.time) -> None:
        self._db = database
        self._clock = clock

    async def get(self, user: str, key: str) -> Stored | None:
        """A value, None where there is none."""
        return await self._db.read(lambda connection: _get(connection, user, key))

    async def starting_with(self, user: str, prefix: str) -> list[Stored]:
        """All values whose key starts with `prefix`, by key."""

        def read(connection: Connection) -> list[Stored]:
            query = select(user_state).where(
                user_state.c.user == user, user_state.c.key.startswith(prefix, autoescape=True)
            )
            rows = connection.execute(query.order_by(user_state.c.key)).mappings()
            return [Stored(row["key"], row["value"], row["version"], row["updated_at"]) for row in rows]

        return await self._db.read(read)

    async def put(self, user: str, key: str, value: Any, *, if_version: int | None = None) -> Stored:
        """Store a value. With `if_version` only over that version (0: only where there is none).

        Raises `StateTooLargeError` and `StateChangedError`.
        """
        if len(json.dumps(value)) > MAX_STATE_BYTES:
            raise StateTooLargeError(f"the value is larger than {MAX_STATE_BYTES // 1024} KiB")

        def write(connection: Connection) -> Stored:
            current = _get(connection, user, key)
            if if_version is not None and if_version != (current.version if current else 0):
                raise StateChangedError(current)
            if current is None and _count(connection, user) >= MAX_KEYS:
                raise StateTooLargeError(f"there are {MAX_KEYS} values already")
            stored = Stored(key, value, current.version + 1 if current else 1, self._clock())
            row = {"user": user, **vars(stored)}
            connection.execute(
                upsert(user_state).values(row).on_conflict_do_update(index_elements=["user", "key"], set_=row)
            )
            return stored

        return await self._db.write(write)

    async def remove(self, user: str, key: str) -> None:
        """Forget a value."""
        statement = delete(user_state).where(user_state.c.user == user, user_state.c.key == key)
        await self._db.write(lambda connection: connection.execute(statement) and None)

    async def remember_prompts(self, user: str, workflow: str | None, texts: Iterable[tuple[str, str]]) -> None:
        """Note that prompts (field, text) were used. What is blank is no prompt."""
        used = {storable(text).strip(): storable(field) for field, text in texts if text.strip()}
        if used:
            await self._db.write(lambda connection: self._remember(connection, user, workflow, used))

    def _remember(self, connection: Connection, user: str, workflow: str | None, used: dict[str, str]) -> None:
        for text, field in used.items():
            digest = hashlib.sha256(text.encode()).hexdigest()
            known = (prompt_history.c.user == user) & (prompt_history.c.digest == digest)
            news = {"field": field, "workflow": workflow, "used_at": self._clock()}
            again = update(prompt_history).where(known).values(**news, uses=prompt_history.c.uses + 1)
            if connection.execute(again).rowcount == 0:
                row = {"user": user, "digest": digest, "text": text, "uses": 1, **news}
                connection.execute(insert(prompt_history).values(row))
        oldest = (
            select(prompt_history.c.id)
            .where(prompt_history.c.user == user)
            .order_by(prompt_history.c.used_at.desc(), prompt_history.c.id.desc())
            .offset(MAX_PROMPTS)
        )
        connection.execute(delete(prompt_history).where(prompt_history.c.id.in_(oldest)))

    async def prompts(
        self, user: str, *, containing: str, field: str | None, offset: int, limit: int
    ) -> list[UsedPrompt]:
        """Prompts that a user used, the latest first, with `containing` in them in any case."""

        def read(connection: Connection) -> list[UsedPrompt]:
            query = select(prompt_history).where(prompt_history.c.user == user)
            if containing:
                query = query.where(prompt_history.c.text.icontains(containing, autoescape=True))
            if field is not None:
                query = query.where(prompt_history.c.field == field)
            query = query.order_by(prompt_history.c.used_at.desc(), prompt_history.c.id.desc())
            columns = ("id", "text", "field", "workflow", "uses", "used_at")
            rows = connection.execute(query.offset(offset).limit(limit)).mappings()
            return [UsedPrompt(*(row[column] for column in columns)) for row in rows]

        return await self._db.read(read)

    async def forget_prompts(self, user: str, prompt_id: int | None) -> int:
        """Forget one prompt, or all with None. How many."""
        statement = delete(prompt_history).where(prompt_history.c.user == user)
        if prompt_id is not None:
            statement = statement.where(prompt_history.c.id == prompt_id)
        return await self._db.write(lambda connection: connection.execute(statement).rowcount)


def _get(connection: Connection, user: str, key: str) -> Stored | None:
    query = select(user_state).where(user_state.c.user == user, user_state.c.key == key)
    row = connection.execute(query).mappings().first()
    return None if row is None else Stored(key, row["value"], row["version"], row["updated_at"])


def _count(connection: Connection, user: str) -> int:
    return connection.execute(
        select(func.count()).select_from(user_state).where(user_state.c.user == user)
    ).scalar_one()
