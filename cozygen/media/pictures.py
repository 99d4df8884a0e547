"""Still pictures, and the first frame of animated ones, by Pillow. Runs in a worker: the input is untrusted.

Functions take a binary stream at its start and Pillow's name of the format. They raise `Undecodable`, and for damaged
files also whatever Pillow happens to raise; the worker turns that into the same.
"""

from __future__ import annotations

import importlib
import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, BinaryIO, Literal, NamedTuple

from PIL import Image, ImageCms, features

from cozygen.media import png
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
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_PLUGINS = {"WEBP": "WebPImagePlugin", "TIFF": "TiffImagePlugin", "AVIF": "AvifImagePlugin"}
_ANIMATED = ("GIF", "PNG", "WEBP", "AVIF")  # a TIFF with several pages is none
_GAP = 1.5  # how many times the size that is wanted is left to the better and slower filter
_CHECK = 8  # pixels; two greys in the middle, on which both white and black drawings are seen
_CHECK_GREYS = (102, 153)
# What takes much longer to encode is hardly smaller at the size of a thumbnail.
_OPTIONS: dict[Encoding, dict[str, Any]] = {
    "jpeg": {"optimize": True},
    "webp": {"method": 2},
    "avif": {"speed": 9, "max_threads": 1},
}
_MAX_PROFILE = 4 * 1024 * 1024


class Facts(NamedTuple):
    """A picture's `width` and `height` in pixels as seen upright, and whether it is `animated`."""

    width: int
    height: int
    animated: bool


def thumbnail(stream: BinaryIO, name: str, box: int) -> tuple[Image.Image, Facts]:
    """The picture upright, in sRGB, reduced to fit `box` x `box` pixels and never enlarged (L, RGB or RGBA).

    Also what there is to know of it, since it is open anyway.
    """
    with _opened(stream, name) as (picture, animated):
        facts = _facts(picture, animated)
        # JPEG decodes an eighth, a quarter or a half of the size for a fraction of the price.
        width, height = _fitting(picture.size, box)
        picture.draft(None, (math.ceil(width * _GAP), math.ceil(height * _GAP)))
        picture.load()
        orientation = _orientation(picture)  # only now, for a TIFF turns itself when it is loaded
        profile = picture.info.get("icc_profile")
        small = _scalable(picture)
        size = _fitting((facts.width, facts.height) if orientation < 5 else (facts.height, facts.width), box)
        if small.size != size:
            small = small.resize(size, Image.Resampling.BICUBIC, reducing_gap=_GAP)
        return _turn(_to_srgb(small, profile), orientation), facts


def probe(stream: BinaryIO, name: str) -> Facts:
    """What the header tells; nothing is decoded."""
    with _opened(stream, name) as (picture, animated):
        return _facts(picture, animated)


def verify(stream: BinaryIO, name: str) -> None:
    """Decode the whole first frame. Raises when that fails."""
    with _opened(stream, name) as (picture, _):
        picture.draft(None, (1, 1))  # a JPEG is read to its end, yet only every eighth pixel is computed
        picture.load()


def writable(encoding: Encoding) -> Encoding:
    """`encoding`, or where this Pillow cannot write it the next simpler one: AVIF, WebP, JPEG."""
    if encoding == "avif" and not features.check("avif"):
        encoding = "webp"
    if encoding == "webp" and not features.check("webp"):
        encoding = "jpeg"
    return encoding


def encode(picture: Image.Image, encoding: Encoding, quality: int) -> bytes:
    """Encode without metadata. JPEG shows a chequered ground through what is transparent."""
    if picture.mode == "RGBA" and picture.getchannel("A").getextrema() == (255, 255):
        picture = picture.convert("RGB")
    if encoding == "jpeg" and picture.mode == "RGBA":
        ground = checker(picture.width, picture.height)
        ground.paste(picture, mask=picture)
        picture = ground
    if encoding != "jpeg" and picture.mode == "L":
        picture = picture.convert("RGB")
    picture.info = {}  # comments and the like, which some encoders copy
    buffer = io.BytesIO()
    picture.save(buffer, encoding.upper(), quality=quality, **_OPTIONS[encoding])
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
def _opened(stream: BinaryIO, name: str) -> Iterator[tuple[Image.Image, bool]]:
    """Open as the one format `name`; also whether it is animated.

    Raises `Undecodable` for more than `MAX_PIXELS`, before any is decoded.
    """
    # Pillow's own check also guards what lies behind the header: frames and tiles of other sizes.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    animated: bool | None = None
    if name == "PNG":
        stream, animated = png.slim(stream)
    elif name in _PLUGINS:
        importlib.import_module(f"PIL.{_PLUGINS[name]}")  # Pillow would import all that it has
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
            if animated is None:
                animated = name in _ANIMATED and bool(getattr(picture, "is_animated", False))
            yield picture, animated


def _facts(picture: Image.Image, animated: bool) -> Facts:
    width, height = picture.size
    if picture.format == "TIFF":  # Pillow's versions differ in whether the size is that of the upright picture
        tags: Any = picture
        width, height = tags.tag_v2[_TIFF_WIDTH], tags.tag_v2[_TIFF_HEIGHT]
    if _orientation(picture) >= 5:
        width, height = height, width
    return Facts(width, height, animated)


def _fitting(size: tuple[int, int], box: int) -> tuple[int, int]:
    """`size` reduced to fit `box` x `box`, at least one pixel each way; not enlarged."""
    width, height = size
    ratio = min(1.0, box / width, box / height)
    return max(1, round(width * ratio)), max(1, round(height * ratio))


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


def _scalable(picture: Image.Image) -> Image.Image:
    """Any of Pillow's modes as one of those that can be resized well: L, RGB, RGBA or CMYK."""
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
            managed = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode=output)
            if managed is not None:
                return managed
    return picture if picture.mode == target else picture.convert(target)
