from __future__ import annotations

import json
import operator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image

from cozygen.nodes.classes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS
from cozygen.nodes.form_nodes import (
    CozyGenChoiceInput,
    CozyGenDynamicInput,
    CozyGenFloatInput,
    CozyGenImageInput,
    CozyGenIntInput,
)
from cozygen.nodes.host import Interrupted
from cozygen.nodes.locate import FileRefused
from cozygen.nodes.output_nodes import CozyGenVideoOutput
from cozygen.nodes.values import WrongValue

PROMPT = {"9": {"class_type": "CozyGenOutput", "inputs": {"filename_prefix": "é"}}}
EXTRA = {"workflow": {"nodes": [{"id": 9}]}, "cozygen_prompt_raw": {"3.text": "$hero$"}}


def pictures(frames: int = 3, height: int = 6, width: int = 8, channels: int = 3) -> Any:
    values = np.random.default_rng(3).random((frames, height, width, channels), dtype=np.float32)
    return values


def run(name: str, **inputs: Any) -> Any:
    node = NODE_CLASS_MAPPINGS[name]()
    return getattr(node, node.FUNCTION)(**inputs)


def dynamic(param_type: str, default_value: Any, **inputs: Any) -> Any:
    (value,) = run(
        "CozyGenDynamicInput",
        param_name="Steps",
        priority=1,
        param_type=param_type,
        default_value=default_value,
        **inputs,
    )
    return value


def test_there_are_eight_and_all_have_names() -> None:
    assert set(NODE_CLASS_MAPPINGS) == set(NODE_DISPLAY_NAME_MAPPINGS)
    assert len(NODE_CLASS_MAPPINGS) == 8
    for node in NODE_CLASS_MAPPINGS.values():
        declared = node.INPUT_TYPES()
        assert callable(getattr(node, node.FUNCTION))
        assert node.CATEGORY.startswith("CozyGen")
        assert node.RELATIVE_PYTHON_MODULE == "custom_nodes.cozygen"
        json.dumps([declared, node.RETURN_TYPES])


FORM_INPUTS = {
    "CozyGenDynamicInput": "param_name priority param_type default_value add_randomize_toggle choice_type display_bypass choices multiline min_value max_value step",
    "CozyGenFloatInput": "param_name priority default_value min_value max_value step add_randomize_toggle",
    "CozyGenIntInput": "param_name priority default_value min_value max_value step add_randomize_toggle",
    "CozyGenStringInput": "param_name priority default_value display_multiline",
    "CozyGenChoiceInput": "param_name priority choice_type default_choice display_bypass value",
    "CozyGenImageInput": "param_name image_filename priority",
    "CozyGenOutput": "images filename_prefix",
    "CozyGenVideoOutput": "images frame_rate loop_count filename_prefix format pingpong audio",
}


@pytest.mark.parametrize("name", FORM_INPUTS)
def test_inputs_have_the_names_and_the_order_of_the_widgets(name: str) -> None:
    declared = NODE_CLASS_MAPPINGS[name].INPUT_TYPES()
    names = [*declared["required"], *declared.get("optional", {})]
    assert names == FORM_INPUTS[name].split()


