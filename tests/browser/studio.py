"""A studio in a process of its own for the browser to visit."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote

_START_SECONDS = 60.0
_QUIET_LOOKS = 3


class Studio:
    """`python -m cozygen serve` on one data folder; keeps its port over a restart."""

    def __init__(self, folder: Path, *, engine: str = "embedded", settings: dict[str, str] | None = None) -> None:
        self.data = folder / "data"
        self._engine = engine
        self._settings = settings or {}
        self._log = folder / "server.log"
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    def start(self) -> None:
        """Start it and wait until it prints its URL."""
        command = [sys.executable, "-m", "cozygen", "serve", "--engine", self._engine]
        command += ["--port", str(self._port), "--data-dir", str(self.data)]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("COZYGEN_")}
        environment |= self._settings
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=self._log.parent
            )
        deadline = time.monotonic() + _START_SECONDS
        while time.monotonic() < deadline:
            found = re.search(r"Open (http://\S+/cozygen/)", self.log())
            if found:
                self.url = found[1]
                return
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self.kill()
        raise RuntimeError(f"the studio did not start:\n{self.log()}")

    def log(self) -> str:
        """What it has printed."""
        return self._log.read_text("utf-8", "replace")

    def stop(self) -> None:
        """End it as Ctrl+C does."""
        self._end(signal.SIGINT if os.name != "nt" else signal.SIGTERM)

    def kill(self) -> None:
        """End it without a chance to tidy up."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def get(self, path: str) -> Any:
        """The JSON at a path of the server."""
        with urllib.request.urlopen(self.url.removesuffix("/cozygen/") + path, timeout=30) as response:
            return json.load(response)

    def forget(self) -> None:
        """Forget what is remembered for the user, such as their forms: the next visitor is a new one."""
        quiet = 0
        while quiet < _QUIET_LOOKS:  # what the last page sent when it was closed may still be on its way
            items = self.get("/cozygen/api/state")["items"]
            for item in items:
                with suppress(HTTPError):  # it has changed since
                    self.send("DELETE", f"/cozygen/api/state/{quote(item['key'], safe='')}")
            quiet = 0 if items else quiet + 1
            time.sleep(0.1)

    def send(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON answer to a request, None where there is none."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url.removesuffix("/cozygen/") + path, data=data, method=method)
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=30) as response:
            text = response.read()
        return json.loads(text) if text else None

    def add_workflow(self, name: str, graph: dict[str, Any]) -> dict[str, Any]:
        """Put a workflow into its folder; the form of it."""
        (self.data / "workflows" / name).write_text(json.dumps(graph), "utf-8")
        form: dict[str, Any] = self.get(f"/cozygen/api/workflows/{name}/form")
        return form

    def workflow(self, mode: str) -> dict[str, Any]:
        """The form of the starter workflow of a mode."""
        name = next(item["name"] for item in self.get("/cozygen/api/workflows")["items"] if item["mode"] == mode)
        form: dict[str, Any] = self.get(f"/cozygen/api/workflows/{name}/form")
        return form


def free_port() -> int:
    """A port that nothing listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
