"""Files of every format, in the forms that the programs write."""

from __future__ import annotations

import io
import json
import os
import pickle
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, TiffImagePlugin

from cozygen.gallery.metadata import FileMetadata, read, summarise, wire_meta
from tests.gallery.metadata.makers import (
    INFOTEXT,
    WORKFLOW,
    box,
    chunk,
    comfy_exif,
    exif,
    film,
    node,
    picture,
    pixels,
    png,
    raw_png,
    sound,
    text_to_image,
)

GRAPH = text_to_image()
RAW = {"6.text": "a $vessel$"}
COMFY = {"prompt": json.dumps(GRAPH), "workflow": json.dumps(WORKFLOW), "cozygen_prompt_raw": json.dumps(RAW)}
USER_COMMENT, MAKER_NOTE, SOFTWARE, DESCRIPTION, MAKE, MODEL = 0x9286, 0x927C, 0x0131, 0x010E, 0x010F, 0x0110


def read_bytes(data: bytes) -> FileMetadata:
    return read(io.BytesIO(data))


def is_comfy(found: FileMetadata, *, raw: bool = True) -> bool:
    return (
        found.prompt == GRAPH
        and found.workflow == WORKFLOW
        and found.source == "comfyui"
        and found.prompt_raw == (RAW if raw else None)
        and found.problem is None
    )


def unicode_comment(text: str, encoding: str = "utf-16-be") -> bytes:
    return b"UNICODE\0" + text.encode(encoding)


@pytest.mark.parametrize("options", [{}, {"after": True}, {"compressed": True}])
def test_png_as_comfyui_writes_it(options: dict[str, bool]) -> None:
    found = read_bytes(png(COMFY, **options))
    assert is_comfy(found)
    assert (found.container, found.width, found.height) == ("png", 8, 6)


def test_png_by_path_descriptor_and_stream(tmp_path: Path) -> None:
    path = tmp_path / "no extension tells"
    path.write_bytes(png(COMFY))
    assert is_comfy(read(path))
    assert is_comfy(read(str(path)))
    with path.open("rb") as stream:
        assert is_comfy(read(stream))
        assert is_comfy(read(stream.fileno()))
        assert not stream.closed


