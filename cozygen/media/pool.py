"""The decode workers: processes that may crash, hang or run out of memory without anybody else noticing.

Requests wait in a queue, those that a person waits for before those in the background; equal ones are answered
together, and one that nobody waits for any more is dropped. Workers are started when there is work and stopped when
there is none. A request whose worker died gets a second one; a file that broke both, or took too long, is refused for
a while, unless it changes.

Nothing here imports a decoder.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

from cozygen.ipc import WireError, pack_message, receive_message
from cozygen.media.files import Version
from cozygen.media.kinds import MediaKind
from cozygen.media.sniff import NoPicture, Undecodable

log = logging.getLogger(__name__)

Encoding = Literal["jpeg", "webp", "avif"]
Subject = Literal["image", "video", "audio", "file"]
Outcome = tuple[dict[str, Any], bytes]

_MAX_WORKERS = 4
_START_SECONDS = 60.0
_PAUSE_SECONDS = 5.0  # until another start is tried
_STOP_SECONDS = 2.0  # until a worker that was asked to end is killed
_HEAVY_FACTOR = 3.0  # times the seconds of other requests, for one that reads a whole film
_ATTEMPTS = 2  # workers that a request may break
_REFUSED_SECONDS = 3600.0
_REFUSED_FILES = 1000
_READ_AHEAD = 1024 * 1024
_LAST_WORDS = 2000  # bytes of a worker's standard error that are logged when it dies
# glibc would give the buffers of each picture back to the system and fault them in again for the next one, which takes
# up to a quarter of the time. 32 MiB is the most that it accepts for the first.
_MEMORY = {"MALLOC_MMAP_THRESHOLD_": str(32 * 1024**2), "MALLOC_TRIM_THRESHOLD_": str(128 * 1024**2)}


class MediaUnavailable(Exception):
    """No worker can be started, or the pool is closed."""


class DecoderFailed(Undecodable):
    """A worker died of the file, or took too long: it may be the file, or that there is too little of something."""


@dataclass(frozen=True)
class Looks:
    """What a picture looks like: `phash` (64 bits) and `thumbhash`; see `cozygen.media.looks`."""

    phash: int
    thumbhash: bytes


@dataclass(frozen=True)
class Picture:
    """An encoded picture, which version of the file it shows, and what it looks like where that was asked for."""

    data: bytes
    encoding: Encoding
    version: Version
    looks: Looks | None = None


@dataclass(frozen=True)
class Clip:
    """A short film, MP4 or WebM, and which version of the file it shows."""

    data: bytes
    version: Version


@dataclass(frozen=True)
class Probe:
    """What a file is. Pixels as shown (upright, square), seconds, frames a second; None where unknown or not apt."""

    kind: MediaKind
    codec: str
    width: int | None
    height: int | None
    duration: float | None
    fps: float | None
    animated: bool
    version: Version


@dataclass(frozen=True)
class Analysis:
    """All that one decoding yields. `looks` and `thumbnail` are None for sound, the latter also when not wanted."""

    probe: Probe
    looks: Looks | None
    thumbnail: Picture | None


class MediaPool:
    """Decodes media files in worker processes, `workers` at most (default: one a core, up to 4).

    `seconds` are what a request may take in its worker, `idle_seconds` without work stop one, `command` starts one.
    Methods that take a path raise `Undecodable` when the file cannot be decoded, `OSError` when it cannot be opened,
    and `MediaUnavailable`.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        seconds: float = 20.0,
        idle_seconds: float = 60.0,
        command: Sequence[str] | None = None,
    ) -> None:
        self._limit = max(1, workers if workers is not None else min(os.cpu_count() or 1, _MAX_WORKERS))
        self._seconds = seconds
        self._idle_seconds = idle_seconds
        self._command = list(command) if command else [sys.executable, "-m", "cozygen.media.worker"]
        self._queue = _Queue()
        self._jobs: dict[str, _Job] = {}  # waiting and running, by request
        self._workers: set[asyncio.Task[None]] = set()
        self._starting = self._ready = 0  # of the workers
        self._idle: list[asyncio.Future[_Job]] = []
        self._heavy = 0
        self._running = 0
        self._refused = _Refused()
        self._closed = False

    async def verify(self, path: Path) -> MediaKind | None:
        """Decode enough to tell that the file is sound: what it is, None when it is not."""
        try:
            reply, _ = await self._ask({"op": "verify", "path": str(path)})
        except Undecodable:
            return None
        return cast(MediaKind, reply["kind"])

    async def probe(self, path: Path, *, background: bool = False) -> Probe:
        """Read the header."""
        reply, _ = await self._ask({"op": "probe", "path": str(path)}, background=background)
        return _probe(reply)

    async def thumbnail(self, path: Path, box: int, kind: Encoding = "jpeg", *, quality: int | None = None) -> bytes:
        """The picture, or one frame of the film, to fit `box` x `box` pixels, encoded. `quality` is 1..100.

        Raises `NoPicture`, an `Undecodable`, for sound. Where Pillow lacks the encoding, a simpler one is used.
        """
        return (await self.picture(path, box, kind, quality=quality)).data

    async def picture(
        self,
        path: Path,
        box: int,
        encoding: Encoding,
        *,
        quality: int | None = None,
        looks: bool = False,
        background: bool = False,
    ) -> Picture:
        """As `thumbnail`, with the encoding that was used, the version of the file that is shown, and its `looks`."""
        request = {"op": "thumbnail", "path": str(path), "box": box, "encoding": encoding, "quality": quality}
        request["looks"] = looks
        reply, body = await self._ask(request, background=background)
        return _picture(reply, body)

    async def analyse(
        self,
        path: Path,
        box: int,
        encoding: Encoding | None = "jpeg",
        *,
        quality: int | None = None,
        background: bool = True,
    ) -> Analysis:
        """Probe, hash and thumbnail in one decoding; without the thumbnail when `encoding` is None."""
        request = {"op": "analyse", "path": str(path), "box": box, "encoding": encoding, "quality": quality}
        reply, body = await self._ask(request, background=background)
        made = _picture(reply, body) if "encoding" in reply else None
        return Analysis(_probe(reply), _looks(reply), made)

    async def clip(self, path: Path, box: int, *, background: bool = False) -> Clip:
        """A silent film of a few seconds that fits `box` x `box` pixels. Raises `NoPicture` for sound."""
        request = {"op": "clip", "path": str(path), "box": box}
        reply, body = await self._ask(request, background=background, heavy=True)
        return Clip(body, Version(reply["mtime_ns"], reply["size"]))

    async def strip(
        self, path: Path, box: int, count: int, encoding: Encoding = "jpeg", *, background: bool = False
    ) -> Picture:
        """`count` frames from beginning to end of a film side by side, each to fit `box` x `box` pixels."""
        request = {"op": "strip", "path": str(path), "box": box, "count": count, "encoding": encoding}
        reply, body = await self._ask(request, background=background, heavy=True)
        return _picture(reply, body)

    async def waveform(
        self, path: Path, width: int, height: int, encoding: Encoding = "jpeg", *, background: bool = False
    ) -> Picture:
        """The loudness of a sound, or of a film's sound, over its time."""
        request = {"op": "waveform", "path": str(path), "width": width, "height": height, "encoding": encoding}
        reply, body = await self._ask(request, background=background, heavy=True)
        return _picture(reply, body)

    async def placeholder(self, subject: Subject, label: str, box: int, encoding: Encoding = "jpeg") -> bytes:
        """Draw a picture for what has none: a sign for `subject`, and `label` in capitals below it."""
        request = {"op": "placeholder", "subject": subject, "label": label, "box": box, "encoding": encoding}
        try:
            _, body = await self._ask(request)
        except Undecodable as error:
            raise MediaUnavailable(str(error)) from None
        return body

    @property
    def spare(self) -> int:
        """How many requests in the background may be made now so that nobody who waits has to wait for them.

        0 while somebody waits. Else one worker is kept for who comes next, where there are several.
        """
        if any(job.priority == 0 for job in self._jobs.values()):
            return 0
        return max(1, self._limit - 1)

    async def close(self) -> None:
        """End the workers. Whoever still waits gets `MediaUnavailable`."""
        self._closed = True
        for task in self._workers:
            task.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        self._fail_all("the studio is closing")

    async def _ask(self, request: dict[str, Any], *, background: bool = False, heavy: bool = False) -> Outcome:
        path = request.get("path")
        if path is not None and await self._refused.contains(path):
            raise DecoderFailed("the decoder could not cope with it before")
        if self._closed:
            raise MediaUnavailable("the studio is closing")
        job = self._enqueue(request, heavy, background)
        job.waiters += 1
        try:
            reply, body = await asyncio.shield(job.reply)
        finally:
            job.waiters -= 1
            if job.waiters == 0 and not job.running and not job.reply.done():
                self._forget(job)
                job.reply.cancel()
        return _checked(reply, path), body

    def _enqueue(self, request: dict[str, Any], heavy: bool, background: bool) -> _Job:
        seconds = self._seconds * (_HEAVY_FACTOR if heavy else 1.0)
        request = {**request, "seconds": seconds}
        key = json.dumps(request, sort_keys=True)
        priority = 1 if background else 0
        job = self._jobs.get(key)
        if job is None:
            reply = asyncio.get_running_loop().create_future()
            job = self._jobs[key] = _Job(key, request, seconds, heavy, priority, reply)
        elif job.running or job.priority <= priority:
            return job
        job.priority = priority
        self._queue.push(job)
        self._dispatch()
        return job

    def _forget(self, job: _Job) -> None:
        if self._jobs.get(job.key) is job:
            del self._jobs[job.key]

    def _next(self) -> _Job | None:
        """The job to do now. One worker is kept for short ones, where there are several."""
        job = self._queue.pop(heavy=self._heavy < max(1, self._limit - 1))
        if job is not None:
            job.running = True
            self._running += 1
            self._heavy += job.heavy
        return job

    def _dispatch(self) -> None:
        while self._idle and (job := self._next()) is not None:
            self._idle.pop().set_result(job)
        if self._closed or self._idle:
            return
        waiting = len(self._jobs) - self._running
        wanted = min(waiting - self._starting, self._limit - len(self._workers))
        for _ in range(wanted):
            self._starting += 1
            task = asyncio.get_running_loop().create_task(self._work())
            self._workers.add(task)
            task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._workers.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a decode worker's keeper failed", exc_info=error)
        self._dispatch()

    async def _work(self) -> None:
        """The life of one worker."""
        try:
            worker = await _Worker.start(self._command)
        except _StartFailed as error:
            self._starting -= 1
            log.error("a decode worker does not start: %s", error)
            if self._ready:
                await asyncio.sleep(_PAUSE_SECONDS)  # the others go on
            else:
                self._fail_all(f"decode workers do not start: {error}")
            return
        self._starting -= 1
        self._ready += 1
        try:
            while (job := self._next() or await self._wait()) is not None:
                if not await self._do(worker, job):
                    return
        finally:
            self._ready -= 1
            await worker.stop()

    async def _wait(self) -> _Job | None:
        """The next job, None after a while without any."""
        future: asyncio.Future[_Job] = asyncio.get_running_loop().create_future()
        self._idle.append(future)
        try:
            await asyncio.wait({future}, timeout=self._idle_seconds)
        finally:
            if not future.done():
                self._idle.remove(future)
        return future.result() if future.done() else None

    async def _do(self, worker: _Worker, job: _Job) -> bool:
        """Let the worker do the job; whether it can do another one."""
        outcome = None
        again = False
        try:
            outcome = await worker.ask(job.request, job.seconds)
        except _Died as death:
            job.attempts += 1
            again = job.attempts < _ATTEMPTS and not death.slow
            path = job.request.get("path")
            log.warning("a decode worker %s at %s of %s", death, job.request["op"], path)
            if not again:
                outcome = {"ok": False, "error": "decoder failed", "message": f"the decoder {death}"}, b""
                if path is not None:
                    await self._refused.add(path)
        finally:
            self._finish(job, outcome, again=again)
        return worker.alive

    def _finish(self, job: _Job, outcome: Outcome | None, *, again: bool) -> None:
        job.running = False
        self._running -= 1
        self._heavy -= job.heavy
        if again and job.waiters:
            self._queue.push(job)
            return
        self._forget(job)
        if not job.reply.done():
            job.reply.set_result(outcome or _unavailable("the studio is closing"))

    def _fail_all(self, message: str) -> None:
        jobs, self._jobs = self._jobs, {}
        for job in jobs.values():
            if not job.reply.done():
                job.reply.set_result(_unavailable(message))


