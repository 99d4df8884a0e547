"""How soon completions follow a key in the composer: `python -m bench.composer [--rounds N]`.

Chromium, without a screen, over a studio with 140,782 tags: the list in the folder that COZYGEN_SHARED_DATA names
(danbooru.csv), else a made one of the same size. Names of tags are typed letter by letter; a letter counts from its
`keydown` to the first frame in which the list shows what fits all that is typed. Every round is a visit of its own, so
that nothing is remembered from the one before. Needs Playwright, and Chromium in the path or in COZYGEN_CHROMIUM.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from bench.measuring import Report, Studio, milliseconds, share
from bench.tags import names_of, shared_or_made

_TARGET_MS = 50.0
_NAMES, _LETTERS, _POPULAR = 12, 7, 20_000
_WATCH = """() => {
  window.took = [];
  let pressed = null;
  const fits = () => {
    const list = '.cm-tooltip-autocomplete li:not([aria-disabled]) .cm-completionLabel';
    const options = [...document.querySelectorAll(list)];
    const parts = window.typed.split(/[\\s_-]+/).filter(Boolean);
    return options.length > 0 && options.every((option) => {
      const text = option.textContent.toLowerCase();
      return parts.every((part) => text.includes(part));
    });
  };
  document.addEventListener('keydown', () => { pressed = performance.now(); }, true);
  const look = () => {
    // The frame that is being made shows it: it is done right after this.
    if (pressed !== null && window.typed && fits()) {
      const channel = new MessageChannel();
      const start = pressed;
      pressed = null;
      channel.port1.onmessage = () => window.took.push(performance.now() - start);
      channel.port2.postMessage(0);
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""


def main() -> None:
    """Type, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="visits (default 5)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cozygen-bench-") as folder:
        path = shared_or_made(Path(folder))
        names = names_of(path)
        report = Report(f"Completing in the composer, {len(names):,} tags of {path.name}")
        with Studio(Path(folder) / "data", environment={"COZYGEN_TAGS_FILE": str(path)}) as studio:
            first, later = _measure(studio, names, options.rounds)
        for name, times in (("the first letter of a tag", first), ("each further letter", later)):
            report.add(name, f"{milliseconds(times)} of {len(times)}", value=share(times, 0.95), below=_TARGET_MS)
    report.show()


def _measure(studio: Studio, names: list[str], rounds: int) -> tuple[list[float], list[float]]:
    rng = random.Random(1)
    words = [name for name in names[:_POPULAR] if name.replace("_", "").isalpha() and name.isascii() and len(name) > 4]
    first: list[float] = []
    later: list[float] = []
    with sync_playwright() as playwright:
        chromium = os.environ.get("COZYGEN_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--no-zygote", "--disable-dev-shm-usage"]
        )
        for _ in range(rounds):
            times = _visit(browser, f"http://127.0.0.1:{studio.port}/cozygen/create", rng.sample(words, _NAMES))
            for one in times:
                first.append(one[0])
                later.extend(one[1:])
        browser.close()
    return first, later


def _visit(browser: Browser, address: str, words: list[str]) -> list[list[float]]:
    """Milliseconds for each letter of each word."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="en-US")
    page = context.new_page()
    page.goto(address)
    with page.expect_response("**/cozygen/api/tags/search*"):  # the most used tags
        page.get_by_role("button", name="Write Prompt in the editor").click()
    page.locator(".cm-content").first.fill("")
    page.evaluate(_WATCH)
    times = [_type(page, word) for word in words]
    context.close()
    return times


def _type(page: Page, word: str) -> list[float]:
    times: list[float] = []
    for end in range(1, min(len(word), _LETTERS) + 1):
        if word[end - 1] == "_":
            page.evaluate("window.typed = ''")
            page.keyboard.press("Space")
            continue
        page.evaluate("typed => { window.typed = typed; window.took = []; }", word[:end].lower())
        page.keyboard.press(word[end - 1])
        times.append(float(page.wait_for_function("() => window.took[0]", polling=20).json_value()))
    page.evaluate("window.typed = ''")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    return times


if __name__ == "__main__":
    main()
