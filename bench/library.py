"""Makes libraries of pictures to measure with: small, valid PNG files with the metadata of real ones."""

from __future__ import annotations

import json
import os
import random
import struct
import zlib
from pathlib import Path
from typing import Any

_SUBJECTS = [
    "fox",
    "castle",
    "harbour",
    "astronaut",
    "orchid",
    "lighthouse",
    "robot",
    "violinist",
    "glacier",
    "market",
    "dragon",
    "library",
]
_STYLES = [
    "watercolour",
    "oil painting",
    "cinematic lighting",
    "macro photo",
    "ink drawing",
    "volumetric fog",
    "golden hour",
]
_MODELS = [f"sdxl/model_{letter}.safetensors" for letter in "abcdefgh"]
_LORAS = [f"style_{number}.safetensors" for number in range(30)]


def make_library(folder: Path, files: int, folders: int, *, seed: int = 1) -> None:
    """Write `files` pictures into `folders` folders below `folder`, each a day of work, unless it was done before."""
    marker = folder.with_name(folder.name + ".made")
    if marker.exists() and marker.read_text() == f"{files} {folders} {seed}":
        return
    rng = random.Random(seed)
    pixels = _chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    data = _chunk(b"IDAT", zlib.compress(b"\0" + bytes(8) * 8, 1)) + _chunk(b"IEND", b"")
    start = 1_700_000_000
    for number in range(files):
        day = number % folders
        target = folder / f"{2020 + day // 365}" / f"{day % 365:03}"
        if number < folders:
            target.mkdir(parents=True, exist_ok=True)
        graph = _graph(rng)
        texts = _text("prompt", graph) + _text("workflow", _workflow(graph))
        path = target / f"ComfyUI_{number:07}_.png"
        path.write_bytes(b"\x89PNG\r\n\x1a\n" + pixels + texts + data)
        moment = start + number * 60 + rng.random()
        os.utime(path, (moment, moment))
    marker.write_text(f"{files} {folders} {seed}")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _text(key: str, value: dict[str, Any]) -> bytes:
    return _chunk(b"tEXt", key.encode() + b"\0" + json.dumps(value).encode("latin-1", "replace"))


def _graph(rng: random.Random) -> dict[str, Any]:
    """A text-to-image graph with a LoRA, as ComfyUI embeds it."""
    subject, styles = rng.choice(_SUBJECTS), ", ".join(rng.sample(_STYLES, 3))
    return {
        "1": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": rng.choice(_MODELS)}},
        "2": {
            "class_type": "LoraLoader",
            "inputs": {
                "lora_name": rng.choice(_LORAS),
                "strength_model": 0.8,
                "strength_clip": 0.8,
                "model": ["1", 0],
                "clip": ["1", 1],
            },
        },
        "3": {"class_type": "CLIPTextEncode", "inputs": {"text": f"a {subject}, {styles}", "clip": ["2", 1]}},
        "4": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry, low quality", "clip": ["2", 1]}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 1024, "height": 1536, "batch_size": 1}},
        "6": {
            "class_type": "KSampler",
            "inputs": {
                "seed": rng.getrandbits(63),
                "steps": rng.randint(10, 40),
                "cfg": 6.5,
                "sampler_name": rng.choice(["euler", "dpmpp_2m", "ddim"]),
                "scheduler": "karras",
                "denoise": 1.0,
                "model": ["2", 0],
                "positive": ["3", 0],
                "negative": ["4", 0],
                "latent_image": ["5", 0],
            },
        },
        "7": {"class_type": "VAEDecode", "inputs": {"samples": ["6", 0], "vae": ["1", 2]}},
        "8": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["7", 0]}},
    }


def _workflow(graph: dict[str, Any]) -> dict[str, Any]:
    """The same as a UI-format workflow: about as large as a real one, which is what reading it costs."""
    nodes = [
        {
            "id": int(number),
            "type": node["class_type"],
            "pos": [100 * int(number), 200],
            "size": [315, 262],
            "flags": {},
            "order": int(number),
            "mode": 0,
            "inputs": [{"name": name, "type": "*", "link": None} for name in node["inputs"]],
            "outputs": [{"name": "out", "type": "*", "links": []}],
            "properties": {"Node name for S&R": node["class_type"]},
            "widgets_values": [value for value in node["inputs"].values() if not isinstance(value, list)],
        }
        for number, node in graph.items()
    ]
    return {"last_node_id": 8, "last_link_id": 9, "nodes": nodes, "links": [], "groups": [], "version": 0.4}
