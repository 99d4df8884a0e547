"""The library: aliases and tags, on a desktop and on a phone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.library_page import ALIASES, TAGS, LibraryPage, aliases, put_aliases
from tests.browser.page import prompt_of
from tests.browser.studio import Studio
from tests.browser.test_access import violations
from tests.browser.test_phone import SMALL_TARGETS, THUMB


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio with a tag list that has counts."""
    folder = tmp_path_factory.mktemp("library")
    (folder / "tags.csv").write_text(TAGS, "utf-8")
    server = Studio(folder, settings={"COZYGEN_TAGS_FILE": str(folder / "tags.csv")})
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """A studio as it is after the installation."""
    server = Studio(tmp_path_factory.mktemp("fresh"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def library(new_page: NewPage, studio: Studio) -> LibraryPage:
    """The library on a desktop, with some aliases."""
    put_aliases(studio)
    return LibraryPage(new_page(DESKTOP).page, studio.url)


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("profile", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_violations(new_page: NewPage, studio: Studio, profile: dict[str, Any], theme: str) -> None:
    put_aliases(studio)
    create = new_page(profile, color_scheme=theme, reduced_motion="reduce")
    library = LibraryPage(create.page, studio.url)
    for path, region in (
        ("aliases", None),
        ("aliases/Owl", "Alias Owl"),
        ("tags", None),
        ("tags/long_hair", "Tag long_hair"),
    ):
        library.open(path)
        if region:
            expect(create.page.get_by_role("region", name=region, exact=True)).to_be_visible()
        else:
            expect(library.rows.first).to_be_visible()
        assert violations(create) == []
        assert create.overflow() <= 0
        if profile is PHONE:
            assert create.page.evaluate(SMALL_TARGETS, THUMB) == []
    create.page.get_by_role("button", name="Collect", exact=True).click()
    library.open("aliases")
    library.menu("Find and replace")
    create.page.get_by_label("Find", exact=True).fill("a ")
    expect(create.page.get_by_role("list", name="What changes").get_by_role("listitem").first).to_be_visible()
    assert violations(create) == []


def test_creating_with_the_keyboard(library: LibraryPage, studio: Studio) -> None:
    page = library.page
    library.open()
    page.keyboard.press("n")
    editor = library.editor()
    expect(editor.get_by_label("Name")).to_be_focused()
    page.keyboard.type("two words")
    expect(editor.get_by_text("Letters a to z, digits, _ : and - only.")).to_be_visible()
    editor.get_by_label("Name").fill("FOX")
    expect(editor.get_by_text("There is an alias of this name.")).to_be_visible()
    editor.get_by_label("Name").fill("vixen")
    editor.get_by_label("Category").fill("Animals")
    editor.get_by_label("Stands for").fill("($fox$:1.2), female")
    expect(editor.get_by_text("(red fox:1.2), (long_hair:1.2), (snow:1.2), female")).to_be_visible()
    page.keyboard.press("Control+s")
    expect(library.editor("vixen")).to_be_visible()
    stored = aliases(studio)
    assert stored["items"] == {**ALIASES["items"], "vixen": "($fox$:1.2), female"}
    assert stored["categories"]["vixen"] == "Animals" and stored["more"] == {"kept": True}
    library.undo()
    expect(page.get_by_text("There is no such alias.")).to_be_visible()
    assert aliases(studio) == ALIASES


def test_what_was_typed_outlives_a_reload(library: LibraryPage, studio: Studio) -> None:
    page = library.page
    library.open("aliases/fox")
    library.editor("fox").get_by_label("Stands for").fill("typed and not saved")
    library.row("den").click()
    expect(library.editor("den").get_by_label("Stands for")).to_have_value("a den, $fox$")
    page.reload()
    library.row("fox").click()
    expect(library.editor("fox").get_by_label("Stands for")).to_have_value("typed and not saved")
    assert aliases(studio) == ALIASES
    library.editor("fox").get_by_role("button", name="Discard changes").click()
    expect(library.editor("fox").get_by_label("Stands for")).to_have_value("red fox, long_hair, snow")


def test_renaming_takes_those_along_that_use_it(library: LibraryPage, studio: Studio) -> None:
    library.open("aliases/fox")
    editor = library.editor("fox")
    expect(editor.get_by_role("button", name="den")).to_be_visible()
    editor.get_by_label("Name").fill("renard")
    editor.get_by_role("button", name="Save").click()
    expect(library.editor("renard")).to_be_visible()
    stored = aliases(studio)
    assert stored["items"]["renard"] == "red fox, long_hair, snow" and "fox" not in stored["items"]
    assert stored["items"]["den"] == "a den, $renard$"
    library.editor("renard").get_by_role("button", name="den").click()
    expect(library.editor("den")).to_be_visible()


def test_an_unknown_tag_is_replaced_with_a_tap(library: LibraryPage) -> None:
    library.open("aliases/owl")
    editor = library.editor("Owl")
    editor.get_by_role("button", name="Replace shrt_hair by short_hair").click()
    expect(editor.get_by_label("Stands for")).to_have_value("an owl, short_hair")
    expect(editor.get_by_role("button", name="Replace shrt_hair by short_hair")).to_have_count(0)


def test_deleting_and_its_undo(library: LibraryPage, studio: Studio) -> None:
    library.open("aliases/fox")
    library.editor("fox").get_by_role("button", name="More").click()
    library.page.get_by_role("menuitem", name="Delete").click()
    expect(library.row("fox")).to_have_count(0)
    assert "fox" not in aliases(studio)["items"]
    library.undo()
    expect(library.row("fox")).to_be_visible()
    restored = aliases(studio)
    assert restored["items"] == ALIASES["items"] and restored["categories"] == ALIASES["categories"]


def test_another_device_loses_nothing(library: LibraryPage, studio: Studio) -> None:
    library.open("aliases/fox")
    editor = library.editor("fox")
    editor.get_by_label("Stands for").fill("mine")
    theirs: dict[str, Any] = {**ALIASES, "items": {**ALIASES["items"], "fox": "theirs", "new": "from elsewhere"}}
    put_aliases(studio, theirs)
    expect(editor.get_by_role("alert")).to_contain_text("theirs")
    expect(library.row("new")).to_be_visible()
    expect(editor.get_by_role("button", name="Save")).to_be_disabled()
    assert aliases(studio) == theirs
    editor.get_by_role("button", name="Keep mine").click()
    editor.get_by_role("button", name="Save").click()
    expect(library.page.get_by_text("fox is saved.")).to_be_visible()
    assert aliases(studio)["items"] == {**theirs["items"], "fox": "mine"}


def test_a_save_that_comes_second_is_refused_and_keeps_both(library: LibraryPage, studio: Studio) -> None:
    library.open("aliases/fox")
    editor = library.editor("fox")
    library.page.route("**/cozygen/api/events*", lambda route: route.abort())
    library.page.route("**/cozygen/api/aliases", lambda route: route.abort())
    editor.get_by_label("Stands for").fill("mine")
    theirs: dict[str, Any] = {**ALIASES, "items": {**ALIASES["items"], "fox": "theirs"}}

    def first(route: Any) -> None:
        put_aliases(studio, theirs)
        library.page.unroute("**/cozygen/api/aliases")
        route.continue_()

    library.page.route("**/cozygen/api/aliases/changes", first)
    editor.get_by_role("button", name="Save").click()
    expect(library.page.get_by_text("Another device was first.")).to_be_visible()
    expect(editor.get_by_role("alert")).to_contain_text("theirs")
    expect(editor.get_by_label("Stands for")).to_have_value("mine")
    assert aliases(studio) == theirs


def test_many_at_once(library: LibraryPage, studio: Studio) -> None:
    page = library.page
    library.open()
    library.menu("Select")
    page.get_by_role("checkbox", name="Select den").click()
    page.get_by_role("checkbox", name="Select Owl").click(modifiers=["Shift"])
    expect(library.bar.get_by_role("status")).to_have_text("3 selected")
    library.bar.get_by_role("button", name="Set the category").click()
    page.get_by_role("dialog").get_by_role("button", name="Places").click()
    expect(library.bar).to_have_count(0)
    assert aliases(studio)["categories"] == {"den": "Places", "fox": "Places", "Owl": "Places"}
    library.menu("Find and replace")
    dialog = page.get_by_role("dialog", name="Find and replace")
    dialog.get_by_label("Find", exact=True).fill("AN OWL")
    expect(dialog.get_by_role("listitem")).to_have_count(1)
    dialog.get_by_label("Match case").check()
    expect(dialog.get_by_role("button", name="Nothing to change.")).to_be_disabled()
    dialog.get_by_label("Match case").uncheck()
    dialog.get_by_label("Replace by").fill("two owls")
    dialog.get_by_role("button", name="Change 1 alias").click()
    expect(dialog).to_have_count(0)
    assert aliases(studio)["items"]["Owl"] == "two owls, shrt_hair"
    library.menu("Select")
    library.bar.get_by_role("button", name="All 4").click()
    library.bar.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("heading", name="No aliases yet")).to_be_visible()
    library.undo()
    expect(library.rows).to_have_count(4)
    assert set(aliases(studio)["items"]) == set(ALIASES["items"])


def test_searching_and_categories(library: LibraryPage) -> None:
    page = library.page
    library.open()
    page.keyboard.press("/")
    page.keyboard.type("hair")
    expect(library.rows).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(library.row("Owl")).to_be_focused()
    page.keyboard.press("Enter")
    expect(library.editor("Owl")).to_be_visible()
    page.keyboard.press("ArrowUp")
    expect(library.editor("fox")).to_be_visible()
    page.reload()
    expect(library.rows).to_have_count(2)
    library.search("")
    categories = page.get_by_role("group", name="Categories")
    categories.get_by_role("button", name="Without 1").click()
    expect(library.rows).to_have_count(1)
    expect(library.row("pets::cat")).to_be_visible()
    library.search("nothing like it")
    page.get_by_role("button", name="Show all").click()
    expect(library.rows).to_have_count(4)


def test_a_file_comes_in_and_goes_out(library: LibraryPage, studio: Studio, tmp_path: Path) -> None:
    page = library.page
    library.open()
    with page.expect_download() as download:
        library.menu("Export all")
    assert json.loads(Path(download.value.path()).read_text("utf-8")) == ALIASES

    file = tmp_path / "more.json"
    file.write_text(
        json.dumps({"fox": "another fox", "wolf": "a wolf", "two words": "x", "den": "a den, $fox$"}), "utf-8"
    )
    library.menu("Import a file")
    dialog = page.get_by_role("dialog", name="Import aliases")
    dialog.get_by_label("Choose a file").first.set_input_files(file)
    changes = dialog.get_by_role("list", name="What changes").get_by_role("listitem")
    expect(changes).to_have_count(3)
    expect(dialog.get_by_text("two words")).to_be_visible()
    dialog.get_by_label("Add new ones only").check()
    expect(changes).to_have_count(1)
    dialog.get_by_label("Replace all").check()
    expect(changes.filter(has_text="Deleted")).to_have_count(2)
    dialog.get_by_role("button", name="Import 5 changes").click()
    expect(dialog).to_have_count(0)
    assert aliases(studio)["items"] == {"fox": "another fox", "wolf": "a wolf", "den": "a den, $fox$"}
    library.undo()
    expect(library.rows).to_have_count(4)
    assert aliases(studio)["items"] == ALIASES["items"]

    file.write_text("[1, 2]", "utf-8")
    library.menu("Import a file")
    dialog.get_by_label("Choose a file").first.set_input_files(file)
    expect(dialog.get_by_role("alert")).to_have_text("This file has no aliases in it.")


def test_a_phone_shows_one_thing_at_a_time(new_page: NewPage, studio: Studio) -> None:
    put_aliases(studio)
    create = new_page(PHONE)
    library = LibraryPage(create.page, studio.url)
    library.open()
    library.row("den").tap()
    editor = library.editor("den")
    expect(editor).to_be_visible()
    expect(library.row("fox")).to_be_hidden()
    create.page.go_back()
    expect(library.row("fox")).to_be_visible()
    expect(editor).to_be_hidden()
    library.row("fox").tap()
    library.editor("fox").get_by_role("button", name="Back to the list").tap()
    expect(library.row("den")).to_be_visible()


def test_a_tag_and_what_is_like_it(library: LibraryPage) -> None:
    page = library.page
    library.open("tags")
    expect(library.rows.first).to_contain_text("long_hair")
    page.keyboard.press("/")
    page.keyboard.type("hair long")
    expect(library.rows).to_have_count(2)
    library.row("long_hair").click()
    tag = library.tag("long_hair")
    for fact in ("900", "No. 1", "longhair", "long_locks"):
        expect(tag.get_by_text(fact, exact=True)).to_be_visible()
    tag.get_by_role("link", name="very_long_hair").click()
    expect(library.tag("very_long_hair")).to_be_visible()
    page.go_back()
    expect(tag).to_be_visible()
    library.search("", "tags")
    page.get_by_role("group", name="Categories").get_by_role("button", name="Copyright").click()
    expect(library.rows).to_have_count(1)
    library.row("fate/stay_night").click()
    expect(library.tag("fate/stay_night").get_by_text("100", exact=True)).to_be_visible()
    page.reload()
    expect(library.tag("fate/stay_night").get_by_text("100", exact=True)).to_be_visible()
    page.get_by_role("group", name="Categories").get_by_role("button", name="All").click()
    page.get_by_label("Order").select_option("By name")
    expect(library.rows.first).to_contain_text("a_bridge")


def test_collected_tags_become_a_prompt_and_an_alias(library: LibraryPage, new_page: NewPage, studio: Studio) -> None:
    page = library.page
    form = studio.workflow("text-to-image")
    create = new_page(context=page.context)
    create.open(form)
    create.fill(prompt_of(form), "a garden")
    create.page.close()
    library.open("tags")
    for tag in ("long_hair", "blue_eyes", "somebody_(artist)"):
        page.get_by_role("button", name=f"Collect {tag}", exact=True).click()
    basket = page.get_by_role("region", name="Collected tags")
    basket.get_by_role("button", name="Move blue_eyes, now number 2").press("ArrowUp")
    expect(basket.get_by_text("blue eyes, long hair, somebody \\(artist\\)")).to_be_visible()
    page.reload()
    expect(basket.get_by_text("blue eyes, long hair, somebody \\(artist\\)")).to_be_visible()
    basket.get_by_role("button", name="Make an alias").click()
    expect(library.editor().get_by_label("Stands for")).to_have_value("blue eyes, long hair, somebody \\(artist\\)")
    page.go_back()
    basket.get_by_role("button", name="Remove somebody_(artist)").click()
    basket.get_by_role("button", name="Insert into the prompt").click()
    prompt = page.locator(f'[data-field="{prompt_of(form)}"] textarea')
    expect(prompt).to_have_value("a garden, blue eyes, long hair")


def test_where_it_is_used(library: LibraryPage, studio: Studio) -> None:
    studio.send("PUT", "/cozygen/api/state/form:a.json", {"value": {"values": {"Prompt": "a $fox$"}}})
    preset = {"name": "Foxy", "values": {"Text": "$animals:fox$"}}
    studio.send("POST", "/cozygen/api/workflow_presets", {"workflow": "b.json", "preset": preset})
    library.open("aliases/fox")
    used = library.editor("fox").get_by_role("region", name="Where used")
    expect(used.get_by_role("listitem").filter(has_text="Foxy")).to_contain_text("Text")
    expect(used.get_by_role("link", name="a", exact=True)).to_have_attribute("href", "/cozygen/create/a.json")
    library.row("pets::cat").click()
    expect(library.editor("pets::cat").get_by_text("Nowhere yet.")).to_be_visible()


def test_a_fresh_studio_says_what_to_do(new_page: NewPage, fresh: Studio) -> None:
    create = new_page(PHONE)
    library = LibraryPage(create.page, fresh.url)
    library.open()
    expect(create.page.get_by_role("heading", name="No aliases yet")).to_be_visible()
    library.open("tags")
    expect(create.page.get_by_text("This is the starter list")).to_be_visible()
    expect(library.rows.first).to_be_visible()
    create.page.get_by_role("link", name="Update the tag list").tap()
    expect(create.page.get_by_role("heading", name="Settings", level=1)).to_be_visible()
