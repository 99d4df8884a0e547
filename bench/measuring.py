"""What the benchmarks share: a studio in a process of its own, numbers, and a table that says what was reached."""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.client import Connection

_START_SECONDS = 60.0


class Studio:
    """A studio on a free port, in a process of its own. A context manager; it is stopped at the end.

    `module` is what is run instead of ``cozygen``, with the same arguments.
    """

    def __init__(
        self,
        data: Path,
        *arguments: str,
        module: str = "cozygen",
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command = [
            *(sys.executable, "-m", module, "serve", "--engine", "embedded", "--port", "0"),
            *("--data-dir", str(data), *arguments),
        ]
        self._environment = clean_environment(COZYGEN_LOG_LEVEL="info", **(environment or {}))
        self._process: subprocess.Popen[str]
        self.port = 0
        self.started = 0.0
        """The moment at which the process was started, on the clock of `time.perf_counter`."""

    def __enter__(self) -> Studio:
        self.started = time.perf_counter()
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=self._environment
        )
        assert self._process.stdout is not None
        for line in self._process.stdout:
            url = next((word for word in line.split() if word.startswith("http://")), None)
            if url is not None:
                self.port = int(url.split(":")[2].split("/")[0])
                return self
        raise RuntimeError(f"the studio ended with {self._process.wait()} before it listened")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(_START_SECONDS)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def connect(self) -> Connection:
        """A connection that stays open."""
        return Connection(self.port)

    def lag(self) -> dict[str, float]:
        """What the probe of `bench.probed` saw since the last time: see `bench.lag.LagProbe.take`."""
        with self.connect() as connection:
            found: dict[str, float] = json.loads(connection.get("/bench/lag")[1])
            return found

    def memory(self) -> float:
        """Megabytes that the process has in memory now, without the processes that it started."""
        return memory_of(self._process.pid)

    def computed(self) -> float:
        """Seconds that the process has been computing."""
        return computed_by(self._process.pid)


def memory_of(pid: int) -> float:
    """Resident megabytes of a process; 0 where the system does not tell."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0.0


def computed_by(pid: int) -> float:
    """Seconds that a process, and those that it started and that have ended, have been computing.

    On a machine that has other things to do this says more than the time that passed. 0 where the system does not tell.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    except OSError:
        return 0.0


def times_of(connection: Connection, paths: Iterable[str]) -> list[float]:
    """Milliseconds that each of these GET requests took. Raises `RuntimeError` for an answer other than 200."""
    found = []
    for path in paths:
        started = time.perf_counter()
        status, body = connection.get(path)
        found.append((time.perf_counter() - started) * 1000)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {body[:200]!r}")
    return found


def share(values: Sequence[float], part: float) -> float:
    """The value that `part` (0..1) of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * part))]


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


class Report:
    """A table of what was measured, what is wanted, and whether it was reached."""

    def __init__(self, title: str) -> None:
        self._table = Table(title=title, caption=machine())
        self._table.add_column("")
        for column in ("measured", "target"):
            self._table.add_column(column, justify="right")
        self._table.add_column("")

    def add(self, name: str, measured: str, *, value: float | None = None, below: float | None = None) -> None:
        """A row; with `below` it says whether `value` is."""
        if value is None or below is None:
            self._table.add_row(name, measured)
        else:
            self._table.add_row(name, measured, f"< {below:g}", "reached" if value < below else "[bold red]missed")

    def at_least(self, name: str, measured: str, value: float, least: float) -> None:
        """A row of a rate, which is to be high."""
        verdict = "reached" if value >= least else "[bold red]missed"
        self._table.add_row(name, measured, f">= {least:g}", verdict)

    def section(self) -> None:
        """A line across."""
        self._table.add_section()

    def show(self) -> None:
        """Print it."""
        Console().print(self._table)


def machine() -> str:
    """Where and under which load this is measured."""
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    return (
        f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}, Python {platform.python_version()}, {load}"
    )


def milliseconds(values: Sequence[float]) -> str:
    """Median, 95 % and worst of milliseconds."""
    return f"p50 {median(values):.1f}  p95 {share(values, 0.95):.1f}  max {max(values):.1f} ms"


def clean_environment(**values: str) -> dict[str, str]:
    """This process' environment with `values`, without what would change what is measured.

    That is the studio's settings, and that Python shall not keep its bytecode: an installed program has it.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("COZYGEN_") and name != "PYTHONDONTWRITEBYTECODE"
    }
    return {**kept, **values}
