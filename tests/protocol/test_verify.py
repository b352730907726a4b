"""What a device checks before it lets a node run."""

from dataclasses import replace

import pytest

from pixeltree_protocol.chip.isa import ICW, ClockClass, Instruction, encode
from pixeltree_protocol.chip.registers import AREGS, DREGS, PORTS, Analog, Digital, bits
from pixeltree_protocol.errors import ProgramError
from pixeltree_protocol.objects import Block, BlockPlanes, FullyConnected, Label, Node, PackedBits
from pixeltree_protocol.objects.program import (
    AddLogits,
    ApplyFullyConnected,
    Argmax,
    Launch,
    LoadCover,
    Proceed,
    Program,
    ScanDreg,
)
from pixeltree_protocol.objects.segment import TERNARY_PLANES, TernaryWeights
from pixeltree_protocol.objects.verify import (
    MAX_WORDS_PER_NODE,
    registers_read,
    registers_written,
    verify_node,
    verify_program,
)

DIGEST = bytes(16)
INPUT = Digital.R5
DECIDE = (ScanDreg(6, 0, 1, 1), ApplyFullyConnected(0), Argmax())
LAYER = FullyConnected(256, (0, 0), bytes(64))
MASKS = BlockPlanes(2, 2, (0, 0b0101))
BITS = PackedBits(b"\1")
COVER = LoadCover(1, 1, 2, 0, 7, 6, 6, 6, 6)
EXITS = (Label(0), Label(1))


def word(mnemonic, destinations=(), sources=()):
    return encode(Instruction(mnemonic, tuple(destinations), tuple(sources)))


NOP = word("nop")
COPY = word("MOV", [Digital.R6], [INPUT])


def verify(
    steps=DECIDE,
    blocks=((COPY,),),
    segments=(LAYER, MASKS, BITS),
    dregs=(Digital.R6,),
    aregs=(Analog.A,),
    exits=EXITS,
    is_capture=False,
):
    """Verify a node that is in order but for what the caller changes."""
    blocks = [Block(tuple(words)) for words in blocks]
    manifest = (DIGEST,) * len(blocks), (DIGEST,) * len(segments)
    node = Node(DIGEST, *manifest, frozenset(dregs), frozenset(aregs), tuple(exits))
    return verify_node(node, Program(tuple(steps)), blocks, list(segments), INPUT, is_capture)


def refused(message, **changes):
    with pytest.raises(ProgramError, match=message):
        verify(**changes)


def test_a_node_in_order_is_accepted_with_all_its_objects():
    image = verify(steps=(Launch(0), COVER, *DECIDE))
    assert image.blocks == (Block((COPY,)),)
    assert image.segments == (LAYER, MASKS, BITS)
    assert image.program.decides
    assert image.node.exits == EXITS


def test_a_capture_node_in_order_is_accepted():
    capture = word("MOV", [INPUT], [Digital.FLAG])
    image = verify(steps=(Launch(0),), blocks=[[capture]], dregs=[INPUT], exits=(), is_capture=True)
    assert image.blocks[0].words == (capture,)


# ---- slots


def test_a_run_of_a_block_that_the_node_lacks_is_refused():
    refused(r"step 1 \(Launch.*the node has 1 blocks", steps=(Launch(0), Launch(1), *DECIDE))


@pytest.mark.parametrize("slots", [{"mask": 3}, {"segment": 3}])
def test_a_cover_from_a_segment_that_the_node_lacks_is_refused(slots):
    refused(r"step 0 \(LoadCover.*the node has 3 segments", steps=(replace(COVER, **slots), *DECIDE))


def test_a_layer_from_a_segment_that_the_node_lacks_is_refused():
    steps = (DECIDE[0], ApplyFullyConnected(5), Argmax())
    refused(r"step 1 \(ApplyFullyConnected.*the node has 3 segments", steps=steps)


# ---- planes


