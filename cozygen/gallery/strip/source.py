"""Random access to a file's bytes, and plans made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

_BLOCK = 256 * 1024


class CannotStrip(Exception):
    """The file is damaged, or of a form that cannot be taken apart. The message is fit for people."""


class Source:
    """`size` bytes through ``read(offset, length)``, which gives fewer at the end only. Keeps the last block."""

    def __init__(self, read: Callable[[int, int], bytes], size: int) -> None:
        self.size = size
        self._read = read
        self._start = 0
        self._block = b""

    def at(self, offset: int, length: int) -> bytes:
        """The bytes there. Raises `CannotStrip` where the file does not have them."""
        data = self.some(offset, length)
        if len(data) != length:
            raise CannotStrip("the file is cut short")
        return data

    def some(self, offset: int, length: int) -> bytes:
        """The bytes there, fewer at the end of the file."""
        if length > _BLOCK:
            return self._read(offset, length)
        if not self._start <= offset <= offset + length <= self._start + len(self._block):
            self._start, self._block = offset, self._read(offset, _BLOCK)
        return self._block[offset - self._start : offset - self._start + length]

    def number(self, offset: int, length: int, order: str = "big") -> int:
        """The unsigned number there."""
        data = self.at(offset, length)
        return int.from_bytes(data, "big" if order == "big" else "little")


def over_bytes(data: bytes) -> Source:
    """Bytes as a source."""
    return Source(lambda offset, length: data[offset : offset + length], len(data))


@dataclass(frozen=True)
class Zeros:
    """So many zeros."""

    length: int


@dataclass
class Plan:
    """What to send: parts of the file (start, end), bytes, and zeros."""

    pieces: list[tuple[int, int] | bytes | Zeros] = field(default_factory=list)

    def keep(self, start: int, end: int) -> None:
        """Send a part of the file."""
        last = self.pieces[-1] if self.pieces else None
        if isinstance(last, tuple) and last[1] == start:
            self.pieces[-1] = last[0], end
        elif end > start:
            self.pieces.append((start, end))

    def put(self, data: bytes) -> None:
        """Send these bytes."""
        if data:
            self.pieces.append(data)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(map(_length, self.pieces))

    def send(self, read: Callable[[int, int], bytes]) -> Iterator[bytes]:
        """The bytes, some at a time. Raises `CannotStrip` when the file has become shorter meanwhile."""
        for piece in self.pieces:
            if isinstance(piece, bytes):
                yield piece
                continue
            if isinstance(piece, Zeros):
                for at in range(0, piece.length, _BLOCK):
                    yield bytes(min(_BLOCK, piece.length - at))
                continue
            at, end = piece
            while at < end:
                data = read(at, min(_BLOCK, end - at))
                if not data:
                    raise CannotStrip("the file has changed meanwhile")
                yield data
                at += len(data)


def _length(piece: tuple[int, int] | bytes | Zeros) -> int:
    if isinstance(piece, Zeros):
        return piece.length
    return len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]
