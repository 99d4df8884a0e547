"""The lists that forms choose from: sampler and scheduler names, and the files in the model folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

# The embedded engine samples nothing. These are the names of ComfyUI's KSampler, so that any workflow's form works.
SAMPLERS = (
    "euler",
    "euler_cfg_pp",
    "euler_ancestral",
    "euler_ancestral_cfg_pp",
    "heun",
    "heunpp2",
    "dpm_2",
    "dpm_2_ancestral",
    "lms",
    "dpm_fast",
    "dpm_adaptive",
    "dpmpp_2s_ancestral",
    "dpmpp_2s_ancestral_cfg_pp",
    "dpmpp_sde",
    "dpmpp_sde_gpu",
    "dpmpp_2m",
    "dpmpp_2m_cfg_pp",
    "dpmpp_2m_sde",
    "dpmpp_2m_sde_gpu",
    "dpmpp_2m_sde_heun",
    "dpmpp_2m_sde_heun_gpu",
    "dpmpp_3m_sde",
    "dpmpp_3m_sde_gpu",
    "ddpm",
    "lcm",
    "ipndm",
    "ipndm_v",
    "deis",
    "res_multistep",
    "res_multistep_cfg_pp",
    "res_multistep_ancestral",
    "res_multistep_ancestral_cfg_pp",
    "gradient_estimation",
    "gradient_estimation_cfg_pp",
    "er_sde",
    "seeds_2",
    "seeds_3",
    "sa_solver",
    "sa_solver_pece",
    "ddim",
    "uni_pc",
    "uni_pc_bh2",
)
SCHEDULERS = (
    "simple",
    "sgm_uniform",
    "karras",
    "exponential",
    "ddim_uniform",
    "beta",
    "normal",
    "linear_quadratic",
    "kl_optimal",
)

_WEIGHTS = frozenset({".ckpt", ".pt", ".pt2", ".bin", ".pth", ".safetensors", ".pkl", ".sft"})
_GGUF = frozenset({".gguf"})
_DIFFUSION_FOLDERS = ("unet", "diffusion_models")
_TEXT_ENCODER_FOLDERS = ("text_encoders", "clip")

# ComfyUI's model folders: name -> the folders below `models` that it stands for, and the extensions that count.
_FOLDERS: dict[str, tuple[tuple[str, ...], frozenset[str]]] = {
    "checkpoints": (("checkpoints",), _WEIGHTS),
    "configs": (("configs",), frozenset({".yaml"})),
    "loras": (("loras",), _WEIGHTS),
    "vae": (("vae",), _WEIGHTS),
    "text_encoders": (_TEXT_ENCODER_FOLDERS, _WEIGHTS),
    "diffusion_models": (_DIFFUSION_FOLDERS, _WEIGHTS),
    "clip_vision": (("clip_vision",), _WEIGHTS),
    "style_models": (("style_models",), _WEIGHTS),
    "embeddings": (("embeddings",), _WEIGHTS),
    "diffusers": (("diffusers",), frozenset({".folder"})),  # whole folders, which no file stands for
    "vae_approx": (("vae_approx",), _WEIGHTS),
    "controlnet": (("controlnet", "t2i_adapter"), _WEIGHTS),
    "gligen": (("gligen",), _WEIGHTS),
    "upscale_models": (("upscale_models",), _WEIGHTS),
    "latent_upscale_models": (("latent_upscale_models",), _WEIGHTS),
    "hypernetworks": (("hypernetworks",), _WEIGHTS),
    "photomaker": (("photomaker",), _WEIGHTS),
    "classifiers": (("classifiers",), frozenset({""})),
    "model_patches": (("model_patches",), _WEIGHTS),
    "audio_encoders": (("audio_encoders",), _WEIGHTS),
}
_LEGACY = {"unet": "diffusion_models", "clip": "text_encoders"}
# What ComfyUI has only with its GGUF extension; here, as soon as there is such a file.
_GGUF_FOLDERS = {"unet_gguf": _DIFFUSION_FOLDERS, "clip_gguf": _TEXT_ENCODER_FOLDERS}


def folder_names() -> list[str]:
    """The names under ComfyUI's ``/models``."""
    return list(_FOLDERS)


def list_models(models_dir: Path | None, name: str) -> list[str] | None:
    """The files of a model folder: sorted paths in it with ``/``; None for an unknown name. Blocking.

    ``unet`` and ``clip`` are the older names of ``diffusion_models`` and ``text_encoders``. ``unet_gguf`` and
    ``clip_gguf`` are known when there is at least one such file.
    """
    if name in _GGUF_FOLDERS:
        return _list(models_dir, _GGUF_FOLDERS[name], _GGUF) or None
    known = _FOLDERS.get(_LEGACY.get(name, name))
    return None if known is None else _list(models_dir, *known)


def list_choices(models_dir: Path | None, kind: str) -> list[str] | None:
    """The names of samplers, schedulers or models; None for an unknown kind. Blocking."""
    if kind == "sampler":
        return list(SAMPLERS)
    if kind == "scheduler":
        return list(SCHEDULERS)
    return list_models(models_dir, kind)


def list_embeddings(models_dir: Path | None) -> list[str]:
    """The embeddings' names as prompts use them: without extension. Blocking."""
    return [os.path.splitext(name)[0] for name in list_models(models_dir, "embeddings") or ()]  # noqa: PTH122 -- a/b.c


def _list(models_dir: Path | None, folders: tuple[str, ...], extensions: frozenset[str]) -> list[str]:
    if models_dir is None:
        return []
    found = set()
    for folder in folders:
        for path in _walk(models_dir / folder):
            if path.suffix.lower() in extensions and not path.name.startswith("."):
                found.add(path.relative_to(models_dir / folder).as_posix())
    return sorted(name for name in found if name.isprintable())


def _walk(folder: Path) -> Iterator[Path]:
    """The files below a folder. Links to folders are followed, as model collections often are links, each once."""
    seen = set()
    for base, subfolders, files in os.walk(folder, followlinks=True):
        try:
            status = os.stat(base)  # noqa: PTH116
        except OSError:
            subfolders.clear()
            continue
        if (status.st_dev, status.st_ino) in seen:
            subfolders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (Path(base, name) for name in files)
