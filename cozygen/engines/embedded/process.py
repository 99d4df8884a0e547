"""The studio's side of the embedded engine's processes: start, ask, follow, end."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import os
import signal
import subprocess
import sys
import sysconfig
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from cozygen.engines.base import EngineError, EngineUnavailable
from cozygen.engines.embedded.wire import split_parts, with_parts
from cozygen.ipc import WireError, pack_message, receive_message

log = logging.getLogger(__name__)

OnMessage = Callable[[dict[str, Any], list[bytes]], Awaitable[None]]

_START_SECONDS = 120.0
_STOP_SECONDS = 2.0
_KILL_SECONDS = 5.0
_READ_AHEAD = 2**20
_MAX_LINE = 4000
_PACKAGE_PARENT = Path(__file__).parents[3]

# Rendering leaves one core's worth of work to the studio: libraries below numpy would take all cores otherwise.
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class ProcessDied(EngineError):
    """The process ended before it answered; the message says how."""


class RequestFailed(EngineError):
    """The process could not do what was asked."""


class EngineProcess:
    """One running process. Messages that answer no request go to `on_message`, in order, one at a time."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, on_message: OnMessage) -> None:
        self.name = name
        self._process = process
        self._on_message = on_message
        self._ids = itertools.count(1)
        self._replies: dict[int, asyncio.Future[list[bytes]]] = {}
        self._sending = asyncio.Lock()
        self._last_words: deque[str] = deque(maxlen=5)
        self._ended: str | None = None
        self._follower = asyncio.create_task(self._follow(), name=f"{name}-process")
        self._listener = asyncio.create_task(self._log_output(), name=f"{name}-output")

    @classmethod
    async def start(cls, name: str, config: Mapping[str, Any], on_message: OnMessage) -> EngineProcess:
        """Start a process and wait until it has loaded its nodes. Raises `EngineUnavailable`."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # no module of the folder that the studio was started in
                "-m",
                "cozygen.engines.embedded.worker",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=_environment(),
                limit=_READ_AHEAD,
                **_detached(renders=bool(config.get("renders"))),
            )
        except OSError as error:
            raise EngineUnavailable(f"The {name} process cannot be started: {error}") from None
        started = cls(name, process, on_message)
        try:
            await started.request("configure", json.dumps(config).encode(), seconds=_START_SECONDS)
        except (EngineError, TimeoutError) as error:
            await started.stop(grace=0)
            raise EngineUnavailable(f"The {name} process does not start: {error or 'it does not answer'}") from None
        except BaseException:
            await started.stop(grace=0)
            raise
        return started

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._ended is None and self._process.returncode is None

    async def request(self, op: str, *parts: bytes, seconds: float | None = None) -> list[bytes]:
        """Ask and wait for the answer, `seconds` at most. Raises `ProcessDied`, `RequestFailed` or `TimeoutError`.

        Messages that the process sent before the answer have been handled when this returns.
        """
        number = next(self._ids)
        reply: asyncio.Future[list[bytes]] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        try:
            async with asyncio.timeout(seconds):
                await self._send({"id": number, "op": op}, parts)
                return await reply
        finally:
            del self._replies[number]
            if reply.done() and not reply.cancelled():
                reply.exception()  # seen, even if sending failed first

    async def notify(self, op: str, *parts: bytes) -> None:
        """Tell without waiting for an answer. Raises `ProcessDied`."""
        await self._send({"op": op}, parts)

    async def _send(self, header: Mapping[str, Any], parts: tuple[bytes, ...]) -> None:
        message = pack_message(*with_parts(header, parts))
        if not self.alive or self._process.stdin is None:
            raise ProcessDied(self._ended or "it ended")
        try:
            async with self._sending:
                self._process.stdin.write(message)
                await self._process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError):
            await asyncio.wait({self._follower}, timeout=_KILL_SECONDS)
            raise ProcessDied(self._ended or "it ended") from None

    async def _follow(self) -> None:
        """Pass on what the process says, until it ends."""
        assert self._process.stdout is not None
        try:
            while (message := await receive_message(self._process.stdout)) is not None:
                await self._handle(*message)
        except WireError as error:
            log.error("the %s process sent nonsense: %s", self.name, error)
        finally:
            self._kill()
            code = await self._process.wait()
            self._ended = how_it_ended(code)
            await asyncio.wait({self._listener}, timeout=1.0)  # its last words
            for reply in self._replies.values():
                if not reply.done():
                    reply.set_exception(ProcessDied(self._ended))

    async def _handle(self, header: dict[str, Any], body: bytes) -> None:
        parts = split_parts(header, body)
        if "re" not in header:
            try:
                await self._on_message(header, parts)
            except Exception:
                log.exception("a message of the %s process could not be handled", self.name)
            return
        reply = self._replies.get(header["re"])
        if reply is None or reply.done():
            return
        if header.get("ok") is True:
            reply.set_result(parts)
        else:
            reply.set_exception(RequestFailed(b"".join(parts).decode("utf-8", "replace")))

    async def _log_output(self) -> None:
        """What the process prints, line by line."""
        assert self._process.stderr is not None
        rest = b""
        while chunk := await self._process.stderr.read(_MAX_LINE):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > _MAX_LINE:
                lines, rest = [*lines, rest], b""
            self._log_lines(lines)
        self._log_lines([rest])

    def _log_lines(self, lines: list[bytes]) -> None:
        for line in lines:
            text = line.decode("utf-8", "replace").rstrip()
            if text:
                self._last_words.append(text)
                log.info("%s: %s", self.name, text)

    def _kill(self) -> None:
        """End it at once, and what it may have started."""
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError, PermissionError):
            if sys.platform != "win32":
                os.killpg(self._process.pid, signal.SIGKILL)  # it leads a group of its own
            else:
                self._process.kill()

    async def stop(self, grace: float = _STOP_SECONDS) -> None:
        """End the process: it gets `grace` seconds to do so by itself."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if grace:
            await asyncio.wait({self._follower}, timeout=grace)
        self._kill()
        await asyncio.wait({self._follower}, timeout=_KILL_SECONDS)
        for task in (self._follower, self._listener):
            task.cancel()
        await asyncio.gather(self._follower, self._listener, return_exceptions=True)
        # A pipe that some grandchild still holds open would keep the transport.
        self._process._transport.close()  # type: ignore[attr-defined]