@dataclass(eq=False)
class _Job:
    """A request on its way. `reply` gets the worker's answer; it never gets an exception."""

    key: str
    request: dict[str, Any]
    seconds: float
    heavy: bool
    priority: int
    reply: asyncio.Future[Outcome]
    running: bool = False
    waiters: int = 0
    attempts: int = 0


class _Queue:
    """Jobs by priority, then by age. What was dropped or promoted stays in the heaps as a shadow until it comes up."""

    def __init__(self) -> None:
        self._heaps: dict[bool, list[tuple[int, int, _Job]]] = {False: [], True: []}
        self._numbers = itertools.count()

    def push(self, job: _Job) -> None:
        """Add a job, or add it again with another priority."""
        heapq.heappush(self._heaps[job.heavy], (job.priority, next(self._numbers), job))

    def pop(self, *, heavy: bool) -> _Job | None:
        """Take the first job out; a heavy one only where `heavy` allows it."""
        heaps = [heap for key, heap in self._heaps.items() if heavy or not key]
        for heap in heaps:
            while heap and not self._waits(heap[0][2]):
                heapq.heappop(heap)
        filled = [heap for heap in heaps if heap]
        return heapq.heappop(min(filled))[2] if filled else None

    @staticmethod
    def _waits(job: _Job) -> bool:
        return not job.running and not job.reply.done()