def test_what_is_no_file_raises_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "missing.png")
    with pytest.raises(OSError):
        read(tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.png")
        with pytest.raises(OSError):
            read(tmp_path / "pipe.png")


def test_png_with_the_data_in_many_pieces_and_texts_behind_it() -> None:
    pieces = [chunk(b"IDAT", bytes([index % 251]) * 8192) for index in range(40)]
    texts = [chunk(b"tEXt", key.encode() + b"\0" + text.encode()) for key, text in COMFY.items()]
    assert is_comfy(read_bytes(raw_png(*pieces, *texts)))
    assert is_comfy(read_bytes(raw_png(*texts[:1], *pieces, *texts[1:])))


def test_png_whose_data_looks_like_chunks() -> None:
    trap = b"\0\0\0\x0cIDAT" * 9000
    texts = [chunk(b"tEXt", key.encode() + b"\0" + text.encode()) for key, text in COMFY.items()]
    assert is_comfy(read_bytes(raw_png(chunk(b"IDAT", trap), chunk(b"IDAT", trap), *texts)))


def test_animated_png_as_comfyui_writes_it() -> None:
    texts = [chunk(b"comf", key.encode() + b"\0" + text.encode()) for key, text in COMFY.items()]
    frames = [
        chunk(b"fcTL", bytes(26)),
        chunk(b"fdAT", bytes(70_000)),
        chunk(b"fcTL", bytes(26)),
        chunk(b"fdAT", bytes(900)),
    ]
    assert is_comfy(read_bytes(raw_png(chunk(b"acTL", bytes(8)), chunk(b"IDAT", bytes(60_000)), *frames, *texts)))


def test_international_text_of_png() -> None:
    plain = chunk(b"iTXt", b"parameters\0\0\0en\0Parameter\0" + "猫, Steps: 5".encode())
    packed = chunk(b"iTXt", b"parameters\0\1\0\0\0" + zlib.compress("猫, Steps: 5".encode()))
    for part in (plain, packed):
        assert read_bytes(raw_png(part)).parameters == "猫, Steps: 5"


def test_text_of_png_in_either_encoding() -> None:
    assert read_bytes(raw_png(chunk(b"tEXt", b"parameters\0caf\xe9"))).parameters == "café"
    assert read_bytes(raw_png(chunk(b"tEXt", "parameters\0café".encode()))).parameters == "café"


def test_keys_that_an_extension_adds_are_kept() -> None:
    found = read_bytes(png({**COMFY, "My_Extra": '{"a": 1}', "Software": "something"}))
    assert found.extra == {"my_extra": '{"a": 1}', "software": "something"}
    assert is_comfy(found)


def test_of_two_texts_under_one_key_the_last_valid_one_counts() -> None:
    def text(value: str) -> bytes:
        return chunk(b"tEXt", b"prompt\0" + value.encode())

    older = json.dumps({"1": node("Older")})
    assert read_bytes(raw_png(text(older), text(COMFY["prompt"]))).prompt == GRAPH
    assert read_bytes(raw_png(text(COMFY["prompt"]), text("{broken"))).prompt == GRAPH


def test_exif_in_a_png() -> None:
    assert (
        read_bytes(raw_png(chunk(b"eXIf", exif({}, {USER_COMMENT: unicode_comment(INFOTEXT)})[6:]))).parameters
        == INFOTEXT
    )


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "AVIF", "TIFF"])
def test_user_comment(form: str) -> None:
    if form == "TIFF":
        info = TiffImagePlugin.ImageFileDirectory_v2()
        info[0x8769] = {USER_COMMENT: unicode_comment(INFOTEXT)}
        data = picture(form, tiffinfo=info)
    else:
        data = picture(form, exif=exif({}, {USER_COMMENT: unicode_comment(INFOTEXT)}))
    found = read_bytes(data)
    assert found.parameters == INFOTEXT
    assert (found.container, found.width, found.height) == (form.lower(), 8, 6)
    assert found.source == "a1111"


@pytest.mark.parametrize(
    "value",
    [
        unicode_comment(INFOTEXT),
        unicode_comment(INFOTEXT, "utf-16-le"),
        unicode_comment(INFOTEXT, "utf-16"),
        b"ASCII\0\0\0" + INFOTEXT.encode(),
        b"JIS\0\0\0\0\0" + INFOTEXT.encode("iso2022_jp"),
        bytes(8) + INFOTEXT.encode(),
        INFOTEXT.encode(),
    ],
)
@pytest.mark.parametrize("order", ["<", ">"])
def test_character_sets_and_byte_orders_of_user_comments(value: bytes, order: str) -> None:
    inner = struct.pack(order + "HHHII", 1, USER_COMMENT, 7, len(value), 44) + bytes(4) + value
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8)
    outer = struct.pack(order + "HHHII", 1, 0x8769, 4, 1, 26) + bytes(4)
    block = b"Exif\0\0" + head + outer + inner
    segment = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    assert read_bytes(b"\xff\xd8" + segment + b"\xff\xd9").parameters == INFOTEXT


@pytest.mark.parametrize("form", ["WEBP", "JPEG", "AVIF"])
def test_exif_as_comfyui_writes_it(form: str) -> None:
    options = {"exif": comfy_exif(GRAPH, workflow=WORKFLOW, cozygen_prompt_raw=RAW, other=1)}
    assert is_comfy(read_bytes(picture(form, **options)))


