"""A ComfyUI server whose every step the test decides, and an engine that talks to it."""

from __future__ import annotations

import asyncio
import base64
import json
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web

from cozygen.engines.base import ConnectionEvent, EngineEvent, Event, PreviewEvent, Submission
from cozygen.engines.comfyui_http import ComfyUIEngine, Timing

FAST = Timing(
    check=0.2,
    check_soon=0.05,
    retry_first=0.02,
    retry_most=0.1,
    settle=5.0,
    doubt=(0.0, 0.02, 0.05),
    submit=0.5,
    hold=5.0,
    abandon=60.0,
)
PATIENT = 20.0
ENDS = ("execution_success", "execution_error", "execution_interrupted", "cozygen_lost")
JPEG = b"\xff\xd8\xff\xe0 a picture"
PNG = b"\x89PNG\r\n\x1a\n a picture"

Handler = Callable[[web.Request], Any]


def graph(text: str = "out") -> dict[str, dict[str, Any]]:
    """Two nodes, of which the second shows pictures."""
    return {
        "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
        "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": text}},
    }


OBJECT_INFO: dict[str, Any] = {
    "EmptyImage": {"input": {"required": {}}, "output_node": False},
    "SaveImage": {"input": {"required": {}}, "output_node": True},
    "KSampler": {
        "input": {
            "required": {"sampler_name": [["euler", "ddim"], {}], "scheduler": ["COMBO", {"options": ["karras"]}]}
        }
    },
    "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": [["a.safetensors", "b.ckpt"]]}}},
    "UNETLoader": {"input": {"required": {"unet_name": ["COMBO", {"options": ["flux.safetensors"], "default": 1}]}}},
}


def _fixed(answer: Any) -> Handler:
    async def handler(request: web.Request) -> web.Response:
        return web.json_response(answer)

    return handler


