"""The command line: `cozygen serve`, `doctor`, `index`, `tags`, `import-data`, `openapi`."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from pydantic import ValidationError

from cozygen import __version__
from cozygen.settings import Settings, load_settings

app = typer.Typer(
    help="CozyGen: a studio for people who make pictures and films with ComfyUI.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

_SWITCH_SECONDS = 0.001
"""How long a thread that computes may keep the event loop waiting; five times as long is Python's default."""

_COLLECT_AFTER = (5_000, 10, 100)
"""New objects before the youngest are looked through, and how often that before older ones are."""

_Host = Annotated[str | None, typer.Option(help="Address to listen on.  [default: 127.0.0.1]")]
_Port = Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.  [default: 8787]")]
_Engine = Annotated[str | None, typer.Option(help="auto, embedded, or the URL of a ComfyUI.  [default: auto]")]
_Outputs = Annotated[Path | None, typer.Option(help="Where results are kept.  [default: DATA_DIR/output]")]
_Inputs = Annotated[Path | None, typer.Option(help="Where inputs are kept.  [default: DATA_DIR/input]")]
_Workflows = Annotated[Path | None, typer.Option(help="API-format workflows.  [default: DATA_DIR/workflows]")]
_Data = Annotated[
    Path | None, typer.Option(help="Database, documents, thumbnails.  [default: the platform's data folder]")
]

tags = typer.Typer(help="The tag list: import one, fetch one, see which is in force.", no_args_is_help=True)
app.add_typer(tags, name="tags")


def main() -> None:
    """Entry point of the console script."""
    app()


@app.callback(invoke_without_command=False)
def _root() -> None:
    """Options common to all commands: none."""


def _settings(**options: Any) -> Settings:
    """Settings with command-line options on top; a wrong one ends the program with its name."""
    try:
        return load_settings(**options)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            where = _where("_".join(str(part) for part in problem["loc"]), options)
            typer.echo(f"cozygen: {where}{problem['msg'].removeprefix('Value error, ')}", err=True)
        raise typer.Exit(2) from None


def _where(name: str, options: dict[str, Any]) -> str:
    """How a setting can be given: always in the environment, some as options."""
    if not name:
        return ""
    option = "--url" if name == "tags_url" else f"--{name.replace('_', '-')}"
    return f"{option} / COZYGEN_{name.upper()}: " if name in options else f"COZYGEN_{name.upper()}: "


@app.command()
def serve(
    host: _Host = None,
    port: _Port = None,
    engine: _Engine = None,
    output_dir: _Outputs = None,
    input_dir: _Inputs = None,
    workflows_dir: _Workflows = None,
    data_dir: _Data = None,
    log_level: Annotated[str | None, typer.Option(help="debug, info, warning or error.")] = None,
) -> None:
    """Start the studio. Every option can be given as COZYGEN_<NAME> or in a .env file too."""
    settings = _settings(
        host=host,
        port=port,
        engine=engine,
        output_dir=output_dir,
        input_dir=input_dir,
        workflows_dir=workflows_dir,
        data_dir=data_dir,
        log_level=log_level,
    )
    from cozygen.app import DataFolderDamagedError, DataFolderInUseError
    from cozygen.app import serve as run
    from cozygen.logs import configure

    configure(settings.log_level, settings.log_format)
    sys.setswitchinterval(_SWITCH_SECONDS)

    def ready(url: str, chosen: str) -> None:
        typer.echo(f"CozyGen {__version__}  {chosen}")
        typer.echo(f"Open {url}   (Ctrl+C stops)")
        sys.stdout.flush()
        # The collector stops all threads, the event loop's too. What stays to the end is not to be looked through again
        # and again, nor all that there is whenever a long list of jobs is read.
        gc.freeze()
        gc.set_threshold(*_COLLECT_AFTER)

    try:
        asyncio.run(run(settings, ready=ready))
    except KeyboardInterrupt:
        return
    except DataFolderInUseError as error:
        _fail(str(error), status=3)
    except DataFolderDamagedError as error:
        _fail(str(error))
    except OSError as error:
        logging.getLogger(__name__).debug("start failed", exc_info=True)
        _fail(_why(error, settings))


