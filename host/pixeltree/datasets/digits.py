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
from pixeltree.errors import DataError, from_extra

DIGIT_MAX = 16
"""Largest value of a digit's pixel."""

_CLASSES = tuple(str(digit) for digit in range(10))
_HELD_OUT = "digits_held_out.npz"


def digits(upsampling: int = 7, size: int = 64, seed: int = 0) -> Splits:
    """The 1,797 digits: :func:`held_out_digits` are the test part, 15% of the others validate.

    Args:
        upsampling: side of one pixel of the digit in the image.
        size: rows and columns of the image.
        seed: of what is dealt to validation.

    Raises:
        DataError: scikit-learn is not installed, or the digits do not fit the image.
    """
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise DataError(f"the digits come with scikit-learn: {from_extra('train')}") from error
    source = load_digits()
    values, targets = source.images.astype(np.uint8), source.target.astype(np.int64)
    held_out = {image.tobytes() for image in _held_out()[0]}
    others = np.array([value.tobytes() not in held_out for value in values])
    images = enlarge(values[others], upsampling, size, DIGIT_MAX)
    whole = Dataset("digits", Task.CLASSIFICATION, images, targets[others], _CLASSES)
    training, validation = deal(whole, (0.15,), seed)
    return Splits(training, validation, held_out_digits(upsampling, size))


def held_out_digits(upsampling: int = 7, size: int = 64) -> Dataset:
    """The 360 digits of the test part, which the demonstration shows; they need no scikit-learn.

    They were drawn once, each class in its share, and are shipped with the package, so that no other draw can
    make training images of them. Their order is mixed: the first ten have each digit once, so have the next.

    Args:
        upsampling: side of one pixel of the digit in the image.
        size: rows and columns of the image.

    Raises:
        DataError: the digits do not fit the image.
    """
    values, targets = _held_out()
    images = enlarge(values, upsampling, size, DIGIT_MAX)
    return Dataset("digits (test)", Task.CLASSIFICATION, images, targets, _CLASSES)


def _held_out() -> tuple[Images, npt.NDArray[np.int64]]:
    """Images uint8 (360, 8, 8), 0 to 16, and their classes."""
    with (resources.files("pixeltree") / "data" / _HELD_OUT).open("rb") as file, np.load(file) as arrays:
        return arrays["images"], arrays["labels"].astype(np.int64)
