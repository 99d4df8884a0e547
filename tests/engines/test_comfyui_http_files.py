from __future__ import annotations

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cozygen.engines.base import EngineError, EngineUnavailable, LocalFile, OutputType
from cozygen.engines.comfyui_http import ComfyUIEngine
from cozygen.engines.comfyui_http.files import Remembered
from cozygen.engines.comfyui_http.inputs import Reference, parse_reference
from tests.engines.comfyui_http_fake import FAST, PNG, FakeComfy, Studio, graph, listening, studio

ONE = PNG + b"one"
TWO = PNG + b"another"
IMPATIENT = dataclasses.replace(FAST, hold=0.05)


async def shown_by(s: Studio, prompt_id: str, outputs: dict[str, Any]) -> dict[str, Any]:
    """Run a prompt that shows `outputs` in node 2; what the engine makes of them."""
    await s.submit(prompt_id)
    await s.fake.run({"2": outputs})
    await s.heard.end(prompt_id)
    executed = next(event for event in s.heard.of(prompt_id) if event.type == "executed")
    shown: dict[str, Any] = executed.data["output"]
    return shown


def kept(s: Studio) -> dict[str, bytes]:
    """What lies in our output folder."""
    root = s.folder / "output"
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def views(s: Studio, method: str = "GET") -> int:
    """How many files were asked for."""
    return s.fake.requests.count(f"{method} /view")


async def open_fully(engine: ComfyUIEngine, filename: str, subfolder: str, kind: OutputType) -> bytes | None:
    found = await engine.open_output(filename, subfolder, kind)
    if found is None:
        return None
    if isinstance(found, LocalFile):
        return found.path.read_bytes()
    async with found:
        return b"".join([chunk async for chunk in found.chunks()])


# Results