def _why(error: OSError, settings: Settings) -> str:
    """Why the studio cannot start, and what to do about it."""
    reason = error.strerror or str(error)
    if error.filename is not None:
        return f"cannot use {error.filename}: {reason}. Choose another folder (see --help), or ask `cozygen doctor`."
    advice = "Is --host an address of this machine?"
    if error.errno in (errno.EADDRINUSE, errno.EACCES):
        advice = "Another program may use the port: try --port 0, or ask `cozygen doctor`."
    return f"cannot listen on {settings.host}:{settings.port}: {reason}. {advice}"


@app.command()
def doctor(
    engine: _Engine = None,
    output_dir: _Outputs = None,
    input_dir: _Inputs = None,
    workflows_dir: _Workflows = None,
    data_dir: _Data = None,
    host: _Host = None,
    port: _Port = None,
) -> None:
    """Say what was found (engine, folders, versions, media libraries) and what to do about each fault."""
    from cozygen.doctor import examine, report

    settings = _settings(
        host=host,
        port=port,
        engine=engine,
        output_dir=output_dir,
        input_dir=input_dir,
        workflows_dir=workflows_dir,
        data_dir=data_dir,
    )
    findings = asyncio.run(examine(settings))
    report(findings)
    if any(not finding.ok for finding in findings):
        raise typer.Exit(1)


@app.command()
def openapi() -> None:
    """Print the API as an OpenAPI 3.1 document."""
    from cozygen.app import SECTIONS
    from cozygen.web.openapi import build_document

    typer.echo(json.dumps(build_document(SECTIONS), indent=2, ensure_ascii=False))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@tags.command("import")
def tags_import(
    file: Annotated[Path, typer.Argument(help="Markdown, CSV or Danbooru's JSON.")], data_dir: _Data = None
) -> None:
    """Put a tag list in force. A running studio takes it up at once."""
    from cozygen.tags.model import TagFileError
    from cozygen.tags.service import TagService

    service = TagService(_settings(data_dir=data_dir).data_dir / "tags")
    try:
        loaded = service.import_file(file)
    except TagFileError as error:
        _fail(f"{file}: {error}")
    except OSError as error:
        _fail(f"{file}: {error.strerror or error}")
    typer.echo(f"{len(loaded.index)} tags imported from {file}.")


