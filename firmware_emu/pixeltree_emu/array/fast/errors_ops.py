"""Passes that add the errors of a non-ideal mode. Equal to Chip.written, which says what they mean."""

from __future__ import annotations

import numpy as np

from pixeltree_emu.array.fast.analog_ops import CHUNKS, ROWS, negated_sum, value_of
from pixeltree_emu.array.fast.compiled import Row, tailored
from pixeltree_emu.array.fast.lanes import (
    Word,
    add8,
    add_sat,
    load,
    load_word,
    scaled,
    select,
    splat,
    store,
    sub_sat,
    whole_counts,
)
from pixeltree_emu.array.fast.layout import ROW_BITS_BYTES, ROW_BYTES
from pixeltree_emu.array.fast.passes import COPY, FILL, NEGATE, NEGATE_SUM

GAIN, OFFSET, POOL, POOL_BYTES, KEY, WORDS, FLOOD_DISTANCE, EIGHT, BIASED_OFFSET = range(9)
"""Entries of the error table: addresses of planes, size of one of the two pools, key of the frame, words run
in it so far, the PEs that a propagation word reaches, the number 8 (see
``lanes.whole_counts``), and the address of offsets plus 128, for ``fused``."""
ERROR_ENTRIES = 9

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
    filling, eights = splat(0), splat(errors[EIGHT])
    for row in range(ROWS):
        draws = pool + ((first + row * stride) & 511) * 256
        for chunk in range(CHUNKS):
            at, dense = row * ROW_BYTES + chunk * 64, row * 256 + chunk * 64
            ideal = value_of(code, a + at, b + at, filling)
            error = add_sat(
                scaled(ideal, load(gain + 2 * dense), load(gain + 2 * dense + 64)), load(offset + dense)
            )
            error = add_sat(error, load(draws + chunk * 64))
            written = add_sat(ideal, whole_counts(error, eights))
            if mask:
                gate = load_word(mask + row * ROW_BITS_BYTES + chunk * 8)
                written = select(gate, written, load(dst + at))
            store(dst + at, written)


@tailored
def draws_of(errors: Row, draw: int) -> tuple[int, int, int]:
    """Where the draws of a plain write lie: address of the pool as shifted, first row, rows between rows."""
    value = mixed(errors[KEY] + draw + 16 * errors[WORDS])
    return errors[POOL] + (value >> 18 & 3) * 64, value & 511, (value >> 9 & 511) | 1


@tailored
def pair_rows(
    code: int,
    a: int,
    b: int,
    news: int,
    c: int,
    dst: int,
    mask: int,
    gates_news: bool,
    draw1: int,
    draw2: int,
    errors: Row,
) -> None:
    """Two plain writes in one pass: NEWS := -(a + b), as its code says, then DST := -(NEWS + c).

    Nothing gates the first, or what gates the second. Both share the loads of the fixed pattern, and NEWS
    stays in a register of the machine. Gain and offset of a plain write add without saturation: ``Chip``
    keeps the offset small enough.

    Args:
        code: FILL (with 0), NEGATE or NEGATE_SUM.
        a: address of the first word's source.
        b: address of its second source, if the code has one.
        news: address that the first word writes, or 0 if nobody reads it but the second.
        c: address of the second word's other source, or 0.
        dst: address that the second word writes.
        mask: address of the plane that gates the second write, or 0.
        gates_news: whether it gates the first write too.
        draw1: 16 * word of the block + register of the first write.
        draw2: the same of the second.
        errors: the error table.
    """
    pool1, first1, stride1 = draws_of(errors, draw1)
    pool2, first2, stride2 = draws_of(errors, draw2)
    gain, offset, zero = errors[GAIN], errors[OFFSET], splat(0)
    eights = splat(errors[EIGHT])
    for row in range(ROWS):
        draws1 = pool1 + ((first1 + row * stride1) & 511) * 256
        draws2 = pool2 + ((first2 + row * stride2) & 511) * 256
        for chunk in range(CHUNKS):
            at, dense, bits = row * ROW_BYTES + chunk * 64, row * 256 + chunk * 64, chunk * 8
            bits += row * ROW_BITS_BYTES
            even, odd = load(gain + 2 * dense), load(gain + 2 * dense + 64)
            pattern = load(offset + dense)
            ideal = value_of(code, a + at, b + at, zero)
            error = add_sat(add8(scaled(ideal, even, odd), pattern), load(draws1 + chunk * 64))
            between = add_sat(ideal, whole_counts(error, eights))
            if gates_news and news:
                store(news + at, select(load_word(mask + bits), between, load(news + at)))
            elif news:
                store(news + at, between)
            ideal = negated_sum(load(c + at), between) if c else sub_sat(zero, between)
            error = add_sat(add8(scaled(ideal, even, odd), pattern), load(draws2 + chunk * 64))
            written = add_sat(ideal, whole_counts(error, eights))
            if mask:
                written = select(load_word(mask + bits), written, load(dst + at))
            store(dst + at, written)


@tailored
def run_noisy_pair(
    code: int,
    a: int,
    b: int,
    news: int,
    c: int,
    dst: int,
    mask: int,
    gates_news: bool,
    draw1: int,
    draw2: int,
    errors: Row,
) -> None:
    """A pair as in ``pair_rows``: the common kinds have code of their own."""
    if news or mask or code == FILL:
        if code == FILL:
            pair_rows(FILL, a, b, news, c, dst, mask, gates_news, draw1, draw2, errors)
        elif code == NEGATE:
            pair_rows(NEGATE, a, b, news, c, dst, mask, gates_news, draw1, draw2, errors)
        else:
            pair_rows(NEGATE_SUM, a, b, news, c, dst, mask, gates_news, draw1, draw2, errors)
    elif code == NEGATE:
        if c:
            pair_rows(NEGATE, a, b, 0, c, dst, 0, False, draw1, draw2, errors)
        else:
            pair_rows(NEGATE, a, b, 0, 0, dst, 0, False, draw1, draw2, errors)
    elif c:
        pair_rows(NEGATE_SUM, a, b, 0, c, dst, 0, False, draw1, draw2, errors)
    else:
        pair_rows(NEGATE_SUM, a, b, 0, 0, dst, 0, False, draw1, draw2, errors)


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
