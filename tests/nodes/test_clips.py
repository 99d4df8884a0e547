from __future__ import annotations

import json
import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from cozygen.nodes import clips
from cozygen.nodes.clips import Film
from cozygen.nodes.host import Interrupted
from cozygen.nodes.locate import FileRefused

TAGS = {"prompt": '{"1": {"class_type": "A", "inputs": {}}}', "workflow": '{"nodes": ["\\u00e9"]}'}


def quiet(_value: int, _total: int) -> None:
    """A step that nobody follows."""


def pictures(frames: int = 4, height: int = 32, width: int = 48, channels: int = 3) -> Any:
    """Frames of one colour each, which gets redder."""
    images = np.full((frames, height, width, channels), 0.3, np.float32)
    images[..., 0] = np.linspace(0.1, 0.9, frames, dtype=np.float32)[:, None, None]
    return images


def film(images: Any, rate: float = 12, **options: Any) -> Film:
    return Film(images, rate, options.pop("order", range(len(images))), TAGS, **options)


def sound(seconds: float, rate: int = 44100, channels: int = 2) -> dict[str, Any]:
    times = np.arange(int(seconds * rate), dtype=np.float32) / rate
    wave = 0.5 * np.sin(2 * np.pi * 440 * times)
    return {"waveform": np.repeat(wave[None, None], channels, axis=1).astype(np.float32), "sample_rate": rate}


SAVERS = {"mp4": clips.save_mp4, "webm": clips.save_webm}


@pytest.mark.parametrize("extension", SAVERS)
def test_a_film_comes_back_as_it_was(host: Any, extension: str) -> None:
    images = pictures()
    SAVERS[extension](host.base / "input" / f"a.{extension}", film(images, 24), quiet)
    clip = clips.load_clip(f"a.{extension}", quiet)
    assert clip.images.dtype == np.float32
    np.testing.assert_allclose(clip.images, images, atol=0.03)
    assert clip.frame_rate == 24
    assert clip.audio is None


@pytest.mark.parametrize(("extension", "codec", "container"), [("mp4", "h264", "mp4"), ("webm", "vp9", "webm")])
def test_the_container_carries_the_tags(tmp_path: Path, extension: str, codec: str, container: str) -> None:
    path = tmp_path / f"a.{extension}"
    SAVERS[extension](path, film(pictures()), quiet)
    with av.open(str(path)) as found:
        tags = {key.lower(): value for key, value in found.metadata.items()}
        assert {key: tags[key] for key in TAGS} == TAGS
        video = found.streams.video[0]
        assert (video.codec_context.codec.canonical_name, video.codec_context.pix_fmt) == (codec, "yuv420p")
        assert video.average_rate == 12
        assert container in found.format.name


def test_an_mp4_can_play_while_it_loads(tmp_path: Path) -> None:
    clips.save_mp4(tmp_path / "a.mp4", film(pictures()), quiet)
    data = (tmp_path / "a.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize(
    ("size", "stored"), [((1, 1), (2, 2)), ((33, 17), (34, 18)), ((5, 2), (6, 2)), ((64, 64), (64, 64))]
)
def test_odd_sizes_are_padded_for_h264(host: Any, size: tuple[int, int], stored: tuple[int, int]) -> None:
    images = pictures(2, *size)
    clips.save_mp4(host.base / "input" / "a.mp4", film(images), quiet)
    clip = clips.load_clip("a.mp4", quiet)
    assert clip.images.shape[1:3] == stored
    np.testing.assert_allclose(clip.images[:, -1, -1], images[:, -1, -1], atol=0.06)


@pytest.mark.parametrize("size", [(1, 1), (33, 17)])
def test_odd_sizes_stay_in_vp9(host: Any, size: tuple[int, int]) -> None:
    clips.save_webm(host.base / "input" / "a.webm", film(pictures(2, *size)), quiet)
    assert clips.load_clip("a.webm", quiet).images.shape[1:3] == size


def test_av1(tmp_path: Path) -> None:
    clips.save_webm(tmp_path / "a.webm", film(pictures(3, 64, 64)), quiet, codec="av1", crf=40)
    with av.open(str(tmp_path / "a.webm")) as found:
        assert found.streams.video[0].codec_context.codec.canonical_name == "av1"
    if hasattr(os, "sched_getscheduler"):  # the encoder would take the whole machine where it may
        assert os.sched_getscheduler(0) == os.SCHED_OTHER


@pytest.mark.parametrize("channels", [1, 4])
def test_other_channels_become_colours(host: Any, channels: int) -> None:
    images = pictures(2, channels=channels)
    clips.save_mp4(host.base / "input" / "a.mp4", film(images), quiet)
    np.testing.assert_allclose(clips.load_clip("a.mp4", quiet).images[..., 0], images[..., 0], atol=0.03)