@tags.command("update")
def tags_update(
    min_posts: Annotated[int, typer.Option(help="Only tags with so many posts or more.", min=0)] = 20,
    pause: Annotated[float, typer.Option(help="Seconds between requests.", min=0.2)] = 1.0,
    url: Annotated[str | None, typer.Option(help="A Danbooru.  [default: https://danbooru.donmai.us]")] = None,
    data_dir: _Data = None,
) -> None:
    """Fetch the tag list from a Danbooru. Interrupted, it goes on from there the next time."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    from cozygen.tags import update
    from cozygen.tags.service import TagService

    settings = _settings(data_dir=data_dir, tags_url=url)
    service = TagService(settings.data_dir / "tags")
    options = update.Options(settings.tags_url, min_posts, pause)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}"), TimeElapsedColumn())
    with Progress(*columns) as bar:
        tasks = {phase: bar.add_task(phase, total=None) for phase in ("tags", "aliases")}
        try:
            loaded = asyncio.run(
                update.update(service, options, lambda p: bar.update(tasks[p.phase], completed=p.fetched))
            )
        except (update.UpdateError, update.UpdateRunningError) as error:
            _fail(str(error))
        except KeyboardInterrupt:
            _fail("stopped; the next update goes on from here", status=130)
    typer.echo(f"{len(loaded.index)} tags are in force.")


@tags.command("info")
def tags_info(data_dir: _Data = None) -> None:
    """Say which tag list is in force."""
    from cozygen.tags.service import TagService, TagsUnavailable

    settings = _settings(data_dir=data_dir)
    try:
        loaded = TagService(settings.data_dir / "tags", settings.tags_file).loaded()
    except TagsUnavailable as error:
        _fail(str(error))
    typer.echo(f"{len(loaded.index)} tags ({loaded.source.kind}: {loaded.source.name})")
    for category in loaded.index.overview():
        typer.echo(f"  {category.key}: {category.actual}")


@app.command()
def index(
    check: Annotated[
        bool, typer.Option("--check", help="Compare the index with the disk, and change nothing.")
    ] = False,
    output_dir: _Outputs = None,
    data_dir: _Data = None,
) -> None:
    """Index the gallery before the studio does. Interrupted, it goes on from there the next time."""
    settings = _settings(output_dir=output_dir, data_dir=data_dir)
    if check:
        _check_index(settings)
        return
    from filelock import FileLock, Timeout

    settings.data_dir.mkdir(parents=True, exist_ok=True)
    settings.outputs.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(settings.data_dir / "studio.lock", timeout=0):
            asyncio.run(_index(settings))
    except Timeout:
        _fail(f"A studio is running on {settings.data_dir}; it keeps its index by itself.", status=3)
    except KeyboardInterrupt:
        _fail("stopped; the next time goes on from here", status=130)


async def _index(settings: Settings) -> None:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from cozygen.gallery.service import Gallery
    from cozygen.storage.database import Database
    from cozygen.storage.paths import Root

    database = Database(settings.data_dir / "cozygen.db")
    await asyncio.to_thread(database.open)
    root = Root(settings.outputs, follow_symlinks=settings.follow_symlinks)
    gallery = Gallery(root, settings.data_dir, trash_days=settings.trash_days, database=database)
    await gallery.start()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        with Progress(*columns, TimeRemainingColumn()) as bar:
            looking = bar.add_task("folders", total=None)
            reading = bar.add_task("files", total=None)
            while True:
                progress = await gallery.progress()
                bar.update(looking, completed=progress.folders, total=progress.folders if progress.complete else None)
                bar.update(reading, completed=progress.files - progress.unread, total=progress.files or None)
                if progress.complete and not progress.unread:
                    break
                await asyncio.sleep(0.1)
        typer.echo(f"{progress.files} files in {progress.folders} folders are indexed.")
    finally:
        await gallery.close()
        await asyncio.to_thread(database.close)


def _check_index(settings: Settings) -> None:
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from cozygen.gallery.check import NoIndex, check
    from cozygen.gallery.service import own_folders
    from cozygen.storage.paths import Root

    root = Root(settings.outputs, follow_symlinks=settings.follow_symlinks)
    columns = (TextColumn("{task.description}"), TextColumn("{task.completed} folders"), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("comparing", total=None)
        try:
            found = check(
                settings.data_dir / "index.db",
                root,
                own_folders(root, settings.data_dir),
                lambda folders: bar.update(task, completed=folders),
            )
        except NoIndex as error:
            _fail(str(error))
    typer.echo(f"{found.files} files in {found.folders} folders were compared with the index.")
    for text, paths in (
        ("not in the index", found.missing),
        ("in the index only", found.gone),
        ("changed since they were indexed", found.changed),
        ("folders that cannot be read", found.unreachable),
    ):
        if paths:
            typer.echo(f"{text}: {len(paths)}")
            for path in paths[:20]:
                typer.echo(f"  {path}")
    if found.unread:
        typer.echo(f"not read yet: {found.unread}")
    if found.damage:
        typer.echo(f"the index is damaged: {found.damage}")
    if not found.agree:
        typer.echo("A running studio takes this in by itself; so does `cozygen index`.")
        raise typer.Exit(1)
    typer.echo("They agree.")


@app.command("import-data")
def import_data(
    folder: Annotated[Path, typer.Argument(help="The data folder of an earlier CozyGen.")],
    data_dir: _Data = None,
    workflows_dir: _Workflows = None,
) -> None:
    """Take over aliases, workflow types, presets, prompts and tags of an earlier CozyGen, again if need be."""
    from cozygen.importing import import_data as run

    settings = _settings(data_dir=data_dir, workflows_dir=workflows_dir)
    failed = found = False
    try:
        for result in run(folder, settings):
            found = True
            failed |= result.problem is not None
            typer.echo(f"{result.file}: {result.problem or f'{result.count} new'}", err=result.problem is not None)
    except FileNotFoundError:
        _fail(f"{folder} is no folder")
    if not found:
        _fail(f"nothing to import in {folder}")
    if failed:
        raise typer.Exit(1)


def _fail(message: str, *, status: int = 1) -> NoReturn:
    """End the program with a message."""
    typer.echo(f"cozygen: {message}", err=True)
    raise typer.Exit(status)
