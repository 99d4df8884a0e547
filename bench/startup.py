"""How long a start takes: `python -m bench.startup`.

From the start of the process to the first answer of `/cozygen/hello`, on a fresh data folder and on one that was used
before, and what of it goes into imports.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.measuring import Report, Studio, clean_environment, median

_TARGET_SECONDS = 1.5
_SHOWN = 12


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="starts of each kind (default 7)")
    rounds = parser.parse_args().rounds
    report = Report(f"Start, median of {rounds}")
    python, aiohttp, app = [], [], []
    fresh, used = [], []
    with tempfile.TemporaryDirectory(prefix="cozygen-bench-") as folder:
        # Alternating, so that whatever else the machine does meets all of them.
        _run("import cozygen.app")  # what has to be compiled is compiled now
        for number in range(rounds):
            python.append(_run("pass"))
            aiohttp.append(_run("import aiohttp.web"))
            app.append(_run("import cozygen.app"))
            fresh.append(_first_answer(Path(folder) / str(number)))
            used.append(_first_answer(Path(folder) / str(number)))
    reference = median(aiohttp)
    for name, times in (("a fresh data folder", fresh), ("a used data folder", used)):
        value = median(times)
        report.add(
            f"start to first answer, {name}",
            f"{value:.2f} s ({value / reference:.1f}x; {min(times):.2f}..{max(times):.2f})",
            value=value,
            below=_TARGET_SECONDS,
        )
    report.section()
    report.add("`import aiohttp.web` (the 1x above)", f"{reference:.2f} s")
    report.add("`import cozygen.app`", f"{median(app):.2f} s ({median(app) / reference:.1f}x)")
    report.add("Python alone", f"{median(python):.2f} s")
    report.section()
    shares = _import_shares()
    total = sum(shares.values())
    for name, seconds in sorted(shares.items(), key=lambda item: -item[1])[:_SHOWN]:
        report.add(f"own imports of {name}", f"{seconds * 1000:.0f} ms ({seconds / total:.0%})")
    report.show()


def _first_answer(data: Path) -> float:
    """Seconds from the start of the process to the first answer."""
    with Studio(data) as studio, studio.connect() as connection:
        status, _ = connection.get("/cozygen/hello")
        if status != 200:
            raise RuntimeError(f"/cozygen/hello answered {status}")
        return time.perf_counter() - studio.started


def _run(code: str) -> float:
    """Seconds that a Python takes for this."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, env=clean_environment())
    return time.perf_counter() - started


def _import_shares() -> dict[str, float]:
    """Top-level package -> seconds that its own modules took, of all that a start imports."""
    code = "import cozygen.cli, cozygen.app, cozygen.engines.embedded.engine"
    ended = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", code],
        check=True,
        stderr=subprocess.PIPE,
        text=True,
        env=clean_environment(),
    )
    found: dict[str, float] = {}
    for line in ended.stderr.splitlines():
        own, _, name = line.removeprefix("import time:").split("|")
        if own.strip().isdigit():
            package = name.strip().partition(".")[0]
            package = package if package not in sys.stdlib_module_names else "the standard library"
            found[package] = found.get(package, 0.0) + int(own) / 1e6
    return found


if __name__ == "__main__":
    main()
