"""The gallery over HTTP: every sentence of the reference, and that a listing never lags behind the disk."""

from __future__ import annotations

import asyncio
import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, PngImagePlugin

from cozygen.web.services import SERVICES

from .conftest import Client, MakeStudio

LIST = "/cozygen/api/gallery"
PROMPT = "/cozygen/api/gallery/prompt"
DELETE = "/cozygen/api/gallery/delete"
DELETE_ALL = "/cozygen/api/gallery/delete_all"
STREAM = "/cozygen/api/gallery/stream"
RAW = "/cozygen/api/prompt_raw"

GRAPH = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 7,
            "steps": 20,
            "cfg": 6.5,
            "sampler_name": "euler",
            "scheduler": "karras",
            "denoise": 1.0,
            "model": ["10", 0],
            "positive": ["6", 0],
            "negative": ["8", 0],
            "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd/dream.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a red fox", "clip": ["10", 1]}},
    "8": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["10", 1]}},
    "9": {"class_type": "SaveImage", "inputs": {"images": ["3", 0]}},
    "10": {
        "class_type": "LoraLoader",
        "inputs": {
            "lora_name": "ink.safetensors",
            "strength_model": 0.8,
            "strength_clip": 0.7,
            "model": ["4", 0],
            "clip": ["4", 1],
        },
    },
}


def png(**texts: Any) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, value in texts.items():
        info.add_text(key, value if isinstance(value, str) else json.dumps(value))
    stream = io.BytesIO()
    Image.new("RGB", (4, 4)).save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


@pytest.fixture
def out(data_dir: Path) -> Path:
    folder = data_dir / "output"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def put(out: Path, name: str, mtime: float | None = None, data: bytes = b"x") -> Path:
    path = out / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    if mtime is not None:
        os.utime(path, (mtime, mtime))
    return path


async def listing(client: Client, **query: Any) -> dict[str, Any]:
    response = await client.get(LIST, params={key: str(value) for key, value in query.items()})
    assert response.status == 200, await response.text()
    body: dict[str, Any] = await response.json()
    return body


async def names(client: Client, **query: Any) -> list[str]:
    return [item["filename"] for item in (await listing(client, **query))["items"]]


async def refusal(client: Client, url: str, **query: str) -> tuple[int, str]:
    response = await client.get(url, params=query)
    return response.status, (await response.json())["error"]


async def post(client: Client, url: str, body: Any) -> tuple[int, dict[str, Any]]:
    response = await client.post(url, json=body)
    return response.status, await response.json()


# Listing


async def test_an_empty_gallery(client: Client) -> None:
    assert await listing(client) == {
        "items": [],
        "page": 1,
        "per_page": 20,
        "total_pages": 0,
        "total_items": 0,
        "indexing": False,
    }


async def test_a_file_and_a_folder_as_the_reference_has_them(client: Client, out: Path) -> None:
    path = put(out, "a/b/pic.png", data=b"12345")
    folder = (await listing(client, subfolder="a"))["items"]
    assert folder == [{"filename": "b", "type": "directory", "subfolder": "a/b", "mtime": path.parent.stat().st_mtime}]
    assert (await listing(client, subfolder="a/b"))["items"] == [
        {
            "filename": "pic.png",
            "type": "output",
            "subfolder": "a/b",
            "mtime": path.stat().st_mtime,
            "size": 5,
            "media_kind": "image",
        }
    ]


async def test_folders_come_first_and_all_newest_first_then_by_name(client: Client, out: Path) -> None:
    for name, mtime in (("b.png", 100), ("a.png", 100), ("new.png", 300), ("old.png", 50)):
        put(out, name, mtime)
    for name, mtime in (("y", 10), ("x", 10), ("z", 20)):
        (out / name).mkdir()
        os.utime(out / name, (mtime, mtime))
    assert await names(client) == ["z", "x", "y", "new.png", "a.png", "b.png", "old.png"]


async def test_pages_run_through_folders_and_files(client: Client, out: Path) -> None:
    for number in range(5):
        put(out, f"{number}.png", 100 - number)
        (out / f"d{number}").mkdir()
        os.utime(out / f"d{number}", (100 - number, 100 - number))
    everything = await names(client, per_page=0)
    assert everything == [f"d{n}" for n in range(5)] + [f"{n}.png" for n in range(5)]
    collected = []
    for page in range(1, 5):
        body = await listing(client, page=page, per_page=3)
        assert (body["page"], body["per_page"], body["total_pages"], body["total_items"]) == (page, 3, 4, 10)
        collected += [item["filename"] for item in body["items"]]
    assert collected == everything
    assert await names(client, page=5, per_page=3) == []


async def test_20_a_page_unless_asked_otherwise(client: Client, out: Path) -> None:
    for number in range(25):
        put(out, f"{number:02}.png", 100 - number)
    body = await listing(client)
    assert (len(body["items"]), body["page"], body["per_page"], body["total_pages"], body["total_items"]) == (
        20,
        1,
        20,
        2,
        25,
    )
    assert len((await listing(client, page=2))["items"]) == 5


