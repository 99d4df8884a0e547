from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from cozygen import allocator

_GROWTH = """
import sys
from cozygen.allocator import economise

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

assert economise()
before, kept = resident(), []
for _ in range(40):  # large pieces, and small ones between them that stay
    large = [bytearray(3 << 20) for _ in range(4)]
    kept.append(bytearray(1000))
    del large
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library")
def test_what_was_needed_for_a_moment_is_given_back() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    done = subprocess.run([sys.executable, "-c", _GROWTH], env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 3 << 20


def test_who_chose_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    assert not allocator.economise()


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in allocator._VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "win32")
    assert not allocator.economise()
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())  # musl has no such function
    assert not allocator.economise()
