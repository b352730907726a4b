"""A device in this process whose registers hold random planes, and what its methods made of them.

Planes are in array coordinates: row 0 is the top, column 0 the RIGHT edge.
"""

import numpy as np
from tests.support.in_memory import in_memory_device
from tests.support.inside import emulated_of

from pixeltree.kernels.names import FLAG
from pixeltree_protocol.chip.registers import AREGS, DREGS

ROWS, COLUMNS = np.indices((256, 256))
LAUNCH, WORD, ANSWER, BYTE = 1_000, 100, 20_000, 10
"""Device time in nanoseconds, from the cost model's table."""


def answer_ns(size):
    """Preparing a message with so many bytes; what reads nothing out needs none."""
    return ANSWER + BYTE * size if size else 0


class Chip:
    """A device with random planes, and what is in them."""

    def __init__(self, seed=1, reach=100):
        self.device = in_memory_device()
        random = np.random.default_rng(seed)
        for register in AREGS:
            plane = random.integers(-reach, reach + 1, (256, 256)).astype(np.int16)
            self.engine.set_analog(register, plane)
        for register in DREGS:
            self.engine.set_digital(register, random.random((256, 256)) < 0.3)
        self.before = self.state()

    @property
    def engine(self):
        """The engine, with everything done that was asked of the array so far."""
        return emulated_of(self.device).array.engine

    def state(self):
        planes = {register: self.engine.analog(register) for register in AREGS}
        return planes | {register: self.engine.digital(register) for register in (*DREGS, FLAG)}

    def put(self, register, plane):
        self.engine.set_digital(register, np.array(plane, bool))
        self.before = self.state()

    def unchanged_but(self, *registers):
        after = self.state()
        changed = {reg for reg in after if not np.array_equal(after[reg], self.before[reg])}
        assert changed <= set(registers), changed - set(registers)
        return after


def moved(plane, h, v, outside=0):
    """Content moved h pixels east (to lower columns) and v north (to lower rows)."""
    result = np.full_like(plane, outside)
    rows, columns = slice(max(0, -v), 256 - max(0, v)), slice(max(0, -h), 256 - max(0, h))
    result[rows, columns] = plane[max(0, v) : 256 + min(0, v), max(0, h) : 256 + min(0, h)]
    return result
