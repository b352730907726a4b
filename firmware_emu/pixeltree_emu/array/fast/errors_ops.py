"""Passes that add the errors of a non-ideal mode. Equal to Chip.written, which says what they mean."""

from __future__ import annotations

import numpy as np

from pixeltree_emu.array.fast.analog_ops import CHUNKS, ROWS, value_of
from pixeltree_emu.array.fast.compiled import Row, tailored
from pixeltree_emu.array.fast.lanes import (
    Word,
    add_sat,
    load,
    load_word,
    scaled,
    select,
    splat,
    store,
    whole_counts,
)
from pixeltree_emu.array.fast.layout import ROW_BITS_BYTES, ROW_BYTES
from pixeltree_emu.array.fast.passes import COPY, FILL, NEGATE, NEGATE_SUM

GAIN, OFFSET, POOL, POOL_BYTES, KEY, WORDS, FLOOD_DISTANCE = range(7)
"""Entries of the error table: addresses of planes, size of one of the two pools, key of the frame, words run
in it so far, and the PEs that a propagation word reaches."""
ERROR_ENTRIES = 7

_GOLDEN, _FIRST, _SECOND = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xBF58476D1CE4E5B9),
    np.uint64(0x94D049BB133111EB),
)
_30, _27, _31 = np.uint64(30), np.uint64(27), np.uint64(31)


@tailored
def mixed(value: Word) -> Word:
    """The splitmix64 finalizer; as in ``nonidealities``."""
    value = np.uint64(value) + _GOLDEN
    value = (value ^ (value >> _30)) * _FIRST
    value = (value ^ (value >> _27)) * _SECOND
    return np.int64(value ^ (value >> _31))


@tailored
def noisy_rows(
    code: int, dst: int, a: int, b: int, mask: int, errors: Row, number: int, dividing: int
) -> None:
    """A pass over all rows whose writes add an error; arguments as in ``analog_ops.over_rows``."""
    value = mixed(errors[KEY] + number)
    first, stride = value & 511, (value >> 9 & 511) | 1
    pool = errors[POOL] + dividing * errors[POOL_BYTES] + (value >> 18 & 3) * 64
    gain, offset = errors[GAIN], errors[OFFSET] + dividing * ROWS * 256
    filling = splat(0)
    for row in range(ROWS):
        draws = pool + ((first + row * stride) & 511) * 256
        for chunk in range(CHUNKS):
            at, dense = row * ROW_BYTES + chunk * 64, row * 256 + chunk * 64
            ideal = value_of(code, a + at, b + at, filling)
            error = add_sat(
                scaled(ideal, load(gain + 2 * dense), load(gain + 2 * dense + 64)), load(offset + dense)
            )
            error = add_sat(error, load(draws + chunk * 64))
            written = add_sat(ideal, whole_counts(error))
            if mask:
                gate = load_word(mask + row * ROW_BITS_BYTES + chunk * 8)
                written = select(gate, written, load(dst + at))
            store(dst + at, written)


@tailored
def run_noisy(code: int, dst: int, a: int, b: int, mask: int, errors: Row, draw: int, dividing: int) -> None:
    """A write of any kind; ``draw`` is 16 * word of the block + register."""
    number = draw + 16 * errors[WORDS]
    if code == FILL:
        noisy_rows(FILL, dst, a, b, mask, errors, number, dividing)
    elif code == NEGATE:
        noisy_rows(NEGATE, dst, a, b, mask, errors, number, dividing)
    elif code == NEGATE_SUM:
        noisy_rows(NEGATE_SUM, dst, a, b, mask, errors, number, dividing)
    else:
        noisy_rows(COPY, dst, a, b, mask, errors, number, dividing)
