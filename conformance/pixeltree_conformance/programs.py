"""Immediate programs: run steps on the device at once, and look at planes before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pixeltree.kernels import Kernel
from pixeltree_conformance import samples
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.model import SHAPE, Bits, Levels
from pixeltree_protocol.chip.kernel_api import parse_line
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital
from pixeltree_protocol.link.messages import (
    Execute,
    Executed,
    PlanePart,
    ReadOut,
    ReadPlane,
    Stored,
)
from pixeltree_protocol.objects import Block, Segment, digest_of
from pixeltree_protocol.objects.control_steps import Repeat
from pixeltree_protocol.objects.program import Program, ScanDreg, form_of
from pixeltree_protocol.objects.step import Step


def run(
    driver: Conversation,
    *steps: Step,
    kernels: Sequence[Kernel | Block] = (),
    segments: Sequence[Segment] = (),
) -> tuple[list[bytes], Executed]:
    """EXECUTE: upload what the steps need, run them, return the read-outs in order and the end."""
    blocks = [kernel.block() if isinstance(kernel, Kernel) else kernel for kernel in kernels]
    data = [block.encode() for block in blocks] + [segment.encode() for segment in segments]
    for each in data:
        store(driver, each)
    digests = tuple(digest_of(each) for each in data)
    request = driver.send(
        Execute(digests[: len(blocks)], digests[len(blocks) :], Program(tuple(steps)).encode())
    )
    return _read_outs(driver, request, steps)


def kernel_of(text: str) -> Kernel:
    """A kernel from lines of the kernel API."""
    kernel = Kernel()
    for line in text.split(";"):
        kernel.instructions += parse_line(line.strip())
    return kernel


def store(driver: Conversation, data: bytes) -> None:
    """Upload an object."""
    driver.answer(samples.send_object(driver, data), Stored)


def _read_outs(driver: Conversation, request: int, steps: Sequence[Step]) -> tuple[list[bytes], Executed]:
    """Parts in order, each read-out whole before the next, then EXECUTED."""
    found: list[bytes] = []
    last = ReadOut(0, 0, 0, b"")
    while True:
        message = driver.next_answer(request)
        is_whole = not found or len(found[-1]) == last.total
        if isinstance(message, Executed):
            assert is_whole, "a read-out is not whole"
            return found, message
        assert isinstance(message, ReadOut), f"instead of a read-out: {message}"
        assert message.step < len(steps) and form_of(steps[message.step]).reads_out, (
            "a step that reads nothing"
        )
        if message.offset:
            assert message.offset == len(found[-1]) and message.step == last.step, "parts come in order"
            found[-1] += message.data
        else:
            assert is_whole, "a read-out is not whole"
            if not any(isinstance(step, Repeat) for step in steps):
                assert not found or message.step > last.step, "read-outs come in the order of their steps"
            found.append(message.data)
        last = message


def scan(*registers: Digital) -> tuple[Step, ...]:
    """Steps that read whole DREGs out."""
    return tuple(ScanDreg(DREGS.index(register), 0, 1, 256) for register in registers)


def bits_of(data: bytes) -> Bits:
    """A DREG from its bytes: 32 a row, bit i of byte j is column 8 j + i."""
    rows = np.frombuffer(data, np.uint8).reshape(-1, 32)
    return np.unpackbits(rows, axis=1, bitorder="little").astype(np.bool_)


def read_bits(driver: Conversation, register: Digital) -> Bits:
    """READ_PLANE of a DREG."""
    return bits_of(read(driver, register))


def read_levels(driver: Conversation, register: Analog) -> Levels:
    """READ_PLANE of an AREG."""
    return np.frombuffer(read(driver, register), np.int8).reshape(SHAPE).astype(np.int16)


def read(driver: Conversation, register: str) -> bytes:
    """READ_PLANE: the parts, in order."""
    request = driver.send(ReadPlane(register))
    data = b""
    while True:
        part = driver.answer(request, PlanePart)
        assert part.offset == len(data)
        assert part.data
        data += part.data
        if len(data) >= part.total:
            assert len(data) == part.total
            return data


def dreg(register: Digital) -> int:
    """Its index in steps."""
    return DREGS.index(register)


def areg(register: Analog) -> int:
    """Its index in steps."""
    return AREGS.index(register)
