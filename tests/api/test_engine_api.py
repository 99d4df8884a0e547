"""ComfyUI's own API on our origin, with the embedded engine rendering for real behind it."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientWebSocketResponse, WSMsgType
from aiohttp.test_utils import TestClient, TestServer
from PIL import Image

from cozygen.app import build_app
from cozygen.engines.embedded.engine import EmbeddedEngine
from cozygen.settings import Settings
from cozygen.web.services import SERVICES
from tests.api.declared import DeclaredClient

pytestmark = pytest.mark.asyncio(loop_scope="module")

Client = TestClient[Any, Any]
PREFIXES = pytest.mark.parametrize("prefix", ["", "/api"])


def node(class_type: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": class_type, "inputs": inputs}


def picture(name: str = "x", *, color: int = 0xFF0000, radius: int = 1) -> dict[str, Any]:
    """A small picture, blurred and saved."""
    return {
        "1": node("EmptyImage", width=16, height=8, batch_size=1, color=color),
        "2": node("ImageBlur", image=["1", 0], blur_radius=radius, sigma=1.0),
        "3": node("SaveImage", images=["2", 0], filename_prefix=name),
    }


def slow(steps: int = 3, seconds: float = 0.0) -> dict[str, Any]:
    """Something that takes its time, and shows previews. No two are alike, so that none comes from the cache."""
    tag = uuid.uuid4().int % 2**31
    return {"1": node("Slow", steps=steps, seconds=seconds, tag=tag), "2": node("Show", value=["1", 0])}


def endless() -> dict[str, Any]:
    """Something that runs until it is interrupted."""
    return slow(100_000, 0.02)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def studio(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Client]:
    folder = tmp_path_factory.mktemp("studio")
    (folder / ".example-written").touch()
    settings = Settings(_env_file=None, data_dir=folder, engine="embedded")
    engine = EmbeddedEngine(
        settings.inputs, settings.outputs, folder / "temp", extra_modules=["tests.engines.embedded.little_nodes"]
    )
    async with DeclaredClient(TestServer(build_app(settings, engine))) as client:
        yield client


@pytest.fixture
def outputs(studio: Client) -> Path:
    app = studio.app
    assert app is not None
    folder: Path = app[SERVICES].settings.outputs
    return folder


class Listener:
    """A websocket, and what has come over it."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen: list[tuple[str, Any]] = []

    async def next(self) -> tuple[str, Any]:
        message = await self.socket.receive(timeout=60)
        assert message.type in (WSMsgType.TEXT, WSMsgType.BINARY), message
        if message.type is WSMsgType.BINARY:
            self.seen.append(("binary", message.data))
        else:
            frame = json.loads(message.data)
            assert set(frame) == {"type", "data"}
            self.seen.append((frame["type"], frame["data"]))
        return self.seen[-1]

    async def until(self, kind: str, wanted: Callable[[Any], bool] = lambda data: True) -> Any:
        while True:
            found, data = await self.next()
            if found == kind and wanted(data):
                return data

    async def end(self, prompt_id: str) -> list[tuple[str, Any]]:
        """Everything until ComfyUI's last word on a prompt."""
        start = len(self.seen)
        await self.until("executing", lambda data: data == {"node": None, "prompt_id": prompt_id})
        return self.seen[start:]

    def about(self, prompt_id: str) -> list[str]:
        """The names of the events of a prompt."""
        return [kind for kind, data in self.seen if isinstance(data, dict) and data.get("prompt_id") == prompt_id]


@asynccontextmanager
async def listening(studio: Client, client_id: str | None = None, *, prefix: str = "") -> AsyncIterator[Listener]:
    query = "" if client_id is None else f"?clientId={client_id}"
    async with studio.ws_connect(f"{prefix}/ws{query}") as socket:
        yield Listener(socket)


async def ask(studio: Client, method: str, path: str, body: Any = None, *, status: int = 200) -> Any:
    response = await studio.request(method, path, json=body)
    text = await response.text()
    assert response.status == status, text
    return json.loads(text) if text else None


async def submit(studio: Client, graph: Any, client_id: str | None = None, *, prefix: str = "", **more: Any) -> str:
    body = {"prompt": graph, **more} if client_id is None else {"prompt": graph, "client_id": client_id, **more}
    answer = await ask(studio, "POST", f"{prefix}/prompt", body)
    assert set(answer) == {"prompt_id", "number", "node_errors"}
    prompt_id: str = answer["prompt_id"]
    return prompt_id


