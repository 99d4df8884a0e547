from __future__ import annotations

import asyncio
import dataclasses
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from cozygen.engines.base import EngineError, EngineUnavailable, PromptRejected, Submission
from cozygen.engines.comfyui_http import ComfyUIEngine, probe
from tests.engines.comfyui_http_fake import (
    FAST,
    JPEG,
    PNG,
    FakeComfy,
    Heard,
    Studio,
    graph,
    listening,
    make_engine,
    preview,
    preview_with_metadata,
    studio,
)

NOTHING_ON_ITS_OWN = dataclasses.replace(FAST, check=3600.0, check_soon=3600.0)


def answering(status: int, text: str, content_type: str = "text/html", **headers: str) -> Any:
    async def handler(request: web.Request) -> web.Response:
        return web.Response(status=status, text=text, content_type=content_type, headers=headers)

    return handler


# Queuing


async def test_a_prompt_is_queued_as_comfyui_wants_it(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        extra = {"extra_pnginfo": {"a": "ü"}, "client_id": "somebody"}
        accepted = await s.submit("p1", -2.5, extra_data=extra, partial_execution_targets=["2"])
        (body,) = s.fake.prompts
        assert body["prompt_id"] == "p1"
        assert body["number"] == -2.5
        assert body["prompt"] == graph()
        assert body["client_id"] in s.fake.sockets
        assert body["extra_data"]["extra_pnginfo"] == {"a": "ü"}
        assert body["partial_execution_targets"] == ["2"]
        assert (accepted.prompt_id, accepted.number, accepted.outputs_to_execute) == ("p1", -2.5, ["2"])


async def test_outputs_that_comfyui_leaves_out_are_not_expected(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        errors = {"1": {"errors": [], "dependent_outputs": ["3"], "class_type": "EmptyImage"}}

        async def partly(request: web.Request) -> web.Response:
            return web.json_response({**s.fake.queue_up(await request.json()), "node_errors": errors})

        s.fake.faults["/prompt"] = partly
        accepted = await s.submit("p1", graph={**graph(), "3": graph()["2"]})
        assert accepted.outputs_to_execute == ["2"]
        assert accepted.node_errors == errors


async def test_events_come_in_order_and_as_comfyui_sends_them(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        await s.fake.run({"2": s.fake.write("a.png", PNG)})
        await s.heard.end("p1")
        expected = ["execution_start", "execution_cached", "executing", "executed", "execution_success", "executing"]
        await s.heard.told("p1", expected)
        executed = s.heard.of("p1")[3]
        images = [{"filename": "a.png", "subfolder": "", "type": "output"}]
        assert executed.data == {"node": "2", "display_node": "2", "output": {"images": images}, "prompt_id": "p1"}
        assert s.heard.of("p1")[5].data == {"node": None, "prompt_id": "p1"}
        assert (tmp_path / "studio/output/a.png").read_bytes() == PNG


@pytest.mark.parametrize("prompt_id", ["../../etc", "a/b", "?x#y", "ä", "..", "%2e"])
async def test_ids_that_have_no_place_in_a_path(tmp_path: Path, prompt_id: str) -> None:
    async with studio(tmp_path) as s:
        await s.submit(prompt_id)
        assert (await s.engine.lookup([prompt_id]))[prompt_id].state == "queued"
        await s.fake.run()
        assert (await s.heard.end(prompt_id)).data["prompt_id"] == prompt_id
        assert (await s.engine.lookup([prompt_id]))[prompt_id].state == "done"


async def test_a_refusal_is_comfyuis_own(tmp_path: Path) -> None:
    body = {"error": {"type": "t", "message": "m", "details": "d", "extra_info": {}}, "node_errors": {"1": {}}}
    async with studio(tmp_path) as s:
        s.fake.faults["/prompt"] = answering(400, json.dumps(body), "application/json")
        with pytest.raises(PromptRejected) as caught:
            await s.submit("p1")
        assert caught.value.body == body
        assert await s.engine.lookup(["p1"]) == {}


async def test_refusals_of_older_servers_get_todays_shape(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        s.fake.faults["/prompt"] = answering(400, '{"error": "no prompt", "node_errors": []}', "application/json")
        with pytest.raises(PromptRejected) as caught:
            await s.submit("p1")
        assert caught.value.body["error"]["message"] == "no prompt"
        assert caught.value.body["node_errors"] == {}


@pytest.mark.parametrize("bad", [[], "text", None, {"1": 5}, {"1": {"class_type": "A"}}, {"1": {"inputs": []}}])
async def test_what_is_no_graph_is_refused_without_asking(tmp_path: Path, bad: Any) -> None:
    async with studio(tmp_path) as s:
        with pytest.raises(PromptRejected):
            await s.submit("p1", graph=bad)
        assert s.fake.prompts == []


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (answering(500, "Internal Server Error"), "failed at /prompt"),
        (answering(200, "<html>hello</html>"), "Is it a ComfyUI"),
        (answering(200, "[1]", "application/json"), "Is it a ComfyUI"),
        (answering(200, "{" * 100_000, "application/json"), "Is it a ComfyUI"),
        (answering(400, "<html>bad</html>"), "with 400"),
        (answering(302, "", Location="http://elsewhere/login"), "redirects to http://elsewhere/login"),
        (answering(401, ""), "refuses access"),
        (answering(413, ""), "size"),
    ],
)
async def test_answers_that_are_not_comfyuis(tmp_path: Path, fault: Any, words: str) -> None:
    async with studio(tmp_path) as s:
        s.fake.faults["/prompt"] = fault
        with pytest.raises(EngineError, match=words):
            await s.submit("p1")
        assert await s.engine.lookup(["p1"]) == {}


async def test_an_answer_without_end_is_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cozygen.engines.comfyui_http.client.ComfyClient.read.__defaults__", (1000,))
    async with studio(tmp_path) as s:
        s.fake.faults["/system_stats"] = answering(200, json.dumps(["x" * 2000]), "application/json")
        with pytest.raises(EngineError, match="more than"):
            await s.engine.system_stats()


async def test_a_server_that_is_away(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.fake.stop()
        await s.heard.connection(False)
        for call in (s.submit("p1"), s.engine.lookup(["x"]), s.engine.cancel("x"), s.engine.object_info()):
            with pytest.raises(EngineUnavailable, match="No ComfyUI answers at"):
                await call
        health = await s.engine.health()
        assert not health.ok
        assert "Start it" in health.note


async def test_the_same_prompt_is_never_queued_twice(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        first, second = await asyncio.gather(s.submit("p1"), s.submit("p1"))
        third = await s.submit("p1")
        s.fake.take()
        fourth = await s.submit("p1")
        assert first == second
        assert (third.outputs_to_execute, fourth.outputs_to_execute) == (["2"], ["2"])
        assert len(s.fake.prompts) == 1


async def test_a_prompt_of_an_earlier_run_is_not_queued_twice(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        async with listening(make_engine(s.fake.url, tmp_path / "later")) as heard:
            await heard.connection(True)
        again = make_engine(s.fake.url, tmp_path / "later")
        await again.submit(Submission("p1", graph(), 0.0))
        await again.close()
        assert len(s.fake.prompts) == 1


# Doubt


@pytest.mark.parametrize("how", ["reset", "hang", "gateway"])
async def test_a_lost_answer_to_a_queued_prompt(tmp_path: Path, how: str) -> None:
    async with studio(tmp_path) as s:

        async def lose(request: web.Request) -> web.Response:
            s.fake.queue_up(await request.json())
            if how == "gateway":
                return web.Response(status=504, text="<html>")
            if how == "hang":
                await asyncio.sleep(3600)
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        s.fake.faults["/prompt"] = lose
        accepted = await s.submit("p1", 4.0)
        assert (accepted.number, accepted.outputs_to_execute) == (4.0, ["2"])
        assert len(s.fake.prompts) == 1
        await s.fake.run()
        assert (await s.heard.end("p1")).type == "execution_success"


async def test_a_prompt_that_ended_before_its_lost_answer(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:

        async def lose(request: web.Request) -> web.Response:
            s.fake.queue_up(await request.json())
            await s.fake.run()
            return web.Response(status=502)

        s.fake.faults["/prompt"] = lose
        await s.submit("p1")
        await s.heard.end("p1")
        await s.heard.all_of(s.fake)
        assert s.heard.ends("p1") == ["execution_success"]


async def test_a_prompt_that_turns_up_after_it_was_given_up_is_taken_out(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        bodies: list[Any] = []

        async def lose(request: web.Request) -> web.Response:
            bodies.append(await request.json())
            return web.Response(status=504)

        s.fake.faults["/prompt"] = lose
        with pytest.raises(EngineUnavailable):
            await s.submit("p1")
        s.fake.queue_up(bodies[0])
        async with asyncio.timeout(20):
            while s.fake.pending:
                await asyncio.sleep(0.01)
        assert s.heard.of("p1") == []


async def test_a_prompt_that_was_given_up_can_be_submitted_again(tmp_path: Path) -> None:
    async with studio(tmp_path, timing=NOTHING_ON_ITS_OWN) as s:
        s.fake.faults["/prompt"] = answering(503, "")
        with pytest.raises(EngineUnavailable):
            await s.submit("p1")
        del s.fake.faults["/prompt"]
        await s.submit("p1")
        await s.fake.drop_sockets()
        await s.heard.connection(True, 2)
        assert [item[1] for item in s.fake.pending] == ["p1"]


async def test_a_caller_that_goes_away_leaves_the_prompt_followed(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        arrived, go_on = asyncio.Event(), asyncio.Event()

        async def slow(request: web.Request) -> web.Response:
            arrived.set()
            await go_on.wait()
            return web.json_response(s.fake.queue_up(await request.json()))

        s.fake.faults["/prompt"] = slow
        call = asyncio.create_task(s.submit("p1"))
        await arrived.wait()
        call.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await call
        await s.submit("p1")
        await s.fake.run()
        await s.heard.end("p1")
        assert len(s.fake.prompts) == 1


# Older servers


async def test_a_server_that_gives_ids_of_its_own(tmp_path: Path) -> None:
    async with studio(tmp_path, honours_ids=False) as s:
        await s.submit("p1")
        await s.submit("p2", 1.0)
        assert {k: v.state for k, v in (await s.engine.lookup(["p1", "p2"])).items()} == {
            "p1": "queued",
            "p2": "queued",
        }
        await s.fake.run({"2": s.fake.write("a.png", PNG)})
        end = await s.heard.end("p1")
        assert end.data["prompt_id"] == "p1"
        assert all(event.data.get("prompt_id") == "p1" for event in s.heard.of("p1"))
        s.fake.take()
        assert await s.engine.cancel("p2")
        assert s.fake.interrupts == [{"prompt_id": "theirs-2"}]
        outcome = (await s.engine.lookup(["p1"]))["p1"]
        assert outcome.state == "done"
        assert {message[1]["prompt_id"] for message in outcome.messages} == {"p1"}


async def test_events_that_come_before_the_id_is_known(tmp_path: Path) -> None:
    async with studio(tmp_path, honours_ids=False) as s:

        async def fast(request: web.Request) -> web.Response:
            answer = s.fake.queue_up(await request.json())
            await s.fake.run({"2": {"text": ["x"]}})
            await s.fake.send("execution_start", prompt_id="somebody's")
            await s.heard.all_of(s.fake)
            return web.json_response(answer)

        s.fake.faults["/prompt"] = fast
        await s.submit("p1")
        await s.heard.end("p1")
        assert s.heard.types("p1")[0] == "execution_start"
        assert s.heard.ends("p1") == ["execution_success"]
        assert s.heard.of("somebody's") == []


async def test_a_server_without_an_event_for_success(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        for prompt_id in ("p1", "p2"):
            await s.submit(prompt_id)
            s.fake.take()
            await s.fake.send("execution_start", prompt_id=prompt_id)
            s.fake.finish({"2": s.fake.write(f"{prompt_id}.png", PNG)})
            await s.fake.send("executing", node=None, prompt_id=prompt_id)
            assert (await s.heard.end(prompt_id)).type == "execution_success"
        expected = ["execution_start", "execution_cached", "executed", "execution_success", "executing"]
        await s.heard.told("p2", expected)
        assert [c.connected for c in s.heard.connections] == [True]


async def test_ids_of_its_own_are_found_again_after_our_restart(tmp_path: Path) -> None:
    async with studio(tmp_path, honours_ids=False) as s:
        for number, prompt_id in enumerate(["done", "runs", "waits"]):
            await s.submit(prompt_id, float(number))
        await s.fake.run()
        s.fake.take()
        async with listening(make_engine(s.fake.url, tmp_path / "later")) as heard:
            found = await again_states(heard, s)
            assert found == {"done": "done", "runs": "running", "waits": "queued"}


async def again_states(heard: Heard, s: Studio) -> dict[str, str]:
    await heard.connection(True)
    later = make_engine(s.fake.url, s.folder.parent / "later")
    try:
        return {k: v.state for k, v in (await later.lookup(["done", "runs", "waits", "unknown"])).items()}
    finally:
        await later.close()


# Events


async def test_previews_of_both_formats(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        s.fake.take()
        await s.fake.send_bytes(preview(JPEG))  # nothing of ours runs yet
        await s.fake.send("executing", node="1", prompt_id="p1")
        await s.fake.send_bytes(preview(PNG, 2))
        await s.fake.send_bytes(preview_with_metadata(JPEG, node_id="1", prompt_id="p1", image_type="image/jpeg"))
        await s.fake.send_bytes(preview_with_metadata(JPEG, node_id="1", prompt_id="somebody's"))
        await s.heard.all_of(s.fake)
        assert [(p.prompt_id, p.node_id, p.mime, p.data) for p in s.heard.previews] == [
            ("p1", None, "image/png", PNG),
            ("p1", "1", "image/jpeg", JPEG),
        ]
        assert s.fake.hellos[0] == {"type": "feature_flags", "data": {"supports_preview_metadata": True}}


async def test_garbage_on_the_socket_is_ignored(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        for frame in (b"", b"\0", preview(b"GIF89a"), b"\0\0\0\4\xff\xff\xff\xff{}", b"\0\0\0\3\0\0\0\1" + b"1text"):
            await s.fake.send_bytes(frame)
        for socket in s.fake.sockets.values():
            for text in (
                "",
                "{",
                "[]",
                "null",
                '{"type": 5}',
                '{"type": "x", "data": NaN}',
                '{"data": {}}',
                "[" * 10_000,
            ):
                await socket.send_str(text)
        await s.fake.run()
        await s.heard.end("p1")
        assert len(s.heard.connections) == 1


async def test_the_status_does_not_give_our_client_id_away(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        statuses = [event for event in s.heard.json if event.type == "status"]
        assert [event.data for event in statuses] == [{"status": {"exec_info": {}}}]


async def test_prompts_of_others_are_not_ours(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1", 5.0)
        s.fake.pending.insert(0, [0, "theirs", {}, {"client_id": "x"}, []])
        await s.fake.run({"2": s.fake.write("theirs.png", PNG)})
        await s.fake.send("cozygen_batch_ready", images=[])
        await s.heard.all_of(s.fake)
        assert {event.type for event in s.heard.json} == {"status", "mark"}
        assert not (tmp_path / "studio/output/theirs.png").exists()


async def test_messages_of_our_nodes_belong_to_the_prompt_that_runs(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        s.fake.take()
        await s.fake.send("execution_start", prompt_id="p1")
        await s.fake.send("cozygen_batch_ready", status="images_generated", images=[])
        await s.fake.send("progress", value=1, max=2)
        await s.heard.until(lambda: len(s.heard.types("p1")) > 2)
        assert s.heard.types("p1") == ["execution_start", "cozygen_batch_ready", "progress"]


async def test_a_blocked_node_is_not_the_end(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        await s.fake.send("execution_start", prompt_id="p1")
        await s.fake.send("execution_error", prompt_id="p1", exception_type="ExecutionBlocked", exception_message="no")
        await s.fake.run()
        assert (await s.heard.end("p1")).type == "execution_success"
        assert s.heard.ends("p1") == ["execution_success"]


async def test_an_error_is_passed_on_whole(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        s.fake.take()
        data = {"prompt_id": "p1", "node_id": "1", "exception_message": "it broke", "traceback": ["a"], "x": None}
        await s.fake.send("execution_error", **data)
        assert (await s.heard.end("p1")).data == data


# The connection


async def test_what_was_missed_is_told_once_and_in_order(tmp_path: Path) -> None:
    async with studio(tmp_path, timing=NOTHING_ON_ITS_OWN) as s:
        for number, prompt_id in enumerate(["p1", "p2", "p3"]):
            await s.submit(prompt_id, float(number))
        s.fake.take()
        await s.fake.send("execution_start", prompt_id="p1", timestamp=1)
        await s.fake.send("executed", node="1", display_node="1", output={"text": ["a"]}, prompt_id="p1")
        await s.heard.all_of(s.fake)
        sockets = dict(s.fake.sockets)
        s.fake.sockets.clear()
        s.fake.finish({"1": {"text": ["a"]}, "2": s.fake.write("a.png", PNG)})
        s.fake.take()
        s.fake.finish(end="execution_error", node_id="2", exception_message="broke")
        for socket in sockets.values():
            await socket.close()
        await s.heard.end("p1")
        await s.heard.end("p2")
        await s.heard.connection(True, 2)
        await s.heard.told("p1", ["execution_start", "executed", "executed", "execution_success", "executing"])
        assert [event.data["node"] for event in s.heard.of("p1") if event.type == "executed"] == ["1", "2"]
        await s.heard.told("p2", ["execution_start", "execution_cached", "execution_error", "executing"])
        assert (await s.heard.end("p2")).data["exception_message"] == "broke"
        assert s.heard.of("p3") == []
        assert (tmp_path / "studio/output/a.png").read_bytes() == PNG
        assert [c.connected for c in s.heard.connections] == [True, False, True]
        await s.fake.send("execution_success", prompt_id="p2")  # late
        await s.heard.all_of(s.fake)
        assert s.heard.ends("p2") == ["execution_error"]


async def test_a_restarted_server_has_lost_what_waited(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        for number, prompt_id in enumerate(["p1", "p2"]):
            await s.submit(prompt_id, float(number))
        await s.fake.stop()
        await s.heard.connection(False)
        assert s.heard.ends("p1") == []
        await s.fake.start()
        await s.heard.end("p1")
        await s.heard.end("p2")
        await s.heard.connection(True, 2)
        lost = [event for event in s.heard.json if event.type == "cozygen_lost"]
        assert [event.data["prompt_id"] for event in lost] == ["p1", "p2"]
        await s.submit("p1")
        await s.fake.run()
        await s.heard.until(lambda: len(s.heard.ends("p1")) == 2)
        assert s.heard.ends("p1") == ["cozygen_lost", "execution_success"]


async def test_a_prompt_that_somebody_takes_out_is_cancelled_not_lost(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        s.fake.pending.clear()
        assert (await s.heard.end("p1")).type == "execution_interrupted"


async def test_a_socket_that_has_gone_deaf_is_noticed(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        s.fake.sockets.clear()  # ComfyUI does so when the connection before this one ends late
        s.fake.take()
        s.fake.finish({"2": s.fake.write("a.png", PNG)})
        assert (await s.heard.end("p1")).type == "execution_success"
        await s.fake.connected()
        await s.heard.connection(True, 2)
        assert s.heard.ends("p1") == ["execution_success"]


async def test_prompts_are_followed_without_a_socket(tmp_path: Path) -> None:
    async with studio(tmp_path, connect=False) as s:
        s.fake.faults["/ws"] = answering(404, "no")
        await s.fake.drop_sockets()
        await s.heard.connection(False)
        await s.submit("p1")
        s.fake.take()
        await s.heard.until(lambda: s.heard.types("p1") == ["execution_start"])
        s.fake.finish()
        assert (await s.heard.end("p1")).type == "execution_success"
        health = await s.engine.health()
        assert health.ok
        assert "not connected" in health.note
        assert "websocket" in s.heard.connections[-1].message


async def test_an_engine_that_starts_before_its_server(tmp_path: Path) -> None:
    fake = FakeComfy(tmp_path / "comfyui")
    await fake.start()
    await fake.stop()
    async with listening(make_engine(fake.url, tmp_path / "studio")) as heard:
        await heard.connection(False)
        await fake.start()
        await heard.connection(True)
    assert [c.connected for c in heard.connections] == [False, True]
    await fake.stop()


async def test_a_new_engine_takes_over_what_the_old_one_queued(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        await s.submit("p2", 1.0)
        async with listening(make_engine(s.fake.url, tmp_path / "later")) as heard:
            await heard.connection(True)
        later = make_engine(s.fake.url, tmp_path / "later")
        async with listening(later) as heard:
            await heard.connection(True)
            found = await later.lookup(["p1", "p2"])
            assert [outcome.state for outcome in found.values()] == ["queued", "queued"]
            s.fake.sockets.clear()  # its events go to the client id of old
            s.fake.take()
            await heard.until(lambda: heard.types("p1") == ["execution_start"])
            s.fake.finish({"2": s.fake.write("a.png", PNG)})
            await heard.end("p1")
            await heard.told(
                "p1",
                [
                    "execution_start",
                    "execution_cached",
                    "executed",
                    "execution_success",
                    "executing",
                ],
            )
        assert (tmp_path / "later/output/a.png").exists()


# Cancelling


async def test_a_waiting_prompt_is_taken_out(tmp_path: Path) -> None:
    async with studio(tmp_path, timing=NOTHING_ON_ITS_OWN) as s:
        await s.submit("p1")
        await s.submit("p2", 1.0)
        assert await s.engine.cancel("p2")
        assert [item[1] for item in s.fake.pending] == ["p1"]
        assert s.fake.interrupts == []
        await s.heard.end("p2")
        assert s.heard.types("p2") == ["execution_interrupted"]
        assert not await s.engine.cancel("p2")
        assert not await s.engine.cancel("unknown")


async def test_a_running_prompt_is_interrupted_until_it_ends(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        s.fake.take()
        assert await s.engine.cancel("p1")
        async with asyncio.timeout(20):
            while len(s.fake.interrupts) < 3:  # ComfyUI forgets one that comes too early
                await asyncio.sleep(0.01)
        assert all(body == {"prompt_id": "p1"} for body in s.fake.interrupts)
        await s.fake.send("execution_interrupted", prompt_id="p1", node_id="1")
        s.fake.finish(end="execution_interrupted")
        assert (await s.heard.end("p1")).data["node_id"] == "1"
        assert (await s.engine.lookup(["p1"]))["p1"].state == "cancelled"


async def test_a_prompt_that_begins_while_it_is_taken_out(tmp_path: Path) -> None:
    async with studio(tmp_path, timing=NOTHING_ON_ITS_OWN) as s:
        await s.submit("p1")

        async def too_late(request: web.Request) -> web.Response:
            if request.method == "GET":
                return await s.fake._get_queue(request)
            s.fake.take()
            return web.Response()

        s.fake.faults["/queue"] = too_late
        assert await s.engine.cancel("p1")
        assert s.fake.interrupts == [{"prompt_id": "p1"}]
        assert s.heard.ends("p1") == []


async def test_a_prompt_that_ends_while_it_is_taken_out(tmp_path: Path) -> None:
    async with studio(tmp_path, timing=NOTHING_ON_ITS_OWN) as s:
        await s.submit("p1")

        async def too_late(request: web.Request) -> web.Response:
            if request.method == "GET":
                return await s.fake._get_queue(request)
            s.fake.take()
            s.fake.finish()
            return web.Response()

        s.fake.faults["/queue"] = too_late
        assert await s.engine.cancel("p1")
        assert (await s.heard.end("p1")).type == "execution_success"


# Withdrawing


async def test_withdrawing_is_silent(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")
        await s.submit("p2", 1.0)
        assert await s.engine.withdraw("p2")
        assert not await s.engine.withdraw("p2")
        s.fake.take()
        assert not await s.engine.withdraw("p1")
        assert s.fake.interrupts == []
        await s.submit("p2", -5.0)
        assert [item[:2] for item in s.fake.pending] == [[-5.0, "p2"]]
        s.fake.finish()
        await s.heard.end("p1")  # by a look at the queue: whatever it had to say of p2 is said
        assert s.heard.of("p2") == []
        await s.fake.run()
        assert (await s.heard.end("p2")).type == "execution_success"


async def test_a_prompt_that_begins_while_it_is_withdrawn(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        await s.submit("p1")

        async def too_late(request: web.Request) -> web.Response:
            if request.method == "GET":
                return await s.fake._get_queue(request)
            await s.fake.run()
            return web.Response()

        s.fake.faults["/queue"] = too_late
        assert not await s.engine.withdraw("p1")
        assert (await s.heard.end("p1")).type == "execution_success"


async def test_a_prompt_is_withdrawn_when_it_is_queued(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        arrived, go_on = asyncio.Event(), asyncio.Event()

        async def slow(request: web.Request) -> web.Response:
            arrived.set()
            await go_on.wait()
            return web.json_response(s.fake.queue_up(await request.json()))

        s.fake.faults["/prompt"] = slow
        queued = asyncio.create_task(s.submit("p1"))
        await arrived.wait()
        withdrawn = asyncio.create_task(s.engine.withdraw("p1"))
        await asyncio.sleep(0)
        go_on.set()
        await queued
        assert await withdrawn
        assert s.fake.pending == []


# Looking up


async def test_how_prompts_ended(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        error = {"node_id": "1", "exception_message": "broke", "exception_type": "E"}
        for prompt_id, end, data in (
            ("good", "execution_success", {}),
            ("bad", "execution_error", error),
            ("stopped", "execution_interrupted", {}),
        ):
            await s.submit(prompt_id)
            s.fake.take()
            s.fake.finish({"2": {"images": []}}, end=end, **data)
        found = await s.engine.lookup(["good", "bad", "stopped", "unknown"])
        assert {k: v.state for k, v in found.items()} == {"good": "done", "bad": "failed", "stopped": "cancelled"}
        assert found["bad"].error == {"prompt_id": "bad", "timestamp": 3, **error}
        assert found["good"].outputs == {"2": {"images": []}}
        for prompt_id in found:
            await s.heard.end(prompt_id)
        await s.heard.all_of(s.fake)
        assert [s.heard.ends(prompt_id) for prompt_id in found] == [
            ["execution_success"],
            ["execution_error"],
            ["execution_interrupted"],
        ]
        assert await s.engine.lookup([]) == {}


async def test_a_queue_that_is_out_of_date(tmp_path: Path) -> None:
    async with studio(tmp_path, timing=NOTHING_ON_ITS_OWN) as s:
        await s.submit("p1")

        async def late(request: web.Request) -> web.Response:
            answer = await s.fake._get_queue(request)
            if s.fake.pending:
                await s.fake.run()
                await s.heard.end("p1")
            return answer

        s.fake.faults["/queue"] = late
        assert (await s.engine.lookup(["p1"]))["p1"].state == "queued"
        assert (await s.engine.lookup(["p1"]))["p1"].state == "done"
        await s.submit("p2")
        s.fake.faults["/queue"] = answering(
            200, json.dumps({"queue_running": [[0, "p1", {}, {}, []]], "queue_pending": []}), "application/json"
        )
        assert not await s.engine.cancel("p1")
        await s.heard.all_of(s.fake)
        assert s.heard.types("p1").count("execution_start") == 1
        assert s.heard.ends("p1") == ["execution_success"]


async def test_an_end_that_the_history_does_not_have(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        for number, prompt_id in enumerate(["taken", "failed", "wiped"]):
            await s.submit(prompt_id, float(number))
        await s.engine.cancel("taken")
        await s.fake.run(end="execution_error")
        await s.fake.run()
        for prompt_id in ("taken", "failed", "wiped"):
            await s.heard.end(prompt_id)
        s.fake.history.clear()
        found = await s.engine.lookup(["taken", "failed", "wiped"])
        assert {k: v.state for k, v in found.items()} == {"taken": "cancelled", "failed": "failed", "wiped": "done"}
        assert found["failed"].error is not None
        await s.submit("failed")
        s.fake.pending.clear()
        await s.heard.until(lambda: len(s.heard.ends("failed")) == 2)
        assert s.heard.ends("failed") == ["execution_error", "execution_interrupted"]


# The address


async def test_a_prefix_and_a_password(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = "http://me:p%40ss@127.0.0.1:{port}/some/prefix/"
    async with studio(tmp_path, url=url, prefix="/some/prefix", password="me:p@ss") as s:
        await s.submit("p1")
        await s.fake.run({"2": s.fake.write("a.png", PNG)})
        await s.heard.end("p1")
        assert (tmp_path / "studio/output/a.png").exists()
        health = await s.engine.health()
        assert health.version == "0.9.1"
        assert health.url == s.fake.url
        assert "p%40ss" not in f"{health} {s.heard.connections} {caplog.text}"
        assert "p@ss" not in f"{health} {s.heard.connections} {caplog.text}"


async def test_a_wrong_password_is_told(tmp_path: Path) -> None:
    async with studio(tmp_path, url="http://me:no@127.0.0.1:{port}", password="me:yes", connect=False) as s:
        await s.heard.connection(False)
        assert "refuses access (401)" in s.heard.connections[0].message
        assert "refuses access" in (await s.engine.health()).note
        with pytest.raises(EngineError, match="refuses access"):
            await s.submit("p1")


@pytest.mark.parametrize("url", ["", "ftp://x", "127.0.0.1:8188", "http://", "http://x:99999", "http://me:secret@"])
def test_what_is_no_address(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match=r"http\(s\) URL") as caught:
        make_engine(url, tmp_path)
    assert "secret" not in str(caught.value)


async def test_probe(tmp_path: Path) -> None:
    async with studio(tmp_path, connect=False) as s:
        assert await probe(s.fake.url) == "0.9.1"
        s.fake.faults["/system_stats"] = answering(200, '{"system": {}, "devices": []}', "application/json")
        assert await probe(s.fake.url) == "unknown"
        for body in ("<html>", "[]", "{}", '{"system": 1, "devices": []}'):
            s.fake.faults["/system_stats"] = answering(200, body, "application/json")
            assert await probe(s.fake.url) is None
        hang = asyncio.Event()

        async def never(request: web.Request) -> web.Response:
            await hang.wait()
            return web.Response()

        s.fake.faults["/system_stats"] = never
        assert await probe(s.fake.url) is None
        hang.set()
    assert await probe(s.fake.url) is None
    assert await probe("not a url") is None


async def test_other_programs_are_not_healthy(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        s.fake.faults["/system_stats"] = answering(200, '{"status": "ok"}', "application/json")
        health = await s.engine.health()
        assert (health.ok, health.note) == (False, f"{s.fake.url} is not a ComfyUI.")


# The end


async def test_closing_ends_the_events_and_all_work(tmp_path: Path) -> None:
    async with studio(tmp_path) as s:
        arrived = asyncio.Event()

        async def never(request: web.Request) -> web.Response:
            arrived.set()
            await asyncio.sleep(3600)
            return web.Response()

        s.fake.faults["/prompt"] = never
        call = asyncio.create_task(s.submit("p1"))
        await arrived.wait()
        await s.engine.close()
        with pytest.raises(EngineUnavailable):
            await call
        with pytest.raises(EngineUnavailable):
            await s.engine.object_info()
        assert [event async for event in s.engine.events()] == []


async def test_an_engine_that_was_never_started_can_be_closed(tmp_path: Path) -> None:
    engine: ComfyUIEngine = make_engine("http://127.0.0.1:9", tmp_path)
    await engine.close()
    assert not (await engine.health()).ok
