"""What becomes of a prompt as typed: wildcards are drawn, aliases replaced."""

from __future__ import annotations

import fnmatch
import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from cozygen.prompts.aliases import Aliases
from cozygen.prompts.wildcards import Wildcards, has_wildcards

_MAX_BYTES = 16 * 1024 * 1024
_MAX_FILES = 10_000


def expander(aliases: Aliases, lookup: Callable[[str], Sequence[str]], rng: random.Random) -> Callable[[str], str]:
    """A function from a prompt as typed to what the engine sees. It raises `WildcardError`, a `ValueError`."""
    wildcards = Wildcards(lookup, rng)

    def expand(text: str) -> str:
        # Wildcards first: `{$a$|$b$}` needs no alias but the one drawn. An alias may bring wildcards of its own, and
        # a wildcard's line aliases.
        if has_wildcards(text):
            text = wildcards.resolve(text)
        expanded = aliases.expand(text)
        if expanded != text and has_wildcards(expanded):
            expanded = aliases.expand(wildcards.resolve(expanded))
        return expanded

    return expand


class WildcardFolder:
    """Wildcard files: ``<name>.txt`` with an option a line; blank lines and those that start with ``#`` do not count.

    Names are relative to the folder, with ``/``, in any case. All methods block. Files that change are read again.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lines: dict[str, tuple[tuple[int, int], list[str]]] = {}

    def names(self) -> list[str]:
        """The names of all wildcards, sorted."""
        return sorted(self._files())

    def lines(self, name: str) -> list[str]:
        """The options of a wildcard, or of all that a pattern with ``*`` matches; empty where there is none."""
        files = self._files()
        wanted = name.lower()
        if "*" not in wanted:
            return self._read(wanted, files[wanted]) if wanted in files else []
        matching = [found for found in sorted(files) if fnmatch.fnmatchcase(found, wanted)]
        return [line for found in matching for line in self._read(found, files[found])]

    def _files(self) -> dict[str, Path]:
        found: dict[str, Path] = {}
        for folder, folders, files in os.walk(self.folder):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            for file in sorted(files):
                path = Path(folder) / file
                if path.suffix.lower() == ".txt" and not file.startswith(".") and len(found) < _MAX_FILES:
                    found.setdefault(path.relative_to(self.folder).with_suffix("").as_posix().lower(), path)
        return found

    def _read(self, name: str, path: Path) -> list[str]:
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            known = self._lines.get(name)
            if known is not None and known[0] == stamp:
                return known[1]
            if stat.st_size > _MAX_BYTES:
                return []
            text = path.read_bytes().decode("utf-8-sig", "replace")
        except OSError:
            return []
        lines = [stripped for line in text.splitlines() if (stripped := line.strip()) and not stripped.startswith("#")]
        self._lines[name] = (stamp, lines)
        return lines