def test_animated_webp() -> None:
    frames = [Image.new("RGB", (10, 4), (index * 20, 0, 0)) for index in range(5)]
    stream = io.BytesIO()
    frames[0].save(
        stream, "WEBP", save_all=True, append_images=frames[1:], duration=50, exif=comfy_exif(GRAPH, workflow=WORKFLOW)
    )
    found = read_bytes(stream.getvalue())
    assert is_comfy(found, raw=False)
    assert (found.width, found.height, found.duration, found.fps) == (10, 4, 0.25, 20.0)


def test_webp_savers_that_swap_the_tags() -> None:
    values = {DESCRIPTION: "Workflow:" + json.dumps(WORKFLOW), MAKE: "Prompt:" + json.dumps(GRAPH)}
    assert is_comfy(read_bytes(picture("WEBP", exif=exif(values))), raw=False)


def test_everything_in_one_user_comment() -> None:
    text = json.dumps({"prompt": GRAPH, "workflow": WORKFLOW})
    assert is_comfy(read_bytes(picture("JPEG", exif=exif({}, {USER_COMMENT: unicode_comment(text)}))), raw=False)
    civitai = json.dumps({**GRAPH, "extra": {"airs": []}, "extraMetadata": '{"prompt": "x"}'})
    found = read_bytes(picture("JPEG", exif=exif({}, {USER_COMMENT: unicode_comment(civitai)})))
    assert found.prompt == GRAPH


@pytest.mark.parametrize("lossless", [True, False])
def test_size_of_plain_webp(lossless: bool) -> None:
    found = read_bytes(picture("WEBP", lossless=lossless))
    assert (found.container, found.width, found.height, found.has_prompt) == ("webp", 8, 6, False)


def test_comments_of_jpeg_and_gif() -> None:
    assert read_bytes(picture("JPEG", comment=INFOTEXT)).parameters == INFOTEXT
    found = read_bytes(picture("GIF", comment=INFOTEXT))
    assert (found.container, found.parameters, found.width, found.height) == ("gif", INFOTEXT, 8, 6)


def test_animated_gif_with_a_comfyui_comment() -> None:
    frames = [Image.new("RGB", (10, 4), (index * 20, 0, 0)) for index in range(5)]
    stream = io.BytesIO()
    comment = json.dumps({"prompt": COMFY["prompt"], "workflow": WORKFLOW})
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=100, comment=comment)
    found = read_bytes(stream.getvalue())
    assert is_comfy(found, raw=False)
    assert (found.duration, found.fps) == (0.5, 10.0)


def test_bmp_and_turned_tiff() -> None:
    found = read_bytes(picture("BMP"))
    assert (found.container, found.width, found.height) == ("bmp", 8, 6)
    info = TiffImagePlugin.ImageFileDirectory_v2()
    info[0x0112] = 6
    found = read_bytes(picture("TIFF", tiffinfo=info))
    assert (found.width, found.height) == (6, 8)


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "PNG"])
def test_a_picture_that_is_shown_turned(form: str) -> None:
    found = read_bytes(picture(form, exif=exif({0x0112: 8})))
    assert (found.width, found.height) == (6, 8)
    assert read_bytes(picture(form, exif=exif({0x0112: 3}))).width == 8


def test_a_turned_avif() -> None:
    found = read_bytes(picture("AVIF", exif=exif({0x0112: 6})))
    assert (found.width, found.height) == (6, 8)


def test_big_tiff() -> None:
    found = read_bytes(picture("TIFF", big_tiff=True, description=INFOTEXT))
    assert (found.width, found.height, found.parameters) == (8, 6, INFOTEXT)


