"""What every page has around it: search and commands, shortcuts, titles and focus, and the app without a connection."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.page import PATIENCE, CreatePage, prompt_of
from tests.browser.studio import Studio
from tests.browser.test_access import violations

OFFLINE = "No connection to the studio."
PALETTE = "Search and commands"
WORKING = "() => navigator.serviceWorker.ready.then(() => navigator.serviceWorker.controller !== null)"
THUMBS = (
    "async () => (await caches.has('cozygen-thumbs')) ? (await (await caches.open('cozygen-thumbs')).keys()).length : 0"
)


def palette_of(page: Page) -> Locator:
    """The palette's field, with what it found in the same dialog."""
    return page.get_by_role("dialog", name=PALETTE).get_by_role("combobox", name=PALETTE)


def option(page: Page, name: str) -> Locator:
    """Something that the palette found."""
    return page.get_by_role("dialog", name=PALETTE).get_by_role("option", name=name)


def rendered(new_page: NewPage, studio: Studio, prompt: str) -> CreatePage:
    """The Create page after a small render."""
    create = new_page()
    form = studio.workflow("text-to-image")
    create.open(form)
    create.fill(prompt_of(form), prompt)
    create.make_small(form)
    create.render_button.click()
    create.wait_for_result()
    return create


def test_the_palette_finds_and_does(new_page: NewPage, studio: Studio) -> None:
    create = rendered(new_page, studio, "a lighthouse in the palette")
    page = create.page
    # From the very field in which one writes.
    create.field(prompt_of(studio.workflow("text-to-image"))).get_by_role("textbox").focus()
    page.keyboard.press("Control+k")
    field = palette_of(page)
    expect(field).to_be_focused()
    page.keyboard.type("gall")
    expect(option(page, "Gallery").first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("Enter")
    expect(page).to_have_url(studio.url + "gallery")
    expect(field).to_be_hidden()
    # Back leads to where one was, not to the palette.
    page.go_back()
    expect(create.render_button).to_be_enabled()
    expect(field).to_be_hidden()

    page.get_by_role("button", name=PALETTE).click()
    expect(page.get_by_role("group", name="Lately").get_by_role("option", name="Gallery")).to_be_visible()
    field.fill("theme light")
    page.keyboard.press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "light")

    page.keyboard.press("Control+k")
    field.fill("harbour at night")
    option(page, "Search the gallery for “harbour at night”").click()
    expect(page).to_have_url(f"{studio.url}gallery?q={quote('harbour at night').replace('%20', '+')}")

    page.keyboard.press("Control+k")
    field.fill("lighthouse in the pal")
    option(page, "a lighthouse in the palette").click()
    expect(create.field(prompt_of(studio.workflow("text-to-image"))).get_by_role("textbox")).to_have_value(
        "a lighthouse in the palette"
    )


