"""A window: the part of the input plane that the nodes below a window node see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pixeltree.errors import ModelError
from pixeltree.model.model import INPUT_SIZES

Pixels = TypeVar("Pixels", bound=np.generic)


@dataclass(frozen=True)
class Window:
    """A square of the input plane, which may reach over its edges; there it holds -1 (bit 0).

    Attributes:
        row, column: of its first pixel in the captured input, -255 to 255. A window below another one counts
            from the captured input as well.
        size: rows and columns, 16 to 256, at most those of the captured input.
    """

    row: int
    column: int
    size: int

    def __post_init__(self) -> None:
        values = self.row, self.column, self.size
        if not all(type(value) is int for value in values):
            raise ModelError(f"row, column and size of a window must be whole numbers, not {values}")
        if self.size not in INPUT_SIZES or max(abs(self.row), abs(self.column)) >= INPUT_SIZES.stop - 1:
            raise ModelError(f"a window has 16 to 256 rows and begins at -255 to 255; this is {self}")

    def check_input(self, size: int) -> None:
        """Refuse an input that is smaller than the window, or that it does not touch.

        Raises:
            ModelError: saying so.
        """
        if self.size > size:
            raise ModelError(
                f"a window of {self.size} x {self.size} pixels must be smaller than its input of {size} x "
                f"{size}"
            )
        top, left, bottom, right = self.inside(size)
        if top >= bottom or left >= right:
            raise ModelError(f"{self} sees nothing of an input of {size} x {size} pixels")

    def inside(self, size: int) -> tuple[int, int, int, int]:
        """First row and column, and row and column after the last, of what the window has of an input."""
        top, left = max(self.row, 0), max(self.column, 0)
        return top, left, min(self.row + self.size, size), min(self.column + self.size, size)

    def cut(self, planes: npt.NDArray[Pixels]) -> npt.NDArray[Pixels]:
        """What the window shows of input planes, or of images; 0 beyond the edges.

        Args:
            planes: (..., rows, columns), square.

        Returns:
            (..., size, size), of the same type.

        Raises:
            ModelError: the planes are smaller than the window, or it sees nothing of them.
        """
        size = planes.shape[-1]
        self.check_input(size)
        top, left, bottom, right = self.inside(size)
        result = np.zeros((*planes.shape[:-2], self.size, self.size), planes.dtype)
        rows = slice(top - self.row, bottom - self.row)
        columns = slice(left - self.column, right - self.column)
        result[..., rows, columns] = planes[..., top:bottom, left:right]
        return result
