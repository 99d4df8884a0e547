from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, TiffImagePlugin

from cozygen.media import pictures
from cozygen.media.sniff import Undecodable, sniff
from tests.media import samples
from tests.media.samples import BLUE, GREEN, RED, WHITE, close, corners, encoded, png, quarters

LOSSLESS = {"PNG": {}, "GIF": {}, "BMP": {}, "TIFF": {}, "WEBP": {"lossless": True}}
LOSSY = {"JPEG": {"quality": 92}, "AVIF": {"quality": 90}}


def thumbnail(data: bytes, box: int = 384) -> Image.Image:
    found = sniff(data[:4096])
    assert found is not None
    assert found.library == "pillow"
    picture, _ = pictures.thumbnail(io.BytesIO(data), found.name, box)
    assert picture.mode in ("L", "RGB", "RGBA")
    return picture


def facts(data: bytes) -> tuple[int, int, bool]:
    found = sniff(data[:4096])
    assert found is not None
    probed = pictures.probe(io.BytesIO(data), found.name)
    assert pictures.thumbnail(io.BytesIO(data), found.name, 32)[1] == probed
    return probed


@pytest.mark.parametrize(("name", "options"), (LOSSLESS | LOSSY).items())
def test_every_format_is_decoded(name: str, options: dict[str, object]) -> None:
    data = encoded(quarters(), name, **options)
    small = thumbnail(data)
    assert small.size == (64, 48)
    for got, wanted in zip(corners(small), (RED, GREEN, BLUE, WHITE), strict=True):
        assert close(got, wanted)
    assert facts(data) == (64, 48, False)
    pictures.verify(io.BytesIO(data), name)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_orientation_is_applied(name: str, orientation: int) -> None:
    options = (LOSSLESS | LOSSY)[name]
    data = encoded(quarters(), name, exif=samples.oriented(orientation), **options)
    with Image.open(io.BytesIO(encoded(quarters(), "PNG", exif=samples.oriented(orientation)))) as stored:
        upright = ImageOps.exif_transpose(stored)
    small = thumbnail(data)
    assert small.size == upright.size == ((48, 64) if orientation >= 5 else (64, 48))
    for got, wanted in zip(corners(small), corners(upright), strict=True):
        assert close(got, wanted)
    assert facts(data) == (*upright.size, False)


def test_it_fits_in_the_box_and_is_never_enlarged() -> None:
    assert thumbnail(encoded(quarters(300, 200), "PNG"), 96).size == (96, 64)
    assert thumbnail(encoded(quarters(200, 300), "JPEG"), 96).size == (64, 96)
    assert thumbnail(encoded(quarters(96, 96), "PNG"), 96).size == (96, 96)
    assert thumbnail(encoded(quarters(50, 40), "PNG"), 96).size == (50, 40)


@pytest.mark.parametrize(
    ("size", "wanted"), [((1, 3000), (1, 96)), ((3000, 1), (96, 1)), ((1, 1), (1, 1)), ((5000, 3), (96, 1))]
)
@pytest.mark.parametrize("name", ["PNG", "JPEG", "GIF", "WEBP"])
def test_extreme_ratios_keep_a_pixel(name: str, size: tuple[int, int], wanted: tuple[int, int]) -> None:
    small = thumbnail(encoded(Image.new("RGB", size, RED), name), 96)
    assert small.size == wanted
    assert pictures.encode(small, "jpeg", 80).startswith(b"\xff\xd8")


def test_it_looks_like_the_picture() -> None:
    photo = samples.photo(900, 700)
    wanted = np.asarray(photo.resize((300, 233), Image.Resampling.LANCZOS), np.float32)
    for name, tolerance in (("PNG", 1.5), ("JPEG", 2.5)):
        got = np.asarray(thumbnail(encoded(photo, name, quality=95), 300), np.float32)
        assert np.abs(got - wanted).mean() < tolerance