async def test_paging_is_clamped(client: Client, out: Path) -> None:
    put(out, "a.png")
    clamped: list[tuple[dict[str, int], tuple[int, int, int]]] = [
        ({"per_page": 0}, (1, 0, 1)),
        ({"per_page": -3}, (1, 0, 1)),
        ({"per_page": 9999}, (1, 500, 1)),
        ({"page": 0}, (1, 20, 1)),
        ({"page": -7}, (1, 20, 1)),
        ({"page": 10**17, "per_page": 500}, (10**17, 500, 1)),
        ({"page": 3, "per_page": 0}, (3, 0, 1)),
    ]
    for query, paging in clamped:
        body = await listing(client, **query)
        assert (body["page"], body["per_page"], body["total_pages"]) == paging
        assert body["total_items"] == 1


async def test_what_is_not_a_number_is_bad_paging(client: Client) -> None:
    for value in ("x", "", "1.5", "1e3", "٣", "0x10", "9" * 5000, "null", "1 2", "NaN"):
        assert await refusal(client, LIST, page=value) == (400, "bad paging")
        assert await refusal(client, LIST, per_page=value) == (400, "bad paging")


async def test_recursive_shows_files_only_from_everywhere(client: Client, out: Path) -> None:
    for name, mtime in (("a/1.png", 10), ("2.png", 20), ("a/b/c/3.png", 30), ("ab/4.png", 40)):
        put(out, name, mtime)
    items = (await listing(client, recursive=1))["items"]
    assert [(item["subfolder"], item["filename"], item["type"]) for item in items] == [
        ("ab", "4.png", "output"),
        ("a/b/c", "3.png", "output"),
        ("", "2.png", "output"),
        ("a", "1.png", "output"),
    ]
    assert await names(client, recursive=1, subfolder="a") == ["3.png", "1.png"]
    assert (await listing(client, recursive=1, subfolder="a"))["total_items"] == 2


async def test_hidden_names_only_on_request(client: Client, out: Path) -> None:
    for name, mtime in ((".h.png", 10), ("v.png", 20), (".d/in.png", 30), ("a/.d/deep.png", 40)):
        put(out, name, mtime)
    assert await names(client) == ["a", "v.png"]
    assert await names(client, recursive=1) == ["v.png"]
    assert sorted(await names(client, show_hidden=1)) == [".d", ".h.png", "a", "v.png"]
    assert await names(client, show_hidden=1, recursive=1) == ["deep.png", "in.png", "v.png", ".h.png"]
    assert await names(client, subfolder=".d") == ["in.png"]


async def test_what_is_true_in_a_query(client: Client, out: Path) -> None:
    put(out, "a/.h.png")
    for value in ("1", "true", "True"):
        assert await names(client, recursive=value, show_hidden=value) == [".h.png"]
    for value in ("0", "false", "False", "", "no", "TRUE", "2"):
        assert await names(client, recursive=value, show_hidden=value) == ["a"]


EXTENSIONS = {
    "image": "png jpg jpeg gif webp bmp tif tiff avif apng",
    "video": "mp4 webm mov mkv",
    "audio": "mp3 wav flac ogg m4a opus",
}


async def test_each_kind_has_its_extensions(client: Client, out: Path) -> None:
    for extension in " ".join([*EXTENSIONS.values(), "svg txt json html exe tmp"]).split():
        put(out, f"f.{extension}")
    put(out, "UPPER.PNG")
    (out / "folder").mkdir()
    for kind, extensions in EXTENSIONS.items():
        found = await names(client, kind=kind)
        wanted = {f"f.{extension}" for extension in extensions.split()} | {"folder"}
        assert set(found) == (wanted | {"UPPER.PNG"} if kind == "image" else wanted)
        assert {item["media_kind"] for item in (await listing(client, kind=kind, recursive=1))["items"]} == {kind}
    assert len(await names(client, kind="all", per_page=0)) == 22
    assert await names(client, per_page=0) == await names(client, kind="all", per_page=0)
    assert await names(client, kind="", per_page=0) == await names(client, kind="all", per_page=0)


async def test_an_unknown_kind_is_refused(client: Client) -> None:
    assert await refusal(client, LIST, kind="picture") == (400, "invalid kind")


OUTSIDE = [
    "..",
    "../x",
    "a/../..",
    "/etc",
    "C:/x",
    "C:\\x",
    "\\\\host\\share",
    "..\\x",
    "a\0b",
    "link",
    "link/x",
    "../output-sibling",
]


