"""Objects to send: new ones at every call, so that no device has them already."""

from __future__ import annotations

import secrets

import numpy as np

from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.model import SHAPE, Bits
from pixeltree_protocol.chip.isa import ICW, Instruction, encode
from pixeltree_protocol.chip.registers import ARRAY_SIZE, Digital
from pixeltree_protocol.link.messages import Put, head_bytes
from pixeltree_protocol.objects import Block, Digest, FullyConnected, PackedBits, digest_of

_ROW_HEAD = len(FullyConnected(8, (0,), b"\0").encode()) - 1
"""Bytes of a fully connected segment with one output, beside its weights."""

_RANDOM_BYTES = 16

REGISTERS = tuple(Digital(f"R{number}") for number in range(5, 12))
"""What the samples' blocks read and write."""


def segment_of(size: int) -> bytes:
    """A valid object of so many bytes, 20 to 8,234.

    At least 16 of them are random: an object with one such byte comes a second time once in 256 runs.
    """
    if size < _ROW_HEAD + _RANDOM_BYTES:
        return PackedBits(secrets.token_bytes(size - len(PackedBits(b"\0").encode()) + 1)).encode()
    weights = secrets.token_bytes(size - _ROW_HEAD)
    data = FullyConnected(8 * len(weights), (0,), weights).encode()
    assert len(data) == size
    return data


def block_of(words: int) -> bytes:
    """A valid block of so many instruction words, harmless to run; one of under 15 may not be new."""
    moves: list[ICW] = []
    while len(moves) < words:
        here, there = secrets.choice(REGISTERS), secrets.choice(REGISTERS)
        if here != there:
            moves.append(encode(Instruction("MOV", (here,), (there,))))
    return Block(tuple(moves)).encode()


def plane() -> Bits:
    """A random plane."""
    data = np.frombuffer(secrets.token_bytes(ARRAY_SIZE * ARRAY_SIZE // 8), np.uint8)
    return np.unpackbits(data).reshape(SHAPE).astype(np.bool_)


def packed(bits: Bits) -> PackedBits:
    """The segment from which ``WriteDreg`` makes a plane."""
    return PackedBits(np.packbits(bits, axis=1, bitorder="little").tobytes())


def whole(data: bytes) -> Put:
    """An object in one part."""
    return Put(digest_of(data), len(data), 0, data)


def send_object(driver: Conversation, data: bytes) -> int:
    """An object in as few parts as the device's max_body allows; returns the request that is answered."""
    step = driver.welcome.capabilities.max_body - head_bytes(Put)
    return [driver.send(each) for each in parts(data, step)][-1]


def part(data: bytes, start: int, end: int, digest: Digest | None = None) -> Put:
    """Part of an object."""
    return Put(digest or digest_of(data), len(data), start, data[start:end])


def parts(data: bytes, step: int) -> list[Put]:
    """An object in parts of so many bytes."""
    return [part(data, start, start + step) for start in range(0, len(data), step)]