@pytest.mark.parametrize(
    ("rate", "ratio"),
    [
        (24, Fraction(24)),
        (23.976, Fraction(23976, 1000)),
        (24000 / 1001, Fraction(24000, 1001)),
        (30000 / 1001, Fraction(30000, 1001)),
        (0.01, Fraction(1, 100)),
        (8.5, Fraction(17, 2)),
    ],
)
def test_rates_are_kept(rate: float, ratio: Fraction) -> None:
    assert film(pictures(), rate).rate() == ratio


@pytest.mark.parametrize("rate", [0, -1, float("nan"), float("inf"), 1e-9, 5000])
def test_other_rates_are_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="frames a second cannot be made"):
        film(pictures(), rate)


def test_no_frames_are_refused() -> None:
    with pytest.raises(ValueError, match="no pictures"):
        film(pictures(0))


def test_what_an_encoder_refuses_is_said_without_a_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be encoded by libvpx-vp9") as caught:
        clips.save_webm(tmp_path / "a.webm", film(pictures()), quiet, crf=1000)
    assert str(tmp_path) not in str(caught.value)


@given(st.floats(0.01, 1000))
def test_no_rate_is_far_off(rate: float) -> None:
    assert abs(film(pictures(1), rate).rate() - Fraction(rate)) <= Fraction(1, 2000)


