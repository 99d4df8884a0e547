"""A studio to talk to. `client` has an engine that renders nothing; `studio` makes one with other settings."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from cozygen.app import build_app
from cozygen.engines.base import (
    Accepted,
    EngineEvent,
    Event,
    Health,
    LocalFile,
    Outcome,
    OutputType,
    PromptRejected,
    RemoteFile,
    Submission,
)
from cozygen.settings import Settings
from cozygen.storage.paths import Root
from tests.api.declared import DeclaredClient

Client = TestClient[Any, Any]
MakeStudio = Callable[..., Awaitable[Client]]


class StillEngine:
    """An engine that accepts every prompt and never runs one, so that the rest of the studio can be tested quickly."""

    def __init__(self, settings: Settings) -> None:
        self.folders = {"output": settings.outputs, "input": settings.inputs, "temp": settings.data_dir / "temp"}
        self.lists: dict[str, list[str]] = {
            "sampler": ["euler", "ddim"],
            "scheduler": ["normal", "karras"],
            "checkpoints": ["b.safetensors", "a.safetensors"],
            "unet": ["u.safetensors"],
        }
        self.submitted: list[Submission] = []
        self.refusal: PromptRejected | None = None
        self.queue: asyncio.Queue[Event] = asyncio.Queue()
        self.refreshed: list[str] = []
        self.running: set[str] = set()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def health(self) -> Health:
        return Health(ok=True, engine="embedded", version="1", url=None, note="It renders nothing.")

    async def system_stats(self) -> dict[str, Any]:
        return {"system": {}, "devices": []}

    async def features(self) -> dict[str, Any]:
        return {}

    async def object_info(self, node_class: str | None = None) -> dict[str, Any]:
        return {}

    async def model_folders(self) -> list[str]:
        return ["checkpoints", "unet"]

    async def models(self, folder: str, *, refresh: bool = False) -> list[str] | None:
        return self.lists.get(folder)

    async def embeddings(self) -> list[str]:
        return []

    async def choices(self, kind: str, *, refresh: bool = False) -> list[str] | None:
        if refresh:
            self.refreshed.append(kind)
        return self.lists.get(kind)

    async def submit(self, submission: Submission) -> Accepted:
        if self.refusal is not None:
            raise self.refusal
        if all(known.prompt_id != submission.prompt_id for known in self.submitted):
            self.submitted.append(submission)
        return Accepted(submission.prompt_id, submission.number, [])

    async def cancel(self, prompt_id: str) -> bool:
        return False

    async def withdraw(self, prompt_id: str) -> bool:
        if prompt_id in self.running:
            return False
        self.submitted = [submission for submission in self.submitted if submission.prompt_id != prompt_id]
        return True

    @property
    def order(self) -> list[str]:
        """What waits in the engine, in its order."""
        waiting = sorted(self.submitted, key=lambda submission: submission.number)
        return [submission.prompt_id for submission in waiting]

    def say(self, kind: str, prompt_id: str, **data: Any) -> None:
        """Let an event of a prompt happen."""
        if kind == "execution_start":
            self.running.add(prompt_id)
        self.queue.put_nowait(EngineEvent(kind, {"prompt_id": prompt_id, **data}, prompt_id))

    async def lookup(self, prompt_ids: Sequence[str]) -> dict[str, Outcome]:
        return {}

    async def events(self) -> AsyncIterator[Event]:
        while True:
            yield await self.queue.get()

    async def upload(
        self, name: str, data: Path, *, subfolder: str = "", type: OutputType = "input", overwrite: bool = True
    ) -> None: ...

    async def open_output(self, filename: str, subfolder: str, type: OutputType) -> LocalFile | RemoteFile | None:
        path = Root(self.folders[type]).resolve_file(subfolder, filename)
        return LocalFile(path) if path.is_file() else None


@pytest.fixture
async def studio(tmp_path: Path) -> AsyncIterator[MakeStudio]:
    """Make studios: `await studio(auth_user="me", ...)` gives a client; `client.app` leads to the application."""
    clients: list[Client] = []

    async def make(*, engine: Any = None, **options: Any) -> Client:
        values: dict[str, Any] = {"data_dir": tmp_path / "data", "engine": "embedded", **options}
        settings = Settings(_env_file=None, **values)
        client: Client = DeclaredClient(TestServer(build_app(settings, engine or StillEngine(settings))))
        await client.start_server()
        clients.append(client)
        return client

    yield make
    for client in clients:
        await client.close()


@pytest.fixture
async def client(studio: MakeStudio) -> Client:
    """A studio with the default settings."""
    return await studio()


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """The data folder of the studio."""
    return tmp_path / "data"