@pytest.mark.parametrize(
    ("written", "name"),
    [
        (word("SET", [Digital.R7]), "R7"),
        (word("REFRESH_L", [Digital.R0]), "R0"),
        (word("DNEWS0", [Digital.R1], [Digital.R6]), "R1"),
        (word("PROP_0"), "R12"),
        (word("bus", [Analog.B], [Analog.A]), "B"),
        (word("bus", [Analog.NEWS], [Analog.A]), "NEWS"),
        (word("bus", [Analog.XE], [Analog.A]), "NEWS"),
        (word("sq", (), [Analog.A]), "NEWS"),
        (word("blur", [Analog.F], [Analog.A]), "F"),
        (ICW(bits("LR8"), ClockClass.FAST), "R8"),
        (ICW(bits("W6"), ClockClass.AER), "E"),
    ],
)
def test_a_word_that_writes_a_plane_that_is_not_the_nodes_is_refused(written, name):
    refused(f"block 1, word 2 writes .*{name}.* not a plane", blocks=[[COPY], [NOP, COPY, written]])


@pytest.mark.parametrize(
    ("read", "name"),
    [
        (word("WHERE", (), [Digital.R7]), "R7"),
        (word("MOV", [Digital.R6], [Digital.R0]), "R0"),
        (word("REFRESH_R", (), [Digital.R12]), "R12"),
        (word("PROP_R"), "R12"),
        (word("bus", [Analog.A], [Analog.B]), "B"),
        (word("where", (), [Analog.NEWS]), "NEWS"),
        (word("aout", (), [Analog.F]), "F"),
        (ICW(bits("RR8"), ClockClass.FAST), "R8"),
    ],
)
def test_a_word_that_reads_a_plane_that_is_not_the_nodes_is_refused(read, name):
    refused(f"block 1, word 2 reads {name}, not a plane", blocks=[[COPY], [NOP, COPY, read]])


def test_a_block_that_no_step_runs_is_checked_too():
    refused("block 1, word 0 writes R7", blocks=[[COPY], [word("SET", [Digital.R7])]], steps=DECIDE)


def test_sources_that_are_no_planes_are_free_to_all():
    reads = [word("MOV", [Digital.R6], [source]) for source in (Digital.FLAG, Digital.SELECT, Digital.RECT)]
    reads += [word("bus", [Analog.A], [source]) for source in (Analog.PIX, Analog.IN)]
    verify(blocks=[[*reads, word("all"), word("rpix"), NOP]])


@pytest.mark.parametrize("port", PORTS)
def test_a_read_through_a_port_is_a_read_of_a_neighbours_news(port):
    refused("block 0, word 0 reads NEWS", blocks=[[word("bus", [Analog.A], [port])]])


@pytest.mark.parametrize("register", ["first", "second", "third", "fourth"])
def test_a_cover_loaded_into_a_register_that_is_not_the_nodes_is_refused(register):
    steps = (replace(COVER, **{register: 7}), *DECIDE)
    refused(r"step 0 \(LoadCover.*R7 is not a plane of this node", steps=steps)


def test_a_scan_of_a_register_that_is_not_the_nodes_is_refused():
    refused(r"step 0 \(ScanDreg.*R7", steps=(ScanDreg(7, 0, 1, 1), *DECIDE[1:]))


def test_a_scan_of_the_input_plane_is_accepted():
    verify(steps=(ScanDreg(5, 0, 1, 1), *DECIDE[1:]))


# ---- the input plane


def test_any_node_may_read_the_input_plane():
    verify(blocks=[[COPY, word("WHERE", (), [INPUT]), word("NOT", [Digital.R6], [INPUT])]])


def test_a_word_that_writes_the_input_plane_is_refused():
    refused("block 0, word 0 writes R5", blocks=[[word("SET", [INPUT])]])


def test_a_cover_loaded_into_the_input_plane_is_refused():
    refused(r"step 0 \(LoadCover.*R5 is not a plane", steps=(replace(COVER, first=5), *DECIDE))


def test_a_node_that_claims_the_input_plane_is_refused():
    refused("only the capture node writes the input plane R5.*must not", dregs=[Digital.R6, INPUT])


def test_a_capture_node_that_does_not_claim_the_input_plane_is_refused():
    refused("input plane R5; this node must list", steps=(Launch(0),), exits=(), is_capture=True)


# ---- decisions


def test_a_capture_that_decides_is_refused():
    refused("a capture program must not decide", dregs=[INPUT, Digital.R6], is_capture=True)


