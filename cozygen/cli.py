"""The command line: `cozygen serve`, `doctor`, `openapi`."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

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
