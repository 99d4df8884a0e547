"""Files of ours that prompts name go to a ComfyUI server, unless it has them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import aiohttp

from cozygen.engines.base import EngineError, Graph, OutputType
from cozygen.engines.comfyui_http.client import BadStatus, ComfyClient
from cozygen.engines.comfyui_http.files import Remembered, ViewedFile, identity, open_view, slashes
from cozygen.engines.comfyui_http.outputs import OutputFetcher
from cozygen.storage.paths import PathError, Root

log = logging.getLogger(__name__)

_NO_HEAD = (405, 501)
_KEPT_INPUTS = "cozygen"
_FILE_INPUTS = {
    "LoadImage": "image",
    "LoadImageMask": "image",
    "LoadImageOutput": "image",
    "LoadAudio": "audio",
    "LoadVideo": "file",
    "VHS_LoadVideo": "video",
    "CozyGenImageInput": "image_filename",
}
"""The inputs of nodes that name a file."""


@dataclass(frozen=True)
class Reference:
    """A file that a prompt names: ``<folder>/<file>``, ``<folder>/<file> [output]`` or ``output::<folder>::<file>``."""

    kind: OutputType
    subfolder: str
    filename: str
    colons: bool = False

    def renamed(self, filename: str) -> str:
        """How a prompt names the file `filename` in the same folder."""
        if self.colons:
            return f"output::{self.subfolder}::{filename}"
        return _join(self.subfolder, filename) + ("" if self.kind == "input" else f" [{self.kind}]")


def parse_reference(value: str) -> Reference:
    """The file that an input's value names."""
    if value.startswith("output::") and value.count("::") >= 2:
        _, subfolder, filename = value.split("::", 2)
        return Reference("output", slashes(subfolder), filename, colons=True)
    kind: OutputType = "input"
    annotated: tuple[OutputType, ...] = ("input", "output", "temp")
    for name in annotated:
        if value.endswith(f"[{name}]"):
            kind, value = name, value[: -len(name) - 2].rstrip()
            break
    subfolder, _, filename = value.replace("\\", "/").rpartition("/")
    return Reference(kind, subfolder.strip("/"), filename)


