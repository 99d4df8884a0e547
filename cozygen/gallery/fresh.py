"""What is new in a library, to be made ready before anybody looks at it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cozygen.gallery.catalogue import Scope
from cozygen.gallery.library import Library
from cozygen.gallery.service import Gallery

_ALL = Scope("", recursive=True, show_hidden=False)
_NEWEST = 100
_LOOK_SECONDS = 1.0


class Arrivals:
    """Which files have come into a gallery since they were last asked for."""

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._highest = 0

    async def begin(self) -> None:
        """Count from now on. Waits until the gallery has been scanned: what is found by that is not new."""
        while True:
            highest, complete = await self._gallery.consult(_highest, fresh=False)
            if complete:
                self._highest = highest
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def new(self) -> list[Path]:
        """The files that have come, the newest last. Of very many, only the newest."""

        def look(library: Library) -> tuple[list[Path], int]:
            snapshot = library.snapshot
            ids = [id for id in snapshot.ids(_ALL, 0, _NEWEST) if id > self._highest]
            paths = [Path(library.disk(row.path)) for row in library.rows(snapshot, ids) if row is not None]
            return paths[::-1], max(ids, default=self._highest)

        (paths, self._highest), _ = await self._gallery.consult(look, fresh=False)
        return paths


def _highest(library: Library) -> int:
    return max(library.snapshot.ids(_ALL, 0, None), default=0)
