"""Reading activations out: what is kept, how rows are packed, and in which order the bits arrive.

Activations lie at addresses of which some row bits and some column bits vary and the others are 0. Read-out
fetches eight neighbours of a row at a time, whole rows, so rows are packed: where a row bit varies and a
column bit does not, the rows with that bit set move up by its value and to the right by the column bit's,
and half as many rows are left. Where activations are not a power of two apart, which no bits tell, rows are
stacked into the gaps between the columns of their own channel, and what is left of the gaps is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree.compiler import ir
from pixeltree.compiler.layout import FeatureMap, mask_of, picture_pattern
from pixeltree.errors import CompileError
from pixeltree.model import FullyConnected
from pixeltree_protocol.chip.costs import CostTable
from pixeltree_protocol.chip.registers import ARRAY_SIZE, Digital
from pixeltree_protocol.objects import ALL_COLUMNS
from pixeltree_protocol.objects import FullyConnected as OutputSegment
from pixeltree_protocol.objects.cover import ChannelGrid, Pattern, cover, expand
from pixeltree_protocol.objects.segment import TERNARY_PLANES
from pixeltree_protocol.objects.ternary import pack_ternary

_ALL = ARRAY_SIZE - 1
_MOST_INPUTS = 0xFFFF
_WORDS_PER_PIXEL = 2
_PACK_WORDS = 8
"""Copy, two directions, merge."""

_MOST_DROPPED = 3


_MIXED = -2
"""Where one activation was moved onto another."""


@dataclass(frozen=True)
class Packing:
    """Move the plane up and to the right, and merge it with what was there."""

    up: int
    right: int


def lower_scan(section: ir.Section, source: FeatureMap, plane: ir.Plane) -> npt.NDArray[np.int64]:
    """Lower what brings a map's activations into the controller's bit buffer, behind what is there.

    Returns:
        The flat number of the activation that each bit is, int64 (rows scanned, 256), below 0 for none.
    """
    features = feature_numbers(source)
    row_bits, column_bits = keep_activations(section, plane, source, features)
    moves = stackings(source, features)
    if not moves:
        moves = packings(row_bits, column_bits)
    for packing in moves:
        moved = ir.Plane("moved")
        section.operations += [
            ir.Copy(moved, plane),
            ir.Shift(moved, -packing.up, packing.right),
            ir.Merge(plane, moved),
        ]
    after = merged(features, moves)
    scanned = rows_to_scan(features, after)
    section.operations += [ir.Scan(plane, *run) for run in progressions(scanned)]
    return after[scanned, ::-1]  # array columns count from the right


def lower_head(
    section: ir.Section, head: FullyConnected, pitch: int, scanned: Sequence[npt.NDArray[np.int64]]
) -> OutputSegment:
    """Lower a fully connected head over everything in the bit buffer; returns its segment.

    Args:
        section: the head's.
        head: its weights.
        pitch: PEs between neighbouring activations of a channel.
        scanned: what :func:`lower_scan` gave for each time slot; channels are in the order of the slots.

    Raises:
        CompileError: too many activations.
    """
    activations, parts = 0, []
    for each in scanned:
        parts.append(np.where(each >= 0, each + activations, each))
        activations += int(np.count_nonzero(each >= 0))
    order, columns = np.concatenate(parts), ALL_COLUMNS
    if not is_power_of_two(pitch):
        taken = (order >= 0).any(axis=0)
        order, columns = order[:, taken], sum(1 << int(column) for column in np.flatnonzero(taken))
    order = order.ravel()
    if len(order) > _MOST_INPUTS:
        raise CompileError(
            f"layer {section.name}: {len(order)} bits to read out; a fully connected layer takes "
            f"{_MOST_INPUTS}: pool before it"
        )
    section.operations.append(ir.ApplyWeights())
    return output_segment(head, order, columns)


def keep_activations(
    section: ir.Section, plane: ir.Plane, source: FeatureMap, features: npt.NDArray[np.int64]
) -> tuple[int, int]:
    """Zero all PEs that hold no activation; which bits of the activations' row and column addresses vary."""
    rows, columns = np.nonzero(features >= 0)
    row_bits, column_bits = int(np.bitwise_or.reduce(rows)), int(np.bitwise_or.reduce(columns))
    section.operations.append(ir.Select(picture_pattern(0, 0, row_bits, column_bits)))
    section.operations.append(ir.Keep(plane, Digital.SELECT))
    _clean(section, plane, _strangers(source, features, row_bits, column_bits))
    return row_bits, column_bits


def feature_numbers(source: FeatureMap) -> npt.NDArray[np.int64]:
    """Flat number of the activation at every PE, in picture coordinates; -1 where there is none."""
    features = np.full((ARRAY_SIZE, ARRAY_SIZE), -1, np.int64)
    channels, rows, columns = source.shape
    for channel in range(channels):
        above, left = source.place(channel) if source.positions else (0, 0)
        numbers = channel * rows * columns + np.arange(rows * columns).reshape(rows, columns)
        pitch = source.pitch
        features[above : above + rows * pitch : pitch, left : left + columns * pitch : pitch] = numbers
    return features


def merged(features: npt.NDArray[np.int64], moves: list[Packing]) -> npt.NDArray[np.int64]:
    """What lies where after some moves, :data:`_MIXED` where activations came together."""
    for move in moves:
        shifted = np.full_like(features, -1)
        shifted[: -move.up, move.right :] = features[move.up :, : -move.right]
        both = (features != -1) & (shifted != -1)
        features = np.where(features == -1, shifted, features)
        features[both] = _MIXED
    return features


