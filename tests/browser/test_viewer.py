"""The viewer: browse, look closely, know how it was made, go on from there."""

from __future__ import annotations

import json
import os
import re
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin
from playwright.sync_api import expect

from tests.browser.conftest import DESKTOP, PHONE, NewPage
from tests.browser.page import PATIENCE
from tests.browser.studio import Studio
from tests.browser.test_access import violations
from tests.browser.test_phone import SMALL_TARGETS, THUMB
from tests.browser.viewer_page import ViewerPage

NAMES = ["c.png", "b.png", "a.png"]
"""Newest first."""

COLOURS = {"a.png": (150, 60, 50), "b.png": (40, 110, 90), "c.png": (50, 70, 140)}


def graph(seed: int, prompt: str) -> dict[str, Any]:
    """What ComfyUI embeds into a picture."""
    return {
        "3": {
            "class_type": "KSampler",
            "inputs": {
                "seed": seed, "steps": 20, "cfg": 6.5, "sampler_name": "euler", "scheduler": "karras", "denoise": 1.0,
                "model": ["5", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["8", 0],
            },
        },
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "night.safetensors"}},
        "5": {
            "class_type": "LoraLoader",
            "inputs": {
                "lora_name": "lamp.safetensors", "strength_model": 0.8, "strength_clip": 0.8, "model": ["4", 0],
                "clip": ["4", 1],
            },
        },
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": prompt, "clip": ["5", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["5", 1]}},
        "8": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
    }  # fmt: skip


@pytest.fixture
def folder(studio: Studio, request: pytest.FixtureRequest) -> str:
    """A folder with three pictures from elsewhere, of this test's own."""
    name = re.sub(r"\W+", "-", request.node.name)
    target = studio.data / "output" / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for age, file in enumerate(NAMES):
        info = PngImagePlugin.PngInfo()
        info.add_text("prompt", json.dumps(graph(2**63 + age, f"a (lamp:1.2) at night, {file}")))
        path = target / file
        Image.new("RGB", (600, 800), COLOURS[file]).save(path, pnginfo=info)
        _age(path, 100 * age)
    return name


def _age(path: Path, seconds: int) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


@pytest.fixture(scope="module")
def made(studio: Studio) -> dict[str, Any]:
    """A finished render of the studio's own."""
    form = studio.workflow("text-to-image")
    small = {f["key"]: 128 for f in form["fields"] if f["type"] == "int" and (f["max"] or 0) >= 512}
    small = {key: value for key, value in small.items() if key != "Seed"}
    body = {"workflow": form["workflow"], "values": {"Prompt": "a red boat, (a calm sea:1.1)", "Seed": 4711, **small}}
    (job,) = studio.send("POST", "/cozygen/api/jobs", body)["jobs"]
    deadline = time.monotonic() + PATIENCE / 1000
    while job["status"] != "done":
        assert time.monotonic() < deadline and job["status"] in ("queued", "running"), job
        time.sleep(0.1)
        job = studio.get(f"/cozygen/api/jobs/{job['id']}")
    return dict(job)


def view(new_page: NewPage, profile: dict[str, Any] = DESKTOP, **options: Any) -> ViewerPage:
    create = new_page(profile, reduced_motion="reduce", **options)
    return ViewerPage(create.page, create.url)


def path_of(job: dict[str, Any]) -> str:
    output = job["outputs"][0]
    return f"{output['subfolder']}/{output['filename']}" if output["subfolder"] else str(output["filename"])


def notes(studio: Studio, folder: str, file: str) -> dict[str, Any]:
    return dict(studio.get(f"/cozygen/api/gallery/marks?subfolder={folder}&filename={file}"))


