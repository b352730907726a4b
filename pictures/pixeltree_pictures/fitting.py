"""What every picture of a source goes through before it is shown: the rule of sizes."""

from __future__ import annotations

from dataclasses import dataclass

from pixeltree_pictures.levels import Grey
from pixeltree_pictures.size import Size, to_size


@dataclass(frozen=True)
class Fitting:
    """The size of a source's pictures, and what happens to others.

    Attributes:
        size: what is needed.
        fit: crop to the proportions of ``size`` about the centre, and scale; see :func:`to_size`. Without it
            a picture of another size is refused. Videos and cameras are always fitted: nobody chooses their
            size.
        whole: another size that is taken as it is where nothing is fitted, as (rows, columns).
    """

    size: Size
    fit: bool = False
    whole: tuple[int, int] | None = None

    def apply(self, grey: Grey, name: str) -> Grey:
        """A picture from a file.

        Raises:
            SizeError: it has another size, and is not to be fitted.
        """
        if not self.fit and grey.shape == self.whole:
            return grey
        return to_size(grey, self.size, self.fit, name)

    def always(self, grey: Grey) -> Grey:
        """A picture of a video or a camera."""
        return to_size(grey, self.size, True, "")
