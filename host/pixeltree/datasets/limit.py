"""Fewer images than there are, to try something out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixeltree.datasets.dataset import Indices
from pixeltree.datasets.streams import stream
from pixeltree.errors import DataError

_STREAM = 0x4C494D49
"""Sets these draws apart from others with the same seed."""


def drawn(targets: npt.NDArray[np.integer], limit: int, least: int, seed: int, name: str) -> Indices:
    """Which images to take where there are more than wanted: drawn at random, but some of each class.

    Args:
        targets: (N,), the class of each image.
        limit: how many images at most; 0 for all.
        least: how many of each class, as far as it has so many: one for each part that it will be dealt to.
        seed: the same seed draws the same images.
        name: of the set, for messages.

    Returns:
        Indices in increasing order.

    Raises:
        DataError: the limit is negative or too small for the classes.
    """
    if limit < 0:
        raise DataError(f"{name}: limit is {limit}; it is a number of images, or 0 for all")
    if not limit or limit >= len(targets):
        return np.arange(len(targets))
    classes, counts = np.unique(targets, return_counts=True)
    needed = int(np.minimum(counts, least).sum())
    if limit < needed:
        raise DataError(
            f"{name}: limit is {limit} images; {len(classes)} classes need at least {needed}, {least} each"
        )
    order = stream(seed, _STREAM).permutation(len(targets))
    first = np.zeros(len(targets), np.bool_)
    for each in classes:
        first[order[targets[order] == each][:least]] = True
    chosen = order[np.argsort(~first[order], kind="stable")][:limit]
    return np.sort(chosen)
