"""Machine code that changes training images: one pass for place, light and noise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixeltree.train.machine_code import Floats, Words, compiled, normal

Bytes = npt.NDArray[np.uint8]


@compiled
def _moved(image: Bytes, place: Floats, result: Floats) -> None:
    """Each pixel from where the map says, between four pixels; what lies beyond is as its edge."""
    rows, columns = image.shape
    last_row, last_column = np.float32(rows - 1), np.float32(columns - 1)
    for row in range(rows):
        from_row = place[0, 0] * np.float32(row) + place[0, 2]
        from_column = place[1, 0] * np.float32(row) + place[1, 2]
        for column in range(columns):
            y = min(max(from_row + place[0, 1] * np.float32(column), np.float32(0)), last_row)
            x = min(max(from_column + place[1, 1] * np.float32(column), np.float32(0)), last_column)
            top, left = int(y), int(x)
            low, right = min(top + 1, rows - 1), min(left + 1, columns - 1)
            down, over = y - np.float32(top), x - np.float32(left)
            above = image[top, left] + over * (np.float32(image[top, right]) - np.float32(image[top, left]))
            below = image[low, left] + over * (np.float32(image[low, right]) - np.float32(image[low, left]))
            result[row, column] = above + down * (below - above)


@compiled
def change(images: Bytes, places: Floats, light: Floats, keys: Words, results: Bytes) -> None:
    """Change images.

    Args:
        images: (batch, rows, columns).
        places: (batch, 2, 3), row and column of the source as an affine map of row and column of the result.
        light: (batch, 3), factor about the mean, levels added, and sigma of noise.
        keys: (batch, 2), of the noise.
        results: as the images, are written: whole numbers, at least 0 and at most 255.
    """
    seen = np.empty(images.shape[1:], np.float32)
    rows, columns = images.shape[1:]
    for number in range(len(images)):
        _moved(images[number], places[number], seen)
        contrast, brightness, sigma = light[number, 0], light[number, 1], light[number, 2]
        middle = np.float32(seen.sum() / seen.size)
        shift = middle - middle * contrast + brightness
        first, second = keys[number, 0], keys[number, 1]
        for row in range(rows):
            for column in range(columns):
                level = seen[row, column] * contrast + shift
                if sigma > 0:
                    level += sigma * normal(row * columns + column, first, second)
                results[number, row, column] = np.uint8(
                    np.rint(min(max(level, np.float32(0)), np.float32(255)))
                )
