"""The simulation protocol (SCAMP-5 fact sheet, sections 6 and 6.1): packets, instructions, opcodes.

A packet is a header of 8 bytes, ``size`` u32 (header included) and ``kind`` u32, and its payload; all numbers
are little-endian. Sizes are not believed: each kind has a greatest size, and a stream that breaks it cannot
be followed any further.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum

import construct as c

from pixeltree_protocol.errors import MessageError

PORT = 27715
VERSION = 0x460
"""The word that the client expects as second u32 argument of VERSION; it ends with any other."""

HEADER = c.Struct("size" / c.Int32ul, "kind" / c.Int32ul)
HEADER_BYTES = HEADER.sizeof()
_QUICK_HEADER = struct.Struct("<II")

INSTRUCTION = c.Struct("opcode" / c.Int16sl, "flag" / c.Int16sl, "arguments" / c.Int16sl[8])
"""``flag`` and arguments that an opcode does not use are uninitialised memory of the client (6.1)."""
INSTRUCTION_BYTES = INSTRUCTION.sizeof()
QUICK = struct.Struct("<10h")
"""The same 20 bytes, read thirty times faster: opcode, flag, arguments."""

LARGEST_PACKET = 1 << 20
"""Of tunnelled packets and of kernels; ours: the client sends a few kilobytes."""


class Kind(IntEnum):
    """What a packet is."""

    INSTRUCTION = 1
    INSTRUCTION_WITH_TEXT = 2
    KERNEL = 3
    TUNNEL = 4
    TEXT = 5
    ANSWER = 6


_SIZES: dict[int, tuple[int, int]] = {
    Kind.INSTRUCTION: (HEADER_BYTES + INSTRUCTION_BYTES, HEADER_BYTES + INSTRUCTION_BYTES),
    Kind.INSTRUCTION_WITH_TEXT: (HEADER_BYTES + INSTRUCTION_BYTES, 300),
    Kind.KERNEL: (HEADER_BYTES, LARGEST_PACKET),
    Kind.TUNNEL: (HEADER_BYTES, LARGEST_PACKET),
    Kind.TEXT: (HEADER_BYTES, 4096),
    Kind.ANSWER: (HEADER_BYTES, LARGEST_PACKET),
}
"""Least and greatest size by kind. The client's texts have 500 bytes at most; more does no harm."""
_NO_SIZES = 1, 0


class Opcode(IntEnum):
    """What an instruction does. Up to 43 they are words of the array, from 44 on calls."""

    NOP = 0
    RPIX = 1
    BUS_0 = 2
    BUS_1 = 3
    BUS_2 = 4
    BUS_3 = 5
    BUS_4 = 6
    BUS2_0 = 7
    BUS2_1 = 8
    BUS2_2 = 9
    BUS3 = 10
    BUS_LIST = 11
    BLURSET = 12
    BLUR = 13
    BLURH = 14
    BLURV = 15
    WHERE_ANALOG_1 = 16
    WHERE_ANALOG_2 = 17
    WHERE_ANALOG_3 = 18
    ALL = 19
    WHERE_1 = 20
    WHERE_2 = 21
    WHERE_3 = 22
    SET_1 = 23
    SET_2 = 24
    SET_3 = 25
    SET_4 = 26
    CLR_1 = 27
    CLR_2 = 28
    CLR_3 = 29
    CLR_4 = 30
    MOV = 31
    NOT = 32
    OR_2 = 33
    OR_3 = 34
    OR_4 = 35
    NOR_2 = 36
    NOR_3 = 37
    NOR_4 = 38
    DNEWS_0 = 39
    DNEWS_1 = 40
    PROP_R = 41
    PROP_0 = 42
    PROP_1 = 43
    VERSION = 44
    KERNEL_BEGIN = 45
    KERNEL_END = 46
    WAIT_FRAME_TRIGGER = 47
    FRAME_COUNTER_UPDATE = 48
    LOOP_COUNTER_UPDATE = 49
    DAC_IN = 50
    LOAD_POINT = 51
    LOAD_RECT = 52
    LOAD_PATTERN = 53
    SELECT_POINT = 54
    SELECT_RECT = 55
    SELECT_PATTERN = 56
    READ_AREG = 57
    SCAN_AREG = 58
    SCAN_DREG = 59
    SCAN_EVENTS = 60
    SCAN_EVENTS_RC = 61
    SCAN_EVENTS_CR = 62
    SCAN_AABB = 63
    OUT_AREG = 64
    OUT_DREG = 65
    OUT_EVENTS = 66
    OUT_AABB = 67
    OUT_BITSTACK_HEADER = 68
    OUT_LAYER = 69
    GLOBAL_OR = 70
    SUM_16 = 71
    SUM_64 = 72
    SUM_FAST = 73
    SUM_SPARSE = 74
    SUM_REGION = 75
    SCAN_AREG_MEAN = 76
    FLOOD = 77
    DIFFUSE = 78
    SIM_RESET_MODEL = 79
    PIX_INTEGRATE = 80
    SAVE_AREG_IMAGE = 81
    SAVE_DREG_IMAGE = 82
    RESET_VIDEO = 83
    GLOBAL_COUNT = 84
    TEST_A = 85
    TEST_B = 86
    TEST_C = 87
    TEST_D = 88
    USE_SUBPIX = 89