@pytest.mark.parametrize("url", [LIST, STREAM])
async def test_outside_is_forbidden(client: Client, out: Path, tmp_path: Path, url: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    (out / "link").symlink_to(tmp_path / "elsewhere")
    (out.parent / "output-sibling").mkdir()
    for subfolder in OUTSIDE:
        assert await refusal(client, url, subfolder=subfolder) == (403, "forbidden"), subfolder


@pytest.mark.parametrize("url", [LIST, STREAM])
async def test_no_such_folder(client: Client, out: Path, url: str) -> None:
    put(out, "file.png")
    for subfolder in ("nope", "file.png", "nope/deeper", "file.png/x", ".cozygen-trash"):
        assert await refusal(client, url, subfolder=subfolder) == (404, "not found")


@pytest.mark.parametrize("url", [LIST, STREAM])
async def test_a_name_that_none_can_have_is_refused(client: Client, url: str) -> None:
    for subfolder in ("x" * 256, "a\nb", "x/" * 2000 + "x" * 100, "\x7f"):
        assert (await refusal(client, url, subfolder=subfolder))[0] == 400
    assert (await refusal(client, url, subfolder="x" * 5000))[0] == 400


async def test_windows_separators_are_understood_and_never_sent(client: Client, out: Path) -> None:
    put(out, "a/b/c.png")
    body = await listing(client, subfolder="a\\b\\")
    assert [item["subfolder"] for item in body["items"]] == ["a/b"]
    assert await names(client, subfolder="./a//x/../b/") == ["c.png"]


async def test_a_missing_output_folder_is_an_empty_gallery(client: Client, out: Path) -> None:
    shutil.rmtree(out)
    assert (await listing(client))["total_items"] == 0
    assert await refusal(client, LIST, subfolder="a") == (404, "not found")
    put(out, "back.png")
    assert await names(client) == ["back.png"]


@pytest.mark.parametrize("follow", [False, True])
async def test_linked_folders_only_with_the_setting(
    studio: MakeStudio, out: Path, tmp_path: Path, follow: bool
) -> None:
    put(tmp_path, "elsewhere/pic.png")
    (out / "link").symlink_to(tmp_path / "elsewhere")
    (out / "loop").symlink_to(out)
    client = await studio(follow_symlinks=follow)
    assert await names(client, recursive=1) == (["pic.png"] if follow else [])
    assert await names(client) == (["link"] if follow else [])
    if follow:
        assert await names(client, subfolder="link") == ["pic.png"]
    else:
        assert await refusal(client, LIST, subfolder="link") == (403, "forbidden")


# Truth: what is on disk is listed, at once


@pytest.mark.parametrize("recursive", [0, 1])
async def test_every_change_is_in_the_very_next_listing(client: Client, out: Path, recursive: int) -> None:
    async def there() -> list[str]:
        return await names(client, subfolder="d", recursive=recursive, per_page=0)

    put(out, "d/seed.png", 1)
    assert await there() == ["seed.png"]
    for number in range(30):
        put(out, f"d/{number}.png", 100 + number)
        assert (await there())[0] == f"{number}.png"
    (out / "d/29.png").rename(out / "d/renamed.png")
    assert (await there())[:2] == ["renamed.png", "28.png"]
    put(out, "d/new.tmp", 500).replace(out / "d/3.png")
    assert (await there())[0] == "3.png"
    (out / "d/3.png").unlink()
    assert (await there())[0] == "renamed.png"
    put(out, "d/5.png", 900, b"written over in place")
    assert (await there())[0] == "5.png"
    shutil.rmtree(out / "d")
    assert await refusal(client, LIST, subfolder="d", recursive="1") == (404, "not found")
    put(out, "d/again.png")
    assert await there() == ["again.png"]


async def test_changes_deep_below_are_in_the_next_recursive_listing(client: Client, out: Path) -> None:
    put(out, "a/b/1.png", 10)
    assert await names(client, recursive=1) == ["1.png"]
    put(out, "a/b/c/d/2.png", 20)
    assert await names(client, recursive=1) == ["2.png", "1.png"]
    (out / "a/b").rename(out / "a/z")
    items = (await listing(client, recursive=1))["items"]
    assert [item["subfolder"] for item in items] == ["a/z/c/d", "a/z"]
    shutil.rmtree(out / "a/z/c")
    assert await names(client, recursive=1) == ["1.png"]


async def test_a_folders_time_is_that_of_now(client: Client, out: Path) -> None:
    put(out, "a/1.png")
    await listing(client)
    put(out, "a/2.png")
    assert [item["mtime"] for item in (await listing(client))["items"]] == [(out / "a").stat().st_mtime]


async def test_a_new_cache_bust_sees_what_was_written_over_far_down(client: Client, out: Path) -> None:
    for number in range(450):
        put(out, f"{number:03}.png", 1000 + number)
    await listing(client, per_page=1, cache_bust="a")
    await listing(client, per_page=1, cache_bust="a")
    for bust, number in (("b", 3), ("c", 4)):
        path = out / f"{number:03}.png"
        with path.open("r+b") as stream:
            stream.write(b"longer than before")
        os.utime(path, (9000 + number, 9000 + number))
        recursive = number == 4
        assert (await names(client, per_page=1, cache_bust=bust, recursive=int(recursive))) == [path.name]


async def test_50_at_once_agree(client: Client, out: Path) -> None:
    for number in range(40):
        put(out, f"{number % 4}/{number}.png", 100 + number)
    pages = await asyncio.gather(*(names(client, recursive=1, per_page=0) for _ in range(50)))
    assert all(page == [f"{n}.png" for n in reversed(range(40))] for page in pages)


async def test_the_index_may_be_deleted_between_two_runs(studio: MakeStudio, out: Path, data_dir: Path) -> None:
    put(out, "a/1.png")
    client = await studio()
    assert await names(client, recursive=1) == ["1.png"]
    await client.close()
    for path in data_dir.glob("index.db*"):
        path.unlink()
    put(out, "a/2.png")
    assert sorted(await names(await studio(), recursive=1)) == ["1.png", "2.png"]


# Metadata


async def test_meta_is_added_on_request_to_what_has_some(client: Client, out: Path) -> None:
    put(out, "with.png", 20, png(prompt=GRAPH))
    put(out, "without.png", 10, png())
    (out / "folder").mkdir()
    assert all("meta" not in item for item in (await listing(client))["items"])
    for _ in range(2):
        folder, with_meta, without = (await listing(client, include_meta=1))["items"]
        assert with_meta["meta"]["has_prompt"] is True
        assert with_meta["meta"]["prompt"] == "a red fox"
        assert "dream" in with_meta["meta"]["model"]
        assert len(with_meta["meta"]["loras"]) == 1
        assert "meta" not in without
        assert "meta" not in folder


async def test_meta_follows_a_file_that_is_replaced(client: Client, out: Path) -> None:
    put(out, "a.png", 10, png(prompt=GRAPH))
    await listing(client, include_meta=1)
    other = json.loads(json.dumps(GRAPH).replace("a red fox", "a blue whale"))
    put(out, "a.png", 20, png(prompt=other))
    assert (await listing(client, include_meta=1))["items"][0]["meta"]["prompt"] == "a blue whale"
    put(out, "a.png", 30, png())
    assert "meta" not in (await listing(client, include_meta=1))["items"][0]


async def test_the_prompt_is_the_embedded_graph(client: Client, out: Path) -> None:
    workflow = {"nodes": [], "links": [], "version": 0.4}
    put(out, "a/pic.png", data=png(prompt=GRAPH, workflow=workflow))
    response = await client.get(PROMPT, params={"filename": "pic.png", "subfolder": "a"})
    assert response.status == 200
    body = await response.json()
    assert body["prompt"] == GRAPH
    assert body["workflow"] == workflow
    assert "cozygen_prompt_raw" not in body
    summary = body["summary"]
    assert (summary["positive"], summary["negative"], summary["seed"]) == ("a red fox", "blurry", 7)
    assert (summary["width"], summary["height"], summary["steps"], summary["cfg"]) == (512, 768, 20, 6.5)


async def test_a_file_with_other_metadata_has_an_empty_graph(client: Client, out: Path) -> None:
    put(out, "ui.png", data=png(workflow={"nodes": [], "links": []}))
    put(
        out,
        "a1111.png",
        data=png(
            parameters="a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 5, Size: 512x512"
        ),
    )
    body = await (await client.get(PROMPT, params={"filename": "ui.png"})).json()
    assert body["prompt"] == {}
    assert body["workflow"] == {"nodes": [], "links": []}
    body = await (await client.get(PROMPT, params={"filename": "a1111.png"})).json()
    assert body["prompt"] == {}
    assert body["parameters"].startswith("a cat")
    assert (body["summary"]["positive"], body["summary"]["seed"]) == ("a cat", 5)


async def test_the_prompt_as_typed_comes_from_the_file_else_from_the_store(client: Client, out: Path) -> None:
    raw = {"6.text": "a $colour$ fox"}
    put(out, "own.png", data=png(prompt=GRAPH, cozygen_prompt_raw=raw))
    body = await (await client.get(PROMPT, params={"filename": "own.png"})).json()
    assert body["cozygen_prompt_raw"] == raw

    put(out, "sub/plain.png", data=png(prompt=GRAPH))
    assert (await post(client, RAW, {"prompt_id": "p1", "prompt_raw": {"6.text": "typed"}})) == (200, {"ok": True})
    services = client.app[SERVICES]
    from cozygen.jobs import store

    shown = {"9": {"images": [{"filename": "plain.png", "subfolder": "sub", "type": "output"}]}}
    await services.database.write(lambda connection: store.link_files(connection, "p1", shown))
    body = await (await client.get(PROMPT, params={"filename": "plain.png", "subfolder": "sub"})).json()
    assert body["cozygen_prompt_raw"] == {"6.text": "typed"}


async def test_prompt_errors(client: Client, out: Path, tmp_path: Path) -> None:
    put(out, "plain.png", data=png())
    put(out, "junk.png", data=b"\x89PNG\r\n\x1a\n junk")
    put(tmp_path, "secret.png", data=png(prompt=GRAPH))
    (out / "link.png").symlink_to(tmp_path / "secret.png")
    (out / "folder.png").mkdir()
    assert await refusal(client, PROMPT) == (400, "missing filename")
    assert await refusal(client, PROMPT, filename="") == (400, "missing filename")
    for name in ("plain.png", "junk.png", "absent.png", "folder.png"):
        assert await refusal(client, PROMPT, filename=name) == (404, "prompt metadata not found")
    assert await refusal(client, PROMPT, filename="x.png", subfolder="nope") == (404, "prompt metadata not found")
    for name in ("a/b.png", "..", "a\\b.png", "a\0.png", "x" * 300, "C:a.png"):
        assert await refusal(client, PROMPT, filename=name) == (400, "invalid filename")
    assert await refusal(client, PROMPT, filename="link.png") == (403, "forbidden")
    assert await refusal(client, PROMPT, filename="secret.png", subfolder="../..") == (403, "forbidden")


RAW_ERRORS: list[tuple[Any, str]] = [
    ({}, "prompt_id required"),
    ({"prompt_raw": {"a": "b"}}, "prompt_id required"),
    ({"prompt_id": "", "prompt_raw": {"a": "b"}}, "prompt_id required"),
    ({"prompt_id": 5, "prompt_raw": {"a": "b"}}, "prompt_id required"),
    ({"prompt_id": "\ud800", "prompt_raw": {"a": "b"}}, "prompt_id required"),
    ({"prompt_id": "p" * 300, "prompt_raw": {"a": "b"}}, "invalid prompt_id"),
    ({"prompt_id": "p"}, "prompt_raw required"),
    ({"prompt_id": "p", "prompt_raw": None}, "prompt_raw required"),
    ({"prompt_id": "p", "prompt_raw": {}}, "prompt_raw required"),
    ({"prompt_id": "p", "prompt_raw": "text"}, "prompt_raw required"),
    ({"prompt_id": "p", "prompt_raw": ["a"]}, "prompt_raw required"),
    ({"prompt_id": "p", "prompt_raw": {"a": 1}}, "prompt_raw required"),
    ({"prompt_id": "p", "prompt_raw": {"a": "\udfff"}}, "prompt_raw required"),
    ({"prompt_id": "p", "prompt_raw": {str(n): "" for n in range(2001)}}, "invalid prompt_raw"),
    ([], "bad json"),
    (None, "bad json"),
    ("x", "bad json"),
]


async def test_prompt_raw_errors(client: Client) -> None:
    for body, error in RAW_ERRORS:
        status, answer = await post(client, RAW, body)
        assert (status, answer["error"]) == (400, error), body


@pytest.mark.parametrize("url", [RAW, DELETE, DELETE_ALL, "/cozygen/api/trash/restore", "/cozygen/api/trash/empty"])
async def test_a_body_that_is_not_json_is_refused(client: Client, url: str) -> None:
    for data in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"a": 1}}'):
        response = await client.post(url, data=data)
        assert response.status == 400
        assert (await response.json())["error"] == "bad json"


