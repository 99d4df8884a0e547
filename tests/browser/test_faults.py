"""What goes wrong is told with a way out, and nothing is lost."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import NewPage
from tests.browser.page import PATIENCE, prompt_of
from tests.browser.studio import Studio, free_port

OFFLINE = "No connection to the studio."
OUTSIDE = {
    "1": {
        "class_type": "EmptyImage",
        "inputs": {"width": 64, "height": 64, "batch_size": 1, "color": 0},
    },
    "2": {
        "class_type": "CozyGenOutput",
        "inputs": {"images": ["1", 0], "filename_prefix": "../outside"},
        "_meta": {"title": "Keep the picture"},
    },
}


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


def test_a_failed_render_says_why_and_can_be_retried(new_page: NewPage, studio: Studio) -> None:
    form = studio.add_workflow("outside.json", OUTSIDE)
    create = new_page()
    create.open(form)
    create.render_button.click()
    expect(create.stage.get_by_text("The render failed")).to_be_visible(timeout=PATIENCE)
    expect(create.stage.get_by_text("In the step “Keep the picture”")).to_be_visible()
    expect(create.stage).to_contain_text("outside the output folder")
    create.stage.get_by_role("button", name="Retry").click()
    queue = create.open_queue()
    expect(queue.get_by_role("button", name=re.compile("^Retry "))).to_have_count(2, timeout=PATIENCE)


def test_an_engine_that_is_away(new_page: NewPage, tmp_path: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}"
    server = Studio(tmp_path, engine=away)
    server.start()
    try:
        create = new_page(url=server.url)
        create.page.goto(server.url)
        banner = create.page.get_by_role("alert").filter(has_text="ComfyUI does not answer.")
        expect(banner).to_contain_text(f"Start ComfyUI at {away}")
        expect(create.page.get_by_text("This workflow cannot render yet:")).to_be_visible()
    finally:
        server.stop()


def test_signing_in(new_page: NewPage, tmp_path: Path) -> None:
    password = "quiet-harbour"
    server = Studio(tmp_path, settings={"COZYGEN_AUTH_USER": "ada", "COZYGEN_AUTH_PASS": password})
    server.start()
    try:
        create = new_page(url=server.url)
        create.page.goto(server.url)
        dialog = create.page.get_by_role("dialog", name="Sign in")
        dialog.get_by_label("User name").fill("ada")
        dialog.get_by_label("Password").fill("wrong")
        dialog.get_by_role("button", name="Sign in").click()
        expect(dialog.get_by_role("alert")).to_have_text("The user name or the password is wrong.")
        dialog.get_by_label("Password").fill(password)
        dialog.get_by_role("button", name="Sign in").click()
        expect(dialog).to_be_hidden()
        expect(create.render_button).to_be_enabled()
    finally:
        server.stop()
