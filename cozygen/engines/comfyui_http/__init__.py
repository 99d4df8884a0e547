"""The engine that lives elsewhere: any ComfyUI server, by its URL."""

from cozygen.engines.comfyui_http.client import probe
from cozygen.engines.comfyui_http.engine import ComfyUIEngine
from cozygen.engines.comfyui_http.follower import Timing

__all__ = ["ComfyUIEngine", "Timing", "probe"]
