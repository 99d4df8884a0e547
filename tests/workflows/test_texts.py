from __future__ import annotations

import random
from pathlib import Path

import pytest

from cozygen.prompts.aliases import Aliases
from cozygen.prompts.wildcards import WildcardError
from cozygen.workflows.texts import WildcardFolder, expander

ALIASES = Aliases.from_document({"hero": "a {tall|small} knight", "sky": "blue sky", "end": "__loop__"})


@pytest.fixture
def folder(tmp_path: Path) -> WildcardFolder:
    (tmp_path / "deep").mkdir()
    (tmp_path / "colour.txt").write_text("# a comment\nred\n\n  $sky$  \n", "utf-8")
    (tmp_path / "deep" / "Animal.TXT").write_bytes(b"\xef\xbb\xbfcat\r\ndog\r\n")
    (tmp_path / "deep" / "plant.txt").write_text("tree")
    (tmp_path / "loop.txt").write_text("__loop__")
    (tmp_path / ".hidden.txt").write_text("secret")
    (tmp_path / "notes.md").write_text("no")
    return WildcardFolder(tmp_path)


def outcomes(folder: WildcardFolder, text: str) -> set[str]:
    return {expander(ALIASES, folder.lines, random.Random(seed))(text) for seed in range(80)}


def test_names_and_lines(folder: WildcardFolder) -> None:
    assert folder.names() == ["colour", "deep/animal", "deep/plant", "loop"]
    assert folder.lines("COLOUR") == ["red", "$sky$"]
    assert folder.lines("deep/animal") == ["cat", "dog"]
    assert folder.lines("deep/*") == ["cat", "dog", "tree"]
    assert folder.lines("../secret") == folder.lines("nothing") == folder.lines(".hidden") == []


def test_a_file_that_changes_is_read_again(folder: WildcardFolder) -> None:
    assert folder.lines("deep/plant") == ["tree"]
    (folder.folder / "deep" / "plant.txt").write_text("flower and grass")
    assert folder.lines("deep/plant") == ["flower and grass"]


def test_no_folder_no_wildcards(tmp_path: Path) -> None:
    assert WildcardFolder(tmp_path / "none").names() == []


def test_wildcards_and_aliases_lead_to_each_other(folder: WildcardFolder) -> None:
    assert outcomes(folder, "$hero$, __colour__") == {
        f"a {size} knight, {colour}" for size in ("tall", "small") for colour in ("red", "blue sky")
    }
    assert outcomes(folder, "{$sky$|x::night}") == {"blue sky", "night"}
    assert outcomes(folder, "plain") == {"plain"}


def test_what_has_no_end_is_refused(folder: WildcardFolder) -> None:
    for text in ("__loop__", "$end$"):
        with pytest.raises(WildcardError):
            outcomes(folder, text)
