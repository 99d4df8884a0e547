from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cozygen.media.files import Version
from cozygen.media.kinds import media_kind
from cozygen.media.pool import DecoderFailed, Encoding, MediaPool, MediaUnavailable, Picture
from cozygen.media.sniff import NoPicture, Undecodable
from cozygen.media.thumbs import ThumbnailStore
from tests.media import samples
from tests.media.samples import encoded, photo, write

JPEG = b"\xff\xd8"


class CountingPool(MediaPool):
    """Makes pictures of the files' own bytes, and counts."""

    def __init__(self) -> None:
        super().__init__(1)
        self.made: list[tuple[str, int, str]] = []
        self.drawn: list[tuple[str, str]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.cancelled = 0
        self.meanwhile: Callable[[Path], object] = lambda path: None

    async def picture(self, path: Path, box: int, encoding: Encoding, **_: Any) -> Picture:
        self.made.append((path.name, box, encoding))
        try:
            await self.gate.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        self.meanwhile(path)
        content = path.read_bytes()
        for word, error in (
            (b"bad", Undecodable),
            (b"sound", NoPicture),
            (b"killer", DecoderFailed),
            (b"down", MediaUnavailable),
        ):
            if content == word:
                raise error(word.decode())
        return Picture(JPEG + content + str(box).encode(), encoding, Version.of(path.stat()))

    async def placeholder(self, subject: str, label: str, box: int, encoding: Encoding = "jpeg") -> bytes:
        self.drawn.append((subject, label))
        return JPEG + f"{subject} {label}".encode()


@pytest.fixture
async def media() -> AsyncIterator[CountingPool]:
    pool = CountingPool()
    yield pool
    await pool.close()


@pytest.fixture
def store(tmp_path: Path, media: CountingPool) -> ThumbnailStore:
    return ThumbnailStore(tmp_path / "cache", media)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "files").mkdir()
    return tmp_path / "files"


def old(path: Path) -> Path:
    """Nobody is writing it any more."""
    os.utime(path, ns=(10**18, 10**18))
    return path


async def test_a_thumbnail_is_made_once(
    store: ThumbnailStore, media: CountingPool, folder: Path, tmp_path: Path
) -> None:
    path = write(folder / "a.png", b"one")
    first = await store.get(path, 96)
    assert (first.data, first.content_type, first.settled) == (JPEG + b"one96", "image/jpeg", True)
    assert await store.get(path, 96) == first
    assert store.known(path, 96, "jpeg", path.stat()) == first
    again = ThumbnailStore(tmp_path / "cache", media)
    assert again.known(path, 96, "jpeg", path.stat()) is None
    assert await again.get(path, 96) == first
    assert len(media.made) == 1


async def test_each_size_and_encoding_is_its_own(store: ThumbnailStore, media: CountingPool, folder: Path) -> None:
    path = write(folder / "a.png", b"one")
    tags = {(await store.get(path, width, kind)).etag for width in (96, 97) for kind in ("jpeg", "webp")}
    assert len(tags) == len(media.made) == 4
    assert store.etag(path.stat(), 96, "webp") in tags


async def test_renaming_and_moving_cost_nothing(store: ThumbnailStore, media: CountingPool, folder: Path) -> None:
    path = write(folder / "a.png", b"one")
    first = await store.get(path, 96)
    (folder / "deep").mkdir()
    moved = path.rename(folder / "deep" / "b.png")
    assert await store.get(moved, 96) == first
    assert len(media.made) == 1


async def test_files_that_differ_in_their_extension_alone(store: ThumbnailStore, folder: Path) -> None:
    one, other = old(write(folder / "a.png", b"one")), old(write(folder / "a.jpg", b"two"))
    assert (await store.get(one, 96)).data != (await store.get(other, 96)).data


async def test_a_change_shows_at_once(store: ThumbnailStore, folder: Path) -> None:
    path = old(write(folder / "a.png", b"one"))
    first = await store.get(path, 96)
    path.write_bytes(b"two")
    second = await store.get(path, 96)
    assert (second.data, second.etag == first.etag) == (JPEG + b"two96", False)
    old(path)
    assert (await store.get(path, 96)).data == JPEG + b"two96", "even when it has the time and size of the first"


