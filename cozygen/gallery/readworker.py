"""The process that reads the metadata of many files: ``python -m cozygen.gallery.readworker``, spoken to over pipes.

A request's body is a JSON list of paths, an answer's the list of their details, null for what cannot be read (frames:
`cozygen.ipc`). It ends when its input does.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from cozygen.gallery.details import Details, read_details
from cozygen.ipc import read_message, write_message

_NICENESS = 10


def main() -> None:
    """Serve until the parent closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which then closes the pipe
    sys.dont_write_bytecode = True
    if sys.platform != "win32":
        os.nice(_NICENESS)
    source, sink = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever is printed goes to the standard error
    while (message := read_message(source)) is not None:
        found = [_read(path) for path in json.loads(message[1])]
        write_message(sink, {}, json.dumps(found).encode())


def _read(path: str) -> Details | None:
    try:
        return read_details(Path(path))
    except Exception as error:  # a reader's fault must not keep every other file from being read
        print(f"{path}: {type(error).__name__}: {error}", file=sys.stderr)
        return None


if __name__ == "__main__":
    main()
