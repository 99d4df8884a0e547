"""What the core nodes load and save."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from cozygen.engines.embedded.registry import load_nodes
from cozygen.nodes.host import Clip, Interrupted
from cozygen.nodes.locate import FileRefused

CLASSES = load_nodes().classes
PROMPT = {"1": {"class_type": "SaveImage", "inputs": {"filename_prefix": "Bär"}}}
EXTRA = {"workflow": {"nodes": [1]}, "cozygen_prompt_raw": {"1.text": "$a$"}}
HISTORY = {"prompt": PROMPT, "extra_pnginfo": EXTRA}


def run(name: str, *arguments: Any, **inputs: Any) -> Any:
    node = CLASSES[name]()
    return getattr(node, node.FUNCTION)(*arguments, **inputs)


def noise(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).random(shape, dtype=np.float32)


def saved(host: Any, result: Any) -> Path:
    """The only file that a node says that it saved."""
    (entry,) = result["ui"]["images"]
    assert set(entry) == {"filename", "subfolder", "type"}
    path: Path = host.base / entry["type"] / entry["subfolder"] / entry["filename"]
    return path


def test_a_saved_picture_can_be_loaded(host: Any) -> None:
    images = noise(2, 5, 7, 3)
    result = run("SaveImage", images, "sub/a", **HISTORY)
    assert [entry["filename"] for entry in result["ui"]["images"]] == ["a_00001_.png", "a_00002_.png"]
    image, mask = run("LoadImage", "sub/a_00002_.png [output]")
    np.testing.assert_allclose(image[0], images[1], atol=1 / 255)
    assert mask.shape == (1, 64, 64)
    assert not mask.any()
    with Image.open(host.base / "output" / "sub" / "a_00002_.png") as picture:
        texts = {key: json.loads(value) for key, value in picture.text.items()}  # type: ignore[attr-defined]
    assert texts == {"prompt": PROMPT, **EXTRA}


def test_previews_go_to_the_temporary_folder(host: Any, files: Any) -> None:
    first = saved(host, run("PreviewImage", noise(1, 2, 2, 3), **HISTORY))
    second = saved(host, run("MaskPreview", noise(1, 2, 2), **HISTORY))
    for path in (first, second):
        assert path.parent == host.base / "temp"
        assert path.is_file()
        assert path.name.startswith("ComfyUI_temp_")
        assert path.name.endswith("_00001_.png")
    assert first != second
    assert files() == ([], [])


def test_transparency_is_a_mask_of_its_size(host: Any) -> None:
    Image.new("RGBA", (3, 2), (255, 0, 0, 0)).save(host.base / "input" / "a.png")
    image, mask = run("LoadImage", "a.png")
    assert image.shape == (1, 2, 3, 3)
    np.testing.assert_array_equal(mask, np.ones((1, 2, 3)))


@pytest.mark.parametrize(("channel", "value"), [("red", 1.0), ("green", 0.2), ("blue", 0.0), ("alpha", 0.8)])
def test_a_channel_is_a_mask(host: Any, channel: str, value: float) -> None:
    Image.new("RGBA", (3, 2), (255, 51, 0, 51)).save(host.base / "input" / "a.png")
    (mask,) = run("LoadImageMask", "a.png", channel)
    assert mask.shape == (1, 2, 3)
    np.testing.assert_allclose(mask, value, atol=1e-6)


def test_an_opaque_picture_masks_nothing(host: Any) -> None:
    Image.new("RGB", (3, 2), "white").save(host.base / "input" / "a.png")
    (mask,) = run("LoadImageMask", "a.png", "alpha")
    assert mask.tolist() == [[[0, 0, 0], [0, 0, 0]]]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("LoadImage", "image"), ("LoadImageMask", "image"), ("LoadImageOutput", "image"), ("LoadVideo", "video")],
)
def test_files_are_checked_before_the_run(host: Any, name: str, kind: str) -> None:
    (host.base / "input" / "bad").write_bytes(b"nothing")
    validate = CLASSES[name].VALIDATE_INPUTS
    assert validate("gone.png") == f'Invalid {kind} file: gone.png. There is no file "gone.png" in the input folder.'
    assert validate("bad").startswith(f"Invalid {kind} file: bad. The ")
    assert validate("../../etc/passwd").endswith("leads out of its folder.")
    assert validate(None) is True


def test_good_files_pass(host: Any) -> None:
    Image.new("RGB", (3, 2)).save(host.base / "input" / "a.png")
    for name in ("LoadImage", "LoadImageMask"):
        assert CLASSES[name].VALIDATE_INPUTS("a.png") is True
        assert CLASSES[name].IS_CHANGED(image="a.png") == CLASSES["LoadImage"].IS_CHANGED("a.png")


def test_lists_of_files_are_those_of_the_input_folder(host: Any) -> None:
    Image.new("RGB", (3, 2)).save(host.base / "input" / "a.png")
    (host.base / "input" / "b.mp4").write_bytes(b"")
    assert CLASSES["LoadImage"].INPUT_TYPES()["required"]["image"][0] == ["a.png"]
    assert CLASSES["LoadImageMask"].INPUT_TYPES()["required"]["image"][0] == ["a.png", "b.mp4"]
    assert CLASSES["LoadVideo"].INPUT_TYPES()["required"]["file"][1]["options"] == ["b.mp4"]


@pytest.mark.parametrize("lossless", [True, False])
def test_an_animated_webp(host: Any, lossless: bool) -> None:
    images = noise(3, 8, 9, 3)
    result = run("SaveAnimatedWEBP", images, 8.0, "a", lossless, 80, "fastest", **HISTORY)
    assert result["ui"]["animated"] == (True,)
    path = saved(host, result)
    assert path.name == "a_00001_.webp"
    with Image.open(path) as picture:
        assert picture.n_frames == 3  # type: ignore[attr-defined]
        exif = picture.getexif()
        picture.seek(2)
        picture.load()
        if lossless:
            np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), (images[2] * 255).astype(np.uint8))
        assert picture.info["duration"] == 125
    assert json.loads(exif[0x0110].removeprefix("prompt:")) == PROMPT
    assert json.loads(exif[0x010F].removeprefix("workflow:")) == EXTRA["workflow"]
    assert json.loads(exif[0x010E].removeprefix("cozygen_prompt_raw:")) == EXTRA["cozygen_prompt_raw"]


def test_an_animated_png(host: Any) -> None:
    images = noise(3, 8, 9, 4)
    path = saved(host, run("SaveAnimatedPNG", images, 4.0, 4, "a", **HISTORY))
    with Image.open(path) as picture:
        assert (picture.n_frames, picture.mode) == (3, "RGBA")  # type: ignore[attr-defined]
        for number in range(3):
            picture.seek(number)
            np.testing.assert_array_equal(np.asarray(picture), (images[number] * 255).astype(np.uint8))
        assert picture.info["duration"] == 250
        chunks = [chunk[1] for chunk in picture.private_chunks if chunk[0] == b"comf"]  # type: ignore[attr-defined]
    texts = dict(chunk.split(b"\0", 1) for chunk in chunks)
    assert {key.decode(): json.loads(value) for key, value in texts.items()} == {"prompt": PROMPT, **EXTRA}


@pytest.mark.parametrize("name", ["SaveAnimatedWEBP", "SaveAnimatedPNG"])
def test_a_single_frame_is_no_animation(host: Any, name: str) -> None:
    more = {"lossless": True, "quality": 80, "method": "default"} if name.endswith("WEBP") else {"compress_level": 4}
    result = run(name, images=noise(1, 1, 1, 3), fps=6.0, filename_prefix="a", **more)
    assert result["ui"]["animated"] == (False,)
    with Image.open(saved(host, result)) as picture:
        assert picture.size == (1, 1)


@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        ("SaveImage", {}),
        ("SaveAnimatedWEBP", {"fps": 6.0, "lossless": True, "quality": 80, "method": "fastest"}),
        ("SaveAnimatedPNG", {"fps": 6.0, "compress_level": 0}),
        ("SaveWEBM", {"codec": "vp9", "fps": 24.0, "crf": 32.0}),
    ],
)
def test_saving_can_be_cancelled(host: Any, files: Any, name: str, inputs: dict[str, Any]) -> None:
    host.stop_at = 2
    with pytest.raises(Interrupted):
        run(name, images=noise(30, 16, 16, 3), filename_prefix="a", **inputs)
    whole, hidden = files()
    assert whole == (["a_00001_.png", "a_00002_.png"] if name == "SaveImage" else [])
    assert hidden == []


def test_a_video_there_and_back(host: Any) -> None:
    images = np.linspace(0, 1, 6, dtype=np.float32)[:, None, None, None] * np.ones((1, 32, 32, 3), np.float32)
    audio = {"waveform": np.zeros((1, 1, 24000), np.float32), "sample_rate": 24000}
    (clip,) = run("CreateVideo", images, 12.0, audio)
    result = run("SaveVideo", clip, "video/a", "auto", "auto", **HISTORY)
    assert result["ui"]["animated"] == (True,)
    path = saved(host, result)
    assert path == host.base / "output" / "video" / "a_00001_.mp4"
    with av.open(str(path)) as container:
        tags = {key: json.loads(container.metadata[key]) for key in ("prompt", *EXTRA)}
    assert tags == {"prompt": PROMPT, **EXTRA}
    (loaded,) = run("LoadVideo", "video/a_00001_.mp4 [output]")
    frames, sound, fps = run("GetVideoComponents", loaded)
    np.testing.assert_allclose(frames, images, atol=0.03)
    assert fps == 12
    assert sound["waveform"].shape[:2] == (1, 1)
    assert CLASSES["LoadVideo"].VALIDATE_INPUTS("video/a_00001_.mp4 [output]") is True
    stamp = CLASSES["LoadVideo"].IS_CHANGED("video/a_00001_.mp4 [output]")
    assert stamp == CLASSES["LoadVideo"].IS_CHANGED(file="video/a_00001_.mp4 [output]")


def test_a_webm(host: Any) -> None:
    path = saved(host, run("SaveWEBM", noise(3, 16, 18, 3), "a", "vp9", 24.0, 32.0, **HISTORY))
    with av.open(str(path)) as container:
        tags = {key.lower(): value for key, value in container.metadata.items()}
        assert json.loads(tags["workflow"]) == EXTRA["workflow"]
        assert sum(1 for _ in container.decode(video=0)) == 3


def test_a_video_without_pictures_is_an_error(host: Any) -> None:
    with pytest.raises(ValueError, match="no pictures"):
        run("SaveVideo", Clip(noise(0, 4, 4, 3), 24.0), "a", "auto", "auto")


def test_what_is_no_sound_is_said_at_once() -> None:
    with pytest.raises(ValueError, match="The audio has no waveform"):
        run("CreateVideo", noise(1, 4, 4, 3), 12.0, {"nothing": 1})


@pytest.mark.parametrize("prefix", ["../a", "/a", "x/../../a"])
@pytest.mark.parametrize("name", ["SaveImage", "SaveAnimatedPNG", "SaveAnimatedWEBP", "SaveWEBM", "SaveVideo"])
def test_prefixes_are_confined_everywhere(host: Any, files: Any, name: str, prefix: str) -> None:
    images = noise(1, 4, 4, 3)
    inputs: dict[str, dict[str, Any]] = {
        "SaveImage": {"images": images},
        "SaveAnimatedPNG": {"images": images, "fps": 6.0, "compress_level": 4},
        "SaveAnimatedWEBP": {"images": images, "fps": 6.0, "lossless": True, "quality": 80, "method": "default"},
        "SaveWEBM": {"images": images, "fps": 6.0, "codec": "vp9", "crf": 32.0},
        "SaveVideo": {"video": Clip(images, 6.0), "format": "auto", "codec": "auto"},
    }
    with pytest.raises(FileRefused, match="folder"):
        run(name, filename_prefix=prefix, **inputs[name])
    assert files() == ([], [])
