"""Reading pooled activations out: packing them on the array, and the order in which their bits arrive.

After pooling with cells of p x p, one PE in p^2 holds a bit: the top-left PE of its cell, as one looks at
the picture. Read-out fetches eight neighbours of a row at a time, so p rows of cells are first folded
into one row: cell row j of a band moves up by j * p and right by j. Then one row in p^2 is read.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixeltree.compiler.plan import BLOCK_SIZE, GRID
from pixeltree_protocol.registers import ARRAY_SIZE


def feature_order(pool: int) -> npt.NDArray[np.intp]:
    """Which feature each read-out bit is.

    Args:
        pool: side of a pooling cell, a power of two.

    Returns:
        intp (65,536 / pool^2,): the flat index into features (16, 64 / pool, 64 / pool) of each bit, in
        read-out order: bands from the top, array columns from the right.
    """
    bands, columns = np.mgrid[: ARRAY_SIZE // pool**2, :ARRAY_SIZE]
    cells = BLOCK_SIZE // pool
    cell_row = bands * pool + (pool - 1 - columns % pool)
    cell_column = ARRAY_SIZE // pool - 1 - columns // pool
    kernel = cell_row // cells * GRID + cell_column // cells
    index = (kernel * cells + cell_row % cells) * cells + cell_column % cells
    return np.asarray(index.ravel(), np.intp)