def test_a_node_that_does_not_decide_is_refused():
    refused("last step must be Argmax or Proceed", steps=(Launch(0),))


@pytest.mark.parametrize(
    "steps",
    [
        (ScanDreg(6, 0, 1, 2), *DECIDE[1:]),
        (DECIDE[0], *DECIDE),
        DECIDE[1:],
        (DECIDE[1], DECIDE[0], Argmax()),
    ],
)
def test_a_layer_that_does_not_take_exactly_the_bits_scanned_is_refused(steps):
    refused(r"\(ApplyFullyConnected.*does not take the \d+ bits scanned", steps=steps)


def test_bits_of_several_scans_are_counted_together():
    layer = FullyConnected(256 * 5, (0, 0), bytes(320))
    verify(steps=(ScanDreg(6, 0, 1, 2), ScanDreg(5, 8, 2, 3), *DECIDE[1:]), segments=[layer])


@pytest.mark.parametrize("planes", [1, 2, 7])
def test_planes_of_weights_change_neither_the_bits_that_a_layer_takes_nor_its_logits(planes):
    layer = FullyConnected(256, (0, 0), bytes(64 * planes), planes)
    verify(segments=[layer, MASKS])
    refused("2 logits for 3 exits", segments=[layer, MASKS], exits=(*EXITS, Label(2)))
    refused("does not take the 512 bits", steps=(DECIDE[0], *DECIDE), segments=[layer, MASKS])


