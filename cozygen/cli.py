"""The command line: `cozygen serve`, `doctor`, `index`, `dedupe`, `tags`, `import-data`, `openapi`."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from pydantic import ValidationError
from pydantic_settings import SettingsError

from cozygen import __version__
from cozygen.settings import Settings, library_pair, load_settings

if TYPE_CHECKING:
    from rich.progress import Progress

    from cozygen.dedupe import Report
    from cozygen.gallery.service import Gallery

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
_Libraries = Annotated[
    list[str] | None,
    typer.Option(
        "--library-dir",
        metavar="NAME=PATH",
        help="A further folder that the gallery shows; can be given several times.",
    ),
]
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
    except SettingsError as error:
        _fail(f"{error}", status=2)
    except ValidationError as error:
        for problem in error.errors(include_url=False, include_context=False, include_input=False):
            where = _where("_".join(str(part) for part in problem["loc"]), options)
            typer.echo(f"cozygen: {where}{problem['msg'].removeprefix('Value error, ')}", err=True)
        raise typer.Exit(2) from None


def _where(name: str, options: dict[str, Any]) -> str:
    """How a setting can be given: always in the environment, some as options."""
    if not name:
        return ""
    special = {"tags_url": "--url", "library_dirs": "--library-dir"}
    option = special.get(name, f"--{name.replace('_', '-')}")
    return f"{option} / COZYGEN_{name.upper()}: " if name in options else f"COZYGEN_{name.upper()}: "


def _libraries(given: list[str] | None) -> dict[str, str] | None:
    """The folders of ``--library-dir``, None without any; a wrong one ends the program."""
    found: dict[str, str] = {}
    for text in given or ():
        try:
            name, path = library_pair(text)
        except ValueError as error:
            _fail(f"--library-dir: {error}", status=2)
        if name in found:
            _fail(f"--library-dir: {name} is named twice", status=2)
        found[name] = path
    return found or None


@app.command()
def serve(
    host: _Host = None,
    port: _Port = None,
    engine: _Engine = None,
    output_dir: _Outputs = None,
    input_dir: _Inputs = None,
    library_dir: _Libraries = None,
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
        library_dirs=_libraries(library_dir),
        workflows_dir=workflows_dir,
        data_dir=data_dir,
        log_level=log_level,
    )
    from cozygen.allocator import economise
    from cozygen.app import DataFolderDamagedError, DataFolderInUseError
    from cozygen.app import serve as run
    from cozygen.logs import configure

    configure(settings.log_level, settings.log_format)
    economise()
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
    library_dir: _Libraries = None,
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
        library_dirs=_libraries(library_dir),
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
    root: Annotated[
        str | None, typer.Option(help="Only this library: output, input, or the name of another.  [default: all]")
    ] = None,
    output_dir: _Outputs = None,
    input_dir: _Inputs = None,
    library_dir: _Libraries = None,
    data_dir: _Data = None,
) -> None:
    """Index the gallery before the studio does. Interrupted, it goes on from there the next time."""
    settings = _settings(
        output_dir=output_dir, input_dir=input_dir, library_dirs=_libraries(library_dir), data_dir=data_dir
    )
    names = _roots(settings, root)
    if check:
        _check_indexes(settings, names)
        return
    from filelock import FileLock, Timeout

    for folder in (settings.data_dir, settings.outputs, settings.inputs):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(settings.data_dir / "studio.lock", timeout=0):
            asyncio.run(_index(settings, names))
    except Timeout:
        _fail(f"A studio is running on {settings.data_dir}; it keeps its index by itself.", status=3)
    except KeyboardInterrupt:
        _fail("stopped; the next time goes on from here", status=130)


def _roots(settings: Settings, wanted: str | None) -> list[str]:
    """The libraries to index, the output folder last: what is said of it is what most people want to see."""
    names = [*settings.library_dirs, "input", "output"]
    if wanted is None:
        return names
    if wanted not in names:
        _fail(f"--root: there is no library called {wanted}; there are {', '.join(names)}", status=2)
    return [wanted]


async def _index(settings: Settings, names: list[str]) -> None:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    from cozygen.app import build_galleries
    from cozygen.storage.database import Database

    database = Database(settings.data_dir / "cozygen.db")
    await asyncio.to_thread(database.open)
    galleries = build_galleries(settings, database, names=names)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    try:
        await galleries.start()
        with Progress(*columns, TimeRemainingColumn()) as bar:
            said = await asyncio.gather(*(_index_one(galleries.get(name), bar) for name in names))
        for text in said:
            typer.echo(text)
    finally:
        await galleries.close()
        await asyncio.to_thread(database.close)


async def _index_one(gallery: Gallery, bar: Progress) -> str:
    """Wait until a library is indexed: what there is to say."""
    if not (await gallery.reach()).available:
        return f"{gallery.name}: {gallery.root.folder} is not there; it is indexed once it is."
    about = _about(gallery.name)
    looking = bar.add_task(f"{about}folders", total=None)
    reading = bar.add_task(f"{about}files", total=None)
    while True:
        progress = await gallery.progress()
        bar.update(looking, completed=progress.folders, total=progress.folders if progress.complete else None)
        bar.update(reading, completed=progress.files - progress.unread, total=progress.files or None)
        if progress.complete and not progress.unread:
            return f"{about}{progress.files} files in {progress.folders} folders are indexed."
        await asyncio.sleep(0.1)


def _about(name: str) -> str:
    """How a line about a library begins; the output folder goes without saying."""
    return "" if name == "output" else f"{name}: "


def _check_indexes(settings: Settings, names: list[str]) -> None:
    """Compare the indexes with the disk. The program ends with status 1 when they differ."""
    agree = True
    for name in names:
        folder = settings.libraries[name]
        if name in settings.library_dirs and not folder.is_dir():
            typer.echo(f"{name}: {folder} is not there.")
            continue
        agree &= _check_index(settings, name, folder)
    if not agree:
        typer.echo("A running studio takes this in by itself; so does `cozygen index`.")
        raise typer.Exit(1)
    typer.echo("They agree.")


def _check_index(settings: Settings, name: str, folder: Path) -> bool:
    """Compare one index with the disk: whether they agree."""
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from cozygen.gallery.check import NoIndex, check
    from cozygen.gallery.service import index_file, own_folders
    from cozygen.storage.paths import Root

    root = Root(folder, follow_symlinks=settings.follow_symlinks)
    about = _about(name)
    columns = (TextColumn("{task.description}"), TextColumn("{task.completed} folders"), TimeElapsedColumn())
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("comparing", total=None)
        try:
            found = check(
                index_file(settings.data_dir, name),
                root,
                own_folders(root, settings.data_dir),
                lambda folders: bar.update(task, completed=folders),
                name=name,
            )
        except NoIndex as error:
            typer.echo(f"cozygen: {about}{error}", err=True)
            return False
    typer.echo(f"{about}{found.files} files in {found.folders} folders were compared with the index.")
    for text, paths in (
        ("not in the index", found.missing),
        ("in the index only", found.gone),
        ("changed since they were indexed", found.changed),
        ("folders that cannot be read", found.unreachable),
    ):
        if paths:
            typer.echo(f"{about}{text}: {len(paths)}")
            for path in paths[:20]:
                typer.echo(f"  {path or '.'}")
    if found.unread:
        typer.echo(f"{about}not read yet: {found.unread}")
    if found.damage:
        typer.echo(f"{about}the index is damaged: {found.damage}")
    return found.agree


@app.command()
def dedupe(
    distance: Annotated[
        int, typer.Option(help="Bits of 64 in which pictures that look alike differ at most.", min=0, max=10)
    ] = 6,
    trash: Annotated[
        bool, typer.Option("--trash", help="Move copies to the trash. Of each content the best file stays.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
    limit: Annotated[int, typer.Option(help="Groups that are shown, those first that waste most.", min=0)] = 20,
    root: Annotated[str, typer.Option(help="The library: output, input, or the name of another.")] = "output",
    output_dir: _Outputs = None,
    input_dir: _Inputs = None,
    library_dir: _Libraries = None,
    data_dir: _Data = None,
) -> None:
    """Say which files are copies of each other or look alike, and what could be freed.

    Every file is looked at once; interrupted, it goes on from there the next time. Of copies the favourite or best
    rated one is best, else one with tags, else the oldest. What only looks alike is never moved.
    """
    settings = _settings(
        output_dir=output_dir, input_dir=input_dir, library_dirs=_libraries(library_dir), data_dir=data_dir
    )
    _roots(settings, root)
    from filelock import FileLock, Timeout

    from cozygen.dedupe import NotThere
    from cozygen.media.pool import MediaUnavailable

    for folder in (settings.data_dir, settings.outputs, settings.inputs):
        folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(settings.data_dir / "studio.lock", timeout=0):
            report = asyncio.run(_dedupe(settings, root, distance, trash=trash, yes=yes))
    except Timeout:
        _fail(
            f"A studio is running on {settings.data_dir}: ask it for /cozygen/api/gallery/duplicates, or stop it.",
            status=3,
        )
    except NotThere as error:
        _fail(str(error))
    except MediaUnavailable as error:
        _fail(f"pictures cannot be decoded: {error}")
    except KeyboardInterrupt:
        _fail("stopped; the next time goes on from here", status=130)
    if as_json:
        typer.echo(json.dumps(report.as_json(), indent=2, ensure_ascii=False))
    else:
        for line in report.as_text(limit):
            typer.echo(line)
        if report.trashed is not None:
            typer.echo(f"{len(report.trashed)} copies were moved to the trash.")
    for problem in report.errors:
        typer.echo(f"cozygen: {problem}", err=True)
    if report.errors:
        raise typer.Exit(1)


async def _dedupe(settings: Settings, name: str, distance: int, *, trash: bool, yes: bool) -> Report:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from cozygen.dedupe import amount, opened, survey, trash_copies

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("files", total=None)

        def tell(what: str, done: int, total: int) -> None:
            bar.update(task, description=f"files {what}", completed=done, total=total or None)

        async with opened(settings, name, tell) as (gallery, looker):
            report = await survey(gallery, looker, distance)
            bar.stop()
            question = f"Move {len(report.copies)} copies ({amount(report.spare)}) to the trash?"
            if trash and report.copies and not yes:
                trash = await asyncio.to_thread(typer.confirm, question, err=True)
            if trash:
                await trash_copies(gallery, report)
            return report


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
