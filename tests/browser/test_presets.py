"""Presets: form values under a name."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Locator, expect

from tests.browser.conftest import NewPage
from tests.browser.create_page import open_sheet, press_in_toast, small, toast
from tests.browser.page import CreatePage
from tests.browser.studio import Studio


def _open(create: CreatePage) -> Locator:
    return open_sheet(create, "Presets", "Presets")


def _save(create: CreatePage, name: str) -> Locator:
    sheet = _open(create)
    sheet.get_by_role("textbox", name="Name of a new preset").fill(name)
    sheet.get_by_role("button", name="Save the form").click()
    expect(sheet.get_by_role("listitem", name=name)).to_be_visible()
    return sheet


def test_saved_compared_applied_and_undone(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open(studio.add_workflow("preset.json", small()))
    create.fill("Name", "evening")
    create.field("Colour").get_by_role("switch").click()
    create.fill("Colour", "1234")
    sheet = _save(create, "Evening")
    expect(sheet.get_by_text("As the form is")).to_be_visible()
    create.page.keyboard.press("Escape")

    create.fill("Name", "morning")
    create.field("Colour").get_by_role("switch").click()
    sheet = _open(create)
    sheet.get_by_role("button", name="2 fields differ").click()
    differences = sheet.get_by_role("list", name="What differs between Evening and the form")
    expect(differences.get_by_role("listitem")).to_have_count(2)
    expect(differences).to_contain_text("evening")
    expect(differences).to_contain_text("random")
    differences.get_by_role("button", name="Take Name").click()
    expect(sheet.get_by_role("button", name="1 field differs")).to_be_visible()
    sheet.get_by_role("button", name="Apply Evening").click()
    expect(sheet).to_be_hidden()
    expect(create.field("Name").get_by_role("textbox")).to_have_value("evening")
    expect(create.field("Colour").get_by_role("textbox")).to_have_value("1234")
    press_in_toast(create, "Undo")
    expect(create.field("Colour").get_by_role("switch")).to_be_checked()


def test_updated_renamed_deleted_and_brought_back(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open(studio.add_workflow("preset2.json", small()))
    create.fill("Name", "first")
    sheet = _save(create, "Mine")
    create.page.keyboard.press("Escape")
    create.fill("Name", "second")
    sheet = _open(create)
    sheet.get_by_role("button", name="More for Mine").click()
    sheet.get_by_role("menuitem", name="Update from the form").click()
    expect(sheet.get_by_text("As the form is")).to_be_visible()
    assert _stored(studio)[0]["values"]["Name"] == "second"

    sheet.get_by_role("button", name="More for Mine").click()
    sheet.get_by_role("menuitem", name="Rename").click()
    sheet.get_by_role("textbox", name="New name of Mine").fill("Ours")
    sheet.get_by_role("button", name="OK").click()
    expect(sheet.get_by_role("listitem", name="Ours")).to_be_visible()

    sheet.get_by_role("button", name="More for Ours").click()
    sheet.get_by_role("menuitem", name="Delete").click()
    expect(sheet.get_by_text("There are no presets yet.")).to_be_visible()
    expect(toast(create, "Ours is deleted.")).to_be_visible()
    press_in_toast(create, "Undo")
    expect(sheet.get_by_role("listitem", name="Ours")).to_be_visible()
    assert [preset["name"] for preset in _stored(studio)] == ["Ours"]


def _stored(studio: Studio) -> list[dict[str, Any]]:
    presets: list[dict[str, Any]] = studio.get("/cozygen/api/workflow_presets?workflow=preset2.json")["presets"]
    return presets