def test_browse_and_look_closely_with_the_keyboard_and_the_mouse(new_page: NewPage, folder: str) -> None:
    viewer = view(new_page)
    viewer.open(f"{folder}/b.png")
    viewer.shows("b.png")
    viewer.is_at("2 of 3")
    for key, name in (("ArrowRight", "a.png"), ("Home", "c.png"), ("End", "a.png"), ("ArrowLeft", "b.png")):
        viewer.page.keyboard.press(key)
        viewer.shows(name)
        expect(viewer.page).to_have_url(re.compile(f"/view/{folder}/{name}$"))
    viewer.button("Next file").click()
    viewer.shows("a.png")
    expect(viewer.button("Next file")).to_have_count(0)

    viewer.page.keyboard.press("+")
    expect(viewer.stage).to_have_attribute("data-scale", "1.50")
    viewer.page.keyboard.press("0")
    expect(viewer.stage).to_have_attribute("data-scale", "1.00")
    viewer.page.mouse.move(*viewer.middle())
    viewer.page.mouse.wheel(0, -400)
    expect(viewer.stage).not_to_have_attribute("data-scale", "1.00")
    picture = viewer.current.locator("img[data-whole]")
    before = picture.bounding_box()
    x, y = viewer.middle()
    viewer.page.mouse.down()
    viewer.page.mouse.move(x, y + 40, steps=4)
    viewer.page.mouse.up()
    after = picture.bounding_box()
    assert before is not None and after is not None and 20 < after["y"] - before["y"] <= 41
    viewer.page.mouse.dblclick(x, y)
    expect(viewer.stage).to_have_attribute("data-scale", "1.00")
    viewer.page.mouse.dblclick(x, y)
    expect(viewer.stage).not_to_have_attribute("data-scale", "1.00")

    viewer.page.keyboard.press("Escape")
    expect(viewer.stage).to_have_attribute("data-scale", "1.00")
    viewer.page.keyboard.press("Escape")
    expect(viewer.dialog).to_have_count(0)
    expect(viewer.page).to_have_url(re.compile(f"/gallery\\?folder={folder}$"))


def test_swipe_pinch_and_tap_on_a_phone(new_page: NewPage, folder: str) -> None:
    viewer = view(new_page, PHONE)
    viewer.open(f"{folder}/c.png")
    viewer.shows("c.png")
    viewer.is_at("1 of 3")
    viewer.swipe(-220)
    viewer.shows("b.png")
    viewer.swipe(220)
    viewer.shows("c.png")
    viewer.swipe(220)  # there is nothing before the first
    viewer.shows("c.png")

    viewer.pinch(60, 240)
    expect(viewer.stage).to_have_attribute("data-scale", "4.00")
    viewer.swipe(-200)  # moves the picture, not to the next one
    viewer.shows("c.png")
    viewer.pinch(240, 40)
    expect(viewer.stage).to_have_attribute("data-scale", "1.00")
    viewer.tap(2)
    expect(viewer.stage).to_have_attribute("data-scale", "2.50")
    viewer.tap(2)
    expect(viewer.stage).to_have_attribute("data-scale", "1.00")

    viewer.tap()
    expect(viewer.button("Close the viewer")).to_have_count(0)
    viewer.tap()
    expect(viewer.button("Close the viewer")).to_be_visible()
    viewer.swipe(0, -160)
    expect(viewer.details).to_be_visible()
    viewer.button("Close the details").tap()
    viewer.swipe(0, 200)
    expect(viewer.dialog).to_have_count(0)


