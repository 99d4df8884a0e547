"""Still pictures, and the first frame of animated ones, by Pillow. Runs in a worker: the input is untrusted.

Functions take a binary stream at its start and Pillow's name of the format. They raise `Undecodable`, and for damaged
files also whatever Pillow happens to raise; the worker turns that into the same.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Literal

from PIL import Image, ImageCms, PngImagePlugin, features

from cozygen.media.sniff import Undecodable

MAX_PIXELS = 180_000_000
"""Largest picture that is decoded, in pixels: what Pillow itself takes for an attack."""

Encoding = Literal["jpeg", "webp", "avif"]

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")  # a TIFF with several pages is none
_CHECK = 8  # pixels; two greys in the middle, on which both white and black drawings are seen
_CHECK_GREYS = (102, 153)
_MAX_PROFILE = 4 * 1024 * 1024


def thumbnail(stream: BinaryIO, name: str, box: int) -> Image.Image:
    """The picture upright, in sRGB, reduced to fit `box` x `box` pixels and never enlarged: L, RGB or RGBA."""
    with _opened(stream, name) as picture:
        orientation = _orientation(picture)
        profile = picture.info.get("icc_profile")
        small: Image.Image = picture
        if picture.mode not in ("L", "RGB", "RGBA", "CMYK") or "transparency" in picture.info:
            picture.load()
            small = _eight_bits(picture)
        small.thumbnail((box, box), Image.Resampling.LANCZOS, reducing_gap=2.0)
        small = _to_srgb(small, profile)
        return _turn(small, orientation)


def probe(stream: BinaryIO, name: str) -> dict[str, Any]:
    """`width` and `height` in pixels as seen upright, `codec` (the format) and whether it is `animated`."""
    with _opened(stream, name) as picture:
        width, height = picture.size
        if _orientation(picture) >= 5:
            width, height = height, width
        animated = name in _ANIMATED and bool(getattr(picture, "is_animated", False))
        return {"kind": "image", "width": width, "height": height, "codec": name.lower(), "animated": animated}


def verify(stream: BinaryIO, name: str) -> None:
    """Decode the whole first frame. Raises when that fails."""
    with _opened(stream, name) as picture:
        picture.draft(None, (1, 1))  # a JPEG is read to its end, yet only every eighth pixel is computed
        picture.load()


def encode(picture: Image.Image, encoding: Encoding, quality: int) -> bytes:
    """Encode without metadata. JPEG shows a chequered ground through what is transparent.

    Where this Pillow cannot write the encoding, the next simpler one is written: AVIF, WebP, JPEG.
    """
    if encoding == "avif" and not features.check("avif"):
        encoding = "webp"
    if encoding == "webp" and not features.check("webp"):
        encoding = "jpeg"
    if picture.mode == "RGBA" and picture.getextrema()[3] == (255, 255):
        picture = picture.convert("RGB")
    if encoding == "jpeg" and picture.mode == "RGBA":
        ground = checker(picture.width, picture.height)
        ground.paste(picture, mask=picture)
        picture = ground
    if encoding != "jpeg" and picture.mode == "L":
        picture = picture.convert("RGB")
    picture.info = {}  # comments and the like, which some encoders copy
    options: dict[str, Any] = {
        "jpeg": {"progressive": True, "optimize": True},
        "webp": {"method": 4},
        "avif": {"speed": 8},
    }[encoding]
    buffer = io.BytesIO()
    picture.save(buffer, encoding.upper(), quality=quality, **options)
    return buffer.getvalue()


def checker(width: int, height: int) -> Image.Image:
    """A neutral chequered ground, RGB."""
    dark, light = _CHECK_GREYS
    tile = Image.new("L", (2, 2), dark)
    tile.putpixel((0, 0), light)
    tile.putpixel((1, 1), light)
    tile = tile.resize((2 * _CHECK, 2 * _CHECK), Image.Resampling.NEAREST)
    ground = Image.new("L", (width, height))
    for top in range(0, height, 2 * _CHECK):
        for left in range(0, width, 2 * _CHECK):
            ground.paste(tile, (left, top))
    return ground.convert("RGB")


@contextmanager
def _opened(stream: BinaryIO, name: str) -> Iterator[Image.Image]:
    """Open as the one format `name`. Raises `Undecodable` for more than `MAX_PIXELS`, before any is decoded."""
    # Pillow's own check also guards what lies behind the header: frames and tiles of other sizes.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    # Workflows are kept in text chunks; compressed ones of more than 1 MiB are common and harmless.
    PngImagePlugin.MAX_TEXT_CHUNK = 16 * 1024 * 1024
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture = Image.open(stream, formats=[name])
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            raise Undecodable(f"more than {MAX_PIXELS} pixels") from None
        with picture:
            if picture.width < 1 or picture.height < 1:
                raise Undecodable("no pixels")
            yield picture


def _orientation(picture: Image.Image) -> int:
    """The EXIF orientation, 1..8; 1 where there is none or it cannot be read."""
    with suppress(Exception):  # damaged EXIF raises anything, and the picture is as good as before
        value = picture.getexif().get(_ORIENTATION, 1)
        if value in _UPRIGHT:
            return int(value)
    return 1


def _turn(picture: Image.Image, orientation: int) -> Image.Image:
    method = _UPRIGHT.get(orientation)
    return picture if method is None else picture.transpose(method)


def _eight_bits(picture: Image.Image) -> Image.Image:
    """Any of Pillow's modes as L, RGB, RGBA or CMYK."""
    mode = picture.mode
    if mode.startswith("I") or mode == "F":
        return _scaled(picture)
    if picture.has_transparency_data:
        return picture.convert("RGBA")
    if mode == "1":
        return picture.convert("L")
    if mode == "LAB":
        to_rgb = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
        converted = ImageCms.applyTransform(picture, to_rgb)
        assert converted is not None  # it is None only when asked to work in place
        return converted
    return picture if mode in ("L", "RGB", "CMYK") else picture.convert("RGB")


def _scaled(picture: Image.Image) -> Image.Image:
    """Greys of 16 or 32 bits, or floating-point, as L.

    What looks like the customary range (0..65535, for floats 0..1, for either 0..255) is taken as such; any other
    range, such as that of a depth map, is stretched.
    """
    is_16_bit = picture.mode.startswith("I;16")
    wide = picture.convert("I") if is_16_bit else picture
    low, high = (float(value) for value in wide.getextrema() if not isinstance(value, tuple))
    if not (math.isfinite(low) and math.isfinite(high)):
        low, high = 0.0, 1.0
    if is_16_bit:
        low, high = 0.0, 65535.0
    elif low >= 0:
        customary = (1.0, 255.0) if wide.mode == "F" else (255.0, 65535.0)
        low, high = next(((0.0, top) for top in customary if high <= top), (low, high))
    scale = 255.0 / (high - low) if high > low else 1.0
    # Only a function of just this form is accepted for these modes.
    return wide.point(lambda value: value * scale + -low * scale).convert("L")


def _to_srgb(picture: Image.Image, profile: object) -> Image.Image:
    """Apply the colour profile that the file came with. A damaged or unfitting one is ignored."""
    target = picture.mode if picture.mode in ("L", "RGB", "RGBA") else "RGB"
    if isinstance(profile, bytes) and 0 < len(profile) <= _MAX_PROFILE:
        with suppress(ImageCms.PyCMSError, OSError, ValueError):
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            output = "RGB" if target == "L" else target
            managed = ImageCms.profileToProfile(
                picture, source, ImageCms.createProfile("sRGB"), outputMode=output
            )
            if managed is not None:
                return managed
    return picture if picture.mode == target else picture.convert(target)
