"""What is typed survives: reloads, other workflows, other devices, a lost connection."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import PHONE, NewPage
from tests.browser.create_page import choose, open_picker, press_in_toast, saved_draft, small, toast, until
from tests.browser.page import CreatePage
from tests.browser.studio import Studio


def _is_saved(create: CreatePage, studio: Studio, workflow: str, key: str, value: str) -> None:
    """Wait until the server has a field's value."""
    until(create, lambda: saved_draft(studio, workflow).get("values", {}).get(key) == value)


def test_a_form_is_the_same_on_another_device(new_page: NewPage, studio: Studio) -> None:
    form = studio.add_workflow("draft.json", small())
    desk = new_page()
    desk.open(form)
    desk.fill("Name", "written at the desk")
    _is_saved(desk, studio, "draft.json", "Name", "written at the desk")
    phone = new_page(PHONE)
    phone.open(form)
    expect(phone.field("Name").get_by_role("textbox")).to_have_value("written at the desk")
    phone.fill("Width", "128")
    expect(desk.field("Width").get_by_role("textbox")).to_have_value("128")
    expect(desk.field("Name").get_by_role("textbox")).to_have_value("written at the desk")


def test_what_is_typed_last_is_not_lost_when_the_page_is_left(new_page: NewPage, studio: Studio) -> None:
    form = studio.add_workflow("draft.json", small())
    create = new_page()
    create.open(form)
    create.fill("Name", "typed and left")
    create.page.goto("about:blank")
    other = new_page()
    other.open(form)
    expect(other.field("Name").get_by_role("textbox")).to_have_value("typed and left")


def test_without_a_connection_nothing_is_lost(new_page: NewPage, studio: Studio) -> None:
    form = studio.add_workflow("draft.json", small())
    create = new_page()
    create.open(form)
    create.page.context.set_offline(True)
    create.fill("Name", "typed in a tunnel")
    create.page.wait_for_timeout(1_500)  # longer than a change waits before it is sent
    assert saved_draft(studio, "draft.json") == {}
    create.page.context.set_offline(False)
    _is_saved(create, studio, "draft.json", "Name", "typed in a tunnel")


def test_the_later_of_two_changes_stands_and_the_other_is_offered(new_page: NewPage, studio: Studio) -> None:
    form = studio.add_workflow("draft.json", small())
    first = new_page()
    first.open(form)
    first.fill("Name", "the beginning")
    _is_saved(first, studio, "draft.json", "Name", "the beginning")
    first.page.context.set_offline(True)
    first.fill("Width", "256")
    first.fill("Name", "from the train")
    second = new_page()
    second.open(form)
    second.fill("Name", "from the desk, later")
    _is_saved(second, studio, "draft.json", "Name", "from the desk, later")
    first.page.context.set_offline(False)
    name = first.field("Name").get_by_role("textbox")
    expect(name).to_have_value("from the desk, later", timeout=60_000)
    expect(first.field("Width").get_by_role("textbox")).to_have_value("256")
    expect(toast(first, "was changed on two devices")).to_be_visible()
    press_in_toast(first, "Take the others")
    expect(name).to_have_value("from the train")
    choose(first, "More for this form", "The other version")
    expect(name).to_have_value("from the desk, later")


def test_several_workflows_are_open_each_with_its_own_state(new_page: NewPage, studio: Studio) -> None:
    one = studio.add_workflow("draft.json", small())
    create = new_page()
    create.open(one)
    create.fill("Name", "the first one")
    other = studio.workflow("text-to-video")
    create.tile(other["title"]).click()
    tabs = create.page.get_by_role("navigation", name="Open workflows")
    expect(tabs.get_by_role("link")).to_have_count(2)
    expect(tabs.get_by_role("link", name=other["title"])).to_have_attribute("aria-current", "page")
    tabs.get_by_role("link", name="draft").click()
    expect(create.field("Name").get_by_role("textbox")).to_have_value("the first one")
    create.page.reload()
    expect(tabs.get_by_role("link")).to_have_count(2)
    tabs.get_by_role("button", name="Close draft").click()
    expect(create.page.get_by_role("heading", level=1)).to_have_text(other["title"])
    expect(tabs).to_have_count(0)


def test_on_a_phone_the_open_ones_are_in_the_picker(new_page: NewPage, studio: Studio) -> None:
    create = new_page(PHONE)
    create.open(studio.add_workflow("draft.json", small()))
    other = studio.workflow("text-to-video")
    create.tile(other["title"]).tap()
    expect(create.page.get_by_role("heading", level=1)).to_have_text(other["title"])
    picker = open_picker(create)
    opened = picker.get_by_role("region", name="Open")
    expect(opened.get_by_role("listitem")).to_have_count(2)
    opened.get_by_role("button", name="draft", exact=True).tap()
    expect(create.page.get_by_role("heading", level=1)).to_have_text("draft")
    assert create.overflow() <= 0
