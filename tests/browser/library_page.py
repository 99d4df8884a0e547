"""The library as a user sees it, and aliases and tags for it to show."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.browser.studio import Studio

ALIASES: dict[str, Any] = {
    "items": {
        "fox": "red fox, long_hair, snow",
        "den": "a den, $fox$",
        "Owl": "an owl, shrt_hair",
        "pets::cat": "a cat",
    },
    "categories": {"fox": "Animals", "Owl": "Animals", "den": "Places"},
    "categoryList": ["Animals", "Places"],
    "more": {"kept": True},
}

TAGS = """long_hair,0,900,"longhair,long_locks"
short_hair,0,800,
very_long_hair,0,300,
blue_eyes,0,600,
a_bridge,0,5,
fate/stay_night,3,100,
somebody_(artist),1,50,
"""


class LibraryPage:
    """The library in a browser."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, path: str = "aliases") -> None:
        """Visit a part of it, and wait until what it shows is there."""
        self.page.goto(f"{self.url}library/{path}")
        expect(self.page.get_by_role("heading", name="Library", level=1)).to_be_attached()
        expect(self.page.locator("[aria-busy=true]")).to_have_count(0)

    @property
    def rows(self) -> Locator:
        """The links of the list near the window."""
        return self.page.locator("[data-row]")

    def row(self, name: str) -> Locator:
        """A row's link, by what it is called."""
        return self.rows.filter(has=self.page.get_by_text(name, exact=True))

    def editor(self, name: str | None = None) -> Locator:
        """Where an alias is edited; without a name, a new one."""
        return self.page.get_by_role("region", name=f"Alias {name}" if name else "New alias", exact=True)

    def tag(self, name: str) -> Locator:
        """What is said of a tag."""
        return self.page.get_by_role("region", name=f"Tag {name}", exact=True)

    @property
    def bar(self) -> Locator:
        """What can be done with the selected aliases."""
        return self.page.get_by_role("region", name="Selected aliases")

    def search(self, text: str, what: str = "aliases") -> None:
        """Type into the search field."""
        self.page.get_by_role("searchbox", name=f"Search {what}").fill(text)

    def menu(self, item: str) -> None:
        """Choose from the list's menu."""
        self.page.get_by_role("button", name="More to do with aliases").click()
        self.page.get_by_role("menuitem", name=item).click()

    def undo(self) -> None:
        """Take back what was done last."""
        self.page.get_by_role("button", name="Undo", exact=True).last.click()


def put_aliases(studio: Studio, document: dict[str, Any] | None = None) -> None:
    """Store aliases, whatever was there."""
    studio.send("POST", "/cozygen/api/aliases", ALIASES if document is None else document)


def aliases(studio: Studio) -> Any:
    """The document as it is stored."""
    return studio.get("/cozygen/api/aliases")
