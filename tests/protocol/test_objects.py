"""Objects: bytes <-> values, names, size, and bytes from somebody who means harm.

It is one module because its tables have an example and the refusals of every object.
"""

import hashlib
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.effort import chosen, effort

from pixeltree_protocol.chip.isa import ICW, ClockClass, Instruction, encode
from pixeltree_protocol.chip.registers import AREGS, DREGS, Analog, Digital
from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.objects import (
    ALL_COLUMNS,
    MAX_BLOCK_WORDS,
    MOST_WEIGHT_PLANES,
    Block,
    BlockPlanes,
    Child,
    FullyConnected,
    Label,
    Node,
    ObjectKind,
    PackedBits,
    TernaryWeights,
    TreeRoot,
    digest_of,
    parse_object,
    short,
)
from pixeltree_protocol.objects.program import (
    STEPS,
    ApplyFullyConnected,
    Argmax,
    Launch,
    Proceed,
    Program,
    ScanDreg,
    SelectPattern,
    SelectRect,
    SetIn,
    WriteDreg,
)
from pixeltree_protocol.objects.quick_segment import quick_segment
from pixeltree_protocol.objects.segment import TERNARY_PLANES, decode_segment
from pixeltree_protocol.objects.ternary import pack_ternary

DIGEST = bytes(range(16))
OTHER = bytes(range(100, 116))

digests = st.binary(min_size=16, max_size=16)
words = st.builds(ICW, st.integers(0, (1 << 80) - 1), st.sampled_from(ClockClass))
blocks = st.lists(words, min_size=1, max_size=8).flatmap(
    lambda table: st.builds(Block, st.lists(st.sampled_from(table), min_size=1, max_size=80).map(tuple))
)


