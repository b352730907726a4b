"""Whether a node may run: the checks that need its manifest and all its objects together.

The device runs them before a node's first step, so that a program can neither run for ever nor touch
planes that are not the node's. The compiler runs the same checks before it lets an image out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import (
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
from pixeltree_protocol.errors import ProgramError
from pixeltree_protocol.objects.block import Block
from pixeltree_protocol.objects.control import BLOCK_STEP_WORDS, Nesting
from pixeltree_protocol.objects.control_steps import CONTROL_STEPS, Take
from pixeltree_protocol.objects.controller_steps import Expose, Wait
from pixeltree_protocol.objects.node import Node
from pixeltree_protocol.objects.program import (
    DECISIONS,
    AddLogits,
    ApplyFullyConnected,
    Launch,
    LoadCover,
    Proceed,
    Program,
    ScanDreg,
    ScanLogits,
    Step,
    SumLogit,
    WriteDreg,
    form_of,
)
from pixeltree_protocol.objects.segment import (
    BlockPlanes,
    FullyConnected,
    PackedBits,
    Segment,
    TernaryWeights,
)

MAX_WORDS_PER_NODE = 1_000_000
"""A node that executes more instruction words (0.1 s at 10 MHz) is refused."""

MAX_SCANNED_BITS = 1 << 20
"""A node that reads out more (sixteen whole planes) is refused: the controller's buffer is finite."""


_COVER_WORDS = 17
"""A selection of a cover takes as long as so many words: a select, a launch and two words."""

MAX_WORDS_IMMEDIATE = 10_000_000
"""An immediate program that executes more instruction words (1 s at 10 MHz) is refused."""

MAX_READ_OUT_BYTES = 1 << 20
"""A program whose read-out steps give more bytes (sixteen AREG images) is refused."""

MAX_READ_OUTS = 4096
"""An immediate program that answers with more read-outs is refused; without a loop, none of 8 KiB can."""

MAX_WAITING_US = 60_000_000
"""An immediate program whose exposures and waits take longer together is refused: a host would give it up."""


_OF_LOGITS = ScanLogits | SumLogit | AddLogits | ApplyFullyConnected | DECISIONS


@dataclass(frozen=True)
class VerifiedProgram:
    """An immediate program with all its objects at hand, verified.

    Attributes:
        most_words: instruction words, or as long as so many, that it can take; within a block its launches
            count too. Exposures, waits and answers come on top.
    """

    program: Program
    blocks: tuple[Block, ...]
    segments: tuple[Segment, ...]
    most_words: int = 0


@dataclass(frozen=True)
class VerifiedNode:
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
) -> VerifiedNode:
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
            "a capture program must not decide"
            if is_capture
            else "a node's last step must be Argmax or Proceed"
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
    return VerifiedNode(node, program, tuple(blocks), tuple(segments))


def verify_program(program: Program, blocks: Sequence[Block], segments: Sequence[Segment]) -> VerifiedProgram:
    """Check an immediate program, which may use every plane, against its objects.

    Raises:
        ProgramError: what is wrong, naming the step.
    """
    most_words = _check_steps(None, program, blocks, segments, None)
    return VerifiedProgram(program, tuple(blocks), tuple(segments), most_words)


def registers_written(word: ICW) -> frozenset[Register]:
    """AREGs and DREGs that a word can change. A write through a port changes a NEWS."""
    return _present(word, AREGS, ANALOG_WRITE) | _present(word, DREGS, DIGITAL_LOAD)


