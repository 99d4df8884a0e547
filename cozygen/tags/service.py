"""The tag list in force: which file it comes from, and its index, kept ready.

The list is, in this order: the file that the settings name; the one that was imported or fetched last (kept compiled in
the tags folder); the starter list that comes with the program.
"""

from __future__ import annotations

import io
import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from cozygen.storage.paths import atomic_write
from cozygen.tags import loaders
from cozygen.tags.model import TagFileError, TagList

STARTER = Path(__file__).with_name("starter.md")

_LIST = "list.npz"
_COMPILED = "compiled.npz"
_VERSION = 1


class TagsUnavailable(Exception):
    """No list can be loaded; the message says what to do."""


@dataclass(frozen=True)
class Source:
    """Where a list comes from. `loaded_at` is in seconds since the epoch."""

    kind: Literal["file", "imported", "danbooru", "starter"]
    name: str
    loaded_at: float


@dataclass(frozen=True)
class Loaded:
    """A list in force. `index` is a `cozygen.tags.index.TagIndex`."""

    source: Source
    index: Any


class TagService:
    """Gives out the index of the list in force. All methods block; the web layer calls them in a thread."""

    def __init__(self, folder: Path, file: Path | None = None, *, clock: Callable[[], float] = time.time) -> None:
        self.folder = folder
        self._file = file
        self._clock = clock
        self._lock = threading.Lock()
        self._loaded: tuple[tuple[Path, int, int], Loaded] | None = None

    def loaded(self) -> Loaded:
        """The list in force; a file that has changed is read again. Raises `TagsUnavailable`."""
        path, stamp = self._current()
        known = self._loaded
        if known is not None and known[0] == stamp:
            return known[1]
        with self._lock:
            if self._loaded is None or self._loaded[0] != stamp:
                found = self._load(path, stamp)
                found.index.prepare()
                self._loaded = stamp, found
            return self._loaded[1]

    def import_file(self, path: Path) -> Loaded:
        """Take a list over from a file. Raises `TagFileError` and `OSError`; then the list in force stays."""
        found = loaders.load(path)
        return self.install(found, Source("imported", path.name, self._clock()))

    def install(self, found: TagList, source: Source) -> Loaded:
        """Put a list in force, at once and for good. Raises `OSError`."""
        from cozygen.tags.index import TagIndex

        self.folder.mkdir(parents=True, exist_ok=True)
        index = TagIndex.build(found)
        atomic_write(self.folder / _LIST, _pack(index, source, None))
        return Loaded(source, index)

    def _current(self) -> tuple[Path, tuple[Path, int, int]]:
        candidates = [self._file] if self._file is not None else [self.folder / _LIST, STARTER]
        for path in candidates:
            try:
                stat = path.stat()
            except OSError:
                continue
            return path, (path, stat.st_mtime_ns, stat.st_size)
        raise TagsUnavailable(f"The tag list {candidates[-1].name} is not there. {_ADVICE}")

    def _load(self, path: Path, stamp: tuple[Path, int, int]) -> Loaded:
        try:
            if path == self.folder / _LIST:
                found = _unpack(path, None)
                if found is None:
                    raise TagFileError("it is damaged")
                return found
            return self._compiled(path, stamp)
        except (TagFileError, OSError) as error:
            raise TagsUnavailable(f"The tag list {path.name} cannot be read: {error}. {_ADVICE}") from None

    def _compiled(self, path: Path, stamp: tuple[Path, int, int]) -> Loaded:
        """A text file's list; a large one is kept compiled, so that it loads at once the next time."""
        from cozygen.tags.index import TagIndex

        source = Source("starter" if path == STARTER else "file", path.name, self._clock())
        if path == STARTER:
            return Loaded(source, TagIndex.build(loaders.load(path)))
        key = [str(part) for part in stamp]
        kept = _unpack(self.folder / _COMPILED, key)
        if kept is not None:
            return kept
        index = TagIndex.build(loaders.load(path))
        self.folder.mkdir(parents=True, exist_ok=True)
        atomic_write(self.folder / _COMPILED, _pack(index, source, key))
        return Loaded(source, index)


_ADVICE = "Load one with `cozygen tags import FILE` or `cozygen tags update`."


def _pack(index: Any, source: Source, key: list[str] | None) -> bytes:
    """An index as the arrays of a NumPy archive, for `_unpack`."""
    import numpy as np

    about = {
        "version": _VERSION,
        "source": asdict(source),
        "key": key,
        "keys": index.keys,
        "declared": index.declared,
    }
    buffer = io.BytesIO()
    np.savez(
        buffer,
        about=_as_array(json.dumps(about)),
        names=_as_array("\n".join(index.names)),
        aliases=_as_array(index.aliases),
        counts=index.counts,
        categories=index.categories,
    )
    return buffer.getvalue()


def _unpack(path: Path, key: list[str] | None) -> Loaded | None:
    """What `_pack` made, None when there is none, it is damaged, or was made of another file than `key` says."""
    import zipfile

    import numpy as np

    from cozygen.tags.index import TagIndex

    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            about = json.loads(archive["about"].tobytes())
            if about["version"] != _VERSION or about["key"] != key:
                return None
            index = TagIndex(
                archive["names"].tobytes().decode("utf-8", "surrogatepass"),
                archive["counts"],
                archive["categories"],
                about["keys"],
                about["declared"],
                archive["aliases"].tobytes().decode("utf-8", "surrogatepass"),
            )
            return Loaded(Source(**about["source"]), index)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile):
        return None


def _as_array(text: str) -> Any:
    import numpy as np

    return np.frombuffer(text.encode("utf-8", "surrogatepass"), dtype=np.uint8)
