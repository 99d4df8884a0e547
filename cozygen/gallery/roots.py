"""The libraries of the studio: the output folder, the input folder, and any others, each with a gallery of its own.

They share nothing but what people note of files. Each has its own index, watcher, threads and trash, so that a slow
or a vanished disk keeps nobody else waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from cozygen.gallery.catalogue import Scope
from cozygen.gallery.library import Row
from cozygen.gallery.marks import OUTPUT
from cozygen.gallery.query import Node
from cozygen.gallery.service import Gallery, Selection

INPUT = "input"
"""The library of what renders start from."""


class UnknownRoot(LookupError):
    """There is no library of this name."""


@dataclass(frozen=True, order=True)
class Place:
    """Where a file is."""

    root: str
    subfolder: str
    filename: str


@dataclass(frozen=True)
class Found:
    """All files of a library, in `scope`, for which a condition holds."""

    root: str
    scope: Scope
    node: Node


Wanted = Sequence[Place] | Found
"""Files, of one library or of several: by their places, or all that are found in one."""


@dataclass(frozen=True)
class Picked:
    """A file, and the gallery that has it."""

    gallery: Gallery
    row: Row


@dataclass(frozen=True)
class Gathered:
    """The files that were wanted, in the order in which they were named, and the places at which there is none."""

    files: list[Picked] = field(default_factory=list)
    missing: list[Place] = field(default_factory=list)

    def by_gallery(self) -> Iterator[tuple[Gallery, list[int]]]:
        """Each gallery that has some of the files, with their places in `files`."""
        found: dict[str, tuple[Gallery, list[int]]] = {}
        for number, file in enumerate(self.files):
            found.setdefault(file.gallery.name, (file.gallery, []))[1].append(number)
        yield from found.values()


class Galleries:
    """The galleries by their names, in a studio that of the output folder first."""

    def __init__(self, galleries: Sequence[Gallery]) -> None:
        self._galleries: Mapping[str, Gallery] = {gallery.name: gallery for gallery in galleries}

    @property
    def output(self) -> Gallery:
        """The gallery of the output folder. Raises `UnknownRoot` where only others are dealt with."""
        return self.get(OUTPUT)

    def __iter__(self) -> Iterator[Gallery]:
        return iter(self._galleries.values())

    def get(self, name: str) -> Gallery:
        """The gallery of a library. Raises `UnknownRoot`."""
        gallery = self._galleries.get(name)
        if gallery is None:
            raise UnknownRoot(name)
        return gallery

    @property
    def names(self) -> list[str]:
        """What the libraries are called."""
        return list(self._galleries)

    async def start(self) -> None:
        """Begin to follow all libraries. Returns at once."""
        for gallery in self:
            await gallery.start()

    async def close(self) -> None:
        """Stop everything."""
        await asyncio.gather(*(gallery.close() for gallery in self))

    async def choose(self, wanted: Wanted) -> Gathered:
        """The files that are meant. Raises `UnknownRoot`, and what `Gallery.choose` does."""
        if isinstance(wanted, Found):
            gallery = self.get(wanted.root)
            chosen = await gallery.choose(Selection(None, wanted.scope, wanted.node))
            return Gathered([Picked(gallery, row) for row in chosen.rows])
        galleries = {name: self.get(name) for name in dict.fromkeys(place.root for place in wanted)}
        gathered = Gathered()
        each: dict[str, Iterator[Row | None]] = {}
        for name, gallery in galleries.items():
            chosen = await gallery.choose(
                Selection([(place.subfolder, place.filename) for place in wanted if place.root == name])
            )
            each[name] = iter(chosen.each)
            gathered.missing.extend(Place(name, *place) for place in chosen.missing)
        seen: set[tuple[str, int]] = set()
        for place in wanted:
            row = next(each[place.root])
            if row is not None and (place.root, row.id) not in seen:
                seen.add((place.root, row.id))
                gathered.files.append(Picked(galleries[place.root], row))
        return gathered
