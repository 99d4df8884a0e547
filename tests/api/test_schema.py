"""Every operation of the document against well-formed, ill-formed and hostile requests: the server keeps its word.

The studio runs in a thread of its own, so that clients that block can talk to it.
"""

from __future__ import annotations

import asyncio
import gzip
import io
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
import requests
import schemathesis
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin
from schemathesis.checks import CHECKS

from cozygen.app import HTTP_LIMITS, SECTIONS, build_app
from cozygen.engines.base import PreviewEvent
from cozygen.settings import Settings
from cozygen.web.api import Access, Endpoint
from cozygen.web.openapi import build_document
from cozygen.web.static import STATIC
from tests.api.conftest import StillEngine
from tests.media.samples import RED, film

DOCUMENT = build_document(SECTIONS)
ENDPOINTS = [(endpoint, path) for section in SECTIONS for endpoint in section.endpoints for path in endpoint.paths]
STREAMS = {"/cozygen/api/events", "/cozygen/api/events/ws", "/cozygen/api/gallery/stream", "/ws", "/api/ws"}
"""What answers without an end, or not in HTTP."""

STEADY = settings(derandomize=True, database=None, deadline=None, suppress_health_check=list(HealthCheck))
"""The same requests in every run."""

schema = schemathesis.openapi.from_dict(DOCUMENT).exclude(path=sorted(STREAMS))


@dataclass(frozen=True)
class Running:
    """A studio in a thread."""

    url: str
    engine: StillEngine
    loop: asyncio.AbstractEventLoop
    settings: Settings

    def say(self, kind: str, prompt_id: str) -> None:
        """Let an event of a prompt happen."""
        self.loop.call_soon_threadsafe(self.engine.say, kind, prompt_id)


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Running]:
    values = Settings(
        _env_file=None, data_dir=folder, engine="embedded", tags_url="http://127.0.0.1:9", trash_days=0, **options
    )
    (folder / ".example-written").touch()
    engine = StillEngine(values)
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(build_app(values, engine), access_log=None, **HTTP_LIMITS)

    async def start() -> str:
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{runner.addresses[0][1]}"

    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        url = asyncio.run_coroutine_threadsafe(start(), loop).result(60)
        yield Running(url, engine, loop, values)
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(60)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(60)
        loop.close()


@pytest.fixture(scope="module")
def open_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("open")) as studio:
        yield studio


@pytest.fixture(scope="module")
def closed_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("closed"), auth_user="ada", auth_pass="lovelace") as studio:
        yield studio


@schemathesis.check
def declared_body(
    ctx: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """What an answer carries is in the document."""
    operation = DOCUMENT["paths"][case.path].get(case.method.lower(), {"responses": {}})
    found = operation["responses"].get(str(response.status_code))
    if found is not None and response.content:
        assert "content" in found, f"{response.status_code} has a body that the document does not know"


@schema.hook
def filter_query(context: schemathesis.HookContext, query: dict[str, Any] | None) -> bool:
    """Leave out what is understood although the schema does not say so: names given twice, kinds in capitals."""
    query = query or {}
    kind = query.get("kind", "all")
    lenient = (isinstance(kind, str) and kind != kind.strip().lower()) or kind == ""
    return not lenient and not any(isinstance(value, list | dict) for value in query.values())


# A schema cannot say which names exist or which paths stay in their folder, so what it allows may be refused; and
# sign-in is off here: `test_nobody_gets_in` is about that.
EXCLUDED: Any = CHECKS.get_by_names(["positive_data_acceptance", "ignored_auth"])
# In a form everything is text.
EXCLUDED_IN_FORMS: Any = [*EXCLUDED, *CHECKS.get_by_names(["negative_data_rejection"])]


@schema.exclude(path_regex="^/api/").parametrize()
@settings(STEADY, max_examples=8)
def test_answers_are_as_declared(case: schemathesis.Case[Any], open_studio: Running) -> None:
    excluded = EXCLUDED_IN_FORMS if case.media_type == "multipart/form-data" else EXCLUDED
    case.call_and_validate(base_url=open_studio.url, excluded_checks=excluded, timeout=60)


def picture(**texts: str) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, value)
    buffer = io.BytesIO()
    Image.new("RGB", (24, 16), (200, 90, 30)).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


