"""How long an event loop is held: a task that wakes every few milliseconds and notes how late it was.

On a machine that has other things to do, a loop is late without any fault of its program. So the processor time of the
whole process is noted too: the loop was not `held` for longer than its process computed, in whichever thread.

`python -m bench.lag` runs an idle loop with such a task until its input ends, and answers each line with the worst
since the last one: how much of what a busy server shows is the machine's own doing.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from types import TracebackType

_PERIOD = 0.002


class LagProbe:
    """By how much the loop was late since the last `take`."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._late = 0.0
        self._held = 0.0

    async def run(self) -> None:
        """Watch until cancelled."""
        while True:
            started, computed = time.perf_counter(), time.process_time()
            await asyncio.sleep(_PERIOD)
            late = (time.perf_counter() - started - _PERIOD) * 1000
            self._late = max(self._late, late)
            self._held = max(self._held, min(late, (time.process_time() - computed) * 1000))

    def take(self) -> dict[str, float]:
        """The worst since the last time, in ms: `late`, and what of that the process was computing, `held`."""
        found = {"late": self._late, "held": self._held}
        self._reset()
        return found


class IdleLoop:
    """An idle loop in a process of its own, as a measure of the machine. A context manager."""

    def __enter__(self) -> IdleLoop:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.lag"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.take()
        return self

    def take(self) -> dict[str, float]:
        """As `LagProbe.take`."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: dict[str, float] = json.loads(self._process.stdout.readline())
        return found

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process.stdout is not None
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


async def _idle() -> None:
    probe = LagProbe()
    task = asyncio.create_task(probe.run())
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while await lines.readline():
        print(json.dumps(probe.take()), flush=True)
    task.cancel()


if __name__ == "__main__":
    asyncio.run(_idle())
