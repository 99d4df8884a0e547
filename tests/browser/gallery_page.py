"""The gallery as a user sees it, and files for it to show."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from urllib.parse import urlencode

from PIL import Image
from playwright.sync_api import Locator, Page, expect

from tests.browser.studio import Studio

_SHAPES = [(96, 64), (64, 96), (80, 80), (120, 60)]
_HOUR = 3600


class GalleryPage:
    """The gallery in a browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, **query: str) -> None:
        """Visit it, and wait until it has said how much there is."""
        self.page.goto(f"{self.url}gallery?{urlencode(query)}" if query else f"{self.url}gallery")
        expect(self.count).to_be_visible()

    @property
    def count(self) -> Locator:
        """Says how many files there are."""
        return self.page.get_by_role("status").filter(has_text=re.compile(r"^\s*[\d,]+ files?"))

    @property
    def files(self) -> Locator:
        """The files near the window."""
        return self.page.locator("li[data-index] a")

    def file(self, name: str) -> Locator:
        """A file, by the beginning of what it is called."""
        return self.page.get_by_role("link", name=re.compile(rf"^{re.escape(name)}"))

    def check(self, name: str) -> Locator:
        """The box that selects a file."""
        return self.page.get_by_role("checkbox", name=f"Select {name}", exact=True)

    @property
    def bar(self) -> Locator:
        """What can be done with the selection."""
        return self.page.get_by_role("region", name="Selected files")

    @property
    def search(self) -> Locator:
        """The search box."""
        return self.page.get_by_role("combobox", name="Search the gallery")

    def names(self) -> list[str]:
        """The files near the window, in their order."""
        found: list[str] = self.page.locator("li[data-index]").evaluate_all(
            """(tiles) => tiles.sort((a, b) => a.dataset.index - b.dataset.index)
                 .map((tile) => tile.querySelector('a')?.getAttribute('aria-label').split(',')[0] ?? '')"""
        )
        return found

    def expect_count(self, count: int) -> None:
        """Wait until it says so."""
        expect(self.count).to_have_text(re.compile(rf"^\s*{count:,} files?"))

    def act(self, name: str) -> None:
        """Press a button of the bar."""
        self.bar.get_by_role("button", name=name, exact=True).click()

    def undo(self) -> None:
        """Take back what was done last."""
        self.page.get_by_role("button", name="Undo", exact=True).last.click()


def put_pictures(studio: Studio, folder: str, count: int, *, hours: float = 1.0) -> list[str]:
    """Write small pictures of several shapes into a folder of the gallery; their names, the newest first."""
    target = studio.data / "output" / folder
    target.mkdir(parents=True, exist_ok=True)
    now = time.time()
    names = []
    for number in range(count):
        name = f"pic {number:04}.png"
        put_picture(target / name, number, now - 60 - number * _HOUR * hours)
        names.append(name)
    return names


def put_picture(path: Path, number: int = 0, mtime: float | None = None) -> None:
    """Write one."""
    partial = path.with_name(f".{path.name}.part")
    hue = number * 47 % 256
    Image.new("RGB", _SHAPES[number % len(_SHAPES)], (hue, 255 - hue, number * 91 % 256)).save(partial, "PNG")
    if mtime is not None:
        os.utime(partial, (mtime, mtime))
    partial.rename(path)
