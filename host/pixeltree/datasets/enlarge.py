"""Small images in a node's larger input: bilinear, in integers, so that every machine gets the same bytes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixeltree.datasets.dataset import Images
from pixeltree.datasets.steps import step
from pixeltree.errors import DataError

_CHUNK = 1024
"""Images at a time: the integers between take 64 times the memory of the result."""


def interpolation_weights(pixels: int, factor: int, size: int) -> npt.NDArray[np.int64]:
    """Bilinear (tent) weights of each source row in each row of the result, in units of 1 / (2 factor).

    Row r of the result lies at ``(2 (r - origin) + 1 - f) / (2 f)`` in source rows, with f = ``factor`` and
    ``origin = (size - f pixels) // 2``, which centres the image; row i has the tent
    ``max(0, 2 f - |2 f (position - i)|)``. The field around the image is black, so no row is clamped to its
    edge.

    Args:
        pixels: rows (or columns) of the source.
        factor: side of a source pixel in the result.
        size: rows (or columns) of the result, at least ``factor * pixels``.

    Returns:
        int64 (size, pixels), 0 to 2 f.
    """
    origin = (size - pixels * factor) // 2
    position = 2 * (np.arange(size, dtype=np.int64) - origin) + 1 - factor
    distance = np.abs(position[:, None] - 2 * factor * np.arange(pixels, dtype=np.int64)[None, :])
    return np.asarray(np.maximum(0, 2 * factor - distance), np.int64)


def enlarge(values: npt.NDArray[np.integer], factor: int, size: int, largest: int = 255) -> Images:
    """Images enlarged and centred in a black field, rounded to nearest.

    With W the :func:`interpolation_weights` of rows and of columns, ``W V W^T`` is the enlarged image in
    units of 1 / (2 f)^2, and ``floor((255 W V W^T + u / 2) / u)``, with ``u = largest (2 f)^2``, is grey.

    Args:
        values: integers (N, rows, columns), 0 to ``largest``.
        factor: side of a source pixel in the result, at least 1.
        size: rows and columns of the result.
        largest: what becomes 255.

    Returns:
        uint8 (N, size, size).

    Raises:
        DataError: the enlarged images are larger than the field.
    """
    rows, columns = values.shape[1:]
    if factor < 1 or factor * max(rows, columns) > size:
        raise DataError(
            f"images of {rows} x {columns} pixels enlarged {factor} times do not fit into {size} x {size}"
        )
    vertical = interpolation_weights(rows, factor, size)
    horizontal = interpolation_weights(columns, factor, size)
    unit = largest * (2 * factor) ** 2
    result = np.empty((len(values), size, size), np.uint8)
    for start in range(0, len(values), _CHUNK):
        step("preparing images", start, len(values))
        chunk = slice(start, start + _CHUNK)
        enlarged = vertical @ values[chunk].astype(np.int64) @ horizontal.T
        result[chunk] = (255 * enlarged + unit // 2) // unit
    return result
