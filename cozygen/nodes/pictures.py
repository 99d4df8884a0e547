"""Pictures between files and arrays.

Arrays are those of `cozygen.nodes.host`: float32 in 0..1, ``[frames, height, width, channels]``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps, ImageSequence, UnidentifiedImageError
from PIL.PngImagePlugin import PngInfo

from cozygen.nodes.limits import TooLarge, check_size
from cozygen.nodes.locate import FileRefused, find, shown

FloatArray = np.ndarray[Any, np.dtype[np.float32]]
ByteArray = np.ndarray[Any, np.dtype[np.uint8]]
Step = Callable[[int, int], None]
"""Called with how many frames of how many are done; may raise to stop."""

# No format whose decoder runs a program or fetches another file (EPS, WMF, FPX, ...).
_FORMATS = ("PNG", "JPEG", "MPO", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "TGA", "PPM")
_STILL_FORMATS = ("MPO",)  # a second frame is another size or view of the first
_STRAIGHT_ALPHA = {"La": "LA", "RGBa": "RGBA"}
_CUSTOMARY_FLOAT = (1.0, 255.0, 65535.0)


@dataclass(frozen=True)
class Picture:
    """What a file shows: `rgb` ``[frames, h, w, 3]``; `alpha` ``[frames, h, w]`` (1 = opaque), None without any."""

    rgb: FloatArray
    alpha: FloatArray | None

    def mask(self) -> FloatArray:
        """What is transparent, as ComfyUI's MASK ``[frames, h, w]``: 1 - alpha."""
        if self.alpha is None:
            return np.zeros(self.rgb.shape[:3], np.float32)
        return np.subtract(np.float32(1), self.alpha, dtype=np.float32)


def check_picture(name: str) -> None:
    """See that a prompt's `name` is that of a picture. Raises `FileRefused` with a sentence otherwise.

    Only the file's header is read.
    """
    with _opened(name):
        pass


def load_picture(name: str, step: Step) -> Picture:
    """The picture that a prompt calls `name` (see `cozygen.nodes.locate.find`), upright, all frames of its first size.

    Greys of 16 bits keep their precision. Raises `FileRefused` for what is missing, damaged or too large.
    """
    with _opened(name) as picture:
        total = 1 if picture.format in _STILL_FORMATS else getattr(picture, "n_frames", 1)
        frames: list[FloatArray] = []
        alphas: list[FloatArray | None] = []
        for number, raw in enumerate(ImageSequence.Iterator(picture)):
            if number == total:
                break
            check_size(f"The picture {shown(name)}", len(frames) + 1, raw.height, raw.width, 3)
            rgb, alpha = _decoded(raw)
            if not frames or rgb.shape == frames[0].shape:
                frames.append(rgb)
                alphas.append(alpha)
            step(number + 1, total)
    opaque = np.ones(frames[0].shape[:2], np.float32)
    if all(alpha is None for alpha in alphas):
        return Picture(np.stack(frames), None)
    return Picture(np.stack(frames), np.stack([opaque if alpha is None else alpha for alpha in alphas]))


@contextmanager
def _opened(name: str) -> Iterator[ImageFile.ImageFile]:
    """The file opened; whatever goes wrong with it inside the block becomes a `FileRefused` that names it."""
    path = find(name)
    Image.init()
    try:
        with Image.open(path, formats=[known for known in _FORMATS if known in Image.OPEN]) as picture:
            check_size(f"The picture {shown(name)}", picture.height, picture.width, 3)
            yield picture
    except Image.DecompressionBombError:
        raise FileRefused(f"The picture {shown(name)} has too many pixels.") from None
    except TooLarge as error:
        raise FileRefused(str(error)) from None
    except UnidentifiedImageError:
        raise FileRefused(f"The file {shown(name)} is not a picture that can be read.") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, ArithmeticError) as error:
        # Pillow's decoders raise all of these for damaged files; the texts of some contain the path.
        if isinstance(error, FileRefused):
            raise
        raise FileRefused(f"The picture {shown(name)} cannot be read: it is damaged or cut short.") from error


