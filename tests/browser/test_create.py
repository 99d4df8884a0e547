"""The main job at a desk: choose, fill in, render, look."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Response, expect

from tests.browser.conftest import NewPage
from tests.browser.page import PATIENCE, prompt_of, size_of
from tests.browser.studio import Studio

MODES = ["text-to-image", "image-to-image", "text-to-video", "image-to-video"]
FIRST_PAGE_KB = 90


def test_the_first_visit_shows_four_workflows_and_a_form(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open()
    for mode in MODES:
        expect(create.tile(studio.workflow(mode)["title"])).to_be_visible()
    form = studio.workflow("text-to-image")
    expect(create.page.get_by_role("heading", level=1)).to_have_text(form["title"])
    for field in form["fields"]:
        expect(create.field(field["key"])).to_be_visible()
    expect(create.page.get_by_text("A built-in painter, not a diffusion model.")).to_be_visible()


def test_the_first_page_loads_little_script(new_page: NewPage) -> None:
    create = new_page()
    responses: list[Response] = []
    create.page.on("response", lambda response: responses.append(response))
    create.open()
    bodies = [response.body() for response in responses if response.url.endswith(".js")]
    assert bodies
    assert sum(len(gzip.compress(body)) for body in bodies) < FIRST_PAGE_KB * 1000


def test_a_picture_from_the_form_to_the_strip(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    form = studio.workflow("text-to-image")
    create.open(form)
    create.make_slow(form)
    create.fill(prompt_of(form), "a red lighthouse at dusk")
    create.render_button.click()
    expect(create.stage.get_by_role("progressbar")).to_be_visible()
    expect(create.stage.locator("[data-preview]")).to_be_visible(timeout=PATIENCE)
    create.wait_for_result()
    expect(create.strip).to_have_count(1)
    href = create.strip.first.get_attribute("href")
    assert href is not None
    answer = create.page.request.get(create.page.url.split("/cozygen")[0] + href)
    assert answer.ok
    assert answer.headers["content-type"].startswith("image/")
    with create.page.context.expect_page() as opened:
        create.stage.get_by_role("link", name="Full size").click()
    expect(opened.value.locator("img")).to_be_visible()


def test_a_film(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    form = studio.workflow("text-to-video")
    create.open()
    create.tile(form["title"]).click()
    expect(create.page.get_by_role("heading", level=1)).to_have_text(form["title"])
    create.make_small(form)
    create.render_button.click()
    film = create.stage.locator("video[aria-label^='Result of']")  # an earlier picture may be on the stage until then
    expect(film).to_be_visible(timeout=PATIENCE)
    create.wait_for_result()
    assert film.evaluate("film => film.muted && film.loop && film.controls")
    expect(create.strip.first).to_have_accessible_name(re.compile("^Film "))


def test_a_picture_to_start_from(new_page: NewPage, studio: Studio, tmp_path: Path) -> None:
    picture = tmp_path / "kitten.png"
    Image.linear_gradient("L").convert("RGB").save(picture)
    create = new_page()
    form = studio.workflow("image-to-image")
    create.open(form)
    image = next(field for field in form["fields"] if field["type"] == "image")
    field = create.field(image["key"])
    field.locator("input[type=file]").first.set_input_files(picture)
    expect(field.get_by_role("img", name=re.compile("kitten.png"))).to_be_visible()
    create.make_small(form)
    create.render_button.click()
    create.wait_for_result()

    field.get_by_role("button", name="Remove the picture").click()
    field.get_by_role("button", name="Browse").click()
    picker = create.page.get_by_role("dialog", name="Pictures to start from")
    picker.get_by_role("button", name=re.compile("kitten.png")).click()
    expect(field.get_by_role("img", name=re.compile("kitten.png"))).to_be_visible()


def test_a_file_that_is_no_picture_is_refused_at_the_field(new_page: NewPage, studio: Studio, tmp_path: Path) -> None:
    fake = tmp_path / "fake.png"
    fake.write_bytes(b"this is not a picture")
    create = new_page()
    form = studio.workflow("image-to-image")
    create.open(form)
    image = next(field for field in form["fields"] if field["type"] == "image")
    field = create.field(image["key"])
    field.locator("input[type=file]").first.set_input_files(fake)
    expect(field.get_by_role("alert")).to_contain_text("upload failed")


def test_a_wrong_value_is_told_at_its_field(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    form = studio.workflow("text-to-image")
    create.open(form)
    size = size_of(form)
    create.fill(size["key"], f"{size['max'] + 1:g}")
    create.render_button.click()
    field = create.field(size["key"])
    expect(field.get_by_text(f"Must be at most {size['max']:g}.")).to_be_visible()
    expect(field.locator("[aria-invalid=true]")).to_be_focused()
    create.fill(size["key"], f"{size['min']:g}")
    expect(field.get_by_text("Must be at most")).to_have_count(0)


def test_a_running_render_can_be_cancelled(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    form = studio.workflow("text-to-image")
    create.open(form)
    create.make_slow(form)
    create.page.get_by_role("button", name="More renders").click(click_count=2)
    create.page.get_by_role("button", name="Render 3").click()
    queue = create.open_queue()
    queue.get_by_role("button", name="Cancel all that wait").click()
    expect(queue.get_by_text("Cancelled").first).to_be_visible()
    queue.get_by_role("button", name=re.compile("^Cancel ")).first.click()
    expect(queue.get_by_text("Nothing is waiting.")).to_be_visible(timeout=PATIENCE)
    create.page.keyboard.press("Escape")
    expect(queue).to_be_hidden()
    jobs = studio.get("/cozygen/api/jobs?status=cancelled")["items"]
    assert len(jobs) >= 2


def test_the_keyboard_renders_and_the_form_is_kept(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    form = studio.workflow("text-to-image")
    create.open(form)
    create.make_small(form)
    prompt = create.field(prompt_of(form)).get_by_role("textbox")
    prompt.fill("a quiet harbour")
    before = create.strip.count()
    create.page.keyboard.press("Control+Enter")
    expect(create.strip).to_have_count(before + 1, timeout=PATIENCE)
    create.page.reload()
    expect(prompt).to_have_value("a quiet harbour")
    expect(create.result).to_be_visible(timeout=PATIENCE)
    create.page.goto(f"{studio.url}create")
    expect(create.page.get_by_role("heading", level=1)).to_have_text(form["title"])


def test_a_drawn_seed_can_be_kept(new_page: NewPage, studio: Studio) -> None:
    form = studio.workflow("text-to-image")
    seeds = [field for field in form["fields"] if field["can_randomize"]]
    if not seeds:
        pytest.fail("the starter workflow has no seed to randomise")
    create = new_page()
    create.open(form)
    create.make_small(form)
    create.render_button.click()
    seed = create.field(seeds[0]["key"])
    drawn = seed.get_by_text("Last used: ")
    expect(drawn).to_be_visible()
    number = drawn.inner_text().removeprefix("Last used: ")
    seed.get_by_role("button", name="Keep it").click()
    expect(seed.get_by_role("textbox")).to_have_value(number)


def test_two_tabs_show_the_same(new_page: NewPage, studio: Studio) -> None:
    first = new_page()
    form = studio.workflow("text-to-image")
    first.open(form)
    first.make_small(form)
    second = new_page(context=first.page.context)
    second.open(form)
    before = second.strip.count()
    first.render_button.click()
    expect(second.strip).to_have_count(before + 1, timeout=PATIENCE)


def test_back_closes_a_panel_and_a_link_opens_a_workflow(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    form = studio.workflow("text-to-video")
    create.open(form)
    expect(create.page.get_by_role("heading", level=1)).to_have_text(form["title"])
    queue = create.open_queue()
    create.page.go_back()
    expect(queue).to_be_hidden()
    create.page.get_by_role("button", name="All workflows").click()
    picker = create.page.get_by_role("dialog", name="Choose a workflow")
    other = studio.workflow("image-to-video")
    picker.get_by_role("searchbox").fill(other["title"])
    picker.get_by_role("listitem").get_by_role("button", name=other["title"]).click()
    expect(picker).to_be_hidden()
    expect(create.page.get_by_role("heading", level=1)).to_have_text(other["title"])
    create.page.goto(f"{studio.url}create/nowhere.json")
    expect(create.page.get_by_role("alert")).to_contain_text("There is no workflow nowhere.json.")


def test_german(new_page: NewPage) -> None:
    create = new_page(locale="de-DE")
    create.page.goto(create.url)
    expect(create.page.get_by_role("button", name="Rendern", exact=True)).to_be_visible()
    assert create.page.evaluate("document.documentElement.lang") == "de"
    create.page.get_by_role("button", name="Einstellungen", exact=True).click()
    create.page.get_by_label("Sprache").select_option("en")
    expect(create.page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
