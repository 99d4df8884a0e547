"""The queue's page: what runs, waits, is done and went wrong."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.page import PATIENCE, CreatePage, prompt_of
from tests.browser.studio import Studio
from tests.browser.test_access import violations
from tests.browser.test_faults import OUTSIDE
from tests.browser.test_phone import SMALL_TARGETS, THUMB

TELLS = {
    "1": {"class_type": "PrimitiveString", "inputs": {"value": "a caption of the picture"}},
    "2": {"class_type": "PreviewAny", "inputs": {"source": ["1", 0]}, "_meta": {"title": "The caption"}},
}


def open_queue_page(create: CreatePage) -> Page:
    """The page, loaded."""
    create.page.goto(f"{create.url}queue")
    expect(create.page.get_by_role("heading", name="Queue", level=1)).to_be_visible()
    expect(create.page.locator("[aria-busy=true]")).to_have_count(0)
    return create.page


def starter(studio: Studio) -> Any:
    """The form of a workflow that renders whatever others the tests have added."""
    return studio.get("/cozygen/api/workflows/text-to-image.json/form")


def paused_line(new_page: NewPage, studio: Studio, profile: dict[str, Any], prompts: list[str]) -> CreatePage:
    """A page with a paused queue in which these prompts wait."""
    create = new_page(profile)
    form = starter(studio)
    create.open(form)
    create.make_small(form)
    create.page.evaluate("fetch('/cozygen/api/queue/pause', {method: 'POST'}).then((answer) => answer.status)")
    for prompt in prompts:
        create.fill(prompt_of(form), f"{prompt} in the morning")
        create.render_button.click()
        create.page.wait_for_function(
            "(text) => fetch('/cozygen/api/jobs?limit=1').then((answer) => answer.json())"
            ".then(({items}) => Object.values(items[0]?.values ?? {}).includes(text))",
            arg=f"{prompt} in the morning",
        )
    open_queue_page(create)
    return create


def waiting(page: Page) -> Locator:
    """The rows of the waiting line."""
    return page.get_by_role("region", name="Waiting").get_by_role("listitem")


def until_order(page: Page, wanted: list[str]) -> None:
    """Wait until the line has this order."""
    expect(waiting(page)).to_have_count(len(wanted))
    for index, name in enumerate(wanted):
        expect(waiting(page).nth(index)).to_contain_text(f"{name} in the morning")


@pytest.fixture(autouse=True)
def _empty_line(studio: Studio) -> Any:
    """No test leaves jobs to the next."""
    yield
    for job in studio.get("/cozygen/api/jobs?status=active&limit=200")["items"]:
        with suppress(HTTPError):  # it ended just now
            studio.send("POST", f"/cozygen/api/jobs/{job['id']}/cancel")
    studio.send("POST", "/cozygen/api/queue/resume")


def test_the_line_is_put_in_order_by_keys_button_and_hand(new_page: NewPage, studio: Studio) -> None:
    create = paused_line(new_page, studio, DESKTOP, ["fox", "owl", "hare", "deer"])
    page = create.page
    expect(waiting(page)).to_have_count(4)
    until_order(page, ["fox", "owl", "hare", "deer"])

    handle = waiting(page).nth(3).get_by_role("button", name="Move ")
    handle.press("ArrowUp")
    until_order(page, ["fox", "owl", "deer", "hare"])
    expect(waiting(page).nth(2).get_by_role("button", name="Move ")).to_be_focused()

    waiting(page).nth(3).get_by_role("button", name=re.compile("^Render .* next$")).click()
    until_order(page, ["hare", "fox", "owl", "deer"])

    grip = waiting(page).nth(0).get_by_role("button", name="Move ").bounding_box()
    target = waiting(page).nth(2).bounding_box()
    assert grip and target
    page.mouse.move(grip["x"] + 10, grip["y"] + 10)
    page.mouse.down()
    page.mouse.move(target["x"] + 20, target["y"] + target["height"] / 2, steps=8)
    page.mouse.up()
    until_order(page, ["fox", "owl", "hare", "deer"])
    page.reload()
    until_order(page, ["fox", "owl", "hare", "deer"])


def test_two_devices_see_the_same_line(new_page: NewPage, studio: Studio) -> None:
    first = paused_line(new_page, studio, DESKTOP, ["ant", "bee"]).page
    expect(first.get_by_text("The queue is paused")).to_be_visible()
    second = open_queue_page(new_page(PHONE))
    expect(waiting(second)).to_have_count(2)
    waiting(second).nth(0).get_by_role("button", name=re.compile("^Cancel ")).tap()
    expect(waiting(first)).to_have_count(1)
    expect(waiting(first)).to_contain_text("bee in the morning")
    second.get_by_role("button", name="Go on").tap()
    expect(first.get_by_text("The queue is paused")).to_have_count(0)
    expect(first.get_by_role("region", name="Done").get_by_role("listitem").first).to_contain_text(
        "bee in the morning", timeout=PATIENCE
    )
    expect(second.get_by_role("region", name="Done").locator("img").first).to_be_visible(timeout=PATIENCE)


def test_what_runs_is_shown_and_cancelled(new_page: NewPage, studio: Studio) -> None:
    create = new_page(DESKTOP)
    form = starter(studio)
    create.open(form)
    create.make_slow(form)
    create.render_button.click()
    page = open_queue_page(create)
    running = page.get_by_role("region", name="Running")
    expect(running.get_by_role("progressbar")).to_be_visible()
    expect(running.get_by_role("img", name=re.compile("^Preview of"))).to_be_visible(timeout=PATIENCE)
    running.get_by_role("button", name=re.compile("^Cancel ")).click()
    expect(running).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_role("region", name="Failed and cancelled")).to_contain_text("Cancelled")


def test_a_text_is_an_output_too(new_page: NewPage, studio: Studio) -> None:
    form = studio.add_workflow("tells.json", TELLS)
    create = new_page(DESKTOP)
    create.open(form)
    create.render_button.click()
    page = open_queue_page(create)
    done = page.get_by_role("region", name="Done").get_by_role("listitem").first
    expect(done.get_by_text("Text from The caption")).to_be_visible(timeout=PATIENCE)
    expect(done.get_by_text("a caption of the picture", exact=True)).to_be_visible()


def test_what_failed_is_edited_and_tried_again(new_page: NewPage, studio: Studio) -> None:
    form = studio.add_workflow("outside.json", OUTSIDE)
    create = new_page(DESKTOP)
    create.open(form)
    create.render_button.click()
    page = open_queue_page(create)
    failed = page.get_by_role("region", name="Failed and cancelled").get_by_role("listitem").first
    expect(failed).to_contain_text("In the step “Keep the picture”", timeout=PATIENCE)
    failed.get_by_role("button", name=re.compile("^Edit and retry ")).click()
    expect(page).to_have_url(re.compile(r"/cozygen/create/outside\.json"))
    expect(create.render_button).to_be_enabled()


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("profile", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_barriers(new_page: NewPage, studio: Studio, profile: dict[str, Any], theme: str) -> None:
    paused_line(new_page, studio, profile, ["cat", "dog"])
    create = new_page(profile, color_scheme=theme, reduced_motion="reduce")
    page = open_queue_page(create)
    expect(waiting(page)).to_have_count(2)
    assert violations(create) == []
    assert create.overflow() <= 0
    assert page.evaluate(SMALL_TARGETS, THUMB) == []