async def render(studio: Client, graph: Any, **more: Any) -> dict[str, Any]:
    """Queue a prompt, follow it to its end, give its entry in the history."""
    client_id = uuid.uuid4().hex
    async with listening(studio, client_id) as listener:
        prompt_id = await submit(studio, graph, client_id, **more)
        await listener.end(prompt_id)
    entry: dict[str, Any] = (await ask(studio, "GET", f"/history/{prompt_id}"))[prompt_id]
    return entry


@asynccontextmanager
async def busy(studio: Client) -> AsyncIterator[str]:
    """The engine is held up by a prompt."""
    client_id = uuid.uuid4().hex
    async with listening(studio, client_id) as listener:
        prompt_id = await submit(studio, endless(), client_id)
        await listener.until("progress")
        try:
            yield prompt_id
        finally:
            await ask(studio, "POST", "/interrupt", {"prompt_id": prompt_id})
            if (await ask(studio, "GET", f"/history/{prompt_id}")) == {}:
                await listener.end(prompt_id)


# /prompt


@PREFIXES
async def test_a_prompt_is_rendered(studio: Client, outputs: Path, prefix: str) -> None:
    client_id = uuid.uuid4().hex
    graph = picture("first/x", color=len(prefix))
    async with listening(studio, client_id, prefix=prefix) as listener:
        first = await listener.next()
        assert first == ("status", {"status": {"exec_info": {"queue_remaining": 0}}, "sid": client_id})
        prompt_id = await submit(studio, graph, client_id, prefix=prefix)
        events = await listener.end(prompt_id)
    names = [kind for kind, data in events if "progress" not in kind and data.get("prompt_id") == prompt_id]
    assert names[:2] == ["execution_start", "execution_cached"]
    assert names[-3:] == ["executed", "execution_success", "executing"]
    assert [data["node"] for kind, data in events if kind == "executing"][-2:] == ["3", None]
    (executed,) = [data for kind, data in events if kind == "executed"]
    (shown,) = executed["output"]["images"]
    assert (executed["node"], executed["display_node"]) == ("3", "3")
    assert (shown["subfolder"], shown["type"]) == ("first", "output")
    with Image.open(outputs / "first" / shown["filename"]) as found:
        assert found.size == (16, 8) and json.loads(found.info["prompt"]) == graph
    remaining = [data["status"]["exec_info"]["queue_remaining"] for kind, data in events if kind == "status"]
    assert remaining[0] == 1 and remaining[-1] == 0
    entry = (await ask(studio, "GET", f"{prefix}/history/{prompt_id}"))[prompt_id]
    assert entry["outputs"] == {"3": executed["output"]}
    assert entry["status"]["status_str"] == "success" and entry["status"]["completed"] is True
    assert [name for name, _ in entry["status"]["messages"]] == [
        "execution_start",
        "execution_cached",
        "execution_success",
    ]
    number, stored_id, stored, extra_data, targets = entry["prompt"]
    assert isinstance(number, int) and (stored_id, stored, targets) == (prompt_id, graph, ["3"])
    assert extra_data["client_id"] == client_id and isinstance(extra_data["create_time"], int)
    assert entry["meta"] == {"3": {"node_id": "3", "display_node": "3", "parent_node": None, "real_node_id": "3"}}


async def test_what_has_not_changed_comes_from_the_cache(studio: Client) -> None:
    first = await render(studio, picture("cached", color=0x123456))
    again = await render(studio, picture("again", color=0x123456))
    cached = dict(again["status"]["messages"])["execution_cached"]
    assert set(cached["nodes"]) >= {"1", "2"} and first["outputs"] != again["outputs"]


async def test_a_client_chooses_ids_and_numbers(studio: Client) -> None:
    prompt_id = str(uuid.uuid4())
    answer = await ask(studio, "POST", "/prompt", {"prompt": picture("own"), "prompt_id": prompt_id, "number": 2.5})
    assert answer == {"prompt_id": prompt_id, "number": 2.5, "node_errors": {}}
    again = await ask(studio, "POST", "/prompt", {"prompt": picture("own"), "prompt_id": prompt_id}, status=409)
    assert again["error"]["type"] == "duplicate_prompt_id"


async def test_some_outputs_of_a_prompt(studio: Client) -> None:
    graph = picture("both") | {"4": node("SaveImage", images=["1", 0], filename_prefix="other")}
    entry = await render(studio, graph, partial_execution_targets=["4"])
    assert list(entry["outputs"]) == ["4"] and entry["prompt"][4] == ["4"]


