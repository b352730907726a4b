"""Auto-exposure, as a controller does it: a global sum of one frame's PIX gives the next frame's time."""

from __future__ import annotations

import numpy as np

from pixeltree_emu.array.planes import AnalogPlane
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_protocol.chip.exposure import next_exposure

LEAST_NS, MOST_NS = 1_000, 1_000_000_000


class AutoExposure:
    """Chooses the exposure of the next frame.

    Args:
        read_out: the read-out whose fast global sum of the whole array is taken (fact sheet 4.1).
        reset_level: of PIX.
    """

    def __init__(self, read_out: ReadOutParameters, reset_level: int) -> None:
        self._read_out = read_out
        self._reset_level = reset_level

    def next_ns(self, pix: AnalogPlane, exposure_ns: int) -> int:
        """Nanoseconds of the next exposure, after one of ``exposure_ns`` that has left ``pix``."""
        everywhere = np.ones(pix.shape, np.bool_)
        code = self._read_out.total(pix, everywhere, self._read_out.sum_fast_scale)
        counts = code - self._read_out.adc_zero - self._reset_level
        return next_exposure(counts, exposure_ns, LEAST_NS, MOST_NS)