GRAPH = {
    "1": {"class_type": "EmptyImage", "inputs": {"width": 8, "height": 8, "batch_size": 1, "color": 0}},
    "2": {"class_type": "SaveImage", "inputs": {"images": ["1", 0], "filename_prefix": "x"}},
}


class Asker:
    """Makes requests that must succeed, holds each answer against the document, notes what was asked."""

    def __init__(self, studio: Running) -> None:
        self.url, self.asked = studio.url, set[tuple[str, str]]()

    def __call__(self, method: str, template: str, *, also: int | None = None, **request: Any) -> Any:
        """`request` has what fills the template, and what `requests.request` takes."""
        self.asked.add((method, template))
        path = re.sub(r"\{(\w+)\}", lambda name: str(request.pop(name[1])), template)
        answer = requests.request(method, self.url + path, allow_redirects=False, timeout=60, **request)
        declared = DOCUMENT["paths"][template][method.lower()]["responses"]
        success = next(int(status) for status in declared if int(status) < 400)
        assert answer.status_code in (success, also), (method, path, answer.status_code, answer.text)
        schema[template][method].validate_response(answer)
        return answer.json() if "json" in answer.headers.get("Content-Type", "") else answer


def test_what_works_is_as_declared(tmp_path_factory: pytest.TempPathFactory) -> None:
    with running(tmp_path_factory.mktemp("works")) as studio:
        values = studio.settings
        ask = Asker(studio)
        prompt = json.dumps(GRAPH)
        for folder, name in ((values.outputs, "a.png"), (values.outputs, "b.png"), (values.inputs, "in.png")):
            (folder / name).write_bytes(picture(prompt=prompt))
        (values.inputs / "film.mp4").write_bytes(film([RED] * 8, sound=True))
        ask_about_the_server(ask)
        ask_about_the_library(ask)
        ask_about_files(ask)
        ask_about_texts(ask)
        ask_about_imports(ask)
        ask_about_jobs(ask, studio)
        for prefix in ("", "/api"):
            ask_as_comfyui(ask, prefix)
    engine = [
        (endpoint.method, path) for endpoint, path in ENDPOINTS if endpoint.section == "Engine" and path not in STREAMS
    ]
    assert set(engine) <= ask.asked


def ask_about_the_server(ask: Asker) -> None:
    for path in ("/cozygen/hello", "/cozygen/api/status", "/cozygen/api/openapi.json", "/cozygen/api/docs", "/"):
        ask("GET", path)
    ask("GET", "/cozygen/api/auth_status")
    ask("POST", "/cozygen/api/logout")
    ask("GET", "/cozygen", also=503)
    ask("GET", "/cozygen/", also=503)
    ask("GET", "/cozygen/{page}", page="create/x", also=503)
    if (STATIC / "index.html").is_file():
        ask("GET", "/cozygen/{name}", name="icon.svg")
        ask("GET", "/cozygen/assets/{path}", path=next((STATIC / "assets").glob("*.js")).name)


