"""All registers of a device in one picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from pixeltree_protocol.chip.registers import AREGS, DREGS

if TYPE_CHECKING:
    import pixeltree as pt

SIDE, MARGIN, COLUMNS = 128, 14, 5


def registers_picture(device: pt.Device) -> Image.Image:
    """Every AREG and DREG, half size, with its name and the range that its grey levels stand for.

    An AREG is stretched from its least to its greatest level.
    """
    names = [str(name) for name in (*AREGS, *DREGS)]
    rows = -(-len(names) // COLUMNS)
    sheet = Image.new("L", (COLUMNS * (SIDE + MARGIN), rows * (SIDE + 2 * MARGIN)), 40)
    draw = ImageDraw.Draw(sheet)
    for index, name in enumerate(names):
        left, top = index % COLUMNS * (SIDE + MARGIN), index // COLUMNS * (SIDE + 2 * MARGIN)
        plane = device.read_plane(name)
        draw.text((left + 2, top + 1), f"{name}  {int(plane.min())} to {int(plane.max())}", fill=255)
        sheet.paste(Image.fromarray(_grey(plane)).resize((SIDE, SIDE)), (left, top + MARGIN))
    return sheet


def _grey(plane: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    levels = plane.astype(np.int16)
    low, high = int(levels.min()), int(levels.max())
    return ((levels - low) * 255 // max(high - low, 1)).astype(np.uint8)
