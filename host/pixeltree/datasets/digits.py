"""scikit-learn's 8 x 8 handwritten digits as a sensor would see them.

They are the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, 1998, UCI
Machine Learning Repository, doi:10.24432/C50P49).
"""

from __future__ import annotations

from importlib import resources

import numpy as np
import numpy.typing as npt

from pixeltree.datasets.dataset import Dataset, Images, Splits, Task, deal
from pixeltree.datasets.enlarge import enlarge
from pixeltree.errors import DataError

DIGIT_MAX = 16
"""Largest value of a digit's pixel."""

_HELD_OUT = "digits_held_out.npz"
"""The demonstration's test images, shipped with the package: they are nobody's training images."""


def digits(upsampling: int = 7, size: int = 64, seed: int = 0) -> Splits:
    """The 1,797 digits: the demonstration's 360 held-out ones are the test, 15% of the rest validation.

    Args:
        upsampling: side of one digit pixel in the scene, in scene pixels.
        size: rows and columns of the scene.
        seed: of what is dealt to validation.

    Raises:
        DataError: scikit-learn is not installed, or the digits do not fit the scene.
    """
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise DataError("the digits come with scikit-learn: pip install 'pixeltree[train]'") from error
    source = load_digits()
    values = source.images.astype(np.uint8)
    held_out = _held_out(values)
    images = enlarge(values, upsampling, size, DIGIT_MAX)
    classes = tuple(str(digit) for digit in range(10))
    whole = Dataset("digits", Task.CLASSIFICATION, images, source.target.astype(np.int64), classes)
    training, validation = deal(whole.subset(~held_out), (0.15,), seed)
    return Splits(training, validation, whole.subset(held_out, "digits (test)"))


def _held_out(values: Images) -> npt.NDArray[np.bool_]:
    """Which digits the demonstration holds out: bool (N,), for uint8 (N, 8, 8)."""
    with (resources.files("pixeltree") / "data" / _HELD_OUT).open("rb") as file, np.load(file) as arrays:
        known = {image.tobytes() for image in arrays["images"]}
    return np.array([value.tobytes() in known for value in values], np.bool_)