def ask_about_files(ask: Asker) -> None:
    assert ask("GET", "/cozygen/api/gallery", params="include_meta=1&cache_bust=2")["total_items"] == 2
    assert ask("GET", "/cozygen/api/gallery/prompt", params="filename=a.png")["prompt"] == GRAPH
    ask("GET", "/cozygen/api/gallery/index")
    ask("POST", "/cozygen/api/gallery/delete", json={"filename": "a.png"})
    (entry,) = ask("GET", "/cozygen/api/trash")["items"]
    ask("POST", "/cozygen/api/trash/restore", json={"ids": [entry["id"]]})
    ask("GET", "/cozygen/thumb", params="filename=a.png&w=96")
    ask("GET", "/cozygen/thumb", params="filename=a.png&w=96&fmt=auto", headers={"Accept": "image/webp"})
    assert ask("GET", "/cozygen/api/gallery/lineage", params="filename=a.png")["inputs"] == []
    ask("POST", "/cozygen/api/thumbs/ahead", json={"items": [{"filename": "a.png"}], "width": 96})
    for path in ("/cozygen/preview", "/cozygen/api/scrub", "/cozygen/api/waveform"):
        mine: dict[str, Any] = {"params": "type=input&filename=film.mp4"}
        made = ask("GET", path, **mine)
        ask("GET", path, **mine, also=304, headers={"If-None-Match": made.headers["ETag"]})
    ask("GET", "/cozygen/preview", **mine, also=206, headers={"Range": "bytes=2-5"})
    ask("POST", "/cozygen/api/clear_cache")
    for path in ("/view", "/api/view", "/cozygen/input/file"):
        name: dict[str, Any] = {"params": {"path": "in.png"} if "input" in path else {"filename": "a.png"}}
        ask("GET", path, **name)
        ask("GET", path, **name, also=206, headers={"Range": "bytes=2-5"})
        ask("GET", path, **name, also=416, headers={"Range": "bytes=99999-"})
        ask("GET", path, **name, also=304, headers={"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"})
        ask("GET", path, **name, also=412, headers={"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"})
    ask("GET", "/view", params={"filename": "a.png", "preview": "webp;50"})
    file = {"image": ("mine.png", picture(), "image/png")}
    ask("POST", "/cozygen/upload_image", files=file)
    original = json.dumps({"filename": "a.png", "type": "output"})
    for prefix in ("", "/api"):
        ask("POST", prefix + "/upload/image", files=file, data={"subfolder": "deep", "overwrite": "true"})
        ask("POST", prefix + "/upload/mask", files=file, data={"original_ref": original})
    ask("GET", "/cozygen/input", params="exts=png&per_page=0")
    assert ask("POST", "/cozygen/api/gallery/delete_all", json={"confirm": "delete-all"})["deleted"] == 2
    ask("POST", "/cozygen/api/trash/empty", json={})


def ask_about_the_library(ask: Asker) -> None:
    file = {"filename": "a.png"}
    page = ask("GET", "/cozygen/api/gallery", params="q=png&sort=name&facets=1&per_page=1&recursive=1")
    ask("GET", "/cozygen/api/gallery", params=f"q=png&sort=name&cursor={page['next_cursor']}&recursive=1")
    assert ask("GET", "/cozygen/api/gallery/complete", params="q=is:fav")["items"][0]["text"] == "is:favorite"
    marks = {"favorite": True, "rating": 5, "add_tags": ["best of"]}
    marked = ask("POST", "/cozygen/api/gallery/marks", json={"items": [file, {"filename": "none"}], "set": marks})
    assert ask("GET", "/cozygen/api/gallery/marks", params=file)["tags"] == ["best of"]
    ask("GET", "/cozygen/api/gallery", params="include_meta=1")
    assert ask("POST", "/cozygen/api/undo", json={"token": marked["undo"]})["undo"]
    album = ask("POST", "/cozygen/api/albums", json={"name": "Mine", "items": [file]})["album"]
    one = {"id": album["id"]}
    ask("GET", "/cozygen/api/albums")
    ask("PUT", "/cozygen/api/albums/{id}", **one, json={"name": "Ours", "cover": file})
    ask("POST", "/cozygen/api/albums/{id}/add", **one, json={"select": {"q": "b"}})
    ask("POST", "/cozygen/api/albums/{id}/order", **one, json={"items": [{"filename": "b.png"}], "before": file})
    assert ask("GET", "/cozygen/api/albums/{id}/items", **one)["total_items"] == 2
    ask("POST", "/cozygen/api/albums/{id}/remove", **one, json={"items": [{"filename": "b.png"}]})
    ask("DELETE", "/cozygen/api/albums/{id}", **one)
    made = ask("POST", "/cozygen/api/gallery/folders", json={"path": "new"})
    copied = ask("POST", "/cozygen/api/gallery/copy", json={"items": [file], "to": "new"})
    moved = ask("POST", "/cozygen/api/gallery/move", json={"items": [file], "folders": ["new"], "to": ""})
    renamed = ask("POST", "/cozygen/api/gallery/rename", json={"folder": "new", "name": "newer"})
    ask("POST", "/cozygen/api/gallery/rename", json={"items": [file], "pattern": "{name}"})
    offer = ask("POST", "/cozygen/api/gallery/download", json={"select": {}, "metadata": "strip"})
    ask("GET", "/cozygen/api/gallery/download/{ticket}", ticket=offer["url"].rpartition("/")[2])
    ask("GET", "/cozygen/api/gallery/export", params={**file, "metadata": "strip"})
    assert moved["undo"] is None
    for step in (renamed, copied, made):
        ask("POST", "/cozygen/api/undo", json={"token": step["undo"]})
    ask("POST", "/cozygen/api/trash/empty", json={})