def step_writes(step: Step) -> frozenset[Register]:
    """Registers that a controller step changes."""
    form = form_of(step)
    return form.registers(step, form.writes) | frozenset(form.clobbers)


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
    node: Node | None,
    program: Program,
    blocks: Sequence[Block],
    segments: Sequence[Segment],
    input_plane: Digital | None,
) -> int:
    """Check a program step by step; the words that it takes at most."""
    tally = _Tally()
    nesting = Nesting()
    before: Step | None = None
    for index, step in enumerate(program.steps):
        where = f"step {index} ({step})"
        _check_slots(where, step, len(blocks), len(segments))
        nesting.enter(where, step, form_of(step), before, tally.last_read_out)
        _check_place(where, step, node, nesting, tally)
        words = tally.words
        _check_segments(where, step, segments, tally)
        if isinstance(step, Launch):
            tally.words += step.times * len(blocks[step.block].words)
        elif isinstance(step, ScanDreg):
            tally.scanned_bits += nesting.times * step.rows * ARRAY_SIZE
        elif isinstance(step, ScanLogits):
            tally.logits = len(step.rows) * len(step.columns)
        elif isinstance(step, SumLogit):
            tally.logits += 1
        elif isinstance(step, AddLogits):
            _check_adds(where, tally.logits, node)
        elif isinstance(step, DECISIONS):
            _check_exits(where, step, tally.logits, node)
        if node is not None:
            _check_step_planes(node, step, input_plane, where)
        _count(step, node, nesting, tally, words)
        if not isinstance(step, Take):
            before = step
            _count_read_out(step, program.steps[index + 1 : index + 2], nesting.times, tally)
    nesting.end()
    _check_limits(tally, node)
    return tally.words


def _check_place(where: str, step: Step, node: Node | None, nesting: Nesting, tally: _Tally) -> None:
    """Whether a step may stand here: in a node, or in a block."""
    if node is not None and isinstance(step, CONTROL_STEPS):
        raise ProgramError(f"{where}: only a program of EXECUTE has variables, loops and branches")
    if nesting.within and isinstance(step, _OF_LOGITS):
        raise ProgramError(f"{where}: logits cannot be worked out within a Repeat or an If")
    if tally.bits_vary and isinstance(step, ApplyFullyConnected):
        raise ProgramError(f"{where}: how many bits were scanned is not sure after a ScanDreg in a block")
    tally.bits_vary |= nesting.within and isinstance(step, ScanDreg)


def _count(step: Step, node: Node | None, nesting: Nesting, tally: _Tally, words: int) -> None:
    """Count the time of a step that was counted once so far, when there were so many words before it."""
    waits = isinstance(step, Expose | Wait)
    if node is not None or not waits:
        tally.words += form_of(step).words(step)
    if isinstance(step, Expose | Wait):
        tally.waiting_us += nesting.times * step.microseconds
    if nesting.within:
        launches = step.times if isinstance(step, Launch) else 1
        tally.words = words + nesting.times * (tally.words - words + BLOCK_STEP_WORDS * launches)


def _count_read_out(step: Step, following: Sequence[Step], times: int, tally: _Tally) -> None:
    """Count what a step reads out, if it is answered."""
    form = form_of(step)
    tally.last_read_out = form.read_out(step)
    if form.reads_out and not (following and isinstance(following[0], Take)):
        tally.read_out += times * tally.last_read_out
        tally.read_outs += times


def _check_limits(tally: _Tally, node: Node | None) -> None:
    of_a_node = node is not None
    for verb, amount, unit, most in (
        ("reads out", tally.scanned_bits, "bits", MAX_SCANNED_BITS),
        ("reads out", tally.read_out, "bytes", MAX_READ_OUT_BYTES),
        ("executes", tally.words, "words", MAX_WORDS_PER_NODE if of_a_node else MAX_WORDS_IMMEDIATE),
        ("reads out", 0 if of_a_node else tally.read_outs, "times", MAX_READ_OUTS),
        ("waits for", 0 if of_a_node else tally.waiting_us, "us", MAX_WAITING_US),
    ):
        if amount > most:
            raise ProgramError(f"the program {verb} {amount} {unit}; the limit is {most}")


def _check_adds(where: str, logits: int, node: Node | None) -> None:
    """Whether there are logits to add to, and a node may be before; what that has, a frame tells."""
    if node is None:
        raise ProgramError(f"{where}: only a node's program can add the logits of a node before it")
    if not logits:
        raise ProgramError(f"{where}: there are no logits to add to")


def _check_exits(where: str, step: Step, logits: int, node: Node | None) -> None:
    """Whether there are logits to decide by and, in a node, an exit for every outcome."""
    outcomes = 1 if isinstance(step, Proceed) else logits
    if not logits or (node is not None and outcomes != len(node.exits)):
        exits = f" for {len(node.exits)} exits" if node is not None else ""
        raise ProgramError(f"{where}: {logits} logits{exits}")


