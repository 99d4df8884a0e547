"""What the core nodes make of pictures and masks. The numbers are PyTorch's, as ComfyUI 0.3.64 gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cozygen.engines.embedded.library import filters, resample
from cozygen.engines.embedded.registry import load_nodes
from cozygen.nodes.host import Interrupted
from cozygen.nodes.limits import TooLarge

CLASSES = load_nodes().classes
pytestmark = pytest.mark.usefixtures("host")


def run(name: str, *arguments: Any, **inputs: Any) -> Any:
    node = CLASSES[name]()
    return getattr(node, node.FUNCTION)(*arguments, **inputs)


def one(name: str, *arguments: Any, **inputs: Any) -> Any:
    (value,) = run(name, *arguments, **inputs)
    assert value.dtype == np.float32
    return value


def noise(*shape: int) -> Any:
    return np.random.default_rng(sum(shape)).random(shape, dtype=np.float32)


def row(*values: float) -> Any:
    """A picture of one row, the same in all channels."""
    return np.array(values, np.float32)[None, None, :, None].repeat(3, axis=3)


SCALED = {
    ("nearest-exact", 3): [0.0, 0.6, 0.9],
    ("nearest-exact", 7): [0.0, 0.0, 0.3, 0.6, 0.6, 0.9, 0.9],
    ("bilinear", 3): [0.05, 0.45, 0.85],
    ("bilinear", 6): [0.0, 0.15, 0.35, 0.55, 0.75, 0.9],
    ("area", 3): [0.15, 0.45, 0.75],
    ("area", 6): [0.0, 0.15, 0.3, 0.6, 0.75, 0.9],
    ("bicubic", 1): [0.45],
    ("bicubic", 3): [0.0378472, 0.45, 0.8621529],
    ("bicubic", 8): [-0.0316406, 0.0574219, 0.2003906, 0.3890625, 0.5109375, 0.6996093, 0.8425781, 0.9316406],
}


@pytest.mark.parametrize(("method", "width"), SCALED)
def test_scaling_gives_pytorchs_numbers(method: str, width: int) -> None:
    scaled = one("ImageScale", row(0, 0.3, 0.6, 0.9), method, width, 1, "disabled")
    assert scaled.shape == (1, 1, width, 3)
    np.testing.assert_allclose(scaled[0, 0, :, 1], SCALED[method, width], atol=1e-6)


@pytest.mark.parametrize("method", resample.METHODS)
@pytest.mark.parametrize("size", [(1, 1), (3, 2), (40, 25), (17, 90)])
@pytest.mark.parametrize("crop", ["disabled", "center"])
@pytest.mark.parametrize("shape", [(2, 1, 1, 3), (1, 7, 5, 4), (1, 30, 41, 1)])
def test_scaling_gives_the_size_and_keeps_flat_colours(
    method: str, size: tuple[int, int], crop: str, shape: tuple[int, ...]
) -> None:
    flat = np.full(shape, 0.6, np.float32)
    scaled = one("ImageScale", flat, method, *size, crop)
    assert scaled.shape == (shape[0], size[1], size[0], shape[3])
    np.testing.assert_allclose(scaled, 0.6, atol=1e-6)


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "bicubic", "area"])
def test_scaling_treats_both_axes_alike(method: str) -> None:
    image = noise(1, 13, 9, 3)
    across = one("ImageScale", image, method, 31, 20, "disabled")
    down = one("ImageScale", image.transpose(0, 2, 1, 3).copy(), method, 20, 31, "disabled")
    np.testing.assert_allclose(across, down.transpose(0, 2, 1, 3), atol=1e-5)


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "bicubic", "area"])
def test_the_same_size_is_the_same_picture(method: str) -> None:
    image = noise(1, 13, 9, 3)
    scaled = one("ImageScale", image, method, 9, 13, "disabled")
    np.testing.assert_array_equal(scaled, image)
    assert scaled is not image


@pytest.mark.parametrize("method", ["nearest-exact", "bilinear", "bicubic", "area"])
def test_work_in_bands_gives_the_same_numbers(method: str, monkeypatch: pytest.MonkeyPatch, host: Any) -> None:
    image = noise(2, 23, 17, 3)
    whole = one("ImageScale", image, method, 29, 41, "disabled")
    monkeypatch.setattr(resample, "_BAND", 200)
    host.steps.clear()
    banded = one("ImageScale", image, method, 29, 41, "disabled")
    np.testing.assert_array_equal(banded, whole)
    assert host.steps[-1] == (len(host.steps), len(host.steps))
    assert len(host.steps) > 10


def test_a_missing_side_follows_from_the_other() -> None:
    image = noise(1, 20, 40, 3)
    assert one("ImageScale", image, "area", 0, 10, "disabled").shape == (1, 10, 20, 3)
    assert one("ImageScale", image, "area", 10, 0, "disabled").shape == (1, 5, 10, 3)
    assert one("ImageScale", image, "area", 0, 0, "disabled") is image
    assert one("ImageScale", noise(1, 1, 400, 3), "area", 10, 0, "disabled").shape == (1, 1, 10, 3)


def test_cropping_keeps_the_middle() -> None:
    image = np.zeros((1, 4, 12, 3), np.float32)
    image[:, :, 4:8] = 1
    assert one("ImageScale", image, "area", 2, 2, "center").min() == 1
    assert one("ImageScale", image, "area", 2, 2, "disabled").min() < 1


def test_scaling_by_a_factor() -> None:
    assert one("ImageScaleBy", noise(2, 10, 21, 3), "bilinear", 1.5).shape == (2, 15, 32, 3)
    assert one("ImageScaleBy", noise(1, 3, 3, 3), "bilinear", 0.01).shape == (1, 1, 1, 3)
    assert one("ImageScaleToTotalPixels", noise(1, 100, 400, 3), "area", 0.01).shape == (1, 51, 205, 3)


def test_absurd_sizes_are_refused_before_memory_is_taken() -> None:
    def large(*shape: int) -> Any:
        return np.broadcast_to(np.float32(0.5), shape)

    refused = [
        ("EmptyImage", (16384, 16384, 4096)),
        ("ImageScale", (large(4096, 2, 2, 3), "bilinear", 16384, 16384, "disabled")),
        ("ImageScaleBy", (large(1, 9000, 9000, 3), "lanczos", 8.0)),
        ("RepeatImageBatch", (large(64, 1024, 1024, 3), 4096)),
        ("ImagePadForOutpaint", (large(4096, 2, 2, 3), 16384, 16384, 16384, 16384, 0)),
        ("ImageBatch", (large(300, 1024, 1024, 3), large(300, 1024, 1024, 3))),
        ("ImageBlend", (large(1, 1024, 1024, 3), large(500, 1, 1, 3), 0.5, "normal")),
        ("MaskToImage", (large(1000, 1024, 1024),)),
    ]
    for name, arguments in refused:
        with pytest.raises(TooLarge, match="Ask for a smaller size or batch"):
            run(name, *arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("ImageScale", (noise(6, 4, 4, 3), "lanczos", 8, 8, "disabled")),
        ("ImageScale", (noise(6, 4, 4, 3), "bicubic", 8, 8, "disabled")),
        ("ImageBlur", (noise(6, 4, 4, 3), 1, 1.0)),
        ("ImageSharpen", (noise(6, 4, 4, 3), 1, 1.0, 1.0)),
        ("ImageBlend", (noise(6, 4, 4, 3), noise(6, 4, 4, 3), 0.5, "normal")),
        ("ImageCompositeMasked", (noise(6, 4, 4, 3), noise(1, 2, 2, 3), 0, 0, False)),
    ],
)
def test_batches_can_be_cancelled(host: Any, name: str, arguments: tuple[Any, ...]) -> None:
    host.stop_at = 3
    with pytest.raises(Interrupted):
        run(name, *arguments)
    assert max(host.steps) == (3, 6)


def test_empty_pictures_have_their_colour() -> None:
    image = one("EmptyImage", 3, 2, 2, 0xFF8000)
    assert image.shape == (2, 2, 3, 3)
    np.testing.assert_allclose(image[1, 1, 2], [1, 128 / 255, 0], atol=1e-7)


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ({"width": 3, "height": 2, "x": 4, "y": 1}, (slice(1, 3), slice(4, 7))),
        ({"width": 99, "height": 99, "x": 4, "y": 1}, (slice(1, 6), slice(4, 8))),
        ({"width": 99, "height": 99, "x": 500, "y": 500}, (slice(5, 6), slice(7, 8))),
    ],
)
def test_cropping(box: dict[str, int], expected: tuple[slice, slice]) -> None:
    image = noise(2, 6, 8, 3)
    np.testing.assert_array_equal(one("ImageCrop", image, **box), image[:, *expected])


def test_flipping_and_turning() -> None:
    image = np.arange(6, dtype=np.float32).reshape(1, 2, 3, 1)
    assert one("ImageFlip", image, "x-axis: vertically")[0, ..., 0].tolist() == [[3, 4, 5], [0, 1, 2]]
    assert one("ImageFlip", image, "y-axis: horizontally")[0, ..., 0].tolist() == [[2, 1, 0], [5, 4, 3]]
    assert one("ImageRotate", image, "90 degrees")[0, ..., 0].tolist() == [[3, 0], [4, 1], [5, 2]]
    assert one("ImageRotate", image, "180 degrees")[0, ..., 0].tolist() == [[5, 4, 3], [2, 1, 0]]
    assert one("ImageRotate", image, "270 degrees")[0, ..., 0].tolist() == [[2, 5], [1, 4], [0, 3]]
    np.testing.assert_array_equal(one("ImageRotate", image, "none"), image)


def test_inverting() -> None:
    image = noise(2, 3, 4, 4)
    np.testing.assert_allclose(one("ImageInvert", image), 1 - image, atol=1e-7)
    np.testing.assert_allclose(one("InvertMask", image[..., 0]), 1 - image[..., 0], atol=1e-7)


def test_padding_without_feathering() -> None:
    image = noise(2, 3, 4, 3)
    padded, mask = run("ImagePadForOutpaint", image, 8, 16, 24, 32, 0)
    assert (padded.shape, mask.shape) == ((2, 51, 36, 3), (1, 51, 36))
    np.testing.assert_array_equal(padded[:, 16:19, 8:12], image)
    assert padded[0, 0, 0].tolist() == [0.5, 0.5, 0.5]
    assert not mask[0, 16:19, 8:12].any()
    assert mask.sum() == 51 * 36 - 12


def test_padding_feathers_only_the_sides_that_grow() -> None:
    _, mask = run("ImagePadForOutpaint", noise(1, 20, 20, 3), 8, 0, 0, 0, 4)
    np.testing.assert_allclose(mask[0, 10, 7:13], [1, 1, 0.5625, 0.25, 0.0625, 0], atol=1e-6)
    assert not mask[0, :, 20:].any()
    _, mask = run("ImagePadForOutpaint", noise(1, 20, 20, 3), 0, 0, 8, 0, 4)
    np.testing.assert_allclose(mask[0, 10, 15:21], [0, 0, 0.0625, 0.25, 0.5625, 1], atol=1e-6)


def test_too_much_feathering_is_none() -> None:
    _, mask = run("ImagePadForOutpaint", noise(1, 20, 20, 3), 8, 8, 8, 8, 10)
    assert set(np.unique(mask)) == {0.0, 1.0}


BLENDED = {
    "normal": [0.6, 0.8, 0.25],
    "multiply": [0.06, 0.4, 0.225],
    "screen": [0.64, 0.9, 0.925],
    "overlay": [0.12, 0.8, 0.85],
    "soft_light": [0.1392, 0.624264, 0.855],
    "difference": [0, 0, 0.65],
}


@pytest.mark.parametrize("mode", BLENDED)
def test_blend_modes(mode: str) -> None:
    below, above = row(0.1, 0.5, 0.9), row(0.6, 0.8, 0.25)
    np.testing.assert_allclose(one("ImageBlend", below, above, 1.0, mode)[0, 0, :, 0], BLENDED[mode], atol=1e-5)
    np.testing.assert_allclose(one("ImageBlend", below, above, 0.0, mode), below, atol=1e-6)


def test_blending_fits_the_second_picture_to_the_first() -> None:
    blended = one("ImageBlend", noise(1, 8, 9, 3), np.full((3, 4, 20, 4), 0.5, np.float32), 1.0, "normal")
    assert blended.shape == (3, 8, 9, 3)
    np.testing.assert_allclose(blended, 0.5, atol=1e-6)
    assert one("ImageBlend", noise(1, 8, 9, 4), noise(1, 8, 9, 3), 1.0, "normal")[..., 3].min() == 1


def test_batches_that_do_not_fit_are_said() -> None:
    with pytest.raises(ValueError, match="2 and 3 pictures cannot be combined"):
        run("ImageBlend", noise(2, 4, 4, 3), noise(3, 4, 4, 3), 0.5, "normal")


def test_a_blurred_point_is_the_kernel() -> None:
    image = np.zeros((1, 9, 9, 3), np.float32)
    image[0, 4, 4] = 1
    kernel = filters.gaussian(2, 0.5)
    expected = np.zeros((9, 9), np.float32)
    expected[2:7, 2:7] = np.outer(kernel, kernel)
    np.testing.assert_allclose(one("ImageBlur", image, 2, 0.5)[0, ..., 1], expected, atol=1e-7)


@given(st.integers(1, 31), st.floats(0.1, 10))
def test_kernels_are_symmetric_and_whole(radius: int, sigma: float) -> None:
    kernel = filters.gaussian(radius, sigma)
    assert len(kernel) == 2 * radius + 1
    assert kernel.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(kernel, kernel[::-1], atol=1e-7)


@pytest.mark.parametrize("shape", [(1, 1, 1, 3), (2, 3, 40, 4), (1, 9, 1, 3)])
def test_small_pictures_are_blurred_and_sharpened_too(shape: tuple[int, ...]) -> None:
    flat = np.full(shape, 0.4, np.float32)
    np.testing.assert_allclose(one("ImageBlur", flat, 31, 10.0), flat, atol=1e-5)
    np.testing.assert_allclose(one("ImageSharpen", flat, 31, 10.0, 5.0), flat, atol=1e-3)


def test_sharpening_widens_a_step() -> None:
    sharp = one("ImageSharpen", row(0.4, 0.4, 0.4, 0.6, 0.6, 0.6).repeat(5, axis=1), 1, 1.0, 0.1)[0, 2, :, 0]
    np.testing.assert_allclose(sharp[[0, 5]], [0.4, 0.6], atol=1e-6)
    assert sharp[2] < 0.4 < 0.6 < sharp[3]
    extreme = one("ImageSharpen", noise(1, 8, 8, 3), 2, 1.0, 5.0)
    assert (extreme.min(), extreme.max()) == (0, 1)


def test_joining_batches() -> None:
    first, second = noise(2, 4, 6, 3), noise(1, 4, 6, 3)
    np.testing.assert_array_equal(one("ImageBatch", first, second), np.concatenate([first, second]))
    assert one("ImageBatch", first, noise(3, 50, 20, 3)).shape == (5, 4, 6, 3)
    joined = one("ImageBatch", first, noise(1, 4, 6, 4))
    assert joined.shape == (3, 4, 6, 4)
    assert joined[:2, ..., 3].min() == 1


def test_repeating_and_taking_from_batches() -> None:
    image = noise(3, 2, 2, 3)
    np.testing.assert_array_equal(one("RepeatImageBatch", image, 2), np.concatenate([image, image]))
    np.testing.assert_array_equal(one("ImageFromBatch", image, 1, 9), image[1:])
    np.testing.assert_array_equal(one("ImageFromBatch", image, 99, 9), image[2:])


def test_size() -> None:
    assert run("GetImageSize", noise(3, 4, 5, 3)) == (5, 4, 3)


def test_laying_over() -> None:
    below, above = np.zeros((2, 4, 6, 3), np.float32), np.ones((1, 2, 3, 3), np.float32)
    laid = one("ImageCompositeMasked", below, above, 4, 1, False)
    expected = np.zeros((4, 6))
    expected[1:3, 4:6] = 1
    for picture in laid:
        np.testing.assert_array_equal(picture[..., 0], expected)
    assert not below.any()
    assert one("ImageCompositeMasked", below, above, 99, 99, False).max() == 0
    assert one("ImageCompositeMasked", below, above, 0, 0, True).min() == 1


def test_laying_over_through_a_mask() -> None:
    below, above = np.zeros((2, 4, 4, 3), np.float32), np.ones((1, 4, 4, 3), np.float32)
    masks = np.stack([np.full((4, 4), 0.25, np.float32), np.full((4, 4), 0.75, np.float32)])
    laid = one("ImageCompositeMasked", below, above, 0, 0, False, masks)
    np.testing.assert_allclose(laid[:, 0, 0, 0], [0.25, 0.75])
    small = one("ImageCompositeMasked", below, above, 0, 0, False, np.ones((1, 1), np.float32))
    np.testing.assert_allclose(small, 1)
    ramp = one("ImageCompositeMasked", below, above, 0, 0, False, np.array([[[0.0, 1.0]]], np.float32))
    np.testing.assert_allclose(ramp[0, 0, :, 0], [0, 0.25, 0.75, 1], atol=1e-6)


def test_laying_over_with_and_without_alpha() -> None:
    assert one("ImageCompositeMasked", noise(1, 4, 4, 4), noise(1, 4, 4, 3), 0, 0, False)[..., 3].min() == 1
    assert one("ImageCompositeMasked", noise(1, 4, 4, 3), noise(1, 4, 4, 4), 0, 0, False).shape == (1, 4, 4, 3)


def test_masks() -> None:
    mask = one("SolidMask", 0.25, 3, 2)
    assert (mask.shape, mask.min(), mask.max()) == ((1, 2, 3), 0.25, 0.25)
    mask = noise(2, 5, 4)
    np.testing.assert_array_equal(one("CropMask", mask, 1, 2, 99, 2), mask[:, 2:4, 1:])
    np.testing.assert_array_equal(one("CropMask", mask[0], 1, 2, 99, 2), mask[:1, 2:4, 1:])
    with pytest.raises(ValueError, match="nothing is at 4, 0"):
        run("CropMask", mask, 4, 0, 1, 1)
    np.testing.assert_array_equal(one("ThresholdMask", mask, 0.5), (mask > 0.5).astype(np.float32))
    image = one("MaskToImage", mask)
    assert image.shape == (2, 5, 4, 3)
    for channel in ("red", "green", "blue"):
        np.testing.assert_array_equal(one("ImageToMask", image, channel), mask)
    assert one("MaskToImage", mask[0]).shape == (1, 5, 4, 3)
    with pytest.raises(ValueError, match="no alpha channel"):
        run("ImageToMask", image, "alpha")


@pytest.mark.parametrize(
    ("name", "value"),
    [("Int", 5), ("Float", 2.5), ("String", "text"), ("StringMultiline", "a\nb"), ("Boolean", True)],
)
def test_primitives_give_what_they_are_given(name: str, value: Any) -> None:
    assert run(f"Primitive{name}", value) == (value,)


@pytest.mark.parametrize(
    ("source", "text"),
    [("a\nb", "a\nb"), (5, "5"), (True, "True"), (None, "None"), ({"a": [1]}, '{"a": [1]}'), (noise(1, 2, 3, 3), "array float32 [1, 2, 3, 3]"), ({1, 2}, "a set"), ("x" * 200_000, "x" * 100_000)],
)  # fmt: skip
def test_any_value_is_shown(source: Any, text: str) -> None:
    assert run("PreviewAny", source) == {"ui": {"text": (text,)}}


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("EmptyImage", (-1, 5), "width: -1 is less than 1"),
        ("ImageScale", (noise(1, 2, 2, 3), "sharp", 5, 5, "disabled"), '"sharp" is not one of the choices'),
        ("ImageScale", ("a.png", "area", 5, 5, "disabled"), "image: pictures must come from another node"),
        ("RepeatImageBatch", (noise(1, 2, 2, 3), 0), "amount: 0 is less than 1"),
        ("ImageBlur", (noise(1, 2, 2, 3), 10**9, 1.0), "blur_radius: 1e[+]09 is more than 31"),
        ("ImageBlur", (noise(1, 2, 2, 3), 1, 0.0), "sigma: 0 is less than 0.1"),
        ("ImageCrop", (noise(1, 2, 2, 3), 1, 1, -4, 0), "x: -4 is less than 0"),
        ("SolidMask", (1.0, "wide", 5), 'width: "wide" is not a number'),
    ],
)
def test_wrong_values_from_other_nodes_are_said(name: str, arguments: tuple[Any, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(name, *arguments)
