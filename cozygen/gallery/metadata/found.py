"""What the readers of the containers gather: texts under their keys, and the facts of the header."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from cozygen.gallery.metadata import texts

MAX_TEXT = 16 * 1024 * 1024
"""The longest text that is taken from a file, in bytes, after decompression."""

_MAX_TOTAL = 32 * 1024 * 1024  # bytes of all texts of one file together
_MAX_TEXTS = 512
_MAX_KEY = 256
_MAX_PIXELS_A_SIDE = 2**31 - 1


@dataclass(slots=True)
class Found:
    """Filled by one reader. Keys are lower case; of several texts under one key, the last is the valid one."""

    container: str | None = None
    width: int | None = None
    height: int | None = None
    duration: float | None = None
    fps: float | None = None
    is_turned: bool = False  # by its EXIF, which comes before or after the size
    texts: list[tuple[str, str]] = field(default_factory=list)
    _left: int = _MAX_TOTAL

    @property
    def limit(self) -> int:
        """The bytes of the longest text that is still taken."""
        return max(0, min(MAX_TEXT, self._left))

    def claim(self, length: int) -> bool:
        """Whether `length` bytes of text may be read now; they count even when nothing comes of them, so that the
        parts of a hostile file, which may overlap, cannot add up."""
        if not 0 < length <= self.limit:
            return False
        self._left -= length
        return True

    def add(self, key: str, text: str) -> None:
        """Take a text, cleaned; blank ones are left, and those that are too many."""
        text = texts.clean(text)
        if text and not text.isspace() and len(key) <= _MAX_KEY and len(self.texts) < _MAX_TEXTS:
            self.texts.append((texts.clean(key).strip().lower(), text))

    def inflate(self, data: bytes) -> bytes:
        """The content of a zlib stream, as far as it is whole; nothing where it is damaged or beyond the limits."""
        limit = self.limit
        if not limit:  # which `decompress` would understand as no limit
            return b""
        decompressor = zlib.decompressobj()
        try:
            content = decompressor.decompress(data, limit)
        except zlib.error:
            return b""
        # A bomb counts as well, or a file could be full of them.
        self._left -= limit if decompressor.unconsumed_tail else len(content)
        return b"" if decompressor.unconsumed_tail else content

    def size(self, width: int, height: int) -> None:
        """Take the size of the picture in pixels; nonsense is left."""
        if 0 < width <= _MAX_PIXELS_A_SIDE and 0 < height <= _MAX_PIXELS_A_SIDE:
            self.width, self.height = width, height

    def timing(self, duration: float | None = None, fps: float | None = None) -> None:
        """Take seconds and frames a second; nonsense is left."""
        if duration is not None and 0 < duration < 1e9:
            self.duration = round(duration, 6)
        if fps is not None and 0 < fps < 100_000:
            self.fps = round(fps, 6)