class InputSender:
    """Sees to it that the server has the files of ours which prompts name."""

    def __init__(self, client: ComfyClient, roots: Mapping[OutputType, Root], outputs: OutputFetcher) -> None:
        self._client = client
        self._roots = roots
        self._outputs = outputs
        self._same: Remembered[tuple[str, str]] = Remembered()
        self._sent: Remembered[bool] = Remembered()

    async def prepare(self, graph: Graph) -> Graph:
        """`graph` with every file that it takes from our folders made available to the server.

        Where the server has another file of that name which is not from us, ours goes under another name, and the
        graph that is returned says so. Raises `EngineError`.
        """
        changed: Graph = {}
        for node_id, node in graph.items():
            name = _FILE_INPUTS.get(str(node.get("class_type"))) if isinstance(node, dict) else None
            inputs = node.get("inputs") if name else None
            value = inputs.get(name) if isinstance(inputs, dict) else None
            if not isinstance(value, str) or not value:
                continue
            there = await self._provide(parse_reference(value))
            if there is not None:
                changed[node_id] = {**node, "inputs": {**node["inputs"], name: there}}
        return {**graph, **changed} if changed else graph

    async def _provide(self, reference: Reference) -> str | None:
        """Make one file available: the name to use for it, None when that is the one given."""
        path = await asyncio.to_thread(self._local, reference)
        if path is None:
            return None  # not ours: the server knows it, or says that it does not
        try:
            return await self._provide_file(reference, path)
        except OSError as error:
            log.warning("%s cannot be read: %s", path, error)
            return None  # the server will say that it misses it

    async def _provide_file(self, reference: Reference, path: Path) -> str | None:
        kind, subfolder, filename = reference.kind, reference.subfolder, reference.filename
        if kind == "output":
            filename = self._outputs.remote_name(subfolder, filename)
        if await self._is_there(kind, subfolder, filename, path):
            return None if filename == reference.filename else reference.renamed(filename)
        if kind != "input":
            stored = await self._post(path, reference.filename, _KEPT_INPUTS, "input", overwrite=False)
            return _join(_KEPT_INPUTS, stored)
        ours = self._sent.get((kind, subfolder, filename)) is not None
        stored = await self._post(path, filename, subfolder, kind, overwrite=ours)
        return None if stored == filename else reference.renamed(stored)

    def _local(self, reference: Reference) -> Path | None:
        try:
            path = self._roots[reference.kind].resolve_file(reference.subfolder, reference.filename)
        except PathError:
            return None
        return path if path.is_file() else None

    async def _is_there(self, kind: OutputType, subfolder: str, filename: str, path: Path) -> bool:
        """Whether the server has this very content under this name."""
        mark = await asyncio.to_thread(identity, path)
        place = (kind, subfolder, filename)
        if mark is None:
            return False
        try:
            file = await open_view(self._client, filename, subfolder, kind, method="HEAD")
        except BadStatus as error:
            if error.status not in _NO_HEAD:
                raise
            return await self._compare(place, mark, path)
        if file is None:
            return False
        async with file:
            if file.is_at(mark) or (file.etag is not None and self._same.get(place) == (mark, file.etag)):
                return True
            size = (await asyncio.to_thread(path.stat)).st_size
            if file.length not in (size, None):
                return False
        return await self._compare(place, mark, path)

    async def _compare(self, place: tuple[OutputType, str, str], mark: str, path: Path) -> bool:
        kind, subfolder, filename = place
        file = await open_view(self._client, filename, subfolder, kind)
        if file is None:
            return False
        async with file:
            same = await _same_content(file, path)
            if same and file.etag is not None:
                self._same[place] = (mark, file.etag)
            return same

    async def upload(self, path: Path, name: str, subfolder: str, kind: OutputType, *, overwrite: bool) -> None:
        """Put a file of ours on the server, unless it has it. Raises `EngineError`, also when the server keeps another
        file of this name."""
        subfolder = slashes(subfolder)
        try:
            if await self._is_there(kind, subfolder, name, path):
                return
            stored = await self._post(path, name, subfolder, kind, overwrite=overwrite)
        except OSError as error:
            raise EngineError(f"{path.name} cannot be read: {error.strerror}") from error
        if stored != name:
            raise EngineError(f"ComfyUI at {self._client.shown} has another file named {name} and kept both.")

    async def _post(self, path: Path, name: str, subfolder: str, kind: OutputType, *, overwrite: bool) -> str:
        """Upload; the name under which the server keeps it."""
        mark = await asyncio.to_thread(identity, path)
        async with _opened(path) as stream:
            form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
            form.add_field("type", kind)
            form.add_field("subfolder", subfolder)
            form.add_field("overwrite", "true" if overwrite else "false")
            form.add_field("image", stream, filename=name, content_type="application/octet-stream")
            answer = await self._client.send_form("upload", "image", form=form)
        stored = answer.get("name")
        if not isinstance(stored, str) or not stored:
            raise EngineError(f"{self._client.shown} did not confirm the upload of {name}.")
        place = (kind, subfolder, stored)
        self._sent[place] = True
        # What it is marked with tells next time, without its content, that it is still the same.
        with suppress(BadStatus):
            file = await open_view(self._client, stored, subfolder, kind, method="HEAD")
            if file is not None:
                async with file:
                    if mark is not None and file.etag is not None:
                        self._same[place] = (mark, file.etag)
        return stored


def _join(subfolder: str, filename: str) -> str:
    return f"{subfolder}/{filename}" if subfolder else filename


@asynccontextmanager
async def _opened(path: Path) -> AsyncIterator[BinaryIO]:
    stream: BinaryIO = await asyncio.to_thread(path.open, "rb")
    try:
        yield stream
    finally:
        await asyncio.to_thread(stream.close)


async def _same_content(file: ViewedFile, path: Path) -> bool:
    async with _opened(path) as stream:
        async for chunk in file.chunks():
            if await asyncio.to_thread(stream.read, len(chunk)) != chunk:
                return False
        return not await asyncio.to_thread(stream.read, 1)