def how_it_ended(code: int) -> str:
    """An exit code for people, as the end of a sentence that begins with the process."""
    if code >= 0:
        return f"ended by itself with exit code {code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
        if name == "SIGKILL":
            return "was ended by the system, most likely because the machine ran out of memory"
        return f"crashed ({name})"
    return f"was ended by signal {-code}"


def _environment() -> dict[str, str]:
    environment = {**os.environ, **dict.fromkeys(_ONE_THREAD, "1"), "PYTHONUNBUFFERED": "1"}
    # Where the package is not installed but run from a checkout, the process must find it too. Not for an installed
    # one: the folder of all packages in front of the standard library could hide a part of that.
    installed = {Path(sysconfig.get_path(name)) for name in ("purelib", "platlib")}
    if _PACKAGE_PARENT not in installed:
        paths = [str(_PACKAGE_PARENT), environment.get("PYTHONPATH", "")]
        environment["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return environment


def _detached(*, renders: bool) -> dict[str, Any]:
    """Out of reach of the terminal's Ctrl+C, yet in its session, where priorities count against the studio's."""
    if sys.platform == "win32":
        priority = subprocess.BELOW_NORMAL_PRIORITY_CLASS if renders else subprocess.NORMAL_PRIORITY_CLASS
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW | priority}
    return {"process_group": 0}


class ProcessSlot:
    """A place for one process, which is started when it is first needed and again after it has died."""

    def __init__(self, start: Callable[[], Awaitable[EngineProcess]]) -> None:
        self._start = start
        self._task: asyncio.Task[EngineProcess] | None = None

    async def get(self) -> EngineProcess:
        """The process, up and running. Raises `EngineUnavailable`."""
        if self._task is not None and self._task.done():
            worked = not self._task.cancelled() and self._task.exception() is None
            if not worked or not self._task.result().alive:
                await self.discard(grace=0)
        if self._task is None:
            self._task = asyncio.ensure_future(self._start())
        task = self._task
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise EngineUnavailable("The engine is stopping.") from None
            raise

    async def discard(self, grace: float = _STOP_SECONDS) -> None:
        """End the process, if there is one."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        await asyncio.wait({task})
        if not task.cancelled() and task.exception() is None:
            await task.result().stop(grace)