def ask_about_texts(ask: Asker) -> None:
    ask("POST", "/cozygen/api/aliases", json={"items": {"sky": "blue sky"}, "categories": {}, "categoryList": []})
    ask("GET", "/cozygen/api/aliases")
    assert ask("POST", "/cozygen/api/aliases/expand", json={"text": "a $sky$"})["text"] == "a blue sky"
    ask("GET", "/cozygen/api/tags/categories")
    ask("GET", "/cozygen/api/tags/search", params="q=hair&limit=5&sort=alpha")
    ask("POST", "/cozygen/api/tags/validate", json={"tags": ["long_hair", "long_hiar"]})
    ask("POST", "/cozygen/api/tags/update", json={})
    ask("GET", "/cozygen/api/tags/status")
    ask("POST", "/cozygen/api/tags/update/stop")
    ask("POST", "/cozygen/api/workflow_types", json={"workflow": "w.json", "mode": "text-to-image"})
    ask("GET", "/cozygen/api/workflow_types")
    ask(
        "POST",
        "/cozygen/api/workflow_presets",
        json={"workflow": "w.json", "preset": {"name": "p", "values": {"a": 1}}},
    )
    ask("GET", "/cozygen/api/workflow_presets")
    ask("GET", "/cozygen/api/workflow_presets", params="workflow=w.json")
    ask("POST", "/cozygen/api/prompt_raw", json={"prompt_id": "p", "prompt_raw": {"1.text": "a $sky$"}})
    ask("PUT", "/cozygen/api/state/{key}", key="form", json={"value": {"a": [1, None, "ü"]}})
    ask("GET", "/cozygen/api/state/{key}", key="form")
    ask("GET", "/cozygen/api/state", params="prefix=f")
    ask("DELETE", "/cozygen/api/state/{key}", key="form")


def ask_about_imports(ask: Asker) -> None:
    file = {"file": ("made.png", picture(prompt=json.dumps(GRAPH)), "image/png")}
    found = ask("POST", "/cozygen/api/import", files=file)
    name = found["names"][0]
    ask("POST", "/cozygen/api/workflows/{name}", name=name, json={"workflow": found["graph"]})
    ask("POST", "/cozygen/api/workflows/{name}/rename", name=name, json={"to": "other.json"})
    exposed = [{"node_id": "1", "input": "width", "label": "Breadth", "max": 64}]
    ask("PUT", "/cozygen/api/workflows/{name}/exposed", name="other.json", json={"fields": exposed})
    assert ask("GET", "/cozygen/api/workflows/{name}/exposed", name="other.json")["fields"] == exposed
    ask("DELETE", "/cozygen/api/workflows/{name}", name="other.json")


def ask_about_jobs(ask: Asker, studio: Running) -> None:
    ask("GET", "/cozygen/api/workflows")
    name = ask("GET", "/cozygen/workflows")["workflows"][2]
    ask("GET", "/cozygen/workflows/{filename}", filename=name)
    fields = ask("GET", "/cozygen/api/workflows/{name}/form", name=name)["fields"]
    ask("GET", "/cozygen/get_choices", params="type=samplers_list&refresh=1")
    prompt = next(field["key"] for field in fields if field["type"] == "string")
    values = {"workflow": name, "values": {prompt: "a lighthouse"}}
    (job,) = ask("POST", "/cozygen/api/jobs", json=values)["jobs"]
    group = ask("POST", "/cozygen/api/jobs", json={**values, "count": 3})["group"]
    ask("GET", "/cozygen/api/jobs", params="status=active&limit=2")
    ask("GET", "/cozygen/api/jobs/{id}", id=job["id"])
    ask("POST", "/cozygen/api/jobs/{id}/move", id=job["id"], json={"to": "end"})
    ask("POST", "/cozygen/api/queue/pause")
    ask("GET", "/cozygen/api/queue")
    ask("POST", "/cozygen/api/queue/resume")
    studio.say("execution_start", job["id"])
    preview = PreviewEvent(job["id"], "1", "image/png", picture())
    studio.loop.call_soon_threadsafe(studio.engine.queue.put_nowait, preview)
    wait_until(lambda: ask("GET", "/cozygen/api/jobs/{id}", id=job["id"])["preview"] is not None)
    ask("GET", "/cozygen/api/jobs/{id}/preview", id=job["id"])
    ask("GET", "/cozygen/api/groups")
    ask("GET", "/cozygen/api/groups/{id}", id=group["id"])
    ask("POST", "/cozygen/api/groups/{id}/cancel", id=group["id"])
    ask("POST", "/cozygen/api/jobs/{id}/cancel", id=job["id"])
    ask("POST", "/cozygen/api/jobs/{id}/retry", id=job["id"])
    (remembered, *_) = ask("GET", "/cozygen/api/prompt_history", params="q=light")["items"]
    ask("DELETE", "/cozygen/api/prompt_history/{id}", id=remembered["id"])
    ask("DELETE", "/cozygen/api/prompt_history")


