"""An aiohttp server that does nothing: `GET /{size}` answers with that many bytes. What ours is compared with."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from contextlib import suppress

from aiohttp import web


async def _answer(request: web.Request) -> web.Response:
    body: bytes = b"x" * int(request.match_info["size"])
    return web.Response(body=body, content_type="image/jpeg")


async def _serve() -> None:
    app = web.Application()
    app.router.add_get("/{size}", _answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()


class BareServer:
    """The server in a process of its own. A context manager."""

    port: int

    def __enter__(self) -> BareServer:
        self._process = subprocess.Popen([sys.executable, "-m", "bench.bare"], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline())
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(10)
        assert self._process.stdout is not None
        self._process.stdout.close()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve())