@pytest.mark.parametrize(
    ("depth", "values", "wanted"),
    [
        (1, [0, 1], [0, 255]),
        (2, [0, 1, 2, 3], [0, 85, 170, 255]),
        (4, [0, 15], [0, 255]),
        (8, [0, 100, 255], [0, 100, 255]),
        (16, [0, 0x8000, 0xFFFF], [0, 128, 255]),
    ],
)
def test_greys_of_every_depth(depth: int, values: list[int], wanted: list[int]) -> None:
    bits = "".join(f"{value:0{depth}b}" for value in values)
    bits += "0" * (-len(bits) % 8)
    row = b"\0" + int(bits, 2).to_bytes(len(bits) // 8, "big")
    small = thumbnail(png(len(values), 1, depth, 0, row)).convert("L")
    assert [small.getpixel((x, 0)) for x in range(len(values))] == pytest.approx(wanted, abs=1)


@pytest.mark.parametrize(
    ("mode", "array", "wanted"),
    [
        ("F", np.array([[0.0, 0.5, 1.0]], np.float32), [0, 127, 255]),
        ("F", np.array([[0.0, 128.0, 255.0]], np.float32), [0, 128, 255]),
        ("F", np.array([[-2.0, 0.0, 2.0]], np.float32), [0, 127, 255]),
        ("I", np.array([[0, 30000, 65535]], np.int32), [0, 116, 255]),
        ("I", np.array([[-100, 0, 100]], np.int32), [0, 127, 255]),
        ("I", np.array([[7, 7, 7]], np.int32), [7, 7, 7]),
    ],
)
def test_wide_greys_of_tiff(mode: str, array: np.ndarray, wanted: list[int]) -> None:
    picture = Image.fromarray(array)
    assert picture.mode == mode
    small = thumbnail(encoded(picture, "TIFF"))
    assert [small.getpixel((x, 0)) for x in range(3)] == pytest.approx(wanted, abs=1)


def test_floats_that_are_none_do_no_harm() -> None:
    array = np.array([[np.nan, np.inf, 0.5]], np.float32)
    assert thumbnail(encoded(Image.fromarray(array), "TIFF")).size == (3, 1)


def test_sixteen_bit_colours() -> None:
    row = b"\0" + struct.pack(">3H", 0xFFFF, 0x8000, 0)
    assert close(thumbnail(png(1, 1, 16, 2, row)).getpixel((0, 0)), (255, 128, 0), 2)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["JPEG", "TIFF"])
def test_cmyk(name: str) -> None:
    small = thumbnail(encoded(quarters().convert("CMYK"), name))
    assert small.mode == "RGB"
    for got, wanted in zip(corners(small), (RED, GREEN, BLUE, WHITE), strict=True):
        assert close(got, wanted)


def test_lab() -> None:
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(quarters(), to_lab)
    assert lab is not None
    for got, wanted in zip(corners(thumbnail(encoded(lab, "TIFF"))), (RED, GREEN, BLUE, WHITE), strict=True):
        assert close(got, wanted)


@pytest.mark.parametrize("name", ["PNG", "GIF"])
def test_palette_with_transparency(name: str) -> None:
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([*RED, *GREEN])
    picture.paste(0, (0, 0, 4, 8))
    small = thumbnail(encoded(picture, name, transparency=0))
    assert small.mode == "RGBA"
    assert small.getpixel((1, 4))[3] == 0  # type: ignore[index]
    assert small.getpixel((6, 4)) == (*GREEN, 255)


@pytest.mark.parametrize(
    ("colour", "key", "row"), [(2, struct.pack(">3H", *RED), bytes(RED)), (0, struct.pack(">H", 9), b"\x09")]
)
def test_a_transparent_colour(colour: int, key: bytes, row: bytes) -> None:
    data = png(2, 1, 8, colour, b"\0" + row + bytes(len(row)), samples.chunk(b"tRNS", key))
    small = thumbnail(data)
    assert small.mode == "RGBA"
    assert [small.getpixel((x, 0))[3] for x in range(2)] == [0, 255]  # type: ignore[index]


def test_transparency_does_not_bleed_its_hidden_colour() -> None:
    picture = Image.new("RGBA", (200, 200), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 101, 200))
    small = thumbnail(encoded(picture, "PNG"), 96)
    assert all(small.getpixel((x, 50))[0] < 8 for x in range(48))  # type: ignore[index]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "I;16"])
def test_modes_of_png(mode: str) -> None:
    picture = (
        Image.new(mode, (20, 10))
        if mode == "I;16"
        else Image.new("RGBA", (20, 10), (*RED, 255)).convert(mode if mode != "PA" else "P")
    )
    for encoding in ("jpeg", "webp", "avif"):
        assert pictures.encode(thumbnail(encoded(picture, "PNG"), 10), encoding, 80)


@pytest.mark.parametrize("name", ["GIF", "WEBP", "PNG", "AVIF"])
def test_animated_pictures_show_their_first_frame(name: str) -> None:
    frames = [Image.new("RGB", (40, 30), colour) for colour in (RED, GREEN, BLUE)]
    data = encoded(frames[0], name, save_all=True, append_images=frames[1:], duration=50)
    assert close(thumbnail(data).convert("RGB").getpixel((20, 15)), RED)  # type: ignore[arg-type]
    assert facts(data) == (40, 30, True)


def test_pages_of_a_tiff_are_no_animation() -> None:
    data = encoded(quarters(), "TIFF", save_all=True, append_images=[quarters()])
    assert facts(data) == (64, 48, False)


