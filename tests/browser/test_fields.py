"""The kinds of fields that the starter workflows have little of."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser.conftest import NewPage
from tests.browser.page import PATIENCE
from tests.browser.studio import Studio

COLOURS = [
    f"{tone} {colour}" for tone in ("pale", "deep", "warm", "cold") for colour in ("red", "green", "blue", "grey")
]


def _input(name: str, kind: str, priority: int, **inputs: Any) -> dict[str, Any]:
    fixed = {"param_name": name, "param_type": kind, "priority": priority, "default_value": ""}
    return {"class_type": "CozyGenDynamicInput", "inputs": {**fixed, **inputs}}


KINDS = {
    "1": _input("Name", "STRING", 1, default_value="kinds/picture"),
    "2": _input("Colour", "DROPDOWN", 2, default_value="pale red", choices=",".join(COLOURS), display_bypass=True),
    "3": _input("Grain", "BOOLEAN", 3, default_value="true"),
    "4": _input("Weight", "FLOAT", 4, default_value="0.5", min_value=0.0, max_value=1.0, step=0.05),
    "5": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 255}},
    "6": {"class_type": "CozyGenOutput", "inputs": {"images": ["5", 0], "filename_prefix": ["1", 0]}},
}


def test_every_kind_reaches_the_job(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open(studio.add_workflow("kinds.json", KINDS))
    colour = create.field("Colour").get_by_role("combobox")
    colour.fill("deep bl")
    create.page.get_by_role("option", name="deep blue").click()
    expect(colour).to_have_value("deep blue")
    create.field("Grain").get_by_role("switch").click()
    create.field("Weight").get_by_role("button", name="Increase Weight").click()
    create.field("Weight").get_by_role("slider").press("ArrowRight")
    create.fill("Name", "kinds/blue")
    create.render_button.click()
    expect(create.strip.first).to_have_attribute("href", "/view?filename=blue_00001_.png&subfolder=kinds&type=output")
    values = studio.get("/cozygen/api/jobs?limit=1")["items"][0]["values"]
    assert values == {"Name": "kinds/blue", "Colour": "deep blue", "Grain": False, "Weight": 0.6}


def test_a_choice_can_be_bypassed(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open(studio.add_workflow("kinds.json", KINDS))
    before = create.strip.count()
    create.field("Colour").get_by_role("switch", name="Use Colour").click()
    expect(create.field("Colour").get_by_text("Skipped for this render")).to_be_visible()
    expect(create.field("Colour").get_by_role("combobox")).to_have_count(0)
    create.render_button.click()
    expect(create.strip).to_have_count(before + 1, timeout=PATIENCE)
    create.page.reload()
    expect(create.field("Colour").get_by_text("Skipped for this render")).to_be_visible()


def test_the_keyboard_steps_a_number(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open(studio.add_workflow("kinds.json", KINDS))
    weight = create.field("Weight").get_by_role("textbox")
    weight.fill("0,2")
    weight.press("ArrowUp")
    expect(weight).to_have_value("0.25")
    weight.press("Shift+ArrowDown")
    expect(weight).to_have_value("0")


def test_a_form_can_be_reset_and_brought_back(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open(studio.add_workflow("kinds.json", KINDS))
    create.fill("Name", "something else")
    create.page.get_by_role("button", name="Reset the form").click()
    name = create.field("Name").get_by_role("textbox")
    expect(name).to_have_value("kinds/picture")
    create.page.get_by_role("button", name="Undo").click()
    expect(name).to_have_value("something else")