# Deleting


async def test_a_deleted_file_is_gone_from_the_listing(client: Client, out: Path) -> None:
    put(out, "a/pic.png")
    put(out, "a/other.png")
    status, body = await post(client, DELETE, {"filename": "pic.png", "subfolder": "a"})
    assert status == 200
    trash_id = body.pop("trash_id")
    assert body == {"ok": True, "filename": "pic.png", "subfolder": "a"}
    assert not (out / "a/pic.png").exists()
    assert await names(client, subfolder="a") == ["other.png"]
    assert (await (await client.get("/cozygen/api/trash")).json())["items"][0]["id"] == trash_id


async def test_without_a_subfolder_it_is_the_root(client: Client, out: Path) -> None:
    for body in (
        {"filename": "pic.png"},
        {"filename": "pic.png", "subfolder": ""},
        {"filename": "pic.png", "subfolder": None},
    ):
        put(out, "pic.png")
        status, answer = await post(client, DELETE, body)
        assert (status, answer["subfolder"]) == (200, "")


DELETE_ERRORS: list[tuple[Any, int, str]] = [
    ({}, 400, "missing filename"),
    ({"filename": ""}, 400, "missing filename"),
    ({"filename": None}, 400, "missing filename"),
    ({"filename": "a/pic.png"}, 400, "invalid filename"),
    ({"filename": "a\\pic.png"}, 400, "invalid filename"),
    ({"filename": "../pic.png"}, 400, "invalid filename"),
    ({"filename": ".."}, 400, "invalid filename"),
    ({"filename": "."}, 400, "invalid filename"),
    ({"filename": "a\0b"}, 400, "invalid filename"),
    ({"filename": 7}, 400, "invalid filename"),
    ({"filename": ["pic.png"]}, 400, "invalid filename"),
    ({"filename": "\ud800.png"}, 400, "invalid filename"),
    ({"filename": "x" * 300}, 400, "invalid filename"),
    ({"filename": "pic.png", "subfolder": "../x"}, 403, "forbidden"),
    ({"filename": "pic.png", "subfolder": "/etc"}, 403, "forbidden"),
    ({"filename": "pic.png", "subfolder": "a\0"}, 403, "forbidden"),
    ({"filename": "link.png"}, 403, "forbidden"),
    ({"filename": "precious.png", "subfolder": "linked"}, 403, "forbidden"),
    ({"filename": "pic.png", "subfolder": 7}, 400, "invalid request"),
    ({"filename": "absent.png"}, 404, "not found"),
    ({"filename": "folder"}, 404, "not found"),
    ({"filename": "pic.png", "subfolder": "absent"}, 404, "not found"),
    ({"filename": "x", "subfolder": ".cozygen-trash/files"}, 404, "not found"),
    ([], 400, "bad json"),
]


