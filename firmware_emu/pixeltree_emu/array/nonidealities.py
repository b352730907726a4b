"""Number format of the array in every mode, and the errors that a real chip adds.

Their parameters and presets are in ``pixeltree_protocol.chip.nonidealities``; what they do is here.

An AREG holds an integer from -128 to 127 in every mode; one unit is one ADC count. A word computes its exact
ideal value first (``planes``), saturated. In a non-ideal mode each write then adds an error, computed in
sixteenths of a count with 8-bit saturating sums, in this order:

    gain = (value * gain_p) >> 8                  gain_p int8 per PE, in 1/4096
    error = sat(sat(gain + offset_p) + draw)      sixteenths; offset_p has 8 for rounding, draw is Gaussian
    written = sat(value + (error >> 4))

``gain_p`` and ``offset_p`` are the fixed pattern of a chip: drawn once from its id. PE p is the one whose
register is written, also when a neighbour writes it through a port. A word with several destinations
divides, and uses an offset plane and draws of its own. FLAG's comparison adds no error.

Draws are counter-based: a pool of samples comes from the chip id and the seed; which row of the pool a row of
the array reads is a hash of (seed, frame, word number within the frame, destination). The same four
give the same draws in every engine, in any order.

What time does to registers that wait is in ``decay``.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.planes import SHAPE, AnalogPlane
from pixeltree_protocol.chip.nonidealities import PRESETS, TYPICAL, Nonidealities, preset

__all__ = ["PRESETS", "TYPICAL", "Chip", "Nonidealities", "frame_key", "mixed", "preset"]

SIXTEENTHS = 16
GAIN_UNIT = 4096
LARGEST_OFFSET = 63
"""Sixteenths; with the largest gain, 64, it stays in 8 bits, so that engines need not saturate their sum."""
POOL_ROWS = 512
"""Rows of 256 samples in the pool."""
POOL_TAIL = 192
"""Samples repeated after the last row, so that a row may begin at any multiple of 64."""

TICK_NS = 10_000_000
"""Device time is counted in ticks of 10 ms where registers decay."""

_MASK64 = (1 << 64) - 1
_NS_PER_SECOND = 1_000_000_000
_LONGEST = 65_535
_RETENTION_STREAM = 0x52455441494E
"""Sets the draws of retention times apart from others of the same chip."""


def mixed(value: int) -> int:
    """The splitmix64 finalizer: 64 bits in, 64 well-mixed bits out."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK64
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _MASK64
    value = (value ^ value >> 27) * 0x94D049BB133111EB & _MASK64
    return value ^ value >> 31


def frame_key(seed: int, frame: int) -> int:
    """What a frame's draws are hashed from."""
    return mixed(mixed(seed & _MASK64) + frame & _MASK64)


class Chip:
    """What a chip id and a seed fix: the fixed pattern and the pool of draws.

    Attributes:
        gain: int8 (256, 256), in 1/4096.
        offset: int8 (2, 256, 256), sixteenths, 8 of them for rounding; [0] is from -63 to 63, [1] is for
            words that divide.
        pool: int8 (2, 512 * 256 + 192), sixteenths; [1] is for words that divide.
        retention: uint16 (256, 256), ticks for which a DREG keeps a 1 after a write.
        saturates: whether gain, offset and draw of any write together can leave 8 bits.
    """

    def __init__(self, model: Nonidealities, chip: int, seed: int) -> None:
        self.model = model
        self.seed = seed
        self.gain, self.offset, self.retention, fixed = _fixed_pattern(model, chip & _MASK64)
        drawn = np.random.Generator(np.random.Philox(key=mixed(chip & _MASK64) ^ mixed(seed & _MASK64)))
        sigmas = np.array([[model.noise], [float(np.hypot(model.noise, model.division_noise))]])
        pool = _int8(drawn.standard_normal((2, POOL_ROWS * SHAPE[1])) * sigmas * SIXTEENTHS)
        self.pool = np.ascontiguousarray(np.concatenate([pool, pool[:, :POOL_TAIL]], axis=1))
        self.saturates = fixed + max(-int(pool.min()), int(pool.max())) > np.iinfo(np.int8).max

    def draws(self, key: int, number: int, dividing: bool) -> npt.NDArray[np.int16]:
        """The draws of one write, int16 (256, 256) in sixteenths.

        Args:
            key: of the frame.
            number: 16 * word number within the frame + register number of the destination.
            dividing: whether the word has several destinations.
        """
        value = mixed(key + number & _MASK64)
        first, stride, shift = value & 511, value >> 9 & 511 | 1, (value >> 18 & 3) * 64
        starts = (first + np.arange(SHAPE[0]) * stride & 511) * SHAPE[1] + shift
        return np.asarray(self.pool[int(dividing)][starts[:, None] + np.arange(SHAPE[1])], np.int16)

    def written(self, value: AnalogPlane, key: int, number: int, dividing: bool) -> AnalogPlane:
        """The ideal value with its error: int16 in, int16 out, both within the range of an AREG."""
        gain = value * self.gain.astype(np.int16) >> 8
        error = np.clip(gain + self.offset[int(dividing)], -128, 127) + self.draws(key, number, dividing)
        error = np.clip(error, -128, 127) >> 4
        return np.asarray(np.clip(value + error, -128, 127), np.int16)


@lru_cache(maxsize=8)
def _fixed_pattern(
    model: Nonidealities, chip: int
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8], npt.NDArray[np.uint16], float]:
    """Gain, offset and retention of a chip, whatever the seed; nobody may write to them.

    And the most that gain and offset together can add to a write, in sixteenths.
    """
    fixed = np.random.Generator(np.random.Philox(key=chip))
    gain = _int8(fixed.normal(model.gain_error, model.gain_spread, SHAPE) * GAIN_UNIT)
    plain = fixed.normal(model.offset, model.offset_spread, SHAPE)
    dividing = plain + fixed.normal(model.division_offset, model.division_spread, SHAPE)
    offset = _int8(np.stack([plain, dividing]) * SIXTEENTHS + SIXTEENTHS / 2)
    np.clip(offset[0], -LARGEST_OFFSET, LARGEST_OFFSET, out=offset[0])
    ages = np.random.Generator(np.random.Philox(key=mixed(chip) ^ _RETENTION_STREAM))
    seconds = model.dreg_retention + ages.standard_exponential(SHAPE) * model.dreg_retention_spread
    ticks = np.minimum(np.floor(seconds * (_NS_PER_SECOND / TICK_NS)), _LONGEST)
    retention = ticks.astype(np.uint16)
    for shared in (gain, offset, retention):
        shared.flags.writeable = False
    reach = np.abs(gain.astype(np.int16)) / 2 + 1 + np.abs(offset.astype(np.int16)).max(axis=0)
    return gain, offset, retention, float(reach.max())


def _int8(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int8]:
    return np.clip(np.rint(values), -128, 127).astype(np.int8)
