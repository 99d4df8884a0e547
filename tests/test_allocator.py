from __future__ import annotations

import ctypes
import os
import subprocess
import sys

import pytest

from cozygen import allocator


@pytest.mark.skipif(sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "mallopt"), reason="another C library")
def test_the_c_library_takes_the_settings() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    check = "from cozygen.allocator import economise; assert economise()"
    subprocess.run([sys.executable, "-c", check], env=environment, check=True)


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