def rows_to_scan(features: npt.NDArray[np.int64], after: npt.NDArray[np.int64]) -> list[int]:
    """Rows that had activations before all moves, and of which none is in a row above that is scanned."""
    seen: set[int] = set()
    rows = []
    for row in np.flatnonzero((features >= 0).any(axis=1)).tolist():
        here = set(after[row][after[row] != -1].tolist())
        if not here & seen:
            rows.append(row)
            seen |= here
    return rows


def is_power_of_two(number: int) -> bool:
    """Whether a positive number is one."""
    return not number & (number - 1)


def stackings(source: FeatureMap, features: npt.NDArray[np.int64]) -> list[Packing]:
    """Moves that bring the rows of each channel into the gaps between the columns of its first row.

    With j rows stacked, row i of them lies i columns to the right, and one move doubles j. None where pixels
    are a power of two apart, or where activations would come together or not all be read once.
    """
    pitch, rows = source.pitch, source.shape[1]
    moves: list[Packing] = []
    stacked = 1
    while not is_power_of_two(pitch) and stacked < rows and min(rows, 2 * stacked) <= pitch:
        moves.append(Packing(pitch * stacked, stacked))
        stacked *= 2
    after = merged(features, moves)
    read = after[rows_to_scan(features, after)]
    found = read[read != -1]
    is_whole = sorted(found.tolist()) == sorted(features[features >= 0].tolist())
    return moves if is_whole else []


def packings(row_bits: int, column_bits: int) -> list[Packing]:
    """Which packings pay, cheapest first."""
    costs = CostTable()
    result = []
    rows = 1 << row_bits.bit_count()
    varying = [1 << bit for bit in range(8) if row_bits >> bit & 1]
    free = [1 << bit for bit in range(8) if not column_bits >> bit & 1]
    for up, right in zip(varying, free, strict=False):
        words = _WORDS_PER_PIXEL * (up + right) + _PACK_WORDS
        saved = rows // 2 * (ARRAY_SIZE // 8) * costs.scan_byte_ns
        if words * costs.word_ns >= saved:
            break
        result.append(Packing(up, right))
        rows //= 2
    return result


def _clean(section: ir.Section, plane: ir.Plane, patterns: list[Pattern]) -> None:
    """Zero what would be read out without being an activation."""
    cubes = tuple(ir.Plane(f"c{i}") for i in range(_MOST_DROPPED))
    for first in range(0, len(patterns), _MOST_DROPPED):
        part = patterns[first : first + _MOST_DROPPED]
        section.operations.append(ir.LoadCubes(cubes[: len(part)], tuple(part)))
        section.operations.append(ir.Drop(plane, cubes[: len(part)]))


def _strangers(
    source: FeatureMap, features: npt.NDArray[np.int64], row_bits: int, column_bits: int
) -> list[Pattern]:
    """Patterns of selected PEs that hold no activation: of rows, columns and channels without one."""
    patterns = []
    for axis, varying in ((1, row_bits), (0, column_bits)):
        used = np.asarray((features >= 0).any(axis=axis))
        selected = [address for address in range(ARRAY_SIZE) if not address & ~varying]
        care = sum(1 << address for address in selected)
        ones = sum(1 << address for address in selected if not used[address])
        for cube in cover(ones, care, ARRAY_SIZE):
            is_row = axis == 1
            pattern = (cube.value, 0, cube.free, _ALL) if is_row else (0, cube.value, _ALL, cube.free)
            patterns.append(picture_pattern(*pattern))
    return patterns + _unused_channels(source)


def _unused_channels(source: FeatureMap) -> list[Pattern]:
    """Patterns of grid positions without a channel, in rows and columns that have one."""
    layout = source.layout
    grid = ChannelGrid(layout.grid.side, layout.grid.shift)
    channels = [divmod(position, grid.side) for position in source.positions or (0,)]
    rows, columns = {row for row, _ in channels}, {column for _, column in channels}
    care = mask_of(layout, [row * grid.side + column for row in rows for column in columns])
    used = mask_of(layout, source.positions or (0,))
    return list(expand(grid, care & ~used, care))


def progressions(rows: list[int]) -> list[tuple[int, int, int]]:
    """Ascending rows as runs of equal distance: first row, distance, count."""
    runs = []
    while rows:
        step = rows[1] - rows[0] if len(rows) > 1 else 1
        count = 1
        while count < len(rows) and rows[count] - rows[count - 1] == step:
            count += 1
        runs.append((rows[0], step, count))
        rows = rows[count:]
    return runs


def output_segment(head: FullyConnected, order: npt.NDArray[np.int64], columns: int) -> OutputSegment:
    """Signs and biases in the order of read-out, of the columns that are taken.

    A bit that is no activation reads 0; its signs of 0 agree with it, which the bias takes back. A ternary
    weight is 0 there.
    """
    real = order >= 0
    if head.is_ternary:
        weights = np.where(real, head.weights.reshape(head.outcomes, -1)[:, np.where(real, order, 0)], 0)
        rows_of_outcomes = b"".join(pack_ternary(row) for row in weights)
        biases = tuple(map(int, head.bias))
        return OutputSegment(len(order), biases, rows_of_outcomes, TERNARY_PLANES, columns)
    signs = head.signs().reshape(head.planes, head.outcomes, -1).swapaxes(0, 1)
    rows = np.where(real, signs[:, :, np.where(real, order, 0)], False)
    packed = np.packbits(rows, axis=2, bitorder="little")
    idle = int(np.count_nonzero(~real)) * ((1 << head.planes) - 1)
    biases = tuple(int(bias) - idle for bias in head.bias)
    return OutputSegment(len(order), biases, packed.tobytes(), head.planes, columns)
