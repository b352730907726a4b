"""Pictures of a source for the frames of a run: each in turn, or what the source shows at a frame's turn."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from pixeltree.arguments.files import as_path
from pixeltree.errors import DataError
from pixeltree.tree.tree import GreyImage, Tree
from pixeltree_pictures import Fitting, PictureError, Size, SizeError
from pixeltree_pictures.sources import SOURCE_RATE, Source, open_pictures, open_source
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.names import known_names

CLOCKS = ("wall", "frame")
"""What a source can follow that a host shows; the first is the default."""


class Playing:
    """The pictures of a source, for ``TreeRunner.run``; :func:`play` makes one.

    Args:
        source: the source.
        clock: ``wall``: a frame is shown what the source shows when its turn comes. ``frame``: each frame is
            shown the next picture.
        once: end after the source's last picture.
        now: seconds.

    Attributes:
        name: of the picture that was shown last: its file, where it has one of its own.
        picture: the one that was shown last; None before the first.
        unread: with ``once``, what is wrong with each picture that was passed over, since it cannot be read.
    """

    def __init__(
        self,
        source: Source,
        clock: str = CLOCKS[0],
        once: bool = False,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        if clock not in CLOCKS:
            raise DataError(f"there is no clock {clock!r} of a source; {known_names(clock, CLOCKS)}")
        self.name = ""
        self.picture: GreyImage | None = None
        self.unread: list[str] = []
        self.count = source.count if once else None
        self._source = source
        self._clock = clock
        self._now = now
        self._began: float | None = None
        self._next = 0

    @property
    def live(self) -> bool:
        """Whether a picture is to be taken when its frame's turn has come, and not before."""
        return self._clock == CLOCKS[0] or self._source.live

    def __iter__(self) -> Playing:
        return self

    def __next__(self) -> GreyImage:
        """The picture of the next frame.

        Raises:
            DataError: its file cannot be read as a picture; with ``once``, none of the files can, or one has
                another size than is needed.
        """
        while self._next != self.count:
            try:
                return self._take()
            except SizeError as error:
                raise DataError(str(error)) from error
            except PictureError as error:
                if self.count is None:
                    raise DataError(str(error)) from error
                self.unread.append(str(error))
                if len(self.unread) == self.count:
                    raise DataError(f"no picture can be read; the last: {error}") from error
        raise StopIteration

    def _take(self) -> GreyImage:
        index = self._next
        self._next += 1
        if self._clock == CLOCKS[0]:
            now = self._now()
            self._began = now if self._began is None else self._began
            index = int(1e9 * (now - self._began)) // self._source.period_ns
        picture = self._source.frame(index)
        self.name, self.picture = self._source.name(index), picture
        return picture


def play(
    source: str | Sequence[str],
    tree: Tree,
    clock: str = CLOCKS[0],
    rate: float = SOURCE_RATE,
    fit: bool = False,
    once: bool = False,
) -> Playing:
    """Open a source whose pictures a run shows to an emulated sensor.

    >>> for result in runner.run(pt.play("camera:0", tree), period=1 / 30): ...  # doctest: +SKIP

    Args:
        source: ``moving``, ``camera:0``, or the path of a picture, a folder with the folders in it, a
            ``.npy`` array (count, rows, columns) or a video; or several pictures and folders.
        tree: for whose input: pictures are of its size or 256 x 256, unless ``fit`` is set.
        clock: ``wall``: a frame is shown what the source shows when its turn comes. ``frame``: each frame is
            shown the next picture.
        rate: pictures per second, by the clock ``wall``; a video has its own.
        fit: crop pictures to a square about the centre and scale them to the size of the tree's input, as is
            always done with videos and cameras.
        once: end after the last picture. Files are then read when they are shown, and one that cannot be
            read is passed over: :attr:`Playing.unread` says which, and why.

    Raises:
        DataError: the source cannot be opened, or has pictures of another size.
    """
    side = tree.geometry.size
    needed = Size(side, side, "the tree takes", "or 256 x 256; --fit or fit=True crops and scales")
    fitting = Fitting(needed, fit, (ARRAY_SIZE, ARRAY_SIZE))
    try:
        if isinstance(source, str):
            opened = open_source(source, as_path(source), fitting, rate, check=not once)
        else:
            opened = open_pictures([(each, as_path(each)) for each in source], fitting, rate, check=not once)
        return Playing(opened, clock, once)
    except PictureError as error:
        raise DataError(str(error)) from error
