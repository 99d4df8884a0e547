"""Pictures drawn in place of what has none: sound, and files that cannot be decoded. Runs in a worker."""

from __future__ import annotations

from typing import Literal

from PIL import Image, ImageDraw, ImageFont

Subject = Literal["image", "video", "audio", "file"]

_OVERSAMPLE = 2
_TOP, _BOTTOM = (112, 118, 130), (84, 89, 100)  # between a light and a dark page
INK = (236, 239, 244)
"""The colour of drawings."""

_PALE = (158, 165, 178)
_UNITS = 100  # the drawings' coordinates
_LABEL = 6  # characters
_BARS = (10, 22, 16, 34, 26, 44, 30, 38, 18, 28, 12)


def draw(subject: Subject, label: str, box: int) -> Image.Image:
    """A square of `box` pixels with a sign for the kind of file, and `label` (the extension) below it: RGB."""
    side = box * _OVERSAMPLE
    picture = ground(side, side)
    pen = _Pen(picture)
    text = "".join(character for character in label.upper() if character.isascii() and character.isalnum())[:_LABEL]
    {"image": _image, "video": _video, "audio": _audio, "file": _file}[subject](pen)
    if text:
        _caption(pen, text)
    return picture.resize((box, box), Image.Resampling.BOX)


class _Pen:
    """Draws in units of a hundredth of the picture's side."""

    def __init__(self, picture: Image.Image) -> None:
        self._draw = ImageDraw.Draw(picture)
        self.unit = picture.width / _UNITS

    def frame(self, left: float, top: float, right: float, bottom: float, *, radius: float = 5.0) -> None:
        """The outline of a rectangle with round corners."""
        box = [value * self.unit for value in (left, top, right, bottom)]
        self._draw.rounded_rectangle(box, radius * self.unit, outline=INK, width=round(2.4 * self.unit))

    def bar(self, middle: float, centre: float, height: float, *, width: float = 3.0) -> None:
        """An upright bar with round ends."""
        box = (middle - width / 2, centre - height / 2, middle + width / 2, centre + height / 2)
        self._draw.rounded_rectangle([value * self.unit for value in box], width / 2 * self.unit, fill=INK)

    def shape(self, *points: tuple[float, float], pale: bool = False) -> None:
        """A filled polygon."""
        self._draw.polygon([(x * self.unit, y * self.unit) for x, y in points], fill=_PALE if pale else INK)

    def disc(self, x: float, y: float, radius: float) -> None:
        """A filled circle."""
        box = (x - radius, y - radius, x + radius, y + radius)
        self._draw.ellipse([value * self.unit for value in box], fill=INK)

    def line(self, *points: tuple[float, float]) -> None:
        """A line through the points."""
        scaled = [(x * self.unit, y * self.unit) for x, y in points]
        self._draw.line(scaled, fill=INK, width=round(2.4 * self.unit), joint="curve")

    def text(self, x: float, y: float, text: str, height: float) -> None:
        """Text around a point."""
        font = ImageFont.load_default(height * self.unit)
        self._draw.text((x * self.unit, y * self.unit), text, fill=INK, font=font, anchor="mm")


def ground(width: int, height: int) -> Image.Image:
    """What drawings are on: RGB."""
    fade = Image.linear_gradient("L").resize((width, height))
    size = width, height
    return Image.composite(Image.new("RGB", size, _BOTTOM), Image.new("RGB", size, _TOP), fade)


def _image(pen: _Pen) -> None:
    pen.shape((30, 61), (43, 43), (54, 57), (60, 50), (70, 61), pale=True)
    pen.disc(62, 36.5, 4)
    pen.frame(26, 26, 74, 65)


def _video(pen: _Pen) -> None:
    pen.frame(24, 26, 76, 65)
    pen.shape((44, 36), (44, 55), (60, 45.5))


def _audio(pen: _Pen) -> None:
    for number, height in enumerate(_BARS):
        pen.bar(50 + (number - len(_BARS) // 2) * 5.2, 45.5, height)


def _file(pen: _Pen) -> None:
    pen.line((58, 22.5), (36, 22.5), (36, 66), (66, 66), (66, 30.5), (58, 22.5), (58, 30.5), (66, 30.5))


def _caption(pen: _Pen, text: str) -> None:
    try:
        pen.text(50, 80, text, 10)
    except ImportError:  # a Pillow without FreeType has no letters of this size
        return
