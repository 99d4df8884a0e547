"""The studio's page as a user sees it: what can be pressed and what can be seen."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

PATIENCE = 90_000
"""Milliseconds that a render on a busy machine may take."""


class CreatePage:
    """The Create page in a browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, form: dict[str, Any] | None = None) -> None:
        """Visit the studio, or the workflow of a form, and wait for the form."""
        self.page.goto(self.url + (f"create/{form['workflow']}" if form else ""))
        expect(self.render_button).to_be_enabled()

    @property
    def render_button(self) -> Locator:
        """The big one."""
        return self.page.get_by_role("button", name="Render", exact=False).filter(has_text="Render").last

    @property
    def stage(self) -> Locator:
        """Where previews and results appear."""
        return self.page.get_by_role("region", name="Picture", exact=True)

    @property
    def result(self) -> Locator:
        """The finished picture or film on the stage."""
        return self.stage.locator("img[alt^='Result of'], video[aria-label^='Result of']")

    @property
    def strip(self) -> Locator:
        """The links of the gallery strip."""
        return self.page.locator("[data-strip] a")

    def tile(self, title: str) -> Locator:
        """A workflow's tile."""
        return self.page.get_by_role("navigation", name="Workflows").get_by_role("button", name=title, exact=True)

    def field(self, key: str) -> Locator:
        """A field of the form with its label and messages."""
        return self.page.locator(f'[data-field="{key}"]')

    def fill(self, key: str, value: object) -> None:
        """Type into a field."""
        self.field(key).locator("input:not([type=range]), textarea").first.fill(str(value))

    def make_small(self, form: dict[str, Any]) -> None:
        """Bring sizes, steps and lengths down, so that the render is quick."""
        for field in _bounded(form):
            small = 128 if _is_size(field) else min(field["default"], 4)
            self.fill(field["key"], f"{max(field['min'], small):g}")

    def make_slow(self, form: dict[str, Any]) -> None:
        """Bring sizes and steps up, so that there is time to look at the render."""
        for field in _bounded(form):
            large = 768 if _is_size(field) else field["max"] if field["default"] > 1 else 1
            self.fill(field["key"], f"{min(field['max'], large):g}")

    def wait_for_result(self) -> None:
        """Wait until a result is on the stage and its file has been decoded."""
        expect(self.result).to_be_visible(timeout=PATIENCE)
        self.page.wait_for_function(
            """() => {
                const result = document.querySelector("[alt^='Result of'], [aria-label^='Result of']");
                return result?.naturalWidth > 0 || result?.videoWidth > 0;
            }""",
            timeout=PATIENCE,
        )

    def open_queue(self) -> Locator:
        """The queue's dialog, opened."""
        self.page.get_by_role("button", name="Queue,").click()
        queue = self.page.get_by_role("dialog", name="Queue")
        expect(queue).to_be_visible()
        return queue

    def overflow(self) -> int:
        """How many pixels the page is wider than its window."""
        pixels: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return pixels


def _bounded(form: dict[str, Any]) -> list[dict[str, Any]]:
    """The whole numbers between bounds, without seeds."""
    return [
        field
        for field in form["fields"]
        if field["type"] == "int" and field["min"] is not None and field["max"] is not None
        if not field["can_randomize"]
    ]


def _is_size(field: dict[str, Any]) -> bool:
    return bool(field["max"] >= 512)


def prompt_of(form: dict[str, Any]) -> str:
    """The key of a form's prompt: its first long text."""
    return next(str(field["key"]) for field in form["fields"] if field["type"] == "string" and field["multiline"])


def size_of(form: dict[str, Any]) -> dict[str, Any]:
    """The first size in pixels of a form, such as its width."""
    return next(field for field in _bounded(form) if _is_size(field))