def opcode_name(code: int) -> str:
    """The name of an opcode for people, also of one that nobody knows."""
    try:
        return f"{Opcode(code).name} ({code})"
    except ValueError:
        return f"an unknown opcode ({code})"


@dataclass(frozen=True)
class Instruction:
    """An opcode with its arguments; up to eight i16.

    Attributes:
        opcode: see :class:`Opcode`; any i16 can come.
        arguments: i16; those that are not used may be anything.
    """

    opcode: int
    arguments: tuple[int, ...] = ()

    def unsigned(self, index: int) -> int:
        """Arguments seen as u32: number ``index`` is made of i16 ``2 * index`` (low) and the next."""
        low, high = self.arguments[2 * index : 2 * index + 2]
        return low & 0xFFFF | (high & 0xFFFF) << 16

    def encode(self) -> bytes:
        """20 bytes; arguments that are not given are 0."""
        filled = [*self.arguments, *[0] * (8 - len(self.arguments))]
        try:
            data: bytes = INSTRUCTION.build({"opcode": self.opcode, "flag": 0, "arguments": filled})
        except c.ConstructError as error:
            raise MessageError(
                f"{opcode_name(self.opcode)} with arguments {self.arguments}: {error}"
            ) from error
        return data


def with_unsigned(opcode: Opcode, *values: int) -> Instruction:
    """An instruction whose arguments are u32."""
    halves = [half for value in values for half in (value & 0xFFFF, value >> 16 & 0xFFFF)]
    return Instruction(opcode, tuple((half ^ 0x8000) - 0x8000 for half in halves))


def decode_instructions(data: bytes) -> tuple[Instruction, ...]:
    """Instructions of 20 bytes each, as a kernel's payload has them; a rest is left out."""
    whole = len(data) // INSTRUCTION_BYTES * INSTRUCTION_BYTES
    return tuple(Instruction(row[0], row[2:]) for row in QUICK.iter_unpack(data[:whole]))


def packet(kind: Kind, payload: bytes) -> bytes:
    """A packet with its header."""
    return _QUICK_HEADER.pack(HEADER_BYTES + len(payload), kind) + payload


def instruction(opcode: Opcode, *arguments: int) -> bytes:
    """A packet of one instruction with i16 arguments."""
    return packet(Kind.INSTRUCTION, Instruction(opcode, arguments).encode())


def kernel(instructions: Sequence[Instruction]) -> bytes:
    """A packet of instructions that are executed one after the other."""
    return packet(Kind.KERNEL, b"".join(each.encode() for each in instructions))


VERSION_PACKET = packet(Kind.INSTRUCTION, with_unsigned(Opcode.VERSION, 0, VERSION).encode())
"""What the server says first."""


def frame_packet(number: int) -> bytes:
    """The server's answer to WAIT_FRAME_TRIGGER."""
    return packet(Kind.INSTRUCTION, with_unsigned(Opcode.FRAME_COUNTER_UPDATE, number & 0xFFFFFFFF).encode())


def answer(data: bytes) -> bytes:
    """What an API call returns."""
    return packet(Kind.ANSWER, data)


class PacketReader:
    """Takes the bytes of one direction and gives packets, each as its kind and payload."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """Take more bytes; yields what is complete.

        Raises:
            MessageError: a size or a kind that no packet has; the stream cannot be followed any further.
        """
        buffer: bytes | bytearray = data
        if self._bytes:
            self._bytes += data
            buffer = self._bytes
        at, end = 0, len(buffer)
        unpack, sizes = _QUICK_HEADER.unpack_from, _SIZES
        try:
            while (begin := at + HEADER_BYTES) <= end:
                size, kind = unpack(buffer, at)
                least, most = sizes.get(kind, _NO_SIZES)
                if not least <= size <= most:
                    raise _broken(size, kind)
                next_at = at + size
                if next_at > end:
                    break
                at = next_at
                yield kind, bytes(buffer[begin:next_at])
        finally:
            if buffer is data:
                self._bytes += data[at:]
            else:
                del self._bytes[:at]


def _broken(size: int, kind: int) -> MessageError:
    known = f"{Kind(kind).name.lower()} packet" if kind in _SIZES else f"packet of the unknown kind {kind}"
    return MessageError(f"a {known} of {size:,} bytes; the stream cannot be followed any further")


def text_of(payload: bytes) -> str:
    """A text that ends with NUL, or with the payload; bytes that are no UTF-8 are shown as such."""
    return payload.partition(b"\0")[0].decode("utf-8", "backslashreplace")