def test_xmp_of_draw_things() -> None:
    made = json.dumps(
        {
            "c": "a fox & <b>",
            "uc": "blurry",
            "model": "flux.ckpt",
            "sampler": "Euler A Trailing",
            "scale": 4.5,
            "steps": 8,
            "seed": 3,
            "size": "512x768",
            "lora": [{"model": "ink.ckpt", "weight": 0.6}],
        }
    )
    escaped = made.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    xmp = (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description>'
        f'<exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">{escaped}</rdf:li></rdf:Alt></exif:UserComment>'
        "<xmp:CreatorTool>Draw Things</xmp:CreatorTool></rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()
    jpeg = b"http://ns.adobe.com/xap/1.0/\0" + xmp
    attribute = f'<rdf:Description xmp:CreatorTool="Draw Things" exif:UserComment="{escaped}"/>'.encode()
    for data in (
        raw_png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp)),
        raw_png(chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + attribute)),
        b"\xff\xd8\xff\xe1" + struct.pack(">H", len(jpeg) + 2) + jpeg + b"\xff\xd9",
        picture("WEBP", xmp=xmp),
        picture("AVIF", xmp=xmp),
    ):
        found = read_bytes(data)
        assert found.source == "drawthings"
        summary = summarise(found)
        assert (summary.positive, summary.negative, summary.size) == ("a fox & <b>", "blurry", (512, 768))
        assert (summary.models, summary.steps, summary.cfg, summary.seed) == (("flux.ckpt",), 8, 4.5, 3)
        assert summary.loras == (("ink.ckpt", 0.6, 0.6),)


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        ("a.mp4", "use_metadata_tags"),
        ("a.mp4", "use_metadata_tags+faststart"),
        ("a.mp4", "use_metadata_tags+frag_keyframe+empty_moov"),
        ("a.mov", "use_metadata_tags"),
        ("a.webm", ""),
        ("a.mkv", ""),
    ],
)
def test_films_as_comfyui_writes_them(tmp_path: Path, name: str, flags: str) -> None:
    path = film(tmp_path / name, COMFY, {"movflags": flags} if flags else {})
    found = read(path)
    assert is_comfy(found)
    assert (found.width, found.height) == (64, 48)
    if "frag" not in flags:
        assert (found.duration, found.fps) == (0.5, 24.0)
    assert found.container == ("matroska" if name.endswith(("webm", "mkv")) else "mp4")


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.webm", "a.mkv"])
def test_films_as_older_video_helper_suites_wrote_them(tmp_path: Path, name: str) -> None:
    comment = json.dumps({"prompt": json.dumps(GRAPH), "workflow": WORKFLOW})
    assert is_comfy(read(film(tmp_path / name, {"comment": comment})), raw=False)


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [("a.flac", "flac", "flac"), ("a.opus", "libopus", "ogg"), ("a.mp3", "libmp3lame", "mp3")],
)
def test_sounds_as_comfyui_writes_them(tmp_path: Path, name: str, codec: str, container: str) -> None:
    large = {**COMFY, "workflow": json.dumps({**WORKFLOW, "extra": "x" * 200_000})}  # over several pages of Ogg
    found = read(sound(tmp_path / name, codec, large))
    assert (found.container, found.prompt, found.prompt_raw) == (container, GRAPH, RAW)
    assert found.workflow is not None
    assert len(found.workflow["extra"]) == 200_000
    assert container == "mp3" or found.duration == pytest.approx(1, abs=0.02)


def test_sounds_with_a_comment(tmp_path: Path) -> None:
    comment = json.dumps({"prompt": GRAPH, "workflow": WORKFLOW})
    for name, codec in (("a.wav", "pcm_s16le"), ("a.m4a", "aac")):
        found = read(sound(tmp_path / name, codec, {"comment": comment}))
        assert is_comfy(found, raw=False)
        assert found.duration == pytest.approx(1, abs=0.05)


