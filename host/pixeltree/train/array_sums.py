"""Machine code for a first convolution in training: sums, their errors, statistics, greatest of each cell.

PyTorch goes through all sums a dozen times, one operation after the other; here they stay in the first cache
from the first tap to the last figure. Only one value of each pooling cell leaves it.

An image is flat: the rows of a padded image one after the other, of ``width`` pixels each. With a stride of
s it is s^2 such images one after the other, each with every s-th row and column. So the window of an output
is at a fixed distance from it, whatever the stride, and a tap is one *offset* into the image. Outputs lie in
a plane with rows of the same width, of which the last columns are 0 and do not count.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixeltree.train.machine_code import Doubles, Floats, Integers, Words, compiled, normal

TAPS_AT_ONCE = 4
"""Numbers of taps are multiples of this; taps beyond those of the kernel weigh 0."""


@compiled
def _convolve(image: Floats, offsets: Integers, weights: Floats, plane: Floats) -> None:
    """plane[i] = sum over taps of weight * image[i + offset]."""
    size = len(plane)
    for tap in range(0, len(offsets), 4):
        first, second, third, fourth = weights[tap], weights[tap + 1], weights[tap + 2], weights[tap + 3]
        a = image[offsets[tap] : offsets[tap] + size]
        b = image[offsets[tap + 1] : offsets[tap + 1] + size]
        c = image[offsets[tap + 2] : offsets[tap + 2] + size]
        d = image[offsets[tap + 3] : offsets[tap + 3] + size]
        if tap == 0:
            for i in range(size):
                plane[i] = first * a[i] + second * b[i] + third * c[i] + fourth * d[i]
        else:
            for i in range(size):
                plane[i] += first * a[i] + second * b[i] + third * c[i] + fourth * d[i]


@compiled
def _correlate(plane: Floats, image: Floats, offsets: Integers, result: Doubles) -> None:
    """result[tap] += sum over i of plane[i] * image[i + offset]."""
    size = len(plane)
    for tap in range(0, len(offsets), 4):
        a = image[offsets[tap] : offsets[tap] + size]
        b = image[offsets[tap + 1] : offsets[tap + 1] + size]
        c = image[offsets[tap + 2] : offsets[tap + 2] + size]
        d = image[offsets[tap + 3] : offsets[tap + 3] + size]
        first = second = third = fourth = np.float32(0)
        for i in range(size):
            first += plane[i] * a[i]
            second += plane[i] * b[i]
            third += plane[i] * c[i]
            fourth += plane[i] * d[i]
        result[tap] += first
        result[tap + 1] += second
        result[tap + 2] += third
        result[tap + 3] += fourth


@compiled
def _err(plane: Floats, columns: int, width: int, start: int, key: Words, errors: Floats) -> None:
    """Sums become what a chip counts: s (1 - lost) + sigma(s) * normal.

    ``errors`` is lost, sigma^2 of a sum of 0, and its growth with s^2.
    """
    kept, drawn, growth = np.float32(1) - errors[0], errors[1], errors[2]
    for row in range(len(plane) // width):
        line = plane[row * width : row * width + columns]
        first = start + row * width
        for column in range(columns):
            exact = line[column]
            sigma = np.sqrt(drawn + growth * exact * exact)
            line[column] = kept * exact + sigma * normal(first + column, key[0], key[1])


@compiled
def _count(plane: Floats, columns: int, width: int, counts: npt.NDArray[np.int64]) -> None:
    """How often each sum from -K to K is there; ``counts`` has 2 K + 1."""
    reach = len(counts) // 2
    for row in range(len(plane) // width):
        for column in range(columns):
            counts[int(plane[row * width + column]) + reach] += 1


@compiled
def _gather(
    plane: Floats, rows: int, columns: int, width: int, once: Floats, twice: Floats, moments: Doubles
) -> None:
    """Add sum and sum of squares of a plane to ``moments``, and zero the columns that do not count."""
    once[:] = 0
    twice[:] = 0
    for row in range(rows):
        for column in range(columns):
            value = plane[row * width + column]
            once[column] += value
            twice[column] += value * value
        plane[row * width + columns : (row + 1) * width] = 0
    for column in range(columns):
        moments[0] += once[column]
        moments[1] += twice[column]


@compiled
def _greatest(
    plane: Floats,
    width: int,
    side: int,
    sign: float,
    found: Floats,
    places: Integers,
    line: Floats,
    at: Integers,
) -> None:
    """The greatest value of each cell, with a sign of -1 the least, and where it is; the first of equals."""
    rows, columns = found.shape
    used = columns * side
    for row in range(rows):
        start = row * side * width
        top = plane[start : start + used]
        for column in range(used):
            line[column] = sign * top[column]
            at[column] = np.int32(0)
        for below in range(1, side):
            lower, number = plane[start + below * width : start + below * width + used], np.int32(below)
            for column in range(used):
                value = sign * lower[column]
                better = value > line[column]
                line[column] = value if better else line[column]
                at[column] = number if better else at[column]
        for column in range(columns):
            best, down, right = line[column * side], at[column * side], 0
            for other in range(1, side):
                value, lies = line[column * side + other], at[column * side + other]
                better = value > best or (value == best and lies < down)
                best = value if better else best
                down = lies if better else down
                right = other if better else right
            found[row, column] = sign * best
            places[row, column] = start + down * width + column * side + right


@compiled
def forward(
    images: Floats,
    offsets: Integers,
    weights: Floats,
    signs: Floats,
    shape: tuple[int, int, int],
    side: int,
    keys: Words,
    errors: Floats,
    found: Floats,
    places: Integers,
    moments: Doubles,
    crossed: Doubles,
    counts: npt.NDArray[np.int64],
) -> None:
    """Sums, with a chip's errors or exact, and the greatest of each cell; in training, what gradients need.

    Args:
        images: (batch, pixels), flat.
        offsets: (taps,), where each tap lies.
        weights: (channels, taps).
        signs: (channels,), -1 where the least of a cell is wanted.
        shape: rows, columns and width of the plane of outputs.
        side: of a cell.
        keys: (batch, 2), of each image's errors.
        errors: (batch, 3), lost share, sigma^2 of a sum of 0, growth of sigma^2 with the sum's square; or
            (batch, 0) for no errors.
        found: (batch, channels, rows // side, columns // side), is written.
        places: the same; where in the plane it was found, is written.
        moments: (channels, 2), sums and sums of squares, are added to; or (0, 2) where nothing is learned.
        crossed: (channels + 1, taps), sums of products of the plane with the image behind each tap, and in
            the last row of the image alone; are added to, where something is learned.
        counts: (channels, 2 K + 1), how often each sum is there before it errs, are added to; or (0, 0).
    """
    rows, columns, width = shape
    plane = np.zeros(rows * width, np.float32)
    used = plane[: (rows - 1) * width + columns]
    line, at = np.empty(columns, np.float32), np.empty(columns, np.int32)
    once, twice = np.empty(columns, np.float32), np.empty(columns, np.float32)
    learns = moments.shape[0] > 0
    for number in range(len(images)):
        image = images[number]
        for channel in range(len(weights)):
            _convolve(image, offsets, weights[channel], used)
            if counts.shape[0]:
                _count(plane, columns, width, counts[channel])
            if errors.shape[1]:
                _err(plane, columns, width, channel * len(plane), keys[number], errors[number])
            if learns:
                _gather(plane, rows, columns, width, once, twice, moments[channel])
            _greatest(
                plane, width, side, signs[channel], found[number, channel], places[number, channel], line, at
            )
            if learns:
                _correlate(used, image, offsets, crossed[channel])
        if learns:
            for row in range(rows):
                plane[row * width : row * width + columns] = 1
            _correlate(used, image, offsets, crossed[len(weights)])


@compiled
def backward(
    images: Floats,
    offsets: Integers,
    shape: tuple[int, int, int],
    places: Integers,
    gradients: Floats,
    result: Doubles,
) -> None:
    """Gradients of the values that were found, as gradients of weights.

    Args:
        images: (batch, pixels), as they were seen.
        offsets: (taps,).
        shape: rows, columns and width of the plane of outputs.
        places: (batch, channels, cells), where each value was found.
        gradients: the same shape, of the values.
        result: (channels, taps), is added to.
    """
    rows, columns, width = shape
    plane = np.zeros((rows - 1) * width + columns, np.float32)
    for number in range(len(images)):
        for channel in range(len(result)):
            own, given = places[number, channel], gradients[number, channel]
            for cell in range(len(own)):
                plane[own[cell]] = given[cell]
            _correlate(plane, images[number], offsets, result[channel])
            for cell in range(len(own)):
                plane[own[cell]] = 0
