"""`cozygen doctor`: what is there, what is wrong, what to do about it."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import socket
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from cozygen import __version__
from cozygen.settings import Settings, without_password

_LOW_DISK_BYTES = 2 * 2**30
_LIBRARIES = (
    "aiohttp",
    "alembic",
    "av",
    "filelock",
    "numpy",
    "Pillow",
    "platformdirs",
    "pydantic",
    "pydantic-settings",
    "PyJWT",
    "PyYAML",
    "rapidfuzz",
    "rich",
    "SQLAlchemy",
    "typer",
    "watchfiles",
)
_STATIC = Path(__file__).parent / "web" / "static"
_CODECS = {"libx264": "MP4 (H.264)", "libvpx-vp9": "WebM (VP9)", "gif": "GIF"}


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `advice` says what to do where `ok` is false."""

    name: str
    ok: bool
    text: str
    advice: str = ""


async def examine(settings: Settings) -> list[Finding]:
    """Look at everything that a render needs."""
    local = await asyncio.to_thread(lambda: [*_programs(), *_folders(settings), *_port(settings), _app(), *_codecs()])
    return [*local, await _engine(settings)]


def _programs() -> Iterator[Finding]:
    python = platform.python_version()
    supported = sys.version_info >= (3, 11)
    yield Finding("CozyGen", True, f"{__version__} in {Path(__file__).parent}")
    yield Finding("Python", supported, f"{python} on {platform.platform()}", "Install Python 3.11 or newer.")
    yield Finding("SQLite", True, sqlite3.sqlite_version)
    for name in _LIBRARIES:
        try:
            yield Finding(name, True, metadata.version(name))
        except metadata.PackageNotFoundError:
            yield Finding(
                name, False, "not installed", f"Install it: {Path(sys.executable).name} -m pip install {name}"
            )


def _folders(settings: Settings) -> Iterator[Finding]:
    folders = {
        "Data folder": settings.data_dir,
        "Output folder": settings.outputs,
        "Input folder": settings.inputs,
        "Workflows folder": settings.workflows,
    }
    for name, folder in folders.items():
        yield _folder(name, folder)
    for name, folder in settings.library_dirs.items():
        there = folder.is_dir()
        text = f"{folder}{'' if there else ' is not there'}{_read_only(folder) if there else ''}"
        yield Finding(f"Library {name}", there, text, "Plug its drive in, or leave it out; the studio starts without.")


def _read_only(folder: Path) -> str:
    return "" if os.access(folder, os.W_OK) else " (its files cannot be moved or deleted)"


def _folder(name: str, folder: Path) -> Finding:
    option = name.split()[0].lower()
    advice = f"Make it writable for this user, or choose another with --{option}-dir."
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    if not existing.is_dir():
        return Finding(name, False, f"{folder}: {existing} is not a folder", advice)
    try:
        with tempfile.NamedTemporaryFile(dir=existing, prefix=".cozygen-"):
            pass
    except OSError as error:
        return Finding(name, False, f"{folder}: not writable ({error.strerror})", advice)
    free = shutil.disk_usage(existing).free
    text = f"{folder}{'' if folder.exists() else ' (made at the first start)'}, {free / 2**30:.1f} GiB free"
    if free < _LOW_DISK_BYTES:
        return Finding(name, False, text, "Free some space: less than 2 GiB are left.")
    return Finding(name, True, text)


def _port(settings: Settings) -> Iterator[Finding]:
    if settings.port == 0:
        return
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family) as probe:
        if os.name != "nt":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            advice = "If that is a running studio, all is well; else choose another with --port."
            yield Finding("Address", False, f"{settings.host}:{settings.port}: {error.strerror}", advice)
            return
    yield Finding("Address", True, f"{settings.host}:{settings.port} is free")


def _app() -> Finding:
    built = (_STATIC / "index.html").is_file()
    advice = "Build it: `npm ci && npm run build` in frontend/, or install a release."
    return Finding("Web app", built, "built" if built else "not built", advice)


def _codecs() -> Iterator[Finding]:
    try:
        import av
        import av.codec
    except ImportError as error:
        yield Finding("ffmpeg libraries", False, str(error), "Install PyAV: pip install av")
        return
    versions = ", ".join(
        f"{name} {'.'.join(map(str, version))}" for name, version in sorted(av.library_versions.items())[:3]
    )
    yield Finding("ffmpeg libraries", True, versions)
    for codec, use in _CODECS.items():
        known = codec in av.codec.codecs_available
        yield Finding(
            f"Codec {codec}",
            known,
            f"{use}{'' if known else ': missing'}",
            "Install PyAV from PyPI: it brings it along.",
        )


async def _engine(settings: Settings) -> Finding:
    try:
        from cozygen.app import LOCAL_COMFYUI
        from cozygen.engines.comfyui_http import probe
    except ImportError as error:
        return Finding("Engine", False, f"cannot be loaded: {error}", "Install the libraries that are missing above.")
    if settings.engine == "embedded":
        return Finding("Engine", True, "built-in CPU engine")
    url = LOCAL_COMFYUI if settings.engine == "auto" else settings.engine
    version = await probe(url)
    url = without_password(url)
    if version is not None:
        return Finding("Engine", True, f"ComfyUI {version} at {url}")
    if settings.engine == "auto":
        return Finding("Engine", True, f"built-in CPU engine (no ComfyUI answers at {url})")
    return Finding(
        "Engine",
        False,
        f"no ComfyUI answers at {url}",
        "Start ComfyUI there, or mend the URL, or use --engine embedded.",
    )


def report(findings: list[Finding]) -> None:
    """Print the findings as a table, with advice under each fault."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[red]!![/]"
        table.add_row(mark, f"[bold]{escape(finding.name)}[/]", escape(finding.text))
        if not finding.ok:
            table.add_row("", "", f"[yellow]{escape(finding.advice)}[/]")
    Console().print(table)