async def test_an_output_that_cannot_be_made_is_told(studio: Client) -> None:
    graph = picture("half") | {"4": node("SaveImage", filename_prefix="x")}
    answer = await ask(studio, "POST", "/prompt", {"prompt": graph})
    assert answer["node_errors"]["4"]["errors"][0]["type"] == "required_input_missing"


REFUSED: list[tuple[str, Any, str, str | None]] = [
    ("no outputs", {"1": node("EmptyImage", width=8, height=8, batch_size=1, color=0)}, "prompt_no_outputs", None),
    ("nothing", {}, "prompt_no_outputs", None),
    ("unknown class", {"1": node("Nonsense")}, "missing_node_type", None),
    ("no class", {"1": {"inputs": {}}}, "invalid_prompt", None),
    ("missing", {"1": node("SaveImage", filename_prefix="x")}, "prompt_outputs_failed_validation", "required_input_missing"),
    ("too small", {**picture(), "1": node("EmptyImage", width=0, height=8, batch_size=1, color=0)}, "prompt_outputs_failed_validation", "value_smaller_than_min"),
    ("too big", {**picture(), "1": node("EmptyImage", width=99999, height=8, batch_size=1, color=0)}, "prompt_outputs_failed_validation", "value_bigger_than_max"),
    ("wrong type", {**picture(), "1": node("EmptyImage", width="wide", height=8, batch_size=1, color=0)}, "prompt_outputs_failed_validation", "invalid_input_type"),
    ("wrong link", {**picture(), "2": node("ImageBlur", image=["1", 7], blur_radius=1, sigma=1.0)}, "prompt_outputs_failed_validation", "bad_linked_input"),
    ("link to another type", {"1": node("Number", value=1), "3": node("SaveImage", images=["1", 0], filename_prefix="x")}, "prompt_outputs_failed_validation", "return_type_mismatch"),
    ("not in list", {"1": node("LoadImage", image="gone.png"), "3": node("SaveImage", images=["1", 0], filename_prefix="x")}, "prompt_outputs_failed_validation", "custom_validation_failed"),
]  # fmt: skip