async def test_results_are_here_when_they_are_told(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        outputs = s.fake.write("ä b #1.png", ONE, subfolder="deep/er")
        outputs["images"] += s.fake.write("film.mp4", TWO)["images"]
        assert await shown_by(s, "p1", outputs) == outputs
        assert kept(s) == {"deep/er/ä b #1.png": ONE, "film.mp4": TWO}


async def test_a_windows_servers_folders(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        s.fake.write("a.png", ONE, subfolder="deep/er")
        entry = {"filename": "a.png", "subfolder": "deep\\er", "type": "output"}
        assert await shown_by(s, "p1", {"images": [entry]}) == {"images": [entry]}
        assert kept(s) == {"deep/er/a.png": ONE}


async def test_previews_stay_on_the_server(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await shown_by(s, "p1", s.fake.write("t.png", ONE, kind="temp"))
        assert kept(s) == {}
        assert views(s) == 0
        assert await open_fully(s.engine, "t.png", "", "temp") == ONE


async def test_a_result_never_replaces_another_file(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        (s.folder / "output/a.png").write_bytes(ONE)
        shown = await shown_by(s, "p1", s.fake.write("a.png", TWO))
        assert shown["images"] == [{"filename": "a (1).png", "subfolder": "", "type": "output"}]
        assert kept(s) == {"a.png": ONE, "a (1).png": TWO}
        outcome = (await s.engine.lookup(["p1"]))["p1"]
        assert outcome.outputs["2"] == shown
        assert kept(s) == {"a.png": ONE, "a (1).png": TWO}


async def test_what_is_here_already_is_not_kept_twice(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        (s.folder / "output/a.png").write_bytes(ONE)
        outputs = s.fake.write("a.png", ONE)
        assert await shown_by(s, "p1", outputs) == outputs
        assert await shown_by(s, "p2", outputs) == outputs
        assert kept(s) == {"a.png": ONE}


async def test_a_shared_folder_is_noticed(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        (s.folder / "output").rmdir()
        (s.folder / "output").symlink_to(s.fake.folder / "output")
        outputs = s.fake.write("a.png", ONE, subfolder="x")
        assert await shown_by(s, "p1", outputs) == outputs
        assert [p.name for p in (s.fake.folder / "output/x").iterdir()] == ["a.png"]


async def test_a_name_that_the_server_uses_again(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await shown_by(s, "p1", s.fake.write("a.png", ONE))
        shown = await shown_by(s, "p2", s.fake.write("a.png", TWO))
        assert shown["images"][0]["filename"] == "a (1).png"
        assert kept(s) == {"a.png": ONE, "a (1).png": TWO}


async def test_our_nodes_messages_get_the_names_too(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        for name in ("a b.png", "v.mp4"):
            (s.folder / "output" / name).write_bytes(ONE)
            s.fake.write(name, TWO)
        await s.submit("p1")
        await s.fake.send("execution_start", prompt_id="p1")
        url = "/view?filename=a+b.png&subfolder=&type=output"
        picture = {"url": url, "filename": "a b.png", "subfolder": "", "type": "output"}
        await s.fake.send("cozygen_batch_ready", status="images_generated", images=[picture])
        video = {
            "video_url": "/view?filename=v.mp4&type=output",
            "filename": "v.mp4",
            "subfolder": "",
            "type": "output",
        }
        await s.fake.send("cozygen_video_ready", status="video_generated", **video)
        await s.heard.until(lambda: len(s.heard.of("p1")) == 3)
        batch, film = (event.data for event in s.heard.of("p1")[1:])
        assert batch["images"][0]["filename"] == "a b (1).png"
        assert batch["images"][0]["url"] == "/view?filename=a+b+%281%29.png&subfolder=&type=output"
        assert film["filename"] == "v (1).mp4"
        assert film["video_url"] == "/view?filename=v+%281%29.mp4&type=output"


@pytest.mark.parametrize(
    "name", ["../evil.png", "/etc/evil", "a/../../evil.png", "..", "a\0b.png", "C:evil.png", "x" * 300]
)
async def test_names_that_lead_elsewhere_are_not_followed(tmp_path: Path, name: str) -> None:
    async with studio(tmp_path) as s:
        outputs = {"images": [{"filename": name, "subfolder": "", "type": "output"}]}
        assert await shown_by(s, "p1", outputs) == outputs
        outputs = {"images": [{"filename": "a.png", "subfolder": "../..", "type": "output"}]}
        assert await shown_by(s, "p2", outputs) == outputs
        assert views(s) == 0
        assert list((s.folder).glob("*")) == [s.folder / k for k in ("output", "input", "temp")] or kept(s) == {}


@pytest.mark.parametrize(
    "outputs",
    [
        None,
        [],
        {"images": None},
        {"images": [None, 5, {"filename": None}, {"filename": ""}, {"filename": "a", "subfolder": 5}]},
        {"text": ["a"], "images": [{"filename": "a", "type": 5}]},
    ],
)
async def test_odd_outputs_are_passed_on(tmp_path: Path, outputs: Any) -> None:
    async with studio(tmp_path) as s:
        assert await shown_by(s, "p1", outputs) == outputs
        assert views(s) == 0


async def test_a_file_that_the_server_does_not_have(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        outputs = {"images": [{"filename": "gone.png", "subfolder": "", "type": "output"}]}
        assert await shown_by(s, "p1", outputs) == outputs
        assert kept(s) == {}


async def test_a_web_page_in_place_of_a_file_is_not_kept(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:

        async def page(request: web.Request) -> web.Response:
            return web.Response(text="<html>log in</html>", content_type="text/html")

        s.fake.faults["/view"] = page
        await shown_by(s, "p1", s.fake.write("a.png", ONE))
        assert kept(s) == {}
        with pytest.raises(EngineError, match="web page"):
            await s.engine.open_output("other.png", "", "output")


async def test_a_result_that_breaks_off_is_fetched_again(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:

        async def half(request: web.Request) -> web.StreamResponse:
            del s.fake.faults["/view"]
            response = web.StreamResponse(headers={"Content-Length": str(len(ONE))})
            await response.prepare(request)
            await response.write(ONE[:5])
            assert request.transport is not None
            request.transport.close()
            return response

        s.fake.faults["/view"] = half
        outputs = s.fake.write("a.png", ONE)
        assert await shown_by(s, "p1", outputs) == outputs
        async with asyncio.timeout(20):
            while kept(s) != {"a.png": ONE}:
                await asyncio.sleep(0.01)


async def test_a_slow_result_holds_nothing_up_for_ever(tmp_path: Path) -> None:
    async with studio(tmp_path, timing=IMPATIENT) as s:
        go_on = asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            await go_on.wait()
            return await s.fake._view(request)

        s.fake.faults["/view"] = slow
        (s.folder / "output/a.png").write_bytes(ONE)
        shown = await shown_by(s, "p1", s.fake.write("a.png", TWO))
        assert shown["images"][0]["filename"] == "a (1).png"
        go_on.set()
        assert await open_fully(s.engine, "a (1).png", "", "output") == TWO
        async with asyncio.timeout(20):
            while kept(s) != {"a.png": ONE, "a (1).png": TWO}:
                await asyncio.sleep(0.01)
        assert await open_fully(s.engine, "a (1).png", "", "output") == TWO


async def test_a_slow_result_holds_up_its_own_prompt_only(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        go_on = asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            await go_on.wait()
            return await s.fake._view(request)

        s.fake.faults["/view"] = slow
        await s.submit("p1")
        await s.submit("p2", 1.0)
        await s.fake.run({"2": s.fake.write("a.png", ONE)})
        await s.fake.run({"2": {"text": ["x"]}})
        await s.heard.end("p2")
        assert s.heard.ends("p1") == []
        go_on.set()
        await s.heard.end("p1")
        assert kept(s) == {"a.png": ONE}


async def test_a_result_that_is_too_large_stays_on_the_server(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        s.engine._fetcher._limit = 10

        async def unannounced(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse()
            response.enable_chunked_encoding()
            await response.prepare(request)
            await response.write(b"x" * 100)
            return response

        await shown_by(s, "p1", s.fake.write("a.png", ONE))
        s.fake.faults["/view"] = unannounced
        await shown_by(s, "p2", s.fake.write("b.png", ONE))
        assert kept(s) == {}


async def test_results_of_a_server_that_went_away_come_with_it(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:

        async def away(request: web.Request) -> web.Response:
            return web.Response(status=503)

        s.fake.faults["/view"] = away
        await shown_by(s, "p1", s.fake.write("a.png", ONE))
        assert kept(s) == {}
        await s.fake.stop()
        s.fake.faults.clear()
        await s.fake.start()
        async with asyncio.timeout(20):
            while kept(s) != {"a.png": ONE}:
                await asyncio.sleep(0.01)


async def test_a_result_that_never_comes_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cozygen.engines.comfyui_http.outputs._RETRY_SECONDS", 0.0)
    async with studio(tmp_path) as s:

        async def away(request: web.Request) -> web.Response:
            return web.Response(status=503)

        s.fake.faults["/view"] = away
        await shown_by(s, "p1", s.fake.write("a.png", ONE))
        assert s.engine._fetcher.unfinished
        async with asyncio.timeout(20):
            while s.engine._fetcher.unfinished:
                await asyncio.sleep(0.01)
        del s.fake.faults["/view"]
        assert kept(s) == {}
        assert await open_fully(s.engine, "a.png", "", "output") == ONE


async def test_a_disk_that_takes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(stream: Any) -> None:
        raise OSError(28, "No space left on device")

    async with studio(tmp_path) as s:
        with monkeypatch.context() as patched:
            patched.setattr("cozygen.engines.comfyui_http.outputs._sync", full)
            outputs = s.fake.write("a.png", ONE)
            assert await shown_by(s, "p1", outputs) == outputs
            assert kept(s) == {}
        async with asyncio.timeout(40):
            while kept(s) != {"a.png": ONE}:
                await asyncio.sleep(0.01)


async def test_a_disk_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(self: Path, target: Path) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", none)
    async with studio(tmp_path) as s:
        (s.folder / "output/b.png").write_bytes(TWO)
        outputs = {"images": s.fake.write("a.png", ONE)["images"] + s.fake.write("b.png", ONE)["images"]}
        await shown_by(s, "p1", outputs)
        assert kept(s) == {"a.png": ONE, "b.png": TWO, "b (1).png": ONE}


async def test_looking_up_fetches_too(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        s.fake.take()
        s.fake.finish({"2": s.fake.write("a.png", ONE)})
        later = ComfyUIEngine(s.fake.url, output_dir=s.folder / "output", input_dir=s.folder, temp_dir=s.folder)
        assert (await later.lookup(["p1"]))["p1"].state == "done"
        assert kept(s) == {"a.png": ONE}
        await later.close()


# Opening


async def test_what_is_absent_or_elsewhere_is_not_opened(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        (s.folder / "output/a.png").write_bytes(ONE)
        s.fake.write("b.png", TWO)
        assert await open_fully(s.engine, "a.png", "", "output") == ONE
        assert await open_fully(s.engine, "b.png", "", "output") == TWO
        for filename, subfolder in (("no.png", ""), ("..", ""), ("a.png", ".."), ("../output/a.png", ""), ("", "")):
            assert await s.engine.open_output(filename, subfolder, "output") is None
        s.fake.faults["/view"] = s.fake._stats
        found = await s.engine.open_output("b.png", "", "output")
        assert found is not None
        assert not isinstance(found, LocalFile)
        async with found:
            assert found.content_type == "application/json"
            assert found.length is not None


async def test_a_file_that_breaks_off_while_it_is_read(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:

        async def half(request: web.Request) -> web.StreamResponse:
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b"12345")
            assert request.transport is not None
            request.transport.close()
            return response

        s.fake.faults["/view"] = half
        with pytest.raises(EngineUnavailable):
            await open_fully(s.engine, "b.png", "", "temp")


# Inputs


def loading(value: Any, class_type: str = "LoadImage", name: str = "image") -> dict[str, Any]:
    return {**graph(), "9": {"class_type": class_type, "inputs": {name: value}}}


async def sent(s: Studio, value: Any, *node: str) -> Any:
    """Submit a graph that loads `value`; what the server was given in its place."""
    await s.submit(f"p{len(s.fake.prompts)}", graph=loading(value, *node))
    inputs = s.fake.prompts[-1]["prompt"]["9"]["inputs"]
    return next(iter(inputs.values()))


def uploads(fake: FakeComfy) -> int:
    return fake.requests.count("POST /upload/image")


@pytest.mark.parametrize(
    "node", [("LoadImage", "image"), ("LoadImageMask", "image"), ("CozyGenImageInput", "image_filename")]
)
async def test_inputs_are_sent_once(tmp_path: Path, node: tuple[str, str]) -> None:
    async with studio(tmp_path) as s:
        (s.folder / "input/sub").mkdir()
        (s.folder / 'input/sub/a "ü".png').write_bytes(ONE)
        assert await sent(s, 'sub/a "ü".png', *node) == 'sub/a "ü".png'
        assert s.fake.path("input", "sub", 'a "ü".png').read_bytes() == ONE
        assert await sent(s, 'sub/a "ü".png [input]', *node) == 'sub/a "ü".png [input]'
        assert uploads(s.fake) == 1
        (s.folder / 'input/sub/a "ü".png').write_bytes(TWO + b"!")
        assert await sent(s, 'sub/a "ü".png', *node) == 'sub/a "ü".png'
        assert s.fake.path("input", "sub", 'a "ü".png').read_bytes() == TWO + b"!"
        assert views(s) == 0


async def test_an_input_that_the_server_has_is_not_sent(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        (s.folder / "input/a.png").write_bytes(ONE)
        s.fake.write("a.png", ONE, kind="input")
        assert await sent(s, "a.png") == "a.png"
        assert await sent(s, "a.png") == "a.png"
        assert (uploads(s.fake), views(s)) == (0, 1)


async def test_an_input_of_the_servers_own_is_not_replaced(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        (s.folder / "input/a.png").write_bytes(ONE)
        s.fake.write("a.png", TWO, kind="input")
        original = loading("a.png")
        await s.submit("p1", graph=original)
        assert s.fake.prompts[-1]["prompt"]["9"]["inputs"] == {"image": "a (1).png"}
        assert original == loading("a.png")
        assert s.fake.path("input", "", "a.png").read_bytes() == TWO
        assert s.fake.path("input", "", "a (1).png").read_bytes() == ONE


async def test_inputs_for_a_server_that_knows_no_head(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:

        async def only_get(request: web.Request) -> web.StreamResponse:
            return web.Response(status=405) if request.method == "HEAD" else await s.fake._view(request)

        s.fake.faults["/view"] = only_get
        (s.folder / "input/a.png").write_bytes(ONE)
        assert await sent(s, "a.png") == "a.png"
        assert await sent(s, "a.png") == "a.png"
        assert s.fake.path("input", "", "a.png").read_bytes() == ONE
        assert uploads(s.fake) == 1


async def test_an_input_that_vanished_from_the_server_is_sent_again(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        (s.folder / "input/a.png").write_bytes(ONE)
        await sent(s, "a.png")
        s.fake.path("input", "", "a.png").unlink()
        await sent(s, "a.png")
        assert s.fake.path("input", "", "a.png").read_bytes() == ONE


async def test_a_shared_input_folder_needs_no_sending(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        (s.folder / "input").rmdir()
        (s.folder / "input").symlink_to(s.fake.folder / "input")
        (s.folder / "input/a.png").write_bytes(ONE)
        assert await sent(s, "a.png") == "a.png"
        assert (uploads(s.fake), views(s)) == (0, 0)


async def test_results_as_inputs(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        (s.folder / "output/x").mkdir()
        (s.folder / "output/x/a.png").write_bytes(ONE)
        await shown_by(s, "made", s.fake.write("a.png", TWO, subfolder="x"))  # here it is `a (1).png`
        node = ("CozyGenImageInput", "image_filename")
        assert await sent(s, "output::x::a (1).png", *node) == "output::x::a.png"
        assert await sent(s, "x/a (1).png [output]") == "x/a.png [output]"
        assert await sent(s, "output::x::a.png", *node) == "cozygen/a.png"
        assert s.fake.path("input", "cozygen", "a.png").read_bytes() == ONE


@pytest.mark.parametrize("value", ["theirs.png", "../secret", "", 5, None, ["1", 0], "sub", "output::a", "a\0b"])
async def test_inputs_that_are_not_ours_are_left_alone(tmp_path: Path, value: Any) -> None:
    async with studio(tmp_path) as s:
        (s.folder / "secret").write_bytes(b"secret")
        (s.folder / "input/sub").mkdir()
        assert await sent(s, value) == value
        assert uploads(s.fake) == 0


async def test_uploading(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        source = s.folder / "input/a.png"
        source.write_bytes(ONE)
        await s.engine.upload("b.png", source, subfolder="x")
        await s.engine.upload("b.png", source, subfolder="x")
        assert s.fake.path("input", "x", "b.png").read_bytes() == ONE
        assert uploads(s.fake) == 1
        source.write_bytes(TWO)
        await s.engine.upload("b.png", source, subfolder="x")
        assert s.fake.path("input", "x", "b.png").read_bytes() == TWO
        source.write_bytes(ONE)
        with pytest.raises(EngineError, match="kept both"):
            await s.engine.upload("b.png", source, subfolder="x", overwrite=False)
        with pytest.raises(EngineError, match="cannot be read"):
            await s.engine.upload("c.png", s.folder / "input/none.png")


@pytest.mark.parametrize("status", [200, 413, 500])
async def test_an_upload_that_fails(tmp_path: Path, status: int) -> None:
    async with studio(tmp_path) as s:

        async def refuse(request: web.Request) -> web.Response:
            await request.read()
            return web.Response(status=status, text="no")

        s.fake.faults["/upload/image"] = refuse
        (s.folder / "input/a.png").write_bytes(ONE)
        with pytest.raises(EngineError):
            await s.engine.upload("a.png", s.folder / "input/a.png")
        with pytest.raises(EngineError):
            await s.submit("p1", graph=loading("a.png"))
        assert s.fake.prompts == []


async def test_inputs_while_the_server_is_away(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        (s.folder / "input/a.png").write_bytes(ONE)
        await s.fake.stop()
        with pytest.raises(EngineUnavailable):
            await s.engine.upload("a.png", s.folder / "input/a.png")
        await s.fake.start()
        await sent(s, "a.png")
        assert s.fake.path("input", "", "a.png").read_bytes() == ONE


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a.png", Reference("input", "", "a.png")),
        ("x/y\\a.png", Reference("input", "x/y", "a.png")),
        ("x/a.png [output]", Reference("output", "x", "a.png")),
        ("a.png[temp]", Reference("temp", "", "a.png")),
        ("output::x/y::a.png", Reference("output", "x/y", "a.png", colons=True)),
        ("output::::a::b.png", Reference("output", "", "a::b.png", colons=True)),
    ],
)
def test_references(value: str, expected: Reference) -> None:
    assert parse_reference(value) == expected


def test_references_say_what_they_mean() -> None:
    for value in ("b.png", "x/b.png", "x/b.png [output]", "output::x::b.png"):
        assert parse_reference(value.replace("b.png", "a.png")).renamed("b.png") == value


def test_what_is_remembered_has_an_end() -> None:
    remembered: Remembered[int] = Remembered(2)
    for number in range(3):
        remembered[number] = number
    assert [remembered.get(number) for number in range(3)] == [None, 1, 2]


async def test_an_engine_that_has_done_nothing_has_no_files(tmp_path: Path) -> None:
    async with studio(tmp_path) as s, listening(s.engine):
        assert not s.engine._fetcher.unfinished
