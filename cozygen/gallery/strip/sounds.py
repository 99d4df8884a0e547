"""MP3, FLAC and WAV without metadata.

Formats: ID3v2.4 and ID3v1 (id3.org), APEv2, RFC 9639 (FLAC), Microsoft's RIFF.
"""

from __future__ import annotations

from cozygen.gallery.strip.source import CannotStrip, Plan, Source

_FLAC_KEPT = (0, 3, 5)
_WAV_KEPT = frozenset((b"fmt ", b"data", b"fact", b"cue ", b"smpl", b"inst", b"plst", b"PEAK"))


def mp3(source: Source) -> Plan:
    """Without the tags before and behind the sound."""
    start, end = 0, source.size
    while source.some(start, 3) == b"ID3":
        header = source.at(start, 10)
        size = header[6] << 21 | header[7] << 14 | header[8] << 7 | header[9]
        start += 10 + size + (10 if header[5] & 0x10 else 0)
    while True:
        if end - start >= 128 and source.some(end - 128, 3) == b"TAG":
            end -= 128
            continue
        footer = source.some(end - 32, 32) if end - start >= 32 else b""
        if not footer.startswith(b"APETAGEX"):
            break
        size = int.from_bytes(footer[12:16], "little") + (32 if footer[23] & 0x80 else 0)
        if size < 32 or size > end - start:
            raise CannotStrip("a tag of the sound is damaged")
        end -= size
    if start >= end:
        raise CannotStrip("the file is cut short")
    plan = Plan()
    plan.keep(start, end)
    return plan


def flac(source: Source) -> Plan:
    """Only the blocks that the sound depends on."""
    kept: list[tuple[int, int, int]] = []
    at, last = 4, False
    while not last:
        header = source.at(at, 4)
        last, kind = bool(header[0] & 0x80), header[0] & 0x7F
        end = at + 4 + int.from_bytes(header[1:], "big")
        if end > source.size:
            raise CannotStrip("the file is cut short")
        if kind in _FLAC_KEPT:
            kept.append((kind, at, end))
        at = end
    if not kept or kept[0][0] != 0:
        raise CannotStrip("the sound does not begin as it should")
    plan = Plan()
    plan.keep(0, 4)
    for number, (kind, start, end) in enumerate(kept):
        plan.put(bytes([kind | (0x80 if number == len(kept) - 1 else 0)]))
        plan.keep(start + 1, end)
    plan.keep(at, source.size)
    return plan


def wav(source: Source) -> Plan:
    """Only the chunks that the sound depends on."""
    body, at = Plan(), 12
    end = min(source.size, 8 + source.number(4, 4, "little"))
    while at + 8 <= end:
        kind, length = source.at(at, 4), source.number(at + 4, 4, "little")
        if at + 8 + length > end:
            raise CannotStrip("the file is cut short")
        following = min(at + 8 + length + length % 2, end)
        if kind in _WAV_KEPT:
            body.keep(at, following)
        at = at + 8 + length + length % 2
    plan = Plan()
    plan.put(b"RIFF" + (body.size + 4).to_bytes(4, "little") + b"WAVE")
    plan.pieces += body.pieces
    return plan
