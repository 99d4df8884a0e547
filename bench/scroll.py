"""How smoothly the gallery scrolls: `python -m bench.scroll [FILES] [--keep DIR]`.

Chromium, without a screen, over a library in a studio of its own: with the wheel at reading speed, flung, and pulled
along the date line. A frame counts from one `requestAnimationFrame` to the next. Needs Playwright, and Chromium in the
path or in COZYGEN_CHROMIUM.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import CDPSession, Page, sync_playwright

from bench.library import make_library
from bench.measuring import Report, Studio, median, share

_FRAME_MS, _NODES = 32.0, 3000
_WATCH = """() => {
  const seen = { frames: [], nodes: 0, waiting: 0, looks: 0 };
  let last = performance.now();
  let on = true;
  const look = (now) => {
    seen.frames.push(now - last);
    last = now;
    if (seen.frames.length % 6 === 0) {
      seen.nodes = Math.max(seen.nodes, document.querySelectorAll('*').length);
      const shown = [...document.querySelectorAll('[data-index]')].filter((tile) => {
        const box = tile.getBoundingClientRect();
        return box.bottom > 0 && box.top < innerHeight;
      });
      seen.looks += 1;
      if (shown.length === 0 || shown.some((tile) => !tile.querySelector('a'))) seen.waiting += 1;
    }
    if (on) requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  window.watched = () => { on = false; return seen; };
}"""


def main() -> None:
    """Make a library, scroll, print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="?", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each way of scrolling")
    parser.add_argument("--keep", type=Path, help="folder to make the library in, and to find it in the next time")
    options = parser.parse_args()
    base = options.keep or Path(tempfile.mkdtemp(prefix="cozygen-bench-"))
    library = base / f"library-{options.files}-50"
    data = Path(tempfile.mkdtemp(prefix="cozygen-bench-data-"))
    try:
        make_library(library, options.files, 50)
        with Studio(data, environment={"COZYGEN_OUTPUT_DIR": str(library)}) as studio:
            _wait(studio)
            _measure(studio, options.files, options.seconds)
    finally:
        shutil.rmtree(data, ignore_errors=True)
        if options.keep is None:
            shutil.rmtree(base)


def _wait(studio: Studio) -> None:
    with studio.connect() as connection:
        while True:
            progress = json.loads(connection.get("/cozygen/api/gallery/index")[1])
            if progress["complete"] and not progress["unread"]:
                return
            time.sleep(0.2)


def _measure(studio: Studio, files: int, seconds: float) -> None:
    report = Report(f"Scrolling through {files:,} files")
    with sync_playwright() as playwright:
        chromium = os.environ.get("COZYGEN_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-dev-shm-usage"])
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.evaluate(_WATCH)
        page.wait_for_timeout(seconds * 500)
        idle = page.evaluate("() => watched()")["frames"][1:]
        report.add("an empty page, for comparison: frames", _frames(idle))
        report.section()
        page.goto(f"http://127.0.0.1:{studio.port}/cozygen/gallery")
        page.locator("[data-index] img[data-loaded]").first.wait_for()
        page.mouse.move(700, 500)
        session = page.context.new_cdp_session(page)
        session.send("Performance.enable", {"timeDomain": "threadTicks"})
        for name, way in (("wheel", _wheel), ("flung", _fling), ("date line", _drag)):
            page.evaluate(_WATCH)
            before = _computing(session)
            way(page, seconds)
            computing = _computing(session) - before
            seen: dict[str, Any] = page.evaluate("() => watched()")
            frames = seen["frames"][1:]
            report.add(f"{name}: frames", _frames(frames), value=share(frames, 0.95), below=_FRAME_MS)
            report.add(f"{name}: processor time of a frame", f"{computing * 1000 / len(frames):.1f} ms on average")
            report.add(f"{name}: elements in the page", f"{seen['nodes']}", value=seen["nodes"], below=_NODES)
            waiting = seen["waiting"] / max(1, seen["looks"])
            report.add(f"{name}: moments with a file that was not loaded", f"{waiting:.0%}")
            page.wait_for_timeout(500)
        session.send("HeapProfiler.collectGarbage")
        counters = session.send("Memory.getDOMCounters")
        report.section()
        report.add("nodes that Chromium counts, texts and all", f"{counters['nodes']}")
        browser.close()
    report.show()


def _computing(session: CDPSession) -> float:
    """Seconds for which the page's main thread has been computing, however busy the machine is with other things."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration"))


def _frames(times: list[float]) -> str:
    return f"p50 {median(times):.1f}  p95 {share(times, 0.95):.1f}  max {max(times):.0f} ms of {len(times)}"


def _wheel(page: Page, seconds: float) -> None:
    """About 1,500 pixels a second, as with a finger on the wheel."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        page.mouse.wheel(0, 120)
        time.sleep(0.08)


def _fling(page: Page, seconds: float) -> None:
    """Some 15,000 pixels a second, back and forth."""
    end = time.monotonic() + seconds
    step = 0
    while time.monotonic() < end:
        page.mouse.wheel(0, 480 if step % 60 < 40 else -480)
        step += 1
        time.sleep(0.03)


def _drag(page: Page, seconds: float) -> None:
    """From one end of the library to the other."""
    box = page.get_by_role("slider").bounding_box()
    assert box is not None
    x, top, height = box["x"] + box["width"] / 2, box["y"] + 2, box["height"] - 4
    page.mouse.move(x, top)
    page.mouse.down()
    begun = time.monotonic()
    while (part := (time.monotonic() - begun) / seconds) < 1:
        page.mouse.move(x, top + height * (1 - abs(1 - 2 * part)))
        time.sleep(0.03)
    page.mouse.up()
    page.mouse.move(700, 500)


if __name__ == "__main__":
    main()
