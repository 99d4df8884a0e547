"""The server goes away and comes back; nothing is lost."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.browser.conftest import NewPage
from tests.browser.page import PATIENCE, prompt_of
from tests.browser.studio import Studio

OFFLINE = "No connection to the studio."


def test_everything_is_kept_over_a_restart(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    form = studio.workflow("text-to-image")
    create.open(form)
    create.make_small(form)
    create.render_button.click()
    create.wait_for_result()
    create.fill(prompt_of(form), "typed before the restart")
    studio.stop()
    expect(create.page.get_by_text(OFFLINE)).to_be_visible()
    create.render_button.click()
    expect(create.page.get_by_role("alert").filter(has_text="Nothing was queued")).to_be_visible()
    studio.start()
    expect(create.page.get_by_text(OFFLINE)).to_be_hidden(timeout=PATIENCE)
    create.render_button.click()
    expect(create.strip).to_have_count(2, timeout=PATIENCE)
    create.page.reload()
    expect(create.strip).to_have_count(2)
    expect(create.field(prompt_of(form)).get_by_role("textbox")).to_have_value("typed before the restart")


def test_a_render_goes_on_after_the_server_was_killed(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    form = studio.workflow("text-to-image")
    create.open(form)
    before = create.strip.count()
    create.make_slow(form)
    create.render_button.click()
    expect(create.stage.get_by_role("progressbar")).to_be_visible()
    studio.kill()
    expect(create.page.get_by_text(OFFLINE)).to_be_visible()
    studio.start()
    expect(create.strip).to_have_count(before + 1, timeout=PATIENCE)
    create.wait_for_result()