def ask_as_comfyui(ask: Asker, prefix: str) -> None:
    prompt_id = ask("POST", prefix + "/prompt", json={"prompt": GRAPH, "client_id": "c"})["prompt_id"]
    for path in (
        "/prompt",
        "/queue",
        "/history",
        "/object_info",
        "/system_stats",
        "/features",
        "/models",
        "/embeddings",
    ):
        ask("GET", prefix + path)
    ask("GET", prefix + "/history", params="max_items=3&offset=0")
    ask("GET", prefix + "/history/{prompt_id}", prompt_id=prompt_id)
    ask("GET", prefix + "/object_info/{node_class}", node_class="SaveImage")
    ask("GET", prefix + "/models/{folder}", folder="checkpoints")
    ask("POST", prefix + "/interrupt")
    ask("POST", prefix + "/interrupt", json={"prompt_id": prompt_id})
    ask("POST", prefix + "/queue", json={"delete": [prompt_id], "clear": True})
    ask("POST", prefix + "/history", json={"delete": [prompt_id], "clear": True})


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        threading.Event().wait(0.02)
    raise AssertionError("it never came to be")


# Hostile requests, byte by byte


HOSTILE = [
    "", "0", "-1", "1e999", "NaN", "9" * 400, "9" * 5000, "true", "null", "[]", "{}", "../../etc/passwd", "..", ".", "/", "//x", "\\..\\x", "C:\\x",
    "\x00", "a\x00.png", "\n", "\r\nX-Injected: 1", "\ud800", "\udcff", "\u202e", "é", "𓀀", "%", "%zz", "%2e%2e%2f", "a" * 300, "a" * 5000,
    "' OR 1=1 --", "<script>", "{{7*7}}", "output::..::x", "CON", "webp;99999999999", "١٢", " ", "undefined",
]  # fmt: skip
TEXTS = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=20))
ENCODINGS = st.sampled_from(
    [
        lambda text: quote(text.encode("utf-8", "surrogatepass"), safe=""),
        lambda text: "".join(f"%{byte:02x}" for byte in text.encode("utf-8", "surrogatepass")),
        lambda text: quote(text.encode("utf-16", "surrogatepass"), safe=""),
        lambda text: text.encode("ascii", "replace").decode().translate(dict.fromkeys(range(33))),
    ]
)
"""Ways to put a text into an address; not all of them are right."""

