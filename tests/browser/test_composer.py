"""Writing a prompt in the composer, on a desktop and on a phone."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.composer_page import Composer
from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.studio import Studio
from tests.browser.test_access import violations

TAGS = """long_hair,0,5000000
blue_eyes,0,1800000
blue_dress,0,200000
blush,0,3000000
lake,0,9000
blue_archive,3,90000
smile_(happy),0,100
"""
ALIASES = {
    "items": {"hero": "a tall knight, silver armor", "scene::night": "night, lantern"},
    "categories": {"hero": "people"},
}


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio with a few tags and aliases."""
    folder: Path = tmp_path_factory.mktemp("studio")
    tags = folder / "tags.csv"
    tags.write_text(TAGS, "utf-8")
    server = Studio(folder, settings={"COZYGEN_TAGS_FILE": str(tags)})
    server.start()
    _post(server, "/cozygen/api/aliases", ALIASES)
    yield server
    server.stop()


def _post(studio: Studio, path: str, body: object) -> Any:
    request = urllib.request.Request(
        studio.url.removesuffix("/cozygen/") + path,
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        return json.load(response)


def opened(
    new_page: NewPage, studio: Studio, prompt: str, profile: dict[str, Any] = DESKTOP, **options: Any
) -> Composer:
    """The composer over the first workflow with a prompt."""
    create = new_page(profile, **options)
    create.open(studio.workflow("text-to-image"))
    composer = Composer(create)
    composer.open(prompt)
    return composer


def test_tags_and_aliases_complete(new_page: NewPage, studio: Studio) -> None:
    composer = opened(new_page, studio, "")
    editor, keyboard = composer.editor(), composer.page.keyboard
    editor.press_sequentially("bl")
    # By popularity, and what begins with it first.
    expect(composer.completions).to_have_text(
        [re.compile("blush"), *map(re.compile, ("blue eyes", "blue dress", "blue archive"))]
    )
    editor.press_sequentially("ue ey")
    expect(composer.completions).to_have_count(1)
    keyboard.press("Tab")
    expect(editor).to_have_text("blue eyes, ")
    editor.press_sequentially("$he")
    expect(composer.completions).to_have_text([re.compile(r"\$hero\$")])
    keyboard.press("Tab")
    editor.press_sequentially("smi")
    expect(composer.completions).to_have_count(1)
    keyboard.press("Tab")
    expect(editor).to_have_text(r"blue eyes, $hero$, smile \(happy\), ")
    expect(composer.preview).to_contain_text(r"blue eyes, a tall knight, silver armor, smile \(happy\),")
    composer.button("Options").click()
    composer.dialog.get_by_role("switch", name="Write tags with spaces").click()
    editor.press_sequentially("lon")
    expect(composer.completions).to_have_count(1)
    keyboard.press("Tab")
    composer.close()
    assert composer.text() == r"blue eyes, $hero$, smile \(happy\), long_hair, "


def test_the_keyboard_weighs_moves_and_switches_off(new_page: NewPage, studio: Studio) -> None:
    composer = opened(new_page, studio, "lake,  blush\nlong hair")
    editor, keyboard = composer.editor(), composer.page.keyboard
    expect(editor).to_be_focused()
    keyboard.press("Control+ArrowUp")
    keyboard.press("Control+ArrowUp")
    keyboard.press("Alt+ArrowUp")
    expect(editor).to_have_text("lake,  (long hair:1.1)blush")  # two lines
    keyboard.press("Control+/")
    expect(composer.preview).to_have_text(re.compile(r"lake\s+blush"))
    assert composer.text() == "lake{0::,  (long hair:1.1)|}\nblush"
    keyboard.press("Control+/")
    keyboard.press("Control+End")
    keyboard.press("Shift+Home")
    keyboard.press("Control+ArrowDown")
    assert composer.text() == "lake,  (long hair:1.1)\n(blush:0.95)"
    for _ in range(6):
        composer.button("Undo").click()
    assert composer.text() == "lake,  blush\nlong hair"
    composer.button("Redo").click()
    assert composer.text() != "lake,  blush\nlong hair"


def test_elements_as_chips(new_page: NewPage, studio: Studio) -> None:
    composer = opened(new_page, studio, "lake,blush ,  long hair, {a|b}")
    composer.button("Chips").click()
    page = composer.page
    expect(composer.chips()).to_have_text(["lake", "blush", "long hair", "{a|b}"])

    composer.chip("lake").click()
    page.keyboard.press("ArrowUp")
    assert composer.text() == "(lake:1.05),blush ,  long hair, {a|b}"
    composer.weight("blush").hover()
    page.mouse.wheel(0, -120)
    expect(composer.weight("blush")).to_have_text("1.05")
    box = composer.weight("long hair").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 10, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + 10 - 24, box["y"] + 10, steps=4)
    page.mouse.up()
    expect(composer.weight("long hair")).to_have_text("0.80")
    assert composer.text() == "(lake:1.05),(blush:1.05) ,  (long hair:0.8), {a|b}"

    composer.chip("{a|b}").drag_to(composer.chip("lake"), target_position={"x": 2, "y": 10})
    expect(composer.chips()).to_have_text(["{a|b}", "lake", "blush", "long hair"])
    page.keyboard.press("Alt+ArrowRight")
    expect(composer.chips()).to_have_text(["lake", "{a|b}", "blush", "long hair"])
    assert composer.text() == "(lake:1.05),{a|b} ,  (blush:1.05), (long hair:0.8)"
    page.keyboard.press("Alt+ArrowRight")
    page.keyboard.press("Alt+ArrowRight")
    page.keyboard.press("Space")
    expect(composer.preview).to_contain_text("(lake:1.05),(blush:1.05) ,  (long hair:0.8)")
    assert composer.text() == "(lake:1.05),(blush:1.05) ,  (long hair:0.8){0::, {a|b}|}"

    composer.chip("blush").dblclick()
    edit = composer.dialog.get_by_role("textbox", name="Edit blush")
    edit.fill("smile")
    edit.press("Enter")
    expect(composer.chip("smile")).to_be_focused()
    page.keyboard.press("Delete")
    more = composer.dialog.get_by_role("textbox", name="Add an element: Prompt")
    more.fill("night")
    more.press("Enter")
    expect(composer.chips()).to_have_text(["lake", "long hair", "{a|b}", "night"])
    composer.button("Text").click()
    expect(composer.editor()).to_have_text("(lake:1.05) ,  (long hair:0.8){0::, {a|b}|}, night")


