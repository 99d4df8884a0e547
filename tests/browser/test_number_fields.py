"""Numbers under the fingers: dragged labels, shapes of pictures, seeds of the past."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, NewPage
from tests.browser.create_page import field_input, press_in_toast, small, toast
from tests.browser.page import PATIENCE, CreatePage
from tests.browser.studio import Studio
from tests.browser.test_access import violations
from tests.browser.test_phone import SMALL_TARGETS, THUMB


def _size(create: CreatePage) -> tuple[int, int]:
    width, height = (create.field(key).get_by_role("textbox").input_value() for key in ("Width", "Height"))
    return int(width), int(height)


def test_a_label_is_dragged(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    graph = small(**{"8": field_input("Count", "INT", 6, default_value="10", min_value=0, max_value=40)})
    create.open(studio.add_workflow("drag.json", graph))
    count = create.field("Count").get_by_role("textbox")
    label = create.field("Count").get_by_text("Count", exact=True)
    label.scroll_into_view_if_needed()
    box = label.bounding_box()
    assert box is not None
    x, y = box["x"] + 5, box["y"] + box["height"] / 2
    create.page.mouse.move(x, y)
    create.page.mouse.down()
    create.page.mouse.move(x + 40, y, steps=4)
    create.page.mouse.up()
    expect(count).to_have_value("15")
    expect(count).not_to_be_focused()
    label.click()
    expect(count).to_be_focused()
    expect(count).to_have_value("15")


def test_the_shape_of_a_picture(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open(studio.add_workflow("shape.json", small()))
    create.fill("Width", "256")
    create.fill("Height", "256")
    shape = create.page.get_by_role("group", name="Shape of Width and Height")
    expect(shape.get_by_role("button", name="Ratio 1:1")).to_have_attribute("aria-pressed", "true")
    shape.get_by_role("button", name="Ratio 16:9").click()
    assert _size(create) == (344, 192)
    shape.get_by_role("button", name="Swap width and height").click()
    assert _size(create) == (192, 344)
    shape.get_by_role("combobox", name="Multiples of").select_option("64")
    assert _size(create) == (192, 320)
    shape.get_by_role("button", name="Keep the megapixels").click()
    shape.get_by_role("button", name="Ratio 2:3").click()
    assert _size(create) == (192, 320)
    shape.get_by_role("button", name="Ratio 1:1").click()
    assert _size(create) == (192, 192)


def test_seeds_of_the_past(new_page: NewPage, studio: Studio) -> None:
    create = new_page(PHONE, reduced_motion="reduce")
    create.open(studio.add_workflow("seeds.json", small()))
    create.page.get_by_role("button", name="More renders").click()
    create.page.get_by_role("button", name="Render 2").click()
    expect(create.strip).to_have_count(2, timeout=PATIENCE)
    create.field("Colour").get_by_role("button", name="Seeds of the last renders").click()
    past = create.page.get_by_role("dialog", name="Seeds of the last renders")
    seeds = past.get_by_role("button", name=re.compile(r"^Use \d+"))
    expect(seeds).to_have_count(2)
    assert create.page.evaluate(SMALL_TARGETS, THUMB) == []
    number = re.search(r"\d+", seeds.last.inner_text())
    assert number is not None
    assert violations(create) == []
    seeds.last.click()
    expect(create.field("Colour").get_by_role("textbox")).to_have_value(number[0])
    expect(create.field("Colour").get_by_role("switch")).not_to_be_checked()


def test_values_that_another_page_sends_are_taken_and_can_be_undone(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    create.open(studio.add_workflow("sent.json", small()))
    create.fill("Name", "../outside")
    create.render_button.click()
    expect(create.stage.get_by_text("The render failed")).to_be_visible(timeout=PATIENCE)
    name = create.field("Name").get_by_role("textbox")
    name.fill("inside")
    queue = create.open_queue()
    queue.get_by_role("button", name="Edit and retry sent").click()
    expect(name).to_have_value("../outside")
    expect(toast(create, "The form has the values that you sent here.")).to_be_visible()
    press_in_toast(create, "Undo")
    expect(name).to_have_value("inside")