HEADERS = [
    "Range: bytes=0-", "Range: bytes=-0", "Range: bytes=9-1", "Range: bytes=0-1,3-4", "Range: lines=1", "Range: bytes=99999999999999999999-",
    "If-None-Match: *", 'If-None-Match: W/"', "If-Match: x", "If-Modified-Since: never", "If-Modified-Since: Sat, 99 Foo 0000 99:99:99 GMT", "If-Range: \xff",
    "Accept: */*;q=x", "Accept: image/webp;q=9e999, , ;", "Accept-Encoding: gzip;q=nan, br", "Accept-Language: \xe9",
    "Cookie: cozygen_token=..; =; a=\"b", "Cookie: cozygen_token=e30.e30.e30", "Authorization: Bearer", "Authorization: Bearer a.b.c", "Authorization: \xff",
    "Last-Event-ID: -1", "Last-Event-ID: 0-99999999999999999999", "Expect: 200-nothing", "Origin: null", "X-Forwarded-For: ', DROP", "Host: [::1",
    "Upgrade: websocket", "Sec-WebSocket-Version: 99", "Sec-WebSocket-Key: x", "Transfer-Encoding: identity", "If-Unmodified-Since: \x01",
]  # fmt: skip
TYPES = [
    "application/json", "application/json; charset=nowhere", "application/json; charset=utf-16", "text/plain", "", ";", "multipart/form-data",
    "multipart/form-data; boundary=x", 'multipart/form-data; boundary="', "multipart/mixed; boundary=" + "x" * 200, "application/x-www-form-urlencoded",
]  # fmt: skip
PART = b'--x\r\nContent-Disposition: form-data; name="image"; filename="%s"\r\n%s\r\n%s\r\n--x--\r\n'
BODIES = [
    b"", b"{", b"[]", b"null", b"1", b'"x"', b"{}", b"\xff\xfe{\x00}\x00", b'{"a":\x00}', b'{"a":"\xed\xa0\x80"}', b'{"a":"\\ud800"}', b'{"a":NaN}', b'{"a":1e999}',
    b'{"a":' + b"9" * 5000 + b"}", b"[" * 100_000, b'{"a":' * 5000 + b"1" + b"}" * 5000, b"a=1&b=2", b"--x\r\n", b"--x\r\n\r\n\r\n--x--", b"--x--\r\n",
    PART % (b"a.png", b"", b"no picture"), PART % (b"../a.png", b"Content-Length: 999\r\n", b"x"), PART % (b"a.png", b"Content-Length: 1\r\n", b"xyz"),
    PART % (b"\x00\xff", b"Content-Transfer-Encoding: base64\r\n", b"!"), PART % (b"a", b"Content-Encoding: deflate\r\n", b"!"), PART % (b"", b": \x01\r\n", b""),
    PART % (b"a.png", b"Content-Type: multipart/mixed; boundary=y\r\n", b"--y\r\n\r\n1\r\n--y--"), PART % (b"a.png", b"Content-Length: x\r\n", b""),
]  # fmt: skip
JSON_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXTS, inner, max_size=3)),
    max_leaves=5,
)


@dataclass(frozen=True)
class Raw:
    """A request as it goes over the wire."""

    method: str
    target: str
    headers: tuple[str, ...]
    body: bytes

    def encode(self) -> bytes:
        lines = [
            f"{self.method} {self.target} HTTP/1.1",
            "Connection: close",
            f"Content-Length: {len(self.body)}",
            *self.headers,
        ]
        if not any(line.startswith("Host:") for line in lines):
            lines.insert(1, "Host: 127.0.0.1")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


def fields_of(endpoint: Endpoint) -> tuple[list[str], list[str]]:
    """The names that an endpoint knows: in its query, in its body."""
    names = [[f.alias or name for name, f in model.model_fields.items()] for model in (endpoint.query, endpoint.body)]
    return names[0], names[1]


def bodies(fields: list[str]) -> st.SearchStrategy[bytes]:
    """JSON with known names and any values, and what is no JSON."""
    known = st.dictionaries(st.sampled_from(fields or ["a"]), JSON_VALUES, max_size=4)
    return st.one_of(
        known.map(lambda value: json.dumps(value).encode()),
        st.sampled_from(BODIES),
        st.binary(max_size=40),
    )


