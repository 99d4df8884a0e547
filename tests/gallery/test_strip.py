"""Nothing of how a file was made is left in it, and nothing of what it shows is changed."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageSequence

from cozygen.gallery import metadata
from cozygen.gallery.strip import CannotStrip, plan
from cozygen.gallery.strip.pictures import orientation_of, orientation_only
from cozygen.gallery.strip.source import over_bytes
from tests.gallery.metadata.makers import comfy_exif, film, sound, text_to_image

GRAPH = text_to_image()
SECRET = b"glass bottle"


def strip(data: bytes) -> bytes:
    made = plan(over_bytes(data))
    sent = b"".join(made.send(lambda offset, length: data[offset : offset + length]))
    assert len(sent) == made.size
    return sent


def noise(mode: str = "RGB", size: tuple[int, int] = (37, 23)) -> Image.Image:
    channels = len(Image.new(mode, (1, 1)).getbands())
    pixels = np.random.default_rng(1).integers(0, 256, (size[1], size[0], channels), np.uint8)
    return Image.fromarray(pixels.squeeze(), mode)


def saved(picture: Image.Image, form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    return stream.getvalue()


def frames(data: bytes) -> list[tuple[bytes, Any]]:
    with Image.open(io.BytesIO(data)) as picture:
        return [
            (frame.convert("RGBA").tobytes(), frame.info.get("duration")) for frame in ImageSequence.Iterator(picture)
        ]


def silent(data: bytes) -> None:
    """There is nothing in it of how it was made."""
    found = metadata.read(io.BytesIO(data))
    extra = {key for key in found.extra if key != "software"}  # the name of the program that wrote the container
    assert (found.has_prompt, extra, found.prompt_raw, found.problem) == (False, set(), None, None)
    assert SECRET not in data and b"KSampler" not in data


def pictures() -> dict[str, bytes]:
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("prompt", json.dumps(GRAPH))
    texts.add_text("workflow", json.dumps(GRAPH), zip=True)
    texts.add_itxt("parameters", "a glass bottle", "en", "parameters")
    exif = comfy_exif(GRAPH)
    turned = Image.Exif()
    turned[0x0112], turned[0x010E] = 6, "a glass bottle"
    profile = b"\0" * 128
    several = [noise("P", (9, 9)), Image.new("P", (9, 9), 3)]
    moving = [noise(), Image.new("RGB", (37, 23), "red")]
    return {
        "png": saved(noise("RGBA"), "PNG", pnginfo=texts, exif=exif, icc_profile=profile, dpi=(300, 300)),
        "png turned": saved(noise(), "PNG", exif=turned),
        "png behind its end": saved(noise(), "PNG") + SECRET,
        "apng": saved(moving[0], "PNG", save_all=True, append_images=moving[1:], duration=70, pnginfo=texts),
        "jpeg": saved(noise(), "JPEG", exif=exif, comment=SECRET, icc_profile=profile, xmp=SECRET),
        "jpeg turned": saved(noise(), "JPEG", exif=turned.tobytes()),
        "jpeg progressive": saved(noise(size=(200, 180)), "JPEG", progressive=True, exif=exif, quality=95),
        "jpeg cmyk": saved(noise("CMYK"), "JPEG", exif=exif),
        "jpeg behind its end": saved(noise("L"), "JPEG") + b"\xff\xe1" + SECRET,
        "webp": saved(noise("RGBA"), "WEBP", lossless=True, exif=exif, xmp=SECRET, icc_profile=profile),
        "webp lossy": saved(noise(), "WEBP", exif=exif),
        "webp turned": saved(noise(), "WEBP", exif=turned.tobytes()),
        "webp moving": saved(moving[0], "WEBP", save_all=True, append_images=moving[1:], duration=70, exif=exif),
        "gif": saved(several[0], "GIF", save_all=True, append_images=several[1:], duration=70, loop=3, comment=SECRET),
        "bmp": saved(noise(), "BMP") + SECRET,
        "avif": saved(noise(), "AVIF", quality=100, exif=exif, xmp=SECRET),
    }


PICTURES = pictures()


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_keep_every_pixel_and_say_nothing(name: str) -> None:
    data = PICTURES[name]
    stripped = strip(data)
    silent(stripped)
    assert frames(stripped) == frames(data)
    with Image.open(io.BytesIO(data)) as before, Image.open(io.BytesIO(stripped)) as after:
        assert after.info.get("icc_profile") == before.info.get("icc_profile")
        assert after.info.get("loop") == before.info.get("loop")
        assert after.getexif().get(0x0112, 1) == before.getexif().get(0x0112, 1)
        assert set(after.getexif()) <= {0x0112}
    assert strip(stripped) == stripped


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm", ".mkv"])
def test_films_keep_every_frame_and_say_nothing(tmp_path: Path, suffix: str) -> None:
    path = film(
        tmp_path / f"film{suffix}",
        {"comment": json.dumps(GRAPH), "title": SECRET.decode(), "prompt": json.dumps(GRAPH)},
    )
    data = path.read_bytes()
    assert SECRET in data
    stripped = strip(data)
    assert len(stripped) == len(data)
    silent(stripped)
    assert decoded(stripped) == decoded(data)
    assert strip(stripped) == stripped


def test_a_film_whose_index_comes_first(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", {"comment": json.dumps(GRAPH)}, {"movflags": "faststart+use_metadata_tags"})
    stripped = strip(path.read_bytes())
    silent(stripped)
    assert decoded(stripped) == decoded(path.read_bytes())


def decoded(data: bytes) -> list[tuple[int | None, bytes]]:
    with av.open(io.BytesIO(data)) as container:
        return [(frame.pts, frame.to_ndarray().tobytes()) for frame in container.decode(container.streams[0])]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("suffix", "codec"), [("mp3", "libmp3lame"), ("flac", "flac"), ("wav", "pcm_s16le"), ("m4a", "aac")]
)
def test_sounds_keep_every_sample_and_say_nothing(tmp_path: Path, suffix: str, codec: str) -> None:
    path = sound(
        tmp_path / f"sound.{suffix}",
        codec,
        {"comment": SECRET.decode(), "title": SECRET.decode(), "prompt": json.dumps(GRAPH)},
    )
    data = path.read_bytes()
    if suffix == "mp3":
        data += b"TAG" + SECRET.ljust(125, b"\0")
    assert SECRET in data
    stripped = strip(data)
    silent(stripped)
    assert decoded(stripped) == decoded(data)
    assert strip(stripped) == stripped


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"GIF",
        b"plain text",
        b"II*\0" + bytes(100),
        b"OggS" + bytes(100),
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0\0",
    ],
)
def test_what_cannot_be_taken_apart_is_refused(data: bytes) -> None:
    with pytest.raises(CannotStrip):
        plan(over_bytes(data))


def test_a_film_without_ends_is_refused() -> None:
    data = b"\x1aE\xdf\xa3\x80" + b"\x18S\x80g\x01\xff\xff\xff\xff\xff\xff\xff" + b"\x1fC\xb6u\xff" + bytes(50)
    with pytest.raises(CannotStrip):
        plan(over_bytes(data))


def test_a_file_that_shrinks_meanwhile_is_noticed() -> None:
    data = PICTURES["png"]
    made = plan(over_bytes(data))
    with pytest.raises(CannotStrip):
        list(made.send(lambda offset, length: data[:40][offset : offset + length]))


@given(st.integers(1, 8))
def test_rotations_are_kept(value: int) -> None:
    assert orientation_of(orientation_only(value)) == value


MORE = {
    "mp4": b"\0\0\0\x10ftypisom\0\0\0\0\0\0\0\x18moov\0\0\0\x10udta" + SECRET[:8],
    "webm": b"\x1aE\xdf\xa3\x80\x18S\x80g\x88\x12T\xc3g\x83abc",
}


@settings(deadline=None, max_examples=300, suppress_health_check=list(HealthCheck))
@given(name=st.sampled_from([*PICTURES, *MORE]), data=st.data())
def test_damaged_files_are_taken_apart_or_refused(name: str, data: st.DataObject) -> None:
    whole = bytearray({**PICTURES, **MORE}[name])
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, min(len(whole) - 1, 400)))
        whole[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(whole)))
    damaged = bytes(whole[:cut] if data.draw(st.booleans()) else whole)
    try:
        made = plan(over_bytes(damaged))
    except CannotStrip:
        return
    sent = b"".join(made.send(lambda offset, length: damaged[offset : offset + length]))
    assert len(sent) == made.size <= len(damaged) + 100