@pytest.mark.parametrize(
    ("param_type", "given", "expected"),
    [
        ("STRING", "a cat", "a cat"),
        ("INT", "20", 20),
        ("INT", "20.0", 20),
        ("INT", 1234, 1234),
        ("INT", "18446744073709551615", 2**64 - 1),
        ("FLOAT", "7.5", 7.5),
        ("FLOAT", "7", 7.0),
        ("BOOLEAN", "True", True),
        ("BOOLEAN", "false", False),
        ("DROPDOWN", "euler", "euler"),
        ("DROPDOWN", "", ""),
        ("int", "3", 3),
    ],
)
def test_a_dynamic_value_has_its_type(param_type: str, given: Any, expected: Any) -> None:
    value = dynamic(param_type, given)
    assert (value, type(value)) == (expected, type(expected))
    assert CozyGenDynamicInput.VALIDATE_INPUTS(given, param_type) is True


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({"param_type": "INT", "default_value": "abc"}, '"abc" is not a number'),
        ({"param_type": "INT", "default_value": "2.5"}, '"2.5" is not a whole number'),
        ({"param_type": "FLOAT", "default_value": "nan"}, '"nan" is not a number'),
        ({"param_type": "BOOLEAN", "default_value": "perhaps"}, '"perhaps" is neither true nor false'),
        (
            {"param_type": "INT", "default_value": "101", "min_value": 1.0, "max_value": 100.0},
            "101 is not between 1 and 100",
        ),
        (
            {"param_type": "FLOAT", "default_value": "-1", "min_value": 0.0, "max_value": 1.0},
            "-1 is not between 0 and 1",
        ),
        ({"param_type": "DROPDOWN", "default_value": "c", "choices": "a, b"}, '"c" is not one of the choices (a, b)'),
        (
            {"param_type": "MODEL", "default_value": ""},
            "param_type must be one of STRING, INT, FLOAT, BOOLEAN, DROPDOWN",
        ),
    ],
)
def test_a_wrong_dynamic_value_is_said_before_the_run_and_in_it(inputs: dict[str, Any], message: str) -> None:
    assert CozyGenDynamicInput.VALIDATE_INPUTS(**inputs) == message
    with pytest.raises(WrongValue) as caught:
        dynamic(**inputs)
    assert str(caught.value) == f"Steps: {message}"


def test_a_dropdown_without_a_value_has_its_first_choice() -> None:
    assert dynamic("DROPDOWN", "", choices="a, b") == "a"
    assert dynamic("DROPDOWN", "b", choices="a, b") == "b"


def test_equal_bounds_are_none() -> None:
    assert dynamic("INT", "5", min_value=0.0, max_value=0.0) == 5
    assert CozyGenDynamicInput.VALIDATE_INPUTS("5", "INT", 0.0, 0.0) is True


def test_linked_values_are_checked_when_they_are_known() -> None:
    assert CozyGenDynamicInput.VALIDATE_INPUTS(None, "INT") is True
    assert CozyGenDynamicInput.VALIDATE_INPUTS("x", None) is True
    assert CozyGenDynamicInput.VALIDATE_INPUTS("5", "INT", None, None, None) is True
    assert CozyGenFloatInput.VALIDATE_INPUTS(None, 0.0, 1.0) is True
    assert CozyGenIntInput.VALIDATE_INPUTS(5, None, 1) is True
    assert CozyGenChoiceInput.VALIDATE_INPUTS(None) is True
    assert CozyGenImageInput.VALIDATE_INPUTS(None) is True


def test_the_dynamic_output_fits_everything() -> None:
    (kind,) = CozyGenDynamicInput.RETURN_TYPES
    assert isinstance(kind, str)
    for other in ("INT", "IMAGE", ["a", "b"], "*"):
        assert kind == other
        assert operator.ne(kind, other) is False
    assert {kind: 1}[kind] == 1
    assert json.dumps([kind]) == '["*"]'


def test_a_rate_takes_whole_numbers_and_fractions() -> None:
    kind = CozyGenVideoOutput.INPUT_TYPES()["required"]["frame_rate"][0]
    assert kind == "FLOAT"
    assert [operator.ne(received, kind) for received in ("INT", "FLOAT", "IMAGE")] == [False, False, True]


def test_numbers() -> None:
    common = {"param_name": "p", "priority": 1, "add_randomize_toggle": False}
    assert run("CozyGenFloatInput", default_value=0.5, min_value=0.0, max_value=1.0, step=0.1, **common) == (0.5,)
    (seed,) = run("CozyGenIntInput", default_value=2**64 - 1, min_value=0, max_value=2**64 - 1, step=1, **common)
    assert seed == 2**64 - 1
    with pytest.raises(WrongValue, match="p: 2 is not between 0 and 1"):
        run("CozyGenFloatInput", default_value=2.0, min_value=0.0, max_value=1.0, step=0.1, **common)
    assert CozyGenIntInput.VALIDATE_INPUTS(11, 0, 10) == "11 is not between 0 and 10"
    assert CozyGenFloatInput.VALIDATE_INPUTS(11.0, 0.0, 10.0) == "11 is not between 0 and 10"
    assert CozyGenIntInput.VALIDATE_INPUTS(11, 0, 0) is True


