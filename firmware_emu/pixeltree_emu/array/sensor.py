"""The photodiodes: what the sensor looks at, and the PIX level that exposing it leaves."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.planes import SHAPE, AnalogPlane, plane_of


class Sensor:
    """Holds the scene, a 256 x 256 picture of 8-bit brightness seen the right way round."""

    def __init__(self) -> None:
        self.scene: npt.NDArray[np.uint8] = np.zeros(SHAPE, np.uint8)

    def show(self, top: int, left: int, patch: npt.NDArray[np.uint8], clear: bool) -> None:
        """Put a patch into the scene; ``clear`` darkens the rest.

        Args:
            top: first row of the patch, from the top of the picture.
            left: first column, from the left of the picture.
            patch: uint8 (rows, columns).
            clear: whether everything else becomes black.

        Raises:
            ValueError: the patch does not fit.
        """
        rows, columns = patch.shape
        if not rows or not columns or top + rows > SHAPE[0] or left + columns > SHAPE[1]:
            raise ValueError(f"a {rows} x {columns} patch at ({top}, {left}) does not fit into {SHAPE}")
        if clear:
            self.scene[:] = 0
        self.scene[top : top + rows, left : left + columns] = patch

    def expose(self, reset_level: int) -> AnalogPlane:
        """PIX after a full exposure: half the brightness (0-127) above the reset level.

        Half range follows get_image: ``PIX_exposed - PIX_reset`` is [0, 127] (fact sheet 3.4).
        """
        return np.asarray(plane_of(self.scene // 2).astype(np.int16) + reset_level, np.int16)