def test_id3_tags_of_every_version() -> None:
    def frame(version: int, name: str, body: bytes) -> bytes:
        if version == 2:
            return name.encode() + len(body).to_bytes(3, "big") + body
        size = len(body)
        shifts = (21, 14, 7, 0)
        length = bytes(size >> shift & 127 for shift in shifts) if version == 4 else size.to_bytes(4, "big")
        return name.encode() + length + b"\0\0" + body

    def tag(version: int, frames: bytes) -> bytes:
        size = bytes(len(frames) >> shift & 127 for shift in (21, 14, 7, 0))
        return b"ID3" + bytes([version, 0, 0]) + size + frames + b"\xff\xfb\x90\x00"

    text = COMFY["prompt"]
    bodies = [
        b"\0prompt\0" + text.encode(),
        b"\3prompt\0" + text.encode(),
        b"\1" + "prompt".encode("utf-16") + b"\0\0" + text.encode("utf-16"),
        b"\2" + "prompt".encode("utf-16-be") + b"\0\0" + text.encode("utf-16-be"),
    ]
    for version in (2, 3, 4):
        for body in bodies:
            assert read_bytes(tag(version, frame(version, "TXX" if version == 2 else "TXXX", body))).prompt == GRAPH
        comment = b"\0eng\0" + json.dumps({"prompt": GRAPH}).encode()
        assert read_bytes(tag(version, frame(version, "COM" if version == 2 else "COMM", comment))).prompt == GRAPH


@pytest.mark.parametrize(
    "body", [b"\1", b"\1a", b"\2abc", b"\1a\0\0b", b"\2\0\0\0", b"\1\0a\0\0\0b", b"\2" + b"a\0\0" * 50]
)
def test_id3_texts_that_do_not_end(body: bytes) -> None:
    frame = b"TXXX" + len(body).to_bytes(4, "big") + b"\0\0" + body
    assert read_bytes(b"ID3\3\0\0" + bytes([0, 0, 1, 127]) + frame).prompt is None


def test_id3_in_a_wav() -> None:
    body = b"\3prompt\0" + COMFY["prompt"].encode()
    frame = b"TXXX" + len(body).to_bytes(4, "big") + b"\0\0" + body
    size = bytes(len(frame) >> shift & 127 for shift in (21, 14, 7, 0))
    tag = b"ID3\3\0\0" + size + frame
    form = b"fmt " + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    data = b"data" + struct.pack("<I", 4000) + bytes(4000)
    file = b"RIFF" + struct.pack("<I", 0) + b"WAVE" + form + data + b"id3 " + struct.pack("<I", len(tag)) + tag
    found = read_bytes(file)
    assert (found.prompt, found.duration) == (GRAPH, 0.5)
    long = b"RF64" + b"\xff" * 4 + b"WAVE" + b"ds64" + struct.pack("<IQQQI", 28, 0, 4000, 0, 0) + form
    long += b"data" + b"\xff" * 4 + bytes(4000) + b"id3 " + struct.pack("<I", len(tag)) + tag
    found = read_bytes(long)
    assert (found.prompt, found.duration) == (GRAPH, 0.5)


