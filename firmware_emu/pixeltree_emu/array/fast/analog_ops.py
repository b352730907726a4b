"""Passes over analog planes. Each says which lines of the reference engine it must equal."""

from __future__ import annotations

from pixeltree_emu.array.fast.compiled import Planes, Table, tailored
from pixeltree_emu.array.fast.lanes import (
    Lanes,
    Word,
    add16,
    add_sat,
    both16,
    equal,
    equal16,
    greater,
    greater16,
    largest,
    largest16,
    load,
    load_word,
    mul16,
    mulhi16,
    narrow,
    select,
    select16,
    smallest16,
    splat,
    splat16,
    store,
    store_word,
    sub16,
    sub_sat,
    widen,
)
from pixeltree_emu.array.fast.layout import FIRST_PE, LOWEST_NEGATIVE, ROW_BITS_BYTES, ROW_BYTES
from pixeltree_emu.array.fast.passes import (
    ADD,
    COPY,
    FILL,
    MAGNITUDE,
    MOVE,
    NEGATE,
    NEGATE_SUM,
    SUBTRACT,
)

ROWS = 256
CHUNKS = 4
"""Vectors in a row."""


@tailored
def negated_sum(a: Lanes, b: Lanes) -> Lanes:
    """-(a + b), saturated once: -128 has no negative, so the one that is missing comes off b."""
    zero = splat(0)
    missing = select(equal(a, splat(-128)), splat(1), zero)
    return sub_sat(sub_sat(zero, a), sub_sat(b, missing))


@tailored
def value_of(code: int, a: int, b: int, constant: Lanes) -> Lanes:  # noqa: PLR0911 - one line a kind
    """What a pass of this kind computes from the 64 PEs at two addresses."""
    if code == NEGATE:
        return sub_sat(splat(0), load(a))
    if code == NEGATE_SUM:
        return negated_sum(load(a), load(b))
    if code == MOVE:
        return largest(load(a), splat(LOWEST_NEGATIVE))
    if code == ADD:
        return largest(add_sat(load(a), load(b)), splat(LOWEST_NEGATIVE))
    if code == SUBTRACT:
        return sub_sat(largest(load(a), splat(LOWEST_NEGATIVE)), load(b))
    if code == MAGNITUDE:
        value = load(a)
        return largest(value, sub_sat(splat(0), value))
    if code == COPY:
        return load(a)
    return constant


@tailored
def over_rows(code: int, dst: int, a: int, b: int, constant: int, mask: int) -> None:
    """A pass over all rows: ``dst``, ``a`` and ``b`` are addresses of row 0, column 0.

    ``mask`` is 0, or the address of row 0 of the digital plane that gates the pass.
    """
    filling = splat(constant)
    for row in range(ROWS):
        for chunk in range(CHUNKS):
            at = row * ROW_BYTES + chunk * 64
            value = value_of(code, a + at, b + at, filling)
            if mask:
                gate = load_word(mask + row * ROW_BITS_BYTES + chunk * 8)
                value = select(gate, value, load(dst + at))
            store(dst + at, value)


@tailored
def backward(code: int, dst: int, a: int, b: int) -> None:
    """An ungated pass in the other order: for one in place that reads PEs at lower addresses."""
    for back in range(ROWS * CHUNKS):
        step = ROWS * CHUNKS - 1 - back
        at = (step >> 2) * ROW_BYTES + (step & 3) * 64
        store(dst + at, value_of(code, a + at, b + at, splat(0)))


@tailored
def run_simple(code: int, dst: int, a: int, b: int, constant: int, mask: int, lower: bool) -> None:
    """One of the kinds that compute a PE from at most two others. ``mask`` is 0 for an ungated pass.

    ``lower``: it reads PEs at lower addresses; only MOVE, ADD and SUBTRACT may do so in place.
    Equals ReferenceEngine._transfer_analog, twice for those three.
    """
    if code == FILL:
        over_rows(FILL, dst, a, b, constant, mask)
    elif code == NEGATE:
        over_rows(NEGATE, dst, a, b, constant, mask)
    elif code == NEGATE_SUM:
        over_rows(NEGATE_SUM, dst, a, b, constant, mask)
    elif code == MAGNITUDE:
        over_rows(MAGNITUDE, dst, a, b, constant, 0)
    elif code == COPY:
        over_rows(COPY, dst, a, b, constant, mask)
    elif lower:
        if code == MOVE:
            backward(MOVE, dst, a, b)
        elif code == ADD:
            backward(ADD, dst, a, b)
        else:
            backward(SUBTRACT, dst, a, b)
    elif code == MOVE:
        over_rows(MOVE, dst, a, b, constant, mask)
    elif code == ADD:
        over_rows(ADD, dst, a, b, constant, mask)
    else:
        over_rows(SUBTRACT, dst, a, b, constant, mask)


@tailored
def summed(operands: Table, first: int, total: int, plane_bytes: int, address: int) -> Lanes:
    """Exact sum of listed operands for 64 PEs; ``address`` is where they lie in plane 0."""
    value = splat16(0)
    for entry in range(first, first + total):
        value = add16(value, widen(load(address + operands[entry, 0] * plane_bytes + operands[entry, 1])))
    return value


