"""A wire that does what bad cables do: bytes in order, but lost, repeated, changed, late, and in pieces."""

from collections import deque
from dataclasses import dataclass

LATENCY = 0.0005
CAPACITY = 16_384
"""Bytes that are under way one way at most: who sends more has to wait."""


@dataclass(frozen=True)
class Faults:
    """Chances, each per write of either end.

    Attributes:
        every_byte: each byte comes alone.
        cut: the wire breaks; either end may notice at once, late, or never.
        restart: the device loses its power.
    """

    drop: float = 0.0
    duplicate: float = 0.0
    flip: float = 0.0
    truncate: float = 0.0
    delay: float = 0.0
    split: float = 0.0
    every_byte: bool = False
    cut: float = 0.0
    restart: float = 0.0


class Direction:
    """Bytes on their way one way.

    Args:
        world: has the ``faults`` of the time being, and the ``dice``.
    """

    def __init__(self, world):
        self.world = world
        self.dice = world.dice
        self.chunks = deque()  # (due, bytes)
        self.size = 0

    @property
    def room(self):
        return max(0, CAPACITY - self.size)

    @property
    def next(self):
        """When the next bytes are there."""
        return self.chunks[0][0] if self.chunks else None

    def put(self, data, now):
        due = now + LATENCY
        if self.dice.random() < self.world.faults.delay:
            due += self.dice.choice((0.003, 0.03, 0.3))
        if self.chunks:
            due = max(due, self.chunks[-1][0])
        for piece in self.pieces(self.damaged(bytes(data))):
            self.chunks.append((due, piece))
            self.size += len(piece)

    def damaged(self, data):
        dice, faults = self.dice, self.world.faults
        if dice.random() < faults.drop:
            start = dice.choice((0, dice.randrange(len(data))))
            data = data[:start] + data[dice.randint(start, len(data)) if start else len(data) :]
        if dice.random() < faults.truncate:
            data = data[: dice.randrange(len(data) + 1)]
        if data and dice.random() < faults.flip:
            at = dice.randrange(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << dice.randrange(8)]) + data[at + 1 :]
        if dice.random() < faults.duplicate:
            data += data[dice.choice((0, dice.randint(0, len(data)))) :]
        return data

    def pieces(self, data):
        split = self.dice.random() < self.world.faults.split
        while data:
            size = len(data)
            if self.world.faults.every_byte:
                size = 1
            elif split:
                size = self.dice.choice((1, 2, 7, 255, self.dice.randint(1, len(data))))
            yield data[:size]
            data = data[size:]

    def take(self, now):
        """The next piece, if it is there; None where there is none now."""
        if not self.chunks or self.chunks[0][0] > now:
            return None
        data = self.chunks.popleft()[1]
        self.size -= len(data)
        return data

    def lose(self):
        """Some of what is under way still arrives, or all, or none: neither end can know."""
        keep = self.dice.randint(0, len(self.chunks))
        while len(self.chunks) > keep:
            self.size -= len(self.chunks.pop()[1])


class BreakingWire:
    """Two directions, and what becomes of them when the wire is cut.

    Attributes:
        lost: it is cut; nothing that is put on it now arrives.
        told: when each end notices, once the rest has arrived; None for never. By the names of the ends.
    """

    def __init__(self, world):
        self.dice = world.dice
        self.to_device = Direction(world)
        self.to_host = Direction(world)
        self.lost = False
        self.told = {"host": None, "device": None}

    def put(self, direction, data, now):
        if not self.lost and data:
            direction.put(data, now)

    def cut(self, now):
        self.lost = True
        self.to_device.lose()
        self.to_host.lose()
        for end in self.told:
            self.told[end] = self.dice.choice((now, now, now + 0.2 * self.dice.random(), None))

    def ended(self, end, now):
        """Whether an end can know that the wire is cut."""
        direction = self.to_host if end == "host" else self.to_device
        return self.lost and self.told[end] is not None and now >= self.told[end] and not direction.chunks

    def next(self, end):
        """When something comes in at an end."""
        direction = self.to_host if end == "host" else self.to_device
        return direction.next if direction.chunks else self.told[end]
