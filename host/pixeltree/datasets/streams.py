"""Random streams: one for every purpose, part and image, all from one seed."""

from __future__ import annotations

import numpy as np

_MASK64 = (1 << 64) - 1


def stream(seed: int, purpose: int, part: int = 0, index: int = 0) -> np.random.Generator:
    """A generator of its own: no draw of one image moves those of another, however many there are.

    Philox is counter-based, and its words and NumPy's use of them are the same on every machine.

    Args:
        seed: any integer.
        purpose: sets the draws of one module apart from those of others.
        part: training, validation or test, as a number.
        index: of the image.
    """
    key = np.array([seed & _MASK64, purpose], np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=[0, 0, part, index]))