async def test_delete_errors_touch_nothing(client: Client, out: Path, tmp_path: Path) -> None:
    put(out, "pic.png")
    put(out, "a/pic.png")
    put(out, ".cozygen-trash/files/x")
    (out / "folder").mkdir()
    precious = put(tmp_path, "elsewhere/precious.png")
    (out / "link.png").symlink_to(precious)
    (out / "linked").symlink_to(precious.parent)

    def files() -> list[str]:
        kept = (path for path in tmp_path.rglob("*") if path.is_relative_to(out) or "elsewhere" in path.parts)
        return sorted(path.as_posix() for path in kept)

    before = files()
    for body, status, error in DELETE_ERRORS:
        answer = await post(client, DELETE, body)
        assert (answer[0], answer[1]["error"]) == (status, error), body
        assert files() == before


async def test_of_two_who_delete_one_file_one_is_told_that_it_is_gone(client: Client, out: Path) -> None:
    for _ in range(5):
        put(out, "pic.png")
        answers = await asyncio.gather(*(post(client, DELETE, {"filename": "pic.png"}) for _ in range(2)))
        assert sorted(status for status, _ in answers) == [200, 404]


async def test_deleting_a_followed_link_leaves_what_it_leads_to(studio: MakeStudio, out: Path, tmp_path: Path) -> None:
    precious = put(tmp_path, "elsewhere/precious.png")
    (out / "link.png").symlink_to(precious)
    client = await studio(follow_symlinks=True)
    assert (await post(client, DELETE, {"filename": "link.png"}))[0] == 200
    assert precious.exists()
    assert not (out / "link.png").is_symlink()