def many_bits(count):
    """Integers of up to ``count`` bits, spread from a few drawn bytes so that large ones cost little."""
    return st.binary(max_size=8).map(
        lambda seed: int.from_bytes(hashlib.shake_128(seed).digest(count // 8 + 1), "little") % (1 << count)
    ) | st.sampled_from([0, 1, 1 << (count - 1), (1 << count) - 1])


@st.composite
def block_planes(draw):
    rows, columns = draw(st.tuples(*[st.sampled_from([1, 2, 4, 8, 16])] * 2))
    return BlockPlanes(rows, columns, tuple(draw(st.lists(many_bits(rows * columns), max_size=4))))


@st.composite
def fully_connected(draw):
    planes = draw(st.integers(1, MOST_WEIGHT_PLANES))
    columns = draw(st.just(ALL_COLUMNS) | many_bits(256).filter(bool))
    inputs = draw(st.integers(1, 200) | st.just(0xFFFF))
    if columns != ALL_COLUMNS:
        inputs = columns.bit_count() * draw(st.integers(1, 3) | st.just(0xFFFF // columns.bit_count()))
    greatest = (1 << 31) - 1 - ((1 << planes) - 1) * inputs  # so that no logit overflows
    biases = draw(st.lists(st.integers(-greatest, greatest), min_size=1, max_size=5))
    row = many_bits(inputs).map(lambda bits: bits.to_bytes((inputs + 7) // 8, "little"))
    output = st.lists(row, min_size=planes, max_size=planes).map(b"".join)
    weights = draw(st.lists(output, min_size=len(biases), max_size=len(biases)))
    return FullyConnected(inputs, tuple(biases), b"".join(weights), planes, columns)


def rows_of_ternary(count, rows):
    """Bytes of so many rows of random weights."""

    def made(seed):
        weights = np.random.default_rng(seed).integers(-1, 2, (rows, count), np.int8)
        return b"".join(map(pack_ternary, weights))

    return st.integers(0, 2**32 - 1).map(made)


@st.composite
def ternary_weights(draw):
    count = draw(st.integers(1, 300) | st.just(2_003))
    return TernaryWeights(count, draw(rows_of_ternary(count, 1)))


@st.composite
def ternary_layers(draw):
    inputs = draw(st.integers(1, 200) | st.just(0xFFFF))
    biases = draw(st.lists(st.integers(-1000, 1000), min_size=1, max_size=5))
    return FullyConnected(inputs, tuple(biases), draw(rows_of_ternary(inputs, len(biases))), TERNARY_PLANES)


@st.composite
def steps(draw):
    form = draw(st.sampled_from([form for form in STEPS if form.step not in (Argmax, Proceed)]))
    values = [draw(st.integers(least, most)) for _, least, most in form.operands]
    names = [field.name for field in fields(form.step)]
    if "r0" in names and "repeat" not in names:
        start = names.index("r0")
        (r0, r1), (c0, c1) = sorted(values[start : start + 4 : 2]), sorted(values[start + 1 : start + 4 : 2])
        values[start : start + 4] = [r0, c0, r1, c1]
    first, *others = [names.index(name) for name in form.distinct.split()] or [0]
    for other in others:
        _, least, most = form.operands[other]
        if values[other] == values[first]:
            values[other] = least if values[first] == most else values[first] + 1
    if form.own:
        values[0] = draw(st.integers(5, 12))
    if form.step is ScanDreg:
        values[3] = min(values[3], (255 - values[1]) // values[2] + 1)
    return form.step(*values)


programs = st.builds(
    lambda body, last: Program((*body, *last)),
    st.lists(steps(), min_size=1, max_size=20),
    st.sampled_from([(), (Argmax(),), (Proceed(),)]),
)
nodes = st.builds(
    Node,
    digests,
    st.lists(digests, max_size=5).map(tuple),
    st.lists(digests, max_size=5).map(tuple),
    st.frozensets(st.sampled_from(DREGS)),
    st.frozensets(st.sampled_from(AREGS)),
    st.lists(st.builds(Label, st.integers(0, 0xFFFF)) | st.builds(Child, digests), max_size=6).map(tuple),
)
trees = st.builds(TreeRoot, st.sampled_from(DREGS), digests, digests)

STRATEGIES = {
    "block": blocks,
    "block planes": block_planes(),
    "fully connected": fully_connected(),
    "ternary weights": ternary_weights(),
    "ternary layer": ternary_layers(),
    "program": programs,
    "node": nodes,
    "tree": trees,
}

NOP, SET_R5 = encode(Instruction("nop")), encode(Instruction("SET", (Digital.R5,)))

SAMPLES = {
    "block": Block((NOP, SET_R5, SET_R5, ICW((1 << 80) - 1, ClockClass.FAST), NOP)),
    "block of one word": Block((NOP,)),
    "packed bits": PackedBits(b"\x01\x80"),
    "ternary weights": TernaryWeights(7, pack_ternary(np.array([1, 0, -1, -1, 0, 1, 1], np.int8))),
    "ternary layer": FullyConnected(6, (-5, 3), bytes([242, 2, 0, 0]), TERNARY_PLANES),
    "block planes": BlockPlanes(4, 8, (0x12345678, 0)),
    "fully connected": FullyConnected(12, (-5, 1 << 30), b"\x12\x0f\xff\x00"),
    "weight planes": FullyConnected(9, (-5, 3), b"\x12\x01\xff\x00\x34\x00\x56\x01", 2),
    "columns": FullyConnected(9, (-5,), b"\x12\x01", 1, 1 << 255 | 3),
    "program": Program(
        (
            Launch(3, 1024),
            SetIn(-128),
            SelectPattern(1, 2, 3, 4),
            SelectRect(0, 10, 255, 20),
            WriteDreg(254, 12),
            ScanDreg(5, 7, 8, 32),
            ApplyFullyConnected(254),
            Argmax(),
        )
    ),
    "node": Node(
        DIGEST,
        (DIGEST, OTHER),
        (OTHER,),
        frozenset({Digital.R0, Digital.R12}),
        frozenset({Analog.A, Analog.NEWS}),
        (Label(65535), Child(OTHER)),
    ),
    "tree": TreeRoot(Digital.R5, DIGEST, OTHER),
}

sampled = pytest.mark.parametrize("sample", SAMPLES.values(), ids=SAMPLES)
GOLDEN = {
    "block of one word": "0101 01 00",
    "packed bits": "0201 03 02 0180",
    "block planes": "0201 01 04 08 02 78563412 00000000",
    "fully connected": f"0201 04 0c00 02 01 {'ff' * 32} fbffffff 00000040 120f ff00",
    "weight planes": f"0201 04 0900 02 02 {'ff' * 32} fbffffff 03000000 1201 ff00 3400 5601",
    "ternary weights": "0201 05 0700 56 08",
    "ternary layer": f"0201 04 0600 02 00 {'ff' * 32} fbffffff 03000000 f202 0000",
    "columns": f"0201 04 0900 01 01 03 {'00' * 30} 80 fbffffff 1201",
    "tree": f"0501 05 {DIGEST.hex()} {OTHER.hex()}",
    "node": f"0401 {DIGEST.hex()} 02 {DIGEST.hex()} {OTHER.hex()} 01 {OTHER.hex()} 0110 41"
    f" 0200 00 ffff 01 {OTHER.hex()}",
    "program": "0301 0800 01 03 0004 02 80 03 01020304 04 000aff14 10 fe0c 06 05070820 00 07 fe 08",
}


def decodes_or_is_refused(data):
    """The one promise about hostile bytes: a valid object, which survives a round trip, or ObjectError."""
    try:
        value = parse_object(data)
    except ObjectError as error:
        assert str(error)
        return
    assert parse_object(value.encode()) == value


@pytest.mark.parametrize("values", STRATEGIES.values(), ids=STRATEGIES)
def test_an_object_survives_encoding(values):
    @given(values)
    def check(value):
        data = value.encode()
        assert parse_object(data) == value
        assert parse_object(data).encode() == data

    check()


@sampled
def test_parse_object_and_the_class_read_the_same(sample):
    data = sample.encode()
    assert parse_object(data) == sample
    if hasattr(type(sample), "decode"):
        assert type(sample).decode(data) == sample


@pytest.mark.parametrize("name", GOLDEN)
def test_the_bytes_of_an_object_are_those_of_the_format(name):
    assert SAMPLES[name].encode().hex() == GOLDEN[name].replace(" ", "")


def test_every_kind_of_object_has_a_sample():
    assert {ObjectKind(sample.encode()[0]) for sample in SAMPLES.values()} == set(ObjectKind)


def test_a_digest_is_blake2b_128_of_all_bytes():
    assert digest_of(b"abc") == hashlib.blake2b(b"abc", digest_size=16).digest()
    assert len(digest_of(b"")) == 16
    assert short(bytes.fromhex("0123456789abcdef")) == "01234567"


def read_by_constructs(data):
    """What the declarations make of a segment's bytes: the segment, or what is wrong with them."""
    try:
        segment = decode_segment(data)
        return segment if segment.encode() == data else "not canonical"
    except ObjectError as error:
        return str(error)


def read_quickly(data):
    try:
        return quick_segment(data)
    except ObjectError as error:
        return str(error)


@st.composite
def bytes_of_segments(draw):
    """A segment's bytes, often with a byte changed, taken away or added in its first or last 50."""
    packed = st.binary(min_size=1, max_size=300).map(PackedBits)
    ternary = ternary_weights() | ternary_layers()
    data = bytearray(draw(block_planes() | fully_connected() | packed | ternary).encode())
    for _ in range(draw(st.integers(0, 2))):
        near = draw(st.integers(0, min(50, len(data) - 1)))
        at = draw(st.sampled_from([near, len(data) - 1 - near]))
        data[at : at + draw(st.integers(0, 1))] = draw(st.sampled_from([b"", b"\0", b"\x80", b"\xff"]))
    return bytes(data)


@settings(max_examples=effort(5_000, 100))
@given(bytes_of_segments())
def test_segments_are_read_quickly_as_their_declarations_read_them(data):
    quick, declared = read_quickly(data), read_by_constructs(data)
    assert quick == declared or (quick is None and isinstance(declared, str))


@pytest.mark.parametrize("values", STRATEGIES.values(), ids=STRATEGIES)
def test_equal_objects_have_equal_digests_and_different_objects_different_ones(values):
    @settings(max_examples=effort(30, 12))
    @given(values, values)
    def check(one, two):
        copy = parse_object(one.encode())
        assert copy is not one
        assert digest_of(copy.encode()) == digest_of(one.encode())
        assert (digest_of(one.encode()) == digest_of(two.encode())) is (one == two)

    check()


@given(st.permutations(DREGS), st.permutations(AREGS))
def test_the_order_in_which_planes_are_named_does_not_change_a_node(dregs, aregs):
    node = Node(DIGEST, (), (), frozenset(dregs[:6]), frozenset(aregs[:3]))
    same = Node(DIGEST, (), (), frozenset(sorted(dregs[:6])), frozenset(sorted(aregs[:3])))
    assert node.encode() == same.encode()


@pytest.mark.parametrize("distinct", chosen([1, 2, 3, 4, 5, 16, 17], (0, 3, 6)))
def test_a_block_of_repeated_raw_words_takes_few_bytes_a_word(distinct):
    full = (1 << 80) - 1
    block = Block(tuple(ICW(full - i % distinct) for i in range(MAX_BLOCK_WORDS)))
    assert len(block.encode()) <= 3 * MAX_BLOCK_WORDS
    assert Block.decode(block.encode()) == block


def test_a_word_that_repeats_takes_few_bits():
    assert len(Block((SET_R5,) * MAX_BLOCK_WORDS).encode()) <= MAX_BLOCK_WORDS // 3


def test_a_block_of_all_different_words_fits():
    block = Block(tuple(ICW(i) for i in range(MAX_BLOCK_WORDS)))
    assert Block.decode(block.encode()) == block


def test_a_node_lists_what_it_needs_and_where_it_leads_without_repetition():
    exits = (Child(OTHER), Label(1), Child(OTHER), Child(DIGEST))
    node = Node(DIGEST, (OTHER, DIGEST), (OTHER,), frozenset(), frozenset(), exits)
    assert node.needs == (DIGEST, OTHER)
    assert node.children == (OTHER, DIGEST)


@given(fully_connected())
def test_of_the_bits_that_are_read_as_many_are_inputs_as_columns_takes(layer):
    """Counted bit by bit; without columns, reading need not end with a row."""
    row = [layer.columns >> column & 1 for column in range(256)]
    taken = np.resize(row, layer.bits_read)
    assert taken.sum() == layer.inputs
    assert layer.bits_read % 256 == 0 or layer.columns == ALL_COLUMNS


@pytest.mark.parametrize(("inputs", "planes", "chunks"), [(1, 1, 2), (32, 1, 2), (33, 1, 4), (33, 7, 28)])
def test_a_controller_goes_through_the_weights_32_at_a_time(inputs, planes, chunks):
    row = bytes(planes * ((inputs + 7) // 8))
    assert FullyConnected(inputs, (0, 0), row * 2, planes).chunks == chunks


@pytest.mark.parametrize(("taken", "rows", "planes"), [(255, 1, 1), (11, 3, 1), (11, 3, 7), (1, 4096, 2)])
def test_a_controller_goes_once_through_all_bits_that_were_read_to_leave_some_out(taken, rows, planes):
    inputs, columns = taken * rows, (1 << taken) - 1
    row = bytes(planes * ((inputs + 7) // 8))
    layer = FullyConnected(inputs, (0, 0), row * 2, planes, columns)
    assert layer.bits_read == 256 * rows
    of_weights = 2 * planes * ((inputs + 31) // 32)
    assert layer.chunks == 8 * rows + of_weights


# ---- hostile bytes


@settings(max_examples=effort(400, 100))
@given(st.binary(max_size=80), st.sampled_from([b""] + [bytes([kind, 1]) for kind in ObjectKind]))
def test_random_bytes_are_an_object_or_an_object_error(data, header):
    decodes_or_is_refused(header + data)


@sampled
def test_no_truncation_of_an_object_is_read_as_one(sample):
    data = sample.encode()
    for length in range(len(data)):
        with pytest.raises(ObjectError):
            parse_object(data[:length])


@sampled
def test_any_single_damaged_byte_gives_an_object_or_an_object_error(sample):
    data = sample.encode()
    for position, byte in enumerate(data):
        for value in {byte ^ flip for flip in (1, 2, 4, 8, 16, 32, 64, 128, 0xFF)} | {0, 0xFF}:
            decodes_or_is_refused(data[:position] + bytes([value]) + data[position + 1 :])


@sampled
def test_bytes_after_an_object_are_refused(sample):
    with pytest.raises(ObjectError):
        parse_object(sample.encode() + b"\0")


@sampled
def test_an_object_of_another_layout_version_is_refused(sample):
    data = sample.encode()
    with pytest.raises(ObjectError, match="version"):
        parse_object(data[:1] + b"\x02" + data[2:])


@pytest.mark.parametrize("cls", [Block, Program, Node, TreeRoot])
def test_a_class_refuses_objects_of_another_kind(cls):
    for sample in SAMPLES.values():
        if not isinstance(sample, cls):
            with pytest.raises(ObjectError, match="not a valid"):
                cls.decode(sample.encode())


ALL, SIX = "ff" * 32, f"1f {'00' * 30} 80"
"""The columns of a segment of weight planes."""

HOSTILE = [
    ("", "cannot start with None; known kinds: .1, 2, 3, 4, 5."),
    ("00", "cannot start with 0"),
    ("09 01", "cannot start with 9"),
    ("0101 00 00", "1 to 1024 words, not 0"),
    ("0101 8108 00", "1 to 1024 words, not 1025"),
    ("0101 808080 00", "longer than 3 bytes"),
    ("0101 01 04 ffffffff", "no mnemonic has number 31"),
    ("0101 01 01 00", "not the canonical form"),
    ("0101 01 05 5555555555", "not the canonical form|not an instruction word|no mnemonic|no register"),
    ("0101 8100 00", "not the canonical form"),
    ("0201 05 0101 00", "not a valid segment"),
    ("0201 04 0101 00", "not a valid segment"),
    ("0201 01 0301 00", "the grid has 3 rows"),
    ("0201 01 0100 00", "the grid has 0 columns"),
    ("0201 01 0180 00", "the grid has 128 columns"),
    ("0201 01 0102 01 04", "plane 0 has bits outside the 2 positions"),
    ("0201 02 0101 00", "not a valid segment"),
    (f"0201 04 0000 01 02 {ALL} 00000000", "1 to 65535 inputs, not 0"),
    (f"0201 04 0000 01 02 {SIX} 00000000", "1 to 65535 inputs, not 0"),
    (f"0201 04 0100 00 02 {ALL}", "at least one output"),
    (f"0201 04 0800 01 00 {ALL} 00000000 00 1b", "byte 1 of row 0 .* is 27; it may be 0 to 26"),
    (f"0201 04 0600 01 00 {SIX} 00000000 f3 00", "byte 0 of row 0 .* is 243; it may be 0 to 242"),
    ("0201 05 0600 00 03", "byte 1 of row 0 .* is 3; it may be 0 to 2"),
    ("0201 05 0000", "1 to 32,768 weights, not 0"),
    (f"0201 04 0800 01 08 {ALL} 00000000 {'ff' * 8}", "1 to 7 planes, or 0 for ternary ones, not 8"),
    (f"0201 04 0600 01 08 {SIX} 00000000 {'ff' * 8}", "1 to 7 planes, or 0 for ternary ones, not 8"),
    (f"0201 04 0800 01 02 {ALL} 00000000 ff", "not a valid segment"),
    (f"0201 04 0800 01 02 {ALL} 00000000 ffffff", "not a valid segment"),
    (f"0201 04 0800 01 02 {ALL} e8ffff7f ffff", r"beyond \+-2147483623"),
    (f"0201 04 0800 01 02 {ALL} 18000080 ffff", r"beyond \+-2147483623"),
    (f"0201 04 0800 01 02 {'00' * 32} 00000000 ffff", "takes 1 to 256 of every 256 bits read"),
    (f"0201 04 0500 01 01 {SIX} 00000000 ff", "5 inputs do not fill whole rows of 6 bits"),
    (f"0201 04 0800 01 02 {SIX} 00000000 ffff", "8 inputs do not fill whole rows of 6 bits"),
    (f"0201 04 0600 01 02 {SIX} eeffff7f ffff", r"beyond \+-2147483629"),
    ("0201 04 0600 01 01 1f 00000000 ff", "not a valid segment"),
    ("0301 0000", "at least one step"),
    ("0301 0100 09", "not a valid program"),
    ("0301 0100 00", "not a valid program"),
    (f"0401 {DIGEST.hex()} 00 00 0020 00 0000", "a register that the chip does not have"),
    (f"0401 {DIGEST.hex()} 00 00 0000 80 0000", "a register that the chip does not have"),
    (f"0401 {DIGEST.hex()} 00 00 0000 00 0100 02 0000", "not a valid node"),
    (f"0501 0d {DIGEST.hex()} {OTHER.hex()}", "input plane is R13"),
]


@pytest.mark.parametrize(("data", "message"), HOSTILE)
def test_what_is_wrong_with_an_object_is_said(data, message):
    with pytest.raises(ObjectError, match=message):
        parse_object(bytes.fromhex(data))


UNBUILDABLE = {
    "no words": lambda: Block(()),
    "1025 words": lambda: Block((NOP,) * 1025),
    "grid of 3": lambda: BlockPlanes(3, 1, ()),
    "grid of 32": lambda: BlockPlanes(1, 32, ()),
    "logit over int32": lambda: FullyConnected(8, ((1 << 31) - 8,), b"x"),
    "logit of planes over int32": lambda: FullyConnected(8, ((1 << 31) - 24,), b"xx", 2),
    "no planes of weights": lambda: FullyConnected(8, (1,), b"", 0),
    "8 planes of weights": lambda: FullyConnected(8, (1,), b"x" * 8, 8),
    "no columns": lambda: FullyConnected(8, (1,), b"x", 1, 0),
    "257 columns": lambda: FullyConnected(257, (1,), bytes(33), 1, (1 << 257) - 1),
    "a column beyond the 256th": lambda: FullyConnected(8, (1,), b"x", 1, 1 << 256),
    "columns below 0": lambda: FullyConnected(8, (1,), b"x", 1, -1),
    "inputs of half a row": lambda: FullyConnected(9, (1,), b"xx", 1, 63),
    "a plane of weights missing": lambda: FullyConnected(8, (1,), b"xx", 3),
    "a plane of weights too many": lambda: FullyConnected(8, (1,), b"xxx", 2),
    "plane outside": lambda: BlockPlanes(1, 2, (1, 4)),
    "plane negative": lambda: BlockPlanes(1, 2, (-1,)),
    "256 planes": lambda: BlockPlanes(1, 1, (0,) * 256).encode(),
    "no inputs": lambda: FullyConnected(0, (1,), b""),
    "65536 inputs": lambda: FullyConnected(65536, (1,), bytes(8192)),
    "no outputs": lambda: FullyConnected(8, (), b""),
    "rows missing": lambda: FullyConnected(8, (1, 2), b"x"),
    "row too short": lambda: FullyConnected(9, (1,), b"x"),
    "row too long": lambda: FullyConnected(8, (1,), b"xx"),
    "bias over int32": lambda: FullyConnected(8, (1 << 31,), b"x").encode(),
    "256 outputs": lambda: FullyConnected(8, (0,) * 256, b"x" * 256).encode(),
    "label over u16": lambda: Node(DIGEST, (), (), frozenset(), frozenset(), (Label(65536),)).encode(),
    "short digest": lambda: Node(DIGEST[:15], (), (), frozenset(), frozenset()).encode(),
    "long digest": lambda: TreeRoot(Digital.R5, DIGEST + b"x", OTHER).encode(),
    "256 blocks": lambda: Node(DIGEST, (OTHER,) * 256, (), frozenset(), frozenset()).encode(),
    "a port as a node's plane": lambda: Node(DIGEST, (), (), frozenset(), frozenset({Analog.XN})).encode(),
    "FLAG as a node's plane": lambda: Node(DIGEST, (), (), frozenset({Digital.FLAG}), frozenset()).encode(),
    "FLAG as a tree's input plane": lambda: TreeRoot(Digital.FLAG, DIGEST, OTHER).encode(),
    "65536 steps": lambda: Program((SetIn(0),) * 65536).encode(),
}


@pytest.mark.parametrize("make", UNBUILDABLE.values(), ids=UNBUILDABLE)
def test_a_value_that_has_no_bytes_is_an_object_error(make):
    with pytest.raises(ObjectError):
        make()
