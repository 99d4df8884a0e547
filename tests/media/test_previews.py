from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from cozygen.media import previews
from cozygen.media.pool import MediaPool
from cozygen.media.sniff import NoPicture, Undecodable
from cozygen.media.thumbs import ThumbnailStore
from tests.media import samples
from tests.media.samples import BLUE, GREEN, RED, WHITE, close, encoded, film, quarters, sound, write


def watch(data: bytes) -> tuple[list[tuple[int, ...]], tuple[int, int], float]:
    """The colours in the middle of a film's frames, its size and its seconds. It must be silent."""
    with av.open(io.BytesIO(data), "r") as container:
        assert not container.streams.audio
        colours = []
        size = (0, 0)
        for frame in container.decode(container.streams.video[0]):
            array = frame.to_ndarray(format="rgb24")
            size = (frame.width, frame.height)
            colours.append(tuple(int(value) for value in array[size[1] // 2, size[0] // 2]))
        assert container.duration is not None
        return colours, size, container.duration / 1_000_000


def looks(colours: list[tuple[int, ...]], wanted: tuple[int, ...]) -> int:
    return sum(close(colour, wanted, 70) for colour in colours)


def test_a_short_film_is_shown_whole_and_silent() -> None:
    colours, size, seconds = watch(previews.clip(io.BytesIO(film([RED] * 8 + [BLUE] * 8, sound=True)), "mov", 320))
    assert size == (64, 48)
    assert seconds == pytest.approx(2.0, abs=0.2)
    assert len(colours) == 16
    assert (looks(colours[:7], RED), looks(colours[-7:], BLUE)) == (7, 7)


def test_a_long_film_is_shown_in_scenes() -> None:
    data = film([RED] * 300 + [GREEN] * 300 + [BLUE] * 300 + [WHITE] * 300, rate=24)
    colours, _, seconds = watch(previews.clip(io.BytesIO(data), "mov", 320))
    assert seconds == pytest.approx(previews.CLIP_SECONDS, abs=0.2)
    assert len(colours) == pytest.approx(48, abs=4)
    # The key frames of this film are at 0, 10.4, 20.8, 25, 35.4 and 45.8 seconds.
    assert looks(colours, RED) + looks(colours, BLUE) == len(colours)
    assert looks(colours, BLUE) > 20


def test_a_clip_fits_its_box_with_even_sides() -> None:
    data = film([RED] * 4, size=(100, 62))
    for box, size in ((51, (50, 32)), (1, (2, 2)), (320, (100, 62))):
        assert watch(previews.clip(io.BytesIO(data), "mov", box))[1] == size


@pytest.mark.parametrize(("container", "codec"), [("mp4", "libx264"), ("webm", "libvpx-vp9"), ("matroska", "mpeg4")])
def test_a_strip_goes_from_beginning_to_end(container: str, codec: str) -> None:
    data = film([RED] * 8 + [GREEN] * 8 + [BLUE] * 8 + [WHITE] * 8, container=container, codec=codec)
    strip = previews.strip(io.BytesIO(data), "mov" if container == "mp4" else "matroska", 32, 4)
    assert strip.size == (4 * 32, 24)
    for number, wanted in enumerate((RED, GREEN, BLUE, WHITE)):
        pixel = strip.getpixel((number * 32 + 16, 12))
        assert isinstance(pixel, tuple)
        assert close(pixel, wanted, 70)


def test_a_strip_of_a_long_film_seeks() -> None:
    data = film([RED] * 30 + [GREEN] * 30 + [BLUE] * 30 + [WHITE] * 30, rate=1)
    strip = previews.strip(io.BytesIO(data), "mov", 32, 4)
    for number, wanted in enumerate((RED, GREEN, BLUE, WHITE)):
        pixel = strip.getpixel((number * 32 + 16, 12))
        assert isinstance(pixel, tuple)
        assert close(pixel, wanted, 70)


def test_a_film_of_one_frame() -> None:
    data = film([RED])
    assert previews.strip(io.BytesIO(data), "mov", 32, 5).size == (160, 24)
    assert len(watch(previews.clip(io.BytesIO(data), "mov", 64))[0]) == 1


def test_a_waveform_shows_where_it_is_loud() -> None:
    picture = previews.waveform(io.BytesIO(sound("flac", "flac", seconds=2)), "flac", 400, 100)
    assert picture.size == (400, 100)
    ink = (np.asarray(picture.convert("L")) > 200).sum(axis=0)
    quarter = [int(ink[start : start + 100].sum()) for start in range(0, 400, 100)]
    assert quarter == sorted(quarter), "the tone gets louder"
    assert quarter[3] > 3 * quarter[0]


def test_silence_and_next_to_nothing_have_a_waveform() -> None:
    for seconds in (0.001, 0.5):
        data = sound("wav", "pcm_s16le", seconds=seconds)
        assert previews.waveform(io.BytesIO(data), "wav", 640, 160).size == (640, 160)
    assert previews.waveform(io.BytesIO(sound("wav", "pcm_s16le")), "wav", 1, 1).size == (1, 1)


def test_what_there_is_nothing_to_show_of() -> None:
    song, silent = sound("mp3", "libmp3lame"), film([RED] * 4)
    with pytest.raises(NoPicture):
        previews.clip(io.BytesIO(song), "mp3", 320)
    with pytest.raises(NoPicture):
        previews.strip(io.BytesIO(song), "mp3", 32, 4)
    with pytest.raises(Undecodable, match="sound"):
        previews.waveform(io.BytesIO(silent), "mov", 100, 50)


@pytest.fixture
async def media() -> AsyncIterator[MediaPool]:
    pool = MediaPool(1)
    yield pool
    await pool.close()


async def test_they_are_made_by_workers_and_kept(tmp_path: Path, media: MediaPool) -> None:
    clip = write(tmp_path / "a.mp4", film([RED] * 8, sound=True))
    picture = write(tmp_path / "b.png", encoded(quarters(), "PNG"))
    store = ThumbnailStore(tmp_path / "cache", media)
    for again in (False, True):
        if again:
            await media.close()
        made = await store.clip(clip)
        assert (made.content_type, watch(made.data)[1]) == ("video/mp4", (64, 48))
        strip = await store.strip(clip, 32, 6, "webp")
        with Image.open(io.BytesIO(strip.data)) as opened:
            assert (strip.content_type, opened.size) == ("image/webp", (192, 24))
        wave = await store.waveform(clip)
        with Image.open(io.BytesIO(wave.data)) as opened:
            assert (wave.content_type, opened.size) == ("image/jpeg", (640, 160))
        assert len({made.etag, strip.etag, wave.etag}) == 3
        if not again:
            with pytest.raises(Undecodable):
                await store.clip(picture)
            with pytest.raises(Undecodable):
                await store.waveform(picture)


def test_clips_without_h264(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("av.codecs_available", {"libvpx-vp9"})
    data = previews.clip(io.BytesIO(film([samples.GREEN] * 4)), "mov", 64)
    assert data.startswith(b"\x1a\x45\xdf\xa3")
    assert looks(watch(data)[0], samples.GREEN)