def test_text() -> None:
    assert run("CozyGenStringInput", param_name="p", priority=1, default_value="a\nb", display_multiline=True) == (
        "a\nb",
    )


@pytest.mark.parametrize(
    ("value", "default", "chosen"),
    [
        ("v", "d", "v"),
        ("", "d", "d"),
        ("none", "d", "d"),
        ("None", "d", "d"),
        ("None", "", "None"),
        ("", "None", "None"),
    ],
)
def test_a_choice_falls_back_on_its_default(value: str, default: str, chosen: str) -> None:
    common = {"param_name": "p", "priority": 1, "choice_type": "loras", "display_bypass": False}
    assert run("CozyGenChoiceInput", default_choice=default, value=value, **common) == (chosen,)
    assert CozyGenChoiceInput.VALIDATE_INPUTS(default, value) is True


def test_nothing_chosen_is_said() -> None:
    assert CozyGenChoiceInput.VALIDATE_INPUTS("", "") == "nothing is chosen"
    with pytest.raises(WrongValue, match="p: nothing is chosen"):
        run("CozyGenChoiceInput", param_name="p", priority=1, choice_type="", default_choice="", display_bypass=False)


def test_a_picture_and_what_is_transparent(host: Any) -> None:
    pixels = np.array([[[255, 0, 0, 255], [0, 255, 0, 51]]], np.uint8)
    (host.base / "input" / "sub").mkdir()
    Image.fromarray(pixels).save(host.base / "input" / "sub" / "a.png")
    image, mask = run("CozyGenImageInput", param_name="p", image_filename="sub/a.png")
    assert (image.shape, image.dtype) == ((1, 1, 2, 3), np.float32)
    assert image[0].tolist() == [[[1, 0, 0], [0, 1, 0]]]
    np.testing.assert_allclose(mask, [[[0, 0.8]]], atol=1e-6)


def test_an_opaque_picture_has_a_mask_of_its_size(host: Any) -> None:
    Image.new("RGB", (5, 4)).save(host.base / "output" / "o.png")
    image, mask = run("CozyGenImageInput", param_name="p", image_filename="output::::o.png")
    assert (image.shape, mask.shape) == ((1, 4, 5, 3), (1, 4, 5))
    assert not mask.any()


def test_a_missing_picture_is_said_before_the_run_and_in_it(host: Any) -> None:
    message = 'There is no file "sub/a.png" in the input folder.'
    assert CozyGenImageInput.VALIDATE_INPUTS("sub/a.png") == message
    with pytest.raises(FileRefused, match=message):
        run("CozyGenImageInput", param_name="p", image_filename="sub/a.png")
    assert CozyGenImageInput.VALIDATE_INPUTS("") == "No file is chosen."


def test_an_unreadable_picture_is_said_before_the_run(host: Any) -> None:
    (host.base / "input" / "a.png").write_bytes(b"nothing")
    assert CozyGenImageInput.VALIDATE_INPUTS("a.png") == 'The file "a.png" is not a picture that can be read.'


def test_a_picture_changes_with_its_content(host: Any) -> None:
    path = host.base / "input" / "a.png"
    Image.new("RGB", (2, 2)).save(path)
    before = CozyGenImageInput.IS_CHANGED(image_filename="a.png", param_name="p")
    assert CozyGenImageInput.IS_CHANGED(image_filename="a.png") == before
    Image.new("RGB", (2, 2), "red").save(path)
    assert CozyGenImageInput.IS_CHANGED(image_filename="a.png") != before


