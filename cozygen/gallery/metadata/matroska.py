"""Matroska and WebM (RFC 9559, RFC 8794): the tags, as FFmpeg writes them for ComfyUI and VideoHelperSuite."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from cozygen.gallery.metadata import texts
from cozygen.gallery.metadata.bytesource import ByteSource
from cozygen.gallery.metadata.found import Found

_MAX_ELEMENTS = 20_000
_SEGMENT, _SEEK_HEAD, _INFO, _TRACKS, _TAGS, _CLUSTER = (
    0x18538067,
    0x114D9B74,
    0x1549A966,
    0x1654AE6B,
    0x1254C367,
    0x1F43B675,
)
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_TIMESTAMP_SCALE, _DURATION, _TITLE, _WRITER = 0x2AD7B1, 0x4489, 0x7BA9, 0x5741
_TRACK, _VIDEO, _WIDTH, _HEIGHT, _FRAME_TIME = 0xAE, 0xE0, 0xB0, 0xBA, 0x23E383
_SHOWN_WIDTH, _SHOWN_HEIGHT, _SHOWN_UNIT = 0x54B0, 0x54BA, 0x54B2
_TAG, _SIMPLE_TAG, _TAG_NAME, _TAG_TEXT = 0x7373, 0x67C8, 0x45A3, 0x4487
_NANOSECONDS = 1e9

_Element = tuple[int, int, int]  # its number, where its content begins, and where it ends


def read(source: ByteSource, found: Found) -> None:
    """Gather what the file tells."""
    found.container = "matroska"
    for number, start, end in _elements(source, 0, source.size):
        if number == _SEGMENT:
            _segment(source, start, end, found)
            return


def _elements(source: ByteSource, at: int, end: int) -> Iterator[_Element]:
    """The elements between two bytes. One of unknown size reaches to the end."""
    for _ in range(_MAX_ELEMENTS):
        data = source.some(at, 12) if at < end else b""
        number_size, length_size = _width(data, 0, 4), 0
        if number_size:
            length_size = _width(data, number_size, 8)
        if not length_size:
            return
        start = at + number_size + length_size
        value = int.from_bytes(data[number_size : number_size + length_size], "big")
        unknown = (1 << 7 * length_size) - 1
        length = value & unknown
        stop = end if length == unknown else min(end, start + length)
        yield int.from_bytes(data[:number_size], "big"), start, stop
        at = stop


def _width(data: bytes, at: int, most: int) -> int:
    """The bytes of the variable-size number at `at`; 0 where there is none."""
    if at >= len(data) or not data[at]:
        return 0
    width = 9 - data[at].bit_length()
    return width if width <= most and at + width <= len(data) else 0


def _segment(source: ByteSource, start: int, end: int, found: Found) -> None:
    tags_at: int | None = None
    has_tags = False
    for number, at, stop in _elements(source, start, end):
        if number == _SEEK_HEAD:
            tags_at = _seek(source, at, stop, _TAGS) or tags_at
        elif number == _INFO:
            _info(source, at, stop, found)
        elif number == _TRACKS:
            for track, track_at, track_end in _elements(source, at, stop):
                if track == _TRACK and found.width is None:
                    _track(source, track_at, track_end, found)
        elif number == _TAGS:
            has_tags = True
            _tags(source, at, stop, found)
        elif number == _CLUSTER and (has_tags or tags_at is not None):
            break  # the index tells where the rest is; no need to walk over the film
    if tags_at is not None and not has_tags:
        for number, at, stop in _elements(source, start + tags_at, end):
            if number == _TAGS:
                _tags(source, at, stop, found)
            break


def _values(source: ByteSource, start: int, end: int) -> dict[int, bytes]:
    """The short elements between two bytes, by their numbers; of several, the last."""
    return {number: source.some(at, min(stop - at, 256)) for number, at, stop in _elements(source, start, end)}


def _number(data: bytes, default: int = 0) -> int:
    return int.from_bytes(data, "big") if data else default


def _seek(source: ByteSource, start: int, end: int, wanted: int) -> int | None:
    """Where in the segment the index says that an element is."""
    for number, at, stop in _elements(source, start, end):
        if number == _SEEK:
            entry = _values(source, at, stop)
            if _number(entry.get(_SEEK_ID, b"")) == wanted:
                return _number(entry.get(_SEEK_POSITION, b""))
    return None


def _info(source: ByteSource, start: int, end: int, found: Found) -> None:
    values = _values(source, start, end)
    scale = _number(values.get(_TIMESTAMP_SCALE, b""), 1_000_000)
    data = values.get(_DURATION, b"")
    if len(data) in (4, 8):
        (ticks,) = struct.unpack(">f" if len(data) == 4 else ">d", data)
        found.timing(ticks * scale / _NANOSECONDS)
    for key, number in (("title", _TITLE), ("software", _WRITER)):
        if number in values:
            found.add(key, texts.decode(values[number].rstrip(b"\0")))


def _track(source: ByteSource, start: int, end: int, found: Found) -> None:
    frame_time = 0
    video: dict[int, bytes] = {}
    for number, at, stop in _elements(source, start, end):
        if number == _FRAME_TIME:
            frame_time = _number(source.some(at, min(stop - at, 8)))
        elif number == _VIDEO:
            video = _values(source, at, stop)
    if not video:
        return
    width, height = _number(video.get(_WIDTH, b"")), _number(video.get(_HEIGHT, b""))
    if _number(video.get(_SHOWN_UNIT, b"")) == 0:  # pixels, not a ratio or centimetres
        width = _number(video.get(_SHOWN_WIDTH, b""), width)
        height = _number(video.get(_SHOWN_HEIGHT, b""), height)
    found.size(width, height)
    if frame_time:
        found.timing(fps=_NANOSECONDS / frame_time)


def _tags(source: ByteSource, start: int, end: int, found: Found) -> None:
    for number, at, stop in _elements(source, start, end):
        if number == _TAG:
            for inner, inner_at, inner_stop in _elements(source, at, stop):
                if inner == _SIMPLE_TAG:
                    _simple_tag(source, inner_at, inner_stop, found)


def _simple_tag(source: ByteSource, start: int, end: int, found: Found) -> None:
    name, text = "", b""
    for number, at, stop in _elements(source, start, end):
        if number == _TAG_NAME:
            name = texts.decode(source.some(at, min(stop - at, 256)).rstrip(b"\0"))
        elif number == _TAG_TEXT and found.claim(stop - at):
            text = source.some(at, stop - at)
    if name:
        found.add(name, texts.decode(text.rstrip(b"\0")))