async def test_a_change_while_it_is_made_is_not_kept_under_the_old_state(
    store: ThumbnailStore, media: CountingPool, folder: Path
) -> None:
    path = old(write(folder / "a.png", b"one"))

    def change(path: Path) -> None:
        path.write_bytes(b"longer")
        media.meanwhile = lambda path: None

    media.meanwhile = change
    first = await store.get(path, 96)
    assert first.data == JPEG + b"longer96"
    assert first.etag == store.etag(path.stat(), 96, "jpeg")
    path.write_bytes(b"one")
    assert (await store.get(old(path), 96)).data == JPEG + b"one96"


async def test_many_who_want_the_same_share_it(store: ThumbnailStore, media: CountingPool, folder: Path) -> None:
    path = write(folder / "a.png", b"one")
    media.gate.clear()
    tasks = [asyncio.create_task(store.get(path, 96)) for _ in range(5)]
    await _until(lambda: media.made)
    tasks[0].cancel()
    media.gate.set()
    assert len(set(await asyncio.gather(*tasks[1:]))) == 1
    assert (len(media.made), media.cancelled) == (1, 0)


async def test_when_all_have_left_it_is_not_made(store: ThumbnailStore, media: CountingPool, folder: Path) -> None:
    path = write(folder / "a.png", b"one")
    media.gate.clear()
    tasks = [asyncio.create_task(store.get(path, 96)) for _ in range(2)]
    await _until(lambda: media.made)
    for task in tasks:
        task.cancel()
    await asyncio.sleep(0)
    late = asyncio.create_task(store.get(path, 96))
    await _until(lambda: len(media.made) == 2)
    media.gate.set()
    assert (await late).data == JPEG + b"one96"
    assert media.cancelled == 1


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.005)


async def test_sound_has_a_placeholder_for_good(store: ThumbnailStore, media: CountingPool, folder: Path) -> None:
    path = write(folder / "a.mp3", b"sound")
    made = await store.get(path, 96)
    assert (made.data, made.settled) == (JPEG + b"audio mp3", True)
    assert made.etag == store.etag(path.stat(), 96, "jpeg")
    assert await store.get(path, 96) == made
    assert len(media.made) == 1
    await store.get(write(folder / "b.mp3", b"sound"), 96)
    assert len(media.drawn) == 1, "drawn once for all"


@pytest.mark.parametrize("name", ["a.png", "a.webm", "a.flac", "a.txt", "a"])
async def test_the_unreadable_has_a_placeholder(
    store: ThumbnailStore, media: CountingPool, folder: Path, name: str
) -> None:
    path = old(write(folder / name, b"bad"))
    made = await store.get(path, 96)
    assert media.drawn == [(media_kind(name) or "file", name.partition(".")[2])]
    assert made.settled
    assert made.etag != store.etag(path.stat(), 96, "jpeg"), "the picture that it may become has another tag"
    assert await store.get(path, 96) == made
    assert len(media.made) == 1


async def test_a_file_that_is_being_written_is_looked_at_again(
    store: ThumbnailStore, media: CountingPool, folder: Path
) -> None:
    path = write(folder / "a.png", b"bad")
    assert not (await store.get(path, 96)).settled
    path.write_bytes(b"complete")
    made = await store.get(path, 96)
    assert (made.data, made.settled) == (JPEG + b"complete96", True)


async def test_what_a_worker_died_of_is_not_remembered_here(
    store: ThumbnailStore, media: CountingPool, folder: Path
) -> None:
    path = old(write(folder / "a.png", b"killer"))
    for _ in range(2):
        made = await store.get(path, 96)
        assert not made.settled
    assert len(media.made) == 2


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to the superuser")
async def test_a_file_that_must_not_be_read_has_a_placeholder(store: ThumbnailStore, folder: Path) -> None:
    path = old(write(folder / "a.png", b"one"))
    path.chmod(0)
    assert (await store.get(path, 96)).data == JPEG + b"image png"


