"""Weight segments: the information content of weights plus the layout by which a device expands them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import construct as c

from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.objects.layout import VARINT, ObjectKind, build, object_layout, parse
from pixeltree_protocol.objects.ternary import check_ternary, ternary_bytes, unpack_ternary

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_GRID_SIDES = (1, 2, 4, 8, 16)
_GREATEST_LOGIT = 2**31 - 1

MOST_WEIGHT_PLANES = 7
"""So that a weight fits a signed byte."""

ALL_COLUMNS = (1 << ARRAY_SIZE) - 1

MAX_PACKED_BYTES = 8192
"""So that a bit's number fits 16 bits."""

TERNARY_PLANES = 0
"""In place of a number of planes: the weights are ternary."""

MOST_TERNARY_WEIGHTS = 32_768
"""So that the number of either bit of a weight fits 16 bits."""


def row_bytes(inputs: int, planes: int) -> int:
    """Bytes of the weights of one output of a fully connected layer."""
    return ternary_bytes(inputs) if planes == TERNARY_PLANES else planes * ((inputs + 7) // 8)


BLOCK_PLANES = c.Struct(
    "grid_rows" / c.Int8ul * "rows of the grid: 1, 2, 4, 8 or 16",
    "grid_columns" / c.Int8ul * "columns of the grid, likewise",
    "planes"
    / c.PrefixedArray(
        c.Int8ul,
        c.Bytes(lambda this: (this._.grid_rows * this._.grid_columns + 7) // 8),
    )
    * "bit row * grid_columns + column, least significant first; row 0 is the top, column 0 the RIGHT one",
)

FULLY_CONNECTED = c.Struct(
    "inputs" / c.Int16ul * "input bits, 1 to 65,535",
    "outputs" / c.Int8ul * "output sums, at least 1",
    "planes"
    / c.Int8ul
    * f"planes of weights, 1 to {MOST_WEIGHT_PLANES}; {TERNARY_PLANES} for ternary weights",
    "columns"
    / c.Bytes(ARRAY_SIZE // 8)
    * "bit i, least significant first: whether bit i of every 256 bits read is an input, or left out",
    "biases"
    / c.Bytes(lambda this: 4 * this.outputs)
    * "int32 each, one per output; at most 2^31 - 1 - (2^planes - 1) * inputs either way, or with planes 0 "
    "2^31 - 1 - inputs",
    "weights"
    / c.Bytes(lambda this: this.outputs * row_bytes(this.inputs, this.planes))
    * "planes rows per output; bit i of row j of an output adds 2^j to the weight of input i if 1, takes 2^j "
    "away if 0; with planes 0 one row of ternary weights per output",
)

PACKED = c.Struct(
    "data"
    / c.Prefixed(VARINT, c.GreedyBytes)
    * "bit i is bit i % 8 of byte i / 8; the program says what each bit means"
)

TERNARY = c.Struct(
    "count" / c.Int16ul * f"weights, 1 to {MOST_TERNARY_WEIGHTS:,}",
    "weights"
    / c.Bytes(lambda this: ternary_bytes(this.count))
    * "a row of ternary weights; the program says what each of them means",
)

LAYOUT_NUMBERS = {"block_planes": 1, "packed": 3, "fully_connected": 4, "ternary": 5}

LAYOUT = object_layout(
    ObjectKind.SEGMENT,
    "layout"
    / c.Enum(c.Int8ul, **LAYOUT_NUMBERS)
    * "1 block planes, 3 packed bits, 4 fully connected, 5 ternary",
    "body"
    / c.Switch(
        c.this.layout,
        {
            "block_planes": BLOCK_PLANES,
            "packed": PACKED,
            "fully_connected": FULLY_CONNECTED,
            "ternary": TERNARY,
        },
        default=c.Error,
    )
    * "see below",
)


@dataclass(frozen=True)
class BlockPlanes:
    """Bit planes with one bit per position of a grid: which channels of a layer take weights.

    Attributes:
        grid_rows, grid_columns: the grid; powers of two from 1 to 16.
        planes: one int per plane; bit ``row * grid_columns + column`` belongs to the position in that row
            (0 = top) and column (0 = right).
    """

    grid_rows: int
    grid_columns: int
    planes: tuple[int, ...]

    def __post_init__(self) -> None:
        for name, side in (("rows", self.grid_rows), ("columns", self.grid_columns)):
            if side not in _GRID_SIDES:
                raise ObjectError(f"the grid has {side} {name}; the array divides into {_GRID_SIDES}")
        for index, plane in enumerate(self.planes):
            if not 0 <= plane < 1 << self.grid_rows * self.grid_columns:
                raise ObjectError(f"plane {index} has bits outside the {self.blocks} positions of the grid")

    @property
    def blocks(self) -> int:
        """Number of positions in the grid."""
        return self.grid_rows * self.grid_columns

    def encode(self) -> bytes:
        """The segment's object bytes."""
        size = (self.blocks + 7) // 8
        planes = [plane.to_bytes(size, "little") for plane in self.planes]
        body = {"grid_rows": self.grid_rows, "grid_columns": self.grid_columns, "planes": planes}
        return build(LAYOUT, "segment", {"layout": "block_planes", "body": body})


@dataclass(frozen=True)
class FullyConnected:
    """Weights and biases of a fully connected layer, in the order in which input bits are read out.

    A weight is the sum of ``planes`` signs, the j-th times 2^j: with one plane -1 or +1, with two -3, -1, 1
    or 3. With :data:`TERNARY_PLANES` it is -1, 0 or +1.

    Attributes:
        inputs: number of input bits, 1 to 65,535.
        biases: one int32 per output.
        weights: of all outputs, joined: ``planes`` rows of ``ceil(inputs / 8)`` bytes each; bit set means a
            sign of +1. Or a row each of :mod:`pixeltree_protocol.objects.ternary`.
        planes: 1 to :data:`MOST_WEIGHT_PLANES`, or :data:`TERNARY_PLANES`.
        columns: bit i says whether bit i of every 256 bits read is an input; others are left out.
    """

    inputs: int
    biases: tuple[int, ...]
    weights: bytes
    planes: int = 1
    columns: int = ALL_COLUMNS

    def __post_init__(self) -> None:
        if not 0 <= self.planes <= MOST_WEIGHT_PLANES:
            raise ObjectError(
                f"weights have 1 to {MOST_WEIGHT_PLANES} planes, or {TERNARY_PLANES} for ternary ones, not "
                f"{self.planes}"
            )
        if not 0 < self.columns <= ALL_COLUMNS:
            raise ObjectError("a fully connected layer takes 1 to 256 of every 256 bits read")
        if self.leaves_out and self.inputs % self.columns.bit_count():
            raise ObjectError(
                f"{self.inputs} inputs do not fill whole rows of {self.columns.bit_count()} bits"
            )
        if not 1 <= self.inputs <= 0xFFFF:
            raise ObjectError(f"a fully connected layer has 1 to 65535 inputs, not {self.inputs}")
        if not self.biases:
            raise ObjectError("a fully connected layer has at least one output")
        greatest = _GREATEST_LOGIT - self.greatest_weight * self.inputs
        if not -greatest <= min(self.biases) <= max(self.biases) <= greatest:
            raise ObjectError(f"a bias is beyond +-{greatest}, so that a logit would not fit 32 bits")
        if self.is_ternary:
            check_ternary(self.weights, self.inputs, len(self.biases))
        row = row_bytes(self.inputs, self.planes)
        if len(self.weights) != row * len(self.biases):
            raise ObjectError(
                f"{len(self.biases)} outputs of {self.inputs} inputs and {self.planes} planes have "
                f"{row * len(self.biases)} bytes of weights, not {len(self.weights)}"
            )

    def encode(self) -> bytes:
        """The segment's object bytes."""
        body = {
            "inputs": self.inputs,
            "outputs": len(self.biases),
            "planes": self.planes,
            "columns": self.columns.to_bytes(ARRAY_SIZE // 8, "little"),
            "biases": struct.pack(f"<{len(self.biases)}i", *self.biases),
            "weights": self.weights,
        }
        return build(LAYOUT, "segment", {"layout": "fully_connected", "body": body})

    @property
    def is_ternary(self) -> bool:
        """Whether weights are -1, 0 or +1."""
        return self.planes == TERNARY_PLANES

    @property
    def greatest_weight(self) -> int:
        """The greatest that a weight can be."""
        return (1 << max(1, self.planes)) - 1

    @property
    def leaves_out(self) -> bool:
        """Whether some of the bits read are no inputs."""
        return self.columns != ALL_COLUMNS

    @property
    def bits_read(self) -> int:
        """Bits that the array must have been read for, those left out included."""
        return self.inputs // self.columns.bit_count() * ARRAY_SIZE if self.leaves_out else self.inputs

    @property
    def chunks(self) -> int:
        """Words of 32 bits that a controller goes through: signs, and what it leaves bits out of."""
        kept = -(-self.bits_read // 32) if self.leaves_out else 0
        return kept + -(-self.inputs // 32) * len(self.biases) * self.planes

    @property
    def ternary_bytes(self) -> int:
        """Bytes of ternary weights that a controller goes through."""
        return len(self.weights) if self.is_ternary else 0


@dataclass(frozen=True)
class PackedBits:
    """Weights and biases as nothing but their bits; the program knows what each of them means.

    Attributes:
        data: bit i is bit ``i % 8`` of byte ``i // 8``; 1 to 8,192 bytes.
    """

    data: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.data) <= MAX_PACKED_BYTES:
            raise ObjectError(f"a packed segment has 1 to {MAX_PACKED_BYTES} bytes, not {len(self.data)}")

    def field(self, bit: int, width: int) -> int:
        """``width`` bits from ``bit`` on, least significant first."""
        value = int.from_bytes(self.data[bit // 8 : (bit + width + 7) // 8], "little")
        return value >> bit % 8 & (1 << width) - 1

    def encode(self) -> bytes:
        """The segment's object bytes."""
        return build(LAYOUT, "segment", {"layout": "packed", "body": {"data": self.data}})


@dataclass(frozen=True)
class TernaryWeights:
    """Weights of -1, 0 or +1 and nothing else; the program knows what each of them means.

    To ``LoadCover`` they are two bits each: bit i is whether weight i is +1, bit count + i whether it is 0.

    Attributes:
        count: how many, 1 to 32,768.
        data: a row of :mod:`pixeltree_protocol.objects.ternary`.
    """

    count: int
    data: bytes

    def __post_init__(self) -> None:
        if not 1 <= self.count <= MOST_TERNARY_WEIGHTS:
            raise ObjectError(
                f"a ternary segment has 1 to {MOST_TERNARY_WEIGHTS:,} weights, not {self.count}"
            )
        check_ternary(self.data, self.count)

    @cached_property
    def weights(self) -> npt.NDArray[np.int8]:
        """The weights: int8 (count,), each -1, 0 or +1."""
        return unpack_ternary(self.data, self.count)

    def encode(self) -> bytes:
        """The segment's object bytes."""
        body = {"count": self.count, "weights": self.data}
        return build(LAYOUT, "segment", {"layout": "ternary", "body": body})


Segment = BlockPlanes | FullyConnected | PackedBits | TernaryWeights


def decode_segment(data: bytes) -> Segment:
    """Read a weight segment of any layout.

    Raises:
        ObjectError: the bytes are not a segment.
    """
    fields: Any = parse(LAYOUT, "segment", data)
    body = fields.body
    if str(fields.layout) == "block_planes":
        blocks = tuple(int.from_bytes(plane, "little") for plane in body.planes)
        return BlockPlanes(body.grid_rows, body.grid_columns, blocks)
    if str(fields.layout) == "packed":
        return PackedBits(body.data)
    if str(fields.layout) == "ternary":
        return TernaryWeights(body.count, body.weights)
    biases = struct.unpack(f"<{body.outputs}i", body.biases)
    columns = int.from_bytes(body.columns, "little")
    return FullyConnected(body.inputs, biases, body.weights, body.planes, columns)
