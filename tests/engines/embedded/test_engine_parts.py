"""Parts of the engine that need no process: the event stream, lists of models, texts, frames, the registry."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cozygen.engines.base import EngineEvent, Event, PreviewEvent
from cozygen.engines.embedded import machine, models, object_info, report
from cozygen.engines.embedded.process import how_it_ended
from cozygen.engines.embedded.registry import load_nodes
from cozygen.engines.embedded.stream import EventStream
from cozygen.engines.embedded.wire import split_parts, with_parts
from cozygen.engines.embedded.worker import encode_preview
from cozygen.ipc import WireError
from cozygen.nodes.host import Directory


def event(number: int) -> EngineEvent:
    return EngineEvent("test", {"n": number})


def preview(number: int) -> PreviewEvent:
    return PreviewEvent("p", "1", "image/jpeg", bytes([number]))


async def test_a_full_stream_makes_its_sender_wait() -> None:
    stream = EventStream(limit=3)
    events = stream.listen()

    async def send() -> None:
        for number in range(10):
            await stream.put(event(number))
        stream.put_now(event(10))

    sender = asyncio.create_task(send())
    await asyncio.sleep(0.01)
    assert not sender.done()
    got = [await anext(events) for _ in range(11)]
    assert got == [event(number) for number in range(11)]
    assert sender.done()


async def test_the_oldest_preview_gives_way() -> None:
    stream = EventStream()
    events = stream.listen()
    sent: list[Event] = [event(0), *(preview(number) for number in range(6)), event(1)]
    for each in sent:
        await stream.put(each)
    got = [await anext(events) for _ in range(6)]
    assert got == [event(0), preview(2), preview(3), preview(4), preview(5), event(1)]


async def test_a_full_stream_drops_a_preview_rather_than_wait() -> None:
    stream = EventStream(limit=1)
    events = stream.listen()
    await stream.put(event(0))
    await stream.put(preview(1))
    assert await anext(events) == event(0)
    await stream.put(event(2))
    assert await anext(events) == event(2)


async def test_nothing_is_kept_while_nobody_listens() -> None:
    stream = EventStream(limit=1)
    for number in range(5):
        await stream.put(event(number))
    events = stream.listen()
    await stream.put(event(9))
    assert await anext(events) == event(9)


async def test_a_new_listener_takes_over_and_close_ends_all() -> None:
    stream = EventStream(limit=1)
    first = stream.listen()
    await stream.put(event(0))
    waiting = asyncio.create_task(stream.put(event(1)))
    await asyncio.sleep(0)
    second = stream.listen()
    assert [each async for each in first] == []
    await waiting
    assert await anext(second) == event(1)
    stream.close()
    assert [each async for each in second] == []
    await stream.put(event(2))


async def test_a_listener_that_leaves_holds_up_nobody() -> None:
    stream = EventStream(limit=1)
    events = stream.listen()
    await stream.put(event(0))
    assert await anext(events) == event(0)
    await events.aclose()
    for number in range(5):
        await stream.put(event(number))


@pytest.fixture
def models_dir(tmp_path: Path) -> Path:
    for name in (
        "checkpoints/b.safetensors",
        "checkpoints/sub/a.CKPT",
        "checkpoints/notes.txt",
        "checkpoints/.hidden.pt",
        "checkpoints/.git/x.pt",
        "unet/old.sft",
        "diffusion_models/new.safetensors",
        "clip/t5.safetensors",
        "embeddings/sub/style.v1.pt",
        "configs/a.yaml",
        "classifiers/plain",
        "classifiers/x.pt",
    ):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


@pytest.mark.parametrize(
    ("folder", "files"),
    [
        ("checkpoints", ["b.safetensors", "sub/a.CKPT"]),
        ("diffusion_models", ["new.safetensors", "old.sft"]),
        ("unet", ["new.safetensors", "old.sft"]),
        ("text_encoders", ["t5.safetensors"]),
        ("clip", ["t5.safetensors"]),
        ("configs", ["a.yaml"]),
        ("classifiers", ["plain"]),
        ("loras", []),
        ("unet_gguf", None),
        ("..", None),
        ("", None),
        ("nothing", None),
    ],
)
def test_models_are_listed_as_in_comfyui(models_dir: Path, folder: str, files: list[str] | None) -> None:
    assert models.list_models(models_dir, folder) == files
    assert models.list_choices(models_dir, folder) == files


def test_gguf_folders_are_known_when_there_is_such_a_file(models_dir: Path) -> None:
    (models_dir / "unet" / "flux.Q4.gguf").touch()
    assert models.list_models(models_dir, "unet_gguf") == ["flux.Q4.gguf"]
    assert models.list_models(models_dir, "unet") == ["new.safetensors", "old.sft"]


def test_embeddings_are_named_without_extension(models_dir: Path) -> None:
    assert models.list_embeddings(models_dir) == ["sub/style.v1"]
    assert models.list_embeddings(None) == []


def test_linked_model_folders_are_followed_once(models_dir: Path, tmp_path: Path) -> None:
    (models_dir / "loras").mkdir()
    (models_dir / "loras" / "shared").symlink_to(models_dir / "checkpoints" / "sub")
    (models_dir / "loras" / "loop").symlink_to(models_dir / "loras")
    assert models.list_models(models_dir, "loras") == ["shared/a.CKPT"]


def test_names_to_choose_from() -> None:
    assert models.list_choices(None, "sampler") == list(models.SAMPLERS)
    assert models.list_choices(None, "scheduler") == list(models.SCHEDULERS)
    assert models.list_choices(None, "checkpoints") == []
    assert {"euler", "dpmpp_2m", "uni_pc"} <= set(models.SAMPLERS)
    assert {"normal", "karras", "simple"} <= set(models.SCHEDULERS)
    assert all(models.list_models(None, name) == [] for name in models.folder_names())


@given(st.dictionaries(st.text(max_size=5).filter(lambda key: key != "parts"), st.integers()), st.lists(st.binary()))
def test_parts_come_apart_again(header: Mapping[str, Any], parts: list[bytes]) -> None:
    sent, body = with_parts(header, parts)
    assert split_parts(json.loads(json.dumps(sent)), body) == parts


@pytest.mark.parametrize("sizes", [None, "x", [1], [-1, 3], [1, 2], ["1"]])
def test_parts_that_do_not_fit_are_refused(sizes: Any) -> None:
    with pytest.raises(WireError):
        split_parts({"parts": sizes}, b"ab")


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((100, 50, 3), (50, 100)),
        ((2000, 3000), (512, 341)),
        ((64, 64, 1), (64, 64)),
        ((1, 1, 4), (1, 1)),
        ((2, 9, 9, 3), (9, 9)),
    ],
)
def test_previews_are_small_jpegs(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    with Image.open(io.BytesIO(encode_preview(np.full(shape, 0.5, np.float32)))) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", size)


def test_previews_survive_values_that_are_none() -> None:
    odd = np.array([[[np.nan, np.inf, -np.inf], [5.0, -5.0, 0.5]]], np.float32)
    with Image.open(io.BytesIO(encode_preview(np.tile(odd, (16, 8, 1))))) as picture:
        assert picture.size == (16, 16)
    for shape in ((0, 5, 3), (5,), (2, 2, 2, 2, 2)):
        with pytest.raises(ValueError, match="no picture"):
            encode_preview(np.zeros(shape, np.float32))


def test_what_cannot_be_shown_is_described() -> None:
    assert report.shown(10**5000) == "a int"
    assert report.shown("x" * 500) == "x" * 200 + "…"
    assert report.shown("\ud800") == "?"
    assert report.received(2**64) == 2**64
    assert report.received([1, "a"]) == [1, "a"]
    assert report.received(float("inf")) == "inf"


def test_json_for_clients_is_strict() -> None:
    odd = {"a": float("nan"), "b": np.float64("inf"), "c": np.int64(3), "d": {1}, "e": (1, [float("-inf")]), 5: b"x"}
    assert json.loads(report.dump_json(odd)) == {
        "a": None,
        "b": None,
        "c": 3,
        "d": [1],
        "e": [1, [None]],
        "5": "b'x'",
    }
    deep: Any = 1
    for _ in range(5000):
        deep = [deep]
    assert json.loads(report.dump_json({"deep": deep}))
    assert json.loads(report.dump_json({("a", 1): 10**5000})) == {"('a', 1)": None}


def test_failures_are_explained(tmp_path: Path) -> None:
    folders: dict[Directory, Path] = {"output": tmp_path}
    full = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "a.png"))
    assert report.explain(full, folders).startswith("The disk is full: “a.png” in the output folder")
    locked = PermissionError(errno.EACCES, "Permission denied", str(tmp_path))
    assert report.explain(locked, folders).startswith("Permission denied: the output folder")
    missing = FileNotFoundError(errno.ENOENT, "No such file or directory", "/somewhere/else.png")
    assert report.explain(missing, folders) == "No such file or directory: “else.png”"
    assert report.explain(OSError(errno.ENOSPC, "full"), folders).startswith("The disk is full: a file")
    assert report.explain(ValueError(), folders) == "ValueError"


def test_how_processes_end() -> None:
    assert how_it_ended(0) == "ended by itself with exit code 0"
    if os.name == "posix":
        assert "memory" in how_it_ended(-9)
        assert how_it_ended(-11) == "crashed (SIGSEGV)"
        assert how_it_ended(-200) == "was ended by signal 200"


def test_memory_is_measured() -> None:
    total, free = machine.memory()
    assert 0 < free <= total


def test_all_nodes_describe_themselves(tmp_path: Path) -> None:
    from cozygen.engines.embedded.executor import FolderHost
    from cozygen.nodes.host import set_host

    set_host(FolderHost({"input": tmp_path, "output": tmp_path, "temp": tmp_path}))
    registry = load_nodes()
    info = object_info.all_info(registry)
    assert set(info) == set(registry.classes)
    assert {"LoadImage", "SaveImage", "PreviewImage", "CozyGenOutput"} <= set(info)
    json.dumps(info, allow_nan=False)


def test_the_studios_side_needs_no_numpy() -> None:
    program = (
        "import sys; import cozygen.engines.embedded.engine; "
        "print([name for name in ('numpy', 'PIL', 'av', 'aiohttp') if name in sys.modules])"
    )
    answer = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "[]"