@pytest.mark.parametrize(("graph", "kind", "reason"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
async def test_a_wrong_prompt_is_refused(studio: Client, graph: Any, kind: str, reason: str | None) -> None:
    answer = await ask(studio, "POST", "/prompt", {"prompt": graph}, status=400)
    assert set(answer) == {"error", "node_errors"} and set(answer["error"]) == {
        "type",
        "message",
        "details",
        "extra_info",
    }
    assert answer["error"]["type"] == kind
    if reason is None:
        assert answer["node_errors"] in ({}, [])
        return
    errors = [error for entry in answer["node_errors"].values() for error in entry["errors"]]
    assert reason in {error["type"] for error in errors}
    for entry in answer["node_errors"].values():
        assert set(entry) == {"errors", "dependent_outputs", "class_type"}
        assert all(set(error) == {"type", "message", "details", "extra_info"} for error in entry["errors"])


async def test_a_cycle_is_refused_or_fails_alone(studio: Client) -> None:
    graph = {
        "1": node("ImageBlur", image=["2", 0], blur_radius=1, sigma=1.0),
        "2": node("ImageBlur", image=["1", 0], blur_radius=1, sigma=1.0),
        "3": node("SaveImage", images=["1", 0], filename_prefix="x"),
    }
    answer = await ask(studio, "POST", "/prompt", {"prompt": graph}, status=400)
    assert "cycle" in json.dumps(answer).lower()
    await render(studio, picture("after-cycle"))


BAD_BODIES: list[tuple[bytes, str]] = [
    (b"", "bad_json"), (b"{", "bad_json"), (b'{"prompt": NaN}', "bad_json"), (b"[]", "bad_json"), (b"null", "bad_json"),
    (b"{}", "no_prompt"), (b'{"prompt": null}', "no_prompt"), (b'{"prompt": {}, "number": "x"}', "invalid_request"),
    (b'{"prompt": {}, "number": 1e999}', "bad_json"), (b'{"prompt": {}, "prompt_id": ""}', "invalid_prompt_id"),
    (b'{"prompt": {}, "prompt_id": 5}', "invalid_request"), (b'{"prompt": {}, "client_id": ["x"]}', "invalid_request"),
    (b'{"prompt": {}, "extra_data": []}', "invalid_request"),
    (b'{"prompt": {}, "partial_execution_targets": "3"}', "invalid_partial_execution_targets"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "kind"), BAD_BODIES)
async def test_what_is_no_prompt(studio: Client, body: bytes, kind: str) -> None:
    response = await studio.post("/prompt", data=body, headers={"Content-Type": "application/json"})
    answer = await response.json()
    assert (response.status, answer["error"]["type"]) == (400, kind)
    assert set(answer["error"]) == {"type", "message", "details", "extra_info"} and answer["node_errors"] == {}


@pytest.mark.parametrize(
    "graph",
    [
        [],
        "x",
        5,
        True,
        {"1": None},
        {"1": []},
        {"1": {"class_type": 5, "inputs": {}}},
        {"1": node("SaveImage") | {"inputs": 3}},
    ],
)
async def test_what_is_no_graph(studio: Client, graph: Any) -> None:
    answer = await ask(studio, "POST", "/prompt", {"prompt": graph}, status=400)
    assert isinstance(answer["error"]["message"], str) and answer["error"]["type"]


async def test_a_failure_is_told_and_ends_only_its_prompt(studio: Client) -> None:
    client_id = uuid.uuid4().hex
    graph = {"1": node("Fail", how="value"), "2": node("Show", value=["1", 0])}
    async with listening(studio, client_id) as listener:
        prompt_id = await submit(studio, graph, client_id)
        error = await listener.until("execution_error")
        await listener.end(prompt_id)
    assert (error["prompt_id"], error["node_id"], error["node_type"]) == (prompt_id, "1", "Fail")
    assert error["exception_type"] == "ValueError" and "it went wrong" in error["exception_message"]
    assert {"executed", "traceback", "current_inputs", "current_outputs"} <= set(error)
    entry = (await ask(studio, "GET", f"/history/{prompt_id}"))[prompt_id]
    assert entry["status"]["status_str"] == "error" and entry["status"]["completed"] is False
    assert entry["status"]["messages"][-1][0] == "execution_error"
    await render(studio, picture("after-failure"))


# /ws


async def test_without_a_client_id_one_is_given(studio: Client) -> None:
    async with listening(studio) as one, listening(studio, "") as two:
        ids = [(await listener.next())[1]["sid"] for listener in (one, two)]
    assert all(len(sid) == 32 for sid in ids) and ids[0] != ids[1]


async def test_previews_without_metadata(studio: Client) -> None:
    async with listening(studio, "plain") as listener:
        prompt_id = await submit(studio, slow(), "plain")
        events = await listener.end(prompt_id)
    frame = next(data for kind, data in events if kind == "binary")
    event, image_type = struct.unpack_from(">II", frame)
    assert event == 1 and image_type in (1, 2)
    with Image.open(io.BytesIO(frame[8:])) as preview:
        assert preview.format == {1: "JPEG", 2: "PNG"}[image_type] and max(preview.size) <= 512


async def test_previews_with_metadata(studio: Client) -> None:
    async with listening(studio, "rich") as listener:
        await listener.socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        features = await listener.until("feature_flags")
        assert features == await ask(studio, "GET", "/features") and features["supports_preview_metadata"] is True
        prompt_id = await submit(studio, slow(), "rich")
        events = await listener.end(prompt_id)
    frame = next(data for kind, data in events if kind == "binary")
    event, length = struct.unpack_from(">II", frame)
    header = json.loads(frame[8 : 8 + length])
    assert event == 4 and header["prompt_id"] == prompt_id and header["image_type"] in ("image/jpeg", "image/png")
    for key in ("node_id", "display_node_id", "real_node_id"):
        assert header[key] == "1"
    with Image.open(io.BytesIO(frame[8 + length :])) as preview:
        assert preview.get_format_mimetype() == header["image_type"]


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        "5",
        '{"type": "feature_flags"}',
        '{"type": "feature_flags", "data": 3}',
        '{"a": 1}',
        "\x00",
        "[" * 50_000,
    ],
)
async def test_a_socket_bears_anything(studio: Client, message: str) -> None:
    client_id = uuid.uuid4().hex
    async with listening(studio, client_id) as listener:
        await listener.socket.send_str(message)
        await listener.socket.send_bytes(b"\x00\xff")
        await listener.end(await submit(studio, picture("bears"), client_id))


