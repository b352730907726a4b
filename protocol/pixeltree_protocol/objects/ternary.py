"""Ternary weights as bytes: five weights of -1, 0 or +1 in a byte, 1.6 bits each (log2 3 is 1.585).

The byte is the number whose digits to the base of 3 are the weights plus 1, the first weight's digit the one
that counts 1. As 3^5 = 243, a byte of 243 or more is none; the last byte of a row may have fewer digits, and
is then less than 3 to the power of how many it has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pixeltree_protocol.errors import ObjectError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

WEIGHTS_IN_A_BYTE = 5
_POWERS = tuple(3**place for place in range(WEIGHTS_IN_A_BYTE))

# NumPy is imported where weights are handled: commands that only say their help are to start without it.


def ternary_bytes(count: int) -> int:
    """Bytes of so many weights."""
    return -(-count // WEIGHTS_IN_A_BYTE)


def pack_ternary(weights: npt.NDArray[np.int8]) -> bytes:
    """A row of weights as bytes.

    Args:
        weights: int8 (count,), each -1, 0 or +1.
    """
    import numpy as np  # noqa: PLC0415

    digits = np.zeros((ternary_bytes(len(weights)), WEIGHTS_IN_A_BYTE), np.int64)
    digits.ravel()[: len(weights)] = weights.astype(np.int64) + 1
    return bytes((digits @ np.array(_POWERS)).astype(np.uint8))


def unpack_ternary(data: bytes, count: int) -> npt.NDArray[np.int8]:
    """The weights of a row: int8 (count,).

    Raises:
        ObjectError: the bytes are more or fewer than so many weights take, or one is too great.
    """
    import numpy as np  # noqa: PLC0415

    check_ternary(data, count)
    digits = np.frombuffer(data, np.uint8)[:, None] // np.array(_POWERS) % 3 - 1
    return np.asarray(digits.ravel()[:count], np.int8)


def check_ternary(data: bytes, count: int, rows: int = 1) -> None:
    """Refuse bytes that are not ``rows`` rows of ``count`` weights.

    Raises:
        ObjectError: as for :func:`unpack_ternary`.
    """
    import numpy as np  # noqa: PLC0415

    if count < 1:
        raise ObjectError(f"a row has 1 ternary weight or more, not {count}")
    each = ternary_bytes(count)
    if len(data) != rows * each:
        raise ObjectError(f"{rows} x {count} ternary weights have {rows * each} bytes, not {len(data)}")
    most = np.full(each, 3**WEIGHTS_IN_A_BYTE - 1)
    most[-1] = 3 ** (count - WEIGHTS_IN_A_BYTE * (each - 1)) - 1
    values = np.frombuffer(data, np.uint8).reshape(rows, each)
    if (values > most).any():
        row, byte = (int(place) for place in np.argwhere(values > most)[0])
        raise ObjectError(
            f"byte {byte} of row {row} of the ternary weights is {values[row, byte]}; it may be 0 to "
            f"{most[byte]}"
        )
