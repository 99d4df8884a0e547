"""The picture editor of image fields: crop, turn, mask, and the way back."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus
from uuid import uuid4

import pytest
from PIL import Image
from playwright.sync_api import Locator, expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.page import CreatePage
from tests.browser.studio import Studio
from tests.browser.test_access import violations

FORM = {
    "1": {"class_type": "CozyGenImageInput", "inputs": {"param_name": "Picture", "image_filename": ""}},
    "2": {"class_type": "CozyGenOutput", "inputs": {"images": ["1", 0], "filename_prefix": "edited"}},
}
SIZE = (160, 120)


def _opened(create: CreatePage, studio: Studio, name: str = "hill.png", **options: Any) -> Locator:
    """The editor on a picture that is red on the left and blue on the right."""
    picture = Image.new("RGB", SIZE, "blue")
    picture.paste("red", (0, 0, SIZE[0] // 2, SIZE[1]))
    picture.save(studio.data / "input" / name, **options)
    form = studio.add_workflow(
        f"edit-{uuid4().hex}.json",
        {**FORM, "1": {**FORM["1"], "inputs": {"param_name": "Picture", "image_filename": name}}},
    )
    create.open(form)
    create.field("Picture").get_by_role("button", name="Edit", exact=True).click()
    editor = create.page.get_by_role("dialog", name="Edit the picture")
    expect(editor.get_by_role("button", name="Crop area")).to_be_visible()
    return editor


def _kept(create: CreatePage, studio: Studio, editor: Locator) -> Path:
    """Save; the file that the field then refers to."""
    editor.get_by_role("button", name="Save").click()
    expect(editor).to_be_hidden()
    expect(create.field("Picture").get_by_role("button", name="Back to the original")).to_be_visible()
    link = create.field("Picture").get_by_role("link").get_attribute("href") or ""
    return studio.data / "input" / unquote_plus(link.split("path=")[1])


@pytest.mark.parametrize("profile", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_crop_by_keyboard_and_turn(new_page: NewPage, studio: Studio, profile: dict[str, Any]) -> None:
    create = new_page(profile, reduced_motion="reduce")
    editor = _opened(create, studio)
    assert violations(create) == []
    for name in ("Leave without saving", "Save", "Bottom right corner"):
        expect(editor.get_by_role("button", name=name)).to_be_in_viewport(ratio=1)
    corner = editor.get_by_role("button", name="Bottom right corner")
    for _ in range(3):
        corner.press("Shift+ArrowLeft")
    expect(editor.get_by_text("130 × 120")).to_be_visible()
    editor.get_by_role("button", name="Undo").click()
    expect(editor.get_by_text("140 × 120")).to_be_visible()
    editor.get_by_role("button", name="Redo").click()
    editor.get_by_role("button", name="Turn right").click()
    expect(editor.get_by_text("120 × 130")).to_be_visible()
    path = _kept(create, studio, editor)
    assert path.name.endswith("_hill.png")
    with Image.open(path) as made:
        assert made.size == (120, 130)
        top, bottom = made.convert("RGB").getpixel((60, 10)), made.convert("RGB").getpixel((60, 120))
    assert (top, bottom) == ((255, 0, 0), (0, 0, 255))
    create.field("Picture").get_by_role("button", name="Back to the original").click()
    expect(create.field("Picture").get_by_role("link")).to_have_attribute("href", "/cozygen/input/file?path=hill.png")


def test_crop_by_ratio_and_drag(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    editor = _opened(create, studio)
    editor.get_by_role("button", name="1:1").click()
    expect(editor.get_by_text("120 × 120")).to_be_visible()
    handle = editor.get_by_role("button", name="Top left corner").bounding_box()
    assert handle is not None
    x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
    create.page.mouse.move(x, y)
    create.page.mouse.down()
    create.page.mouse.move(x + 150, y + 150, steps=4)
    create.page.mouse.up()
    expect(editor.get_by_text("120 × 120")).to_have_count(0)
    with Image.open(_kept(create, studio, editor)) as made:
        assert made.width < 120
        assert abs(made.width - made.height) <= 1


@pytest.mark.parametrize("profile", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_a_mask_is_the_transparency(new_page: NewPage, studio: Studio, profile: dict[str, Any]) -> None:
    create = new_page(profile, reduced_motion="reduce")
    editor = _opened(create, studio)
    editor.get_by_role("tab", name="Mask").click()
    mask = editor.get_by_role("application")
    assert violations(create) == []
    box = mask.bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    create.page.mouse.move(x - 30, y)
    create.page.mouse.down()
    create.page.mouse.move(x + 30, y, steps=5)
    create.page.mouse.up()
    editor.get_by_role("button", name="Invert").click()
    editor.get_by_role("button", name="Undo").click()
    with Image.open(_kept(create, studio, editor)) as made:
        assert (made.mode, made.size) == ("RGBA", SIZE)
        assert made.getchannel("A").getpixel((80, 60)) == 0
        assert made.getchannel("A").getpixel((2, 2)) == 255
        assert made.convert("RGB").getpixel((79, 60)) == (255, 0, 0)  # the picture is whole below the mask

    create.field("Picture").get_by_role("button", name="Edit", exact=True).click()
    editor.get_by_role("tab", name="Mask").click()
    editor.get_by_role("button", name="Invert").click()
    with Image.open(_kept(create, studio, editor)) as made:
        assert made.getchannel("A").getpixel((80, 60)) == 255
        assert made.getchannel("A").getpixel((2, 2)) == 0


def test_a_mask_on_a_cropped_photo_that_is_turned(new_page: NewPage, studio: Studio) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right
    create = new_page()
    editor = _opened(create, studio, "photo.jpg", exif=exif, quality=95)
    expect(editor.get_by_text("120 × 160")).to_be_visible()
    editor.get_by_role("tab", name="Mask").click()
    editor.get_by_role("application").press("Space")
    path = _kept(create, studio, editor)
    with Image.open(path) as made:
        assert made.size == (120, 160)
        assert made.getchannel("A").getpixel((60, 80)) == 0
        assert made.getchannel("R").getpixel((60, 5)) > made.getchannel("B").getpixel((60, 5))  # type: ignore[operator]


def test_leaving_asks(new_page: NewPage, studio: Studio) -> None:
    create = new_page()
    editor = _opened(create, studio)
    editor.get_by_role("button", name="Mirror").click()
    create.page.keyboard.press("Escape")
    editor.get_by_role("button", name="Keep editing").click()
    editor.get_by_role("button", name="Leave without saving").click()
    editor.get_by_role("button", name="Discard").click()
    expect(editor).to_be_hidden()
    expect(create.field("Picture").get_by_role("button", name="Back to the original")).to_have_count(0)
