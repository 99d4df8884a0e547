"""The model files on this machine's disk and what is known of each. All methods block and may be called in any thread.

What was read is kept until the file, or one beside it, changes.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from cozygen.media.files import open_regular
from cozygen.models.header import HeaderError, read_metadata
from cozygen.models.info import NOTHING, SIDECARS, Facts, from_header, merged, read_sidecar
from cozygen.storage.paths import PathError, Root

_SAFETENSORS = (".safetensors", ".sft")
_MODELS = (*_SAFETENSORS, ".ckpt", ".pt", ".pt2", ".pth", ".bin", ".pkl", ".gguf", ".onnx")
_PICTURES = tuple(f"{kind}.{ending}" for kind in (".preview", "") for ending in ("png", "jpg", "jpeg", "webp"))
_PREVIEWS = (*_PICTURES, ".thumb.jpg")
_MAX_SIDECAR = 8 * 1024 * 1024
_MAX_KEPT = 20_000

# The folders below the models folder that a kind stands for, where they are not just the one of its name.
_FOLDERS = {
    "diffusion_models": ("diffusion_models", "unet"),
    "unet": ("diffusion_models", "unet"),
    "unet_gguf": ("diffusion_models", "unet"),
    "text_encoders": ("text_encoders", "clip"),
    "clip": ("text_encoders", "clip"),
    "clip_gguf": ("text_encoders", "clip"),
    "controlnet": ("controlnet", "t2i_adapter"),
}

Stamp = tuple[tuple[str, int, int], ...]
"""The files that belong to a model: name, `st_mtime_ns` and size of each."""


@dataclass(frozen=True)
class ModelFile:
    """A model that can be chosen.

    `name` is as the engine calls it. `size` (bytes) and `mtime` (seconds since the epoch) are None where the file is
    not on this disk. `preview` is the path of its picture, `version` changes whenever that or anything else does.
    """

    name: str
    size: int | None = None
    mtime: float | None = None
    facts: Facts = NOTHING
    preview: Path | None = None
    version: str = ""


class ModelLibrary:
    """The models below `folder`, in the folders that ComfyUI has for them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept: OrderedDict[Path, tuple[Stamp, Facts]] = OrderedDict()
        self._lock = threading.Lock()

    def describe(self, kind: str, names: Iterable[str]) -> list[ModelFile]:
        """The models of a kind by their names, in the same order. Those that are not on the disk are names alone."""
        folders = _Folders()
        return [self._described(kind, name, folders) for name in names]

    def find(self, kind: str, name: str) -> ModelFile | None:
        """One model, None where it is not on the disk."""
        found = self._described(kind, name, _Folders())
        return None if found.size is None else found

    def _described(self, kind: str, name: str, folders: _Folders) -> ModelFile:
        if not name.lower().endswith(_MODELS):
            return ModelFile(name)
        for folder in _FOLDERS.get(kind, (kind,)):
            try:
                path = Root(self._folder, follow_symlinks=True).resolve(f"{folder}/{name}")
            except PathError:
                continue
            beside = folders.entries(path.parent)
            status = beside.get(path.name)
            if status is not None:
                return self._read(name, path, status, beside)
        return ModelFile(name)

    def _read(self, name: str, path: Path, status: os.stat_result, beside: Mapping[str, os.stat_result]) -> ModelFile:
        stem = path.stem
        own = [path.name, *(stem + ending for ending, _ in SIDECARS), *(stem + ending for ending in _PREVIEWS)]
        stamp = tuple((file, beside[file].st_mtime_ns, beside[file].st_size) for file in own if file in beside)
        preview = next((path.with_name(stem + ending) for ending in _PREVIEWS if stem + ending in beside), None)
        return ModelFile(
            name=name,
            size=status.st_size,
            mtime=status.st_mtime,
            facts=self._facts(path, stamp, beside),
            preview=preview,
            version=hashlib.blake2b(repr(stamp).encode("utf-8", "replace"), digest_size=8).hexdigest(),
        )

    def _facts(self, path: Path, stamp: Stamp, beside: Mapping[str, os.stat_result]) -> Facts:
        with self._lock:
            known = self._kept.get(path)
            if known is not None and known[0] == stamp:
                self._kept.move_to_end(path)
                return known[1]
        facts = merged([*_sidecars(path, beside), _own(path)])
        with self._lock:
            self._kept[path] = (stamp, facts)
            self._kept.move_to_end(path)
            while len(self._kept) > _MAX_KEPT:
                self._kept.popitem(last=False)
        return facts


def entity_tag(models: Iterable[ModelFile]) -> str:
    """Changes whenever a list of models or anything in it does."""
    digest = hashlib.blake2b(digest_size=16)
    for model in models:
        digest.update(f"{model.name}\0{model.version}\0".encode("utf-8", "replace"))
    return f'W/"{digest.hexdigest()}"'


def folder_of(name: str) -> str:
    """The folder that a model's name stands in, with ``/``; empty for none."""
    parent = str(PurePosixPath(name.replace("\\", "/")).parent)
    return "" if parent == "." else parent


class _Folders:
    """The regular files of the folders that are looked into, each folder read once."""

    def __init__(self) -> None:
        self._known: dict[Path, dict[str, os.stat_result]] = {}

    def entries(self, folder: Path) -> Mapping[str, os.stat_result]:
        """Name -> status; empty for a folder that cannot be read."""
        if folder not in self._known:
            found: dict[str, os.stat_result] = {}
            with suppress(OSError), os.scandir(folder) as entries:
                for entry in entries:
                    with suppress(OSError):
                        if entry.is_file():
                            found[entry.name] = Path(entry.path).stat()
            self._known[folder] = found
        return self._known[folder]


def _sidecars(path: Path, beside: Mapping[str, os.stat_result]) -> Iterable[Facts]:
    for ending, reader in SIDECARS:
        status = beside.get(path.stem + ending)
        if status is None or status.st_size > _MAX_SIDECAR:
            continue
        with suppress(OSError), open_regular(path.with_name(path.stem + ending)) as stream:
            yield read_sidecar(stream.read(_MAX_SIDECAR), reader)


def _own(path: Path) -> Facts:
    if path.suffix.lower() not in _SAFETENSORS:
        return NOTHING
    try:
        return from_header(read_metadata(path))
    except (HeaderError, OSError):
        return NOTHING
