from __future__ import annotations

import io
import struct
import zlib
from contextlib import suppress
from contextvars import copy_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from cozygen.nodes import pictures
from cozygen.nodes.host import Interrupted, set_host
from cozygen.nodes.limits import TooLarge, check_size
from cozygen.nodes.locate import FileRefused
from cozygen.nodes.pictures import Animation, Picture

PIXELS = np.random.default_rng(1).integers(0, 256, (5, 7, 4), np.uint8)


def quiet(_value: int, _total: int) -> None:
    """A step that nobody follows."""


def load(host: Any, picture: Image.Image, name: str, **options: Any) -> Picture:
    picture.save(host.base / "input" / name, **options)
    return pictures.load_picture(name, quiet)


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.bmp", "a.tiff", "a.ppm", "a.tga"])
def test_colours(host: Any, name: str) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    picture = load(host, Image.fromarray(PIXELS[..., :3]), name, **options)
    assert picture.rgb.dtype == np.float32
    assert picture.alpha is None
    np.testing.assert_array_equal(picture.rgb[0], PIXELS[..., :3].astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(picture.mask(), np.zeros((1, 5, 7), np.float32))


@pytest.mark.parametrize("name", ["a.png", "a.webp", "a.tiff"])
def test_transparency_is_the_mask(host: Any, name: str) -> None:
    options = {"lossless": True, "exact": True} if name.endswith("webp") else {}
    picture = load(host, Image.fromarray(PIXELS), name, **options)
    assert picture.rgb.shape == (1, 5, 7, 3)
    np.testing.assert_allclose(picture.mask()[0], 1 - PIXELS[..., 3] / 255, atol=1e-6)
    np.testing.assert_allclose(picture.rgb[0], PIXELS[..., :3] / 255, atol=1e-6)


def test_grey_with_transparency(host: Any) -> None:
    picture = load(host, Image.fromarray(PIXELS[..., :2].copy(), "LA"), "a.png")
    np.testing.assert_allclose(picture.rgb[0, ..., 1], PIXELS[..., 0] / 255, atol=1e-6)
    np.testing.assert_allclose(picture.mask()[0], 1 - PIXELS[..., 1] / 255, atol=1e-6)


def test_grey_is_spread_over_the_channels(host: Any) -> None:
    picture = load(host, Image.fromarray(PIXELS[..., 0]), "a.png")
    for channel in range(3):
        np.testing.assert_allclose(picture.rgb[0, ..., channel], PIXELS[..., 0] / 255, atol=1e-6)


def test_black_and_white(host: Any) -> None:
    picture = load(host, Image.fromarray(PIXELS[..., 0] > 127), "a.png")
    assert set(np.unique(picture.rgb)) == {0.0, 1.0}


def test_palettes_with_and_without_transparency(host: Any) -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putdata([0, 1])
    plain = load(host, palette, "a.png")
    assert plain.rgb[0].tolist() == [[[1, 0, 0], [0, 0, 1]]]
    assert plain.alpha is None
    see_through = load(host, palette, "b.png", transparency=1)
    assert see_through.mask()[0].tolist() == [[0, 1]]


def test_a_transparent_colour_is_transparent(host: Any) -> None:
    picture = Image.new("RGB", (2, 1), (1, 2, 3))
    picture.putpixel((0, 0), (9, 9, 9))
    assert load(host, picture, "a.png", transparency=(1, 2, 3)).mask()[0].tolist() == [[0, 1]]


def test_sixteen_bits_keep_their_precision(host: Any) -> None:
    values = np.array([[0, 1, 257, 30000, 65535]], np.uint16)
    picture = load(host, Image.fromarray(values), "a.png")
    np.testing.assert_allclose(picture.rgb[0, ..., 0], values / 65535, atol=1e-7)


def test_dark_sixteen_bits_stay_dark(host: Any) -> None:
    picture = load(host, Image.fromarray(np.full((2, 2), 100, np.uint16)), "a.png")
    np.testing.assert_allclose(picture.rgb, 100 / 65535, atol=1e-7)


def test_sixteen_bits_a_colour(host: Any) -> None:
    (host.base / "input" / "deep.png").write_bytes(sixteen_bit_png([65535, 32768, 0]))
    picture = pictures.load_picture("deep.png", quiet)
    np.testing.assert_allclose(picture.rgb[0, 0, 0], [1, 0.5, 0], atol=0.003)


def sixteen_bit_png(colour: list[int]) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)
    row = b"\0" + struct.pack(">HHH", *colour)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row)) + chunk(b"IEND", b"")


