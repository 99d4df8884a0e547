"""Fetching the tag list from a Danbooru's public JSON API, politely and in a way that can be taken up again.

``/tags.json`` and ``/tag_aliases.json`` are read by ascending id (``page=a<id>``), a thousand entries and at most one
request a second. What has come is kept in a file until all of it is there; then it replaces the list in force at once.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import aiohttp
import filelock

from cozygen import __version__
from cozygen.tags.loaders import tag_from_json
from cozygen.tags.model import Tag, TagList, unique
from cozygen.tags.service import Loaded, Source, TagService

log = logging.getLogger(__name__)

_PAGE = 1000
_ATTEMPTS = 6
_MAX_ANSWER = 16 * 1024 * 1024
_KEEP_PART_SECONDS = 7 * 86400.0
_HEADERS = {"User-Agent": f"CozyGen/{__version__} (tag list update)", "Accept": "application/json"}

Phase = Literal["tags", "aliases"]
_PHASES: dict[Phase, tuple[str, dict[str, str]]] = {
    "tags": ("/tags.json", {"only": "id,name,category,post_count,is_deprecated"}),
    "aliases": (
        "/tag_aliases.json",
        {"only": "id,antecedent_name,consequent_name", "search[status]": "active"},
    ),
}


class UpdateError(Exception):
    """The list could not be fetched; the message is for people. What has come is kept for the next attempt."""


class UpdateRunningError(Exception):
    """Another update is under way."""


@dataclass(frozen=True)
class Progress:
    """How far an update is: entries fetched so far in this phase."""

    phase: Phase
    fetched: int


@dataclass(frozen=True)
class Options:
    """Where from, which tags (`min_posts`), and seconds between requests."""

    url: str
    min_posts: int = 20
    pause: float = 1.0


async def update(tags: TagService, options: Options, report: Callable[[Progress], None]) -> Loaded:
    """Fetch the list and put it in force. Raises `UpdateError` and `UpdateRunningError`.

    Cancelling keeps what has come; the next call goes on from there.
    """
    lock = filelock.FileLock(tags.folder / ".update.lock", timeout=0)
    await asyncio.to_thread(tags.folder.mkdir, parents=True, exist_ok=True)
    try:
        await asyncio.to_thread(lock.acquire)
    except filelock.Timeout:
        raise UpdateRunningError("another update is running") from None
    try:
        part = _Part(tags.folder / "update.part.jsonl", options)
        await asyncio.to_thread(part.open)
        try:
            await _fetch_all(part, options, report)
        finally:
            await asyncio.to_thread(part.close)
        return await asyncio.to_thread(_install, tags, part, options)
    except OSError as error:
        raise UpdateError(f"the disk failed: {error.strerror or error}") from None
    finally:
        await asyncio.to_thread(lock.release)


async def _fetch_all(part: _Part, options: Options, report: Callable[[Progress], None]) -> None:
    timeout = aiohttp.ClientTimeout(total=60, connect=15)
    async with aiohttp.ClientSession(timeout=timeout, headers=_HEADERS) as session:
        pacer = _Pacer(options.pause)
        for phase in _PHASES:
            report(Progress(phase, part.counts[phase]))
            while not part.finished[phase]:
                entries = await _page(session, pacer, options, phase, part.last_ids[phase])
                await asyncio.to_thread(part.append, phase, entries)
                report(Progress(phase, part.counts[phase]))


class _Pacer:
    """Keeps requests apart."""

    def __init__(self, pause: float) -> None:
        self._pause = pause
        self._next = 0.0

    async def turn(self) -> None:
        await asyncio.sleep(max(0.0, self._next - time.monotonic()))
        self._next = time.monotonic() + self._pause


async def _page(
    session: aiohttp.ClientSession, pacer: _Pacer, options: Options, phase: Phase, last_id: int
) -> list[dict[str, Any]]:
    path, fixed = _PHASES[phase]
    query = {**fixed, "limit": str(_PAGE), "page": f"a{last_id}"}
    if phase == "tags":
        query["search[post_count]"] = f">={options.min_posts}"
    problem = ""
    for attempt in range(_ATTEMPTS):
        await pacer.turn()
        wait = options.pause * 2**attempt
        try:
            async with session.get(options.url.rstrip("/") + path, params=query) as response:
                if response.status == 200:
                    return await _entries(response)
                problem = f"it answers {response.status} {response.reason}"
                if response.status != 429 and response.status < 500:
                    break
                wait = max(wait, _retry_after(response))
        except (aiohttp.ClientError, TimeoutError) as error:
            problem = str(error) or type(error).__name__
        log.info("tag update: %s; waiting %.0f s", problem, wait)
        await asyncio.sleep(wait)
    raise UpdateError(
        f"{options.url} does not give the tags: {problem}. What has come so far is kept; try again later."
    )


async def _entries(response: aiohttp.ClientResponse) -> list[dict[str, Any]]:
    raw = await response.content.read(_MAX_ANSWER)
    if not response.content.at_eof():
        # `read` gives what there is; a page that is larger than this is no page of tags.
        async for chunk in response.content.iter_chunked(1 << 16):
            raw += chunk
            if len(raw) > _MAX_ANSWER:
                raise UpdateError("the answer is too large to be a page of tags")
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        raise UpdateError("the answer is not JSON: is this the address of a Danbooru?") from None
    if not isinstance(found, list):
        raise UpdateError("the answer is no list: is this the address of a Danbooru?")
    return [entry for entry in found if isinstance(entry, dict) and isinstance(entry.get("id"), int)]


def _retry_after(response: aiohttp.ClientResponse) -> float:
    value = response.headers.get("Retry-After", "")
    return float(min(int(value), 300)) if value.isdecimal() and len(value) < 6 else 0.0


class _Part:
    """What has come so far: a header line, then a line for every page, ``{"phase", "entries"}``."""

    def __init__(self, path: Path, options: Options) -> None:
        self.path = path
        self._header = {"url": options.url, "min_posts": options.min_posts}
        self.last_ids: dict[Phase, int] = {"tags": 0, "aliases": 0}
        self.counts: dict[Phase, int] = {"tags": 0, "aliases": 0}
        self.finished: dict[Phase, bool] = {"tags": False, "aliases": False}
        self._stream: Any = None

    def open(self) -> None:
        """Read what an earlier attempt left, if it is of use, and get ready to append."""
        if not self._fits():
            self.path.unlink(missing_ok=True)
            self.path.write_text(json.dumps(self._header) + "\n", "utf-8")
        whole = 0
        for size, line in self._lines():
            whole += size
            if "phase" in line:
                self._count(line["phase"], line["entries"])
        # A crash may have cut the last line short.
        os.truncate(self.path, whole)
        self._stream = self.path.open("ab")

    def _fits(self) -> bool:
        try:
            fresh = time.time() - self.path.stat().st_mtime < _KEEP_PART_SECONDS
        except FileNotFoundError:
            return False
        first = next(self._lines(), (0, None))[1]
        return fresh and first == self._header

    def _lines(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Size and content of every line that is whole."""
        with self.path.open("rb") as stream:
            for raw in stream:
                try:
                    line = json.loads(raw)
                except ValueError:
                    return
                if not raw.endswith(b"\n") or not isinstance(line, dict):
                    return
                yield len(raw), line

    def append(self, phase: Phase, entries: list[dict[str, Any]]) -> None:
        """Keep a page; an empty one ends its phase."""
        self._stream.write(json.dumps({"phase": phase, "entries": entries}).encode() + b"\n")
        self._stream.flush()
        os.fsync(self._stream.fileno())
        self._count(phase, entries)

    def _count(self, phase: Phase, entries: list[dict[str, Any]]) -> None:
        newest = max((entry["id"] for entry in entries), default=0)
        # A server that answers the same page again would never come to an end.
        self.finished[phase] = newest <= self.last_ids[phase]
        self.last_ids[phase] = max(newest, self.last_ids[phase])
        self.counts[phase] += len(entries)

    def close(self) -> None:
        """Stop appending."""
        with suppress(OSError):
            self._stream.close()

    def tag_list(self) -> TagList:
        """The list that all pages make."""
        tags: list[Tag] = []
        others: dict[str, list[str]] = {}
        for _, line in self._lines():
            for entry in line.get("entries", []):
                if line["phase"] == "tags" and (tag := tag_from_json(entry)) is not None:
                    tags.append(tag)
                elif line["phase"] == "aliases":
                    old, new = entry.get("antecedent_name"), entry.get("consequent_name")
                    if isinstance(old, str) and isinstance(new, str):
                        others.setdefault(new, []).append(old)
        return TagList([replace(tag, aliases=tuple(others.get(tag.name, ()))) for tag in unique(tags)])


