"""How far one propagation word floods."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pixeltree.device.chip import Chip
from pixeltree.kernels import Kernel
from pixeltree_protocol.chip.registers import ARRAY_SIZE, DREGS, Digital
from pixeltree_protocol.objects import controller_steps as s
from pixeltree_protocol.objects.program import Launch, ScanDreg

FARTHEST = 2 * (ARRAY_SIZE - 1)
"""PEs from one corner to the opposite one, along rows and columns."""
CORNERS = ((0, 0), (0, 255), (255, 0), (255, 255))

_R1, _R2, _R3, _R4, _R0, _R12 = (Digital(f"R{number}") for number in (1, 2, 3, 4, 0, 12))


def flood_distances(chip: Chip, done: Callable[[], None]) -> list[int]:
    """PEs that one PROP0 crosses, from each corner: all PEs so near are reached.

    :data:`FARTHEST` says that the whole array is.
    """
    open_, flood = Kernel(), Kernel()
    open_.SET(_R1, _R2, _R3, _R4)
    open_.SET(_R0)
    flood.PROP0()
    found = []
    for row, column in CORNERS:
        target = DREGS.index(_R12)
        seed = s.LoadPattern(target, row, column, 0, 0)
        steps = (Launch(0), seed, Launch(1), ScanDreg(target, 0, 1, ARRAY_SIZE))
        data = chip.execute(*steps, kernels=[open_, flood]).read_outs[0]
        rows = np.frombuffer(data, np.uint8).reshape(ARRAY_SIZE, -1)
        plane = np.unpackbits(rows, axis=1, bitorder="little")
        away = np.abs(np.arange(ARRAY_SIZE) - row)[:, None] + np.abs(np.arange(ARRAY_SIZE) - column)
        missed = away[plane == 0]
        found.append(int(missed.min()) - 1 if missed.size else FARTHEST)
        done()
    return found
