"""The engine's processes: what they say, how they fail, how they end."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

import cozygen
from cozygen.engines.base import (
    ConnectionEvent,
    EngineError,
    EngineUnavailable,
    LocalFile,
    Submission,
)
from cozygen.engines.embedded.engine import EmbeddedEngine
from tests.engines.embedded.real_engine import MODULE, ROOT, MakeStudio, Studio, node, showing


async def test_a_node_that_does_not_hear_is_ended_with_its_process(make: MakeStudio) -> None:
    studio = await make(cancel_seconds=0.2)
    await studio.submit("p", showing(node("Deaf")))
    await studio.submit("q", showing(node("Number", value=1)))
    await studio.event("test_deaf", "p")
    assert await studio.engine.cancel("p")
    assert (await studio.end("p")).state == "cancelled"
    assert studio.of("p")[-2:] == ["execution_interrupted", "executing"]
    end = await studio.event("execution_interrupted", "p")
    assert (end.data["node_id"], end.data["node_type"]) == ("1", "Deaf")
    assert (await studio.end("q")).state == "done"


@pytest.mark.parametrize("number", [0, 9 if os.name == "posix" else 0])
async def test_a_crash_fails_its_prompt_alone(studio: Studio, number: int) -> None:
    graph = {"0": node("Add", a=1, b=1), "1": node("Die", signal=number), "2": node("Sum", values=["1", 0])}
    graph |= {"3": node("Add", a=["0", 0], b=["2", 0]), "4": node("Show", value=["3", 0])}
    await studio.submit("p", graph)
    await studio.submit("q", showing(node("Number", value=1)))
    failed = await studio.end("p")
    assert failed.state == "failed"
    assert failed.error is not None
    message = failed.error["exception_message"]
    assert ("ran out of memory" if number else "exit code 3") in message
    assert "while it ran node 1 (Die)" in message
    assert "smaller size" in message
    assert (failed.error["node_id"], failed.error["node_type"]) == ("1", "Die")
    assert (await studio.end("q")).state == "done"
    assert (await studio.engine.health()).ok


async def test_a_crash_while_a_prompt_is_checked_refuses_it_alone(studio: Studio) -> None:
    with pytest.raises(EngineError, match="The process that checks prompts ended by itself with exit code 3"):
        await studio.submit("p", {"1": node("Trap", value=1)})
    await studio.submit("q", showing(node("Number", value=1)))
    assert (await studio.end("q")).state == "done"


async def test_what_nodes_print_is_no_message(studio: Studio) -> None:
    await studio.submit("p", showing(node("Chatter", value=7)))
    outcome = await studio.end("p")
    assert outcome.outputs == {"2": {"values": ["7"]}}
    odd = await studio.event("test_odd", "p")
    assert odd.data == {"nan": None, "array": "array float64 [3]", "number": 0.5, "read": "", "prompt_id": "p"}


async def test_object_info_is_comfyuis_and_fresh(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    (tmp_path / "input" / "a.png").touch()
    info = await studio.engine.object_info()
    assert "Broken" not in info
    assert info["Number"] == {
        "input": {"required": {"value": ["INT", {"default": 0, "min": -100, "max": 100}]}},
        "input_order": {"required": ["value"]},
        "output": ["INT"],
        "output_is_list": [False],
        "output_name": ["INT"],
        "name": "Number",
        "display_name": "A number",
        "description": "",
        "python_module": "nodes",
        "category": "test",
        "output_node": False,
    }
    assert info["Add"]["output_name"] == ["sum", "runs"]
    assert info["Show"]["output_node"] is True
    (tmp_path / "input" / "b.png").touch()
    again = await studio.engine.object_info("Files")
    assert again["Files"]["input"]["required"]["file"] == [["a.png", "b.png"]]
    assert await studio.engine.object_info("Nothing") == {}


async def test_prompts_are_checked_while_the_renderer_is_busy(studio: Studio) -> None:
    await studio.submit("p", showing(node("Deaf")))
    await studio.event("test_deaf", "p")
    await studio.submit("q", showing(node("Number", value=1)))
    assert "Number" in await studio.engine.object_info("Number")
    assert (await studio.engine.lookup(["p", "q"]))["q"].state == "queued"


async def test_it_says_what_it_is(studio: Studio) -> None:
    health = await studio.engine.health()
    assert (health.ok, health.engine, health.version, health.url) == (True, "embedded", cozygen.__version__, None)
    assert "not a diffusion model" in health.note
    stats = await studio.engine.system_stats()
    system, (device,) = stats["system"], stats["devices"]
    assert 0 < system["ram_free"] <= system["ram_total"]
    assert system["python_version"] == sys.version
    assert "embedded" in system["comfyui_version"]
    assert set(device) == {
        "name",
        "type",
        "index",
        "vram_total",
        "vram_free",
        "torch_vram_total",
        "torch_vram_free",
    }
    assert device["type"] == "cpu"
    assert await studio.engine.features() == {"supports_preview_metadata": True, "max_upload_size": 512 * 2**20}


async def test_files_are_confined(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "output" / "a").mkdir(parents=True)
    (tmp_path / "output" / "a" / "x.txt").write_text("x")
    (tmp_path / "secret.txt").write_text("s")
    found = await studio.engine.open_output("x.txt", "a", "output")
    assert isinstance(found, LocalFile)
    assert found.path.read_text() == "x"
    for name, subfolder in (
        ("secret.txt", ".."),
        ("../secret.txt", ""),
        ("a", ""),
        ("y", "a"),
        ("\0", ""),
        ("x" * 999, ""),
    ):
        assert await studio.engine.open_output(name, subfolder, "output") is None


async def test_uploads_are_copied_unless_they_are_there(studio: Studio, tmp_path: Path) -> None:
    (tmp_path / "input").mkdir()
    source = tmp_path / "given.png"
    source.write_bytes(b"one")
    await studio.engine.upload("x.png", source, subfolder="sub")
    target = tmp_path / "input" / "sub" / "x.png"
    assert target.read_bytes() == b"one"
    before = target.stat().st_mtime_ns
    await studio.engine.upload("x.png", target, subfolder="sub")
    assert target.stat().st_mtime_ns == before
    for name, options in (("x.png", {"subfolder": "sub", "overwrite": False}), ("../x.png", {})):
        with pytest.raises(Exception, match="could not be stored"):
            await studio.engine.upload(name, source, **options)  # type: ignore[arg-type]


async def test_closing_in_the_middle_of_a_run_leaves_nothing(make: MakeStudio) -> None:
    studio = await make()
    await studio.submit("w", showing(node("Whoami")))
    pid = int((await studio.end("w")).outputs["2"]["values"][0].split()[0])
    await studio.submit("p", showing(node("Deaf")))
    await studio.event("test_deaf", "p")
    await studio.submit("q", showing(node("Number", value=1)))
    await studio.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "execution_interrupted" not in studio.of("p") + studio.of("q")
    with pytest.raises(EngineUnavailable):
        await studio.submit("r", showing(node("Number", value=1)))
    with pytest.raises(EngineUnavailable):
        await studio.engine.object_info()


async def test_it_can_be_started_again(make: MakeStudio) -> None:
    studio = await make()
    await studio.submit("p", showing(node("Slow", steps=1000, seconds=0.01, tag=1)))
    await studio.event("progress", "p")
    await studio.close()
    await studio.engine.start()
    again = Studio(studio.engine)
    assert await again.engine.lookup(["p"]) == {}
    await again.submit("p", showing(node("Number", value=1)))
    assert (await again.end("p")).state == "done"


async def test_closing_while_a_prompt_is_checked(make: MakeStudio) -> None:
    studio = await make()
    entering = asyncio.create_task(studio.submit("p", showing(node("Number", value=1))))
    await asyncio.sleep(0)
    await studio.close()
    with pytest.raises(EngineUnavailable):
        await entering


async def test_an_engine_that_was_never_started_is_closed() -> None:
    engine = EmbeddedEngine(Path("/i"), Path("/o"), Path("/t"))
    with pytest.raises(EngineUnavailable):
        await engine.submit(Submission("p", {}, 0))
    await engine.close()


async def test_a_module_of_nodes_that_is_missing_takes_only_its_own_with_it(make: MakeStudio) -> None:
    studio = await make(extra_modules=["tests.no_such_module", MODULE])
    await studio.submit("p", showing(node("Number", value=1)))
    assert (await studio.end("p")).state == "done"


async def test_a_process_that_does_not_start_is_told(make: MakeStudio, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(sys, "executable", "/no/such/python")
        studio = await make()
        with pytest.raises(EngineUnavailable, match="cannot be started"):
            await studio.submit("p", showing(node("Number", value=1)))
        health = await studio.engine.health()
        assert not health.ok
        assert "cannot be started" in health.note
    await studio.submit("p", showing(node("Number", value=1)))
    assert (await studio.end("p")).state == "done"
    assert (await studio.engine.health()).ok
    told = [event.connected for event in studio.seen if isinstance(event, ConnectionEvent)]
    assert told in ([False, True], [True])  # the first may have come before anybody listened


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
async def test_processes_end_with_the_studio_and_not_by_its_terminal(tmp_path: Path) -> None:
    """A studio that is killed outright leaves no process; Ctrl+C in its terminal reaches none of them."""
    program = f"""
import asyncio
from pathlib import Path
from cozygen.engines.base import EngineEvent, Submission
from cozygen.engines.embedded.engine import EmbeddedEngine

async def main():
    folders = [Path({str(tmp_path)!r}) / name for name in "iot"]
    engine = EmbeddedEngine(*folders, extra_modules=[{MODULE!r}])
    await engine.start()
    events = engine.events()
    graph = {{"1": {{"class_type": "Whoami", "inputs": {{}}}}, "2": {{"class_type": "Show", "inputs": {{"value": ["1", 0]}}}}}}
    await engine.submit(Submission("p", graph, 0))
    async for event in events:
        if isinstance(event, EngineEvent) and event.type == "executed":
            print(event.data["output"]["values"][0].split()[0], flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        program,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        process_group=0,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(120):
            renderer = int(await process.stdout.readline())
        assert os.getpgid(renderer) not in (os.getpgid(process.pid), os.getpgid(0))
        os.kill(renderer, signal.SIGINT)
    finally:
        process.kill()
        await process.wait()
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with suppress(ProcessLookupError):
            os.kill(renderer, 0)
            await asyncio.sleep(0.05)
            continue
        break
    with pytest.raises(ProcessLookupError):
        os.kill(renderer, 0)
