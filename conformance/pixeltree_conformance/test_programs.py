"""EXECUTE and READ_PLANE: what they give, and what they refuse."""

from __future__ import annotations

import secrets

import numpy as np
import pytest

from pixeltree.kernels import Kernel
from pixeltree.kernels.names import R5, R6
from pixeltree_conformance import samples
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.model import SHAPE
from pixeltree_conformance.programs import bits_of, dreg, read, read_bits, run, scan, store
from pixeltree_protocol.chip.registers import AREGS, DREGS
from pixeltree_protocol.link.messages import (
    ErrorCode,
    Execute,
    Executed,
    GetStatus,
    ReadPlane,
    Status,
    Stored,
)
from pixeltree_protocol.objects import Block, PackedBits, digest_of
from pixeltree_protocol.objects.controller_steps import Wait
from pixeltree_protocol.objects.program import Launch, Program, ScanDreg, SetIn, WriteDreg
from pixeltree_protocol.objects.verify import MAX_READ_OUT_BYTES


@pytest.mark.parametrize("register", [*AREGS, *DREGS])
def test_every_register_can_be_read(driver: Conversation, register: str) -> None:
    """READ_PLANE: 65,536 bytes of an AREG, 8,192 of a DREG, in parts that come in order."""
    assert len(read(driver, register)) == (65_536 if register in AREGS else 8_192)


@pytest.mark.parametrize("name", ["", "R13", "G", "a", "R1 ", "IN", "SELECT", "\u00c4" * 100])
def test_no_other_register_can_be_read(driver: Conversation, name: str) -> None:
    """OUT_OF_RANGE: A to F, NEWS, R0 to R12, PIX and FLAG are all there are."""
    driver.refused(ReadPlane(name), ErrorCode.OUT_OF_RANGE)


@pytest.mark.parametrize(("name", "size"), [("PIX", 65_536), ("FLAG", 8_192)])
def test_an_emulated_device_sends_pix_and_flag(driver: Conversation, name: str, size: int) -> None:
    """READ_PLANE: PIX like an AREG, FLAG like a DREG; a device that cannot answers UNSUPPORTED."""
    assert len(read(driver, name)) == size


def test_flag_is_what_where_left(driver: Conversation) -> None:
    """READ_PLANE of FLAG: 32 bytes a row, as of a DREG."""
    plane = samples.plane()
    kernel = Kernel()
    kernel.WHERE(R5)
    run(driver, WriteDreg(0, dreg(R5)), Launch(0), kernels=[kernel], segments=[samples.packed(plane)])
    found = bits_of(read(driver, "FLAG"))
    kernel.all()
    run(driver, Launch(0), kernels=[kernel])
    assert (found == plane).all()


@pytest.mark.parametrize("seed", range(3))
def test_a_plane_is_written_bit_by_bit(driver: Conversation, seed: int) -> None:
    """WriteDreg: bit 256 row + column of the segment becomes that pixel, whatever was there before."""
    wanted = np.random.default_rng(seed).random(SHAPE) < (0.1, 0.5, 0.9)[seed]
    run(driver, WriteDreg(0, dreg(R6)), segments=[samples.packed(wanted)])
    assert (read_bits(driver, R6) == wanted).all()


def test_a_plane_that_is_not_whole_is_not_written(driver: Conversation) -> None:
    """BAD_OBJECT: WriteDreg takes a packed segment of 8,192 bytes."""
    segment = PackedBits(bytes(8_191)).encode()
    store(driver, segment)
    program = Program((WriteDreg(0, dreg(R6)),)).encode()
    driver.refused(Execute((), (digest_of(segment),), program), ErrorCode.BAD_OBJECT)


def test_a_program_counts_its_words_and_takes_device_time(driver: Conversation) -> None:
    """EXECUTED: exactly the words that ran, and a time above 0; STATUS's device clock goes on."""
    before = driver.ask(GetStatus(), Status).device_ns
    kernel = Kernel()
    for _ in range(7):
        kernel.MOV(R5, R6)
    read_outs, executed = run(driver, Launch(0, 3), kernels=[kernel])
    assert read_outs == []
    assert executed.words == 21
    assert executed.device_ns > 0
    assert driver.ask(GetStatus(), Status).device_ns >= before + executed.device_ns


