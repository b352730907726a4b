"""Where planes lie in the fast engine's memory, and the numbers of registers and passes.

An analog plane is int8, ``ROW_BYTES`` a row: 64 bytes of margin, then 256 PEs. Two rows of margin lie above
the first row and below the last. Margins hold the analog boundary value, so that a neighbour is read as the
byte at a fixed distance, wherever the PE lies.

A digital plane is one bit a PE: bit c of the 256 bits of a row is column c, little endian; 32 bytes a row.
64 bytes of margin lie before and after each plane; passes that look north or south set them first.
"""

from __future__ import annotations

import numpy as np

from pixeltree_protocol.chip.registers import ARRAY_SIZE

MARGIN = 64
ROW_BYTES = MARGIN + ARRAY_SIZE
MARGIN_ROWS = 2
ANALOG_BYTES = (ARRAY_SIZE + 2 * MARGIN_ROWS) * ROW_BYTES + MARGIN
"""Bytes of an analog plane; the margin at the end is that to the right of the last row."""
FIRST_PE = MARGIN_ROWS * ROW_BYTES + MARGIN
"""Byte of row 0, column 0 in its plane."""

ROW_BITS_BYTES = ARRAY_SIZE // 8
DIGITAL_BYTES = MARGIN + ARRAY_SIZE * ROW_BITS_BYTES + MARGIN
FIRST_ROW = MARGIN
"""Byte of row 0 in a digital plane."""

# Analog planes
NEWS, PIX, IN, SUM_SCRATCH = 6, 7, 8, 9
ANALOG_PLANES = 10
# In records only: ports, which become distances
XN, XE, XS, XW = 9, 10, 11, 12

# Digital planes; R0 to R12 are 0 to 12
R0, R12 = 0, 12
FLAG, SELECT, RECT, READ_BUS, SCRATCH, SCRATCH2 = 13, 14, 15, 16, 17, 18
DIGITAL_PLANES = 19

# Directions in the order of R1 to R4, and the distance to the neighbour there
SOUTH, WEST, NORTH, EAST = 0, 1, 2, 3
DISTANCES = (ROW_BYTES, 1, -ROW_BYTES, -1)
OPPOSITES = (NORTH, EAST, SOUTH, WEST)
PORT_DIRECTIONS = (NORTH, EAST, SOUTH, WEST)
"""Direction of XN, XE, XS, XW."""

LOWEST_NEGATIVE = -127
"""Least value that one bus word from one source can give: -128 negates to 127."""


def aligned_bytes(size: int) -> np.ndarray[tuple[int], np.dtype[np.int8]]:
    """Zeroed int8 memory that begins at a multiple of 64 bytes."""
    memory = np.zeros(size + 63, np.int8)
    start = -memory.ctypes.data % 64
    return memory[start : start + size]