def test_colour_profiles_are_applied() -> None:
    # A profile that exchanges red and blue shows beyond doubt whether it was used.
    swapped = _swapped_profile()
    for name in ("PNG", "JPEG", "WEBP", "TIFF"):
        options = {"lossless": True} if name == "WEBP" else {"quality": 95}
        small = thumbnail(encoded(Image.new("RGB", (16, 16), (230, 20, 20)), name, icc_profile=swapped, **options))
        red, _, blue = small.convert("RGB").getpixel((8, 8))  # type: ignore[misc]
        assert blue > red + 100
    clear = Image.new("RGBA", (16, 16), (230, 20, 20, 128))
    assert thumbnail(encoded(clear, "PNG", icc_profile=swapped)).getpixel((8, 8))[3] == 128  # type: ignore[index]


def _swapped_profile() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack_from(">I", profile, 128)[0]
    for entry in range(132, 132 + 12 * count, 12):
        tag = bytes(profile[entry : entry + 4])
        if tag in (b"rXYZ", b"bXYZ"):
            profile[entry : entry + 4] = b"bXYZ" if tag == b"rXYZ" else b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize(
    "profile", [b"nonsense" * 50, b"\0", ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()]
)
def test_a_profile_that_is_wrong_is_ignored(profile: bytes) -> None:
    for got, wanted in zip(
        corners(thumbnail(encoded(quarters(), "PNG", icc_profile=profile))), (RED, GREEN), strict=False
    ):
        assert close(got, wanted)


@pytest.mark.parametrize(("name", "options"), (LOSSLESS | LOSSY).items())
def test_what_is_cut_short_is_refused(name: str, options: dict[str, object]) -> None:
    data = encoded(samples.photo(), name, **options)
    for part in (0.3, 0.7):
        cut = data[: int(len(data) * part)]
        with pytest.raises(Exception):  # noqa: B017 -- Pillow raises many kinds; the worker makes them one
            pictures.thumbnail(io.BytesIO(cut), name, 100)
        with pytest.raises(Exception):  # noqa: B017
            pictures.verify(io.BytesIO(cut), name)


def test_a_bomb_is_refused_before_it_is_decoded() -> None:
    bomb = png(100_000, 100_000, 8, 2, b"\0" * 1000)
    for operation in (pictures.probe, pictures.verify):
        with pytest.raises(Undecodable, match="pixels"):
            operation(io.BytesIO(bomb), "PNG")
    with pytest.raises(Undecodable, match="pixels"):
        pictures.thumbnail(io.BytesIO(bomb), "PNG", 96)
    gif = b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0)
    gif += b"," + struct.pack("<HHHHB", 0, 0, 65535, 65535, 0) + b"\x02\x01\x44\x00;"
    with pytest.raises(Undecodable, match="pixels"):
        pictures.thumbnail(io.BytesIO(gif), "GIF", 96)


def test_a_tiff_with_a_false_size_is_refused() -> None:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in (
        (256, 90_000),
        (257, 90_000),
        (258, 8),
        (259, 1),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, 90_000),
        (279, 10),
    ):
        tags[tag] = value
    buffer = io.BytesIO()
    buffer.write(b"II*\0\x08\0\0\0")
    tags.save(buffer)
    with pytest.raises(Undecodable, match="pixels"):
        pictures.thumbnail(io.BytesIO(buffer.getvalue()), "TIFF", 96)


def test_text_that_swells_is_left_alone() -> None:
    swelling = zlib.compress(bytes(20_000_000), 9)
    more = (samples.chunk(b"zTXt", b"prompt\0\0" + swelling), samples.chunk(b"iTXt", b"workflow\0\1\0\0\0" + swelling))
    assert thumbnail(png(2, 1, 8, 0, b"\0\x10\x20", *more)).size == (2, 1)


def test_what_is_transparent_has_a_ground_in_jpeg() -> None:
    clear = Image.new("RGBA", (64, 64), (0, 0, 0, 0))
    with Image.open(io.BytesIO(pictures.encode(clear, "jpeg", 90))) as jpeg:
        values = {round(value / 51) for value in jpeg.convert("L").tobytes()}
    assert values == {2, 3}
    with Image.open(io.BytesIO(pictures.encode(clear, "webp", 90))) as webp:
        assert webp.mode == "RGBA"


def test_nothing_of_the_file_but_its_pixels_gets_into_a_thumbnail() -> None:
    secret = b"secret workflow"
    exif = Image.Exif()
    exif[0x010E] = secret.decode()
    data = encoded(quarters(), "JPEG", exif=exif.tobytes(), comment=secret, icc_profile=_swapped_profile())
    small = thumbnail(data)
    for encoding in ("jpeg", "webp", "avif"):
        made = pictures.encode(small.copy(), encoding, 80)
        assert secret not in made
        assert b"Exif" not in made


def test_encodings_fall_back_to_simpler_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pictures.writable("avif") == "avif"
    monkeypatch.setattr("PIL.features.check", lambda name: name == "webp")
    assert pictures.writable("avif") == "webp"
    monkeypatch.setattr("PIL.features.check", lambda name: False)
    assert pictures.writable("avif") == pictures.writable("webp") == "jpeg"
