"""Settings: further libraries of the gallery, by their names."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cozygen.settings import Settings, library_pair


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine that the tests run on."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("COZYGEN_")]:
        monkeypatch.delenv(name)


def libraries(value: Any) -> dict[str, Path]:
    return Settings(_env_file=None, library_dirs=value).library_dirs


def test_there_are_none_unless_configured(tmp_path: Path) -> None:
    settings = Settings(_env_file=None, data_dir=tmp_path)
    assert settings.library_dirs == {}
    assert settings.libraries == {"output": tmp_path / "output", "input": tmp_path / "input"}


@pytest.mark.parametrize("value", ["a=/x y{}b-2=rel/z", '{{"a": "/x y", "b-2": "rel/z"}}', "a=/x y{}{} b-2 = rel/z {}"])
@pytest.mark.parametrize("from_file", [False, True])
def test_they_come_from_the_environment_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str, from_file: bool
) -> None:
    text = value.replace("{}", os.pathsep).replace("{{", "{").replace("}}", "}")
    if from_file:
        (tmp_path / ".env").write_text(f"COZYGEN_LIBRARY_DIRS='{text}'\n")
    else:
        monkeypatch.setenv("COZYGEN_LIBRARY_DIRS", text)
    settings = Settings()
    assert settings.library_dirs == {"a": Path("/x y").absolute(), "b-2": tmp_path / "rel/z"}
    assert list(settings.libraries) == ["output", "input", "a", "b-2"]


def test_the_home_folder_is_understood(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert libraries("pics=~/Pictures") == {"pics": tmp_path / "Pictures"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("/x", "is not name=path"),
        ("a=", "is not name=path"),
        ("A=/x", "is no name of a library"),
        ("a b=/x", "is no name of a library"),
        ("ä=/x", "is no name of a library"),
        ("a\n=/x\n", ""),
        ("../a=/x", "is no name of a library"),
        ("=/x", "is no name of a library"),
        (f"{'a' * 33}=/x", "is no name of a library"),
        ("output=/x", "cannot be called output"),
        ("input=/x", "cannot be called input"),
        ("temp=/x", "cannot be called temp"),
        ("directory=/x", "cannot be called directory"),
        (os.pathsep.join(["a=/x", "a=/y"]), "a is named twice"),
        ('{"a": "/x", "a": "/y"}', "a is named twice"),
        ('{"a": "/x"', "is not valid JSON"),
        ('{"a": 1}', "path"),
        ('{"a": ""}', "needs the path of a folder"),
        ('{"a": "/x\\u0000"}', "needs the path of a folder"),
        ({"a\n": Path("/x")}, "is no name of a library"),
        ([1], "dict"),
    ],
)
def test_what_is_none_is_named(value: Any, said: str) -> None:
    if not said:
        assert libraries(value) == {"a": Path("/x").absolute()}
        return
    with pytest.raises(ValidationError, match=said) as caught:
        libraries(value)
    assert caught.value.errors()[0]["loc"][0] == "library_dirs"


@given(st.text("abcxyz019_-", min_size=1, max_size=32), st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_a_pair_is_taken_apart_at_the_first_sign(name: str, path: str) -> None:
    if path.strip():
        assert library_pair(f"{name}={path}") == (name, path.strip())
    else:
        with pytest.raises(ValueError, match="name=path"):
            library_pair(f"{name}={path}")


@given(st.text())
def test_any_text_is_libraries_or_refused(text: str) -> None:
    try:
        found = libraries(text)
    except ValidationError:
        return
    assert all(path.is_absolute() for path in found.values())


def test_json_may_have_any_path() -> None:
    odd = f"/a{os.pathsep}b=c"
    assert libraries(json.dumps({"x": odd})) == {"x": Path(odd).absolute()}
