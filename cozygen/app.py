"""The composition root: settings and an engine become services, services become the web application."""

from __future__ import annotations

import asyncio
import logging
import re
import sqlite3
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from aiohttp import web
from filelock import FileLock, Timeout

from cozygen.accounts.state import UserState
from cozygen.accounts.tokens import SignIn, signing_key
from cozygen.engines.base import Engine
from cozygen.gallery.curator import Curator
from cozygen.gallery.download import Downloads
from cozygen.gallery.fresh import Arrivals
from cozygen.gallery.lineage import Lineage
from cozygen.gallery.looker import Looker
from cozygen.gallery.marks import OUTPUT
from cozygen.gallery.organise import Organiser
from cozygen.gallery.roots import INPUT, Galleries
from cozygen.gallery.service import Gallery
from cozygen.jobs.bus import EventBus
from cozygen.jobs.service import JobService
from cozygen.media.ahead import Ahead
from cozygen.media.pool import MediaPool
from cozygen.media.thumbs import ThumbnailStore
from cozygen.models.library import ModelLibrary
from cozygen.settings import Settings, without_password
from cozygen.storage.database import Database, DatabaseTooNewError
from cozygen.storage.documents import DocumentStore
from cozygen.storage.paths import Root, atomic_write
from cozygen.tags.service import TagService
from cozygen.tags.update import BackgroundUpdate, UpdateState
from cozygen.web import (
    aliases,
    alike,
    auth,
    download,
    events,
    gallery,
    health,
    importing,
    inputs,
    jobs,
    library,
    lineage,
    models,
    openapi,
    organise,
    presets,
    previews,
    recipes,
    state,
    static,
    storage,
    tags,
    thumbs,
    timeline,
    usage,
    workflows,
)
from cozygen.web import engine as engine_section
from cozygen.web.api import Section
from cozygen.web.errors import errors_middleware, log_middleware
from cozygen.web.services import SERVICES, Services
from cozygen.web.sockets import SocketHub
from cozygen.workflows.presets import PresetService
from cozygen.workflows.service import WorkflowService
from cozygen.workflows.texts import WildcardFolder

log = logging.getLogger(__name__)

SECTIONS: Sequence[Section] = (
    health.section,
    gallery.section,
    library.section,
    organise.section,
    lineage.section,
    timeline.section,
    alike.section,
    download.section,
    recipes.section,
    jobs.section,
    events.section,
    state.section,
    workflows.section,
    importing.section,
    models.section,
    aliases.section,
    usage.section,
    tags.section,
    presets.section,
    inputs.section,
    thumbs.section,
    previews.section,
    storage.section,
    auth.section,
    engine_section.section,
    static.section,
)

HTTP_LIMITS: dict[str, Any] = {"max_line_size": 128 * 1024, "max_field_size": 32 * 1024}
"""Bytes of a request line and of a header. A path of 4,096 characters has up to 49,152 when it is percent-encoded."""

LOCAL_COMFYUI = "http://127.0.0.1:8188"
EXAMPLE_IMAGE = "cozygen-example.png"
_RECOVERY_SECONDS = 10.0


class DataFolderInUseError(RuntimeError):
    """Another studio works on the same data folder."""


class DataFolderDamagedError(RuntimeError):
    """The database in the data folder cannot be opened; the message says what to do."""


def starters_folder() -> Path:
    """The starter workflows: in the installed package, or beside it in a checkout."""
    packaged = Path(__file__).with_name("starters")
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "workflows"


async def choose_engine(settings: Settings, *, local: str = LOCAL_COMFYUI) -> tuple[Engine, str]:
    """The engine that the settings ask for, and a sentence that says which one it is and why."""
    url = settings.engine
    if url == "auto":
        from cozygen.engines import comfyui_http

        version = await comfyui_http.probe(local)
        if version is None:
            return _embedded(settings), f"No ComfyUI answers at {local}; the built-in CPU engine renders."
        return _comfyui(settings, local), f"ComfyUI {version} at {local} renders."
    if url == "embedded":
        return _embedded(settings), "The built-in CPU engine renders."
    return _comfyui(settings, url), f"ComfyUI at {without_password(url)} renders."


def _embedded(settings: Settings) -> Engine:
    from cozygen.engines.embedded.engine import EmbeddedEngine

    return EmbeddedEngine(
        settings.inputs,
        settings.outputs,
        temp_folder(settings),
        settings.models,
        follow_symlinks=settings.follow_symlinks,
        max_upload_size=settings.max_upload_mb * 2**20,
    )


def _comfyui(settings: Settings, url: str) -> Engine:
    from cozygen.engines.comfyui_http import ComfyUIEngine

    return ComfyUIEngine(url, output_dir=settings.outputs, input_dir=settings.inputs, temp_dir=temp_folder(settings))