def test_how_a_file_was_made_can_be_read_and_copied(new_page: NewPage, folder: str) -> None:
    viewer = view(new_page, permissions=["clipboard-read", "clipboard-write"])
    viewer.open(f"{folder}/c.png")
    details = viewer.details
    expect(details.get_by_text("a (lamp:1.2) at night, c.png")).to_be_visible()
    for label, value in (("Model", "night"), ("LoRA", "lamp"), ("Sampler", "euler"), ("Size", "512 × 768")):
        expect(details.locator("dl > div").filter(has_text=label).filter(has_text=value)).to_be_visible()
    clipboard = "navigator.clipboard.readText()"
    details.get_by_role("button", name="Copy Seed").click()
    expect(viewer.page.get_by_text("Copied.")).to_be_visible()
    assert viewer.page.evaluate(clipboard) == str(2**63)
    details.get_by_role("button", name="Copy all").click()
    viewer.page.wait_for_function(f"async () => (await {clipboard}).includes('Steps: 20')")
    text = viewer.page.evaluate(clipboard)
    assert text.startswith("Prompt: a (lamp:1.2) at night, c.png\nNegative prompt: blurry\n")
    assert f"Seed: {2**63}" in text and "0.8" in text

    details.get_by_role("button", name="Workflow").click()
    sheet = viewer.page.get_by_role("dialog", name="Workflow")
    expect(sheet.get_by_role("region", name="Workflow")).to_contain_text(f'"seed": {2**63}')
    with viewer.page.expect_download() as download:
        sheet.get_by_role("button", name="Download").click()
    assert download.value.suggested_filename == "c.api.json"
    assert json.loads(download.value.path().read_text("utf-8")) == graph(2**63, "a (lamp:1.2) at night, c.png")
    viewer.page.keyboard.press("Escape")
    with viewer.page.expect_download() as download:
        details.get_by_role("link", name="Download without metadata").click()
    with Image.open(download.value.path()) as picture:
        assert picture.size == (600, 800) and "prompt" not in picture.info


def test_favourites_ratings_tags_and_albums(new_page: NewPage, studio: Studio, folder: str) -> None:
    viewer = view(new_page)
    viewer.open(f"{folder}/b.png")
    viewer.shows("b.png")
    viewer.page.keyboard.press("f")
    expect(viewer.button("Favourite")).to_have_attribute("aria-pressed", "true")
    viewer.page.keyboard.press("4")
    expect(viewer.details.get_by_role("button", name="4 stars")).to_have_attribute("aria-pressed", "true")
    tag = viewer.details.get_by_role("combobox", name="Add a tag")
    tag.fill("for  the wall 5")  # digits are typed here, not rated
    tag.press("Enter")
    expect(viewer.details.get_by_role("list", name="Tags")).to_contain_text("for the wall 5")
    viewer.details.get_by_role("combobox", name="Put into an album").select_option("new")
    viewer.details.get_by_role("textbox", name="Name of the new album").fill(folder)
    viewer.details.get_by_role("button", name="Make the album").click()
    expect(viewer.details.get_by_role("list", name="Albums")).to_contain_text(folder)

    viewer.page.reload()
    expect(viewer.button("Favourite")).to_have_attribute("aria-pressed", "true")
    kept = notes(studio, folder, "b.png")
    assert (kept["favorite"], kept["rating"], kept["tags"]) == (True, 4, ["for the wall 5"])
    assert [album["name"] for album in kept["albums"]] == [folder]
    viewer.details.get_by_role("button", name="Remove the tag for the wall 5").click()
    viewer.details.get_by_role("button", name=f"Take out of {folder}").click()
    expect(viewer.details.get_by_role("list", name="Albums")).to_have_count(0)
    assert (notes(studio, folder, "b.png")["tags"], notes(studio, folder, "b.png")["albums"]) == ([], [])


def test_delete_and_undo(new_page: NewPage, studio: Studio, folder: str) -> None:
    viewer = view(new_page)
    viewer.open(f"{folder}/b.png")
    viewer.shows("b.png")
    viewer.is_at("2 of 3")
    viewer.page.keyboard.press("Delete")
    viewer.shows("a.png")
    viewer.is_at("2 of 2")
    assert not (studio.data / "output" / folder / "b.png").exists()
    viewer.page.get_by_role("button", name="Undo").click()
    expect(viewer.page.get_by_text("b.png is back.")).to_be_visible()
    viewer.is_at("3 of 3")
    viewer.shows("a.png")
    viewer.page.keyboard.press("ArrowLeft")
    viewer.shows("b.png")