def test_unknown_tags_are_marked_and_mended(new_page: NewPage, studio: Studio) -> None:
    composer = opened(new_page, studio, "long hiar, lake, A sentence about nothing in the list.")
    unknown = composer.dialog.get_by_role("list", name="Not in the tag list")
    composer.editor("Negative prompt").focus()
    expect(unknown.get_by_role("listitem")).to_have_count(1)
    unknown.get_by_role("button", name="Replace “long hiar” with “long hair”").click()
    expect(unknown).to_have_count(0)
    assert composer.text().startswith("long hair, lake, A sentence")


def test_what_is_switched_off_does_not_reach_the_engine_and_comes_back(new_page: NewPage, studio: Studio) -> None:
    composer = opened(new_page, studio, "lake{0::, blush|}, $hero$")
    composer.editor("Negative prompt").fill("ugly")
    composer.close()
    create = composer.create
    create.make_small(studio.workflow("text-to-image"))
    create.render_button.click()
    create.wait_for_result()
    job = studio.get("/cozygen/api/jobs?limit=1")["items"][0]
    assert (job["values"]["Prompt"], job["values"]["Negative prompt"]) == ("lake{0::, blush|}, $hero$", "ugly")
    prompt = studio.get("/history/" + job["id"])[job["id"]]["prompt"][2]
    assert "lake, a tall knight, silver armor" in json.dumps(prompt)
    assert "blush" not in json.dumps([node["inputs"] for node in prompt.values()])

    composer.open()
    composer.editor().fill("something else")
    composer.button("Earlier prompts").click()
    panel = composer.dialog.get_by_role("complementary", name="Earlier prompts")
    panel.get_by_role("searchbox", name="Search").fill("hero")
    panel.get_by_role("button", name="lake{0::").click()
    expect(composer.editor()).to_have_text("lake{0::, blush|}, $hero$")
    composer.dialog.get_by_role("status").get_by_role("button", name="Undo").click()
    expect(composer.editor()).to_have_text("something else")


def test_on_a_phone(new_page: NewPage, studio: Studio) -> None:
    composer = opened(new_page, studio, "lake, blush", PHONE)
    negative = composer.dialog.get_by_role("tab", name="Negative prompt")
    negative.tap()
    expect(composer.editor()).to_be_hidden()
    composer.editor("Negative prompt").fill("long hair")
    composer.dialog.get_by_role("tab", name="Prompt", exact=True).tap()
    composer.button("Chips").tap()
    composer.chip("blush").tap()
    composer.button("Heavier").tap()
    composer.button("Move ahead").tap()
    expect(composer.chips()).to_have_text(["blush", "lake"])
    composer.button("Switch off").tap()
    assert composer.create.overflow() <= 0
    remove = composer.button("Remove").bounding_box()
    assert remove is not None and remove["x"] + remove["width"] <= 390
    composer.close()
    assert composer.text() == "{0::(blush:1.05), |}lake"
    assert composer.create.field("Negative prompt").locator("textarea").input_value() == "long hair"
    composer.open()
    composer.page.go_back()
    expect(composer.dialog).to_have_count(0)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("profile", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_violations(new_page: NewPage, studio: Studio, profile: dict[str, Any], theme: str) -> None:
    composer = opened(
        new_page,
        studio,
        "$hero$, (lake:1.2), {a|b}, long hiar{0::, blush|}, ",
        profile,
        color_scheme=theme,
        reduced_motion="reduce",
    )
    composer.editor().press_sequentially("bl")
    expect(composer.completions.first).to_be_visible()
    assert violations(composer.create) == []
    composer.page.keyboard.press("Escape")
    composer.button("Chips").click()
    composer.chip("long hiar").click()
    expect(composer.button("Replace “long hiar” with “long hair”")).to_be_visible()
    composer.button("Options").click()
    assert violations(composer.create) == []
    composer.button("Earlier prompts").click()
    expect(composer.dialog.get_by_role("complementary", name="Earlier prompts")).to_be_visible()
    assert violations(composer.create) == []
