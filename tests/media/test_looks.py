from __future__ import annotations

import io
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from cozygen.media.looks import perceptual_hash, thumbhash
from tests.media.samples import BLUE, RED, close, encoded, photo


def distance(one: Image.Image, other: Image.Image) -> int:
    return (perceptual_hash(one) ^ perceptual_hash(other)).bit_count()


def test_what_looks_the_same_has_nearly_the_same_hash() -> None:
    original = photo(640, 480)
    with Image.open(io.BytesIO(encoded(original, "JPEG", quality=40))) as compressed:
        compressed.load()
    variants = [
        original.resize((200, 150)),
        compressed,
        ImageEnhance.Brightness(original).enhance(1.1),
        original.convert("L"),
    ]
    assert all(distance(original, variant) <= 6 for variant in variants)


def test_what_looks_different_has_another_hash() -> None:
    pictures = [photo(seed=seed) for seed in range(6)]
    pairs = [(one, other) for index, one in enumerate(pictures) for other in pictures[:index]]
    assert all(distance(one, other) > 14 for one, other in pairs)
    assert distance(pictures[0], pictures[0].rotate(180)) > 14


def test_even_pictures_have_the_same_hash() -> None:
    assert {perceptual_hash(Image.new("RGB", (50, 50), colour)) for colour in (RED, BLUE)} == {0}


@given(
    width=st.integers(1, 60),
    height=st.integers(1, 60),
    mode=st.sampled_from(["L", "RGB", "RGBA"]),
    seed=st.integers(0, 9),
)
@settings(deadline=None, max_examples=60)
def test_any_picture_has_both(width: int, height: int, mode: str, seed: int) -> None:
    picture = photo(width, height, seed).convert(mode)
    if mode == "RGBA":
        picture.putalpha(photo(width, height, seed + 1).convert("L"))
    assert 0 <= perceptual_hash(picture) < 2**64
    placeholder = thumbhash(picture)
    assert 5 <= len(placeholder) <= 25
    average, ratio, transparent = header(placeholder)
    assert transparent == (mode == "RGBA" and min(picture.getchannel("A").tobytes()) < 255)
    assert all(-0.2 <= value <= 1.2 for value in average)
    assert ratio > 0


def header(data: bytes) -> tuple[list[float], float, bool]:
    """Average colour (0..1), approximate ratio and transparency, as a browser reads them."""
    first, second = int.from_bytes(data[:3], "little"), int.from_bytes(data[3:5], "little")
    light, yellow, red = (first & 63) / 63, (first >> 6 & 63) / 31.5 - 1, (first >> 12 & 63) / 31.5 - 1
    blue = light - 2 / 3 * yellow
    brightest = (3 * light - blue + red) / 2
    transparent = bool(first >> 23)
    limit = 5 if transparent else 7
    across, down = (limit, second & 7) if second >> 15 else (second & 7, limit)
    return [brightest, brightest - red, blue], across / down, transparent


@pytest.mark.parametrize("colour", [RED, BLUE, (128, 128, 128), (0, 0, 0), (255, 255, 255)])
def test_the_placeholder_has_the_colour(colour: tuple[int, int, int]) -> None:
    average, ratio, transparent = header(thumbhash(Image.new("RGB", (40, 40), colour)))
    assert close([value * 255 for value in average], colour, 8)
    assert (ratio, transparent) == (1.0, False)


@pytest.mark.parametrize("size", [(100, 50), (50, 100), (70, 60)])
def test_the_placeholder_has_the_proportions(size: tuple[int, int]) -> None:
    _, ratio, _ = header(thumbhash(photo(*size)))
    assert math.isclose(ratio, size[0] / size[1], rel_tol=0.2)


def uneven(width: int, height: int) -> Image.Image:
    data = bytearray()
    for y in range(height):
        for x in range(width):
            data += bytes(((x * x * 7 + y * 31) % 256, (x * 53 + y * y * 11) % 256, (x * y * 29 + x * 5) % 256, 255))
    return Image.frombytes("RGBA", (width, height), bytes(data))


def test_the_placeholder_is_that_of_the_formats_reference() -> None:
    """The reference encoder makes these of the same pixels."""
    assert thumbhash(uneven(9, 7)).hex() == "5d0806258640624730668b7487576995be3a7f7560"
    clear = uneven(6, 11)
    pixels = clear.tobytes()
    alpha = bytes((pixels[4 * i] * 3 + pixels[4 * i + 1] + i * 7) % 256 for i in range(66))
    clear.putalpha(Image.frombytes("L", (6, 11), alpha))
    assert thumbhash(clear).hex() == "9b1886230417505536844abf67585f77fba976646864b6"