@dataclass
class _Tally:
    """What a program does in all, at most.

    Attributes:
        words: words, or as long as so many.
        scanned_bits, bits_vary: bits that a layer could take, and whether they may be fewer.
        logits: at the end.
        read_out, read_outs, last_read_out: bytes read out, how often, and those of the last step.
        waiting_us: exposures and waits.
    """

    words: int = 0
    scanned_bits: int = 0
    bits_vary: bool = False
    logits: int = 0
    read_out: int = 0
    read_outs: int = 0
    last_read_out: int = 0
    waiting_us: int = 0


def _check_segments(where: str, step: Step, segments: Sequence[Segment], tally: _Tally) -> None:
    """Whether a step's segments are what it needs."""
    if isinstance(step, LoadCover):
        positions = _check_cover(where, step, segments)
        tally.words += positions // 2 * _COVER_WORDS
    elif isinstance(step, ScanLogits | SumLogit):
        _check_bits(where, segments[step.segment], step.bit, 32)
    elif isinstance(step, WriteDreg):
        _check_bits(where, segments[step.segment], 0, ARRAY_SIZE * ARRAY_SIZE)
    elif isinstance(step, ApplyFullyConnected):
        segment = segments[step.segment]
        if not isinstance(segment, FullyConnected) or segment.bits_read != tally.scanned_bits:
            raise ProgramError(f"{where}: the segment does not take the {tally.scanned_bits} bits scanned")
        tally.logits = len(segment.biases)
        # 16 controller operations of 5 ns per 32 weights, or 10 per byte of ternary ones
        tally.words += tally.logits * segment.planes * (segment.inputs // 32 + 1)
        tally.words += segment.ternary_bytes // 2
        tally.words += segment.bits_read // 32 if segment.leaves_out else 0


def _check_step_planes(node: Node, step: Step, input_plane: Digital | None, where: str) -> None:
    form = form_of(step)
    own: frozenset[Register] = node.dregs | node.aregs
    strangers = step_writes(step) - own | form.registers(step, form.reads) - own - {input_plane}
    if strangers:
        raise ProgramError(f"{where}: {', '.join(sorted(strangers))} is not a plane of this node")


def _check_cover(where: str, step: LoadCover, segments: Sequence[Segment]) -> int:
    """Positions of the grid that a cover may select."""
    mask = segments[step.mask]
    if not isinstance(mask, BlockPlanes) or step.plane >= len(mask.planes):
        raise ProgramError(f"{where}: the mask segment has no such plane")
    side = mask.grid_rows
    if side != mask.grid_columns or side << step.shift > ARRAY_SIZE:
        raise ProgramError(
            f"{where}: a grid of {side} x {mask.grid_columns} positions, {1 << step.shift} PEs apart, is not "
            "square or does not fit the array"
        )
    width, segment = mask.planes[step.plane].bit_count(), segments[step.segment]
    if not isinstance(segment, TernaryWeights):
        _check_bits(where, segment, step.bit, width)
    elif step.bit >= 2 * segment.count or step.bit % segment.count + width > segment.count:
        raise ProgramError(
            f"{where}: the segment of {segment.count} ternary weights has no {width} bits from bit "
            f"{step.bit} on"
        )
    return mask.blocks


def _check_bits(where: str, segment: Segment, bit: int, width: int) -> None:
    if not isinstance(segment, PackedBits) or bit + width > 8 * len(segment.data):
        raise ProgramError(f"{where}: the segment is not packed, or has no {width} bits from bit {bit} on")


def _check_slots(where: str, step: Step, blocks: int, segments: int) -> None:
    if isinstance(step, Launch) and step.block >= blocks:
        raise ProgramError(f"{where}: the node has {blocks} blocks")
    used = getattr(step, "segment", -1), getattr(step, "mask", -1)
    takes = LoadCover | ScanLogits | SumLogit | ApplyFullyConnected | WriteDreg
    if isinstance(step, takes) and max(used) >= segments:
        raise ProgramError(f"{where}: the node has {segments} segments")
