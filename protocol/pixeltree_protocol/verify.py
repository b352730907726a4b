"""Whether a node may run: the checks that need its manifest and all its objects together.

The device runs them before a node's first step, so that a program can neither run for ever nor touch
planes that are not the node's. The compiler runs the same checks before it lets an image out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pixeltree_protocol.errors import ProgramError
from pixeltree_protocol.isa import ICW
from pixeltree_protocol.objects.block import Block
from pixeltree_protocol.objects.node import Node
from pixeltree_protocol.objects.program import (
    ApplyFullyConnected,
    Argmax,
    LoadPlane,
    Program,
    Run,
    ScanDreg,
    Step,
)
from pixeltree_protocol.objects.segment import BlockPlanes, FullyConnected, Segment
from pixeltree_protocol.registers import (
    ANALOG_SELECT,
    ANALOG_WRITE,
    AREGS,
    ARRAY_SIZE,
    DIGITAL_LOAD,
    DIGITAL_READ,
    DIRECTION_REGISTER,
    DREGS,
    Analog,
    Digital,
    Register,
    bits,
)

MAX_WORDS_PER_NODE = 1_000_000
"""A node that executes more instruction words (0.1 s at 10 MHz) is refused."""

MAX_SCANNED_BITS = 1 << 20
"""A node that reads out more (sixteen whole planes) is refused: the controller's buffer is finite."""


@dataclass(frozen=True)
class NodeImage:
    """A node with all its objects at hand, verified."""

    node: Node
    program: Program
    blocks: tuple[Block, ...]
    segments: tuple[Segment, ...]


def verify_node(
    node: Node,
    program: Program,
    blocks: Sequence[Block],
    segments: Sequence[Segment],
    input_plane: Digital,
    is_capture: bool = False,
) -> NodeImage:
    """Check a node against its objects.

    Args:
        node: the manifest.
        program: its program.
        blocks: its blocks, in slot order.
        segments: its segments, in slot order.
        input_plane: the DREG that holds the frame.
        is_capture: whether the node may write the input plane (and need not decide).

    Raises:
        ProgramError: what is wrong, naming step, block and word.
    """
    if is_capture is program.decides:
        raise ProgramError(
            "a capture program must not decide" if is_capture else "a node's last step must be Argmax"
        )
    if (input_plane in node.dregs) is not is_capture:
        raise ProgramError(
            f"only the capture node writes the input plane {input_plane}; this node "
            + ("must" if is_capture else "must not")
            + " list it among its planes"
        )
    if is_capture and node.exits:
        raise ProgramError("a capture node decides nothing and must have no exits")
    if (len(blocks), len(segments)) != (len(node.blocks), len(node.segments)):
        raise ProgramError(
            f"{len(blocks)} blocks and {len(segments)} segments for a manifest that names "
            f"{len(node.blocks)} and {len(node.segments)}"
        )
    for slot, block in enumerate(blocks):
        for index, word in enumerate(block.words):
            _check_planes(node, word, input_plane, f"block {slot}, word {index}")
    _check_steps(node, program, blocks, segments, input_plane)
    return NodeImage(node, program, tuple(blocks), tuple(segments))


def registers_written(word: ICW) -> frozenset[Register]:
    """AREGs and DREGs that a word can change. A write through a port changes a NEWS."""
    return _present(word, AREGS, ANALOG_WRITE) | _present(word, DREGS, DIGITAL_LOAD)


_NEWS_BUS = bits("SEL4")
_NEIGHBOURS = bits("nb")


def registers_read(word: ICW) -> frozenset[Register]:
    """AREGs and DREGs whose contents a word depends on.

    Beside the registers it puts on a bus: a port reads NEWS, neighbour operations read R1-R4, and what
    R12 becomes depends on R0.
    """
    written = registers_written(word)
    read = (_present(word, AREGS, ANALOG_SELECT) | _present(word, DREGS, DIGITAL_READ)) - written
    if word.bits & _NEWS_BUS and Analog.NEWS not in written:
        read |= {Analog.NEWS}
    if word.bits & _NEIGHBOURS:
        read |= set(DIRECTION_REGISTER.values())
    if Digital.R12 in written:
        read |= {Digital.R0}
    return read


def _present(word: ICW, registers: Sequence[Register], table: dict[Register, int]) -> frozenset[Register]:
    return frozenset(reg for reg in registers if table[reg] & word.bits == table[reg])


def _check_planes(node: Node, word: ICW, input_plane: Digital, where: str) -> None:
    own = node.dregs | node.aregs
    for verb, registers, allowed in (
        ("writes", registers_written(word), own),
        ("reads", registers_read(word), own | {input_plane}),
    ):
        strangers = registers - allowed
        if strangers:
            raise ProgramError(f"{where} {verb} {', '.join(sorted(strangers))}, not a plane of this node")


def _check_steps(
    node: Node,
    program: Program,
    blocks: Sequence[Block],
    segments: Sequence[Segment],
    input_plane: Digital,
) -> None:
    words = scanned_bits = logits = 0
    for index, step in enumerate(program.steps):
        where = f"step {index} ({step})"
        _check_slots(where, step, len(blocks), len(segments))
        if isinstance(step, Run):
            words += step.times * len(blocks[step.block].words)
        elif isinstance(step, LoadPlane):
            segment = segments[step.segment]
            if not isinstance(segment, BlockPlanes) or step.plane >= len(segment.planes):
                raise ProgramError(f"{where}: the segment has no such plane")
            if DREGS[step.dreg] not in node.dregs:
                raise ProgramError(f"{where}: R{step.dreg} is not a plane of this node")
        elif isinstance(step, ScanDreg):
            if DREGS[step.dreg] not in node.dregs | {input_plane}:
                raise ProgramError(f"{where}: R{step.dreg} is not a plane of this node")
            scanned_bits += step.rows * ARRAY_SIZE
        elif isinstance(step, ApplyFullyConnected):
            segment = segments[step.segment]
            if not isinstance(segment, FullyConnected) or segment.inputs != scanned_bits:
                raise ProgramError(f"{where}: the segment does not take the {scanned_bits} bits scanned")
            logits = len(segment.biases)
        elif isinstance(step, Argmax) and (logits != len(node.exits) or not logits):
            raise ProgramError(f"{where}: {logits} logits for {len(node.exits)} exits")
    if scanned_bits > MAX_SCANNED_BITS:
        raise ProgramError(f"the program reads out {scanned_bits} bits; the limit is {MAX_SCANNED_BITS}")
    if words > MAX_WORDS_PER_NODE:
        raise ProgramError(f"the program executes {words} words; the limit is {MAX_WORDS_PER_NODE}")


def _check_slots(where: str, step: Step, blocks: int, segments: int) -> None:
    if isinstance(step, Run) and step.block >= blocks:
        raise ProgramError(f"{where}: the node has {blocks} blocks")
    if isinstance(step, LoadPlane | ApplyFullyConnected) and step.segment >= segments:
        raise ProgramError(f"{where}: the node has {segments} segments")
