from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from cozygen.media import looks, pool
from cozygen.media.files import Version
from cozygen.media.pool import DecoderFailed, MediaPool, MediaUnavailable
from cozygen.media.sniff import NoPicture, Undecodable
from tests.media import samples
from tests.media.samples import RED, encoded, film, photo, quarters, sound, write

FAKE = [sys.executable, str(Path(__file__).with_name("fake_worker.py"))]

MakePool = Callable[..., MediaPool]


@pytest.fixture
async def make() -> AsyncIterator[MakePool]:
    """Make pools; of fake workers unless `command` is None."""
    pools: list[MediaPool] = []

    def start(workers: int = 1, *, command: list[str] | None = FAKE, **options: Any) -> MediaPool:
        pools.append(MediaPool(workers, command=command, **options))
        return pools[-1]

    yield start
    for each in pools:
        await each.close()


def doings(folder: Path) -> list[list[str]]:
    """What the fake workers did: process, operation, file."""
    with suppress(FileNotFoundError):
        return [line.split() for line in (folder / "log").read_text().splitlines()]
    return []


def file(folder: Path, name: str) -> Path:
    return write(folder / name, b"x")


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


def alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    return True


async def test_real_workers_do_everything(make: MakePool, tmp_path: Path) -> None:
    media = make(2, command=None)
    picture = write(tmp_path / "a.png", encoded(photo(300, 200), "PNG", exif=samples.oriented(6)))
    clip = write(tmp_path / "b.bin", film([RED] * 8, sound=True))
    song = write(tmp_path / "c.png", sound("mp3", "libmp3lame"))
    junk = write(tmp_path / "d.png", b"junk")
    empty = write(tmp_path / "e.png", b"")

    assert [await media.verify(path) for path in (picture, clip, song, junk, empty)] == [
        "image",
        "video",
        "audio",
        None,
        None,
    ]
    probed = await media.probe(picture)
    assert (probed.kind, probed.codec, probed.width, probed.height, probed.animated) == (
        "image",
        "png",
        200,
        300,
        False,
    )
    assert probed.version == Version.of(picture.stat())
    assert (await media.probe(clip)).duration == pytest.approx(1.0, abs=0.1)
    assert (await media.probe(song)).width is None

    assert (await media.thumbnail(picture, 100)).startswith(b"\xff\xd8")
    assert (await media.thumbnail(picture, 100, "webp")).startswith(b"RIFF")
    assert (await media.picture(picture, 100, "avif")).encoding == "avif"
    small, large = [await media.thumbnail(picture, 100, quality=quality) for quality in (10, 95)]
    assert len(small) < len(large)
    with pytest.raises(NoPicture):
        await media.thumbnail(song, 100)
    for bad in (junk, empty):
        with pytest.raises(Undecodable):
            await media.thumbnail(bad, 100)
    assert (await media.placeholder("audio", "mp3", 96)).startswith(b"\xff\xd8")

    analysis = await media.analyse(picture, 100)
    assert analysis.probe == probed
    assert analysis.thumbnail == await media.picture(picture, 100, "jpeg", looks=True)
    assert (await media.picture(picture, 100, "jpeg")).looks is None
    unpictured = await media.analyse(picture, 100, None)
    assert unpictured.thumbnail is None and unpictured.looks == analysis.looks
    assert analysis.looks is not None
    turned = photo(300, 200).rotate(-90, expand=True)
    assert (analysis.looks.phash ^ looks.perceptual_hash(turned)).bit_count() <= 4
    assert analysis.looks.thumbhash
    assert (await media.analyse(clip, 100)).probe.kind == "video"
    sounded = await media.analyse(song, 100)
    assert sounded.thumbnail is None and sounded.looks is None


@pytest.mark.parametrize("operation", ["probe", "thumbnail", "verify", "analyse"])
async def test_files_that_cannot_be_opened(make: MakePool, tmp_path: Path, operation: str) -> None:
    media = make(command=None)
    extra = (96,) if operation in ("thumbnail", "analyse") else ()
    with pytest.raises(FileNotFoundError):
        await getattr(media, operation)(tmp_path / "absent.png", *extra)
    with pytest.raises(FileNotFoundError):
        await getattr(media, operation)(tmp_path, *extra)


