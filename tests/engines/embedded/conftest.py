"""The host of the nodes under test, and engines with their real processes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from cozygen.engines.embedded.engine import EmbeddedEngine
from tests.engines.embedded.real_engine import MODULE, ROOT, MakeStudio, Studio
from tests.node_host import RecordingHost, files, host

__all__ = ["RecordingHost", "files", "host"]


@pytest.fixture
async def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[MakeStudio]:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    studios: list[Studio] = []

    async def make_one(extra_modules: Sequence[str] = (MODULE,), **options: Any) -> Studio:
        places = tmp_path / "input", tmp_path / "output", tmp_path / "temp"
        engine = EmbeddedEngine(*places, extra_modules=extra_modules, **options)
        await engine.start()
        studios.append(Studio(engine))
        return studios[-1]

    yield make_one
    for studio in studios:
        await studio.close()


@pytest.fixture
async def studio(make: MakeStudio) -> Studio:
    return await make()
