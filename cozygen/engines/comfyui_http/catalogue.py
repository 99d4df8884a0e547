"""What a ComfyUI server has to offer: node classes, models, samplers."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

from cozygen.engines.base import EngineError
from cozygen.engines.comfyui_http.client import BadStatus, ComfyClient
from cozygen.engines.comfyui_http.tasks import Tasks

_INFO_SECONDS = 120.0  # a server with many nodes reads all its model folders for it
_KEEP_SECONDS = 30.0
_OUTPUT_CLASSES_SECONDS = 10.0

_NODE_CHOICES = {
    "sampler": (("KSampler", "sampler_name"), ("KSamplerSelect", "sampler_name")),
    "scheduler": (("KSampler", "scheduler"), ("BasicScheduler", "scheduler")),
}
_LOADERS = {
    "checkpoints": ("CheckpointLoaderSimple", "ckpt_name"),
    "clip": ("CLIPLoader", "clip_name"),
    "clip_vision": ("CLIPVisionLoader", "clip_name"),
    "controlnet": ("ControlNetLoader", "control_net_name"),
    "diffusers": ("DiffusersLoader", "model_path"),
    "diffusion_models": ("UNETLoader", "unet_name"),
    "gligen": ("GLIGENLoader", "gligen_name"),
    "hypernetworks": ("HypernetworkLoader", "hypernetwork_name"),
    "loras": ("LoraLoader", "lora_name"),
    "photomaker": ("PhotoMakerLoader", "photomaker_model_name"),
    "style_models": ("StyleModelLoader", "style_model_name"),
    "text_encoders": ("CLIPLoader", "clip_name"),
    "unet": ("UNETLoader", "unet_name"),
    "upscale_models": ("UpscaleModelLoader", "model_name"),
    "vae": ("VAELoader", "vae_name"),
}
"""The node that lists a model folder, for servers too old to have ``/models``."""

_RENAMED = {
    "unet": "diffusion_models",
    "diffusion_models": "unet",
    "clip": "text_encoders",
    "text_encoders": "clip",
}
"""Folders that ComfyUI has renamed: either name finds them, whichever the server uses."""


def combo_options(info: dict[str, Any], node_class: str, name: str) -> list[str] | None:
    """The choices of an input in ``/object_info``, None when there is no such input.

    Two forms: ``[["a", "b"], {...}]`` and ``["COMBO", {"options": ["a", "b"], ...}]``.
    """
    node = info.get(node_class)
    inputs = node.get("input") if isinstance(node, dict) else None
    for group in ("required", "optional"):
        members = inputs.get(group) if isinstance(inputs, dict) else None
        spec = members.get(name) if isinstance(members, dict) else None
        if isinstance(spec, list) and spec:
            return _options(spec)
    return None


def _options(spec: list[Any]) -> list[str]:
    options = spec[0]
    if options == "COMBO":
        options = spec[1].get("options") if len(spec) > 1 and isinstance(spec[1], dict) else None
    return [str(o) for o in options if isinstance(o, str | int | float)] if isinstance(options, list) else []


class Catalogue:
    """Answers from ``/object_info`` and ``/models``. The answers are shared: callers do not change them."""

    def __init__(self, client: ComfyClient, tasks: Tasks) -> None:
        self._client = client
        self._tasks = tasks
        self._info: dict[str, Any] | None = None
        self._info_until = 0.0
        self._loading: asyncio.Task[dict[str, Any]] | None = None
        self._output_classes: frozenset[str] | None = None
        self._has_models: bool | None = None

    def forget(self) -> None:
        """Ask anew next time: the server may be another one now."""
        self._info = None
        self._loading = None
        self._output_classes = None
        self._has_models = None

    async def object_info(self) -> dict[str, Any]:
        """All node classes. One request serves all who wait for it."""
        if self._info is not None and time.monotonic() < self._info_until:
            return self._info
        if self._loading is None:
            self._loading = self._tasks.start(self._load())
        return await asyncio.shield(self._loading)

    async def _load(self) -> dict[str, Any]:
        me = asyncio.current_task()
        try:
            info = await self._client.get_object("object_info", seconds=_INFO_SECONDS)
            if self._loading is me:
                self._info, self._info_until = info, time.monotonic() + _KEEP_SECONDS
                self._output_classes = frozenset(
                    name for name, node in info.items() if isinstance(node, dict) and node.get("output_node") is True
                )
            return info
        finally:
            if self._loading is me:
                self._loading = None

    async def node_info(self, node_class: str) -> dict[str, Any]:
        """One node class; empty when the server has none of this name."""
        if self._info is not None and time.monotonic() < self._info_until:
            found = self._info
        elif node_class.strip(".") and "/" not in node_class:
            found = await self._client.get_object("object_info", node_class)
        else:
            found = await self.object_info()  # such a name does not survive in a path
        return {node_class: found[node_class]} if node_class in found else {}

    async def output_classes(self) -> frozenset[str]:
        """The classes of output nodes; empty when the server does not tell, or not soon."""
        if self._output_classes is None:
            with suppress(EngineError, TimeoutError):
                await asyncio.wait_for(self.object_info(), _OUTPUT_CLASSES_SECONDS)
        return self._output_classes or frozenset()

    async def model_folders(self) -> list[str]:
        """The model folders' names."""
        if await self._lacks_models():
            info = await self.object_info()
            return [folder for folder, (node, name) in _LOADERS.items() if combo_options(info, node, name) is not None]
        return _names(await self._client.get("models"))

    async def _lacks_models(self) -> bool:
        if self._has_models is None:
            try:
                await self._client.get("models")
                self._has_models = True
            except BadStatus as error:
                if error.status not in (404, 405):
                    raise
                self._has_models = False
        return not self._has_models

    async def models(self, folder: str) -> list[str] | None:
        """The files of a model folder; None when there is no such folder."""
        if not folder.strip(".") or "/" in folder:
            return None
        if await self._lacks_models():
            loader = _LOADERS.get(folder)
            if loader is None:
                return None
            return combo_options(await self.node_info(loader[0]), *loader)
        for name in (folder, _RENAMED.get(folder)):
            if name is None:
                continue
            try:
                return _names(await self._client.get("models", name))
            except BadStatus as error:
                if error.status != 404:
                    raise
        return None

    async def model_metadata(self, folder: str, name: str) -> dict[str, Any]:
        """What the header of a model file says; empty when there is no such file, or nothing in it."""
        if not folder.strip(".") or "/" in folder:
            return {}
        try:
            return await self._client.get_object("view_metadata", folder, filename=name)
        except BadStatus as error:
            if error.status not in (404, 405):
                raise
            return {}

    async def embeddings(self) -> list[str]:
        """The embeddings' names."""
        return _names(await self._client.get("embeddings"))

    async def choices(self, kind: str) -> list[str] | None:
        """What there is to choose from: samplers, schedulers, or the files of a model folder; None if unknown."""
        for node_class, name in _NODE_CHOICES.get(kind, ()):
            found = combo_options(await self.node_info(node_class), node_class, name)
            if found is not None:
                return found
        return [] if kind in _NODE_CHOICES else await self.models(kind)


def _names(listed: Any) -> list[str]:
    return [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
