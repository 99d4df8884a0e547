"""The command line: `cozygen serve`, `doctor`, `tags`, `import-data`, `openapi`."""

from __future__ import annotations

import asyncio
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
            name = "_".join(str(part) for part in problem["loc"])
            option = f"--{name.replace('_', '-')} / COZYGEN_{name.upper()}"
            typer.echo(f"cozygen: {option}: {problem['msg'].removeprefix('Value error, ')}", err=True)
        raise typer.Exit(2) from None


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
    from cozygen.app import DataFolderInUseError
    from cozygen.app import serve as run
    from cozygen.logs import configure

    configure(settings.log_level, settings.log_format)

    def ready(url: str, chosen: str) -> None:
        typer.echo(f"CozyGen {__version__}  {chosen}")
        typer.echo(f"Open {url}   (Ctrl+C stops)")
        sys.stdout.flush()

    try:
        asyncio.run(run(settings, ready=ready))
    except KeyboardInterrupt:
        return
    except DataFolderInUseError as error:
        typer.echo(f"cozygen: {error}", err=True)
        raise typer.Exit(3) from None
    except OSError as error:
        logging.getLogger(__name__).debug("start failed", exc_info=True)
        typer.echo(f"cozygen: cannot start on {settings.host}:{settings.port}: {error.strerror or error}", err=True)
        typer.echo("Another program may use the port: try --port 0, or `cozygen doctor`.", err=True)
        raise typer.Exit(1) from None


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
