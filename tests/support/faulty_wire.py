"""Two connections joined by a wire that does what bad cables do, on a clock of its own."""

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Faults:
    """Chances, each per chunk of bytes that is put on the wire."""

    drop: float = 0.0
    duplicate: float = 0.0
    flip: float = 0.0
    truncate: float = 0.0
    delay: float = 0.0
    split: float = 0.0
    cut: float = 0.0


class Direction:
    """Bytes on their way one way, kept in order."""

    def __init__(self, faults, dice):
        self.faults = faults
        self.dice = dice
        self.chunks = []  # (due, bytes)

    def put(self, data, now):
        for chunk in self.pieces(data):
            due = now + 0.0005
            if self.dice.random() < self.faults.delay:
                due += self.dice.choice((0.003, 0.03, 0.3))
            if self.chunks:
                due = max(due, self.chunks[-1][0])
            self.chunks += [(due, damaged) for damaged in self.damage(chunk)]

    def pieces(self, data):
        while data:
            size = len(data)
            if self.dice.random() < self.faults.split:
                size = self.dice.choice((1, 2, 7, self.dice.randint(1, len(data))))
            yield data[:size]
            data = data[size:]

    def damage(self, chunk):
        dice, faults = self.dice, self.faults
        if dice.random() < faults.drop:
            return []
        if dice.random() < faults.truncate:
            chunk = chunk[: dice.randrange(len(chunk))]
        if chunk and dice.random() < faults.flip:
            at = dice.randrange(len(chunk))
            chunk = chunk[:at] + bytes([chunk[at] ^ 1 << dice.randrange(8)]) + chunk[at + 1 :]
        if dice.random() < faults.duplicate:
            return [chunk, chunk]
        return [chunk]

    def due(self, now):
        arrived = b"".join(data for due, data in self.chunks if due <= now)
        self.chunks = [(due, data) for due, data in self.chunks if due > now]
        return arrived

    @property
    def next(self):
        return self.chunks[0][0] if self.chunks else None


class FaultyWire:
    """A wire with a clock.

    Attributes:
        cut: whether there is no wire at present; ``mend`` makes a new one.
    """

    def __init__(self, faults, seed):
        self.dice = random.Random(seed)
        self.faults = faults
        self.now = 1000.0
        self.cuts = 0
        self.mend()

    def mend(self):
        self.cut = False
        self.to_device = Direction(self.faults, self.dice)
        self.to_host = Direction(self.faults, self.dice)

    def put(self, direction, data):
        if self.cut:
            return
        if self.faults.cut and self.dice.random() < self.faults.cut:
            # Part of what is on the way still arrives, or none: neither end can know.
            self.cut = True
            self.cuts += 1
            return
        direction.put(data, self.now)
