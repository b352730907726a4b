"""What leaves the array: ADC samples, global sums, events and bounding boxes, as bytes.

Analog grids are column-major from the top right, like the vendor's AREG read-out (fact sheet 1.1); for the
grids of global sums and means that order is assumed. The ADC reads level + 128, saturated to 0-255.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.planes import DigitalPlane
from pixeltree_emu.array.read_out import Box, Levels
from pixeltree_emu.array.selection import Lines
from pixeltree_emu.errors import EmulatorError
from pixeltree_protocol.chip.registers import ARRAY_SIZE

_FULL = 4095

ColumnSums = npt.NDArray[np.int16]
"""int16 (bands, 256); see ``array/read_out.py``."""


@dataclass(frozen=True)
class ReadOutParameters:
    """What the sources leave open about read-out; each is a choice with a name.

    A global sum of p pixels reads 128 + sum / scale, saturated to a byte.

    Attributes:
        adc_zero: ADC code of level 0 (fact sheet 1.3).
        sum_16_scale: one 64 x 64 block spans the whole byte, as documented for regions (4.1).
        sum_64_scale: one 32 x 32 block spans the whole byte (assumed, by analogy).
        sum_fast_scale: the whole array spans the byte: "approximate level of whole plane" (4.1).
        sum_sparse_scale: 1,024 pixels, as the chip authors' program selects them, span the byte: it needs
            1,024 units a count or finer (6.2). The default pattern's quarter of the array then saturates from
            a mean level of 8 on (assumed: the chip's gain can be selected, 4.5).
        sum_region_scale: "64 x 64 region of [-128, 127] spans full [0, 255]" (4.1).
        count_levels_16, count_levels_64: levels that stand for 0 and 1 in a global count, as areg_min and
            areg_max of the vendor's simulation (4.1).
        empty_box: what a bounding box reads where there is no 1 (OPEN).
    """

    adc_zero: int = 128
    sum_16_scale: int = 64 * 64
    sum_64_scale: int = 32 * 32
    sum_fast_scale: int = 256 * 256
    sum_sparse_scale: int = 1024
    sum_region_scale: int = 64 * 64
    count_levels_16: tuple[int, int] = (-120, 115)
    count_levels_64: tuple[int, int] = (-110, 105)
    empty_box: tuple[int, int, int, int] = (0, 0, 0, 0)

    def adc(self, plane: Levels) -> npt.NDArray[np.uint8]:
        """ADC codes of levels."""
        return np.clip(plane.astype(np.int16) + self.adc_zero, 0, 255).astype(np.uint8)

    def grid(self, plane: Levels, rows: range, columns: range) -> bytes:
        """ADC samples of a grid, column-major."""
        chosen = plane[rows.start : rows.stop : rows.step, columns.start : columns.stop : columns.step]
        return self.adc(chosen.T).tobytes()

    def total(self, plane: Levels, selected: DigitalPlane, scale: int) -> int:
        """A global sum over the selected pixels, 0-255.

        ``RaiseIn`` takes the number of pixels for the scale: the front end's gain can be selected (port 248,
        fact sheet 4.5), and that it can be fitted to any rectangle is assumed.
        """
        return int(self._scaled(np.array(plane[selected].sum(dtype=np.int64)), scale))

    def total_of(self, sums: ColumnSums, columns: Lines, scale: int) -> int:
        """The same over some columns, given the sums of each over the selected rows."""
        total = int(np.add.reduce(sums[0, columns], dtype=np.int64))
        return max(0, min(255, (2 * total + scale) // (2 * scale) + self.adc_zero))

    def blocks(self, sums: ColumnSums, scale: int) -> bytes:
        """Global sums of a grid of square blocks, column-major, given the sums of each band's columns."""
        side = len(sums)
        totals = np.add.reduce(sums.reshape(side, side, -1), axis=2, dtype=np.int64)
        return self._scaled(totals, scale).astype(np.uint8).T.tobytes()

    def _scaled(self, sums: npt.NDArray[np.int64], scale: int) -> npt.NDArray[np.int64]:
        """Sum / scale to the nearest count, halves up; integers only, so that every machine agrees."""
        return np.minimum(np.maximum((2 * sums + scale) // (2 * scale) + self.adc_zero, 0), 255)

    def count_range(self, eight: bool) -> tuple[int, int, int, int]:
        """``areg_min``, ``areg_max``, ``floor``, ``span``: parameters 4-7, or 8-11 for 8 x 8 blocks (4.1).

        The total of the block sums is ``floor`` where a plane is ``areg_min``, and ``span`` more where it is
        ``areg_max``.
        """
        low, high = self.count_levels_64 if eight else self.count_levels_16
        scale, side = (self.sum_64_scale, 8) if eight else (self.sum_16_scale, 4)
        pixels = (ARRAY_SIZE // side) ** 2
        floor, top = (side * side * int(v) for v in self._scaled(np.array([low, high]) * pixels, scale))
        return low, high, floor, max(1, top - floor)

    def with_settings(self, settings: Mapping[str, int]) -> ReadOutParameters:
        """These parameters with scales of sums changed by name.

        Raises:
            EmulatorError: a scale below 1.
        """
        for name, value in settings.items():
            if value < 1:
                raise EmulatorError(f"{name} is {value}; it must be at least 1 unit a count")
        return replace(self, **settings)  # type: ignore[arg-type]  # all are scales

    def count(self, sums: bytes, eight: bool) -> int:
        """Share of 1s, 0-4095, to the nearest, from block sums of a plane with two levels."""
        _, _, floor, span = self.count_range(eight)
        return max(0, min(_FULL, (2 * _FULL * (sum(sums) - floor) + span) // (2 * span)))

    def box(self, found: Box | None) -> bytes:
        """Top row, right column, bottom row, left column of the 1s."""
        return bytes(self.empty_box if found is None else found)
