"""The gallery: looking, finding, choosing, and what is done with files."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.gallery_page import GalleryPage, put_picture, put_pictures
from tests.browser.studio import Studio
from tests.browser.test_access import violations
from tests.browser.test_phone import SMALL_TARGETS, THUMB

HOLD_MS = 700


@pytest.fixture
def gallery(new_page: NewPage) -> GalleryPage:
    create = new_page()
    return GalleryPage(create.page, create.url)


def test_it_says_what_to_do_while_there_is_nothing(gallery: GalleryPage) -> None:
    gallery.page.goto(f"{gallery.url}gallery?q=nothing-of-that")
    expect(gallery.page.get_by_role("heading", name="No file fits")).to_be_visible()
    gallery.page.get_by_role("button", name="Show everything").click()
    expect(gallery.search).to_have_value("")
    gallery.page.get_by_role("link", name="Albums", exact=True).click()
    expect(gallery.page.get_by_role("heading", name="No album yet")).to_be_visible()
    gallery.page.get_by_role("link", name="Trash").click()
    expect(gallery.page.get_by_role("heading", name="The trash is empty")).to_be_visible()


def test_new_work_arrives_and_nothing_moves(gallery: GalleryPage, studio: Studio) -> None:
    names = put_pictures(studio, "arrive", 400, hours=0.05)
    for name in ("first.png", "second.png"):
        (studio.data / "output" / "arrive" / name).unlink(missing_ok=True)
    gallery.open(folder="arrive")
    gallery.expect_count(400)
    expect(gallery.file(names[0])).to_be_visible()
    put_picture(studio.data / "output" / "arrive" / "first.png", 1)
    expect(gallery.file("first.png")).to_be_in_viewport()

    gallery.page.mouse.move(600, 500)
    # Beyond the newest block of files, whose rows are laid out anew when one comes.
    gallery.page.mouse.wheel(0, 9000)
    gallery.page.wait_for_function("() => window.scrollY > 8000")
    expect(gallery.page.locator("[data-hasty]")).to_have_count(0)
    anchor = gallery.page.evaluate_handle("document.elementFromPoint(300, 500).closest('li')")
    before = anchor.evaluate("(tile) => [tile.querySelector('a').ariaLabel, tile.getBoundingClientRect().top]")
    put_picture(studio.data / "output" / "arrive" / "second.png", 2)
    pill = gallery.page.get_by_role("button", name="1 new file")
    expect(pill).to_be_visible()
    gallery.expect_count(402)
    found = gallery.file(before[0]).evaluate("(link) => link.closest('li').getBoundingClientRect().top")
    assert abs(found - before[1]) < 2
    pill.click()
    expect(gallery.file("second.png")).to_be_in_viewport()
    expect(pill).to_be_hidden()


def test_only_what_is_near_is_in_the_page(gallery: GalleryPage, studio: Studio) -> None:
    names = put_pictures(studio, "arrive", 400, hours=0.05)
    gallery.open(folder="arrive")
    expect(gallery.files.first).to_be_visible()
    slider = gallery.page.get_by_role("slider", name="Move through time")
    slider.focus()
    slider.press("End")
    expect(gallery.file(names[-1])).to_be_in_viewport()
    expect(gallery.file(names[0])).to_have_count(0)
    assert gallery.page.locator("*").count() < 1500
    slider.press("Home")
    expect(gallery.file(names[0])).to_be_in_viewport()


def test_search_filters_and_links(gallery: GalleryPage, studio: Studio) -> None:
    put_pictures(studio, "find", 12)
    put_picture(studio.data / "output" / "find" / "fox in snow.png", 3)
    gallery.open(folder="find")
    gallery.expect_count(13)
    gallery.page.keyboard.press("/")
    expect(gallery.search).to_be_focused()
    gallery.search.press_sequentially("fox")
    gallery.expect_count(1)
    expect(gallery.page).to_have_url(re.compile("q=fox"))
    gallery.page.reload()
    gallery.expect_count(1)
    gallery.page.go_back()
    gallery.expect_count(13)
    expect(gallery.search).to_have_value("")

    gallery.search.fill("is:fav")
    gallery.page.get_by_role("option", name="is:favorite").click()
    expect(gallery.page.get_by_role("heading", name="No file fits")).to_be_visible()
    gallery.page.get_by_role("button", name="Remove is:favorite").click()
    gallery.expect_count(13)

    gallery.page.get_by_role("button", name="Filters").click()
    filters = gallery.page.get_by_role("dialog", name="Filters")
    chip = filters.get_by_role("button", name="Portrait")
    chip.click()
    expect(chip).to_have_attribute("aria-pressed", "true")
    filters.get_by_role("button", name=re.compile("^Show")).click()
    gallery.expect_count(3)
    expect(gallery.page.get_by_role("button", name="Remove ratio:portrait")).to_be_visible()

    gallery.search.fill("steps:many")
    gallery.search.press("Enter")
    expect(gallery.page.get_by_text("This search cannot be read")).to_be_visible()


def test_folders_orders_and_the_feed(gallery: GalleryPage, studio: Studio) -> None:
    names = put_pictures(studio, "outer/inner", 3)
    put_picture(studio.data / "output" / "outer" / "zebra.png", 4)
    gallery.open(folder="outer")
    gallery.expect_count(4)
    gallery.page.get_by_role("link", name="Folder inner").click()
    gallery.expect_count(3)
    gallery.page.get_by_role("link", name="outer", exact=True).click()
    gallery.expect_count(4)
    gallery.page.get_by_role("combobox", name="Order").select_option("Name")
    expect(gallery.files.first).to_have_attribute("aria-label", names[0])
    assert gallery.names() == [*sorted(names), "zebra.png"]
    gallery.page.get_by_role("button", name="Feed").click()
    expect(gallery.page.get_by_role("paragraph").filter(has_text=names[0])).to_be_visible()
    expect(gallery.page).to_have_url(re.compile("mode=feed"))
    gallery.page.go_back()
    gallery.expect_count(3)


def test_marks_of_a_selection(gallery: GalleryPage, studio: Studio) -> None:
    names = put_pictures(studio, "marks", 12)
    gallery.open(folder="marks")
    gallery.check(names[1]).click()
    gallery.file(names[4]).click(modifiers=["Shift"])
    expect(gallery.bar).to_contain_text("4 selected")
    gallery.act("Add to favourites")
    expect(gallery.file(f"{names[2]}, favourite")).to_be_visible()
    gallery.undo()
    expect(gallery.file(f"{names[2]}, favourite")).to_have_count(0)

    gallery.act("Rate")
    gallery.page.get_by_role("dialog").get_by_role("button", name="4 stars").click()
    expect(gallery.file(f"{names[1]}, 4 stars")).to_be_visible()
    expect(gallery.page.get_by_role("dialog")).to_have_count(0)

    gallery.act("Tag")
    dialog = gallery.page.get_by_role("dialog", name="Tag 4 files")
    dialog.get_by_label("New tag").fill("keep, best")
    dialog.get_by_role("button", name="Add", exact=True).click()
    expect(dialog.get_by_role("button", name="Remove the tag keep")).to_be_visible()
    gallery.page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    gallery.page.keyboard.press("Escape")
    expect(gallery.bar).to_be_hidden()
    gallery.search.fill("tag:best")
    gallery.search.press("Enter")
    gallery.expect_count(4)


def test_all_that_match_and_albums(gallery: GalleryPage, studio: Studio) -> None:
    names = put_pictures(studio, "gathered", 150, hours=0.1)
    gallery.open(folder="gathered")
    expect(gallery.files.first).to_be_visible()
    gallery.page.keyboard.press("Control+a")
    expect(gallery.bar).to_contain_text("150 selected")
    gallery.check(names[0]).click()
    expect(gallery.bar).to_contain_text("149 selected")
    gallery.bar.get_by_role("button", name="Select all 150").click()
    gallery.act("Add to album")
    dialog = gallery.page.get_by_role("dialog")
    dialog.get_by_label("New album").fill("Best of")
    dialog.get_by_role("button", name="Create and add").click()
    expect(gallery.page.get_by_text("150 files added to Best of.")).to_be_visible()
    gallery.page.keyboard.press("Escape")
    gallery.page.get_by_role("link", name="Albums", exact=True).click()
    gallery.page.get_by_role("link", name="Best of, 150 files").click()
    gallery.expect_count(150)
    gallery.check(names[0]).click()
    gallery.act("More")
    gallery.page.get_by_role("button", name="Remove from album").click()
    gallery.expect_count(149)
    gallery.undo()
    gallery.expect_count(150)
    gallery.page.get_by_role("button", name="Rename album").click()
    gallery.page.get_by_role("dialog").get_by_label("Name of the album").fill("The best")
    gallery.page.get_by_role("button", name="Save").click()
    expect(gallery.page.get_by_role("heading", name="The best")).to_be_visible()
    gallery.page.get_by_role("button", name="Delete album").click()
    expect(gallery.page.get_by_role("heading", name="No album yet")).to_be_visible()


def test_move_rename_and_delete(gallery: GalleryPage, studio: Studio) -> None:
    names = put_pictures(studio, "tidy", 5)
    folder = studio.data / "output" / "tidy"
    gallery.open(folder="tidy")
    gallery.check(names[0]).click()
    gallery.act("More")
    gallery.page.get_by_role("button", name="Rename", exact=True).click()
    dialog = gallery.page.get_by_role("dialog", name="Rename file")
    dialog.get_by_role("textbox", name="Name").fill("a new name")
    dialog.get_by_role("button", name="Rename").click()
    expect(gallery.file("a new name.png")).to_be_visible()
    assert (folder / "a new name.png").exists()

    gallery.check(names[1]).click()
    gallery.check(names[2]).click()
    gallery.act("Move to folder")
    dialog = gallery.page.get_by_role("dialog")
    dialog.get_by_label("New folder here").fill("kept")
    dialog.get_by_role("button", name="Create folder").click()
    dialog.get_by_role("button", name="Move to kept").click()
    expect(gallery.page.get_by_text("2 files moved to tidy/kept.")).to_be_visible()
    assert (folder / "kept" / names[1]).exists()
    gallery.expect_count(5)
    gallery.undo()
    expect(gallery.page.get_by_role("link", name="Folder kept")).to_be_visible()
    assert not (folder / "kept" / names[1]).exists()

    with gallery.page.expect_download() as download:
        gallery.check(names[3]).click()
        gallery.check(names[4]).click()
        gallery.act("Download")
    assert download.value.suggested_filename == "tidy.zip"
    gallery.act("Delete")
    gallery.expect_count(3)
    assert not (folder / names[3]).exists()
    gallery.undo()
    gallery.expect_count(5)
    assert (folder / names[3]).exists()


def test_the_trash(gallery: GalleryPage, studio: Studio) -> None:
    names = put_pictures(studio, "waste", 3)
    gallery.open(folder="waste")
    gallery.page.keyboard.press("Control+a")
    gallery.act("Delete")
    expect(gallery.page.get_by_text("3 files moved to the trash.")).to_be_visible()
    gallery.page.get_by_role("link", name="Trash").click()
    expect(gallery.page.get_by_text("Deleted files stay here for 30 days")).to_be_visible()
    gallery.page.get_by_role("button", name=f"Restore {names[0]}").click()
    expect(gallery.page.get_by_role("button", name=f"Restore {names[0]}")).to_have_count(0)
    assert (studio.data / "output" / "waste" / names[0]).exists()
    gallery.page.get_by_role("button", name="Empty the trash").click()
    gallery.page.get_by_role("dialog").get_by_role("button", name="Delete for good").click()
    expect(gallery.page.get_by_role("heading", name="The trash is empty")).to_be_visible()


def test_keys(gallery: GalleryPage, studio: Studio) -> None:
    names = put_pictures(studio, "keys", 40)
    gallery.open(folder="keys")
    gallery.file(names[0]).focus()
    gallery.page.keyboard.press("ArrowRight")
    expect(gallery.file(names[1])).to_be_focused()
    gallery.page.keyboard.press("ArrowDown")
    focused = gallery.page.locator(":focus")
    assert focused.evaluate("(link) => link.closest('li').dataset.index") not in ("0", "1", "2")
    gallery.page.keyboard.press("ArrowUp")
    expect(gallery.file(names[1])).to_be_focused()
    gallery.page.keyboard.press("End")
    expect(gallery.file(names[-1])).to_be_focused()
    expect(gallery.file(names[-1])).to_be_in_viewport()
    gallery.page.keyboard.press("Home")
    expect(gallery.file(names[0])).to_be_focused()
    gallery.page.keyboard.press("f")
    expect(gallery.file(f"{names[0]}, favourite")).to_be_focused()
    gallery.page.keyboard.press("3")
    expect(gallery.file(f"{names[0]}, favourite, 3 stars")).to_be_focused()
    gallery.page.keyboard.press("x")
    expect(gallery.bar).to_contain_text("1 selected")
    gallery.page.keyboard.press("Escape")
    expect(gallery.bar).to_be_hidden()
    gallery.page.keyboard.press("Delete")
    gallery.expect_count(39)
    expect(gallery.file(names[1])).to_be_focused()
    gallery.undo()
    gallery.expect_count(40)


def test_the_viewer_lies_over_it(gallery: GalleryPage, studio: Studio) -> None:
    names = put_pictures(studio, "arrive", 400, hours=0.05)
    gallery.open(folder="arrive", sort="name")
    expect(gallery.files.first).to_be_visible()
    gallery.page.mouse.move(600, 500)
    gallery.page.mouse.wheel(0, 3000)
    gallery.page.wait_for_function("() => window.scrollY > 2500")
    expect(gallery.page.locator("[data-hasty]")).to_have_count(0)
    there = gallery.page.evaluate("window.scrollY")
    gallery.page.mouse.click(600, 500)
    expect(gallery.page).to_have_url(re.compile("#view"))
    dialog = gallery.page.get_by_role("dialog")
    expect(dialog).to_be_visible()
    gallery.page.go_back()
    expect(dialog).to_have_count(0)
    assert abs(gallery.page.evaluate("window.scrollY") - there) < 400
    assert names[0] not in gallery.names()

    gallery.page.wait_for_function("() => history.state?.gallery")
    gallery.page.get_by_role("link", name="Trash").click()
    expect(gallery.page.get_by_role("heading", name="The trash is empty")).to_be_visible()
    gallery.page.go_back()
    gallery.page.wait_for_function("() => window.scrollY > 2000")


def test_on_a_phone(new_page: NewPage, studio: Studio) -> None:
    names = put_pictures(studio, "phone", 30)
    create = new_page(PHONE)
    gallery = GalleryPage(create.page, create.url)
    gallery.open(folder="phone")
    assert create.overflow() <= 0
    first = gallery.file(names[0])
    first.scroll_into_view_if_needed()
    box = first.bounding_box()
    assert box is not None
    touch = gallery.page.context.new_cdp_session(gallery.page)
    point = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    touch.send("Input.dispatchTouchEvent", {"type": "touchStart", "touchPoints": [point]})
    expect(gallery.bar).to_contain_text("1 selected")
    touch.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    expect(gallery.bar).to_contain_text("1 selected")
    gallery.file(names[1]).tap()
    expect(gallery.bar).to_contain_text("2 selected")
    assert create.overflow() <= 0
    assert gallery.page.evaluate(SMALL_TARGETS, THUMB) == []
    gallery.bar.get_by_role("button", name="Clear the selection").tap()
    gallery.page.get_by_role("button", name="View", exact=True).tap()
    dialog = gallery.page.get_by_role("dialog", name="View")
    expect(dialog).to_be_visible()
    assert gallery.page.evaluate(SMALL_TARGETS, THUMB) == []
    dialog.get_by_role("button", name="Feed").tap()
    expect(gallery.page).to_have_url(re.compile("mode=feed"))
    gallery.page.go_back()
    expect(dialog).to_be_hidden()
    gallery.file(names[0]).tap()
    expect(gallery.page.get_by_role("dialog")).to_be_visible()


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("profile", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_violations(new_page: NewPage, studio: Studio, profile: dict[str, Any], theme: str) -> None:
    names = put_pictures(studio, "access", 12)
    create = new_page(profile, color_scheme=theme, reduced_motion="reduce")
    gallery = GalleryPage(create.page, create.url)
    gallery.open(folder="access", q="pic")
    expect(gallery.file(names[0])).to_be_visible()
    gallery.file(names[0]).focus()
    gallery.page.keyboard.press("x")
    expect(gallery.bar).to_be_visible()
    assert violations(create) == []
    for panel in ("filters", "display", "rate", "tag", "album", "move", "more"):
        gallery.page.evaluate("(panel) => { location.hash = panel; }", panel)
        expect(gallery.page.get_by_role("dialog")).to_be_visible()
        assert violations(create) == [], panel
        gallery.page.go_back()
        expect(gallery.page.get_by_role("dialog")).to_have_count(0)
    gallery.act("Delete")
    gallery.page.goto(f"{gallery.url}gallery?show=trash")
    expect(gallery.page.get_by_role("button", name="Empty the trash")).to_be_visible()
    assert violations(create) == []
    gallery.page.get_by_role("button", name=f"Restore {names[0]}").click()
    expect(gallery.page.get_by_role("heading", name="The trash is empty")).to_be_visible()