@pytest.mark.parametrize(("values", "top"), [([0.0, 0.25, 1.0], 1), ([0.0, 51.0, 255.0], 255), ([0.0, 1e6, 2e6], 2e6)])
def test_floating_point_greys(host: Any, values: list[float], top: float) -> None:
    picture = load(host, Image.fromarray(np.array([values], np.float32)), "a.tiff")
    np.testing.assert_allclose(picture.rgb[0, 0, :, 0], np.array(values) / top, atol=1e-6)


def test_floating_point_that_is_no_number(host: Any) -> None:
    picture = load(host, Image.fromarray(np.array([[np.nan, np.inf, -5, 0.5]], np.float32)), "a.tiff")
    assert picture.rgb[0, 0, :, 0].tolist() == [0, 0, 0, 0.5]


def test_cmyk(host: Any) -> None:
    picture = load(host, Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "a.jpg", quality=100)
    np.testing.assert_allclose(picture.rgb[0, 4, 4], [1, 0, 0], atol=0.03)


ORIENTED = {1: [[0, 1], [2, 3]], 2: [[1, 0], [3, 2]], 3: [[3, 2], [1, 0]], 4: [[2, 3], [0, 1]], 5: [[0, 2], [1, 3]], 6: [[2, 0], [3, 1]], 7: [[3, 1], [2, 0]], 8: [[1, 3], [0, 2]]}  # fmt: skip


