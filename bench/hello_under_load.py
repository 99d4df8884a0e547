"""How quickly the studio answers while it renders: `python -m bench.hello_under_load`.

`/cozygen/hello` is asked at an even pace, first of an idle studio, then of one whose embedded engine paints 1024x1024
pictures in 40 steps, with more of them waiting.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.client import Connection
from bench.lag import IdleLoop
from bench.measuring import Report, Studio, median, milliseconds, share

_TARGET_MS = 10.0
_WAITING = 30


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="for each of the two states (default 20)")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (default 100)")
    options = parser.parse_args()
    report = Report("/cozygen/hello while the embedded engine renders")
    with (
        tempfile.TemporaryDirectory(prefix="cozygen-bench-") as folder,
        Studio(Path(folder), module="bench.probed") as studio,
        studio.connect() as connection,
        IdleLoop() as idle_loop,
    ):
        _settle(connection)
        idle = _ask(connection, options.seconds, options.rate)
        _load(connection)
        idle_loop.take()
        studio.lag()
        busy = _ask(connection, options.seconds, options.rate)
        held, machine = studio.lag(), idle_loop.take()
        _, body = connection.get("/queue")
        queue = json.loads(body)
        if not queue["queue_running"]:
            raise RuntimeError("the engine ran out of work: measure for fewer seconds")
        done = _WAITING - len(queue["queue_pending"]) - 1
        connection.post("/queue", {"clear": True})
        connection.post("/interrupt", {})
    report.add("idle", milliseconds(idle))
    value = share(busy, 0.95)
    report.add("while rendering", milliseconds(busy), value=value, below=_TARGET_MS)
    report.add("p95, times that of the idle studio", f"{value / share(idle, 0.95):.1f}x")
    report.add("p50, times that of the idle studio", f"{median(busy) / median(idle):.1f}x")
    report.add("the studio's event loop was held for at most", f"{held['held']:.1f} ms")
    report.add("it was late by at most", f"{held['late']:.1f} ms")
    report.add("an idle event loop beside it by at most", f"{machine['late']:.1f} ms")
    report.add("pictures painted meanwhile", str(done))
    report.show()


def _settle(connection: Connection) -> None:
    """Wait until the studio has painted its example and looked around."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        status, _ = connection.get("/view?filename=cozygen-example.png&type=input")
        if status == 200:
            break
        time.sleep(0.2)
    time.sleep(1.0)


def _load(connection: Connection) -> None:
    """Queue more pictures than can be painted meanwhile, and wait until the first is on its way."""
    for number in range(_WAITING):
        status, body = connection.post("/prompt", {"prompt": _graph(number)})
        if status != 200:
            raise RuntimeError(f"/prompt answered {status} {body[:300]!r}")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if json.loads(connection.get("/queue")[1])["queue_running"]:
            time.sleep(2.0)
            return
        time.sleep(0.1)
    raise RuntimeError("the engine does not render")


def _graph(seed: int) -> dict[str, Any]:
    painter = {
        "prompt": "a sailboat on a calm lake at sunset, pine forest, clouds",
        "negative": "",
        "seed": seed,
        "width": 1024,
        "height": 1024,
        "steps": 40,
        "style": "auto",
        "batch_size": 1,
    }
    output = {"images": ["1", 0], "filename_prefix": "bench"}
    return {
        "1": {"class_type": "CozyGenPainter", "inputs": painter},
        "2": {"class_type": "CozyGenOutput", "inputs": output},
    }


def _ask(connection: Connection, seconds: float, rate: float) -> list[float]:
    """Milliseconds of each answer; a request that is due while the last one waits is sent right after it."""
    found = []
    begin = time.perf_counter()
    for number in range(int(seconds * rate)):
        due = begin + number / rate
        time.sleep(max(0.0, due - time.perf_counter()))
        started = time.perf_counter()
        status, _ = connection.get("/cozygen/hello")
        if status != 200:
            raise RuntimeError(f"/cozygen/hello answered {status}")
        found.append((time.perf_counter() - started) * 1000)
    return found


if __name__ == "__main__":
    main()
