"""What the Create page has beyond the form and its result."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

from playwright.sync_api import Locator, expect

from tests.browser.page import PATIENCE, CreatePage
from tests.browser.studio import Studio


def choose(create: CreatePage, menu: str, item: str) -> None:
    """Open a menu by its button and press an item of it."""
    create.page.get_by_role("button", name=menu, exact=True).click()
    create.page.get_by_role("menuitem", name=re.compile(f"^{item}")).click()


def open_sheet(create: CreatePage, item: str, title: str) -> Locator:
    """A sheet that the form's menu leads to."""
    choose(create, "More for this form", item)
    sheet = create.page.get_by_role("dialog", name=title)
    expect(sheet).to_be_visible()
    return sheet


def open_variations(create: CreatePage) -> Locator:
    """The sheet of variations and sweeps."""
    choose(create, "Ways to render", "Variations and sweeps")
    sheet = create.page.get_by_role("dialog", name="Variations and sweeps")
    expect(sheet).to_be_visible()
    return sheet


def open_picker(create: CreatePage) -> Locator:
    """The sheet in which a workflow is chosen."""
    create.page.get_by_role("button", name="All workflows").click()
    picker = create.page.get_by_role("dialog", name="Choose a workflow")
    expect(picker).to_be_visible()
    return picker


def toast(create: CreatePage, text: str) -> Locator:
    """A message at the edge."""
    return create.page.get_by_role("region", name="Notifications").get_by_text(text)


def press_in_toast(create: CreatePage, name: str) -> None:
    """Press the button of a message."""
    create.page.get_by_role("region", name="Notifications").get_by_role("button", name=name, exact=True).last.click()


def until(create: CreatePage, check: Callable[[], bool]) -> None:
    """Wait until something that the page does not show has come about; the page goes on meanwhile."""
    deadline = time.monotonic() + PATIENCE / 1000
    while not check():
        assert time.monotonic() < deadline, "it did not come about"
        create.page.wait_for_timeout(100)


def saved_draft(studio: Studio, workflow: str) -> dict[str, Any]:
    """What the server has of a form, empty where it has nothing."""
    for item in studio.get("/cozygen/api/state?prefix=form:")["items"]:
        if item["key"] == f"form:{workflow}":
            value: dict[str, Any] = item["value"]
            return value
    return {}


def field_input(name: str, kind: str, priority: int, **inputs: Any) -> dict[str, Any]:
    """A node that declares a field of a form."""
    fixed = {"param_name": name, "param_type": kind, "priority": priority, "default_value": ""}
    return {"class_type": "CozyGenDynamicInput", "inputs": {**fixed, **inputs}}


def small(**inputs: Any) -> dict[str, Any]:
    """A workflow that is rendered at once: a plain picture, with a colour that is drawn, and a name."""
    return {
        "1": field_input("Name", "STRING", 1, default_value="small/picture"),
        "2": field_input("Width", "INT", 2, default_value="64", min_value=8, max_value=512, step=8),
        "3": field_input("Height", "INT", 3, default_value="32", min_value=8, max_value=512, step=8),
        "4": field_input(
            "Colour", "INT", 4, default_value="255", min_value=0, max_value=16777215, add_randomize_toggle=True
        ),
        "5": field_input("Mood", "DROPDOWN", 5, default_value="calm", choices="calm,loud,dark"),
        "6": {
            "class_type": "EmptyImage",
            "inputs": {"width": ["2", 0], "height": ["3", 0], "batch_size": 1, "color": ["4", 0]},
        },
        "7": {
            "class_type": "CozyGenOutput",
            "inputs": {"images": ["6", 0], "filename_prefix": ["1", 0]},
            "_meta": {"title": "Keep the picture"},
        },
        **inputs,
    }