def test_boxes_with_sizes_of_64_bits_and_to_the_end() -> None:
    def large(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", 1) + kind + struct.pack(">Q", 16 + len(body)) + body

    keys = bytes(4) + struct.pack(">I", 1) + box(b"mdta", b"prompt")
    item = box(struct.pack(">I", 1), box(b"data", struct.pack(">II", 1, 0) + COMFY["prompt"].encode()))
    meta = bytes(4) + box(b"hdlr", bytes(8) + b"mdta" + bytes(13)) + box(b"keys", keys) + large(b"ilst", item)
    head = bytes(12) + struct.pack(">II", 1000, 2500) + bytes(80)
    movie = box(b"mvhd", head) + box(b"udta", box(b"meta", meta))
    start = box(b"ftyp", b"isom" + bytes(4))
    for data in (
        start + large(b"mdat", bytes(50)) + large(b"moov", movie),
        start + large(b"moov", movie) + struct.pack(">I", 0) + b"mdat" + bytes(50),
        start + box(b"mdat", bytes(50)) + struct.pack(">I", 0) + b"moov" + movie,
    ):
        found = read_bytes(data)
        assert (found.prompt, found.duration, found.problem) == (GRAPH, 2.5, None)


def test_a_film_that_is_cut_short_says_so() -> None:
    found = read_bytes(box(b"ftyp", b"isom" + bytes(4)) + struct.pack(">I", 5000) + b"mdat" + bytes(50))
    assert found.problem is not None
    assert "cut short" in found.problem


def test_vorbis_comments_keep_what_an_equals_sign_divides() -> None:
    def counted(text: str) -> bytes:
        return struct.pack("<I", len(text.encode())) + text.encode()

    block = counted("a program") + struct.pack("<I", 2) + counted("PROMPT=" + COMFY["prompt"]) + counted("note=1=2")
    info = (
        b"\0\0\0\x22"
        + bytes(10)
        + (8000 << 12 | 1 << 9 | 15 << 4).to_bytes(4, "big")
        + (4000).to_bytes(4, "big")
        + bytes(16)
    )
    found = read_bytes(b"fLaC" + info + b"\x84" + len(block).to_bytes(3, "big") + block)
    assert (found.prompt, found.extra, found.duration) == (GRAPH, {"note": "1=2"}, 0.5)


@pytest.mark.parametrize(
    ("head", "mark", "rate"),
    [
        (b"\x01vorbis" + bytes(5) + struct.pack("<I", 8000) + bytes(14), b"\x03vorbis", 8000),
        (b"OpusHead\x01\x02" + struct.pack("<HI", 312, 8000) + bytes(3), b"OpusTags", 48_000),
        (
            b"\x7fFLAC\x01\0\0\x01fLaC\0\0\0\x22" + bytes(10) + (8000 << 12).to_bytes(4, "big") + bytes(20),
            b"\x84\0\0\0",
            8000,
        ),
    ],
)
def test_ogg_with_several_streams_and_comments_over_several_pages(head: bytes, mark: bytes, rate: int) -> None:
    def page(serial: int, position: int, body: bytes, *, ends: bool = True) -> bytes:
        sizes = bytes([255] * (len(body) // 255)) + (bytes([len(body) % 255]) if ends else b"")
        return b"OggS\0\0" + struct.pack("<QIII", position, serial, 0, 0) + bytes([len(sizes)]) + sizes + body

    text = ("PROMPT=" + COMFY["prompt"]).encode()
    comment = mark + struct.pack("<I", 0) + struct.pack("<I", 1) + struct.pack("<I", len(text)) + text
    file = page(7, 0, head) + page(8, 0, b"another stream") + page(7, 0, comment[:510], ends=False)
    file += page(7, 0, comment[510:]) + page(8, 0, b"more") + page(7, 2 * rate, bytes(40))
    found = read_bytes(file)
    assert found.prompt == GRAPH
    assert found.duration == pytest.approx(2 - (312 / rate if rate == 48_000 else 0))


def test_graphs_that_python_and_people_write() -> None:
    odd = '{"1": {"class_type": "X", "inputs": {"a": NaN, "b": -Infinity, "c": 1e999, "d": "\\ud83d\\ude00 \\ud800!"}, "is_changed": [NaN]}}'
    found = read_bytes(png({"prompt": odd}))
    assert found.prompt == {
        "1": {"class_type": "X", "inputs": {"a": None, "b": None, "c": None, "d": "😀 �!"}, "is_changed": [None]}
    }
    json.dumps(found.prompt, allow_nan=False).encode()
    assert read_bytes(png({"prompt": json.dumps(COMFY["prompt"])})).prompt == GRAPH
    assert read_bytes(png({"prompt": COMFY["prompt"] + "\n"})).prompt == GRAPH


def test_what_is_under_the_wrong_key() -> None:
    found = read_bytes(png({"workflow": COMFY["prompt"]}))
    assert (found.prompt, found.workflow) == (GRAPH, None)
    found = read_bytes(png({"prompt": COMFY["workflow"]}))
    assert (found.prompt, found.workflow) == (None, WORKFLOW)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        "null",
        "a prompt",
        '{"1": 2}',
        '{"1": {"class_type": 3}}',
        '{"1": {"class_type": "A", "inputs": []}}',
        "[" * 100_000,
        '{"a":' * 100_000,
        "9" * 5000,
        '{"1": ' + "9" * 5000 + "}",
    ],
)
def test_a_prompt_that_is_no_graph(text: str) -> None:
    found = read_bytes(png({"prompt": text, "workflow": text, "parameters": text, "cozygen_prompt_raw": text}))
    assert (found.prompt, found.workflow, found.prompt_raw, found.problem) == (None, None, None, None)
    summarise(found)


def test_a_graph_that_is_nested_too_deeply_to_be_sent() -> None:
    deep = '{"1": {"class_type": "A", "inputs": {"a": ' + "[" * 200 + "]" * 200 + "}}}"
    assert read_bytes(png({"prompt": deep})).prompt is None


def test_prompt_raw_keeps_texts_only() -> None:
    raw = json.dumps({"6.text": "a", "x": 1, "y": None})
    assert read_bytes(png({"cozygen_prompt_raw": raw})).prompt_raw == {"6.text": "a"}


def test_unknown_and_empty_files() -> None:
    assert read_bytes(b"") == FileMetadata(problem="empty")
    assert read_bytes(b"hello, world") == FileMetadata(problem="not a known format")
    assert not read_bytes(b"").has_prompt


def test_a_cut_short_file_keeps_what_comes_before() -> None:
    data = png({"prompt": COMFY["prompt"]})
    found = read_bytes(data[: data.index(b"IDAT") + 10])
    assert (found.prompt, found.width) == (GRAPH, 8)
    assert found.problem is not None


def test_huge_lengths_read_nothing() -> None:
    assert read_bytes(raw_png(struct.pack(">I", 0xFFFFFFFF) + b"tEXt")).problem is not None
    huge = b"IHDR".join([b"\x89PNG\r\n\x1a\n\xff\xff\xff\xff", bytes(20)])
    assert read_bytes(huge).width is None


def test_bombs_stay_small() -> None:
    bomb = zlib.compress(bytes(200 * 1024 * 1024), 9)
    part = chunk(b"zTXt", b"prompt\0\0" + bomb)
    found = read_bytes(raw_png(*[part] * 50, chunk(b"tEXt", b"prompt\0" + COMFY["prompt"].encode())))
    assert found.extra == {}
    many = [chunk(b"tEXt", f"key{index}\0text".encode()) for index in range(5000)]
    assert len(read_bytes(raw_png(*many)).extra) == 512


def test_metadata_travel_between_processes() -> None:
    found = read_bytes(png(COMFY))
    assert pickle.loads(pickle.dumps(found)) == found


def test_wire_meta() -> None:
    graph = text_to_image()
    graph["10"] = node("LoraLoaderModelOnly", lora_name="ink.safetensors", strength_model=1, model=["4", 0])
    graph["3"]["inputs"]["model"] = ["10", 0]
    found = read_bytes(png({"prompt": json.dumps(graph)}))
    assert wire_meta(summarise(found)) == {
        "model": "v1-5-pruned-emaonly-fp16.safetensors",
        "prompt": "a glass bottle",
        "loras": ["ink.safetensors"],
        "has_prompt": True,
    }
    nothing: dict[str, Any] = {"model": None, "prompt": "", "loras": [], "has_prompt": True}
    assert wire_meta(summarise(read_bytes(png()))) == nothing


def test_a_picture_without_metadata() -> None:
    stream = io.BytesIO()
    pixels(1024, 1536).save(stream, "PNG")
    found = read_bytes(stream.getvalue())
    assert (found.width, found.height, found.has_prompt, found.problem) == (1024, 1536, False, None)
    assert summarise(found).size is None