def temp_folder(settings: Settings) -> Path:
    """Where preview pictures are kept until the next start."""
    return settings.data_dir / "temp"


def build_services(settings: Settings, engine: Engine) -> Services:
    """Wire the services together; nothing is opened or started yet."""
    database = Database(settings.data_dir / "cozygen.db")
    documents = DocumentStore(settings.data_dir / "documents")
    bus = EventBus()
    media = MediaPool()
    thumbnails = ThumbnailStore(settings.data_dir / "thumbnails", media)
    tag_service = TagService(settings.data_dir / "tags", settings.tags_file)
    galleries = build_galleries(settings, database, bus)
    temp = Root(temp_folder(settings), follow_symlinks=False)
    ancestry = Lineage(galleries, temp, database)
    looker = Looker(galleries, media)
    thumbnails.on_looks = looker.note
    return Services(
        settings=settings,
        database=database,
        documents=documents,
        engine=engine,
        bus=bus,
        jobs=JobService(database, engine, bus, on_queued=ancestry.record),
        workflows=WorkflowService(settings.workflows, documents),
        presets=PresetService(documents),
        wildcards=WildcardFolder(settings.data_dir / "wildcards"),
        user_state=UserState(database),
        sign_in=_sign_in(settings),
        tags=tag_service,
        tag_update=BackgroundUpdate(tag_service, lambda state: _tell_tags(bus, state)),
        sockets=SocketHub(),
        media=media,
        thumbs=thumbnails,
        ahead=Ahead(thumbnails),
        models=ModelLibrary(settings.models),
        galleries=galleries,
        curator=Curator(galleries, database),
        organisers={gallery.name: Organiser(gallery, database) for gallery in galleries},
        downloads=Downloads(),
        outputs=galleries.output.root,
        inputs=galleries.get(INPUT).root,
        lineage=ancestry,
        looker=looker,
        temp=temp,
    )


def build_galleries(
    settings: Settings, database: Database, bus: EventBus | None = None, *, names: Collection[str] | None = None
) -> Galleries:
    """A gallery for each library, or for those of `names`; nothing is opened yet. Changes are told on `bus`."""

    def build(name: str, folder: Path) -> Gallery:
        about = {} if name == OUTPUT else {"root": name}

        def tell(subfolder: str, mtime: float) -> None:
            if bus is not None:
                bus.publish("gallery", {"subfolder": subfolder, "mtime": mtime, **about})

        return Gallery(
            Root(folder, follow_symlinks=settings.follow_symlinks),
            settings.data_dir,
            name=name,
            trash_days=settings.trash_days,
            on_change=tell,
            database=database,
        )

    return Galleries(
        [build(name, folder) for name, folder in settings.libraries.items() if names is None or name in names]
    )


def _tell_tags(bus: EventBus, state: UpdateState) -> None:
    bus.publish("tags", vars(state), keep=not state.running)


def _sign_in(settings: Settings) -> SignIn:
    if not settings.auth_user or settings.auth_pass is None:
        return SignIn(None, None)
    given = settings.auth_secret.get_secret_value().encode() if settings.auth_secret else b""
    key = given or signing_key(settings.data_dir / "auth_secret")
    return SignIn(settings.auth_user, settings.auth_pass.get_secret_value(), key=key, ttl=settings.auth_ttl)


def build_app(settings: Settings, engine: Engine) -> web.Application:
    """The studio as an aiohttp application. Services start with the application."""
    app = web.Application(middlewares=[log_middleware, errors_middleware, auth.auth_middleware], client_max_size=0)
    app[SERVICES] = build_services(settings, engine)
    app[openapi.DOCUMENT] = openapi.built_once(SECTIONS)
    for section in SECTIONS:
        for endpoint in section.endpoints:
            for path in map(_any_name, endpoint.paths):
                if endpoint.method == "GET":
                    app.router.add_get(path, endpoint.respond)
                else:
                    app.router.add_route(endpoint.method, path, endpoint.respond)
    app.cleanup_ctx.append(_run)
    app.on_shutdown.append(_shutdown)
    return app


def _any_name(path: str) -> str:
    """A route whose parameters take every name: by itself ``{name}`` refuses braces, which file names may have."""
    return re.sub(r"\{(\w+)\}", r"{\1:[^/]+}", path)


async def _run(app: web.Application) -> AsyncIterator[None]:
    services = app[SERVICES]
    lock = FileLock(services.settings.data_dir / "studio.lock", timeout=0)
    await asyncio.to_thread(_prepare, services, lock)
    services.jobs.listen(services.sockets.on_event)
    await services.jobs.start()
    await _recover(services)
    await services.galleries.start()
    services.looker.start()
    background = [asyncio.create_task(_seed_example(services)), asyncio.create_task(_make_ahead(services))]
    try:
        yield
    finally:
        for task in background:
            task.cancel()
        await asyncio.gather(*background, return_exceptions=True)
        await services.ahead.close()
        await services.looker.close()
        await services.tag_update.close()
        await services.jobs.close()
        await services.galleries.close()
        await services.media.close()
        await asyncio.to_thread(services.database.close)
        lock.release()


