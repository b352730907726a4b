"""What hostile peers send: noise, damage, and whole frames that mean harm.

Generators draw from a ``random.Random``, so that a seed fixes everything; each gives bytes for the wire.
"""

from dataclasses import fields

import construct as c

from pixeltree.demo.run import demo_digits, demo_tree
from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.link.declaration import MESSAGES, RECORDS
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.framing import encode_frame
from pixeltree_protocol.link.messages import (
    ENVELOPE_BYTES,
    Ack,
    CancelFrame,
    Execute,
    Hello,
    Leave,
    OpenTree,
    Ping,
    Proof,
    Put,
    PutSeveral,
    Query,
    ReadPlane,
    Role,
    Show,
    StartFrame,
    encode_message,
    is_sequenced,
)
from pixeltree_protocol.objects import Block, digest_of, parse_object
from pixeltree_protocol.objects.program import Program

EDGES = (0, 1, 2, 127, 128, 255, 256, 32_767, 32_768, 65_535, 65_536, 2**31 - 1, 2**31, 2**32 - 1)
LONGEST_NOISE = 600


class Hostility:
    """Makes what a hostile peer sends.

    Args:
        dice: where all randomness comes from.
    """

    def __init__(self, dice):
        self.dice = dice
        self.tree = demo_tree()
        self.objects = self.tree.objects
        self.digests = sorted(self.objects)
        parsed = {digest: parse_object(data) for digest, data in self.objects.items()}
        self.blocks = [digest for digest, thing in parsed.items() if isinstance(thing, Block)]
        self.programs = [
            self.objects[digest] for digest, thing in parsed.items() if isinstance(thing, Program)
        ]
        self.scene = demo_digits().images[0]

    def frame(self, numbers, session, tame=False):
        """Bytes for the wire, and whether they are a whole frame in order (which a device should accept).

        Args:
            numbers: what an honest peer would put into the next frame.
            session: id of the session that the peer has or had.
            tame: mostly requests in order, so that the device gets somewhere.
        """
        rate = 0.1 if tame else 1.0
        kind = self.dice.random() / rate
        if kind < 0.08:
            return self.noise(), False
        message = self.link_message(session) if kind < 0.2 else self.request(tame)
        in_order = True
        if self.dice.random() < 0.15 * rate:
            numbers, in_order = self.numbers(numbers), False
        try:
            payload = encode_message(message, self.dice.choice((0, 1, 7, 0xFFFF, numbers.sequence)), numbers)
        except MessageError:
            return self.noise(), False
        in_order = in_order and is_sequenced(payload[0])
        if self.dice.random() < 0.15 * rate:  # well framed nonsense
            payload = payload[:ENVELOPE_BYTES] + self.mutated(payload[ENVELOPE_BYTES:])
        elif self.dice.random() < 0.05 * rate:
            payload, in_order = self.mutated(payload), False
        frame = encode_frame(payload[:0xFFFF] or b"\0")
        if self.dice.random() < 0.1 * rate:
            return self.mutated(frame), False
        return frame, in_order

    def noise(self):
        """Bytes that mean nothing, many zeros among them; now and then very many."""
        dice = self.dice
        match dice.randrange(12):
            case 0:
                return b"\x01" * dice.randrange(30_000) + b"\0"
            case 1:
                return b"\x01\0" * dice.randrange(3_000)
            case 2:
                return bytes(dice.randrange(3_000))
        data = bytearray(dice.randbytes(dice.randrange(1, LONGEST_NOISE)))
        for _ in range(dice.randrange(8)):
            data[dice.randrange(len(data))] = 0
        return bytes(data)

    def mutated(self, data):
        """Data with a few bytes changed, missing or repeated."""
        dice = self.dice
        data = bytearray(data or b"\0")
        for _ in range(dice.randint(1, 3)):
            at = dice.randrange(len(data))
            match dice.randrange(4):
                case 0:
                    data[at] ^= 1 << dice.randrange(8)
                case 1:
                    data[at] = dice.choice((0, 1, 127, 128, 255))
                case 2:
                    del data[at : at + dice.choice((1, 4, len(data)))]
                case 3:
                    data[at:at] = data[at : at + dice.randint(1, 40)]
            if not data:
                return b"\0"
        return bytes(data)

    def numbers(self, honest):
        """Numbers that lie."""
        dice = self.dice
        values = list(honest)
        for index in range(3):
            if dice.random() < 0.6:
                shift = dice.choice((-1, 1, -32_768, 32_767, 32_768, 100, dice.randrange(0x10000)))
                values[index] = (values[index] + shift) % 0x10000
        return Numbers(*values)

    def link_message(self, session):
        """A message of the link itself."""
        dice = self.dice
        match dice.randrange(8):
            case 0:
                return Leave()
            case 1:
                return Proof(dice.randbytes(32))
            case 2 | 3 | 4:
                return Ack(dice.choice((0, 1, 255)), dice.choice((0, 1, 255)), dice.random() < 0.5)
            case 5:
                return self.anything()
        nonce = dice.choice((bytes(16), dice.randbytes(16)))
        known = dice.choice((bytes(8), session, dice.randbytes(8)))
        window = dice.choice((0, 100, 4096, 1 << 20, 2**32 - 1))
        role = dice.choice((Role.DRIVE, Role.OBSERVE, 2, 255))
        return Hello(
            dice.choice((1, 1, 0, 2)), dice.choice((1, 1, 255, 0)), nonce, known, role, window, "x" * 40
        )

    def request(self, tame=False):  # noqa: PLR0911 - a table of kinds
        """A request that takes the device somewhere, or harmless or senseless ones."""
        dice = self.dice
        if tame and dice.random() < 0.9:
            return self.frame_request()
        match dice.randrange(16):
            case 0 | 1 | 2:
                return self.put_several() if dice.random() < 0.3 else self.honest_put()
            case 3:
                return self.spoiled_put()
            case 4:
                return Put(dice.randbytes(16), dice.choice((1, 100, 65_536, 65_537)), 0, dice.randbytes(64))
            case 5:
                timeout = dice.choice((0, 10, 3_600_000, 2**32 - 1))
                return OpenTree(self.tree.digest, dice.choice((0, 6_000, 1, 2**32 - 1)), timeout)
            case 6:
                return StartFrame(dice.choice(EDGES[:10]))
            case 7:
                return CancelFrame(dice.choice(EDGES[:10]))
            case 8:
                return Show(True, 96, 96, 32, 32, self.scene.tobytes()[: dice.choice((1024, 1024, 10))])
            case 9:
                return Query(tuple(dice.sample(self.digests, dice.randrange(len(self.digests)))))
            case 10:
                return ReadPlane(dice.choice(("A", "R5", "NEWS", "R99", "")))
            case 11:
                program = dice.choice(self.programs)
                program = self.mutated(program) if dice.random() < 0.5 else program
                return Execute(tuple(dice.choices(self.blocks, k=dice.randrange(6))), (), program)
            case 12 | 13:
                return Ping(dice.randrange(2**32))
        return self.anything()

    def frame_request(self):
        """What an honest host sends, in any order: with luck, frames run."""
        dice = self.dice
        match dice.randrange(8):
            case 0:
                data = self.objects[self.tree.digest]
                return Put(self.tree.digest, len(data), 0, data)
            case 1:
                return OpenTree(self.tree.digest, 0, 10_000)
            case 2:
                return StartFrame(dice.randrange(100))
            case 3:
                return self.put_several()
        return self.honest_put()

    def honest_put(self):
        digest = self.dice.choice(self.digests)
        data = self.objects[digest]
        return Put(digest, len(data), 0, data)

    def put_several(self):
        """Objects together, some of them spoiled, some twice, sometimes none or too many."""
        objects = self.dice.choices(list(self.objects.values()), k=self.dice.choice((0, 1, 2, 3, 5, 33)))
        small = [data[:200] if self.dice.random() < 0.1 else data for data in objects if len(data) < 1_000]
        return PutSeveral(tuple(small))

    def spoiled_put(self):
        """A wrong object under the right digest: the parser has to find out."""
        data = self.mutated(self.objects[self.dice.choice(self.digests)])
        return Put(digest_of(data), len(data), 0, data)

    def anything(self):
        """Any message, its fields filled at random."""
        cls = self.dice.choice(list(MESSAGES))
        layouts = {field.name: field.layout for field in MESSAGES[cls].fields}
        return cls(**{field.name: self.value(layouts[field.name]) for field in fields(cls)})

    def value(self, layout):  # noqa: PLR0911 - a table of layouts
        """Any value that might suit a layout."""
        dice = self.dice
        if layout in RECORDS:
            inner = {field.name: self.value(field.layout) for field in RECORDS[layout].fields}
            return c.Container(inner)
        if isinstance(layout, c.FormatField):
            return dice.choice((dice.choice(EDGES), dice.randrange(256))) % (1 << (8 * layout.length))
        if layout is c.Flag:
            return dice.random() < 0.5
        if isinstance(layout, c.Bytes):
            return dice.choice((dice.choice(self.digests), bytes(64), dice.randbytes(64)))[: layout.length]
        if isinstance(layout, c.StringEncoded):
            return dice.choice(("", "A", "R5", "ü" * 20))
        if layout is c.GreedyBytes or isinstance(layout, c.Prefixed):
            return dice.randbytes(dice.randrange(40))
        return ()
