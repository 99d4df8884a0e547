from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import av
import av.codec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cozygen import __version__, doctor
from cozygen.doctor import Finding, examine, report
from cozygen.settings import Settings


def settings(folder: Path, **options: Any) -> Settings:
    return Settings(_env_file=None, **{"data_dir": folder / "data", "engine": "embedded", "port": 0, **options})


async def found(folder: Path, name: str, **options: Any) -> Finding:
    (finding,) = [finding for finding in await examine(settings(folder, **options)) if finding.name == name]
    return finding


@pytest.fixture(autouse=True)
def app_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    static = tmp_path / "static"
    static.mkdir()
    (static / "index.html").touch()
    monkeypatch.setattr(doctor, "_STATIC", static)
    return static


async def test_all_is_well(tmp_path: Path) -> None:
    findings = await examine(settings(tmp_path))
    assert [finding for finding in findings if not finding.ok] == []
    by_name = {finding.name: finding.text for finding in findings}
    assert by_name["CozyGen"].startswith(f"{__version__} in ") and "(made at the first start)" in by_name["Data folder"]
    assert by_name["Python"].startswith(sys.version.split()[0]) and by_name["Pillow"] == metadata.version("Pillow")
    assert by_name["Engine"] == "built-in CPU engine" and "Address" not in by_name
    assert "libavcodec" in by_name["ffmpeg libraries"] and by_name["Web app"] == "built"
    assert {"Output folder", "Input folder", "Workflows folder", "Codec libx264", "Codec libvpx-vp9", "SQLite"} <= set(
        by_name
    )
    assert list(tmp_path.iterdir()) == [tmp_path / "static"], "it only looks"


async def test_a_library_on_a_drive_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = {"library_dirs": {"app": tmp_path / "static", "usb": tmp_path / "nowhere"}}
    finding = await found(tmp_path, "Library app", **options)
    assert (finding.ok, finding.text) == (True, str(tmp_path / "static"))
    finding = await found(tmp_path, "Library usb", **options)
    assert not finding.ok and finding.text.endswith("nowhere is not there") and "starts without" in finding.advice
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    finding = await found(tmp_path, "Library app", **options)
    assert finding.ok and "cannot be moved or deleted" in finding.text


def test_it_knows_every_library_that_is_needed() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    # One with a condition is not needed everywhere.
    needed = {line.split(">")[0].lower() for line in project["project"]["dependencies"] if ";" not in line}
    assert {name.lower() for name in doctor._LIBRARIES} == needed


async def test_a_library_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = metadata.version

    def version(name: str) -> str:
        if name == "numpy":
            raise metadata.PackageNotFoundError(name)
        return known(name)

    monkeypatch.setattr(metadata, "version", version)
    finding = await found(tmp_path, "numpy")
    assert not finding.ok and finding.text == "not installed" and "pip install numpy" in finding.advice


async def test_a_library_cannot_be_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cozygen.app", None)
    monkeypatch.setitem(sys.modules, "av", None)
    engine, libraries = await found(tmp_path, "Engine"), await found(tmp_path, "ffmpeg libraries")
    assert not engine.ok and "cannot be loaded" in engine.text and "missing" in engine.advice
    assert not libraries.ok and "pip install av" in libraries.advice


async def test_a_python_that_is_too_old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 9))
    finding = await found(tmp_path, "Python")
    assert not finding.ok and "3.11" in finding.advice


FOLDERS = {
    "Data folder": "data_dir",
    "Output folder": "output_dir",
    "Input folder": "input_dir",
    "Workflows folder": "workflows_dir",
}


@pytest.mark.parametrize(("name", "option"), FOLDERS.items())
async def test_a_folder_that_is_none(tmp_path: Path, name: str, option: str) -> None:
    (tmp_path / "file").touch()
    finding = await found(tmp_path, name, **{option: tmp_path / "file" / "deep"})
    assert not finding.ok and f"{tmp_path / 'file'} is not a folder" in finding.text
    assert f"--{option.replace('_', '-')}" in finding.advice


async def test_a_folder_that_cannot_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    finding = await found(tmp_path, "Input folder", input_dir=tmp_path)
    assert not finding.ok and finding.text == f"{tmp_path}: not writable (Permission denied)"
    assert "--input-dir" in finding.advice


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_of_somebody_else(tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o500)
    assert not (await found(tmp_path, "Output folder", output_dir=folder / "new")).ok


async def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Usage(NamedTuple):
        total: int = 10**12
        used: int = 10**12
        free: int = 2**30

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage())
    finding = await found(tmp_path, "Data folder")
    assert not finding.ok and "1.0 GiB free" in finding.text and "2 GiB" in finding.advice


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


async def test_the_port(tmp_path: Path, taken: int, unused_tcp_port: int) -> None:
    finding = await found(tmp_path, "Address", port=taken)
    assert not finding.ok and f"127.0.0.1:{taken}" in finding.text and "--port" in finding.advice
    free = await found(tmp_path, "Address", port=unused_tcp_port)
    assert free.ok and "is free" in free.text
    elsewhere = await found(tmp_path, "Address", port=unused_tcp_port, host="192.0.2.1")
    assert not elsewhere.ok and "192.0.2.1" in elsewhere.text


async def test_a_comfyui(tmp_path: Path) -> None:
    async def stats(request: web.Request) -> web.Response:
        return web.json_response({"system": {"comfyui_version": "0.9.9"}, "devices": []})

    app = web.Application()
    app.router.add_get("/system_stats", stats)
    async with TestServer(app) as server:
        url = str(server.make_url("")).rstrip("/")
        assert await found(tmp_path, "Engine", engine=url) == Finding("Engine", True, f"ComfyUI 0.9.9 at {url}")


async def test_a_comfyui_that_does_not_answer(
    tmp_path: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"http://127.0.0.1:{unused_tcp_port}"
    finding = await found(tmp_path, "Engine", engine=url)
    assert not finding.ok and url in finding.text and "--engine embedded" in finding.advice
    monkeypatch.setattr("cozygen.app.LOCAL_COMFYUI", url)
    automatic = await found(tmp_path, "Engine", engine="auto")
    assert automatic.ok and automatic.text == f"built-in CPU engine (no ComfyUI answers at {url})"


async def test_the_app_is_not_built(tmp_path: Path, app_built: Path) -> None:
    (app_built / "index.html").unlink()
    finding = await found(tmp_path, "Web app")
    assert not finding.ok and finding.text == "not built" and "npm run build" in finding.advice


async def test_a_codec_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(av.codec, "codecs_available", av.codec.codecs_available - {"libx264"})
    finding = await found(tmp_path, "Codec libx264")
    assert not finding.ok and "missing" in finding.text and "PyAV" in finding.advice
    assert (await found(tmp_path, "Codec gif")).ok


def test_the_report(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    report([Finding("Engine", True, "well", "not shown"), Finding("Output folder", False, "/a/[red]b", "Do [this].")])
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines == [["ok", "Engine", "well"], ["!!", "Output", "folder", "/a/[red]b"], ["Do", "[this]."]]
