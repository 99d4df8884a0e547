"""Chromium and studios for the browser tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser.page import CreatePage
from tests.browser.studio import Studio

DESKTOP: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}}
PHONE: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "device_scale_factor": 2,
    "is_mobile": True,
    "has_touch": True,
}

NewPage = Callable[..., CreatePage]

_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here needs a browser."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker(pytest.mark.browser)


def _chromium() -> str:
    found = os.environ.get("COZYGEN_CHROMIUM") or next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found is None:
        pytest.skip("there is no Chromium; set COZYGEN_CHROMIUM to its path")
    return found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for the tests of a file. While it lives, its event loop bars asynchronous tests in this thread."""
    expect.set_options(timeout=20_000)
    with sync_playwright() as playwright:
        # Containers have no user namespaces for the sandbox and little shared memory; without a sandbox the zygotes
        # serve nothing, and on some kernels they were seen spinning while they reap their children.
        chromium = playwright.chromium.launch(
            executable_path=_chromium(), args=["--no-sandbox", "--no-zygote", "--disable-dev-shm-usage"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A running studio with its own data, shared by the tests of a file."""
    server = Studio(tmp_path_factory.mktemp("studio"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def new_page(browser: Browser, studio: Studio) -> Iterator[NewPage]:
    """Makes pages of a fresh visitor; fails the test when the page reports an error of its own."""
    contexts: list[BrowserContext] = []
    errors: list[str] = []
    studio.forget()

    def note(page: Page) -> None:
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: errors.append(message.text) if "Content Security Policy" in message.text else None,
        )

    def make(
        profile: dict[str, Any] = DESKTOP,
        context: BrowserContext | None = None,
        url: str | None = None,
        **options: Any,
    ) -> CreatePage:
        if context is None:
            # A service worker would fetch the whole app once more for each visitor; the tests of it let it in.
            usual = {"locale": "en-US", "service_workers": "block"}
            context = browser.new_context(**{**usual, **profile, **options})
            context.on("page", note)
            contexts.append(context)
        return CreatePage(context.new_page(), url or studio.url)

    yield make
    for context in contexts:
        context.set_offline(True)  # what a page brings home when it is left must not reach the next visitor
        context.close()
    assert errors == []
