"""Where things live on the array: the register plan and the block grid that every kernel here uses.

The array is a 4 x 4 grid of 64 x 64 blocks. Every block holds a copy of the input, and block k computes
kernel k: kernel 0 in the top-left block, kernel 3 in the top-right one, as one looks at the picture.
"""

from __future__ import annotations

from pixeltree_protocol.registers import Analog, Digital

GRID = 4
"""Blocks along each side."""

BLOCK_SIZE = 64

INPUT = Digital.R5
"""The input plane: written once per frame by the capture node, read-only for all others."""

SHIFTED = Digital.R6
"""The input as it moves under the kernels; later the activations."""

WEIGHT = Digital.R7
"""One weight, or one bias bit, per block."""

TEMPS = (Digital.R8, Digital.R9, Digital.R10)

SUM = Analog.A
BIAS = Analog.B

UNIT = 6
"""Analog level of one count. Sums stay within -96 to 102, inside the +-100 or so that users of the chip
keep to (fact sheet 7, saturation)."""

BIAS_BITS = 5
"""Biases are 0 to 17 counts; see :func:`pixeltree.compiler.weights.bias_counts`."""


def block_bit(kernel: int) -> int:
    """Bit of a block-planes segment that belongs to a kernel's block (array columns count from the right)."""
    row, column = divmod(kernel, GRID)
    return row * GRID + (GRID - 1 - column)
