"""No barrier that axe-core can find, in either theme and at either size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.page import CreatePage
from tests.browser.studio import Studio

AXE = Path(__file__).parents[2] / "frontend" / "node_modules" / "axe-core" / "axe.min.js"
FINDINGS = """async () => (await axe.run()).violations.map(
  (rule) => `${rule.id}: ${rule.help} ${rule.nodes.map((node) => node.html.slice(0, 200)).join(' | ')}`)"""


def violations(create: CreatePage) -> list[str]:
    """What axe-core finds wrong with the page as it stands; moving things have come to rest."""
    # As a function's body: the value of the script would be the whole of axe, sent back piece by piece.
    create.page.evaluate("() => {" + AXE.read_text("utf-8") + "}")
    found: list[str] = create.page.evaluate(FINDINGS)
    return found


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("profile", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_violations(new_page: NewPage, studio: Studio, profile: dict[str, Any], theme: str) -> None:
    create = new_page(profile, color_scheme=theme, reduced_motion="reduce")
    form = studio.workflow("text-to-image")
    create.open(form)
    assert create.page.evaluate("document.documentElement.dataset.theme") == theme
    assert violations(create) == []

    create.make_small(form)
    create.render_button.click()
    create.wait_for_result()
    expect(create.strip.first).to_be_visible()
    assert violations(create) == []

    create.open_queue()
    assert violations(create) == []
    create.page.keyboard.press("Escape")
    create.page.get_by_role("button", name="All workflows", exact=True).click()
    expect(create.page.get_by_role("dialog", name="Choose a workflow")).to_be_visible()
    assert violations(create) == []
    create.page.keyboard.press("Escape")

    create.open(studio.workflow("image-to-image"))
    assert violations(create) == []
