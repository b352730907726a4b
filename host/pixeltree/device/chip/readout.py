"""Calls that read something out of the array (fact sheets 4.1 to 4.3)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixeltree.device.chip import readings
from pixeltree.device.chip.programs import Programs
from pixeltree.device.chip.registers import LAST
from pixeltree.errors import DataError
from pixeltree_protocol.chip.registers import ARRAY_SIZE, Analog, Digital

Bytes = npt.NDArray[np.uint8]


class ReadOutCalls(Programs):
    """See :class:`pixeltree.device.chip.Chip`. Only global_count changes registers."""

    # -- samples and sums --------------------------------------------------------------------------

    def read_areg(self, a: Analog, r: int, c: int) -> int:
        """``scamp5_read_areg``: one ADC sample, 0 to 255 (level + 128).

        Device time: 20.91 us.
        """
        return self._read(readings.read_areg(a, r, c))

    def global_sum_16(self, a: Analog) -> Bytes:
        """``scamp5_global_sum_16``: the sums of 4 x 4 blocks of pixels, proportional and not exact.

        Returns:
            uint8 (4, 4), rows from the top and columns from the RIGHT.

        Device time: 34.56 us.
        """
        return self._read(readings.global_sum_16(a))

    def global_sum_64(self, a: Analog) -> Bytes:
        """``scamp5_global_sum_64``: the sums of 8 x 8 blocks of pixels; uint8 (8, 8), as global_sum_16.

        Device time: 78.24 us.
        """
        return self._read(readings.global_sum_64(a))

    def global_sum_16_total(self, a: Analog) -> int:
        """``scamp5_global_sum_16`` without a result array: the sum of its 16 bytes, 0 to 4,080.

        Device time: 34.56 us.
        """
        return self._read(readings.global_sum_16_total(a))

    def global_sum_64_total(self, a: Analog) -> int:
        """``scamp5_global_sum_64`` without a result array: the sum of its 64 bytes, 0 to 16,320.

        Device time: 78.24 us.
        """
        return self._read(readings.global_sum_64_total(a))

    def global_sum_fast(self, a: Analog) -> int:
        """``scamp5_global_sum_fast``: the approximate level of the whole plane, 0 to 255.

        Device time: 20.91 us.
        """
        return self._read(readings.global_sum_fast(a))

    def global_sum_sparse(self, a: Analog, r: int = 2, c: int = 2, rx: int = 254, cx: int = 254) -> int:
        """``scamp5_global_sum_sparse``: the sum over the pixels of a pattern (see load_pattern), 0 to 255.

        The default pattern is a quarter of all pixels.
        Device time: 20.91 us.
        """
        return self._read(readings.global_sum_sparse(a, r, c, rx, cx))

    def global_sum_region(self, a: Analog, r0: int, c0: int, r1: int, c1: int) -> int:
        """``scamp5_global_sum_region``: the sum over a rectangle (see load_rect), 0 to 255.

        Device time: 20.91 us.
        """
        return self._read(readings.global_sum_region(a, r0, c0, r1, c1))

    def get_parameter(self, number: int) -> int:
        """``vs_scamp5_get_parameter``: areg_min, areg_max, floor and span of the sums, a signed number.

        Floor is the total of the sums of a plane that is areg_min everywhere, floor + span that of areg_max.

        Args:
            number: 4 to 7 for the four of global_sum_16, 8 to 11 for those of global_sum_64.

        Raises:
            DataError: another number; the chip's other parameters are not modelled.

        Device time: 20.045 us.
        """
        return self._read(readings.get_parameter(number))

    def global_or(self, d: Digital, r: int = 0, c: int = 0, rx: int = 255, cx: int = 255) -> bool:
        """``scamp5_global_or``: whether any pixel of a pattern (see load_pattern; by default all) is 1.

        Device time: 20.51 us.
        """
        return self._read(readings.global_or(d, r, c, rx, cx))

    def global_count(self, d: Digital, temp: Analog, options: int = 0) -> int:
        """``scamp5_global_count``: about how many pixels are 1, as a share: 0 for none to 4,095 for all.

        Args:
            d: a DREG.
            temp: an AREG.
            options: 0 to take 4 x 4 sums, 1 to take 8 x 8.

        Clobbers temp and IN; FLAG := 1.
        Device time: 41 us; 84.44 us with 8 x 8 sums.
        """
        return self._read(readings.global_count(d, temp, options))

    # -- scans -------------------------------------------------------------------------------------

    def scan_areg(
        self, a: Analog, r0: int = 0, c0: int = 0, r1: int = LAST, c1: int = LAST, rs: int = 1, cs: int = 1
    ) -> Bytes:
        """``scamp5_scan_areg``: ADC samples of a grid, column-major from the top right.

        Args:
            a: an AREG.
            r0: first row.
            c0: first column.
            r1: last row.
            c1: last column.
            rs: from one row to the next, 1 to 255.
            cs: from one column to the next, 1 to 255.

        Returns:
            uint8 (rows x columns,), ADC codes (level + 128).

        Device time: 20 us, and 0.91 us a sample; 59.7 ms for all.
        """
        return self._read(readings.scan_areg(a, r0, c0, r1, c1, rs, cs))

    def scan_areg_8x8(self, a: Analog) -> Bytes:
        """``scamp5_scan_areg_8x8``: samples on a 32-pixel pitch. uint8 (64,), column-major.

        Device time: 78.24 us.
        """
        return self._read(readings.scan_areg_8x8(a))

    def scan_areg_mean_8x8(self, a: Analog) -> Bytes:
        """``scamp5_scan_areg_mean_8x8``: means of 32 x 32 blocks. uint8 (64,), column-major.

        Device time: 78.24 us.
        """
        return self._read(readings.scan_areg_mean_8x8(a))

    def scan_dreg(self, d: Digital, r0: int = 0, r1: int = LAST) -> bytes:
        """``scamp5_scan_dreg``: rows r0 to r1, 32 bytes each; bit i of byte j is column 8 j + i.

        Device time: 20 us, and 5.12 us a row; 1.33 ms for all.
        """
        return self._read(readings.scan_dreg(d, r0, r1))

    def scan_events(self, d: Digital, max_num: int = 1, h_dir: int = 0, v_dir: int = 0) -> Bytes:
        """``scamp5_scan_events``: coordinates of 1s, column by column.

        Args:
            d: a DREG.
            max_num: 0 to 4,000.
            h_dir: 0 from column 0 on; 1 from column 255.
            v_dir: 0 from row 0 on in each column; 1 from row 255.

        Returns:
            uint8 (n, 2), n <= max_num: (column, row), up to the first (0, 0), which marks the end.
            The vendor's end mark is also pixel (0, 0): where that one is set, events from it on are lost.

        Device time: 20 us, and 0.92 us for each of max_num, found or not; none where that is 0.
        """
        return self._read(readings.scan_events(d, max_num, h_dir, v_dir))

    scan_events_cr = scan_events

    def scan_events_rc(self, d: Digital, max_num: int = 1, h_dir: int = 0, v_dir: int = 0) -> Bytes:
        """``scamp5_scan_events_rc``: the same as (row, column).

        Device time: 20 us, and 0.92 us for each of max_num, found or not; none where that is 0.
        """
        return self._read(readings.scan_events_rc(d, max_num, h_dir, v_dir))

    def scan_boundingbox(self, d: Digital) -> tuple[int, int, int, int]:
        """``scamp5_scan_boundingbox``: top row, right column, bottom row, left column; zeros where empty.

        Device time: 24.04 us.
        """
        return self._read(readings.scan_boundingbox(d))

    # -- pictures ----------------------------------------------------------------------------------

    def output_areg(self, a: Analog, s_: int = 1, r0: int = 0, c0: int = 0) -> Bytes:
        """``scamp5_output_areg``: a sub-sampled image, the right way round.

        Args:
            a: an AREG.
            s_: take every s-th row and column, 1 to 255; 2 gives 128 x 128.
            r0: first row.
            c0: first column, from the right.

        Returns:
            uint8 (rows, columns), ADC codes; the left of the picture is the left of the array.

        Device time: 20 us, and 0.91 us a sample; 59.7 ms for all.
        """
        return self._read(readings.output_areg(a, s_, r0, c0))

    def output_image(self, register: Analog | Digital) -> npt.NDArray[np.uint8] | npt.NDArray[np.bool_]:
        """``scamp5_output_image``: (256, 256), the right way round: uint8 ADC codes, or bool of a DREG.

        Device time: 59,657.8 us of an AREG, 1,330.72 us of a DREG.
        """
        return self._read(readings.output_image(register))

    def output_bitstack(self, *planes: Digital) -> npt.NDArray[np.uint8]:
        """``scamp5_output_bitstack``: uint8 (256, 256) from 1 to 8 DREGs, most significant first.

        Device time: 1,330.72 us a DREG.
        """
        if not 1 <= len(planes) <= 8:
            raise DataError(f"a bit stack has 1 to 8 planes, not {len(planes)}")
        image = np.zeros((ARRAY_SIZE, ARRAY_SIZE), np.uint8)
        for plane in planes:
            image = np.asarray(2 * image + self.output_image(plane), np.uint8)
        return image
