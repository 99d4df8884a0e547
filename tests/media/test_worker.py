from __future__ import annotations

import io
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from cozygen.ipc import read_message, write_message
from cozygen.media import worker
from cozygen.media.sniff import Undecodable
from tests.media.samples import BLUE, RED, encoded, film, png, quarters, sound, write

OPERATIONS = ["thumbnail", "analyse", "probe", "verify"]


def request(operation: str, path: Path) -> dict[str, Any]:
    return {"op": operation, "path": str(path), "box": 96, "encoding": "jpeg"}


@cache
def victims() -> dict[str, bytes]:
    frames = [quarters(), quarters().rotate(180)]
    made = {name: encoded(quarters(), name) for name in ("PNG", "JPEG", "BMP", "TIFF", "WEBP", "AVIF")}
    made["GIF"] = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    made["16 bit"] = encoded(Image.new("I;16", (20, 20), 9), "PNG")
    made["deflated TIFF"] = encoded(quarters(), "TIFF", compression="tiff_adobe_deflate")
    made["mp4"] = film([RED, BLUE] * 3, sound=True)
    made["webm"] = film([RED, BLUE] * 2, container="webm", codec="libvpx-vp9")
    made["mp3"] = sound("mp3", "libmp3lame", seconds=0.2)
    made["flac"] = sound("flac", "flac", seconds=0.2)
    return made


@pytest.mark.parametrize("name", victims())
@given(data=st.data())
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_damaged_files_are_undecodable_at_worst(name: str, tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(victims()[name])
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    keep = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    path = write(tmp_path / "victim", bytes(content[:keep]))
    operation = data.draw(st.sampled_from(OPERATIONS))
    try:
        answer, _ = worker.perform(request(operation, path))
    except Undecodable:
        return
    assert answer["size"] == keep


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"#EXTM3U\nhttp://127.0.0.1:1/x.ts\n",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        png(100_000, 100_000, 8, 2, b""),
        b"\x1a\x45\xdf\xa3" + bytes(500),
        b"\0\0\0\x18ftypisom\0\0\0\0isommp41" + bytes(500),
        b"ID3" + bytes(500),
    ],
    ids=["empty", "zero", "png head", "jpeg head", "playlist", "svg", "bomb", "webm head", "mp4 head", "mp3 head"],
)
def test_what_is_no_medium_is_undecodable(operation: str, content: bytes, tmp_path: Path) -> None:
    answer, body = worker.answer(request(operation, write(tmp_path / "x", content)))
    assert (answer["ok"], answer["error"], body) == (False, "undecodable", b"")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_pipes_and_folders_are_no_files(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, tmp_path / "absent"):
        answer, _ = worker.answer(request("probe", path))
        assert answer["error"] == "unreadable"
        assert os.strerror(answer["errno"]) == os.strerror(2)


def test_names_say_nothing(tmp_path: Path) -> None:
    answer, _ = worker.perform(request("probe", write(tmp_path / "film.mp4", encoded(quarters(), "PNG"))))
    assert (answer["kind"], answer["codec"]) == ("image", "png")


def test_running_out_of_memory_is_the_files_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object) -> None:
        raise MemoryError

    monkeypatch.setitem(worker._OPERATIONS, "probe", exhausted)
    answer, _ = worker.answer(request("probe", write(tmp_path / "a", encoded(quarters(), "PNG"))))
    assert answer["message"] == "it takes too much memory"


@contextmanager
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A worker that is ready."""
    command = [sys.executable, "-m", "cozygen.media.worker"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        try:
            assert child.stdout is not None
            assert read_message(child.stdout) == ({"ready": True}, b"")  # type: ignore[arg-type]
            yield child
        finally:
            child.kill()


def ask(child: subprocess.Popen[bytes], message: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    assert child.stdin is not None
    assert child.stdout is not None
    write_message(child.stdin, message)  # type: ignore[arg-type]
    answer = read_message(child.stdout)  # type: ignore[arg-type]
    assert answer is not None
    return answer


def test_the_process_answers_until_its_input_ends(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", encoded(quarters(), "PNG"))
    with process() as child:
        answer, body = ask(child, request("thumbnail", path))
        assert answer["ok"]
        with Image.open(io.BytesIO(body)) as picture:
            assert picture.size == (64, 48)
        assert ask(child, request("probe", tmp_path / "absent"))[0]["error"] == "unreadable"
        assert ask(child, request("placeholder", path) | {"subject": "audio", "label": "mp3"})[0]["ok"]
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(20) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_process_is_modest(tmp_path: Path) -> None:
    path = write(tmp_path / "a.png", encoded(quarters(), "PNG"))
    with process() as child:
        ask(child, request("probe", path) | {"seconds": 20})
        limits = {
            line[:26].strip(): line[26:].split() for line in Path(f"/proc/{child.pid}/limits").read_text().splitlines()
        }
        assert limits["Max core file size"][0] == "0"
        assert limits["Max file size"][0] == "0"
        assert limits["Max open files"][0] == "64"
        assert 2**30 <= int(limits["Max address space"][0]) <= worker.MAX_MEMORY
        assert limits["Max cpu time"][0] != "unlimited"
        assert os.getpriority(os.PRIO_PROCESS, child.pid) >= 10
        loaded = Path(f"/proc/{child.pid}/maps").read_text()
        assert "avcodec" not in loaded, "FFmpeg is loaded when it is needed"


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are enforced there")
def test_a_picture_that_takes_too_much_memory_leaves_the_process_alive(tmp_path: Path) -> None:
    large = write(tmp_path / "large.png", encoded(Image.new("RGB", (5000, 5000)), "PNG", compress_level=1))
    small = write(tmp_path / "small.png", encoded(quarters(), "PNG"))
    import resource

    with process() as child:
        assert ask(child, request("thumbnail", small))[0]["ok"]
        pages = int(Path(f"/proc/{child.pid}/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + 50_000_000
        resource.prlimit(child.pid, resource.RLIMIT_AS, (limit, limit))
        answer, _ = ask(child, request("thumbnail", large))
        assert (answer["error"], answer["message"]) == ("undecodable", "it takes too much memory")
        assert ask(child, request("thumbnail", small))[0]["ok"]


def test_the_studio_imports_no_decoder() -> None:
    code = "import sys, cozygen.media.thumbs; print([name for name in ('PIL', 'av', 'numpy') if name in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"
