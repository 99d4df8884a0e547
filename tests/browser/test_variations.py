"""Many renders: at the front, in variations, as a grid, without end."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.create_page import choose, field_input, open_variations, press_in_toast, small, toast, until
from tests.browser.page import PATIENCE, CreatePage
from tests.browser.studio import Studio
from tests.browser.test_access import violations

ENDLESS = "Render without end"


def _jobs(studio: Studio, workflow: str) -> list[dict[str, dict[str, int]]]:
    items = studio.get("/cozygen/api/jobs?limit=200")["items"]
    return [item for item in items if item["workflow"] == workflow]


def _goes_first(studio: Studio, workflow: str) -> bool:
    """The workflow's job is the next, or has been it."""
    jobs = studio.get("/cozygen/api/jobs?limit=200")["items"]
    return any(job["workflow"] == workflow and (job["status"] != "queued" or job["position"] == 1) for job in jobs)


def test_a_render_can_go_before_what_waits(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    slow = studio.workflow("text-to-image")
    create.open(slow)
    create.make_slow(slow)
    create.page.get_by_role("button", name="More renders").click(click_count=2)
    create.page.get_by_role("button", name="Render 3").click()
    expect(create.stage.get_by_role("progressbar")).to_be_visible()
    create.open(studio.add_workflow("small.json", small()))
    choose(create, "Ways to render", "Render next")
    until(create, lambda: _goes_first(studio, "small.json"))
    queue = create.open_queue()
    queue.get_by_role("button", name="Cancel all that wait").click()
    expect(queue.get_by_role("button", name="Cancel all that wait")).to_have_count(0)


def test_a_long_press_opens_the_ways_to_render(new_page: NewPage, studio: Studio) -> None:
    create = new_page(PHONE)
    create.open(studio.add_workflow("small.json", small()))
    before = len(_jobs(studio, "small.json"))
    create.render_button.dispatch_event("pointerdown", {"pointerType": "touch", "button": 0})
    expect(create.page.get_by_role("menuitem", name=re.compile("^Render next"))).to_be_visible()
    create.render_button.dispatch_event("pointerup", {"pointerType": "touch"})
    create.render_button.dispatch_event("click")
    create.page.keyboard.press("Escape")
    expect(create.page.get_by_role("menuitem")).to_have_count(0)
    assert len(_jobs(studio, "small.json")) == before


def test_a_sweep_becomes_a_grid(new_page: NewPage, studio: Studio) -> None:
    create = new_page(reduced_motion="reduce")
    create.open(studio.add_workflow("small.json", small()))
    sheet = open_variations(create)
    expect(sheet.get_by_role("button", name="Render 4")).to_be_enabled()
    sheet.get_by_role("button", name="Vary a field").click()
    across = sheet.get_by_role("group", name="Vary across", exact=True)
    across.get_by_role("combobox").select_option("Width")
    across.get_by_label("From").fill("64")
    across.get_by_label("To").fill("128")
    across.get_by_label("Step").fill("32")
    expect(sheet.get_by_text("3 renders")).to_be_visible()
    sheet.get_by_role("button", name="Vary a second field").click()
    down = sheet.get_by_role("group", name="Vary down as well", exact=True)
    down.get_by_role("combobox").select_option("Mood")
    down.get_by_role("button", name="None").click()
    expect(down.get_by_text("Choose at least one value.")).to_be_visible()
    expect(sheet.get_by_role("button", name="Render 0")).to_be_disabled()
    down.get_by_role("button", name="calm").click()
    down.get_by_role("button", name="dark").click()
    expect(sheet.get_by_text("6 renders")).to_be_visible()
    expect(sheet.get_by_text("= 3 × 2")).to_be_visible()
    assert violations(create) == []
    sheet.get_by_role("button", name="Render 6").click()

    grid = create.page.get_by_role("dialog", name="Grid of small.json")
    expect(grid.get_by_text("6 of 6 done")).to_be_visible(timeout=PATIENCE)
    expect(grid.get_by_role("columnheader").filter(has_text=re.compile(r"^\s*\d+\s*$"))).to_have_text(
        ["64", "96", "128"]
    )
    expect(grid.get_by_role("rowheader")).to_have_text(["calm", "dark"])
    cells = grid.get_by_role("cell")
    expect(cells.get_by_role("button")).to_have_count(6)
    colours = {job["values"]["Colour"] for job in _jobs(studio, "small.json")[:6]}
    assert len(colours) == 1, "every cell has the same seed"
    assert violations(create) == []
    cells.get_by_role("button").first.click()
    large = create.page.get_by_role("dialog", name="Mood calm, Width 64")
    expect(large.get_by_role("img")).to_be_visible()
    create.page.keyboard.press("ArrowRight")
    expect(create.page.get_by_role("dialog", name="Mood calm, Width 96")).to_be_visible()
    create.page.keyboard.press("Escape")
    expect(grid).to_be_visible()
    create.page.reload()
    expect(grid.get_by_text("6 of 6 done")).to_be_visible()
    create.page.keyboard.press("Escape")
    expect(grid).to_be_hidden()

    sheet = open_variations(create)
    sheet.get_by_role("button", name=re.compile("6 renders over Mood, Width")).click()
    expect(grid).to_be_visible()


def test_variations_with_one_more_each_time(new_page: NewPage, studio: Studio) -> None:
    create = new_page(PHONE)
    create.open(studio.add_workflow("small.json", small()))
    sheet = open_variations(create)
    sheet.get_by_label("How many").fill("3")
    sheet.get_by_role("button", name="One more each time").tap()
    sheet.get_by_role("button", name="Render 3").tap()
    grid = create.page.get_by_role("dialog", name="Grid of small.json")
    expect(grid.get_by_text("3 of 3 done")).to_be_visible(timeout=PATIENCE)
    colours = sorted(job["values"]["Colour"] for job in _jobs(studio, "small.json")[:3])
    assert colours == [colours[0], colours[0] + 1, colours[0] + 2]
    assert create.overflow() <= 0


def _endless(create: CreatePage) -> None:
    choose(create, "Ways to render", ENDLESS)


def test_endless_goes_on_until_it_is_stopped(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open(studio.add_workflow("endless.json", small()))
    _endless(create)
    expect(create.page.get_by_text(re.compile(r"Endless · ([3-9]|\d\d+) done"))).to_be_visible(timeout=PATIENCE)
    active = studio.get("/cozygen/api/jobs?status=active")["items"]
    assert len(active) <= 2, "never more than one to look at and one behind it"
    create.page.get_by_role("button", name="Stop rendering without end").click()
    expect(toast(create, "Endless stopped after")).to_be_visible()
    expect(create.page.get_by_role("button", name="More renders")).to_be_visible()
    until(create, lambda: studio.get("/cozygen/api/jobs?status=active")["items"] == [])
    assert len({job["values"]["Colour"] for job in _jobs(studio, "endless.json")}) >= 3


def test_endless_says_why_nothing_would_change(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open(studio.add_workflow("still.json", small()))
    create.field("Colour").get_by_role("switch").click()
    _endless(create)
    expect(toast(create, "Make Colour random to go on.")).to_be_visible()
    assert _jobs(studio, "still.json") == []
    press_in_toast(create, "Make it random")
    expect(create.field("Colour").get_by_role("switch")).to_be_checked()
    expect(create.page.get_by_text(re.compile(r"Endless · [1-9]\d* done"))).to_be_visible(timeout=PATIENCE)
    create.field("Colour").get_by_role("switch").click()
    expect(toast(create, "Make Colour random to go on.")).to_be_visible(timeout=PATIENCE)
    expect(create.page.get_by_role("button", name="More renders")).to_be_visible()


def test_endless_stops_when_a_render_fails(new_page: NewPage, studio: Studio) -> None:
    graph = small(**{"1": field_input("Name", "STRING", 1, default_value="../outside")})
    create = new_page()
    create.open(studio.add_workflow("failing.json", graph))
    _endless(create)
    expect(toast(create, "Endless stopped: failing.json failed.")).to_be_visible(timeout=PATIENCE)
    expect(create.page.get_by_role("button", name="More renders")).to_be_visible()
    assert len(_jobs(studio, "failing.json")) <= 2


def test_a_choice_in_the_prompt_is_change_enough(new_page: NewPage, studio: Studio) -> None:
    create = new_page(DESKTOP)
    create.open(studio.add_workflow("wild.json", small()))
    create.field("Colour").get_by_role("switch").click()
    create.fill("Name", "small/{one|two|three}")
    _endless(create)
    expect(create.page.get_by_text(re.compile(r"Endless · [1-9]\d* done"))).to_be_visible(timeout=PATIENCE)
    create.page.get_by_role("button", name="Stop rendering without end").click()
