"""Model files for the tests: headers without a model behind them."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any


def header(metadata: Any, **tensors: Any) -> bytes:
    """The JSON of a safetensors header."""
    return json.dumps({"__metadata__": metadata, **tensors}).encode()


def safetensors(path: Path, metadata: dict[str, str]) -> Path:
    """Write a safetensors file with one tensor."""
    data = header(metadata, weight={"dtype": "F32", "shape": [1], "data_offsets": [0, 4]})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(struct.pack("<Q", len(data)) + data + bytes(4))
    return path
