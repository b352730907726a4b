"""Blocks that are run again and again, and who makes them faster meanwhile.

How much work a block was so far is estimated from its passes. Machine code that was kept is looked for when a
block has been run for some milliseconds in all, and made when it has been for about as long as making it
takes. A thread does both, so that nobody waits: until it is ready, a block is run as ever.
"""

from __future__ import annotations

import atexit
import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pixeltree_emu.array.fast.compiled import Table
from pixeltree_emu.array.fast.passes import CODE, ERROR, EXACT, LAST_ANALOG
from pixeltree_emu.machine.logs import fields

logger = logging.getLogger(__name__)

_ANALOG_WORK, _ERROR_WORK = 10, 40
"""Work of an analog pass, and of one that adds errors, if that of a digital one is 1: about 0.15 us."""
_LOOK_AFTER, _MAKE_AFTER = 20_000, 200_000
_NEVER = 1 << 62
_LONGEST_END = 3.0
"""Seconds for the block in hand to be finished when the process ends."""

Entry = Callable[[int, int, int, int], None]
"""Machine code; it takes the addresses of analog planes, digital planes, constants and error table."""

Part = tuple[Entry | None, Table | None]
"""A part of a block: its code, or the passes that have none."""


@dataclass(frozen=True)
class Surroundings:
    """What the code of a block depends on beside its passes. Engines that share blocks agree about it.

    Attributes:
        boundary: what lies beyond the edge of NEWS.
        saturates: whether the error of a write can leave 8 bits, for this chip.
    """

    boundary: int
    saturates: bool


@dataclass(eq=False)
class Block:
    """A block as passes, for one state of the planes that steer it. Several engines may run it.

    Attributes:
        passes, operands: what ``execute`` runs.
        constants: int8, planes that passes load; they hold its address.
        around: what its code depends on.
        left: work until somebody should look at it again.
        work: of running it once.
        address: of the constants.
        looked: whether kept code was looked for.
        parts: what runs it in place of ``execute``, once there is such code; they keep that alive.
    """

    passes: Table
    operands: Table
    constants: npt.NDArray[np.int8]
    around: Surroundings
    left: int
    work: int = 0
    address: int = 0
    looked: bool = False
    parts: tuple[Part, ...] | None = None

    def __post_init__(self) -> None:
        self.address = self.constants.ctypes.data
        analog = self.passes[:, CODE] <= LAST_ANALOG
        noisy = int(np.count_nonzero(analog & (self.passes[:, ERROR] != EXACT)))
        exact = int(np.count_nonzero(analog)) - noisy
        self.work = 1 + len(self.passes) + (_ANALOG_WORK - 1) * exact + (_ERROR_WORK - 1) * noisy


class Heater(Protocol):
    """Makes hot blocks faster."""

    patience: int
    """Work after which a block is hot."""

    def warm(self, block: Block) -> None:
        """A block's work is done: see to it that it gets code, and say when to ask again."""
        ...


class Never:
    """Lets every block run as passes: for who measures those."""

    patience = _NEVER

    def warm(self, block: Block) -> None:
        """Nothing is done."""
        block.left = _NEVER


class Background:
    """Makes code in a thread, which is started when there is something to do."""

    patience = _LOOK_AFTER

    def __init__(self) -> None:
        self._jobs: queue.Queue[tuple[Block, bool] | None] = queue.Queue()
        self._thread: threading.Thread | None = None
        self._ended = False

    def warm(self, block: Block) -> None:
        """Look for kept code the first time, make code the second time."""
        make = block.looked
        block.looked, block.left = True, _NEVER if make else _MAKE_AFTER
        self._jobs.put((block, make))
        if self._thread is None or not self._thread.is_alive():  # the first time, or in a forked process
            self._thread = threading.Thread(target=self._serve, name="fusing", daemon=True)
            self._thread.start()
            atexit.register(self._end)

    def _serve(self) -> None:
        from pixeltree_emu.array.fast.fused import store  # noqa: PLC0415 - nothing of it is needed to start
        from pixeltree_emu.array.fast.fused.fuser import Fuser  # noqa: PLC0415

        fuser = Fuser(store.folder())
        while (job := self._jobs.get()) is not None and not self._ended:
            block, make = job
            try:
                if not make:
                    fuser.find(block)
                elif block.parts is None:
                    fuser.make(block)
            except (RuntimeError, OSError, ValueError) as error:  # LLVM's are of these kinds
                reason = str(error)
                logger.warning("a block stays without code of its own", extra=fields(reason=reason))
            finally:
                self._jobs.task_done()

    def wait(self) -> None:
        """Wait until all that was asked for is done: for who measures."""
        self._jobs.join()

    def _end(self) -> None:
        """LLVM must not be at work while the process ends."""
        self._ended = True
        self._jobs.put(None)
        if self._thread is not None:
            self._thread.join(_LONGEST_END)


background = Background()
"""That of all engines of this process."""