async def _recover(services: Services) -> None:
    """Finish the moves that a crash interrupted. A disk that does not answer keeps nobody waiting: it has to wait."""
    await services.curator.tidy()
    for name, organiser in services.organisers.items():
        try:
            async with asyncio.timeout(None if name == OUTPUT else _RECOVERY_SECONDS):
                await organiser.recover()
        except TimeoutError:
            log.warning("the library %s does not answer: what was interrupted there has to wait", name)


def _prepare(services: Services, lock: FileLock) -> None:
    """Create the folders, take the data folder for ourselves, open the database."""
    settings = services.settings
    for folder in (settings.data_dir, settings.outputs, settings.inputs, temp_folder(settings)):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire()
    except Timeout:
        raise DataFolderInUseError(
            f"Another studio is running on {settings.data_dir}. Stop it, or give this one its own --data-dir."
        ) from None
    try:
        for leftover in (settings.inputs.glob(".upload-*"), temp_folder(settings).iterdir()):
            for path in leftover:
                if path.is_file():
                    path.unlink(missing_ok=True)
        _open_database(services.database)
        names = services.workflows.seed(starters_folder())
    except BaseException:
        lock.release()
        raise
    if names:
        log.info("starter workflows: %s", ", ".join(names))


def _open_database(database: Database) -> None:
    from sqlalchemy.exc import DatabaseError

    try:
        database.open()
    except (sqlite3.DatabaseError, DatabaseError, DatabaseTooNewError) as error:
        reason = str(error.orig) if isinstance(error, DatabaseError) else str(error)
        raise DataFolderDamagedError(
            f"The database {database.path} cannot be opened: {reason}. Put a backup in its place, or move it away to "
            "start with an empty one; pictures and workflows are not in it."
        ) from error


async def _make_ahead(services: Services) -> None:
    """Have thumbnails made of what comes into the output folder."""
    arrivals = Arrivals(services.galleries.output)
    await arrivals.begin()
    async with services.bus.listen() as listener:
        while True:
            notice = await listener.next()
            if notice.name == "gallery" and "root" not in notice.data:
                try:
                    services.ahead.add(await arrivals.new())
                except (sqlite3.Error, OSError) as error:
                    log.info("thumbnails of what is new have to wait: %s", error)


async def _seed_example(services: Services) -> None:
    """Give the image workflows something to start from, once, on a fresh input folder."""
    target = services.settings.inputs / EXAMPLE_IMAGE
    marker = services.settings.data_dir / ".example-written"

    if await asyncio.to_thread(lambda: marker.exists() or target.exists()):
        return
    try:
        picture = await _paint_example()
        await asyncio.to_thread(atomic_write, target, picture)
        await asyncio.to_thread(atomic_write, marker, b"")
    except (OSError, RuntimeError) as error:
        log.warning("no example picture: %s", error)


async def _paint_example() -> bytes:
    """The example picture, painted in a process of its own: it takes a second of pure computing."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cozygen.engines.embedded.painter", stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL
    )
    try:
        picture, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    if process.returncode != 0 or not picture:
        raise RuntimeError(f"the painter ended with {process.returncode}")
    return picture


async def _shutdown(app: web.Application) -> None:
    """End the streams, which would keep the server open otherwise."""
    services = app[SERVICES]
    services.closing.set()
    await services.sockets.close()


async def serve(settings: Settings, *, ready: Callable[[str, str], None]) -> None:
    """Run the studio until it is told to stop. `ready` gets its URL and a sentence about the engine.

    Raises `OSError` when the address is taken or a folder cannot be used, `DataFolderInUseError` and
    `DataFolderDamagedError`.
    """
    stopped = _stop_signal()
    engine, chosen = await choose_engine(settings)
    runner = web.AppRunner(
        build_app(settings, engine), access_log=None, handle_signals=False, shutdown_timeout=5.0, **HTTP_LIMITS
    )
    try:
        await runner.setup()
        site = web.TCPSite(runner, settings.host, settings.port)
        await site.start()
        address = runner.addresses[0]
        host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host
        shown = f"[{host}]" if ":" in host else host
        ready(f"http://{shown}:{address[1]}/cozygen/", chosen)
        await stopped.wait()
    finally:
        await runner.cleanup()


def _stop_signal() -> asyncio.Event:
    """Set once the studio is told to stop, also while it still starts."""
    import signal

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        with suppress(NotImplementedError):  # Windows: asyncio.run turns Ctrl+C into KeyboardInterrupt itself
            loop.add_signal_handler(number, stopped.set)
    return stopped
