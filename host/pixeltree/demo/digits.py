"""The demonstration's scenes: scikit-learn's 8 x 8 handwritten digits, as a sensor would see them.

The images are those of ``sklearn.datasets.load_digits``: the test set of "Optical Recognition of Handwritten
Digits" (E. Alpaydin, C. Kaynak, 1998, UCI Machine Learning Repository, doi:10.24432/C50P49). Everything here
is NumPy integer arithmetic, so every machine renders the same scene bit for bit.
"""

from __future__ import annotations

from importlib import resources

import numpy as np
import numpy.typing as npt

from pixeltree.compiler import CaptureGeometry
from pixeltree.network import INPUT_SIZE, BitPlane

DIGIT_SIZE = 8
"""Height and width of a digit of the data set, in pixels."""

DIGIT_MAX = 16
"""Largest value of a digit's pixel."""

UPSAMPLING = 7
"""Side of one pixel of the digit in the scene, in scene pixels."""

MARGIN = CaptureGeometry(0).margin
"""Width of the border, in pixels, in which the device forces a node's input bits to 0."""

HELD_OUT_FILE = "digits_held_out.npz"

GrayImage = npt.NDArray[np.uint8]


def interpolation_weights(upsampling: int) -> npt.NDArray[np.int32]:
    """Bilinear (tent) weights of each digit row in each scene row, in units of 1 / (2 upsampling).

    The scene row r lies at (2 (r - origin) + 1 - s) / (2 s) in digit rows, with s = ``upsampling`` and
    origin = 32 - 4 s, which centres the digit; the tent of row i is ``max(0, 2 s - |2 s (position - i)|)``.
    The field around the digit is black, so no row is clamped to the digit's edge.

    Args:
        upsampling: side of one digit pixel in the scene, in scene pixels; 1 to 8.

    Returns:
        int32 (64, 8), values 0 to 2 s; the same weights serve the columns.
    """
    origin = (INPUT_SIZE - DIGIT_SIZE * upsampling) // 2
    position = 2 * (np.arange(INPUT_SIZE, dtype=np.int32) - origin) + 1 - upsampling
    distance = np.abs(position[:, None] - 2 * upsampling * np.arange(DIGIT_SIZE, dtype=np.int32)[None, :])
    weights: npt.NDArray[np.int32] = np.maximum(0, 2 * upsampling - distance)
    return weights


def render_digit(values: GrayImage, upsampling: int = UPSAMPLING) -> GrayImage:
    """The scene a sensor sees: the digit, bilinearly enlarged, centred in a black field.

    With W = :func:`interpolation_weights`, W V W^T is the enlarged digit in units of 1 / (2 s)^2, and
    ``scene = floor((255 W V W^T + 32 s^2) / (64 s^2))`` maps 0..16 to 0..255, rounded to nearest.

    Args:
        values: uint8 (8, 8), 0 (black) to 16 (white).
        upsampling: side s of one digit pixel in the scene, in scene pixels; 1 to 8.

    Returns:
        uint8 (64, 64), 0 to 255.

    Raises:
        ValueError: the digit has another shape or a value above 16.
    """
    if values.shape != (DIGIT_SIZE, DIGIT_SIZE):
        raise ValueError(f"the digit has shape {values.shape}; expected (8, 8)")
    if int(values.max()) > DIGIT_MAX:
        raise ValueError(f"the digit has the value {int(values.max())}; the largest is {DIGIT_MAX}")
    weights = interpolation_weights(upsampling)
    enlarged = weights @ values.astype(np.int32) @ weights.T
    unit = DIGIT_MAX * (2 * upsampling) ** 2
    return ((255 * enlarged + unit // 2) // unit).astype(np.uint8)


def input_bits(image: GrayImage, threshold: int) -> BitPlane:
    """What the device makes of a scene: ``(image >> 1) > threshold``, and 0 within MARGIN of the edge.

    Args:
        image: uint8 (64, 64), 0 to 255.
        threshold: 0 to 127, in the halved gray levels the device compares.

    Returns:
        bool (64, 64).

    Raises:
        ValueError: the scene has another shape.
    """
    if image.shape != (INPUT_SIZE, INPUT_SIZE):
        raise ValueError(f"the scene has shape {image.shape}; expected (64, 64)")
    return CaptureGeometry(threshold).input_bits(image)


def held_out() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """The digits kept out of training and of every choice made on the way.

    Returns:
        images uint8 (N, 8, 8), values 0 to 16, and labels uint8 (N,), values 0 to 9; shuffled so that
        every prefix whose length is a multiple of 10 holds each digit about equally often.
    """
    source = resources.files("pixeltree") / "data" / HELD_OUT_FILE
    with source.open("rb") as file, np.load(file) as arrays:
        return arrays["images"], arrays["labels"]