def test_the_palette_runs_the_queue(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    form = studio.workflow("text-to-image")
    create.open(form)
    create.make_small(form)
    page = create.page
    try:
        for words, is_paused in (("pause", True), ("resume", False), ("pause", True)):
            page.keyboard.press("Control+k")
            palette_of(page).fill(f"{words} queue")
            page.keyboard.press("Enter")
            expect(palette_of(page)).to_be_hidden()
            page.wait_for_function(
                "async (paused) => (await (await fetch('/cozygen/api/queue')).json()).paused === paused", arg=is_paused
            )
        page.keyboard.press("Control+k")
        palette_of(page).fill("render now")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Queue, 1 to go")).to_be_visible()
        page.keyboard.press("Control+k")
        palette_of(page).fill("cancel all")
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Queue, nothing waiting")).to_be_visible()
    finally:
        studio.send("POST", "/cozygen/api/queue/resume")


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("profile", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_the_palette_for_everybody(new_page: NewPage, profile: dict[str, Any], theme: str) -> None:
    create = new_page(profile, color_scheme=theme, reduced_motion="reduce")
    page = create.page
    page.goto(create.url + "create")
    page.get_by_role("button", name=PALETTE).click()
    expect(palette_of(page)).to_be_focused()
    expect(option(page, "Pause the queue")).to_be_visible()
    assert violations(create) == []
    palette_of(page).fill("zzzz qqqq")
    expect(page.get_by_role("dialog", name=PALETTE).get_by_role("option")).to_have_count(1)  # searching the gallery
    assert create.overflow() <= 0
    palette_of(page).fill("keyboard")
    option(page, "Keyboard shortcuts").click()
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    assert violations(create) == []
    assert create.overflow() <= 0


def test_shortcuts(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    page = create.page
    create.open()
    page.locator("body").click(position={"x": 5, "y": 5})
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(sheet.get_by_role("heading", name="Viewer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
    for key, address, title in (("g", "gallery", "Gallery"), ("q", "queue", "Queue"), ("s", "studio", "Studio")):
        page.keyboard.press("g")
        page.keyboard.press(key)
        expect(page).to_have_url(studio.url + address)
        expect(page).to_have_title(f"{title} · CozyGen")
        # The keyboard goes on from the page's heading, and its name is said.
        expect(page.get_by_role("heading", level=1)).to_be_focused()
        expect(page.locator("p[role=status]", has_text=re.compile(f"^{title}$"))).to_be_attached()
    page.keyboard.press("g")
    page.keyboard.press("c")
    expect(create.render_button).to_be_enabled()
    field = create.field(prompt_of(studio.workflow("text-to-image"))).get_by_role("textbox")
    field.fill("")
    field.press_sequentially("gq? gs")
    expect(field).to_have_value("gq? gs")
    expect(page).to_have_url(studio.url + "create")


def test_back_leads_to_where_the_page_was_scrolled(new_page: NewPage, studio: Studio) -> None:
    create = new_page(PHONE)
    page = create.page
    create.open(studio.workflow("text-to-image"))
    page.evaluate("scrollTo(0, 300)")
    page.wait_for_function("() => scrollY === 300")
    # It stays in reach at the bottom of the screen.
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Gallery").click()
    expect(page).to_have_title("Gallery · CozyGen")
    page.wait_for_function("() => scrollY === 0")
    page.go_back()
    page.wait_for_function("() => scrollY === 300")


def offline_ready(create: CreatePage, form: dict[str, Any]) -> None:
    """Visit, and wait until the app is kept on the device."""
    create.open(form)
    create.page.wait_for_function(WORKING, timeout=PATIENCE)


def test_the_app_opens_without_a_connection(new_page: NewPage, studio: Studio) -> None:
    create = new_page(service_workers="allow")
    page, form = create.page, studio.workflow("text-to-image")
    offline_ready(create, form)
    field = create.field(prompt_of(form)).get_by_role("textbox")
    field.fill("typed before the line was cut")
    page.wait_for_function("text => JSON.stringify(localStorage).includes(text)", arg="typed before the line was cut")
    page.context.set_offline(True)
    page.reload()
    expect(page.get_by_text(OFFLINE)).to_be_visible()
    page.keyboard.press("Control+k")  # loaded on demand, and there all the same
    palette_of(page).fill("settings about")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    page.go_back()
    page.context.set_offline(False)
    expect(page.get_by_text(OFFLINE)).to_be_hidden(timeout=PATIENCE)
    expect(field).to_have_value("typed before the line was cut", timeout=PATIENCE)


def test_a_second_tab_without_the_server(new_page: NewPage, studio: Studio) -> None:
    create = new_page(service_workers="allow")
    offline_ready(create, studio.workflow("text-to-image"))
    studio.stop()
    try:
        second = new_page(context=create.page.context)
        second.page.goto(second.url + "gallery")
        expect(second.page.get_by_text(OFFLINE)).to_be_visible()
        expect(second.page).to_have_title("Gallery · CozyGen")
        expect(create.page.get_by_text(OFFLINE)).to_be_visible()
    finally:
        studio.start()
    for page in (create.page, second.page):
        expect(page.get_by_text(OFFLINE)).to_be_hidden(timeout=PATIENCE)


def test_a_slow_line_shows_what_is_to_come(new_page: NewPage, studio: Studio) -> None:
    create = new_page(PHONE)
    page = create.page
    line = page.context.new_cdp_session(page)
    line.send("Network.enable")
    slow = {"offline": False, "latency": 600, "downloadThroughput": 60_000, "uploadThroughput": 30_000}
    line.send("Network.emulateNetworkConditions", slow)
    page.goto(create.url + "create", wait_until="commit")
    expect(page.locator("[aria-busy=true]").first).to_be_visible(timeout=PATIENCE)
    expect(create.render_button).to_be_enabled(timeout=PATIENCE)
    form = studio.workflow("text-to-image")
    create.fill(prompt_of(form), "slowly")
    expect(create.field(prompt_of(form)).get_by_role("textbox")).to_have_value("slowly")


def test_signing_out_forgets_the_pictures(new_page: NewPage, tmp_path: Path) -> None:
    password = "quiet-harbour"
    server = Studio(tmp_path, settings={"COZYGEN_AUTH_USER": "ada", "COZYGEN_AUTH_PASS": password})
    server.start()
    try:
        create = new_page(url=server.url, service_workers="allow")
        page = create.page
        page.goto(server.url + "create")
        sign_in(page, password)
        expect(create.render_button).to_be_enabled()
        page.wait_for_function(WORKING, timeout=PATIENCE)
        render_small(page.context, create)
        expect(create.strip.locator("img").first).to_be_visible()
        page.wait_for_function(f"async () => (await ({THUMBS})()) > 0", timeout=PATIENCE)
        page.goto(server.url + "settings/account")
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
        page.wait_for_function(f"async () => (await ({THUMBS})()) === 0")
        kept = page.evaluate("async () => (await caches.keys()).filter((name) => !name.startsWith('cozygen-build-'))")
        assert kept == []
    finally:
        server.stop()


def sign_in(page: Page, password: str) -> None:
    """Sign in as ada."""
    dialog = page.get_by_role("dialog", name="Sign in")
    dialog.get_by_label("User name").fill("ada")
    dialog.get_by_label("Password").fill(password)
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_be_hidden()


def render_small(context: BrowserContext, create: CreatePage) -> None:
    """Render the form that is open, small."""
    origin = create.url.removesuffix("/cozygen/")
    listed = context.request.get(f"{origin}/cozygen/api/workflows").json()["items"]
    name = next(item["name"] for item in listed if item["mode"] == "text-to-image")
    create.make_small(json.loads(context.request.get(f"{origin}/cozygen/api/workflows/{name}/form").text()))
    create.render_button.click()
    create.wait_for_result()