class _Refused:
    """Files that no worker is given, by path, each for the version that it had."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, tuple[Version, float]] = OrderedDict()

    async def add(self, path: str) -> None:
        """Refuse the file as it is now."""
        version = await asyncio.to_thread(_version, path)
        if version is not None:
            self._files[path] = version, time.monotonic() + _REFUSED_SECONDS
            if len(self._files) > _REFUSED_FILES:
                self._files.popitem(last=False)

    async def contains(self, path: str) -> bool:
        """Whether the file is refused, and still the same."""
        if path not in self._files:
            return False
        version, until = self._files[path]
        if time.monotonic() < until and await asyncio.to_thread(_version, path) == version:
            return True
        self._files.pop(path, None)
        return False


def _version(path: str) -> Version | None:
    try:
        return Version.of(Path(path).stat())
    except OSError:
        return None


class _StartFailed(Exception):
    """A worker did not come up."""


class _Died(Exception):
    """A worker ended before it answered; `slow` when it was killed for taking too long."""

    def __init__(self, message: str, *, slow: bool = False) -> None:
        super().__init__(message)
        self.slow = slow


class _Worker:
    """One process. It does one thing at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        self._process = process
        self._input, self._output = process.stdin, process.stdout
        self._words = bytearray()
        self._stopped = False
        self._listening = asyncio.create_task(self._listen(process.stderr))

    @classmethod
    async def start(cls, command: Sequence[str]) -> _Worker:
        """Start a process and wait until it is ready. Raises `_StartFailed`."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                limit=_READ_AHEAD,
                env=_environment(),
                **_platform_options(),
            )
        except OSError as error:
            raise _StartFailed(str(error)) from None
        worker = cls(process)
        try:
            async with asyncio.timeout(_START_SECONDS):
                if await receive_message(worker._output) is not None:
                    return worker
        except (TimeoutError, WireError, OSError):
            pass
        except BaseException:
            await worker.stop(at_once=True)
            raise
        await worker.stop(at_once=True)
        raise _StartFailed(worker.last_words or "no answer")

    @property
    def alive(self) -> bool:
        """Whether the process can be asked for more."""
        return not self._stopped and self._process.returncode is None

    @property
    def last_words(self) -> str:
        """The end of what the process wrote to its standard error."""
        return self._words.decode("utf-8", "replace").strip()

    async def ask(self, request: Mapping[str, Any], seconds: float) -> Outcome:
        """One request, one answer. Raises `_Died`; then, and when cancelled, the process is gone."""
        try:
            async with asyncio.timeout(seconds):
                self._input.write(pack_message(request))
                await self._input.drain()
                answer = await receive_message(self._output)
        except TimeoutError:
            await self.stop(at_once=True)
            raise _Died(f"took more than {seconds:g} seconds", slow=True) from None
        except (OSError, WireError):
            answer = None
        except BaseException:
            await self.stop(at_once=True)
            raise
        if answer is None:
            await self.stop(at_once=True)
            words = f": {self.last_words}" if self.last_words else ""
            raise _Died(f"ended with {self._process.returncode}{words}")
        return answer

    async def stop(self, *, at_once: bool = False) -> None:
        """End the process; `at_once` does not let it finish. Does nothing when it has ended."""
        self._stopped = True
        self._input.close()
        if at_once:
            self._kill()
        try:
            if not await self._ended():
                self._kill()
                if not await self._ended():
                    log.error("decode worker %d cannot be killed: it waits for a drive", self._process.pid)
        finally:
            self._listening.cancel()

    async def _ended(self) -> bool:
        """Whether the process ends within a moment."""
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await self._process.wait()
                await asyncio.shield(self._listening)
        except TimeoutError:
            return False
        return True

    def _kill(self) -> None:
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                # `Process.kill` would look whether it has ended, and so take that news from the loop's own watcher.
                os.kill(self._process.pid, signal.SIGKILL)

    async def _listen(self, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(4096):
            self._words += chunk
            del self._words[:-_LAST_WORDS]


def _environment() -> dict[str, str]:
    """The worker's: ours without our settings, some of which are secret, and with the way to this package."""
    environment = {name: value for name, value in os.environ.items() if not name.upper().startswith("COZYGEN_")}
    folder = Path(__file__).parents[2]
    if folder.name not in ("site-packages", "dist-packages"):  # those are searched anyway, in their proper place
        before = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), before)))
    # Not the working directory: it may hold modules of anybody's.
    environment["PYTHONSAFEPATH"] = "1"
    return _MEMORY | environment


