"""Workflows in UI format, as ComfyUI's editor saves them, become API format, which engines run. Pure."""

from cozygen.workflows.convert.api import Converted, to_api
from cozygen.workflows.convert.document import ConversionError, is_ui

__all__ = ["ConversionError", "Converted", "is_ui", "to_api"]
