"""The studio's own page: where one left off, what is going on, what came of it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.page import PATIENCE
from tests.browser.studio import Studio
from tests.browser.test_access import violations
from tests.browser.test_phone import SMALL_TARGETS, THUMB


def test_who_begins_finds_the_form_and_who_returns_the_studio(new_page: NewPage, studio: Studio) -> None:
    create = new_page(DESKTOP)
    page = create.page
    page.goto(create.url)
    expect(page).to_have_url(re.compile(r"/cozygen/create$"))
    expect(create.render_button).to_be_enabled()
    page.goto(create.url)
    expect(page).to_have_url(re.compile(r"/cozygen/studio$"))
    card = page.get_by_role("region", name="Where you left off").get_by_role("link").first
    expect(card).to_contain_text("Not rendered yet")
    card.click()
    expect(create.render_button).to_be_enabled()
    page.go_back()
    expect(page.get_by_role("region", name="Latest work")).to_contain_text("What you render shows up here.")
    expect(page.get_by_role("region", name="Favourites")).to_contain_text("Mark a picture with a heart")


def test_first_steps_to_a_real_engine(new_page: NewPage) -> None:
    create = new_page(PHONE)
    page = create.page
    page.goto(f"{create.url}studio")
    steps = page.get_by_role("region", name="Paint with real models")
    expect(steps).to_contain_text("--engine http://127.0.0.1:8188")
    expect(page.get_by_role("region", name="Begin with").get_by_role("link")).to_have_count(4)
    steps.get_by_role("button", name="Do not show this again").tap()
    expect(steps).to_have_count(0)
    page.reload()
    expect(page.get_by_role("region", name="Begin with")).to_be_visible()
    expect(steps).to_have_count(0)


def test_work_shows_up_by_itself(new_page: NewPage, studio: Studio) -> None:
    create = new_page(DESKTOP)
    form = studio.workflow("text-to-image")
    create.open(form)
    create.make_slow(form)
    create.render_button.click()
    page = create.page
    page.get_by_role("link", name="Studio", exact=True).click()
    expect(page.get_by_role("region", name="At work").get_by_role("progressbar")).to_be_visible()
    work = page.get_by_role("region", name="Latest work").get_by_role("link", name=re.compile("^Picture "))
    expect(work).to_have_count(1, timeout=PATIENCE)
    expect(page.get_by_role("region", name="At work")).to_have_count(0)
    left_off = page.get_by_role("region", name="Where you left off").get_by_role("link").first
    expect(left_off).to_contain_text("last rendered")
    item = studio.get("/cozygen/api/gallery?recursive=1")["items"][0]
    place = {"filename": item["filename"], "subfolder": item["subfolder"]}
    studio.send("POST", "/cozygen/api/gallery/marks", {"items": [place], "set": {"favorite": True}})
    page.reload()
    favourites = page.get_by_role("region", name="Favourites")
    expect(favourites.get_by_role("link", name=re.compile("^Picture "))).to_have_count(1)
    expect(favourites.get_by_role("link", name="Show all: Favourites")).to_have_attribute(
        "href", "/cozygen/gallery?q=is%3Afavorite"
    )


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("profile", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_barriers(new_page: NewPage, profile: dict[str, Any], theme: str) -> None:
    create = new_page(profile, color_scheme=theme, reduced_motion="reduce")
    page = create.page
    page.goto(f"{create.url}studio")
    expect(page.get_by_role("region", name="Favourites")).to_be_visible()
    expect(page.locator("[aria-busy=true]")).to_have_count(0)
    assert violations(create) == []
    assert create.overflow() <= 0
    assert page.evaluate(SMALL_TARGETS, THUMB) == []
