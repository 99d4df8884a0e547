from __future__ import annotations

import io
import struct

import pytest
from PIL import Image

from cozygen.media import films
from cozygen.media.sniff import NoPicture, Undecodable, sniff
from tests.media import samples
from tests.media.samples import BLACK, BLUE, GREEN, RED, close, film, sound

CONTAINERS = [
    ("mp4", "libx264", "h264"),
    ("mov", "mpeg4", "mpeg4"),
    ("webm", "libvpx-vp9", "vp9"),
    ("matroska", "libx264", "h264"),
]
SOUNDS = [
    ("mp3", "libmp3lame", "mp3"),
    ("wav", "pcm_s16le", "pcm_s16le"),
    ("flac", "flac", "flac"),
    ("ogg", "libopus", "opus"),
    ("ipod", "aac", "aac"),
]


def container(data: bytes) -> str:
    found = sniff(data[:4096])
    assert found is not None
    assert found.library == "av"
    return found.name


def poster(data: bytes, box: int = 384) -> Image.Image:
    return films.poster(io.BytesIO(data), container(data), box)[0]


def colour(picture: Image.Image) -> tuple[int, ...]:
    pixel = picture.convert("RGB").getpixel((picture.width // 2, picture.height // 2))
    assert isinstance(pixel, tuple)
    return pixel


@pytest.mark.parametrize(("name", "codec", "canonical"), CONTAINERS)
def test_the_poster_is_the_first_frame(name: str, codec: str, canonical: str) -> None:
    data = film([RED] * 4 + [GREEN] * 12, container=name, codec=codec)
    assert close(colour(poster(data)), RED, 60)
    assert poster(data).size == (64, 48)
    assert poster(data, 32).size == (32, 24)


@pytest.mark.parametrize(("name", "codec", "canonical"), CONTAINERS)
def test_a_film_is_probed(name: str, codec: str, canonical: str) -> None:
    data = film([RED] * 16, container=name, codec=codec, rate=8, sound=True)
    facts = films.probe(io.BytesIO(data), container(data))
    assert facts == films.poster(io.BytesIO(data), container(data), 96)[1]
    assert facts.pop("duration") == pytest.approx(2.0, abs=0.1)
    assert facts == {"kind": "video", "width": 64, "height": 48, "fps": 8.0, "codec": canonical, "animated": True}


@pytest.mark.parametrize(("name", "codec", "canonical"), SOUNDS)
def test_sound_is_probed_and_has_no_poster(name: str, codec: str, canonical: str) -> None:
    data = sound(name, codec)
    facts = films.probe(io.BytesIO(data), container(data))
    assert facts.pop("duration") == pytest.approx(1.0, abs=0.1)
    assert facts == {"kind": "audio", "codec": canonical}
    with pytest.raises(NoPicture):
        poster(data)
    assert films.verify(io.BytesIO(data), container(data)) == "audio"


def test_a_dark_beginning_is_skipped_and_a_dark_film_is_not() -> None:
    assert close(colour(poster(film([BLACK] * 4 + [BLUE] * 4))), BLUE, 60)
    assert close(colour(poster(film([BLACK] * 30 + [BLUE] * 4))), BLACK, 20)
    assert close(colour(poster(film([BLACK] * 4))), BLACK, 20)


def test_pixels_that_are_not_square() -> None:
    data = film([RED] * 4, aspect=2)
    assert poster(data).size == (128, 48)
    assert poster(data, 96).size == (96, 36)
    facts = films.probe(io.BytesIO(data), "mov")
    assert (facts["width"], facts["height"]) == (128, 48)


@pytest.mark.parametrize(
    ("matrix", "order"),
    [
        ((1, 0, 0, 1), "RGBW"),
        ((0, 1, -1, 0), "BRWG"),  # 90 degrees clockwise
        ((-1, 0, 0, -1), "WBGR"),
        ((0, -1, 1, 0), "GWRB"),
    ],
)
def test_films_are_shown_upright(matrix: tuple[int, int, int, int], order: str) -> None:
    data = bytearray(_film_of(samples.quarters()))
    start = data.find(b"tkhd") + 4 + 40
    a, b, c, d = (value * 65536 for value in matrix)
    data[start : start + 36] = struct.pack(">iiiiiiiii", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    shown = poster(bytes(data))
    sideways = matrix[0] == 0
    assert shown.size == ((48, 64) if sideways else (64, 48))
    facts = films.probe(io.BytesIO(data), "mov")
    assert (facts["width"], facts["height"]) == shown.size
    names = {"R": RED, "G": GREEN, "B": BLUE, "W": samples.WHITE}
    for got, wanted in zip(samples.corners(shown), order, strict=True):
        assert close(got, names[wanted], 70)


def _film_of(picture: Image.Image) -> bytes:
    import av
    import numpy as np

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as output:
        stream = output.add_stream("libx264", rate=4)
        stream.width, stream.height, stream.pix_fmt = picture.width, picture.height, "yuv420p"
        for _ in range(4):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")))
        output.mux(stream.encode(None))
    return buffer.getvalue()


@pytest.mark.parametrize(("name", "codec", "canonical"), CONTAINERS)
@pytest.mark.parametrize(("frames", "rate"), [(1, 25), (2, 1), (24, 24)])
def test_whole_films_pass(name: str, codec: str, canonical: str, frames: int, rate: int) -> None:
    data = film([RED] * frames, container=name, codec=codec, rate=rate)
    assert films.verify(io.BytesIO(data), container(data)) == "video"


def test_a_film_cut_short_is_found_out() -> None:
    whole = film([RED, GREEN, BLUE] * 40, options={"movflags": "faststart"}, size=(160, 120))
    assert films.verify(io.BytesIO(whole), "mov") == "video"
    for part in (0.2, 0.6):
        with pytest.raises(Exception):  # noqa: B017 -- FFmpeg raises many kinds; the worker makes them one
            films.verify(io.BytesIO(whole[: int(len(whole) * part)]), "mov")
    without_index = film([RED] * 40)[:-400]
    with pytest.raises(Exception):  # noqa: B017
        films.verify(io.BytesIO(without_index), "mov")


def test_what_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(films, "MAX_PIXELS", 64 * 48 - 1)
    with pytest.raises(Undecodable, match="pixels"):
        poster(film([RED] * 2))


def test_a_container_without_anything_is_refused() -> None:
    empty = film([RED] * 2, container="matroska")[:300]
    with pytest.raises(Exception):  # noqa: B017
        films.probe(io.BytesIO(empty), "matroska")


def test_other_files_are_not_opened() -> None:
    playlist = b"ffconcat version 1.0\nfile '/etc/hostname'\n"
    for name in ("mov", "matroska", "ogg", "mp3"):
        with pytest.raises(Exception):  # noqa: B017
            films.probe(io.BytesIO(playlist), name)