@given(st.integers(1, 30), st.booleans(), st.integers(0, 3))
def test_playing_orders(frames: int, pingpong: bool, repeats: int) -> None:
    order = clips.playing_order(frames, pingpong=pingpong, repeats=repeats)
    once = order[: len(order) // (repeats + 1)]
    assert order == once * (repeats + 1)
    assert once[:frames] == list(range(frames))
    assert once[frames:] == (list(range(frames - 2, 0, -1)) if pingpong else [])


@pytest.mark.parametrize("extension", SAVERS)
@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (22050, 1), (48000, 6)])
def test_sound_is_cut_to_the_pictures(host: Any, extension: str, rate: int, channels: int) -> None:
    images = pictures(12)
    SAVERS[extension](host.base / "input" / f"a.{extension}", film(images, audio=sound(3, rate, channels)), quiet)
    audio = clips.load_clip(f"a.{extension}", quiet).audio
    assert audio is not None
    waveform, heard_rate = audio["waveform"], audio["sample_rate"]
    assert waveform.dtype == np.float32
    assert waveform.shape[:2] == (1, min(channels, 2))
    assert waveform.shape[2] / heard_rate == pytest.approx(1, abs=0.06)
    middle = waveform[0, 0, heard_rate // 4 : heard_rate // 2]
    assert np.abs(middle).max() == pytest.approx(0.5, abs=0.15)


def test_sound_shorter_than_the_pictures(host: Any) -> None:
    clips.save_mp4(host.base / "input" / "a.mp4", film(pictures(24), audio=sound(0.5)), quiet)
    clip = clips.load_clip("a.mp4", quiet)
    assert clip.audio is not None
    assert len(clip.images) == 24
    assert clip.audio["waveform"].shape[2] / 48000 == pytest.approx(0.5, abs=0.06)


def test_no_sound_at_all(host: Any) -> None:
    silence = {"waveform": np.zeros((1, 2, 0), np.float32), "sample_rate": 44100}
    clips.save_mp4(host.base / "input" / "a.mp4", film(pictures(2), audio=silence), quiet)
    assert len(clips.load_clip("a.mp4", quiet).images) == 2


@pytest.mark.parametrize(
    "audio", [None, 5, {}, {"waveform": np.zeros((2, 9)), "sample_rate": 8000}, {"waveform": np.zeros((1, 1, 9)), "sample_rate": 0}, {"waveform": np.zeros((1, 0, 9)), "sample_rate": 8000}]
)  # fmt: skip
def test_what_is_no_sound(audio: Any) -> None:
    with pytest.raises(ValueError, match="The audio has"):
        clips.audio_samples(audio)


@pytest.mark.parametrize("save", [*SAVERS.values(), clips.save_gif])
def test_every_frame_is_a_step(tmp_path: Path, save: Any) -> None:
    steps: list[tuple[int, int]] = []
    save(tmp_path / "a", film(pictures(5)), lambda value, total: steps.append((value, total)))
    assert sorted(set(steps)) == [(number, 5) for number in range(1, 6)]


@pytest.mark.parametrize("save", [*SAVERS.values(), clips.save_gif])
def test_encoding_can_be_cancelled(tmp_path: Path, save: Any) -> None:
    reached = []

    def stop(value: int, _total: int) -> None:
        reached.append(value)
        if value == 3:
            raise Interrupted

    with pytest.raises(Interrupted):
        save(tmp_path / "a", film(pictures(50)), stop)
    assert max(reached) == 3


def test_a_gif_has_its_frames_its_times_and_its_comment(tmp_path: Path) -> None:
    clips.save_gif(tmp_path / "a.gif", film(pictures(6), 24), quiet, repeats=3)
    with Image.open(tmp_path / "a.gif") as picture:
        assert (picture.n_frames, picture.info["loop"]) == (6, 3)  # type: ignore[attr-defined]
        assert json.loads(picture.info["comment"]) == {key: json.loads(value) for key, value in TAGS.items()}
        durations, reds = [], []
        for frame in ImageSequence.Iterator(picture):
            durations.append(frame.info["duration"])
            reds.append(frame.convert("RGB").getpixel((5, 5)))
    assert durations == [40, 40, 40, 50, 40, 40]
    assert [red for red, _, _ in reds] == pytest.approx(np.linspace(0.1, 0.9, 6) * 255, abs=8)  # type: ignore[misc]


def test_a_gif_of_one_frame_plays_for_ever_and_needs_no_comment(tmp_path: Path) -> None:
    clips.save_gif(tmp_path / "a.gif", Film(pictures(1, 1, 1), 8, [0]), quiet)
    with Image.open(tmp_path / "a.gif") as picture:
        assert picture.size == (1, 1)
        assert "comment" not in picture.info


def test_a_gif_keeps_many_colours_apart(tmp_path: Path) -> None:
    ramp = np.stack(np.meshgrid(np.linspace(0, 1, 64), np.linspace(0, 1, 64)), axis=-1).astype(np.float32)
    images = np.concatenate([ramp, np.full((64, 64, 1), 0.5, np.float32)], axis=-1)[None]
    clips.save_gif(tmp_path / "a.gif", film(images), quiet)
    with Image.open(tmp_path / "a.gif") as picture:
        shown = np.asarray(picture.convert("RGB"), np.float32) / 255
    blocks = (shown - images[0]).reshape(8, 8, 8, 8, 3).mean(axis=(1, 3))
    assert np.abs(blocks).max() < 0.06


@given(st.integers(1, 200), st.floats(0.1, 240))
def test_gif_times_add_up(frames: int, rate: float) -> None:
    ticks = clips._gif_ticks(frames, rate)
    assert min(ticks) >= 2
    if rate <= 33:
        assert sum(ticks) == round(frames * 100 / rate)


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("empty.mp4", b""),
        ("text.mp4", b"hello there, this is no film"),
        ("head.mp4", b"\0\0\0\x18ftypmp42" + bytes(64)),
        ("head.webm", b"\x1a\x45\xdf\xa3" + bytes(64)),
        ("list.m3u8", b"#EXTM3U\n#EXT-X-TARGETDURATION:1\nfile:///etc/passwd\n"),
        ("concat.mp4", b"ffconcat version 1.0\nfile /etc/passwd\n"),
        ("avi.avi", b"RIFF\0\0\0\0AVI " + bytes(64)),
    ],
)
def test_what_is_no_video_is_said_in_a_sentence(host: Any, name: str, data: bytes) -> None:
    (host.base / "input" / name).write_bytes(data)
    for look in (clips.check_clip, lambda name: clips.load_clip(name, quiet)):
        with pytest.raises(FileRefused) as caught:
            look(name)
        assert f'"{name}"' in str(caught.value)
        assert str(host.base) not in str(caught.value)


def test_sound_alone_is_no_video(host: Any) -> None:
    with av.open(str(host.base / "input" / "a.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 4096), np.float32), format="fltp", layout="mono")
        frame.sample_rate = 48000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(FileRefused, match="has no video in it"):
        clips.check_clip("a.mp4")


def test_a_video_that_is_too_large_is_refused(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from cozygen.nodes.limits import check_size

    monkeypatch.setattr(clips, "check_size", lambda what, *shape: check_size(what, *shape, limit=3 * 32 * 48 * 3 * 4))
    clips.save_mp4(host.base / "input" / "a.mp4", film(pictures(9)), quiet)
    with pytest.raises(FileRefused, match="would take"):
        clips.load_clip("a.mp4", quiet)


def test_a_gif_is_a_video_too(host: Any) -> None:
    clips.save_gif(host.base / "input" / "a.gif", film(pictures(3)), quiet)
    assert clips.load_clip("a.gif", quiet).images.shape == (3, 32, 48, 3)
