"""How large the app's first page is: `python -m bench.first_page`.

The scripts that the page names and all that they import statically, compressed as a server would. Styles and fonts are
shown beside it; what is imported later, when a page is opened that needs it, does not count.
"""

from __future__ import annotations

import argparse
import gzip
import re
from pathlib import Path

from bench.measuring import Report
from cozygen.web.static import STATIC

_TARGET_KB = 150.0
_SCRIPT = re.compile(
    r"""<script[^>]+src=["']([^"']+)["']|<link[^>]+rel=["']modulepreload["'][^>]+href=["']([^"']+)["']"""
)
_STYLE = re.compile(r"""<link[^>]+rel=["']stylesheet["'][^>]+href=["']([^"']+)["']""")
_IMPORT = re.compile(r"""(?:^|[;}\n\s])(?:import|export)\s*(?:[\w*${},\s]+?\s*from\s*)?["']([^"'()]+\.js)["']""")


def main() -> None:
    """Measure and print a table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    page = (STATIC / "index.html").read_text()
    scripts = _with_imports([_place(one or other) for one, other in _SCRIPT.findall(page)])
    report = Report("The first page")
    total = 0.0
    for path in sorted(scripts, key=_compressed, reverse=True):
        total += _compressed(path)
        report.add(path.name, f"{_compressed(path):.1f} kB ({path.stat().st_size / 1000:.0f} kB as it is)")
    report.section()
    report.add("JavaScript of the first page, gzip", f"{total:.1f} kB", value=total, below=_TARGET_KB)
    styles = [_place(name) for name in _STYLE.findall(page)]
    report.add("styles, gzip", f"{sum(_compressed(path) for path in styles):.1f} kB")
    report.add("index.html, gzip", f"{_compressed(STATIC / 'index.html'):.1f} kB")
    later = set((STATIC / "assets").glob("*.js")) - set(scripts)
    rest = sum(map(_compressed, later))
    report.add(f"{len(later)} scripts for later, gzip", f"{rest:.1f} kB")
    report.add("all JavaScript that the app has, gzip", f"{total + rest:.1f} kB")
    report.show()


def _place(address: str) -> Path:
    """The file that is served at an address of the app."""
    return STATIC / address.removeprefix("/cozygen/").removeprefix("./")


def _with_imports(scripts: list[Path]) -> list[Path]:
    """The scripts and all that they import statically, each once."""
    found: dict[Path, None] = {}
    waiting = list(scripts)
    while waiting:
        path = waiting.pop().resolve()
        if path not in found:
            found[path] = None
            waiting.extend(path.parent / name for name in _IMPORT.findall(path.read_text()))
    return list(found)


def _compressed(path: Path) -> float:
    """Kilobytes (1000 bytes) after gzip."""
    return len(gzip.compress(path.read_bytes(), 9)) / 1000


if __name__ == "__main__":
    main()