async def test_what_is_not_there_raises(store: ThumbnailStore, media: CountingPool, folder: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await store.get(folder / "absent.png", 96)
    with pytest.raises(IsADirectoryError):
        await store.get(folder, 96)
    path = write(folder / "a.png", b"one")
    status = path.stat()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        await store.get(path, 96, status=status)
    if hasattr(os, "mkfifo"):
        os.mkfifo(folder / "pipe.png")
        with pytest.raises(FileNotFoundError):
            await store.get(folder / "pipe.png", 96)
    with pytest.raises(MediaUnavailable):
        await store.get(write(folder / "b.png", b"down"), 96)


async def test_clearing_forgets_everything(store: ThumbnailStore, media: CountingPool, folder: Path) -> None:
    paths = [write(folder / f"{number}.png", str(number).encode()) for number in range(3)]
    for path in paths:
        await store.get(path, 96)
    assert await asyncio.to_thread(store.clear) == 3
    assert store.clear() == 0
    for path in paths:
        assert (await store.get(path, 96)).data.startswith(JPEG)
    assert len(media.made) == 6


async def test_clearing_while_thumbnails_are_made(store: ThumbnailStore, media: CountingPool, folder: Path) -> None:
    paths = [write(folder / f"{number}.png", str(number).encode()) for number in range(30)]
    tasks = [asyncio.create_task(store.get(path, 96)) for path in paths for _ in range(2)]
    for _ in range(10):
        await asyncio.to_thread(store.clear)
    for path, made in zip((path for path in paths for _ in range(2)), await asyncio.gather(*tasks), strict=True):
        assert made.data == JPEG + path.read_bytes() + b"96"


async def test_memory_and_disk_are_bounded(tmp_path: Path, media: CountingPool, folder: Path) -> None:
    store = ThumbnailStore(tmp_path / "cache", media, max_bytes=5000, memory_bytes=5000)
    for number in range(40):
        path = write(folder / f"{number}.png", bytes(1000) + str(number).encode())
        await store.get(path, 96)
    assert sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*") if file.is_file()) <= 5000
    known = [
        store.known(folder / f"{number}.png", 96, "jpeg", (folder / f"{number}.png").stat()) for number in range(40)
    ]
    assert [bool(entry) for entry in known] == [False] * 38 + [True] * 2


async def test_an_analysis_leaves_the_thumbnail_behind(tmp_path: Path, folder: Path) -> None:
    path = write(folder / "a.png", encoded(photo(), "PNG"))
    pool = MediaPool(1)
    try:
        store = ThumbnailStore(tmp_path / "cache", pool)
        analysis = await store.analyse(path, 96)
        assert (analysis.probe.width, analysis.probe.height) == (320, 240)
        assert analysis.thumbnail is not None
        song = write(folder / "b.wav", samples.sound("wav", "pcm_s16le", seconds=0.1))
        assert (await store.analyse(song, 96)).probe.kind == "audio"
    finally:
        await pool.close()
    made = await store.get(path, 96)
    assert made.data == analysis.thumbnail.data, "the pool is closed; it came from the disk"
    with Image.open(io.BytesIO(made.data)) as picture:
        assert picture.size == (96, 72)


async def test_times_before_the_epoch_and_in_the_future(store: ThumbnailStore, folder: Path) -> None:
    path = write(folder / "a.png", b"one")
    for seconds in (-(10**6), time.time() + 10**8):
        os.utime(path, (seconds, seconds))
        assert (await store.get(path, 96)).etag.startswith('W/"')


async def test_who_waits_does_not_wait_for_the_background(
    store: ThumbnailStore, media: CountingPool, folder: Path
) -> None:
    path = old(write(folder / "a.png", b"picture"))
    media.gate.clear()
    ahead = asyncio.create_task(store.get(path, 96, background=True))
    await _made(media, 1)
    mine = asyncio.create_task(store.get(path, 96))
    await _made(media, 2)  # the pool has both made as one, and sooner
    later = asyncio.create_task(store.get(path, 96, background=True))
    await asyncio.sleep(0.05)
    assert len(media.made) == 2
    media.gate.set()
    assert (await ahead).data == (await mine).data == (await later).data
    assert await store.get(path, 96, background=True) == await mine
    assert len(media.made) == 2


async def _made(media: CountingPool, count: int) -> None:
    async with asyncio.timeout(60):
        while len(media.made) < count:
            await asyncio.sleep(0.01)