def test_render_again_and_with_another_prompt(new_page: NewPage, studio: Studio, made: dict[str, Any]) -> None:
    viewer = view(new_page)
    viewer.open(path_of(made))
    viewer.details.get_by_role("button", name="Tweak the prompt").click()
    sheet = viewer.page.get_by_role("dialog", name="Tweak the prompt")
    expect(sheet.get_by_role("button", name="Render")).to_be_disabled()
    sheet.get_by_role("button", name="More of a calm sea").click()
    expect(sheet.get_by_role("status", name="Weight of a calm sea")).to_have_text("1.15")
    sheet.get_by_role("button", name="Edit a red boat").click()
    box = sheet.get_by_role("textbox", name="Edit a red boat")
    box.fill("a blue boat")
    box.press("Enter")
    more = sheet.get_by_role("textbox", name="Add an element: Prompt", exact=True)
    more.fill("stars")
    more.press("Enter")
    sheet.get_by_role("button", name="Render").click()
    expect(sheet).to_be_hidden()
    expect(viewer.page.get_by_text("Queued.")).to_be_visible()
    (job,) = studio.get("/cozygen/api/jobs?limit=1")["items"]
    assert job["values"] == {**made["values"], "Prompt": "a blue boat, (a calm sea:1.15), stars"}
    show = viewer.page.get_by_role("button", name="Show", exact=True)
    expect(show).to_be_visible(timeout=PATIENCE)
    show.click()
    expect(viewer.details.get_by_text("a blue boat, (a calm sea:1.15), stars")).to_be_visible()

    with viewer.page.expect_response(re.compile("/recipe/render$")) as answer:
        viewer.details.get_by_role("button", name="New seed").click()
    (again,) = answer.value.json()["jobs"]
    assert again["values"] == {**job["values"], "Seed": again["values"]["Seed"]}
    assert again["values"]["Seed"] != 4711


def test_remix_opens_create_with_the_exact_values(new_page: NewPage, made: dict[str, Any]) -> None:
    create = new_page(reduced_motion="reduce")
    viewer = ViewerPage(create.page, create.url)
    viewer.open(path_of(made))
    viewer.details.get_by_role("button", name="Remix").click()
    expect(create.page).to_have_url(re.compile(f"/create/{made['workflow']}"))
    prompt = create.field("Prompt").locator("textarea")
    expect(prompt).to_have_value("a red boat, (a calm sea:1.1)")
    expect(create.field("Seed").locator("input:not([type=range])").first).to_have_value("4711")


def test_a_file_as_the_start_of_another_render(new_page: NewPage, studio: Studio, folder: str) -> None:
    create = new_page(PHONE, reduced_motion="reduce")
    viewer = ViewerPage(create.page, create.url)
    viewer.open(f"{folder}/a.png")
    viewer.show_details()
    viewer.details.get_by_role("button", name="Use as input").tap()
    form = studio.workflow("image-to-image")
    sheet = viewer.page.get_by_role("dialog", name="Start which workflow from it?")
    sheet.get_by_role("button", name=form["title"]).tap()
    expect(create.page).to_have_url(re.compile(f"/create/{form['workflow']}"))
    expect(create.page.get_by_role("img", name="a.png").or_(create.page.get_by_text("a.png")).first).to_be_visible()


def test_compare(new_page: NewPage, folder: str) -> None:
    viewer = view(new_page)
    viewer.open(f"{folder}/c.png")
    viewer.shows("c.png")
    viewer.is_at("1 of 3")
    viewer.page.keyboard.press("c")
    divider = viewer.dialog.get_by_role("slider", name="Divider")
    expect(divider).to_have_value("50")
    divider.press("ArrowRight")
    expect(divider).to_have_value("50.5")
    viewer.dialog.get_by_text("What differs").click()
    table = viewer.dialog.get_by_role("table")
    expect(table.get_by_role("row", name=f"Seed {2**63} {2**63 + 1}")).to_be_visible()
    expect(table.get_by_role("row", name="Steps 20 (the same in all)")).to_be_visible()

    viewer.dialog.get_by_role("button", name="Side by side").click()
    viewer.dialog.get_by_role("button", name="Compare a.png").click()
    panes = viewer.dialog.get_by_role("figure")
    expect(panes).to_have_count(3)
    box = panes.nth(1).bounding_box()
    assert box is not None
    viewer.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    viewer.page.mouse.wheel(0, -300)
    pane = panes.locator("[data-scale]")
    expect(pane.first).not_to_have_attribute("data-scale", "1.00")
    assert len({pane.nth(place).get_attribute("data-scale") for place in range(3)}) == 1
    viewer.page.keyboard.press("Escape")
    expect(divider).to_have_count(0)
    expect(viewer.dialog).to_be_visible()


