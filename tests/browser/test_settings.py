"""The settings: what a user can see and change, and signing in and out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.page import CreatePage, prompt_of
from tests.browser.studio import Studio
from tests.browser.test_access import violations
from tests.browser.test_phone import SMALL_TARGETS, THUMB


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio that wants to know who is there."""
    server = Studio(
        tmp_path_factory.mktemp("locked"), settings={"COZYGEN_AUTH_USER": "ada", "COZYGEN_AUTH_PASS": "correct horse"}
    )
    server.start()
    yield server
    server.stop()


def open_settings(create: CreatePage, section: str = "") -> Page:
    """The settings page, loaded."""
    create.page.goto(f"{create.url}settings/{section}")
    expect(create.page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    return create.page


def sign_in(page: Page) -> None:
    """Fill in the dialog."""
    dialog = page.get_by_role("dialog", name="Sign in")
    dialog.get_by_label("User name").fill("ada")
    dialog.get_by_label("Password").fill("correct horse")
    dialog.get_by_role("button", name="Sign in").click()
    expect(dialog).to_have_count(0)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("profile", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_part_is_there_and_accessible(new_page: NewPage, profile: dict[str, Any], theme: str) -> None:
    create = new_page(profile, color_scheme=theme, reduced_motion="reduce")
    page = open_settings(create)
    for name in ("Appearance", "Account", "Engine", "Gallery", "Storage", "Tag list", "About"):
        expect(page.get_by_role("region", name=name, exact=True).first).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    assert create.overflow() <= 0
    assert violations(create) == []
    assert page.evaluate(SMALL_TARGETS, THUMB) == []


def test_a_language_and_a_theme_are_kept(new_page: NewPage) -> None:
    create = new_page(DESKTOP)
    page = open_settings(create)
    page.get_by_text("Dark", exact=True).click()
    page.get_by_label("Language").select_option("Deutsch")
    expect(page.get_by_role("heading", name="Einstellungen", level=1)).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Einstellungen", level=1)).to_be_visible()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_thumbnails_are_cleared(new_page: NewPage, studio: Studio) -> None:
    create = new_page(DESKTOP)
    form = studio.workflow("text-to-image")
    create.open(form)
    create.make_small(form)
    create.render_button.click()
    create.wait_for_result()
    expect(create.strip.first.locator("img")).to_be_visible()
    page = open_settings(create, "storage")
    clear = page.get_by_role("button", name="Clear thumbnails")
    expect(clear).to_be_enabled()
    clear.click()
    expect(page.get_by_text("Cleared. Thumbnails are made again when they are needed.")).to_be_visible()
    output = page.get_by_role("listitem").filter(has_text="Outputs")
    expect(output).to_contain_text(str(studio.data))
    expect(output).to_contain_text("free")


def test_the_header_leads_to_the_engine(new_page: NewPage) -> None:
    create = new_page(DESKTOP)
    create.open()
    create.page.get_by_role("button", name="Engine: Built-in painter").click()
    engine = create.page.get_by_role("region", name="Engine", exact=True)
    expect(engine).to_be_in_viewport()
    expect(engine).to_contain_text("Built-in painter")
    create.page.go_back()
    expect(create.render_button).to_be_enabled()


def test_signing_out_keeps_what_was_typed(new_page: NewPage, locked: Studio) -> None:
    create = new_page(DESKTOP, url=locked.url)
    create.page.goto(create.url)
    sign_in(create.page)
    expect(create.render_button).to_be_enabled()
    page = open_settings(create, "account")
    expect(page.get_by_text("Signed in as ada")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    sign_in(page)
    expect(page.get_by_text("Signed in as ada")).to_be_visible()


def test_an_idle_device_signs_out_and_loses_nothing(new_page: NewPage, locked: Studio) -> None:
    create = new_page(DESKTOP, url=locked.url)
    page = create.page
    page.clock.install()
    page.goto(create.url)
    sign_in(page)
    page.goto(f"{create.url}settings/account")
    page.get_by_label("Sign out after being idle for").select_option("15 minutes")
    page.get_by_role("link", name="Create").click()
    expect(create.render_button).to_be_enabled()
    prompt = create.page.locator("[data-field] textarea").first
    prompt.fill("a poem that must not be lost")
    page.clock.fast_forward("20:00")
    expect(page.get_by_role("dialog", name="Sign in")).to_be_visible()
    assert page.evaluate("fetch('/cozygen/api/jobs').then((answer) => answer.status)") == 401
    sign_in(page)
    expect(prompt).to_have_value("a poem that must not be lost")


def test_back_leads_to_the_form_as_it_was(new_page: NewPage, studio: Studio) -> None:
    create = new_page(PHONE)
    form = studio.workflow("text-to-image")
    create.open(form)
    create.fill(prompt_of(form), "kept")
    create.page.get_by_role("button", name="Settings", exact=True).tap()
    expect(create.page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
    create.page.go_back()
    expect(create.field(prompt_of(form)).locator("textarea")).to_have_value("kept")
