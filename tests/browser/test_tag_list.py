"""Updating the tag list from the settings."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.studio import Studio

TAGS = [
    {"id": number, "name": f"quiet_lake_{number}", "category": 0, "post_count": 1000 - number, "is_deprecated": False}
    for number in range(1, 1501)
]


class Danbooru(ThreadingHTTPServer):
    """As much of a Danbooru as an update asks for: entries by ascending id, a page at a time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.open = threading.Event()
        """The second page is held until it is set."""
        self.refuses = False
        self.asked_after: list[int] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Answers(BaseHTTPRequestHandler):
    server: Danbooru

    def do_GET(self) -> None:
        """Answer a page."""
        parts = urlsplit(self.path)
        after = int(parse_qs(parts.query)["page"][0].removeprefix("a"))
        if parts.path == "/tags.json":
            self.server.asked_after.append(after)
        if self.server.refuses:
            self.send_error(403)
            return
        entries = [tag for tag in TAGS if parts.path == "/tags.json" and int(str(tag["id"])) > after][:1000]
        if after:
            self.server.open.wait(60)
        body = json.dumps(entries[::-1]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with suppress(ConnectionError):  # the update was stopped
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def danbooru() -> Iterator[Danbooru]:
    """A Danbooru of its own."""
    server = Danbooru()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.open.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def studio(tmp_path: Path, danbooru: Danbooru) -> Iterator[Studio]:
    """A studio that takes its tags from there."""
    server = Studio(tmp_path, settings={"COZYGEN_TAGS_URL": danbooru.url})
    server.start()
    yield server
    server.stop()


def open_settings(new_page: NewPage, profile: dict[str, object]) -> Locator:
    """The tag list in the settings."""
    create = new_page(profile)
    create.open()
    create.page.get_by_role("button", name="Settings", exact=True).click()
    panel = create.page.get_by_role("region", name="Tag list")
    panel.scroll_into_view_if_needed()
    return panel


def test_the_list_is_updated_while_one_looks_on(new_page: NewPage, danbooru: Danbooru) -> None:
    panel = open_settings(new_page, PHONE)
    expect(panel.get_by_text("Starter list")).to_be_visible()
    panel.get_by_role("button", name="Update from Danbooru").tap()
    expect(panel.get_by_role("status").filter(has_text="Fetching tags: 1,000 so far")).to_be_visible()
    expect(panel.get_by_role("progressbar", name="Update from Danbooru")).to_be_visible()
    danbooru.open.set()
    expect(panel.get_by_text("1,500 tags", exact=True)).to_be_visible(timeout=60_000)
    expect(panel.get_by_text("From Danbooru, since")).to_be_visible()
    expect(panel.page.get_by_text("The tag list is up to date: 1,500 tags.")).to_be_visible()
    assert panel.page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_it_stops_and_goes_on_from_there(new_page: NewPage, studio: Studio, danbooru: Danbooru) -> None:
    panel = open_settings(new_page, DESKTOP)
    panel.get_by_role("button", name="Update from Danbooru").click()
    expect(panel.get_by_text("Fetching tags: 1,000 so far")).to_be_visible()
    panel.page.reload()
    expect(panel.get_by_text("Fetching tags: 1,000 so far")).to_be_visible()
    panel.get_by_role("button", name="Stop").click()
    expect(panel.page.get_by_text("Stopped. The next update goes on from here.")).to_be_visible()
    expect(panel.get_by_text("Starter list")).to_be_visible()
    danbooru.open.set()
    asked = len(danbooru.asked_after)
    panel.get_by_role("button", name="Update from Danbooru").click()
    expect(panel.get_by_text("1,500 tags", exact=True)).to_be_visible(timeout=60_000)
    assert danbooru.asked_after[asked] == 1000
    assert studio.get("/cozygen/api/tags/search?q=quiet_lake_7")["total"] > 0


def test_a_refusal_is_explained(new_page: NewPage, danbooru: Danbooru) -> None:
    danbooru.refuses = True
    panel = open_settings(new_page, DESKTOP)
    panel.get_by_role("button", name="Update from Danbooru").click()
    problem = panel.get_by_role("alert").filter(has_text="The update did not finish")
    expect(problem).to_contain_text("403")
    danbooru.refuses = False
    danbooru.open.set()
    panel.get_by_role("button", name="Update from Danbooru").click()
    expect(panel.get_by_text("1,500 tags", exact=True)).to_be_visible(timeout=60_000)
    expect(problem).to_have_count(0)


def test_what_is_no_number_is_not_sent(new_page: NewPage, danbooru: Danbooru) -> None:
    panel = open_settings(new_page, DESKTOP)
    field = panel.get_by_label("Only tags with at least this many posts")
    field.fill("many")
    expect(panel.get_by_text("A whole number, 0 or more.")).to_be_visible()
    expect(panel.get_by_role("button", name="Update from Danbooru")).to_be_disabled()
    field.fill("5")
    expect(panel.get_by_role("button", name="Update from Danbooru")).to_be_enabled()
    assert danbooru.asked_after == []