def test_a_film_plays(new_page: NewPage, studio: Studio) -> None:
    form = studio.workflow("text-to-video")
    least = {f["key"]: max(f["min"], 128 if (f["max"] or 0) >= 512 else 8) for f in form["fields"] if f["type"] == "int"
             and not f["can_randomize"] and f["min"] is not None}  # fmt: skip
    (job,) = studio.send("POST", "/cozygen/api/jobs", {"workflow": form["workflow"], "values": least})["jobs"]
    deadline = time.monotonic() + PATIENCE / 1000
    while job["status"] in ("queued", "running"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
        job = studio.get(f"/cozygen/api/jobs/{job['id']}")
    viewer = view(new_page)
    viewer.open(path_of(job))
    film = viewer.current.locator("video")
    expect(viewer.button("Play")).to_be_visible()
    viewer.page.keyboard.press("Space")
    expect(viewer.button("Pause")).to_be_visible()
    assert film.evaluate("film => film.loop && film.muted && !film.paused")
    viewer.page.keyboard.press("Space")
    expect(viewer.button("Play")).to_be_visible()
    viewer.dialog.get_by_role("combobox", name="Speed").select_option("0.5")
    viewer.button("Sound").click()
    viewer.button("Play again and again").click()
    assert film.evaluate("film => [film.playbackRate, film.muted, film.loop]") == [0.5, False, False]
    position = viewer.dialog.get_by_role("slider", name="Position")
    position.focus()
    position.press("End")
    viewer.page.wait_for_function("() => { const f = document.querySelector('video'); return f.currentTime > 0.2 }")
    with viewer.page.expect_response(re.compile("/cozygen/api/scrub")) as strip:
        position.hover()
    assert strip.value.ok
    expect(viewer.dialog.locator("[data-peek]")).to_be_visible()


def test_a_file_that_is_not_there(new_page: NewPage) -> None:
    viewer = view(new_page)
    viewer.page.goto(f"{viewer.url}view/nowhere/none.png")
    expect(viewer.page.get_by_text("There is no such file.")).to_be_visible()
    viewer.page.get_by_role("button", name="Go to the gallery").click()
    expect(viewer.page).to_have_url(re.compile("/gallery$"))


def test_the_page_below_is_out_of_reach(new_page: NewPage, folder: str) -> None:
    viewer = view(new_page)
    viewer.open(f"{folder}/c.png")
    viewer.shows("c.png")
    for _ in range(60):
        viewer.page.keyboard.press("Tab")
        outside = viewer.page.evaluate(
            "document.activeElement !== document.body && !document.activeElement.closest('[role=dialog]')"
        )
        assert not outside


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("profile", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_barriers(
    new_page: NewPage, folder: str, made: dict[str, Any], profile: dict[str, Any], theme: str
) -> None:  # fmt: skip
    create = new_page(profile, color_scheme=theme, reduced_motion="reduce")
    viewer = ViewerPage(create.page, create.url)
    viewer.open(path_of(made))
    viewer.show_details()
    expect(viewer.details.get_by_role("heading", name="Parameters")).to_be_visible()
    assert violations(create) == []
    if profile is PHONE:
        assert create.page.evaluate(SMALL_TARGETS, THUMB) == []
        assert create.overflow() <= 0
    viewer.details.get_by_role("button", name="Tweak the prompt").click()
    expect(create.page.get_by_role("dialog", name="Tweak the prompt")).to_be_visible()
    assert violations(create) == []
    create.page.keyboard.press("Escape")
    viewer.details.get_by_role("button", name="Compare").click()
    expect(viewer.dialog.get_by_role("heading", name="Compare")).to_be_visible()
    viewer.dialog.get_by_text("What differs").or_(viewer.dialog.get_by_text("Choose at least two files.")).first.click()
    assert violations(create) == []
