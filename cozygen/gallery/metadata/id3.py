"""ID3v2 tags (id3.org, versions 2.2 to 2.4): user texts and comments, as FFmpeg and with it ComfyUI write them."""

from __future__ import annotations

from cozygen.gallery.metadata import texts
from cozygen.gallery.metadata.bytesource import ByteSource
from cozygen.gallery.metadata.found import Found

_HEADER = 10
_MAX_FRAMES = 1024
_USER_TEXTS = (b"TXXX", b"TXX")
_COMMENTS = (b"COMM", b"COM", b"USLT", b"ULT")
_TITLES = {b"TIT2": "title", b"TT2": "title", b"TSSE": "software", b"TSS": "software"}


def read_file(source: ByteSource, found: Found) -> None:
    """Gather what the tag before an MP3 tells."""
    found.container = "mp3"
    length = size(source.some(0, _HEADER))
    if length:
        read(found, source.some(0, min(length, _HEADER + found.limit)))


def size(header: bytes) -> int:
    """The bytes of the tag that begins with these 10 bytes; 0 where there is no tag."""
    if header[:3] != b"ID3" or len(header) < _HEADER:
        return 0
    return _HEADER + _synchsafe(header[6:10])


def read(found: Found, tag: bytes) -> None:
    """Gather the texts of a tag, which may be cut short."""
    if not size(tag[:_HEADER]):
        return
    version, flags = tag[3], tag[5]
    if not 2 <= version <= 4:
        return
    body = tag[_HEADER : size(tag[:_HEADER])]
    if flags & 0x80 and version < 4:
        body = _synchronised(body)
    at = 0
    if flags & 0x40 and version > 2:  # an extended header, whose size counts itself from version 2.4 on
        at = _synchsafe(body[:4]) if version == 4 else 4 + int.from_bytes(body[:4], "big")
    name_size, head = (3, 6) if version == 2 else (4, 10)
    for _ in range(_MAX_FRAMES):
        frame = body[at : at + head]
        if len(frame) < head or not frame[0]:
            return
        name, length = frame[:name_size], frame[name_size : 2 * name_size]
        start = at + head
        at = start + (_synchsafe(length) if version == 4 else int.from_bytes(length, "big"))
        if found.claim(at - start):
            content = body[start:at]
            if version == 4 and frame[9] & 0x02:
                content = _synchronised(content)
            _frame(found, name, content[4:] if version == 4 and frame[9] & 0x01 else content)


def _synchsafe(data: bytes) -> int:
    """Seven bits a byte. Programs that write eight are understood as well."""
    if any(byte & 0x80 for byte in data):
        return int.from_bytes(data, "big")
    value = 0
    for byte in data:
        value = value << 7 | byte
    return value


def _synchronised(data: bytes) -> bytes:
    return data.replace(b"\xff\0", b"\xff")


def _frame(found: Found, name: bytes, content: bytes) -> None:
    if name in _USER_TEXTS:
        key, value = _split(content[1:], content[0])
        found.add(_decode(key, content[0]), _decode(value, content[0]))
    elif name in _COMMENTS:
        key, value = _split(content[4:], content[0])  # behind the language
        found.add(_decode(key, content[0]) or "comment", _decode(value, content[0]))
    elif name in _TITLES:
        found.add(_TITLES[name], _decode(content[1:], content[0]))


def _split(data: bytes, encoding: int) -> tuple[bytes, bytes]:
    """The description and the text behind it."""
    if encoding not in (1, 2):
        description, _, value = data.partition(b"\0")
        return description, value
    end = data.find(b"\0\0")
    while end % 2 == 1 and end > 0:  # the halves of two characters
        end = data.find(b"\0\0", end + 1)
    return (data, b"") if end < 0 else (data[:end], data[end + 2 :])


def _decode(data: bytes, encoding: int) -> str:
    if encoding in (1, 2):
        return texts.decode_utf16(data[: len(data) & ~1], big_endian=encoding == 2).rstrip("\0")
    return texts.decode(data.rstrip(b"\0"))