def test_read_outs_come_in_the_order_of_their_steps(driver: Conversation) -> None:
    """READ_OUT: each read-out whole, before the next and before EXECUTED; what READ_PLANE says too."""
    first, second = samples.plane(), samples.plane()
    steps = (WriteDreg(0, 5), WriteDreg(1, 6), *scan(R6, R5), ScanDreg(5, 3, 50, 6))
    read_outs, _ = run(driver, *steps, segments=[samples.packed(first), samples.packed(second)])
    assert (bits_of(read_outs[0]) == second).all()
    assert (bits_of(read_outs[1]) == first).all()
    assert (bits_of(read_outs[2]) == first[3:256:50]).all()
    assert (read_bits(driver, R5) == first).all()


def test_planes_stay_from_program_to_program(driver: Conversation) -> None:
    """EXECUTE: what one program leaves in a register the next one finds there."""
    plane = samples.plane()
    run(driver, WriteDreg(0, dreg(R5)), segments=[samples.packed(plane)])
    kernel = Kernel()
    kernel.MOV(R6, R5)
    run(driver, Launch(0), kernels=[kernel])
    assert (read_bits(driver, R6) == plane).all()


def test_programs_can_be_pipelined(driver: Conversation) -> None:
    """EXECUTE: BUSY while a program is in hand, or done in turn; either way each has one end."""
    requests = [driver.send(Execute((), (), Program((SetIn(n),)).encode())) for n in range(8)]
    ends = [driver.next_answer(request) for request in requests]
    assert isinstance(ends[0], Executed)
    assert all(isinstance(end, Executed) or getattr(end, "code", 0) == ErrorCode.BUSY for end in ends)
    driver.settle()
    driver.unanswered(*requests)


BAD_PROGRAMS = {
    "no bytes": b"",
    "noise": bytes(range(1, 40)),
    "a segment": samples.segment_of(40),
    "a slot that is not there": Program((Launch(0),)).encode(),
    "a segment slot that is not there": Program((WriteDreg(0, 5),)).encode(),
    "a step out of its limits": Program((Launch(0, 3),)).encode()[:-2] + (5_000).to_bytes(2, "little"),
    "a byte too many": Program((SetIn(3),)).encode() + b"\0",
    "more to read out than allowed": Program(
        (ScanDreg(5, 0, 1, 256),) * (MAX_READ_OUT_BYTES // 8_192 + 1)
    ).encode(),
}


@pytest.mark.parametrize("what", BAD_PROGRAMS)
def test_a_program_that_is_not_valid_is_refused_before_its_first_step(
    driver: Conversation, what: str
) -> None:
    """BAD_OBJECT: nothing has happened then."""
    driver.refused(Execute((), (), BAD_PROGRAMS[what]), ErrorCode.BAD_OBJECT)
    driver.settle()


def test_a_program_that_would_run_too_long_is_refused(driver: Conversation) -> None:
    """BAD_OBJECT: more than 10,000,000 words; an immediate program's waiting does not count."""
    block = Block.decode(samples.block_of(500))
    driver.ask(samples.whole(block.encode()), Stored)
    long = Program((Launch(0, 1024),) * 20).encode()
    driver.refused(Execute((digest_of(block.encode()),), (), long), ErrorCode.BAD_OBJECT)
    run(driver, Wait(10))


def test_what_a_program_names_must_be_resident_and_of_its_kind(driver: Conversation) -> None:
    """BAD_OBJECT: an absent block, or a segment in a block's place and the other way round."""
    block, segment = samples.block_of(2), samples.segment_of(40)
    for data in (block, segment):
        driver.ask(samples.whole(data), Stored)
    nothing = Program((SetIn(0),)).encode()
    for blocks, segments in (
        ((secrets.token_bytes(16),), ()),
        ((digest_of(segment),), ()),
        ((), (secrets.token_bytes(16),)),
        ((), (digest_of(block),)),
    ):
        driver.refused(Execute(blocks, segments, nothing), ErrorCode.BAD_OBJECT)
    driver.ask(Execute((digest_of(block),), (digest_of(segment),), nothing), Executed)