@pytest.mark.parametrize("planes", [1, 2, 7])
@pytest.mark.parametrize("taken", [1, 37, 255])
def test_a_layer_that_leaves_bits_out_takes_whole_rows_of_the_array(taken, planes):
    """As many as it has inputs for, and no fewer bits for those that it leaves out."""
    inputs = 2 * taken
    row = bytes(planes * ((inputs + 7) // 8))
    layer = FullyConnected(inputs, (0, 0), row * 2, planes, (1 << taken) - 1 << 256 - taken)
    two_rows = DECIDE[0], *DECIDE
    verify(steps=two_rows, segments=[layer])
    refused("2 logits for 3 exits", steps=two_rows, segments=[layer], exits=(*EXITS, Label(2)))
    refused("does not take the 256 bits", segments=[layer])
    refused("does not take the 768 bits", steps=(DECIDE[0], *two_rows), segments=[layer])


def test_a_layer_that_leaves_bits_out_does_not_take_as_many_bits_as_it_has_inputs():
    half = FullyConnected(256, (0, 0), bytes(64), 1, (1 << 128) - 1)
    refused("does not take the 256 bits", segments=[half])
    verify(steps=(DECIDE[0], *DECIDE), segments=[half])


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_node_with_more_or_fewer_exits_than_logits_is_refused(count):
    refused(rf"step 2 \(Argmax\(\)\): 2 logits for {count} exits", exits=(Label(0),) * count)


def test_a_node_that_proceeds_has_one_exit():
    steps = (*DECIDE[:2], AddLogits(), Proceed())
    verify(steps=steps, exits=EXITS[:1])
    for count in (0, 2, 3):
        message = rf"step 3 \(Proceed\(\)\): 2 logits for {count} exits"
        refused(message, steps=steps, exits=(Label(0),) * count)


def test_logits_are_added_to_logits_of_a_node_only():
    refused(r"step 1 \(AddLogits\(\)\): there are no logits", steps=(DECIDE[0], AddLogits(), *DECIDE[1:]))
    with pytest.raises(ProgramError, match=r"step 0 \(AddLogits\(\)\): only a node's program can add"):
        verify_program(Program((AddLogits(),)), (), ())


def test_a_decision_without_a_layer_is_refused():
    refused(r"step 0 \(Argmax\(\)\): 0 logits for 2 exits", steps=(Argmax(),))


def test_a_decision_without_logits_is_refused_even_where_there_are_no_exits():
    refused("Argmax", steps=(Argmax(),), exits=())


def test_block_planes_are_no_layer():
    steps = (DECIDE[0], ApplyFullyConnected(1), Argmax())
    refused(r"step 1 \(ApplyFullyConnected.*does not take", steps=steps)


@pytest.mark.parametrize("changes", [{"mask": 0}, {"mask": 2}, {"plane": 2}])
def test_a_mask_that_is_no_plane_of_its_segment_is_refused(changes):
    refused(r"step 0 \(LoadCover.*no such plane", steps=(replace(COVER, **changes), *DECIDE))


@pytest.mark.parametrize("changes", [{"segment": 0}, {"segment": 1}, {"bit": 7}])
def test_a_cover_needs_a_packed_bit_for_each_position_of_its_mask(changes):
    verify(steps=(replace(COVER, bit=6), *DECIDE))
    refused(r"step 0 \(LoadCover.*no 2 bits from bit", steps=(replace(COVER, **changes), *DECIDE))


def test_the_bits_of_a_cover_lie_on_one_side_of_ternary_weights():
    """Two of three weights: bits 0 to 2 are signs, and 3 to 5 are what is 0."""
    segments = LAYER, MASKS, TernaryWeights(3, bytes([13]))
    for bit in (0, 1, 3, 4):
        verify(steps=(replace(COVER, bit=bit), *DECIDE), segments=segments)
    for bit in (2, 5, 6, 7):
        steps = (replace(COVER, bit=bit), *DECIDE)
        refused(
            r"step 0 \(LoadCover.*3 ternary weights has no 2 bits from bit", steps=steps, segments=segments
        )


@pytest.mark.parametrize(("mask", "shift"), [(BlockPlanes(2, 4, (0, 1)), 0), (BlockPlanes(2, 2, (0, 1)), 8)])
def test_a_grid_that_is_not_square_or_does_not_fit_the_array_is_refused(mask, shift):
    steps = (replace(COVER, shift=shift), *DECIDE)
    refused(r"step 0 \(LoadCover.*not square or does not fit", steps=steps, segments=(LAYER, mask, BITS))


# ---- running time


@pytest.mark.parametrize("planes", [1, 2, 7, TERNARY_PLANES])
@pytest.mark.parametrize("taken", [256, 255, 96, 31, 1])
def test_a_node_may_execute_as_many_words_as_the_limit_and_not_one_more(taken, planes):
    """One row read out, two outputs of the bits taken, and the row once more where some are left out."""
    thousand = [[NOP] * 1000, [NOP]]
    decide = 48 + 2 * (taken // 32 + 1) * planes + (8 if taken < 256 else 0)
    decide += 0 if planes else (taken + 4) // 5  # a word for two bytes
    at_limit = (Launch(0, 600), Launch(0, 399), Launch(1, 1000 - decide))
    row = bytes((taken + 7) // 8 * planes if planes else (taken + 4) // 5)
    segments = [FullyConnected(taken, (0, 0), row * 2, planes, (1 << taken) - 1)]
    assert MAX_WORDS_PER_NODE == 1_000_000
    verify(steps=(*at_limit, *DECIDE), blocks=thousand, segments=segments)
    refused(
        "executes 1000001 words; the limit is 1000000",
        steps=(*at_limit, Launch(1), *DECIDE),
        blocks=thousand,
        segments=segments,
    )


# ---- the sets behind the checks


def test_every_register_is_seen_when_written_and_when_read():
    for dreg in DREGS:
        assert registers_written(word("SET", [dreg])) == {dreg}
        assert registers_read(word("REFRESH_R", (), [dreg])) == {dreg}
    for areg in AREGS:
        assert registers_written(word("bus", [areg])) == {areg}
        assert registers_read(word("aout", (), [areg])) == {areg}
    for port in PORTS:
        assert registers_written(word("bus", [port])) == {Analog.NEWS}


@pytest.mark.parametrize(
    ("instruction", "implicit"),
    [
        (word("DNEWS0", [Digital.R6], [INPUT]), "R1, R2, R3, R4"),
        (word("PROP_0"), "R0, R1, R2, R3, R4"),
        (word("SET", [Digital.R12]), "R0"),
    ],
)
def test_registers_that_a_word_uses_without_naming_them_must_be_the_nodes(instruction, implicit):
    """Else the result would depend on what another node left in them."""
    refused(f"reads {implicit}, not a plane", blocks=[[COPY, instruction]], dregs={Digital.R6, Digital.R12})
