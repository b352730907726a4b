"""Folded networks as bytes, the way a tree file carries them for the integer reference."""

from __future__ import annotations

from typing import Any

import construct as c
import numpy as np
import numpy.typing as npt

from pixeltree.errors import TreeError
from pixeltree.network import INPUT_SIZE, KERNEL_COUNT, KERNEL_SIZE, FoldedNetwork

_TAPS = KERNEL_SIZE * KERNEL_SIZE


def _weight_bits(this: Any) -> int:  # noqa: ANN401 - construct is untyped
    return int(len(this.biases) * KERNEL_COUNT * (INPUT_SIZE // this.pool) ** 2)


_NETWORK = c.Struct(
    "name" / c.PascalString(c.Int8ul, "utf8"),
    "pool" / c.OneOf(c.Int8ul, (2, 4, 8, 16)),
    # Signs, one bit each, least significant first, in array order (1 is +1).
    "kernels" / c.Bytes(KERNEL_COUNT * _TAPS // 8),
    "thresholds" / c.Array(KERNEL_COUNT, c.Int8sl),
    "biases" / c.PrefixedArray(c.Int8ul, c.Int32sl),
    "weights" / c.Bytes(lambda this: _weight_bits(this) // 8),
)

_NETWORKS = c.Struct("networks" / c.PrefixedArray(c.Int16ul, _NETWORK), c.Terminated)


def encode_networks(networks: dict[str, FoldedNetwork]) -> bytes:
    """The bytes of named networks."""
    entries = [
        {
            "name": name,
            "pool": network.pool,
            "kernels": _pack(network.kernels),
            "thresholds": network.thresholds.tolist(),
            "biases": network.biases.tolist(),
            "weights": _pack(network.weights),
        }
        for name, network in networks.items()
    ]
    return bytes(_NETWORKS.build({"networks": entries}))


def decode_networks(data: bytes) -> dict[str, FoldedNetwork]:
    """Named networks from their bytes.

    Raises:
        TreeError: the bytes are not networks.
    """
    try:
        parsed: Any = _NETWORKS.parse(data)
    except (c.ConstructError, UnicodeDecodeError) as error:
        raise TreeError(f"the tree file's networks are malformed: {error}") from error
    return {entry.name: _network(entry) for entry in parsed.networks}


def _network(entry: Any) -> FoldedNetwork:  # noqa: ANN401 - construct is untyped
    cells = INPUT_SIZE // entry.pool
    return FoldedNetwork(
        _unpack(entry.kernels, (KERNEL_COUNT, KERNEL_SIZE, KERNEL_SIZE)),
        np.array(entry.thresholds, np.int16),
        entry.pool,
        _unpack(entry.weights, (len(entry.biases), KERNEL_COUNT, cells, cells)),
        np.array(entry.biases, np.int32),
    )


def _pack(signs: npt.NDArray[np.int8]) -> bytes:
    return np.packbits(signs.ravel() > 0, bitorder="little").tobytes()


def _unpack(data: bytes, shape: tuple[int, ...]) -> npt.NDArray[np.int8]:
    bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").astype(np.int8)
    return (bits * 2 - 1).reshape(shape)
