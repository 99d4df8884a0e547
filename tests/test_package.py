"""What is shipped: the wheel that `pip install` makes, and the source archive."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from cozygen import __version__
from cozygen.web.static import STATIC

ROOT = Path(__file__).parents[1]

pytest.importorskip("hatchling", reason="builds without fetching anything")


def build(kind: str, folder: Path) -> Path:
    """Build an archive without the network; the web app is taken as it is."""
    command = [sys.executable, "-m", "build", f"--{kind}", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(
        command,
        env={**os.environ, "COZYGEN_SKIP_WEB_BUILD": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (archive,) = folder.iterdir()
    return archive


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def names_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_wheel_has_the_package_and_nothing_else(wheel: Path, unpacked: Path) -> None:
    assert wheel.name == f"cozygen-{__version__}-py3-none-any.whl"
    names = names_in(unpacked)
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "cozygen").rglob("*.py")}
    assert sources <= names
    information = f"cozygen-{__version__}.dist-info"
    assert {name.split("/")[0] for name in names} == {"cozygen", information}
    assert [
        name
        for name in names
        if "/tests/" in name or "node_modules" in name or name.endswith((".pyc", ".ts", ".svelte"))
    ] == []


def test_the_wheel_has_the_starter_workflows(unpacked: Path) -> None:
    starters = {path.name: path.read_bytes() for path in (ROOT / "workflows").glob("*.json")}
    assert len(starters) >= 4
    assert {name: (unpacked / "cozygen" / "starters" / name).read_bytes() for name in starters} == starters


@pytest.mark.skipif(not (STATIC / "index.html").is_file(), reason="the web app is not built")
def test_the_wheel_has_the_web_app(unpacked: Path) -> None:
    shipped = names_in(unpacked / "cozygen" / "web" / "static")
    assert "index.html" in shipped and any(name.startswith("assets/") and name.endswith(".js") for name in shipped)
    assert names_in(STATIC) == shipped


def test_the_wheel_says_what_it_is(unpacked: Path) -> None:
    information = unpacked / f"cozygen-{__version__}.dist-info"
    text = (information / "METADATA").read_text("utf-8")
    assert "License-Expression: GPL-3.0-or-later" in text and "Requires-Python: >=3.11" in text
    assert (information / "licenses" / "LICENSE").read_text("utf-8") == (ROOT / "LICENSE").read_text("utf-8")
    assert "cozygen = cozygen.cli:main" in (information / "entry_points.txt").read_text("utf-8")


def test_the_unpacked_wheel_works(unpacked: Path, tmp_path: Path) -> None:
    code = "import cozygen, cozygen.app as app; print(cozygen.__file__); print(*sorted(p.name for p in app.starters_folder().iterdir()))"
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    where, starters = done.stdout.splitlines()
    assert Path(where) == unpacked / "cozygen" / "__init__.py"
    assert {"text-to-image.json", "image-to-image.json", "text-to-video.json", "image-to-video.json"} <= set(
        starters.split()
    )


def test_the_source_archive_can_be_built_from(tmp_path: Path) -> None:
    archive = build("sdist", tmp_path)
    with tarfile.open(archive) as found:
        names = {name.partition("/")[2] for name in found.getnames()}
    wanted = {"pyproject.toml", "hatch_build.py", "LICENSE", "README.md", "cozygen/app.py", "workflows/text-to-image.json", "frontend/package.json", "frontend/package-lock.json", "frontend/src/main.ts"}  # fmt: skip
    assert wanted <= names
    assert [name for name in names if "node_modules" in name or name.startswith((".venv", ".git/", ".ci/"))] == []
