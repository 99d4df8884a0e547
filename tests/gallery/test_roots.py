"""Several libraries at once: choosing files of them, and one that does not answer."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cozygen.gallery import service
from cozygen.gallery.catalogue import Scope
from cozygen.gallery.query import parse
from cozygen.gallery.roots import Found, Galleries, Place, UnknownRoot
from cozygen.gallery.service import Gallery, Request, index_file, own_folders, trash_folder
from cozygen.storage.paths import Root

EVERYTHING = Scope("", recursive=True)


@pytest.fixture
async def galleries(tmp_path: Path) -> AsyncIterator[Galleries]:
    """`output` and `pics`, of which each has 1.png to 3.png; and `gone`, which has no folder."""
    for name in ("output", "pics"):
        (tmp_path / name / "a").mkdir(parents=True)
        for number in (1, 2, 3):
            (tmp_path / name / f"a/{number}.png").write_bytes(b"x")
    made = [Gallery(Root(tmp_path / name), tmp_path / "data", name=name) for name in ("output", "pics", "gone")]
    galleries = Galleries(made)
    await galleries.start()
    yield galleries
    await galleries.close()


async def test_files_are_chosen_in_the_order_in_which_they_are_named(galleries: Galleries) -> None:
    wanted = [
        Place("pics", "a", "2.png"),
        Place("output", "a", "1.png"),
        Place("pics", "a", "none.png"),
        Place("pics", "a/../a", "1.png"),
        Place("output", "a\\", "2.png"),
        Place("pics", "a", "2.png"),
        Place("gone", "a", "2.png"),
    ]
    gathered = await galleries.choose(wanted)
    assert [(file.gallery.name, file.row.name) for file in gathered.files] == [
        ("pics", "2.png"),
        ("output", "1.png"),
        ("pics", "1.png"),
        ("output", "2.png"),
    ]
    assert sorted(gathered.missing) == [Place("gone", "a", "2.png"), Place("pics", "a", "none.png")]
    assert [(gallery.name, numbers) for gallery, numbers in gathered.by_gallery()] == [
        ("pics", [0, 2]),
        ("output", [1, 3]),
    ]


async def test_files_are_found_in_one_library(galleries: Galleries) -> None:
    gathered = await galleries.choose(Found("pics", EVERYTHING, parse("name:2")))
    assert [(file.gallery.name, file.row.path) for file in gathered.files] == [("pics", "a/2.png")]


async def test_a_library_that_is_none(galleries: Galleries) -> None:
    with pytest.raises(UnknownRoot):
        galleries.get("nothing")
    with pytest.raises(UnknownRoot):
        await galleries.choose([Place("output", "a", "1.png"), Place("nothing", "a", "1.png")])
    with pytest.raises(UnknownRoot):
        await galleries.choose(Found("nothing", EVERYTHING, parse("")))


async def test_a_library_without_a_folder_waits_for_it(galleries: Galleries, tmp_path: Path) -> None:
    gone = galleries.get("gone")
    assert (await gone.reach()).available is False
    assert not (await gone.progress()).complete
    page = await gone.page(Request(EVERYTHING))
    assert (page.items, page.total) == ([], 0)
    (tmp_path / "gone").mkdir()
    (tmp_path / "gone/1.png").write_bytes(b"x")
    async with asyncio.timeout(30):
        while not (await gone.progress()).complete:
            await asyncio.sleep(0.02)
    assert [item.root for item in (await gone.page(Request(EVERYTHING))).items] == ["gone"]
    assert (await gone.reach()).available is True


async def test_a_disk_that_does_not_answer_keeps_nobody_else_waiting(
    galleries: Galleries, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever looks at the library `pics` waits, until the end of this test."""
    answer = threading.Event()
    looks = os.path.isdir

    def hanging(path: Path) -> bool:
        if Path(path) == tmp_path / "pics":
            answer.wait(60)
        return looks(path)

    monkeypatch.setattr(os.path, "isdir", hanging)
    try:
        pics = galleries.get("pics")
        monkeypatch.setattr(service, "_REACH_SECONDS", 0.05)
        assert (await pics.reach()).available is False
        monkeypatch.setattr(service, "_REACH_SECONDS", 30.0)
        waiting = [asyncio.create_task(pics.off_loop(lambda: answer.wait(60))) for _ in range(20)]
        assert (await galleries.output.reach()).available is True
        assert len((await galleries.output.page(Request(EVERYTHING))).items) == 3
        assert (await pics.progress_now()).files in (0, 3)
        assert not any(task.done() for task in waiting)
    finally:
        answer.set()
    await asyncio.gather(*waiting)


def test_each_library_has_files_of_its_own(tmp_path: Path) -> None:
    assert index_file(tmp_path, "output") == tmp_path / "index.db"
    assert index_file(tmp_path, "pics") == tmp_path / "index-pics.db"
    assert trash_folder(tmp_path, "output") == tmp_path / "trash"
    own = own_folders(Root(tmp_path.parent), tmp_path)
    relative = trash_folder(tmp_path, "pics").relative_to(tmp_path.parent).as_posix()
    assert any(relative.startswith(f"{folder}/") for folder in own)
