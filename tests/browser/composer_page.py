"""The composer as a user sees it."""

from __future__ import annotations

from playwright.sync_api import Locator, expect

from tests.browser.page import CreatePage


class Composer:
    """The prompt editor that opens over a form."""

    def __init__(self, create: CreatePage, label: str = "Prompt") -> None:
        self.create = create
        self.page = create.page
        self.label = label
        self.dialog = self.page.get_by_role("dialog", name=label)

    def open(self, prompt: str | None = None) -> None:
        """Open it from the form, with a prompt that was typed there."""
        if prompt is not None:
            self.create.fill(self.label, prompt)
        self.page.get_by_role("button", name=f"Write {self.label} in the editor").click()
        expect(self.dialog).to_be_visible()

    def close(self) -> None:
        """Press Done."""
        self.dialog.get_by_role("button", name="Done").click()
        expect(self.dialog).to_have_count(0)

    def button(self, name: str) -> Locator:
        """A button by its whole name."""
        return self.dialog.get_by_role("button", name=name, exact=True)

    def editor(self, name: str = "Prompt") -> Locator:
        """The text of a prompt."""
        return self.dialog.get_by_role("textbox", name=name, exact=True)

    @property
    def completions(self) -> Locator:
        """What the text can be completed to."""
        return self.page.get_by_role("listbox", name="Completions").get_by_role("option")

    def chips(self, name: str = "Prompt") -> Locator:
        """The elements' buttons."""
        return self.dialog.get_by_role("list", name=f"Elements of {name}", exact=True).locator("[data-name]")

    def chip(self, text: str) -> Locator:
        """The button of the element with a text."""
        return self.dialog.locator("[data-name]").filter(has=self.page.get_by_text(text, exact=True))

    def weight(self, text: str) -> Locator:
        """The weight beside an element."""
        return (
            self.dialog.locator("[data-chip]")
            .filter(has=self.page.get_by_text(text, exact=True))
            .locator("[data-weight]")
        )

    @property
    def preview(self) -> Locator:
        """What the engine will see of the prompt."""
        return self.dialog.get_by_role("group", name="What the engine will see").first

    def text(self) -> str:
        """The prompt in the form."""
        return self.create.field(self.label).locator("textarea").input_value()