@pytest.mark.parametrize(("orientation", "upright"), ORIENTED.items())
def test_rotation_by_exif(host: Any, orientation: int, upright: list[list[int]]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    greys = Image.fromarray(np.array([[0, 80], [160, 240]], np.uint8))
    picture = load(host, greys, "a.png", exif=exif)
    assert (picture.rgb[0, ..., 0] * 255 / 80).round().astype(int).tolist() == upright


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_does_not_matter(host: Any) -> None:
    picture = load(host, Image.new("RGB", (3, 2)), "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert picture.rgb.shape == (1, 2, 3, 3)


@pytest.mark.parametrize("name", ["a.gif", "a.png", "a.webp", "a.tiff"])
def test_every_frame_is_a_picture_of_the_batch(host: Any, name: str) -> None:
    frames = [Image.new("RGB", (4, 3), (60 * number, 0, 0)) for number in range(1, 4)]
    steps: list[tuple[int, int]] = []
    options: dict[str, Any] = {"lossless": True} if name.endswith("webp") else {}
    frames[0].save(host.base / "input" / name, save_all=True, append_images=frames[1:], **options)
    picture = pictures.load_picture(name, lambda value, total: steps.append((value, total)))
    assert (picture.rgb[:, 0, 0, 0] * 255).round().tolist() == [60, 120, 180]
    assert steps == [(1, 3), (2, 3), (3, 3)]


def test_pages_of_other_sizes_are_skipped(host: Any) -> None:
    pages = [Image.new("RGB", size) for size in ((4, 3), (5, 5), (4, 3))]
    pages[0].save(host.base / "input" / "a.tiff", save_all=True, append_images=pages[1:])
    assert pictures.load_picture("a.tiff", quiet).rgb.shape == (2, 3, 4, 3)


def test_the_second_picture_of_a_stereo_camera_is_none_of_ours(host: Any) -> None:
    left, right = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    left.save(host.base / "input" / "a.mpo", save_all=True, append_images=[right])
    assert pictures.load_picture("a.mpo", quiet).rgb.shape == (1, 8, 8, 3)


def test_loading_can_be_cancelled(host: Any) -> None:
    frames = [Image.new("RGB", (4, 3), (number, 0, 0)) for number in range(9)]
    frames[0].save(host.base / "input" / "a.gif", save_all=True, append_images=frames[1:])
    host.stop_at = 3
    with pytest.raises(Interrupted):
        pictures.load_picture("a.gif", host.progress)


def whole_png() -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


DAMAGED = {
    "empty.png": b"",
    "text.png": b"hello",
    "head.png": b"\x89PNG\r\n\x1a\n",
    "half.png": whole_png()[:6000],
    "zeros.png": whole_png()[:60] + bytes(9000),
    "jpeg.jpg": b"\xff\xd8\xff\xe0" + bytes(100),
    "gif.gif": b"GIF89a" + bytes(3),
    "page.eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n",
    "list.m3u8": b"#EXTM3U\nfile:///etc/passwd\n",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_what_cannot_be_read_is_said_in_a_sentence(host: Any, name: str) -> None:
    (host.base / "input" / name).write_bytes(DAMAGED[name])
    with pytest.raises(FileRefused) as caught:
        pictures.load_picture(name, quiet)
    message = str(caught.value)
    assert f'"{name}"' in message
    assert message.endswith(".")
    assert str(host.base) not in message


@given(st.binary(max_size=80), st.integers(0, 200))
def test_no_damage_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, noise: bytes, place: int) -> None:
    base = tmp_path_factory.mktemp("damaged", numbered=True)
    data = whole_png()
    (base / "a.png").write_bytes(data[:place] + noise + data[place + len(noise) :])

    class Folders:
        def directory(self, _kind: str) -> Path:
            return base

    def run() -> None:
        set_host(Folders())  # type: ignore[arg-type]  # the only service that is asked for
        with suppress(FileRefused):
            assert pictures.load_picture("a.png", quiet).rgb.ndim == 4

    copy_context().run(run)


def test_too_many_pixels_are_refused_before_they_are_decoded(host: Any) -> None:
    header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
    data = b"IHDR" + header
    head = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + data + struct.pack(">I", zlib.crc32(data))
    (host.base / "input" / "bomb.png").write_bytes(head + bytes(40))
    for look in (pictures.check_picture, lambda name: pictures.load_picture(name, quiet)):
        with pytest.raises(FileRefused, match=r'"bomb\.png"'):
            look("bomb.png")


def test_too_many_frames_are_refused(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def small(what: str, *shape: int) -> None:
        check_size(what, *shape, limit=5 * 4 * 3 * 3 * 4)

    monkeypatch.setattr(pictures, "check_size", small)
    frames = [Image.new("RGB", (4, 3), (number, 0, 0)) for number in range(6)]
    frames[0].save(host.base / "input" / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.raises(FileRefused, match=r'"a\.gif" of 6 x 3 x 4 x 3 values'):
        pictures.load_picture("a.gif", quiet)


def test_checking_reads_the_header_only(host: Any) -> None:
    (host.base / "input" / "half.png").write_bytes(DAMAGED["half.png"])
    pictures.check_picture("half.png")


@given(st.integers(0, 255))
def test_bytes_survive_being_floats(value: int) -> None:
    floats = np.full((1, 1, 1), value, np.uint8).astype(np.float32) / np.float32(255)
    assert pictures.as_bytes(floats)[0, 0, 0] == value


def test_bytes_are_rounded_down_and_clipped() -> None:
    values = np.array([[[-1.0, 0.999 / 255, 2.0]], [[np.nan, np.inf, -np.inf]]], np.float32)
    assert pictures.as_bytes(values).tolist() == [[[0, 0, 255]], [[0, 255, 0]]]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB"), (4, "RGBA")])
def test_channels_are_modes(channels: int, mode: str) -> None:
    assert pictures.as_image(np.zeros((2, 3, channels), np.float32)).mode == mode


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 2), (2, 3, 5), (1, 2, 3, 3)])
def test_other_shapes_are_no_pictures(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="1, 3 or 4 channels"):
        pictures.as_image(np.zeros(shape, np.float32))


def test_a_png_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"precious")
    with pytest.raises(FileExistsError):
        pictures.save_png(path, np.zeros((1, 1, 3), np.float32), PngImagePlugin.PngInfo(), 4)
    assert path.read_bytes() == b"precious"


def test_an_animation_shows_frames_in_the_order_asked_for() -> None:
    images: Any = np.arange(4, dtype=np.float32).reshape(4, 1, 1, 1).repeat(3, axis=3) / np.float32(255)
    animation = Animation(images, quiet, [3, 1, 1])
    assert (animation.n_frames, animation.is_animated) == (3, True)
    shown = []
    for frame in range(3):
        animation.seek(frame)
        assert animation.tell() == frame
        shown.append(animation.getpixel((0, 0)))
    assert shown == [(3, 3, 3), (1, 1, 1), (1, 1, 1)]
    with pytest.raises(EOFError):
        animation.seek(3)


def test_size_limits_name_the_size() -> None:
    check_size("A batch", 1, 16384, 16384, 3)
    with pytest.raises(TooLarge, match=r"A batch of 4096 x 16384 x 16384 x 3 values would take 12,288\.0 GiB, more"):
        check_size("A batch", 4096, 16384, 16384, 3)