@tailored
def divided(value: Lanes, factor: Lanes) -> Lanes:
    """Value / n rounded toward zero, exact for |value| < 4096 and n < 12; factor is ceil(65536 / n)."""
    zero = splat16(0)
    size = largest16(value, sub16(zero, value))
    quotient = mulhi16(size, factor)
    return select16(greater16(zero, value), sub16(zero, quotient), quotient)


@tailored
def saturated(value: Lanes) -> Lanes:
    """int16 lanes clipped into int8 ones."""
    return narrow(smallest16(largest16(value, splat16(-128)), splat16(127)))


@tailored
def run_sum(
    operands: Table, first: int, total: int, count: int, analog: int, plane_bytes: int, dst: int
) -> None:
    """DST := -(sum) / count. Equals ReferenceEngine._transfer_analog before its writes."""
    factor = splat16(-(-65536 // count) if count > 1 else 0)
    for row in range(ROWS):
        for chunk in range(CHUNKS):
            at = FIRST_PE + row * ROW_BYTES + chunk * 64
            value = sub16(splat16(0), summed(operands, first, total, plane_bytes, analog + at))
            if count > 1:
                value = divided(value, factor)
            store(analog + dst * plane_bytes + at, saturated(value))


@tailored
def run_compare(operands: Table, first: int, total: int, analog: int, plane_bytes: int, dst: int) -> None:
    """Bits := sum > 0. Equals ReferenceEngine._compare."""
    for row in range(ROWS):
        for chunk in range(CHUNKS):
            at = FIRST_PE + row * ROW_BYTES + chunk * 64
            value = summed(operands, first, total, plane_bytes, analog + at)
            store_word(dst + row * ROW_BITS_BYTES + chunk * 8, greater16(value, splat16(0)))


@tailored
def run_compare_few(a: int, b: int, two: bool, dst: int) -> None:
    """Bits := a > 0, or a + b > 0: saturation keeps the sign of a sum."""
    for row in range(ROWS):
        for chunk in range(CHUNKS):
            at = row * ROW_BYTES + chunk * 64
            value = add_sat(load(a + at), load(b + at)) if two else load(a + at)
            store_word(dst + row * ROW_BITS_BYTES + chunk * 8, greater(value, splat(0)))


@tailored
def run_square(operands: Table, first: int, total: int, divisor: int, planes: Planes, dst: int) -> None:
    """DST := sum^2 / divisor, PE by PE: rare. Equals ReferenceEngine._square before its write."""
    for row in range(ROWS):
        for column in range(256):
            at = FIRST_PE + row * ROW_BYTES + column
            value = 0
            for entry in range(first, first + total):
                value += planes[operands[entry, 0], at + operands[entry, 1]]
            square = value * value
            quotient = square // divisor
            if 2 * (square - quotient * divisor) + (quotient & 1) > divisor:
                quotient += 1
            planes[dst, at] = min(quotient, 127)


@tailored
def link(bits: int, row: int, chunk: int, direction: int) -> Word:
    """64 PEs' links toward a direction: both ends enabled. ``bits`` is where the enables lie."""
    at = bits + row * ROW_BITS_BYTES + chunk * 8
    here = load_word(at)
    if direction == 2:  # north
        return here & load_word(at - ROW_BITS_BYTES) if row else here & ~here
    if direction == 0:  # south
        return here & load_word(at + ROW_BITS_BYTES) if row < ROWS - 1 else here & ~here
    if direction == 3:  # east: the lower column
        carry = load_word(at - 8) >> 63 if chunk else here & ~here
        return here & (here << 1 | carry)
    carry = load_word(at + 8) << 63 if chunk < CHUNKS - 1 else here & ~here
    return here & (here >> 1 | carry)


@tailored
def run_blur(source: int, dst: int, axes: int, vertical: int, horizontal: int) -> None:
    """DST := -(mean of PE and linked neighbours). Equals ReferenceEngine._blur before its write."""
    for row in range(ROWS):
        for chunk in range(CHUNKS):
            at = row * ROW_BYTES + chunk * 64
            total, linked = widen(load(source + at)), splat16(1)
            for direction in range(4):
                upright = direction in (0, 2)
                if not axes >> upright & 1:
                    continue
                links = link(vertical if upright else horizontal, row, chunk, direction)
                step = (
                    ROW_BYTES
                    if direction == 0
                    else 1
                    if direction == 1
                    else -ROW_BYTES
                    if direction == 2
                    else -1
                )
                beside = widen(load(source + at + step))
                total = add16(total, select16(links, beside, splat16(0)))
                linked = add16(linked, select16(links, splat16(1), splat16(0)))
            store(dst + at, saturated(mean(sub16(splat16(0), total), linked)))


@tailored
def mean(total: Lanes, linked: Lanes) -> Lanes:
    """Total / linked, 1 to 5, to the nearest integer, ties to even. Equals reference._nearest."""
    factor, zero, one = splat16(0), splat16(0), splat16(1)
    for number in range(2, 6):
        factor = select16(equal16(linked, splat16(number)), splat16(-(-65536 // number)), factor)
    size = largest16(total, sub16(zero, total))
    quotient = mulhi16(size, factor)
    rest = sub16(size, mul16(quotient, linked))
    upward = greater16(add16(add16(rest, rest), both16(quotient, one)), linked)
    quotient = add16(quotient, select16(upward, one, zero))
    quotient = select16(greater16(zero, total), sub16(zero, quotient), quotient)
    return select16(equal16(linked, one), total, quotient)
