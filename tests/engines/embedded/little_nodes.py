"""Node classes for the engine's own tests. The engine's processes import this module by its name."""

from __future__ import annotations

import errno
import os
import sys
import time
from typing import Any

import numpy as np

from cozygen.nodes.host import host


class Number:
    """A constant."""

    CATEGORY = "test"
    RETURN_TYPES: tuple[Any, ...] = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("INT", {"default": 0, "min": -100, "max": 100})}}

    def run(self, value: int) -> tuple[int]:
        return (value,)


class Add:
    """A sum, with a count of how often it has been computed in this process."""

    RETURN_TYPES: tuple[Any, ...] = ("INT", "INT")
    RETURN_NAMES = ("sum", "runs")
    FUNCTION = "run"
    runs = 0

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"a": ("INT", {}), "b": ("INT", {"default": 1})}}

    def run(self, a: int, b: int) -> tuple[int, int]:
        Add.runs += 1
        return a + b, Add.runs


class Show:
    """Shows what it is given."""

    RETURN_TYPES: tuple[Any, ...] = ()
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("*", {})}, "optional": {"label": ("STRING", {"default": ""})}}

    def run(self, value: Any, label: str = "") -> dict[str, Any]:
        return {"ui": {"values": [f"{label}{value}"]}}


class Texts:
    """Typed inputs of every kind."""

    RETURN_TYPES: tuple[Any, ...] = ("STRING",)
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "text": ("STRING", {"multiline": True}),
                "size": ("INT", {"min": 1, "max": 8}),
                "strength": ("FLOAT", {"min": 0.0, "max": 1.0}),
                "flag": ("BOOLEAN", {}),
                "mode": (["fast", "slow"],),
                "kind": ("COMBO", {"options": ["a", "b"]}),
            },
            "hidden": {"graph": "PROMPT", "info": "EXTRA_PNGINFO", "me": "UNIQUE_ID"},
        }

    def run(self, **inputs: Any) -> dict[str, Any]:
        return {"ui": {"inputs": [inputs]}, "result": (inputs["text"],)}


class Picky:
    """Checks its input itself."""

    RETURN_TYPES: tuple[Any, ...] = ()
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"name": ("STRING", {}), "size": ("INT", {"min": 1})}}

    @classmethod
    def VALIDATE_INPUTS(cls, name: str) -> bool | str:
        if name == "raise":
            raise LookupError("cannot even look")
        return True if name == "good" else f"Invalid name: {name}"

    def run(self, name: str, size: int) -> dict[str, Any]:
        return {}


class Broken:
    """Cannot say what it takes."""

    RETURN_TYPES: tuple[Any, ...] = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        raise PermissionError("the folder is locked")


class Many:
    """A list of numbers, one after another."""

    RETURN_TYPES: tuple[Any, ...] = ("INT",)
    OUTPUT_IS_LIST = (True,)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"count": ("INT", {})}}

    def run(self, count: int) -> tuple[list[int]]:
        return (list(range(count)),)


class Sum:
    """Takes a whole list at once."""

    RETURN_TYPES: tuple[Any, ...] = ("INT",)
    INPUT_IS_LIST = True
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"values": ("INT", {})}}

    def run(self, values: list[int]) -> tuple[int]:
        return (sum(values),)


class Switch:
    """Computes only the side that it needs."""

    RETURN_TYPES: tuple[Any, ...] = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {
                "left": ("BOOLEAN", {}),
                "on_left": ("INT", {"lazy": True}),
                "on_right": ("INT", {"lazy": True}),
            }
        }

    def check_lazy_status(self, left: bool, on_left: int | None, on_right: int | None) -> list[str]:
        return ["on_left"] if left else ["on_right"]

    def run(self, left: bool, on_left: int | None, on_right: int | None) -> tuple[int | None]:
        return (on_left if left else on_right,)


class Clock:
    """Different at every run."""

    RETURN_TYPES: tuple[Any, ...] = ("INT",)
    FUNCTION = "run"
    runs = 0

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    @classmethod
    def IS_CHANGED(cls) -> float:
        return float("nan")

    def run(self) -> tuple[int]:
        Clock.runs += 1
        return (Clock.runs,)


class Identified:
    """Knows its own id."""

    RETURN_TYPES: tuple[Any, ...] = ("STRING",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}, "hidden": {"me": "UNIQUE_ID"}}

    def run(self, me: str) -> tuple[str]:
        return (me,)


