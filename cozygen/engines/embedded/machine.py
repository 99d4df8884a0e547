"""The machine that the embedded engine runs on, in the shape of ComfyUI's ``/system_stats``."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

API_VERSION = "0.3.64"
"""The ComfyUI whose API the embedded engine speaks."""


def system_stats() -> dict[str, Any]:
    """Memory in bytes; the one device is the processor, whose memory is the machine's. Blocking.

    Versions can be parsed as such, and name the embedded engine in their local part.
    """
    total, free = memory()
    return {
        "system": {
            "os": os.name,
            "ram_total": total,
            "ram_free": free,
            "comfyui_version": f"{API_VERSION}+cozygen.embedded",
            "required_frontend_version": None,
            "installed_templates_version": None,
            "required_templates_version": None,
            "python_version": sys.version,
            "pytorch_version": "0.0.0+none.cozygen.embedded",
            "embedded_python": False,
            "argv": list(sys.argv),
        },
        "devices": [
            {
                "name": "cpu (CozyGen's embedded engine)",
                "type": "cpu",
                "index": None,
                "vram_total": total,
                "vram_free": free,
                "torch_vram_total": total,
                "torch_vram_free": free,
            }
        ],
    }


def memory() -> tuple[int, int]:
    """The machine's memory and what of it is free for programs, in bytes; 0 where the system does not tell."""
    if sys.platform == "win32":
        return _windows_memory()
    total = 0
    with suppress(OSError, ValueError):
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return total, _mac_free() if sys.platform == "darwin" else _linux_free()


def _linux_free() -> int:
    with suppress(OSError, ValueError):
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    with suppress(OSError, ValueError):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return 0


def _mac_free() -> int:
    """Free and inactive pages, which is what `vm_stat` prints as lines such as ``Pages free: 12345.``."""
    pages = 0
    with suppress(OSError, ValueError, subprocess.SubprocessError):
        answer = subprocess.run(["/usr/bin/vm_stat"], capture_output=True, text=True, timeout=5, check=True).stdout
        for line in answer.splitlines():
            name, _, value = line.partition(":")
            if name in ("Pages free", "Pages inactive"):
                pages += int(value.strip(" ."))
        return pages * os.sysconf("SC_PAGE_SIZE")
    return 0


def _windows_memory() -> tuple[int, int]:
    class Status(ctypes.Structure):
        """``MEMORYSTATUSEX`` of the Windows API."""

        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong)] + [
            (name, ctypes.c_ulonglong)
            for name in (
                "total_physical",
                "free_physical",
                "total_page_file",
                "free_page_file",
                "total_virtual",
                "free_virtual",
                "free_extended_virtual",
            )
        ]

    status = Status(length=ctypes.sizeof(Status))
    kernel = getattr(ctypes, "windll", None)
    if kernel is None or not kernel.kernel32.GlobalMemoryStatusEx(ctypes.byref(status)):
        return 0, 0
    return int(status.total_physical), int(status.free_physical)
