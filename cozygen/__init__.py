"""CozyGen: a studio for people who make pictures and films with ComfyUI."""

__version__ = "0.1.0"
