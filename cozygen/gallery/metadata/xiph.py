"""FLAC (RFC 9639) and Ogg (RFC 3533) with Vorbis, Opus (RFC 7845) or FLAC: their Vorbis comments."""

from __future__ import annotations

from collections.abc import Iterator

from cozygen.gallery.metadata import id3, texts
from cozygen.gallery.metadata.bytesource import ByteSource, Damaged
from cozygen.gallery.metadata.found import Found

_MAX_BLOCKS = 256
_MAX_PAGES = 2048
_MAX_COMMENTS = 4096
_STREAM_INFO, _COMMENTS = 0, 4
_TAIL = 64 * 1024
_PAGE = 27  # bytes of a page's header, before its segment table
_HEADER_PACKETS = 3
_OPUS_RATE = 48_000


def read_flac(source: ByteSource, found: Found) -> None:
    """Gather what a FLAC file tells. Raises `Damaged`."""
    found.container = "flac"
    at = id3.size(source.some(0, 10))
    if source.at(at, 4) != b"fLaC":
        raise Damaged(f"no FLAC stream at byte {at}")
    at += 4
    for _ in range(_MAX_BLOCKS):
        header = source.at(at, 4)
        kind, length = header[0] & 0x7F, int.from_bytes(header[1:], "big")
        if kind == _STREAM_INFO:
            _stream_info(found, source.at(at + 4, 18))
        elif kind == _COMMENTS and found.claim(length):
            _comments(found, source.at(at + 4, length))
        if header[0] & 0x80:
            return
        at += 4 + length


def _stream_info(found: Found, block: bytes) -> None:
    rate = int.from_bytes(block[10:13], "big") >> 4
    samples = int.from_bytes(block[13:18], "big") & (1 << 36) - 1
    if rate:
        found.timing(samples / rate)


def read_ogg(source: ByteSource, found: Found) -> None:
    """Gather what the first stream of an Ogg file tells. Raises `Damaged`."""
    found.container = "ogg"
    rate = skipped = 0
    for packet in _packets(source, found.limit):
        if packet.startswith(b"\x01vorbis"):
            rate = int.from_bytes(packet[12:16], "little")
        elif packet.startswith(b"OpusHead"):
            rate, skipped = _OPUS_RATE, int.from_bytes(packet[10:12], "little")
        elif packet.startswith(b"\x7fFLAC"):
            rate = int.from_bytes(packet[27:30], "big") >> 4
        elif packet.startswith(b"\x03vorbis"):
            _comments(found, packet[7:])
        elif packet.startswith(b"OpusTags"):
            _comments(found, packet[8:])
        elif packet and packet[0] & 0x7F == _COMMENTS:
            _comments(found, packet[4:])
    if rate:
        found.timing((_last_position(source) - skipped) / rate)


def _packets(source: ByteSource, limit: int) -> Iterator[bytes]:
    """The first packets of the first stream, put together from their pages; at most `limit` bytes of them."""
    at, serial, count, taken = 0, b"", 0, 0
    parts: list[bytes] = []
    for _ in range(_MAX_PAGES):
        header = source.at(at, _PAGE)
        if header[:4] != b"OggS":
            raise Damaged(f"no page at byte {at}")
        sizes = source.at(at + _PAGE, header[26])
        start = at + _PAGE + len(sizes)
        at = start + sum(sizes)
        serial = serial or header[14:18]
        if header[14:18] != serial:
            continue  # another stream, such as the picture beside the sound
        page = source.at(start, at - start)
        position = 0
        for size in sizes:
            parts.append(page[position : position + size])
            position += size
            taken += size
            if size < 255:
                yield b"".join(parts)
                parts.clear()
                count += 1
        if count >= _HEADER_PACKETS or taken > limit:
            return


def _last_position(source: ByteSource) -> int:
    """The position, in samples, that the last page states; 0 where none does."""
    start = max(0, source.size - _TAIL)
    tail = source.some(start, _TAIL)
    page = tail.rfind(b"OggS")
    position = int.from_bytes(tail[page + 6 : page + 14], "little") if page >= 0 else 0
    return position if position < 1 << 62 else 0


def _comments(found: Found, block: bytes) -> None:
    """A Vorbis comment: the program, then ``KEY=value`` texts, each behind its length."""
    at = 4 + int.from_bytes(block[:4], "little")
    count = int.from_bytes(block[at : at + 4], "little")
    at += 4
    for _ in range(min(count, _MAX_COMMENTS)):
        start = at + 4
        at = start + int.from_bytes(block[at:start], "little")
        if start > len(block):
            return
        key, separator, value = block[start:at].partition(b"=")
        if separator:
            found.add(texts.decode(key), texts.decode(value))