@dataclass
class FakeComfy:
    """The server. `faults` maps a path to a handler that answers in place of the usual one."""

    folder: Path
    prefix: str = ""
    honours_ids: bool = True
    password: str | None = None
    faults: dict[str, Handler] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    prompts: list[dict[str, Any]] = field(default_factory=list)
    pending: list[list[Any]] = field(default_factory=list)
    running: list[Any] | None = None
    history: dict[str, Any] = field(default_factory=dict)
    interrupts: list[Any] = field(default_factory=list)
    sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    hellos: list[Any] = field(default_factory=list)
    port: int = 0
    _runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}{self.prefix}"

    async def start(self) -> None:
        """Listen: at the port of before when there was one."""
        for kind in ("output", "input", "temp"):
            (self.folder / kind).mkdir(parents=True, exist_ok=True)
        app = web.Application(client_max_size=2**24, middlewares=[self._front])
        routes = [
            web.get("/ws", self._ws),
            web.post("/prompt", self._prompt),
            web.get("/queue", self._get_queue),
            web.post("/queue", self._post_queue),
            web.post("/interrupt", self._interrupt),
            web.get("/history", self._get_history),
            web.get("/history/{id}", self._get_history),
            web.get("/view", self._view),
            web.head("/view", self._view),
            web.post("/upload/image", self._upload),
            web.get("/object_info", _fixed(OBJECT_INFO)),
            web.get("/object_info/{name}", self._node_info),
            web.get("/system_stats", self._stats),
            web.get("/features", _fixed({"supports_preview_metadata": True})),
            web.get("/models", _fixed(["checkpoints", "diffusion_models"])),
            web.get("/models/{folder}", self._models),
            web.get("/embeddings", _fixed(["easy"])),
        ]
        for route in routes:
            app.router.add_route(route.method, self.prefix + route.path, route.handler)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Go away without a word, as when killed: all that was not written to disk is lost."""
        for socket in self.sockets.values():
            transport = socket._req.transport if socket._req else None
            if transport is not None:
                transport.abort()
        if self._runner is not None:
            await self._runner.cleanup()
        self.sockets.clear()
        self.pending.clear()
        self.history.clear()
        self.running = None

    # HTTP

    @web.middleware
    async def _front(self, request: web.Request, handler: Any) -> web.StreamResponse:
        path = request.path.removeprefix(self.prefix)
        self.requests.append(f"{request.method} {path}")
        assert "Origin" not in request.headers
        if self.password is not None:
            expected = "Basic " + base64.b64encode(self.password.encode()).decode()
            if request.headers.get("Authorization") != expected:
                return web.Response(status=401)
        fault = self.faults.get(path)
        response: web.StreamResponse = await (fault or handler)(request)
        return response

    async def _prompt(self, request: web.Request) -> web.Response:
        return web.json_response(self.queue_up(await request.json()))

    def queue_up(self, body: dict[str, Any]) -> dict[str, Any]:
        """What ``POST /prompt`` does."""
        self.prompts.append(body)
        prompt_id = body["prompt_id"] if self.honours_ids else f"theirs-{len(self.prompts)}"
        extra = {**body["extra_data"], "client_id": body["client_id"]}
        self.pending.append([body["number"], prompt_id, body["prompt"], extra, ["2"]])
        self.pending.sort(key=lambda item: item[0])
        return {"prompt_id": prompt_id, "number": body["number"], "node_errors": {}}

    async def _get_queue(self, request: web.Request) -> web.Response:
        running = [] if self.running is None else [self.running]
        return web.json_response({"queue_running": running, "queue_pending": self.pending})

    async def _post_queue(self, request: web.Request) -> web.Response:
        gone = (await request.json()).get("delete", [])
        self.pending = [item for item in self.pending if item[1] not in gone]
        return web.Response()

    async def _interrupt(self, request: web.Request) -> web.Response:
        self.interrupts.append(await request.json())
        return web.Response()

    async def _get_history(self, request: web.Request) -> web.Response:
        prompt_id = request.match_info.get("id")
        found = self.history if prompt_id is None else {k: v for k, v in self.history.items() if k == prompt_id}
        return web.json_response(found)

    async def _view(self, request: web.Request) -> web.StreamResponse:
        path = self.path(request.query["type"], request.query.get("subfolder", ""), request.query["filename"])
        return web.FileResponse(path) if path.is_file() else web.Response(status=404)

    def path(self, kind: str, subfolder: str, filename: str) -> Path:
        """A file of the server."""
        return self.folder / kind / subfolder.replace("\\", "/") / filename

    async def _upload(self, request: web.Request) -> web.Response:
        fields: dict[str, Any] = {}
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            name = part.filename
            fields[str(part.name)] = await part.read() if name else await part.text()
            fields["name"] = name or fields.get("name")
        name, count = str(fields["name"]), 0
        stem, _, suffix = name.rpartition(".")
        while fields["overwrite"] != "true":
            there = self.path(fields["type"], fields["subfolder"], name)
            if not there.exists() or there.read_bytes() == fields["image"]:
                break
            count += 1
            name = f"{stem} ({count}).{suffix}"
        target = self.path(fields["type"], fields["subfolder"], name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(fields["image"])
        return web.json_response({"name": name, "subfolder": fields["subfolder"], "type": fields["type"]})

    async def _node_info(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return web.json_response({name: OBJECT_INFO[name]} if name in OBJECT_INFO else {})

    async def _models(self, request: web.Request) -> web.Response:
        files = {"checkpoints": ["a.safetensors"], "diffusion_models": ["flux.safetensors"]}
        folder = request.match_info["folder"]
        return web.json_response(files[folder]) if folder in files else web.Response(status=404)

    async def _stats(self, request: web.Request) -> web.Response:
        return web.json_response({"system": {"comfyui_version": "0.9.1"}, "devices": [{"name": "cpu"}]})

    # The websocket

    async def _ws(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        sid = request.query["clientId"]
        self.sockets[sid] = socket
        try:
            await socket.send_json({"type": "status", "data": {"status": {"exec_info": {}}, "sid": sid}})
            async for message in socket:
                self.hellos.append(json.loads(message.data))
        finally:
            if self.sockets.get(sid) is socket:
                del self.sockets[sid]
        return socket

    async def connected(self) -> None:
        """Wait until somebody listens."""
        async with asyncio.timeout(PATIENT):
            while not self.sockets:
                await asyncio.sleep(0.005)

    async def send(self, kind: str, **data: Any) -> None:
        """An event to everybody who listens."""
        for socket in list(self.sockets.values()):
            await socket.send_json({"type": kind, "data": data})

    async def send_bytes(self, frame: bytes) -> None:
        """A binary message to everybody who listens."""
        for socket in list(self.sockets.values()):
            await socket.send_bytes(frame)

    async def drop_sockets(self) -> None:
        """Break the connections; the server lives on."""
        for socket in list(self.sockets.values()):
            await socket.close()

    # Running prompts

    def take(self) -> str:
        """The next prompt begins to run; its id."""
        self.running = self.pending.pop(0)
        return str(self.running[1])

    def finish(self, outputs: dict[str, Any] | None = None, *, end: str = "execution_success", **data: Any) -> str:
        """The running prompt goes into the history; nobody is told."""
        assert self.running is not None
        prompt_id = str(self.running[1])
        self.history[prompt_id] = {
            "prompt": self.running,
            "outputs": outputs or {},
            "status": {
                "status_str": "success" if end == "execution_success" else "error",
                "completed": end == "execution_success",
                "messages": [
                    ["execution_start", {"prompt_id": prompt_id, "timestamp": 1}],
                    ["execution_cached", {"nodes": [], "prompt_id": prompt_id, "timestamp": 2}],
                    [end, {"prompt_id": prompt_id, "timestamp": 3, **data}],
                ],
            },
            "meta": {},
        }
        self.running = None
        return prompt_id

    async def run(self, outputs: dict[str, Any] | None = None, *, end: str = "execution_success") -> str:
        """Run the next prompt and tell of it, as ComfyUI does."""
        prompt_id = self.take()
        await self.send("execution_start", prompt_id=prompt_id, timestamp=1)
        await self.send("execution_cached", nodes=[], prompt_id=prompt_id, timestamp=2)
        await self.send("executing", node="2", display_node="2", prompt_id=prompt_id)
        for node, shown in (outputs or {}).items():
            await self.send("executed", node=node, display_node=node, output=shown, prompt_id=prompt_id)
        await self.send(end, prompt_id=prompt_id, timestamp=3)
        self.finish(outputs, end=end)
        await self.send("executing", node=None, prompt_id=prompt_id)
        return prompt_id

    def write(self, name: str, data: bytes, *, subfolder: str = "", kind: str = "output") -> dict[str, Any]:
        """A result on the server's disk, as a node shows it."""
        target = self.path(kind, subfolder, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        return {"images": [{"filename": name, "subfolder": subfolder, "type": kind}]}


def preview(data: bytes, image_type: int = 1) -> bytes:
    """A preview in the old format."""
    return struct.pack(">II", 1, image_type) + data


def preview_with_metadata(data: bytes, **metadata: Any) -> bytes:
    """A preview in the new format."""
    header = json.dumps(metadata).encode()
    return struct.pack(">II", 4, len(header)) + header + data


class Heard:
    """What an engine has told."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._news = asyncio.Condition()
        self._marks = 0

    async def listen(self, engine: ComfyUIEngine) -> None:
        """Write down everything until the engine is closed."""
        async for event in engine.events():
            async with self._news:
                self.events.append(event)
                self._news.notify_all()

    async def until(self, test: Callable[[], Any]) -> None:
        """Wait until `test` is true."""
        async with self._news, asyncio.timeout(PATIENT):
            await self._news.wait_for(test)

    async def connection(self, connected: bool, count: int = 1) -> None:
        """Wait for the engine to say so, `count` times in all."""
        await self.until(lambda: [c.connected for c in self.connections].count(connected) >= count)

    async def all_of(self, fake: FakeComfy) -> None:
        """Wait until everything that `fake` has sent is heard."""
        self._marks += 1
        mark = self._marks
        await fake.send("mark", number=mark)
        await self.until(lambda: any(e.type == "mark" and e.data["number"] == mark for e in self.json))

    @property
    def json(self) -> list[EngineEvent]:
        """The JSON events."""
        return [event for event in self.events if isinstance(event, EngineEvent)]

    @property
    def connections(self) -> list[ConnectionEvent]:
        """The changes of the connection."""
        return [event for event in self.events if isinstance(event, ConnectionEvent)]

    @property
    def previews(self) -> list[PreviewEvent]:
        """The previews."""
        return [event for event in self.events if isinstance(event, PreviewEvent)]

    def of(self, prompt_id: str) -> list[EngineEvent]:
        """The JSON events of one prompt."""
        return [event for event in self.json if event.prompt_id == prompt_id]

    def types(self, prompt_id: str) -> list[str]:
        """Their types."""
        return [event.type for event in self.of(prompt_id)]

    def ends(self, prompt_id: str) -> list[str]:
        """The ends among them, of which there should be one."""
        return [kind for kind in self.types(prompt_id) if kind in ENDS]

    async def told(self, prompt_id: str, expected: list[str]) -> None:
        """Wait for the events of a prompt, which must be these."""
        await self.until(lambda: len(self.types(prompt_id)) >= len(expected))
        assert self.types(prompt_id) == expected

    async def end(self, prompt_id: str) -> EngineEvent:
        """Wait for the end of a prompt."""
        await self.until(lambda: self.ends(prompt_id))
        return next(event for event in self.of(prompt_id) if event.type in ENDS)


@dataclass
class Studio:
    """A fake server, an engine that is connected to it, and what it tells."""

    fake: FakeComfy
    engine: ComfyUIEngine
    heard: Heard
    folder: Path

    async def submit(self, prompt_id: str, number: float = 0.0, **other: Any) -> Any:
        """Queue a graph."""
        return await self.engine.submit(Submission(prompt_id, other.pop("graph", graph()), number, **other))


def make_engine(url: str, folder: Path, timing: Timing = FAST) -> ComfyUIEngine:
    """An engine with folders of its own."""
    for kind in ("output", "input", "temp"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    return ComfyUIEngine(
        url, output_dir=folder / "output", input_dir=folder / "input", temp_dir=folder / "temp", timing=timing
    )


@asynccontextmanager
async def listening(engine: ComfyUIEngine) -> AsyncIterator[Heard]:
    """Start an engine and write down what it tells."""
    heard = Heard()
    listener = asyncio.create_task(heard.listen(engine))
    await engine.start()
    try:
        yield heard
    finally:
        await engine.close()
        await listener


@asynccontextmanager
async def studio(
    tmp_path: Path, *, timing: Timing = FAST, url: str | None = None, connect: bool = True, **options: Any
) -> AsyncIterator[Studio]:
    """A fake server and an engine that has connected to it."""
    fake = FakeComfy(tmp_path / "comfyui", **options)
    await fake.start()
    try:
        engine = make_engine((url or "{url}").format(url=fake.url, port=fake.port), tmp_path / "studio", timing)
        async with listening(engine) as heard:
            if connect:
                await heard.connection(True)
            yield Studio(fake, engine, heard, tmp_path / "studio")
    finally:
        await fake.stop()
