"""Every setting, once: name, type, default and what it is for.

Each is read from ``COZYGEN_<NAME>`` in the environment or in a ``.env`` file of the working directory, and the ones
that `cozygen serve` has as options can be given there; an option wins over the environment, which wins over ``.env``.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import platformdirs
from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_LIBRARY_NAME = re.compile(r"[a-z0-9_-]{1,32}")
_TAKEN_NAMES = ("output", "input", "temp", "directory")


class Settings(BaseSettings):
    """The studio's settings. Folders are absolute after construction; none is created here."""

    model_config = SettingsConfigDict(
        env_prefix="COZYGEN_", env_file=".env", extra="ignore", frozen=True, validate_default=True
    )

    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8787, ge=0, le=65535, description="Port to listen on; 0 picks a free one.")
    engine: str = Field(
        "auto",
        description="`auto` (a ComfyUI on 127.0.0.1:8188, else the embedded engine), `embedded`, or a ComfyUI URL.",
    )
    data_dir: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("cozygen", appauthor=False)),
        description="Database, documents, thumbnails, trash.",
    )
    output_dir: Path | None = Field(None, description="Where results are kept. Default: `output` in the data folder.")
    input_dir: Path | None = Field(None, description="Where inputs are kept. Default: `input` in the data folder.")
    library_dirs: Annotated[dict[str, Path], NoDecode] = Field(
        default_factory=dict,
        description="Further folders that the gallery shows, by their names: JSON, or `name=path` pairs separated as "
        "in PATH.",
    )
    workflows_dir: Path | None = Field(
        None, description="API-format workflows. Default: `workflows` in the data folder, filled with the starters."
    )
    models_dir: Path | None = Field(
        None,
        description="Model folders (checkpoints, loras, ...) whose files the embedded engine's forms offer. Default: "
        "`models` in the data folder.",
    )
    tags_file: Path | None = Field(
        None, description="Tag list (Markdown, CSV or JSON). Default: the one imported last, else the starter list."
    )
    tags_url: str = Field(
        "https://danbooru.donmai.us", pattern="^https?://", description="The Danbooru that tag lists are fetched from."
    )
    max_upload_mb: int = Field(512, ge=1, description="Largest upload in MiB.")
    trash_days: int = Field(30, ge=0, le=36_500, description="Days that deleted files are kept; 0 keeps them.")
    follow_symlinks: bool = Field(False, description="Follow symlinked folders inside the output and input folders.")
    auth_user: str | None = Field(None, description="User name; with auth_pass turns sign-in on.")
    auth_pass: SecretStr | None = Field(None, description="Password of auth_user.")
    auth_secret: SecretStr | None = Field(
        None, description="Key that signs tokens. Default: made once, kept in the data folder."
    )
    auth_ttl: int = Field(86400, ge=60, description="Seconds that a sign-in lasts.")
    log_level: str = Field("info", pattern="^(debug|info|warning|error)$", description="debug, info, warning or error.")
    log_format: str = Field("text", pattern="^(text|json)$", description="`text` or `json` lines.")

    @field_validator("data_dir", "output_dir", "input_dir", "workflows_dir", "models_dir", "tags_file", mode="after")
    @classmethod
    def _absolute(cls, value: Path | None) -> Path | None:
        return None if value is None else Path(value).expanduser().absolute()

    @field_validator("library_dirs", mode="before")
    @classmethod
    def _pairs(cls, value: Any) -> Any:
        return _libraries(value) if isinstance(value, str) else value

    @field_validator("library_dirs", mode="after")
    @classmethod
    def _named(cls, value: dict[str, Path]) -> dict[str, Path]:
        for name, folder in value.items():
            if not _LIBRARY_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name of a library: 1 to 32 of a-z, 0-9, _ and -")
            if name in _TAKEN_NAMES:
                raise ValueError(f"a library cannot be called {name}")
            if not folder.parts or "\0" in str(folder):
                raise ValueError(f"{name} needs the path of a folder")
        return {name: folder.expanduser().absolute() for name, folder in value.items()}

    @field_validator("engine")
    @classmethod
    def _engine(cls, value: str) -> str:
        if value in ("auto", "embedded"):
            return value
        try:
            parts = urlsplit(value)
            if parts.scheme in ("http", "https") and parts.hostname and (parts.port is None or parts.port > 0):
                return value.rstrip("/")
        except ValueError:
            pass
        raise ValueError("must be auto, embedded or an http(s) URL of a ComfyUI server")

    @model_validator(mode="after")
    def _both_credentials(self) -> Settings:
        if bool(self.auth_user) != bool(self.auth_pass and self.auth_pass.get_secret_value()):
            raise ValueError("auth_user and auth_pass belong together: set both, or neither")
        return self

    def _folder(self, given: Path | None, name: str) -> Path:
        return given if given is not None else self.data_dir / name

    @cached_property
    def outputs(self) -> Path:
        """The output folder in force."""
        return self._folder(self.output_dir, "output")

    @cached_property
    def inputs(self) -> Path:
        """The input folder in force."""
        return self._folder(self.input_dir, "input")

    @cached_property
    def libraries(self) -> dict[str, Path]:
        """The folders that the gallery shows, by the names of the libraries."""
        return {"output": self.outputs, "input": self.inputs, **self.library_dirs}

    @cached_property
    def workflows(self) -> Path:
        """The workflows folder in force."""
        return self._folder(self.workflows_dir, "workflows")

    @cached_property
    def models(self) -> Path:
        """The models folder in force."""
        return self._folder(self.models_dir, "models")


def _libraries(text: str) -> dict[str, Any]:
    """Names and paths, of a JSON object or of `name=path` pairs. Raises `ValueError`."""
    if text.lstrip().startswith("{"):
        try:
            return _unique(json.loads(text, object_pairs_hook=list))
        except json.JSONDecodeError as error:
            raise ValueError(f"is not valid JSON: {error}") from None
    return _unique(library_pair(part) for part in text.split(os.pathsep) if part.strip())


def _unique(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, path in pairs:
        if name in found:
            raise ValueError(f"{name} is named twice")
        if not isinstance(path, str):
            raise ValueError(f"{name} needs the path of a folder")
        found[name] = path
    return found


def library_pair(text: str) -> tuple[str, str]:
    """The name and the path of ``name=path``. Raises `ValueError`."""
    name, separator, path = text.partition("=")
    if not separator or not path.strip():
        raise ValueError(f"{text!r} is not name=path; a path with {os.pathsep} in it can be given as JSON")
    return name.strip(), path.strip()


def without_password(url: str) -> str:
    """An address that can be shown: without the user and the password in it."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def load_settings(**overrides: Any) -> Settings:
    """Settings from the environment and ``.env``, with `overrides` that are not None on top."""
    return Settings(**{key: value for key, value in overrides.items() if value is not None})