def _decoded(raw: Image.Image) -> tuple[FloatArray, FloatArray | None]:
    """One frame as ``[h, w, 3]`` and, where it has transparency, ``[h, w]``."""
    raw.load()
    frame = raw
    with suppress(Exception):  # damaged EXIF raises anything, and the picture is as good as before
        frame = ImageOps.exif_transpose(raw)
    if frame.mode.startswith("I") or frame.mode == "F":
        grey = _grey(frame, raw.format)
        return np.repeat(grey[:, :, None], 3, axis=2), None
    if frame.mode in _STRAIGHT_ALPHA:
        frame = frame.convert(_STRAIGHT_ALPHA[frame.mode])
    if frame.has_transparency_data:
        values = _floats(frame.convert("RGBA"))
        return np.ascontiguousarray(values[:, :, :3]), np.ascontiguousarray(values[:, :, 3])
    return _floats(frame.convert("RGB")), None


def _floats(frame: Image.Image) -> FloatArray:
    return np.divide(np.asarray(frame, np.uint8), np.float32(255), dtype=np.float32)


def _grey(frame: Image.Image, format: str | None) -> FloatArray:
    """Greys of more than 8 bits in 0..1. What exceeds its customary range is scaled to its own greatest value."""
    values = np.nan_to_num(np.asarray(frame).astype(np.float32), posinf=0, neginf=0)
    if frame.mode.startswith("I;16") or format == "PNG":
        top = 65535.0
    else:
        greatest = float(values.max(initial=0))
        ranges = _CUSTOMARY_FLOAT if frame.mode == "F" else _CUSTOMARY_FLOAT[1:]
        top = next((bound for bound in ranges if greatest <= bound), greatest)
    scaled: FloatArray = np.clip(values / np.float32(top), 0, 1)
    return scaled


def as_bytes(values: FloatArray) -> ByteArray:
    """Values in 0..1 as bytes. Rounds down, as ComfyUI does, so that equal graphs give equal files."""
    scaled: FloatArray = np.clip(np.nan_to_num(values), 0, 1) * np.float32(255)
    return scaled.astype(np.uint8)


def as_image(values: FloatArray) -> Image.Image:
    """One picture ``[h, w, c]`` with 1, 3 or 4 channels. Raises `ValueError` for another number."""
    data = as_bytes(values)
    if data.ndim != 3 or data.shape[2] not in (1, 3, 4):
        raise ValueError(f"A picture has 1, 3 or 4 channels; this one has the shape {list(data.shape)}.")
    return Image.fromarray(data[:, :, 0] if data.shape[2] == 1 else data)


def save_png(path: Path, values: FloatArray, info: PngInfo, compress_level: int) -> None:
    """Write one picture ``[h, w, c]`` to a new file."""
    with path.open("xb") as stream:
        as_image(values).save(stream, "PNG", pnginfo=info, compress_level=compress_level)


def save_animated(path: Path, format: str, animation: Animation, **options: Any) -> None:
    """Write an animation to a new file; `options` are those of Pillow for the format (PNG, WEBP or GIF)."""
    with path.open("xb") as stream:
        animation.save(stream, format, save_all=True, **options)


class Animation(Image.Image):
    """Pictures ``[frames, h, w, c]`` as one of Pillow's multi-frame images, each made when it is wanted.

    Pillow asks for the frames in order while it encodes them, which is when `step` is told. `order` are the frames to
    show (indices; repeats are fine); `convert_frame` is applied to each.
    """

    def __init__(
        self,
        images: FloatArray,
        step: Step,
        order: Sequence[int] | None = None,
        convert_frame: Callable[[Image.Image], Image.Image] = lambda frame: frame,
    ) -> None:
        super().__init__()
        self._images, self._step, self._convert = images, step, convert_frame
        self._order = range(len(images)) if order is None else order
        self._place = -1
        self.n_frames = len(self._order)
        self.is_animated = self.n_frames > 1
        self._show(0)

    def seek(self, frame: int) -> None:
        """Show a frame. Raises `EOFError` behind the last, and whatever the step raises."""
        if not 0 <= frame < self.n_frames:
            raise EOFError("no more frames")
        self._step(frame + 1, self.n_frames)
        self._show(frame)

    def tell(self) -> int:
        """The number of the frame that is shown."""
        return self._place

    def _show(self, frame: int) -> None:
        if frame != self._place:
            picture = self._convert(as_image(self._images[self._order[frame]]))
            self.im, self._mode, self._size = picture.im, picture.mode, picture.size
            self.palette = picture.palette
            self._place = frame