def test_an_output_writes_pngs_with_their_history_and_says_so(host: Any, files: Any) -> None:
    images = pictures()
    result = run("CozyGenOutput", images=images, filename_prefix="My art/a b", prompt=PROMPT, extra_pnginfo=EXTRA)
    saved = [{"filename": f"a b_0000{n}_.png", "subfolder": "My art", "type": "output"} for n in (1, 2, 3)]
    assert result == {"ui": {"images": saved}}
    urls = [f"/view?filename=a+b_0000{n}_.png&subfolder=My+art&type=output" for n in (1, 2, 3)]
    assert host.events == [
        (
            "cozygen_batch_ready",
            {"status": "images_generated", "images": [{"url": u, **s} for u, s in zip(urls, saved, strict=True)]},
        )
    ]
    assert host.steps == [(1, 3), (2, 3), (3, 3)]
    assert files() == ([f"My art/a b_0000{n}_.png" for n in (1, 2, 3)], [])
    for number, image in enumerate(images, 1):
        with Image.open(host.base / "output" / "My art" / f"a b_0000{number}_.png") as picture:
            texts = {key: json.loads(value) for key, value in picture.text.items()}  # type: ignore[attr-defined]
            assert texts == {"prompt": PROMPT, **EXTRA}
            np.testing.assert_array_equal(np.asarray(picture), (image * 255).astype(np.uint8))


def test_an_output_has_its_own_folder_by_default(host: Any) -> None:
    result = run("CozyGenOutput", images=pictures(1))
    assert result["ui"]["images"] == [{"filename": "output_00001_.png", "subfolder": "CozyGen", "type": "output"}]


def test_an_output_of_nothing_is_an_error(host: Any) -> None:
    with pytest.raises(ValueError, match="no pictures"):
        run("CozyGenOutput", images=pictures(0))
    with pytest.raises(ValueError, match="no pictures"):
        run("CozyGenVideoOutput", images=pictures(0), frame_rate=8, loop_count=0)


@pytest.mark.parametrize("prefix", ["../out", "/abs", "a/../../b", "x\0y"])
def test_an_output_stays_in_its_folder(host: Any, files: Any, prefix: str) -> None:
    for name, more in (("CozyGenOutput", {}), ("CozyGenVideoOutput", {"frame_rate": 8, "loop_count": 0})):
        with pytest.raises(FileRefused):
            run(name, images=pictures(1), filename_prefix=prefix, **more)
    assert files() == ([], [])
    assert host.events == []


@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (2, 3, 5, 4), (1, 4, 4, 1)])
def test_an_output_takes_any_picture(host: Any, shape: tuple[int, ...]) -> None:
    result = run("CozyGenOutput", images=np.zeros(shape, np.float32))
    assert len(result["ui"]["images"]) == shape[0]


def test_a_cancelled_output_keeps_what_was_whole(host: Any, files: Any) -> None:
    host.stop_at = 2
    with pytest.raises(Interrupted):
        run("CozyGenOutput", images=pictures(5), filename_prefix="a")
    assert files() == (["a_00001_.png", "a_00002_.png"], [])
    assert host.events == []


FORMATS = [("video/webm", "webm"), ("video/mp4", "mp4"), ("image/gif", "gif")]


@pytest.mark.parametrize(("format", "extension"), FORMATS)
def test_a_video_output_writes_a_clip_with_its_history_and_says_so(
    host: Any, files: Any, format: str, extension: str
) -> None:
    images = np.repeat(np.linspace(0, 1, 4, dtype=np.float32)[:, None, None, None], 3, axis=3)
    images = np.broadcast_to(images, (4, 16, 20, 3)).copy()
    result = run("CozyGenVideoOutput", images=images, frame_rate=8, loop_count=0, filename_prefix="v/a", format=format, prompt=PROMPT, extra_pnginfo=EXTRA)  # fmt: skip
    saved = {"filename": f"a_00001_.{extension}", "subfolder": "v", "type": "output"}
    assert result == {"ui": {"images": [{**saved, "format": format, "frame_rate": 8.0}], "animated": (True,)}}
    url = f"/view?filename=a_00001_.{extension}&subfolder=v&type=output"
    assert host.events == [("cozygen_video_ready", {"status": "video_generated", "video_url": url, **saved})]
    assert files() == ([f"v/a_00001_.{extension}"], [])
    frames, rate, texts = read_clip(host.base / "output" / "v" / f"a_00001_.{extension}")
    assert len(frames) == 4
    assert rate == pytest.approx(8, rel=0.05)
    np.testing.assert_allclose(frames, np.linspace(0, 255, 4), atol=8)
    assert texts == {"prompt": PROMPT, **EXTRA}


