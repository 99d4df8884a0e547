"""Choosing models and LoRAs: pictures, families, words for the prompt."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.create_page import field_input, small
from tests.browser.page import CreatePage
from tests.browser.studio import Studio
from tests.browser.test_access import violations
from tests.models.making import safetensors

FOG, CAT = "weather/fog.safetensors", "cat.safetensors"


def _form(studio: Studio) -> dict[str, Any]:
    """A workflow with a LoRA to choose, and the files for it."""
    loras = studio.data / "models/loras"
    safetensors(loras / FOG, {"modelspec.title": "Deep fog", "modelspec.architecture": "sd_v1"})
    (loras / "weather/fog.civitai.info").write_text(json.dumps({"trainedWords": ["f0g", "thick mist"]}), "utf-8")
    Image.new("RGB", (256, 320), "teal").save(loras / "weather/fog.preview.png")
    safetensors(loras / CAT, {"ss_base_model_version": "sdxl_base_v1-0"})
    prompt = field_input("Prompt", "STRING", 0, default_value="a hill", multiline=True)
    lora = field_input("LoRA", "DROPDOWN", 1, choice_type="loras", default_value=CAT, default_choice=CAT)
    return studio.add_workflow(f"lora-{uuid4().hex}.json", small(**{"10": prompt, "11": lora}))


def _opened(create: CreatePage, form: dict[str, Any]) -> Any:
    create.open(form)
    create.field("LoRA").get_by_role("button", name="LoRA cat").click()
    sheet = create.page.get_by_role("dialog", name="Choose LoRA")
    expect(sheet.get_by_role("button", name="Use fog")).to_be_visible()
    return sheet


@pytest.mark.parametrize("profile", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_lora_and_its_words(new_page: NewPage, studio: Studio, profile: dict[str, Any]) -> None:
    create = new_page(profile, reduced_motion="reduce")
    sheet = _opened(create, _form(studio))
    expect(sheet.get_by_text("SD 1.5 · weather")).to_be_visible()
    assert violations(create) == []
    sheet.get_by_role("searchbox").fill("thick")
    expect(sheet.get_by_role("button", name="Use cat")).to_have_count(0)
    sheet.get_by_role("button", name="Use fog").click()
    expect(sheet).to_be_hidden()

    field = create.field("LoRA")
    expect(field.get_by_role("button", name="LoRA fog")).to_be_visible()
    field.get_by_role("button", name="Add “f0g” to the prompt").click()
    expect(create.field("Prompt").get_by_role("textbox")).to_have_value("a hill, f0g")
    expect(field.get_by_role("button", name="“f0g” is in the prompt")).to_be_disabled()
    assert create.overflow() <= 0
    assert violations(create) == []


def test_favourites_folders_and_details(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    sheet = _opened(create, _form(studio))
    sheet.get_by_role("combobox", name="Folder").select_option("weather")
    expect(sheet.get_by_role("button", name="Use cat")).to_have_count(0)
    sheet.get_by_role("combobox", name="Folder").select_option(label="All folders")
    sheet.get_by_role("button", name="Make cat a favourite").click()
    sheet.get_by_role("button", name="Favourites").click()
    expect(sheet.get_by_role("button", name="Use fog")).to_have_count(0)
    sheet.get_by_role("button", name="All", exact=True).click()
    sheet.get_by_role("button", name="About fog").click()
    expect(sheet.get_by_role("heading", name="Deep fog")).to_be_visible()
    sheet.get_by_role("button", name="Add “thick mist” to the prompt").click()
    expect(sheet.get_by_role("button", name="“thick mist” is in the prompt")).to_be_disabled()
    sheet.get_by_role("button", name="Back to the list").click()
    expect(sheet.get_by_role("button", name="About fog")).to_be_focused()


def test_names_alone_do(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    form = _form(studio)
    create.page.route("**/cozygen/api/models/**", lambda route: route.fulfill(status=503, json={"error": "away"}))
    create.open(form)
    create.field("LoRA").get_by_role("button", name="LoRA cat").click()
    create.page.get_by_role("button", name="Use fog").click()
    expect(create.field("LoRA").get_by_role("button", name="LoRA fog")).to_be_visible()
