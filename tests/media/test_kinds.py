from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.media.kinds import content_type, extensions, media_kind


@pytest.mark.parametrize(
    ("name", "kind", "served"),
    [
        ("a.png", "image", "image/png"),
        ("A.JPG", "image", "image/jpeg"),
        ("sub/folder.png/a.webp", "image", "image/webp"),
        ("sub\\a.avif", "image", "image/avif"),
        ("a.b.mp4", "video", "video/mp4"),
        ("a.MOV", "video", "video/quicktime"),
        ("a.m4a", "audio", "audio/mp4"),
        ("a.opus", "audio", "audio/ogg"),
        ("a.svg", None, "application/octet-stream"),
        ("a.html", None, "application/octet-stream"),
        ("png", None, "application/octet-stream"),
        (".png", None, "application/octet-stream"),
        ("folder.png/", None, "application/octet-stream"),
        ("a.png ", None, "application/octet-stream"),
        ("", None, "application/octet-stream"),
    ],
)
def test_names_tell_the_kind_and_the_type(name: str, kind: str | None, served: str) -> None:
    assert media_kind(name) == kind
    assert content_type(name) == served


def test_extensions_by_kind() -> None:
    assert extensions("image") == {"png", "apng", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "avif"}
    assert extensions("video") == {"mp4", "webm", "mov", "mkv"}
    assert extensions("audio") == {"mp3", "wav", "flac", "ogg", "opus", "m4a"}
    assert extensions() == extensions("image") | extensions("video") | extensions("audio")


@given(st.text())
def test_no_name_is_served_as_a_page_or_script(name: str) -> None:
    assert content_type(name).partition("/")[0] in ("image", "video", "audio") or media_kind(name) is None
    assert content_type(name) != "image/svg+xml"
