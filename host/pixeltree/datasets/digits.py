"""scikit-learn's 8 x 8 handwritten digits as a sensor would see them.

They are the test set of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, 1998, UCI
Machine Learning Repository, doi:10.24432/C50P49).
"""

from __future__ import annotations

import numpy as np

from pixeltree.datasets.dataset import Dataset, Splits, Task, split
from pixeltree.datasets.enlarge import enlarge
from pixeltree.errors import DataError

DIGIT_MAX = 16
"""Largest value of a digit's pixel."""


def digits(upsampling: int = 7, size: int = 64, seed: int = 0) -> Splits:
    """The 1,797 digits: 60% for training, 20% for validation, 20% for the test.

    Args:
        upsampling: side of one digit pixel in the scene, in scene pixels.
        size: rows and columns of the scene.
        seed: of the split.

    Raises:
        DataError: scikit-learn is not installed, or the digits do not fit the scene.
    """
    try:
        from sklearn.datasets import load_digits  # noqa: PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise DataError("the digits come with scikit-learn: pip install 'pixeltree[train]'") from error
    source = load_digits()
    images = enlarge(source.images.astype(np.int64), upsampling, size, DIGIT_MAX)
    classes = tuple(str(digit) for digit in range(10))
    whole = Dataset("digits", Task.CLASSIFICATION, images, source.target.astype(np.int64), classes)
    return split(whole, (0.2, 0.2), seed)