async def test_a_worker_is_killed_in_the_middle_and_the_request_is_tried_again(make: MakePool, tmp_path: Path) -> None:
    media = make()
    task = asyncio.create_task(media.probe(file(tmp_path, "wait")))
    await until(lambda: doings(tmp_path))
    first = doings(tmp_path)[0][0]
    os.kill(int(first), signal.SIGKILL)
    await until(lambda: len(doings(tmp_path)) == 2)
    file(tmp_path, "go")
    assert (await task).kind == "image"
    assert doings(tmp_path)[1][0] != first


async def test_a_file_that_breaks_two_workers_is_refused_until_it_changes(
    make: MakePool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    media = make()
    path = file(tmp_path, "crash")
    with pytest.raises(DecoderFailed):
        await media.probe(path)
    assert "it hurts" in caplog.text
    assert len(doings(tmp_path)) == 2
    for _ in range(3):
        with pytest.raises(DecoderFailed):
            await media.thumbnail(path, 96)
    assert await media.verify(path) is None
    assert len(doings(tmp_path)) == 2, "no worker saw it again"
    assert (await media.probe(file(tmp_path, "fine"))).kind == "image"
    path.write_bytes(b"changed")
    with pytest.raises(DecoderFailed):
        await media.probe(path)
    assert len(doings(tmp_path)) == 5


async def test_a_file_is_not_refused_for_ever(make: MakePool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    media = make()
    path = file(tmp_path, "crash")
    monkeypatch.setattr(pool, "_REFUSED_SECONDS", 0.0)
    for expected in (2, 4):
        with pytest.raises(DecoderFailed):
            await media.probe(path)
        assert len(doings(tmp_path)) == expected


async def test_a_worker_that_dies_once_costs_nothing(make: MakePool, tmp_path: Path) -> None:
    assert await make().thumbnail(file(tmp_path, "once"), 96) == b"once"


async def test_a_worker_that_hangs_is_killed_and_replaced(make: MakePool, tmp_path: Path) -> None:
    media = make(seconds=0.3)
    path = file(tmp_path, "hang")
    with pytest.raises(DecoderFailed, match="seconds"):
        await media.probe(path)
    assert len(doings(tmp_path)) == 1, "what takes too long is not tried again"
    assert not alive(doings(tmp_path)[0][0])
    with pytest.raises(DecoderFailed):
        await media.probe(path)
    assert len(doings(tmp_path)) == 1
    assert (await media.probe(file(tmp_path, "fine"))).kind == "image"


async def test_a_worker_that_talks_nonsense_is_killed(make: MakePool, tmp_path: Path) -> None:
    media = make()
    with pytest.raises(DecoderFailed):
        await media.probe(file(tmp_path, "nonsense"))
    assert not any(alive(pid) for pid, _, _ in doings(tmp_path))


async def test_equal_requests_share_one_decoding(make: MakePool, tmp_path: Path) -> None:
    media = make()
    path = file(tmp_path, "wait")
    tasks = [asyncio.create_task(media.thumbnail(path, 96)) for _ in range(5)]
    other = asyncio.create_task(media.thumbnail(path, 97))
    await until(lambda: doings(tmp_path))
    tasks.append(asyncio.create_task(media.thumbnail(path, 96)))
    tasks[0].cancel()
    file(tmp_path, "go")
    assert await asyncio.gather(*tasks[1:], other) == [b"wait"] * 6
    assert len(doings(tmp_path)) == 2


async def test_who_waits_goes_before_the_background(make: MakePool, tmp_path: Path) -> None:
    media = make()
    first = asyncio.create_task(media.probe(file(tmp_path, "wait")))
    await until(lambda: doings(tmp_path))
    later = [
        asyncio.create_task(media.probe(file(tmp_path, "low1"), background=True)),
        asyncio.create_task(media.probe(file(tmp_path, "low2"), background=True)),
        asyncio.create_task(media.probe(file(tmp_path, "high1"))),
        asyncio.create_task(media.probe(file(tmp_path, "high2"))),
    ]
    await asyncio.sleep(0)
    later.append(asyncio.create_task(media.probe(tmp_path / "low2")))  # somebody has scrolled there
    await asyncio.sleep(0)
    file(tmp_path, "go")
    await asyncio.gather(first, *later)
    assert [name for _, _, name in doings(tmp_path)] == ["wait", "high1", "high2", "low2", "low1"]


async def test_workers_are_spared_for_who_waits(make: MakePool, tmp_path: Path) -> None:
    media = make(3)
    assert media.spare == 2 and make(1).spare == 1
    behind = asyncio.create_task(media.probe(file(tmp_path, "wait1"), background=True))
    await until(lambda: len(doings(tmp_path)) == 1)
    assert media.spare == 2
    ahead = asyncio.create_task(media.probe(file(tmp_path, "wait2")))
    await until(lambda: len(doings(tmp_path)) == 2)
    assert media.spare == 0
    file(tmp_path, "go")
    await asyncio.gather(behind, ahead)
    assert media.spare == 2


async def test_what_nobody_waits_for_is_dropped(make: MakePool, tmp_path: Path) -> None:
    media = make()
    first = asyncio.create_task(media.probe(file(tmp_path, "wait")))
    await until(lambda: doings(tmp_path))
    dropped = asyncio.create_task(media.probe(file(tmp_path, "dropped")))
    twice = [asyncio.create_task(media.probe(file(tmp_path, "twice"))) for _ in range(2)]
    await asyncio.sleep(0)
    for task in (dropped, twice[0]):
        task.cancel()
    await asyncio.sleep(0)
    file(tmp_path, "go")
    await asyncio.gather(first, twice[1])
    assert [name for _, _, name in doings(tmp_path)] == ["wait", "twice"]
    assert (await media.probe(tmp_path / "dropped")).kind == "image", "it can be asked for again"


async def test_no_more_workers_than_allowed_and_none_before_there_is_work(make: MakePool, tmp_path: Path) -> None:
    media = make(3)
    assert not media._workers
    tasks = [asyncio.create_task(media.probe(file(tmp_path, f"wait{number}"))) for number in range(8)]
    await until(lambda: len(doings(tmp_path)) == 3)
    file(tmp_path, "go")
    await asyncio.gather(*tasks)
    assert len({pid for pid, _, _ in doings(tmp_path)}) == 3


async def test_one_request_starts_one_worker(make: MakePool, tmp_path: Path) -> None:
    media = make(4)
    for number in range(3):
        await media.probe(file(tmp_path, f"f{number}"))
    assert len({pid for pid, _, _ in doings(tmp_path)}) == 1


async def test_idle_workers_end(make: MakePool, tmp_path: Path) -> None:
    media = make(idle_seconds=0.05)
    await media.probe(file(tmp_path, "one"))
    await until(lambda: not media._workers)
    assert not alive(doings(tmp_path)[0][0])
    assert (await media.probe(file(tmp_path, "two"))).kind == "image"


async def test_a_worker_that_was_killed_while_idle_is_replaced(make: MakePool, tmp_path: Path) -> None:
    media = make()
    await media.probe(file(tmp_path, "one"))
    os.kill(int(doings(tmp_path)[0][0]), signal.SIGKILL)
    assert (await media.probe(file(tmp_path, "two"))).kind == "image"


async def test_workers_that_do_not_start_are_said_to(make: MakePool, tmp_path: Path) -> None:
    for command, words in (([*FAKE, "broken"], "no decoder here"), (["/nonexistent/python"], "nonexistent")):
        media = make(2, command=command)
        results = await asyncio.gather(
            *(media.probe(file(tmp_path, f"f{number}")) for number in range(3)), return_exceptions=True
        )
        assert all(isinstance(result, MediaUnavailable) for result in results)
        assert words in str(results[0])


async def test_closing_ends_workers_and_waiting(make: MakePool, tmp_path: Path) -> None:
    media = make()
    tasks = [asyncio.create_task(media.probe(file(tmp_path, name))) for name in ("hang", "queued")]
    await until(lambda: doings(tmp_path))
    await media.close()
    for task in tasks:
        with pytest.raises(MediaUnavailable):
            await task
    assert not alive(doings(tmp_path)[0][0])
    with pytest.raises(MediaUnavailable):
        await media.probe(file(tmp_path, "late"))
    await media.close()


async def test_closing_while_workers_start(make: MakePool, tmp_path: Path) -> None:
    media = make()
    task = asyncio.create_task(media.probe(file(tmp_path, "one")))
    await until(lambda: media._workers)
    await media.close()
    with pytest.raises(MediaUnavailable):
        await task


async def test_secrets_are_not_handed_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COZYGEN_AUTH_SECRET", "s3cret")
    assert not [name for name in pool._environment() if name.startswith("COZYGEN")]


async def test_names_that_are_no_unicode_are_taken(make: MakePool, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.png"))
    try:
        path.write_bytes(encoded(quarters(), "PNG"))
    except OSError:
        pytest.skip("this file system takes Unicode only")
    assert (await make(command=None).probe(path)).width == 64
