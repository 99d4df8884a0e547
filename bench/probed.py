"""The studio as `cozygen` runs it, with a probe in its event loop: `python -m bench.probed serve ...`.

`GET /bench/lag` tells how long the loop was held since it was asked last.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

from aiohttp import web

from bench.lag import LagProbe
from cozygen import app as composition
from cozygen import cli
from cozygen.engines.base import Engine
from cozygen.settings import Settings

_build = composition.build_app


def _build_probed(settings: Settings, engine: Engine) -> web.Application:
    app = _build(settings, engine)
    probe = LagProbe()

    async def answer(request: web.Request) -> web.Response:
        return web.json_response(probe.take())

    async def watch(app: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(probe.run())
        yield
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    app.router.add_get("/bench/lag", answer)
    app.cleanup_ctx.append(watch)
    return app


if __name__ == "__main__":
    composition.build_app = _build_probed
    cli.main()