def _install(tags: TagService, part: _Part, options: Options) -> Loaded:
    found = part.tag_list()
    if not found.tags:
        part.path.unlink(missing_ok=True)
        raise UpdateError(f"{options.url} has no tags with {options.min_posts} posts or more")
    loaded = tags.install(found, Source("danbooru", options.url, time.time()))
    part.path.unlink(missing_ok=True)
    return loaded


@dataclass(frozen=True)
class UpdateState:
    """How the update in the background is. `message` says what went wrong."""

    running: bool = False
    phase: Phase | None = None
    fetched: int = 0
    message: str | None = None


class BackgroundUpdate:
    """Runs at most one update at a time in the background. `tell` hears of every change."""

    def __init__(self, tags: TagService, tell: Callable[[UpdateState], None]) -> None:
        self._tags = tags
        self._tell = tell
        self._task: asyncio.Task[None] | None = None
        self.state = UpdateState()

    def start(self, options: Options) -> None:
        """Begin. Raises `UpdateRunningError`."""
        if self.state.running:
            raise UpdateRunningError("an update is running")
        self._set(UpdateState(running=True))
        self._task = asyncio.create_task(self._run(options), name="tag-update")

    async def close(self) -> None:
        """Stop; what has come is kept."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def _run(self, options: Options) -> None:
        try:
            await update(self._tags, options, self._report)
            self._set(UpdateState(fetched=self.state.fetched))
        except (UpdateError, UpdateRunningError) as error:
            self._set(UpdateState(message=str(error)))
        except asyncio.CancelledError:
            self._set(UpdateState(message="stopped; the next update goes on from here"))
            raise
        except Exception:
            log.exception("the tag update failed")
            self._set(UpdateState(message="the update failed; the server's log has the details"))

    def _report(self, progress: Progress) -> None:
        self._set(UpdateState(True, progress.phase, progress.fetched))

    def _set(self, state: UpdateState) -> None:
        self.state = state
        self._tell(state)
