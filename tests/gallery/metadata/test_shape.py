from __future__ import annotations

import pytest

from cozygen.gallery.metadata.comfyui import summarise
from cozygen.gallery.metadata.shape import NEGATIVE, POSITIVE, Shape, shape_of


def test_a_sampler_is_told_by_its_inputs() -> None:
    names = ("seed", "steps", "model", "positive", "negative", "latent_image")
    shape = shape_of("Anybody's", names, names[2:])
    assert shape.is_sampler and not shape.is_switch
    assert (shape.side(POSITIVE), shape.side(NEGATIVE)) == ("positive", "negative")
    assert shape.latents == ("latent_image",) and shape.to_models == ("model",)
    assert shape.pictures == ("latent_image", "model", "positive", "negative")


def test_a_bundle_of_a_samplers_settings_is_none() -> None:
    assert not shape_of("Context Big", ("positive", "steps"), ("positive",)).is_sampler


def test_the_two_sides_of_a_node_that_hands_on_both_are_told_by_its_outputs() -> None:
    links = ("positive", "negative", "image")
    shape = shape_of("ControlNetApplyAdvanced", links, links)
    assert shape.conditions(POSITIVE, 1) == ("negative",)
    assert shape.conditions(NEGATIVE, 0) == ("positive",)
    assert shape.conditions(NEGATIVE, 2) == ("negative",)


def test_an_only_link_is_followed_whatever_its_name_is() -> None:
    assert shape_of("X", ("odd", "text"), ("odd",)).to("vae") == ("odd",)
    assert shape_of("X", ("odd", "other"), ("odd", "other")).to("vae") == ()
    assert shape_of("X", ("odd", "my_VAE"), ("odd", "my_VAE")).to("vae") == ("my_VAE",)


def test_what_was_found_out_is_kept_but_not_of_monsters() -> None:
    assert shape_of("X", ("a", "b"), ("a",)) is shape_of("X", ("a", "b"), ("a",))
    assert shape_of("X", ("a", "b"), ("b",)) is not shape_of("X", ("a", "b"), ("a",))
    for names in ((100 * "long",) * 10, tuple(map(str, range(1000)))):
        shape = shape_of("X", names, ())
        assert isinstance(shape, Shape) and shape is not shape_of("X", names, ())


@pytest.mark.parametrize("slot", [-5, -1, 7])
def test_an_output_that_there_is_not_does_no_harm(slot: int) -> None:
    graph = {
        "1": {"class_type": "CLIPTextEncode", "inputs": {"text": "a fox", "clip": ["9", 1]}},
        "2": {"class_type": "ControlNetApplyAdvanced", "inputs": {"positive": ["1", 0], "negative": ["1", 0]}},
        "3": {"class_type": "KSampler", "inputs": {"steps": 3, "positive": ["2", slot], "negative": ["2", slot]}},
    }
    assert summarise(graph).positive == "a fox"
