"""The main job in bed: one thumb, 390 pixels."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, NewPage
from tests.browser.page import PATIENCE
from tests.browser.studio import Studio

THUMB = 44
SMALL_TARGETS = """(least) => [...document.querySelectorAll('button, a, select, summary, input, textarea, [role=switch]')]
  .filter((target) => target.checkVisibility({ visibilityProperty: true, opacityProperty: true }))
  .filter((target) => !target.matches('.sr-only, .skip, [tabindex="-1"]'))
  .map((target) => [target, target.getBoundingClientRect()])
  .filter(([, box]) => box.width < least - 0.1 || box.height < least - 0.1)
  .map(([target, box]) => `${target.outerHTML.slice(0, 120)} is ${box.width} x ${box.height}`)"""


def test_render_and_look(new_page: NewPage, studio: Studio) -> None:
    create = new_page(PHONE)
    form = studio.workflow("text-to-image")
    create.open(form)
    assert create.overflow() <= 0
    create.make_small(form)
    button = create.render_button.bounding_box()
    assert button is not None
    assert button["y"] + button["height"] <= PHONE["viewport"]["height"]
    create.page.get_by_role("heading", name="Latest work").scroll_into_view_if_needed()
    create.render_button.tap()
    look = create.page.get_by_role("button", name=f"Show {form['title']}")
    expect(look).to_be_visible(timeout=PATIENCE)
    look.tap()
    create.wait_for_result()
    expect(create.result).to_be_in_viewport()
    expect(create.strip).to_have_count(1)
    assert create.overflow() <= 0


def test_every_control_fits_a_thumb(new_page: NewPage, studio: Studio) -> None:
    create = new_page(PHONE)
    for mode in ("text-to-image", "image-to-video"):
        create.open(studio.workflow(mode))
        assert create.page.evaluate(SMALL_TARGETS, THUMB) == []
    create.open_queue()
    assert create.page.evaluate(SMALL_TARGETS, THUMB) == []


def test_a_seed_in_hand(new_page: NewPage, studio: Studio) -> None:
    create = new_page(PHONE)
    create.open(studio.workflow("text-to-image"))
    create.page.get_by_role("switch", name="New random").tap()
    assert create.overflow() <= 0
    assert create.page.evaluate(SMALL_TARGETS, THUMB) == []
