"""Workflows: found, brought in, changed and put away, and what their forms show."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from PIL import Image, PngImagePlugin
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.create_page import open_picker, open_sheet, press_in_toast, small, toast
from tests.browser.page import PATIENCE, CreatePage
from tests.browser.studio import Studio
from tests.browser.test_access import violations

SEED = 18446744073709551557
"""Larger than JavaScript's whole numbers."""

PLAIN = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 64, "height": 32, "batch_size": 1, "color": 255}},
    "2": {"class_type": "ImageBlur", "inputs": {"image": ["1", 0], "blur_radius": 2, "sigma": 1.5}},
    "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "plain/picture"}},
}
"""Nodes that declare no form."""

DROP = """([name, type, text]) => {
  const data = new DataTransfer();
  data.items.add(new File([text], name, { type }));
  for (const kind of ['dragenter', 'dragover', 'drop']) {
    document.querySelector('h1').dispatchEvent(
      new DragEvent(kind, { dataTransfer: data, bubbles: true, cancelable: true }));
  }
}"""


def _drop(create: CreatePage, name: str, workflow: dict[str, Any]) -> None:
    create.page.evaluate(DROP, [name, "application/json", json.dumps(workflow)])


def _picture(path: Path, workflow: dict[str, Any]) -> Path:
    info = PngImagePlugin.PngInfo()
    info.add_text("prompt", json.dumps(workflow))
    Image.new("RGB", (8, 8)).save(path, pnginfo=info)
    return path


def test_a_dropped_file_becomes_a_workflow(new_page: NewPage, studio: Studio) -> None:
    create = new_page(reduced_motion="reduce")
    create.open()
    _drop(create, "my blur.json", {**PLAIN, "4": {"class_type": "KSampler", "inputs": {"seed": SEED}}})
    sheet = create.page.get_by_role("dialog", name="Import a workflow")
    expect(sheet.get_by_text("Found in my blur.json, in API format.")).to_be_visible()
    expect(sheet.get_by_text("The engine does not have these nodes:")).to_be_visible()
    expect(sheet.get_by_text("KSampler", exact=True)).to_be_visible()
    assert violations(create) == []
    sheet.get_by_label("Name").fill("Blurred")
    sheet.get_by_role("button", name="Keep it").click()
    expect(create.page.get_by_role("heading", level=1)).to_have_text("Blurred")
    expect(create.page.get_by_text("This workflow cannot render yet:")).to_be_visible()
    kept = studio.get("/cozygen/workflows/Blurred.json")
    assert kept["4"]["inputs"]["seed"] == SEED
    _drop(create, "again.json", PLAIN)
    sheet.get_by_label("Name").fill("Blurred")
    sheet.get_by_role("button", name="Keep it").click()
    expect(sheet.get_by_role("alert")).to_contain_text("There is a workflow Blurred.json already.")


def test_a_picture_brings_its_workflow(new_page: NewPage, studio: Studio, tmp_path: Path) -> None:
    create = new_page(PHONE)
    create.open()
    sheet = open_sheet(create, "Import a workflow", "Import a workflow")
    picture = _picture(tmp_path / "made with one.png", PLAIN)
    sheet.get_by_label("Choose a file").set_input_files(picture)
    expect(sheet.get_by_text("Everything that it needs is there.")).to_be_visible()
    assert create.overflow() <= 0
    sheet.get_by_role("button", name="Keep it").tap()
    expect(create.page.get_by_role("heading", level=1)).to_have_text(re.compile("made with one", re.I))
    create.render_button.tap()
    create.wait_for_result()


def test_a_file_without_a_workflow_says_so(new_page: NewPage, studio: Studio, tmp_path: Path) -> None:
    create = new_page()
    create.open(studio.workflow("image-to-image"))
    plain = tmp_path / "plain.png"
    Image.new("RGB", (8, 8)).save(plain)
    sheet = open_sheet(create, "Import a workflow", "Import a workflow")
    sheet.get_by_label("Choose a file").set_input_files(plain)
    expect(sheet.get_by_role("alert")).to_contain_text("No ComfyUI workflow is embedded")
    sheet.get_by_role("button", name="Use it as the picture to start from").click()
    expect(sheet).to_be_hidden()
    expect(create.page.get_by_role("img", name=re.compile("plain.png"))).to_be_visible()


def test_a_missing_choice_is_replaced_on_the_way_in(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open()
    painter = {
        "1": {
            "class_type": "CozyGenPainter",
            "inputs": {"prompt": "a cat", "negative": "", "seed": 1, "width": 64, "height": 64, "steps": 2, "style": "watercolor", "batch_size": 1},
        },
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "painted"}},
    }  # fmt: skip
    _drop(create, "painter.json", painter)
    sheet = create.page.get_by_role("dialog", name="Import a workflow")
    expect(sheet.get_by_text("The engine does not have these files and options:")).to_be_visible()
    sheet.get_by_label("Instead of watercolor").select_option("watercolour")
    sheet.get_by_role("button", name="Keep it").click()
    create.page.get_by_role("button", name=re.compile("^More settings")).click()
    expect(create.field("1.style").get_by_role("combobox")).to_have_value("watercolour")
    expect(create.page.get_by_text("This workflow cannot render yet:")).to_have_count(0)
    create.render_button.click()
    create.wait_for_result()


