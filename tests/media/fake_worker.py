"""A decode worker that does what the name of the file says; it notes its doings in a file beside it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from cozygen.ipc import read_message, write_message

if "broken" in sys.argv:
    print("no decoder here", file=sys.stderr)
    sys.exit(3)

source, sink = os.fdopen(0, "rb"), os.fdopen(1, "wb")
write_message(sink, {"ready": True})
while (message := read_message(source)) is not None:
    request, _ = message
    path = Path(request["path"])
    log = path.with_name("log")
    with log.open("a") as stream:
        stream.write(f"{os.getpid()} {request['op']} {path.name}\n")
    while path.name.startswith("wait") and not path.with_name("go").exists():
        time.sleep(0.01)
    if path.name.startswith("hang"):
        time.sleep(3600)
    if path.name.startswith("crash"):
        print("it hurts", file=sys.stderr, flush=True)
        os._exit(9)
    if path.name.startswith("once") and log.read_text().count(path.name) == 1:
        os._exit(9)
    if path.name.startswith("nonsense"):
        sink.write(b"\xff" * 100)
        sink.flush()
        time.sleep(3600)
    reply = {"ok": True, "kind": "image", "codec": "png", "mtime_ns": 1, "size": 2, "encoding": "jpeg"}
    write_message(sink, reply, path.name.encode())