def _platform_options() -> dict[str, Any]:
    if sys.platform == "win32":
        flags = subprocess.BELOW_NORMAL_PRIORITY_CLASS | subprocess.CREATE_NO_WINDOW
        return {"creationflags": flags | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"start_new_session": True}  # what the terminal sends is for us


_FAILURES: dict[str, type[Undecodable]] = {"no picture": NoPicture, "decoder failed": DecoderFailed}


def _checked(reply: dict[str, Any], path: str | None) -> dict[str, Any]:
    """`reply` when all is well, else its error as an exception."""
    if reply.get("ok"):
        return reply
    error, message = reply.get("error"), str(reply.get("message", ""))
    if error == "unavailable":
        raise MediaUnavailable(message)
    if error == "unreadable":
        raise OSError(reply.get("errno") or 0, message, path)
    raise _FAILURES.get(str(error), Undecodable)(message)


def _unavailable(message: str) -> Outcome:
    return {"ok": False, "error": "unavailable", "message": message}, b""


def _picture(reply: Mapping[str, Any], body: bytes) -> Picture:
    version = Version(reply["mtime_ns"], reply["size"])
    return Picture(body, cast(Encoding, reply["encoding"]), version, _looks(reply))


def _looks(reply: Mapping[str, Any]) -> Looks | None:
    return Looks(reply["phash"], bytes.fromhex(reply["thumbhash"])) if "phash" in reply else None


def _probe(reply: Mapping[str, Any]) -> Probe:
    return Probe(
        kind=cast(MediaKind, reply["kind"]),
        codec=str(reply["codec"]),
        width=reply.get("width"),
        height=reply.get("height"),
        duration=reply.get("duration"),
        fps=reply.get("fps"),
        animated=bool(reply.get("animated")),
        version=Version(reply["mtime_ns"], reply["size"]),
    )