def test_a_workflow_is_renamed_given_a_mode_deleted_and_brought_back(new_page: NewPage, studio: Studio) -> None:
    create = new_page(reduced_motion="reduce")
    create.open(studio.add_workflow("old.json", small()))
    create.fill("Name", "kept over the new name")
    create.render_button.click()
    create.wait_for_result()
    picker = open_picker(create)
    picker.get_by_role("searchbox").fill("old")
    card = picker.get_by_role("listitem")
    expect(card.locator("img")).to_be_visible()
    card.get_by_role("button", name="Rename, delete and more").click()
    assert violations(create) == []
    card.get_by_label("What old is made for").select_option("Image to video")
    expect(card.get_by_role("button", name="Image to video")).to_be_visible()
    card.get_by_label("The file’s name").fill("new one")
    card.get_by_role("button", name="Rename", exact=True).click()
    expect(create.page.get_by_role("heading", level=1)).to_have_text("new one")
    expect(create.field("Name").get_by_role("textbox")).to_have_value("kept over the new name")
    names = studio.get("/cozygen/workflows")["workflows"]
    assert "new one.json" in names and "old.json" not in names

    picker = open_picker(create)
    picker.get_by_role("searchbox").fill("new one")
    picker.get_by_role("button", name="Rename, delete and more").click()
    picker.get_by_role("button", name="Delete", exact=True).click()
    expect(toast(create, "new one is in the trash")).to_be_visible()
    expect(create.page.get_by_role("heading", level=1)).not_to_have_text("new one")
    press_in_toast(create, "Undo")
    expect(create.page.get_by_role("heading", level=1)).to_have_text("new one")


def test_the_fields_of_a_form_are_chosen(new_page: NewPage, studio: Studio) -> None:
    create = new_page({**DESKTOP, "reduced_motion": "reduce"})
    create.open(studio.add_workflow("fields.json", PLAIN))
    sheet = open_sheet(create, "Choose the fields", "Choose the fields")
    sheet.get_by_role("searchbox").fill("sigma")
    sheet.get_by_role("button", name=re.compile("^Show .*igma")).click()
    sheet.get_by_role("searchbox").fill("")
    shown = sheet.get_by_role("region", name="Shown").get_by_role("listitem")
    sigma = shown.last
    sigma.get_by_role("button", name=re.compile("^Change ")).click()
    sigma.get_by_label("Label").fill("Softness")
    sigma.get_by_label("Group").fill("Blur")
    sigma.get_by_label("Most").fill("900")
    sigma.get_by_label("Most").press("Tab")
    sheet.get_by_role("button", name="Save", exact=True).click()
    expect(shown.last.get_by_role("alert")).to_contain_text("cannot go above")
    sigma.get_by_label("Most").fill("2")
    sigma.get_by_label("Most").press("Tab")
    before = shown.count()
    while sigma.get_by_role("button", name="Move Softness up").is_enabled() and before > 1:
        sigma.get_by_role("button", name="Move Softness up").click()
        before -= 1
        sigma = shown.nth(before - 1)
    assert violations(create) == []
    sheet.get_by_role("button", name="Save", exact=True).click()
    expect(sheet).to_be_hidden()
    blur = create.page.get_by_role("region", name="Blur")
    softness = blur.locator('[data-field="2.sigma"]')
    expect(softness.get_by_text("Softness")).to_be_visible()
    softness.get_by_role("textbox").fill("1")
    softness.get_by_role("textbox").press("PageUp")
    expect(softness.get_by_role("textbox")).to_have_value("2")
    stored = studio.get("/cozygen/api/workflows/fields.json/exposed")
    assert stored["fields"][0] == {"node_id": "2", "input": "sigma", "label": "Softness", "group": "Blur", "max": 2}
    press_in_toast(create, "Undo")
    expect(blur).to_have_count(0)
    assert studio.get("/cozygen/api/workflows/fields.json/exposed")["fields"] == []


def test_the_rest_of_an_inferred_form_is_folded(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open(studio.add_workflow("folded.json", PLAIN))
    more = create.page.get_by_role("button", name=re.compile("^More settings"))
    expect(more).to_have_attribute("aria-expanded", "false")
    expect(create.field("2.sigma")).to_have_count(0)
    more.click()
    expect(create.field("2.sigma")).to_be_visible()
    create.page.reload()
    expect(create.field("2.sigma")).to_be_visible()
    create.fill("2.sigma", "9999")
    more.click()
    expect(create.field("2.sigma")).to_have_count(0)
    create.render_button.click()
    expect(create.field("2.sigma").locator("[aria-invalid=true]")).to_be_focused()
    create.fill("2.sigma", "1")
    create.render_button.click()
    expect(create.result).to_be_visible(timeout=PATIENCE)


def test_menus_work_with_the_keyboard(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open(studio.add_workflow("small.json", small()))
    button = create.page.get_by_role("button", name="More for this form")
    button.press("Enter")
    expect(create.page.get_by_role("menuitem").first).to_be_focused()
    create.page.keyboard.press("ArrowUp")
    expect(create.page.get_by_role("menuitem").last).to_be_focused()
    create.page.keyboard.press("Escape")
    expect(create.page.get_by_role("menuitem")).to_have_count(0)
    expect(button).to_be_focused()
    sheet = open_sheet(create, "Presets", "Presets")
    create.page.keyboard.press("Escape")
    expect(sheet).to_be_hidden()