async def test_features_are_negotiated_first_or_never(studio: Client) -> None:
    async with listening(studio, "late") as listener:
        await listener.socket.send_str("{}")
        await listener.socket.send_json({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
        prompt_id = await submit(studio, slow(), "late")
        events = await listener.end(prompt_id)
    assert "feature_flags" not in [kind for kind, _ in events]
    assert {struct.unpack_from(">I", data)[0] for kind, data in events if kind == "binary"} == {1}


async def test_who_comes_back_learns_what_runs(studio: Client) -> None:
    async with listening(studio, "comes-back") as listener:
        prompt_id = await submit(studio, endless(), "comes-back")
        await listener.until("progress")
    async with listening(studio, "comes-back") as again, listening(studio, "somebody-else") as other:
        assert (await again.next())[0] == "status"
        kind, data = await again.next()
        assert (kind, data["node"], data["prompt_id"]) == ("executing", "1", prompt_id)
        await ask(studio, "POST", "/interrupt")
        await again.until("execution_interrupted")
        await again.end(prompt_id)
        await submit(studio, picture("for-other"), "somebody-else")
        await other.until("execution_success")
    assert other.about(prompt_id) == []
    async with listening(studio, "comes-back") as late:
        prompt_id = await submit(studio, picture("late"), "comes-back")
        await late.until("execution_start")
    assert [kind for kind, _ in late.seen if kind == "executing"] == [], "nothing of it runs any more"


async def test_events_go_to_the_client_that_asked(studio: Client) -> None:
    async with listening(studio, "asks") as asks, listening(studio, "hears") as hears, listening(studio) as nameless:
        prompt_id = await submit(studio, picture("asks"), "asks")
        await asks.end(prompt_id)
        own = await submit(studio, picture("hears"), "hears")
        await hears.end(own)
        shared = await submit(studio, picture("everybody"))
        for listener in (asks, hears, nameless):
            await listener.end(shared)
    assert hears.about(prompt_id) == nameless.about(prompt_id) == nameless.about(own) == []
    assert asks.about(shared) == hears.about(shared) == nameless.about(shared) != []


async def test_it_is_a_websocket_only(studio: Client) -> None:
    for path in ("/ws", "/api/ws?clientId=x"):
        assert (await studio.get(path)).status == 400
    assert (await studio.get("/ws?clientId=" + "x" * 300)).status == 400


async def test_cozygens_nodes_tell_what_they_saved(studio: Client) -> None:
    graph = picture() | {"3": node("CozyGenOutput", images=["2", 0], filename_prefix="told/x")}
    async with listening(studio) as listener:
        prompt_id = await submit(studio, graph)
        ready = await listener.until("cozygen_batch_ready")
        await listener.end(prompt_id)
    assert ready["status"] == "images_generated"
    (image,) = ready["images"]
    assert (image["subfolder"], image["type"]) == ("told", "output") and image["url"].startswith("/view?")
    response = await studio.get(image["url"])
    assert response.status == 200 and response.content_type == "image/png"


# /view


@pytest.fixture
def files(outputs: Path) -> Path:
    folder = outputs / "viewed"
    folder.mkdir(exist_ok=True)
    Image.new("RGBA", (40, 20), (10, 200, 30, 128)).save(folder / "a.png")
    for name in ("page.html", "pic.svg", "run.js", "notes.txt", "data.json", "style.css", "noext"):
        (folder / name).write_text("<script>alert(1)</script>")
    (folder / "ü b.png").write_bytes((folder / "a.png").read_bytes())
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    return folder


@PREFIXES
async def test_a_file_is_shown(studio: Client, files: Path, prefix: str) -> None:
    data = (files / "a.png").read_bytes()
    for query in (
        "filename=a.png&subfolder=viewed&type=output",
        "filename=viewed/a.png",
        "filename=a.png+[output]&subfolder=viewed&type=temp",
    ):
        response = await studio.get(f"{prefix}/view?{query}")
        assert (response.status, response.content_type, await response.read()) == (200, "image/png", data)
    assert response.headers["Content-Disposition"] == 'inline; filename="a.png"'
    part = await studio.get(f"{prefix}/view?filename=viewed/a.png", headers={"Range": "bytes=1-3"})
    assert (part.status, await part.read()) == (206, data[1:4])
    assert part.headers["Content-Range"] == f"bytes 1-3/{len(data)}"
    beyond = await studio.get(f"{prefix}/view?filename=viewed/a.png", headers={"Range": f"bytes={len(data)}-"})
    assert beyond.status == 416 and beyond.headers["Content-Range"] == f"bytes */{len(data)}"
    head = await studio.head(f"{prefix}/view?filename=viewed/a.png")
    assert (head.status, head.content_length) == (200, len(data))


async def test_names_beyond_ascii(studio: Client, files: Path) -> None:
    response = await studio.get("/view", params={"filename": "ü b.png", "subfolder": "viewed"})
    assert response.headers["Content-Disposition"] == "inline; filename=\"_ b.png\"; filename*=UTF-8''%C3%BC%20b.png"


@pytest.mark.parametrize(
    ("preview", "kind", "form"),
    [("webp;50", "image/webp", "WEBP"), ("jpeg", "image/jpeg", "JPEG"), ("jpeg;999", "image/jpeg", "JPEG"), ("tiff", "image/webp", "WEBP"), ("", "image/webp", "WEBP"), ("webp;x", "image/webp", "WEBP")],
)  # fmt: skip
async def test_a_preview_is_encoded_anew(studio: Client, files: Path, preview: str, kind: str, form: str) -> None:
    response = await studio.get("/view", params={"filename": "a.png", "subfolder": "viewed", "preview": preview})
    assert (response.status, response.content_type) == (200, kind)
    with Image.open(io.BytesIO(await response.read())) as shown:
        assert (shown.format, shown.size) == (form, (40, 20))


async def test_a_preview_of_what_is_no_picture_is_the_file(studio: Client, files: Path) -> None:
    response = await studio.get("/view?filename=viewed/broken.png&preview=webp;50")
    assert await response.read() == (files / "broken.png").read_bytes()


@pytest.mark.parametrize("name", ["page.html", "pic.svg", "run.js", "notes.txt", "data.json", "style.css", "noext"])
async def test_what_could_run_is_a_download(studio: Client, files: Path, name: str) -> None:
    response = await studio.get(f"/view?filename={name}&subfolder=viewed")
    assert (
        response.content_type == "application/octet-stream" and response.headers["X-Content-Type-Options"] == "nosniff"
    )
    assert response.headers["Content-Disposition"] == f'attachment; filename="{name}"'


NOT_SHOWN = [
    ("", 404), ("filename=", 400), ("filename=gone.png", 404), ("filename=viewed", 404), ("filename=../x.png", 400), ("filename=/etc/passwd", 400),
    ("filename=a/../../x", 400), ("filename=..%5Cx", 400), ("filename=%5Cx", 400), ("filename=a%00.png", 400), ("filename=" + "x" * 300, 400),
    ("filename=a.png&subfolder=..", 403), ("filename=a.png&subfolder=../output-of-others", 403), ("filename=a.png&subfolder=/etc", 403),
    ("filename=a.png&subfolder=viewed/../..", 403), ("filename=a.png&subfolder=viewed&type=models", 400), ("filename=a.png&subfolder=nowhere", 404),
    ("filename=a.png+[temp]&subfolder=viewed", 404), ("filename=link.png&subfolder=viewed", 403),
]  # fmt: skip


@pytest.mark.parametrize(("query", "status"), NOT_SHOWN)
async def test_what_is_not_shown(studio: Client, files: Path, tmp_path: Path, query: str, status: int) -> None:
    (tmp_path / "secret.png").write_bytes((files / "a.png").read_bytes())
    (files / "link.png").unlink(missing_ok=True)
    (files / "link.png").symlink_to(tmp_path / "secret.png")
    await ask(studio, "GET", f"/view?{query}", status=status)


# /queue, /interrupt, /history


@PREFIXES
async def test_the_queue(studio: Client, prefix: str) -> None:
    assert await ask(studio, "GET", f"{prefix}/queue") == {"queue_running": [], "queue_pending": []}
    async with busy(studio) as running:
        waiting = [await submit(studio, picture(f"waits{number}")) for number in range(4)]
        urgent = await submit(studio, picture("urgent"), front=True)
        state = await ask(studio, "GET", f"{prefix}/queue")
        assert [item[1] for item in state["queue_running"]] == [running]
        assert [item[1] for item in state["queue_pending"]] == [urgent, *waiting]
        number, _, graph, extra_data, targets = state["queue_pending"][0]
        assert number < 0 and graph == picture("urgent") and targets == ["3"] and "client_id" not in extra_data
        assert await ask(studio, "GET", f"{prefix}/prompt") == {"exec_info": {"queue_remaining": 6}}
        await ask(studio, "POST", f"{prefix}/queue", {"delete": [waiting[1], running, "unknown"]})
        state = await ask(studio, "GET", f"{prefix}/queue")
        assert [item[1] for item in state["queue_running"]] == [running], "what runs is not deleted"
        assert [item[1] for item in state["queue_pending"]] == [urgent, waiting[0], *waiting[2:]]
        await ask(studio, "POST", f"{prefix}/queue", {"clear": False})
        assert len((await ask(studio, "GET", f"{prefix}/queue"))["queue_pending"]) == 4
        await ask(studio, "POST", f"{prefix}/queue", {"clear": True})
        state = await ask(studio, "GET", f"{prefix}/queue")
        assert [item[1] for item in state["queue_running"]] == [running] and state["queue_pending"] == []


@pytest.mark.parametrize("path", ["/queue", "/history"])
@pytest.mark.parametrize(
    "body", [[], None, "x", {"delete": "all"}, {"delete": [5]}, {"clear": "perhaps"}, {"clear": 2}]
)
async def test_wrong_orders_are_refused(studio: Client, path: str, body: Any) -> None:
    answer = await ask(studio, "POST", path, body, status=400)
    assert answer.get("field", "").startswith(("delete", "clear")) or answer["error"] == "bad json"


@PREFIXES
async def test_interrupting(studio: Client, prefix: str) -> None:
    client_id = uuid.uuid4().hex
    async with listening(studio, client_id) as listener:
        first, second = [await submit(studio, endless(), client_id) for _ in range(2)]
        await listener.until("progress", lambda data: data["prompt_id"] == first)
        await ask(studio, "POST", f"{prefix}/interrupt", {"prompt_id": second})
        await ask(studio, "POST", f"{prefix}/interrupt", {"prompt_id": "unknown"})
        await listener.until("progress", lambda data: data["prompt_id"] == first)
        await ask(studio, "POST", f"{prefix}/interrupt", {"prompt_id": first})
        stopped = await listener.until("execution_interrupted")
        assert (stopped["prompt_id"], stopped["node_id"], stopped["node_type"]) == (first, "1", "Slow")
        assert isinstance(stopped["executed"], list)
        await listener.until("progress", lambda data: data["prompt_id"] == second)
        response = await studio.post(f"{prefix}/interrupt")
        assert (response.status, await response.read()) == (200, b"")
        await listener.end(second)
    entry = (await ask(studio, "GET", f"/history/{second}"))[second]
    assert entry["status"]["status_str"] == "error" and entry["status"]["messages"][-1][0] == "execution_interrupted"
    await ask(studio, "POST", f"{prefix}/interrupt", {})


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"prompt_id": 5}', b'{"prompt_id": ["x"]}', b"\xff"])
async def test_a_wrong_interruption_interrupts_nothing(studio: Client, body: bytes) -> None:
    async with busy(studio) as running:
        response = await studio.post("/interrupt", data=body)
        assert response.status == 400
        state = await ask(studio, "GET", "/queue")
        assert [item[1] for item in state["queue_running"]] == [running]


@PREFIXES
async def test_the_history(studio: Client, prefix: str) -> None:
    await ask(studio, "POST", f"{prefix}/history", {"clear": True})
    assert await ask(studio, "GET", f"{prefix}/history") == {}
    ids = [(await render(studio, picture(f"history{number}")))["prompt"][1] for number in range(4)]

    async def listed(query: str = "") -> list[str]:
        return list(await ask(studio, "GET", f"{prefix}/history{query}"))

    assert await listed() == ids
    assert await listed("?max_items=2") == ids[2:]
    assert await listed("?max_items=2&offset=-1") == ids[2:]
    assert await listed("?max_items=2&offset=1") == ids[1:3]
    assert await listed("?offset=3") == ids[3:]
    assert await listed("?max_items=100&offset=9") == [] == await listed("?max_items=0")
    for wrong in ("max_items=x", "max_items=-1", "offset=x", "max_items=1e3", "offset=99999999999999999999"):
        answer = await ask(studio, "GET", f"{prefix}/history?{wrong}", status=400)
        assert answer["field"] == wrong.split("=")[0]
    assert await ask(studio, "GET", f"{prefix}/history/unknown") == {}
    await ask(studio, "POST", f"{prefix}/history", {"delete": [ids[1], "unknown"]})
    assert await listed() == [ids[0], *ids[2:]]
    assert await ask(studio, "GET", f"{prefix}/history/{ids[1]}") == {}
    await ask(studio, "POST", f"{prefix}/history", {"clear": True})
    assert await listed() == []


async def test_what_has_not_ended_is_not_in_the_history(studio: Client) -> None:
    async with busy(studio) as running:
        waiting = await submit(studio, picture("no-history"))
        for prompt_id in (running, waiting):
            assert await ask(studio, "GET", f"/history/{prompt_id}") == {}
        await ask(studio, "POST", "/queue", {"clear": True})


# What the engine is


@PREFIXES
async def test_the_nodes(studio: Client, prefix: str) -> None:
    info = await ask(studio, "GET", f"{prefix}/object_info")
    assert {"SaveImage", "LoadImage", "CozyGenOutput", "CozyGenDynamicInput"} <= set(info)
    for name, entry in info.items():
        keys = {
            "input",
            "input_order",
            "output",
            "output_is_list",
            "output_name",
            "name",
            "display_name",
            "description",
            "python_module",
            "category",
            "output_node",
        }
        assert keys <= set(entry) and entry["name"] == name
        assert len(entry["output"]) == len(entry["output_is_list"]) == len(entry["output_name"])
        for group, order in entry["input_order"].items():
            assert order == list(entry["input"][group])
    assert info["SaveImage"]["output_node"] is True and info["EmptyImage"]["output"] == ["IMAGE"]
    assert await ask(studio, "GET", f"{prefix}/object_info/SaveImage") == {"SaveImage": info["SaveImage"]}
    for unknown in ("Nonsense", "%00", "..%2F..", "a%20b"):
        assert await ask(studio, "GET", f"{prefix}/object_info/{unknown}") == {}


@PREFIXES
async def test_the_machine(studio: Client, prefix: str) -> None:
    stats = await ask(studio, "GET", f"{prefix}/system_stats")
    assert {
        "os",
        "ram_total",
        "ram_free",
        "comfyui_version",
        "python_version",
        "pytorch_version",
        "embedded_python",
        "argv",
    } <= set(stats["system"])
    (device,) = stats["devices"]
    assert {"name", "type", "index", "vram_total", "vram_free", "torch_vram_total", "torch_vram_free"} <= set(device)
    assert device["type"] == "cpu" and 0 < stats["system"]["ram_free"] <= stats["system"]["ram_total"]
    features = await ask(studio, "GET", f"{prefix}/features")
    assert features["supports_preview_metadata"] is True and features["max_upload_size"] == 512 * 2**20


@PREFIXES
async def test_the_models(studio: Client, prefix: str) -> None:
    folders = await ask(studio, "GET", f"{prefix}/models")
    assert {"checkpoints", "loras", "vae", "embeddings"} <= set(folders)
    for folder in folders:
        assert await ask(studio, "GET", f"{prefix}/models/{folder}") == []
    for unknown in ("nonsense", "..%2Fcheckpoints", "%00", "check%7Bpoints"):
        assert (await ask(studio, "GET", f"{prefix}/models/{unknown}", status=404))["error"] == "not found"
    assert await ask(studio, "GET", f"{prefix}/embeddings") == []


@PREFIXES
async def test_an_uploaded_picture_is_rendered(studio: Client, prefix: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (12, 10), (0, 0, 255)).save(buffer, "PNG")
    from aiohttp import FormData

    form = FormData({"subfolder": "from", "type": "input", "overwrite": "true"})
    form.add_field("image", buffer.getvalue(), filename="blue.png", content_type="image/png")
    response = await studio.post(f"{prefix}/upload/image", data=form)
    stored = await response.json()
    assert stored == {"name": "blue.png", "subfolder": "from", "type": "input"}
    graph = {
        "1": node("LoadImage", image="from/blue.png"),
        "2": node("SaveImage", images=["1", 0], filename_prefix="up"),
    }
    entry = await render(studio, graph)
    (shown,) = entry["outputs"]["2"]["images"]
    answer = await studio.get("/view", params=shown)
    with Image.open(io.BytesIO(await answer.read())) as found:
        assert found.size == (12, 10) and found.getpixel((3, 3)) == (0, 0, 255)


async def test_many_at_once(studio: Client) -> None:
    """Twenty prompts queued at the same time all end, in their order, and each is told once."""
    async with listening(studio, "many") as listener:
        ids = await asyncio.gather(*(submit(studio, picture(f"many{n}"), "many") for n in range(20)))
        numbers = {item[1]: item[0] for item in (await ask(studio, "GET", "/queue"))["queue_pending"]}
        for _ in ids:
            await listener.until("executing", lambda data: data["node"] is None)
    ended = [data["prompt_id"] for kind, data in listener.seen if kind == "execution_success"]
    assert sorted(ended) == sorted(ids)
    waited = [prompt_id for prompt_id in ended if prompt_id in numbers]
    assert waited == sorted(waited, key=lambda prompt_id: numbers[prompt_id])
