"""Files and graphs for the tests, in the formats that the real programs write."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image, PngImagePlugin

Graph = dict[str, Any]


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


def text_to_image() -> Graph:
    """The default workflow of ComfyUI."""
    return {
        "3": node(
            "KSampler",
            seed=156680208700286,
            steps=20,
            cfg=8.0,
            sampler_name="euler",
            scheduler="normal",
            denoise=1,
            model=["4", 0],
            positive=["6", 0],
            negative=["7", 0],
            latent_image=["5", 0],
        ),
        "4": node("CheckpointLoaderSimple", ckpt_name="v1-5-pruned-emaonly-fp16.safetensors"),
        "5": node("EmptyLatentImage", width=512, height=768, batch_size=1),
        "6": node("CLIPTextEncode", text="a glass bottle", clip=["4", 1]),
        "7": node("CLIPTextEncode", text="text, watermark", clip=["4", 1]),
        "8": node("VAEDecode", samples=["3", 0], vae=["4", 2]),
        "9": node("SaveImage", filename_prefix="ComfyUI", images=["8", 0]),
    }


WORKFLOW: dict[str, Any] = {"last_node_id": 9, "nodes": [{"id": 9, "type": "SaveImage"}], "links": [], "version": 0.4}

INFOTEXT = """portrait of a fox, (detailed:1.2), <lora:add_detail:0.7>
second line
Negative prompt: blurry, lowres
and a second line
Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 3218760543, Size: 832x1216, Model hash: 31e35c80fc, \
Model: sd_xl_base_1.0, VAE hash: 551eac7037, VAE: sdxl_vae.safetensors, Clip skip: 2, \
ControlNet 0: "Module: canny, Model: control_v11p, Weight: 1", Lora hashes: "add_detail: 7c6bad76eb54", \
Hashes: {"vae": "551eac7037", "model": "31e35c80fc", "lora:add_detail": "7c6bad76eb54"}, Version: v1.9.4"""


def pixels(width: int = 8, height: int = 6) -> Image.Image:
    return Image.new("RGB", (width, height), (200, 40, 90))


def png(texts: dict[str, str] | None = None, *, after: bool = False, compressed: bool = False) -> bytes:
    info = PngImagePlugin.PngInfo()
    for key, text in (texts or {}).items():
        if after:
            info.add(b"tEXt", key.encode("latin-1") + b"\0" + text.encode("latin-1"), after_idat=True)
        else:
            info.add_text(key, text, zip=compressed)
    stream = io.BytesIO()
    pixels().save(stream, "PNG", pnginfo=info)
    return stream.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def raw_png(*chunks: bytes, width: int = 8, height: int = 6) -> bytes:
    """A PNG of hand-made chunks between its header and its end."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def exif(values: dict[int, Any], inner: dict[int, Any] | None = None) -> bytes:
    """An EXIF block: tags of the first directory, and of the Exif directory."""
    block = Image.Exif()
    for tag, value in values.items():
        block[tag] = value
    if inner:
        block.get_ifd(0x8769).update(inner)
    return block.tobytes()


def picture(form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    pixels().save(stream, form, **options)
    return stream.getvalue()


def comfy_exif(graph: Graph, **extra: Any) -> bytes:
    """As ComfyUI's SaveAnimatedWEBP: the graph as Model, the rest from Make downwards."""
    values = {0x0110: "prompt:" + json.dumps(graph)}
    for tag, (key, value) in zip(range(0x010F, 0, -1), extra.items(), strict=False):
        values[tag] = f"{key}:{json.dumps(value)}"
    return exif(values)


def film(path: Path, metadata: dict[str, str], options: dict[str, str] | None = None, frames: int = 12) -> Path:
    """A silent film of 64x48 at 24 frames a second, written by FFmpeg."""
    codec = "libvpx-vp9" if path.suffix == ".webm" else "libx264"
    with av.open(str(path), "w", options=options or {}) as container:
        container.metadata.update(metadata)
        stream = container.add_stream(codec, rate=24)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(frames):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def sound(path: Path, codec: str, metadata: dict[str, str]) -> Path:
    """One second of silence, written by FFmpeg as ComfyUI's audio nodes have it."""
    rate = 48_000
    with av.open(str(path), "w") as container:
        container.metadata.update(metadata)
        stream = container.add_stream(codec, rate=rate, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, rate * 2), np.int16), format="s16", layout="stereo")
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", 8 + len(body)) + kind + body