def read_clip(path: Path) -> tuple[list[float], float, dict[str, Any]]:
    """The mean grey of each frame, frames a second, and the texts in the file."""
    if path.suffix == ".gif":
        with Image.open(path) as picture:
            greys = []
            seconds = 0.0
            for frame in range(picture.n_frames):  # type: ignore[attr-defined]
                picture.seek(frame)
                seconds += picture.info["duration"] / 1000
                greys.append(float(np.asarray(picture.convert("L")).mean()))
            return greys, len(greys) / seconds, json.loads(picture.info["comment"])
    with av.open(str(path)) as container:
        texts = {key.lower(): value for key, value in container.metadata.items()}
        own = {key: json.loads(texts[key]) for key in ("prompt", *EXTRA)}
        rate = container.streams.video[0].average_rate
        assert rate is not None
        greys = [float(frame.to_ndarray(format="rgb24").mean()) for frame in container.decode(video=0)]
        return greys, float(rate), own


def frames_of(host: Any, **inputs: Any) -> int:
    images = np.linspace(0, 1, 4, dtype=np.float32)[:, None, None, None].repeat(16, 1).repeat(16, 2).repeat(3, 3)
    saved = run("CozyGenVideoOutput", images=images, frame_rate=10, filename_prefix="a", prompt=PROMPT, extra_pnginfo=EXTRA, **inputs)["ui"]["images"][0]  # fmt: skip
    return len(read_clip(host.base / "output" / saved["filename"])[0])


@pytest.mark.parametrize(("format", "extension"), FORMATS)
def test_pingpong_goes_there_and_back(host: Any, format: str, extension: str) -> None:
    assert frames_of(host, format=format, loop_count=0, pingpong=True) == 6


def test_loops_are_repeated_where_the_format_has_none(host: Any) -> None:
    assert frames_of(host, format="video/mp4", loop_count=2) == 12
    assert frames_of(host, format="image/gif", loop_count=2) == 4
    with Image.open(host.base / "output" / "a_00002_.gif") as picture:
        assert picture.info["loop"] == 2


def test_sound_comes_along(host: Any) -> None:
    audio = {"waveform": np.zeros((1, 2, 48000), np.float32), "sample_rate": 48000}
    for format, _ in FORMATS:
        run("CozyGenVideoOutput", images=pictures(8, 16, 16), frame_rate=8, loop_count=0, filename_prefix="s", format=format, audio=audio)  # fmt: skip
    for name, tracks in (("s_00001_.webm", 1), ("s_00002_.mp4", 1)):
        with av.open(str(host.base / "output" / name)) as container:
            assert len(container.streams.audio) == tracks


@pytest.mark.parametrize("format", [format for format, _ in FORMATS])
def test_a_cancelled_clip_leaves_nothing(host: Any, files: Any, format: str) -> None:
    host.stop_at = 3
    with pytest.raises(Interrupted):
        run("CozyGenVideoOutput", images=pictures(40, 32, 32), frame_rate=8, loop_count=0, format=format)
    assert files() == ([], [])
    assert host.events == []


def test_a_clip_without_end_is_refused(host: Any) -> None:
    images = np.broadcast_to(np.zeros((1, 1, 1, 1), np.float32), (400, 1024, 1024, 3))
    with pytest.raises(ValueError, match=r"A clip of .* Ask for a smaller size or batch"):
        run("CozyGenVideoOutput", images=images, frame_rate=8, loop_count=100, format="video/mp4")