def raw_requests(endpoint: Endpoint, path: str, *, parameters: st.SearchStrategy[str]) -> st.SearchStrategy[Raw]:
    """Hostile requests to an endpoint; `parameters` fill its path."""

    @st.composite
    def build(draw: st.DrawFn) -> Raw:
        query_fields, body_fields = fields_of(endpoint)
        target = re.sub(r"\{\w+(?::(?:[^{}]|\{[^{}]*\})*)?\}", lambda _: draw(parameters), path)
        names = st.one_of(st.sampled_from(query_fields or ["a"]), TEXTS.map(lambda text: quote(text, errors="replace")))
        pairs = draw(
            st.lists(st.tuples(names, st.builds(lambda write, text: write(text), ENCODINGS, TEXTS)), max_size=4)
        )
        if pairs:
            target += "?" + "&".join(f"{name}={value}" for name, value in pairs)
        body = b"" if draw(st.booleans()) and endpoint.method == "GET" else draw(bodies(body_fields))
        headers = draw(st.lists(st.sampled_from(HEADERS), max_size=2, unique=True))
        kind = draw(st.sampled_from(TYPES))
        encoding = draw(st.sampled_from([None, None, None, "gzip", "deflate", "br", "nonsense"]))
        if encoding == "gzip" and draw(st.booleans()):
            body = gzip.compress(body)
        extra = [f"Content-Type: {kind}"] if kind else []
        extra += [f"Content-Encoding: {encoding}"] if encoding else []
        return Raw(endpoint.method, target, (*headers, *extra), body)

    return build()


def exchange(url: str, request: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send bytes, read the answer's status, headers and what there is of the body."""
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=60) as connection:
        connection.sendall(request)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
            head, end, body = received.partition(b"\r\n\r\n")
            if end and b"text/event-stream" in head:
                break
    first, *lines = head.decode("latin-1").split("\r\n")
    found = re.fullmatch(r"HTTP/1\.[01] (\d{3}) .*", first)
    assert found is not None, received[:200]
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return int(found[1]), headers, body


IDS = [f"{endpoint.method} {path}" for endpoint, path in ENDPOINTS]
ONCE = [(endpoint, path) for endpoint, path in ENDPOINTS if path == endpoint.path]
"""Without ComfyUI's paths under ``/api``, which have the same handlers."""


@pytest.mark.parametrize(("endpoint", "path"), ONCE, ids=[f"{endpoint.method} {path}" for endpoint, path in ONCE])
@given(data=st.data())
@settings(STEADY, max_examples=12)
def test_nothing_upsets_the_server(endpoint: Endpoint, path: str, data: st.DataObject, open_studio: Running) -> None:
    segments = st.builds(lambda write, text: write(text), ENCODINGS, TEXTS)
    raw = data.draw(raw_requests(endpoint, path, parameters=segments))
    status, headers, body = exchange(open_studio.url, raw.encode())
    assert status < 500 or (status == 503 and 503 in endpoint.errors), body
    assert "x-injected" not in headers
    if status >= 400 and "json" in headers["content-type"]:
        assert json.loads(body)["error"], "an error says what is wrong"


@pytest.mark.parametrize(("endpoint", "path"), ENDPOINTS, ids=IDS)
@given(data=st.data())
@settings(STEADY, max_examples=4)
def test_nobody_gets_in(endpoint: Endpoint, path: str, data: st.DataObject, closed_studio: Running) -> None:
    names = st.text(min_size=1, max_size=8).map(lambda text: quote(text.encode("utf-8", "replace"), safe=""))
    harmless = st.sampled_from(["x", "a.json", "create", "icon.svg"])
    raw = data.draw(
        raw_requests(endpoint, path, parameters=names.filter(lambda name: name not in (".", "..")) | harmless)
    )
    status, headers, body = exchange(closed_studio.url, raw.encode())
    if "x-request-id" not in headers and status in (400, 417):
        return  # it was not HTTP, and no route was looked for
    if endpoint.access is Access.PUBLIC:
        assert status < 500 or status == 503
    else:
        assert (status, json.loads(body)["error"]) == (401, "unauthorized")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PATCH", "PUT", "DELETE", "POST"])
def test_other_methods_are_refused(method: str, open_studio: Running) -> None:
    for path, operations in DOCUMENT["paths"].items():
        known = {name.upper() for name in operations} | ({"HEAD"} if "get" in operations else set())
        if method in known:
            continue
        answer = requests.request(method, open_studio.url + re.sub(r"\{\w+\}", "create", path), timeout=60)
        if path == "/cozygen/{name}":
            assert answer.status_code == 405 or answer.status_code == 404
            continue
        assert answer.status_code == 405, (method, path)
        assert known <= set(answer.headers["Allow"].split(",")) | {"HEAD"}
        if method != "HEAD":
            assert answer.json() == {"error": "method not allowed"}
