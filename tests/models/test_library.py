"""Models on the disk, with what stands beside them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from cozygen.models.library import ModelLibrary, entity_tag, folder_of
from tests.models.making import safetensors


def test_a_model_with_its_sidecar_and_picture(tmp_path: Path) -> None:
    safetensors(tmp_path / "loras/deep/fog.safetensors", {"ss_output_name": "fog"})
    (tmp_path / "loras/deep/fog.json").write_text(json.dumps({"activation text": "f0g"}), "utf-8")
    (tmp_path / "loras/deep/fog.preview.png").write_bytes(b"x")
    library = ModelLibrary(tmp_path)
    fog, gone = library.describe("loras", ["deep/fog.safetensors", "gone.safetensors"])
    assert (fog.facts.title, fog.facts.trigger_words) == ("fog", ("f0g",))
    assert fog.preview == tmp_path / "loras/deep/fog.preview.png"
    assert (gone.name, gone.size, gone.preview) == ("gone.safetensors", None, None)
    assert library.find("loras", "gone.safetensors") is None


def test_a_change_beside_it_is_noticed(tmp_path: Path) -> None:
    safetensors(tmp_path / "loras/fog.safetensors", {})
    library = ModelLibrary(tmp_path)
    before = library.describe("loras", ["fog.safetensors"])
    assert entity_tag(before) == entity_tag(library.describe("loras", ["fog.safetensors"]))
    (tmp_path / "loras/fog.json").write_text(json.dumps({"notes": "for evenings"}), "utf-8")
    after = library.describe("loras", ["fog.safetensors"])
    assert after[0].facts.notes == "for evenings"
    assert entity_tag(after) != entity_tag(before)


def test_unchanged_files_are_not_read_again(tmp_path: Path) -> None:
    path = safetensors(tmp_path / "loras/fog.safetensors", {"ss_output_name": "old"})
    status = path.stat()
    library = ModelLibrary(tmp_path)
    library.describe("loras", ["fog.safetensors"])
    path.write_bytes(path.read_bytes().replace(b"old", b"new"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert library.describe("loras", ["fog.safetensors"])[0].facts.title == "old"


def test_other_folders_of_a_kind(tmp_path: Path) -> None:
    safetensors(tmp_path / "unet/u.safetensors", {"modelspec.title": "U"})
    assert ModelLibrary(tmp_path).describe("diffusion_models", ["u.safetensors"])[0].facts.title == "U"


def test_names_that_lead_out_are_names_alone(tmp_path: Path) -> None:
    safetensors(tmp_path / "secret.safetensors", {"modelspec.title": "S"})
    library = ModelLibrary(tmp_path / "models")
    for name in ("../../secret.safetensors", "/etc/passwd", "..", "", "a\0b"):
        assert library.describe("loras", [name])[0].size is None


def test_folders_of_names() -> None:
    assert [folder_of(name) for name in ("a", "b/a", "c\\b\\a")] == ["", "b", "c/b"]