async def test_a_file_that_the_disk_keeps_is_a_conflict(
    client: Client, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(out, "pic.png")

    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("cozygen.gallery.trash._move", refuse)
    status, body = await post(client, DELETE, {"filename": "pic.png"})
    assert (status, body["error"], body["message"]) == (409, "cannot delete", "pic.png: Permission denied")
    assert await names(client) == ["pic.png"]
    status, body = await post(client, DELETE_ALL, {"confirm": "delete-all"})
    assert (status, body) == (200, {"ok": True, "deleted": 0, "errors": ["pic.png: Permission denied"]})


async def test_without_the_word_nothing_is_deleted(client: Client, out: Path) -> None:
    put(out, "pic.png")
    words: list[Any] = [None, "", "yes", True, "delete all", "DELETE-ALL", 1, ["delete-all"], {}]
    bodies: list[dict[str, Any]] = [{}, *({"confirm": word} for word in words)]
    for body in bodies:
        status, answer = await post(client, DELETE_ALL, body)
        assert (status, answer["error"]) == (400, "confirm flag required"), body
    assert (out / "pic.png").exists()


@pytest.mark.parametrize("confirm", ["delete-all", "delete_all", "deleteall"])
async def test_delete_all_is_recursive_and_counts_files(client: Client, out: Path, confirm: str) -> None:
    for name in ("1.png", "a/2.mp4", "a/b/3.mp3", "a/note.txt", "a/.hidden.png", ".d/4.png"):
        put(out, name)
    (out / "empty").mkdir()
    assert await post(client, DELETE_ALL, {"confirm": confirm}) == (200, {"ok": True, "deleted": 3})
    assert await names(client, recursive=1) == []
    kept = {path.relative_to(out).as_posix() for path in out.rglob("*")}
    assert kept == {"a", "a/b", "a/note.txt", "a/.hidden.png", ".d", ".d/4.png", "empty"}


async def test_delete_all_stays_in_its_folder(client: Client, out: Path, tmp_path: Path) -> None:
    for name in ("1.png", "a/2.png", "a/b/3.png", "ab/4.png"):
        put(out, name)
    precious = put(tmp_path, "elsewhere/precious.png")
    (out / "a/link").symlink_to(precious.parent)
    (out / "a/up").symlink_to(out)
    body = {"confirm": "delete-all", "subfolder": "a", "recursive": False}
    assert await post(client, DELETE_ALL, body) == (200, {"ok": True, "deleted": 1})
    assert sorted(await names(client, recursive=1)) == ["1.png", "3.png", "4.png"]
    assert await post(client, DELETE_ALL, {**body, "recursive": True}) == (200, {"ok": True, "deleted": 1})
    assert sorted(await names(client, recursive=1)) == ["1.png", "4.png"]
    assert precious.exists()


async def test_delete_all_removes_links_to_files_as_links(client: Client, out: Path, tmp_path: Path) -> None:
    precious = put(tmp_path, "precious.png")
    (out / "link.png").symlink_to(precious)
    assert await post(client, DELETE_ALL, {"confirm": "delete-all"}) == (200, {"ok": True, "deleted": 1})
    assert precious.exists()


DELETE_ALL_ERRORS: list[tuple[dict[str, Any], int, str]] = [
    ({"subfolder": ".."}, 403, "forbidden"),
    ({"subfolder": "/"}, 403, "forbidden"),
    ({"subfolder": "nope"}, 404, "not found"),
    ({"subfolder": ".cozygen-trash"}, 404, "not found"),
    ({"subfolder": 5}, 400, "invalid request"),
    ({"recursive": "no"}, 400, "invalid request"),
    ({"recursive": 0}, 400, "invalid request"),
]


async def test_delete_all_errors(client: Client, out: Path) -> None:
    put(out, "1.png")
    put(out, ".cozygen-trash/2.png")
    for extra, status, error in DELETE_ALL_ERRORS:
        answer = await post(client, DELETE_ALL, {"confirm": "delete-all", **extra})
        assert (answer[0], answer[1]["error"]) == (status, error), extra
    assert (out / "1.png").exists()
    assert (out / ".cozygen-trash/2.png").exists()


# The trash


async def test_what_was_deleted_can_be_restored(client: Client, out: Path) -> None:
    path = put(out, "a/pic.png", 1000, b"12345")
    trash_id = (await post(client, DELETE, {"filename": "pic.png", "subfolder": "a"}))[1]["trash_id"]
    body = await (await client.get("/cozygen/api/trash")).json()
    assert (body["total_items"], body["total_size"], body["page"], body["per_page"], body["total_pages"]) == (
        1,
        5,
        1,
        50,
        1,
    )
    [item] = body["items"]
    assert (item["filename"], item["subfolder"], item["size"], item["mtime"]) == ("pic.png", "a", 5, 1000)
    assert item["expires_at"] == item["deleted_at"] + 30 * 86_400
    status, restored = await post(client, "/cozygen/api/trash/restore", {"ids": [trash_id]})
    assert (status, restored) == (
        200,
        {"ok": True, "restored": [{"id": trash_id, "filename": "pic.png", "subfolder": "a"}]},
    )
    assert path.stat().st_mtime == 1000
    assert await names(client, subfolder="a") == ["pic.png"]
    assert (await post(client, "/cozygen/api/trash/restore", {"ids": [trash_id]}))[0] == 404


async def test_restoring_by_place(client: Client, out: Path) -> None:
    put(out, "a/pic.png")
    await post(client, DELETE, {"filename": "pic.png", "subfolder": "a"})
    shutil.rmtree(out / "a")
    status, _ = await post(client, "/cozygen/api/trash/restore", {"filename": "pic.png", "subfolder": "a"})
    assert status == 200
    assert await names(client, recursive=1) == ["pic.png"]


RESTORE_ERRORS: list[tuple[dict[str, Any], int, str]] = [
    ({}, 400, "missing ids"),
    ({"ids": ["../../etc/passwd"]}, 400, "invalid ids"),
    ({"ids": "x"}, 400, "invalid request"),
    ({"ids": []}, 404, "not found"),
    ({"ids": ["0" * 32 + ".0"]}, 404, "not found"),
    ({"filename": "absent.png"}, 404, "not found"),
    ({"filename": "x", "subfolder": ".."}, 403, "forbidden"),
]


async def test_restore_errors(client: Client) -> None:
    for body, status, error in RESTORE_ERRORS:
        answer = await post(client, "/cozygen/api/trash/restore", body)
        assert (answer[0], answer[1]["error"]) == (status, error), body


async def test_emptying_the_trash(client: Client, out: Path) -> None:
    ids = []
    for name in "abc":
        put(out, f"{name}.png")
        ids.append((await post(client, DELETE, {"filename": f"{name}.png"}))[1]["trash_id"])
    assert await post(client, "/cozygen/api/trash/empty", {"ids": [ids[1]]}) == (200, {"ok": True, "removed": 1})
    assert await post(client, "/cozygen/api/trash/empty", {}) == (200, {"ok": True, "removed": 2})
    body = await (await client.get("/cozygen/api/trash")).json()
    assert (body["items"], body["total_items"]) == ([], 0)


async def test_old_trash_goes_when_the_studio_starts(studio: MakeStudio, out: Path, data_dir: Path) -> None:
    put(out, "pic.png")
    client = await studio()
    await post(client, DELETE, {"filename": "pic.png"})
    await client.close()
    record = next((data_dir / "trash/info").iterdir())
    info = json.loads(record.read_bytes())
    record.write_text(json.dumps({**info, "deleted_at": info["deleted_at"] - 8 * 86_400}))
    client = await studio(trash_days=7)
    async with asyncio.timeout(10):
        while (await (await client.get("/cozygen/api/trash")).json())["total_items"]:
            await asyncio.sleep(0.02)
    assert not record.exists()


# The stream


class Stream:
    """A stream, and what comes over it."""

    def __init__(self, response: Any) -> None:
        self.response = response

    async def block(self) -> str:
        lines = []
        async with asyncio.timeout(10):
            while (line := (await self.response.content.readline()).decode()).strip():
                lines.append(line)
        return "".join(lines)

    async def event(self) -> dict[str, Any]:
        while True:
            block = await self.block()
            if not block.startswith(":"):
                assert block.startswith("data: ")
                assert block.count("\n") == 1
                data: dict[str, Any] = json.loads(block[6:])
                return data


async def open_stream(client: Client, **query: str) -> Stream:
    response = await client.get(STREAM, params=query)
    assert response.status == 200
    stream = Stream(response)
    assert await stream.block() == ":ok\n"
    return stream


async def test_the_stream_opens_as_the_reference_says(client: Client) -> None:
    response = await client.get(STREAM)
    assert response.headers["Content-Type"].partition(";")[0] == "text/event-stream"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.headers["X-Accel-Buffering"] == "no"
    assert await response.content.readexactly(5) == b":ok\n\n"
    response.close()


async def test_the_stream_is_kept_alive(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from cozygen.web import gallery

    assert gallery._KEEP_ALIVE_SECONDS <= 15
    monkeypatch.setattr(gallery, "_KEEP_ALIVE_SECONDS", 0.05)
    stream = await open_stream(client)
    assert (await stream.block()).startswith(":")
    assert (await stream.block()).startswith(":")
    stream.response.close()


CHANGES: dict[str, Callable[[Path], object]] = {
    "created": lambda out: put(out, "d/new.png"),
    "replaced": lambda out: put(out, "d/new.tmp").replace(out / "d/a.png"),
    "written over": lambda out: put(out, "d/a.png", data=b"other"),
    "renamed": lambda out: (out / "d/a.png").rename(out / "d/z.png"),
    "deleted": lambda out: (out / "d/a.png").unlink(),
    "folder created": lambda out: put(out, "d/sub/new.png"),
    "folder deleted": lambda out: shutil.rmtree(out / "d/old"),
    "folder renamed": lambda out: (out / "d/old").rename(out / "d/older"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("recursive", ["", "1"])
async def test_every_change_is_told(client: Client, out: Path, change: str, recursive: str) -> None:
    put(out, "d/a.png", 10)
    put(out, "d/old/b.png", 10)
    stream = await open_stream(client, subfolder="d", recursive=recursive)
    CHANGES[change](out)
    event = await stream.event()
    assert set(event) == {"subfolder", "recursive", "mtime"}
    assert (event["subfolder"], event["recursive"]) == ("d", bool(recursive))
    assert isinstance(event["mtime"], float)
    stream.response.close()


async def test_a_stream_hears_only_of_its_own(client: Client, out: Path) -> None:
    for folder in ("a", "a/b", "c", "a/.h"):
        put(out, f"{folder}/x.png")
    flat = await open_stream(client, subfolder="a")
    deep = await open_stream(client, subfolder="a", recursive="1")
    hidden = await open_stream(client, subfolder="a", recursive="1", show_hidden="1")
    put(out, "c/1.png")
    put(out, "a/.h/1.png")
    assert (await hidden.event())["subfolder"] == "a"
    put(out, "a/b/2.png", 4_000_000_000)
    while (await deep.event())["mtime"] < 4_000_000_000:  # it was there for a moment before it got its time
        pass
    put(out, "a/.3.png", 4_100_000_000)
    while (await hidden.event())["mtime"] < 4_100_000_000:
        pass
    put(out, "a/4.png", 4_200_000_000)
    while (await flat.event())["mtime"] < 4_200_000_000:
        pass
    for stream in (flat, deep, hidden):
        stream.response.close()


async def test_two_events_never_have_the_same_time(client: Client, out: Path) -> None:
    put(out, "a.png", 10)
    stream = await open_stream(client)
    put(out, "b.png", 4_000_000_000)
    first = await stream.event()
    put(out, "c.png", 5)
    assert (await stream.event())["mtime"] > first["mtime"]
    stream.response.close()


async def test_the_web_apps_stream_hears_of_it_too(client: Client, out: Path) -> None:
    put(out, "d/a.png")
    await listing(client, recursive=1)
    services = client.app[SERVICES]
    async with services.bus.listen() as listener:
        put(out, "d/b.png", 4_000_000_000)
        async with asyncio.timeout(10):
            while True:
                notice = await listener.next()
                if notice.name == "gallery" and notice.data == {"subfolder": "d", "mtime": 4_000_000_000}:
                    break


async def test_streams_end_when_the_studio_stops(studio: MakeStudio) -> None:
    client = await studio()
    stream = await open_stream(client)
    async with asyncio.timeout(10):
        await client.server.close()
        assert await stream.response.content.read() == b""


async def test_how_far_the_index_is(client: Client, out: Path) -> None:
    put(out, "a/1.png", data=png(prompt=GRAPH))
    await listing(client, recursive=1)
    async with asyncio.timeout(10):
        while True:
            body = await (await client.get("/cozygen/api/gallery/index")).json()
            if body == {"folders": 2, "files": 1, "unread": 0, "unseen": 0, "complete": True, "watching": True}:
                break
            await asyncio.sleep(0.02)
