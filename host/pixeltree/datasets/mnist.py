"""MNIST: handwritten digits of 28 x 28 pixels. 400 of its test images come with the package.

LeCun, Cortes, Burges, "The MNIST database of handwritten digits", 1998, CC BY-SA 3.0. The licence lies beside
the file.
"""

from __future__ import annotations

from importlib import resources

import numpy as np

from pixeltree.datasets.dataset import Dataset, Task
from pixeltree.datasets.enlarge import enlarge

_CLASSES = tuple(str(digit) for digit in range(10))
_HELD_OUT = "mnist_held_out.npz"


def held_out_mnist(upsampling: int = 1, size: int = 32) -> Dataset:
    """400 of the 10,000 test images, which the demonstration shows.

    40 of each digit were drawn once. Their order is mixed: the first ten have each digit once, so have the
    next.

    Args:
        upsampling: side of one pixel of a digit in the scene, in scene pixels.
        size: rows and columns of the scene.

    Raises:
        DataError: the digits do not fit the scene.
    """
    with (resources.files("pixeltree") / "data" / _HELD_OUT).open("rb") as file, np.load(file) as arrays:
        images, targets = arrays["images"], arrays["labels"].astype(np.int64)
    images = enlarge(images, upsampling, size)
    return Dataset("MNIST (400 test images)", Task.CLASSIFICATION, images, targets, _CLASSES)