class Fail:
    """Raises what it is told to."""

    RETURN_TYPES: tuple[Any, ...] = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"how": (["value", "memory", "full", "denied", "exit", "shape"],)}}

    def run(self, how: str) -> tuple[int] | None:
        path = str(host().directory("output") / "a" / "picture.png")
        match how:
            case "memory":
                raise MemoryError
            case "full":
                raise OSError(errno.ENOSPC, "No space left on device", path)
            case "denied":
                raise PermissionError(errno.EACCES, "Permission denied", path)
            case "exit":
                sys.exit(3)
            case "shape":
                return None
        raise ValueError("it went wrong: \ud800")


class Save:
    """Writes a file."""

    RETURN_TYPES: tuple[Any, ...] = ()
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("INT", {}), "name": ("STRING", {})}}

    def run(self, value: int, name: str) -> dict[str, Any]:
        folder = host().directory("output") / "texts"
        folder.mkdir(exist_ok=True)
        (folder / name).write_text(str(value))
        host().send("test_saved", {"name": name})
        return {"ui": {"images": [{"filename": name, "subfolder": "texts", "type": "output"}]}}


class Slow:
    """Takes its time, and shows how far it is."""

    RETURN_TYPES: tuple[Any, ...] = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {
            "required": {"steps": ("INT", {"default": 3}), "seconds": ("FLOAT", {"default": 0.0}), "tag": ("INT", {})}
        }

    def run(self, steps: int, seconds: float, tag: int) -> tuple[int]:
        for step in range(1, steps + 1):
            time.sleep(seconds)
            host().progress(step, steps, np.full((1200, 2000, 3), step / steps, np.float32))
        return (tag,)


class Deaf:
    """Does not hear that it is cancelled."""

    RETURN_TYPES: tuple[Any, ...] = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    def run(self) -> tuple[int]:
        host().send("test_deaf", {})
        time.sleep(600)
        return (0,)


class Die:
    """Takes its process with it."""

    RETURN_TYPES: tuple[Any, ...] = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"signal": ("INT", {"default": 0})}}

    def run(self, signal: int) -> tuple[int]:
        if signal:
            os.kill(os.getpid(), signal)
        os._exit(3)


class Trap:
    """Takes the process that checks it with it."""

    RETURN_TYPES: tuple[Any, ...] = ()
    FUNCTION = "run"
    OUTPUT_NODE = True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("INT", {})}}

    @classmethod
    def VALIDATE_INPUTS(cls, value: int) -> bool:
        os._exit(3)

    def run(self, value: int) -> dict[str, Any]:
        return {}


class Anything(str):
    """A type that equals every other."""

    def __eq__(self, other: object) -> bool:
        return True

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


class Same:
    """Takes and gives anything."""

    RETURN_TYPES: tuple[Any, ...] = (Anything("*"),)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": (Anything("*"), {})}}

    def run(self, value: Any) -> tuple[Any]:
        return (value,)


class Chatter:
    """Prints, reads and is a nuisance otherwise."""

    RETURN_TYPES: tuple[Any, ...] = ("INT",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"value": ("INT", {})}}

    def run(self, value: int) -> tuple[int]:
        print("hello " * 10_000)
        os.write(1, b"\x00\x01\x02 not a frame\n")
        got = sys.stdin.read()
        host().send("test_odd", {"nan": float("nan"), "array": np.zeros(3), "number": np.float32(0.5), "read": got})
        return (value,)


class Files:
    """Chooses among the files of the input folder."""

    RETURN_TYPES: tuple[Any, ...] = ("STRING",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {"file": (sorted(path.name for path in host().directory("input").iterdir()),)}}

    def run(self, file: str) -> tuple[str]:
        return (file,)


class Whoami:
    """The number of its process, and how nice that is."""

    RETURN_TYPES: tuple[Any, ...] = ("STRING",)
    FUNCTION = "run"

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:
        return {"required": {}}

    def run(self) -> tuple[str]:
        return (f"{os.getpid()} {os.nice(0) if hasattr(os, 'nice') else 0}",)


NODE_CLASS_MAPPINGS = {
    node_class.__name__: node_class
    for node_class in (
        Number,
        Add,
        Show,
        Texts,
        Picky,
        Broken,
        Many,
        Sum,
        Switch,
        Clock,
        Identified,
        Fail,
        Save,
        Slow,
        Deaf,
        Die,
        Trap,
        Same,
        Chatter,
        Files,
        Whoami,
    )
}
NODE_DISPLAY_NAME_MAPPINGS = {"Number": "A number"}
