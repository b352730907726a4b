"""Uploads: in parts and in order, resumed where they stopped, and only what is valid becomes resident."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest

from pixeltree_conformance import samples
from pixeltree_conformance.conversation import Conversation
from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.chip.registers import Digital, bits
from pixeltree_protocol.link.messages import WHOLE, ErrorCode, Execute, Executed, Holdings, Put, Query, Stored
from pixeltree_protocol.objects import ALL_COLUMNS, Block, Node, TreeRoot, digest_of
from pixeltree_protocol.objects.program import Launch, Program, SetIn
from pixeltree_protocol.text.assembly import assemble


def held(driver: Conversation, *objects: bytes) -> tuple[int, ...]:
    """What the device has of each object."""
    return driver.ask(Query(tuple(digest_of(data) for data in objects)), Holdings).received


def test_a_whole_object_is_stored(driver: Conversation) -> None:
    """PUT, STORED, QUERY: from nothing to WHOLE."""
    data = samples.segment_of(300)
    assert held(driver, data) == (0,)
    assert driver.ask(samples.whole(data), Stored).digest == digest_of(data)
    assert held(driver, data) == (WHOLE,)


def test_only_the_last_part_is_answered(driver: Conversation) -> None:
    """PUT: parts come in order, the last is answered by STORED; HOLDINGS counts meanwhile."""
    data = samples.segment_of(1_000)
    requests = []
    for put in samples.parts(data, 300):
        requests.append(driver.send(put))
        end = put.offset + len(put.data)
        assert held(driver, data) == (WHOLE if end == len(data) else end,)
    assert driver.answer(requests[-1], Stored).digest == digest_of(data)
    driver.unanswered(*requests)


def test_parts_may_have_any_size(driver: Conversation) -> None:
    """PUT: single bytes, and parts of different sizes."""
    data = samples.segment_of(60)
    cuts = [0, 1, 2, 3, 10, 11, 40, 60]
    for start, end in pairwise(cuts[:-1]):
        driver.send(samples.part(data, start, end))
    driver.ask(samples.part(data, cuts[-2], cuts[-1]), Stored)


def test_uploads_may_be_interleaved(driver: Conversation) -> None:
    """PUT: several objects may be in the making at a time."""
    objects = [samples.segment_of(400) for _ in range(3)]
    requests = []
    for start in range(0, 400, 100):
        requests = [driver.send(samples.part(data, start, start + 100)) for data in objects]
    for data, request in zip(objects, requests, strict=True):
        assert driver.answer(request, Stored).digest == digest_of(data)


def test_many_uploads_in_a_row_are_answered_in_order(driver: Conversation) -> None:
    """Requests are pipelined; each answer carries the id of its request."""
    objects = [samples.segment_of(100 + n) for n in range(20)]
    requests = [driver.send(samples.whole(data)) for data in objects]
    for data, request in zip(objects, requests, strict=True):
        assert driver.answer(request, Stored).digest == digest_of(data)


HOSTILE: dict[str, Callable[[bytes], list[Put]]] = {
    "the second part first": lambda data: [samples.part(data, 100, 200)],
    "a gap": lambda data: [samples.part(data, 0, 100), samples.part(data, 200, 300)],
    "an overlap": lambda data: [samples.part(data, 0, 100), samples.part(data, 50, 150)],
    "the same part twice": lambda data: [samples.part(data, 0, 100), samples.part(data, 0, 100)],
    "another total": lambda data: [
        samples.part(data, 0, 100),
        replace(samples.part(data, 100, 200), total=len(data) + 1),
    ],
    "more than the total": lambda data: [
        samples.part(data, 0, 100),
        replace(samples.part(data, 100, 200), data=bytes(len(data))),
    ],
}


@pytest.mark.parametrize("order", HOSTILE)
def test_a_part_that_does_not_continue_is_refused_and_the_upload_goes_on(
    driver: Conversation, order: str
) -> None:
    """BAD_UPLOAD: such a part counts for nothing; HOLDINGS tells where to go on."""
    data = samples.segment_of(300)
    puts = HOSTILE[order](data)
    for put in puts[:-1]:
        driver.send(put)
    before = held(driver, data)
    driver.refused(puts[-1], ErrorCode.BAD_UPLOAD)
    assert held(driver, data) == before
    driver.ask(samples.part(data, before[0], len(data)), Stored)


@pytest.mark.parametrize("total", ["none", "too large"])
def test_a_size_outside_its_limits_is_refused(driver: Conversation, total: str) -> None:
    """BAD_UPLOAD: total is 1 to max_object."""
    size = 0 if total == "none" else driver.welcome.capabilities.max_object + 1
    driver.refused(Put(secrets.token_bytes(16), size, 0, b"\1" if size else b""), ErrorCode.BAD_UPLOAD)


def test_bytes_under_a_wrong_digest_are_refused(driver: Conversation) -> None:
    """DIGEST_MISMATCH: the object is not stored under either name, and can be sent properly afterwards."""
    data, other = samples.segment_of(200), samples.segment_of(200)
    driver.refused(Put(digest_of(other), len(data), 0, data), ErrorCode.DIGEST_MISMATCH)
    assert held(driver, data, other) == (0, 0)
    driver.ask(samples.whole(data), Stored)
    driver.ask(samples.whole(other), Stored)


def test_one_wrong_bit_is_a_wrong_digest(driver: Conversation) -> None:
    """DIGEST_MISMATCH: BLAKE2b-128 over all bytes, also of an object in parts."""
    data = bytearray(samples.segment_of(300))
    digest = digest_of(bytes(data))
    data[250] ^= 1
    driver.send(samples.part(bytes(data), 0, 200, digest))
    driver.refused(samples.part(bytes(data), 200, 300, digest), ErrorCode.DIGEST_MISMATCH)
    assert driver.ask(Query((digest,)), Holdings).received == (0,)


def test_an_object_that_is_there_is_stored_again_without_harm(driver: Conversation) -> None:
    """PUT of a resident object: STORED, and nothing is evicted for it."""
    data = samples.segment_of(200)
    driver.ask(samples.whole(data), Stored)
    assert driver.ask(samples.whole(data), Stored) == Stored(digest_of(data), ())


def test_every_part_of_an_object_that_is_there_is_answered(driver: Conversation) -> None:
    """PUT of a resident object: STORED for every part, where otherwise the last alone is answered."""
    data = samples.segment_of(300)
    driver.ask(samples.whole(data), Stored)
    for request in [driver.send(put) for put in samples.parts(data, 100)]:
        assert driver.answer(request, Stored) == Stored(digest_of(data), ())


def _block() -> bytes:
    return samples.block_of(3)


def _longer(block: bytes) -> bytes:
    return block[:3] + bytes([block[3] + 1]) + block[4:] + b"\0"


def _node(registers: int) -> bytes:
    data = Node(secrets.token_bytes(16), (), (), frozenset(), frozenset()).encode()
    return data[:-5] + registers.to_bytes(2, "little") + data[-3:]


def _tree(plane: int) -> bytes:
    data = TreeRoot(Digital.R6, secrets.token_bytes(16), secrets.token_bytes(16)).encode()
    return data[:2] + bytes([plane]) + data[3:]


def _program(opcode: int) -> bytes:
    data = bytearray(
        Program((SetIn(secrets.randbelow(100)), Launch(0, 1 + secrets.randbelow(1000)))).encode()
    )
    data[4] = opcode
    return bytes(data)


def _steps(*steps: bytes) -> bytes:
    """A program of steps' bytes, with one before that makes it new."""
    return b"\x03\x01" + bytes([1 + len(steps), 0, 2, secrets.randbelow(256)]) + b"".join(steps)


def _weights(planes: int, rows: int, bias: int = 0, columns: int = ALL_COLUMNS) -> bytes:
    """A segment of weight planes: so many said, so many rows there, of 32 inputs for one output."""
    head = b"\x02\x01\x04\x20\0\1" + bytes([planes]) + columns.to_bytes(32, "little")
    return head + bias.to_bytes(4, "little", signed=True) + secrets.token_bytes(4 * rows)


INVALID: dict[str, Callable[[], bytes]] = {
    "no kind": lambda: b"\0" + secrets.token_bytes(20),
    "an unknown kind": lambda: b"\x63\x01" + secrets.token_bytes(20),
    "another layout version": lambda: samples.segment_of(50)[:1] + b"\x02" + samples.segment_of(50)[2:],
    "a byte too many": lambda: samples.segment_of(50) + b"\0",
    "a byte too few": lambda: samples.segment_of(50)[:-1],
    "a block cut short": lambda: _block()[:-1],
    "a block without words": lambda: b"\x01\x01\0\0",
    "a block whose code has a zero too many": lambda: _longer(_block()),
    "a block whose word count has a byte too many": lambda: _block()[:2] + b"\x83\0" + _block()[3:],
    "the word `all` as its bits": lambda: bytes.fromhex("0101010a fca21d560564000002b2"),
    "a word with two destinations as `bus`, not as `bus2`": lambda: bytes.fromhex("01010104 020e8a35"),
    "a word without a meaning": lambda: Block((ICW(0), ICW(bits("g_start")))).encode(),
    "a segment of an unknown layout": lambda: b"\x02\x01\x06" + samples.segment_of(50)[3:],
    "no planes of weights": lambda: _weights(0, 0),
    "no planes of weights for some of the bits read": lambda: _weights(0, 0, columns=0xFF),
    "eight planes of weights for some of the bits read": lambda: _weights(8, 8, columns=0xFF),
    "columns that leave out all bits": lambda: _weights(2, 2, columns=0),
    "inputs of half a row": lambda: _weights(1, 1, columns=(1 << 64) - 1),
    "inputs of a row and a bit": lambda: _weights(2, 2, columns=(1 << 255) | 0x3FFFFFFF),
    "columns cut short": lambda: _weights(2, 2)[:37],
    "weights without columns": lambda: _weights(2, 2)[:7] + _weights(2, 2)[39:],
    "a plane of weights missing for some of the bits read": lambda: _weights(2, 1, columns=0xFF),
    "eight planes of weights": lambda: _weights(8, 8),
    "a plane of weights missing": lambda: _weights(3, 2),
    "a plane of weights too many": lambda: _weights(2, 3),
    "a bias with which a logit of planes would not fit": lambda: _weights(2, 2, 2**31 - 3 * 32),
    "a program with an unknown step": lambda: _program(250),
    "a step after Argmax": lambda: _steps(b"\x08", b"\x02\0"),
    "a step after Proceed": lambda: _steps(b"\x0f", b"\x02\0"),
    "a program without steps": lambda: b"\x03\x01\0\0",
    "a node with a register that is not there": lambda: _node(1 << 13),
    "a tree whose input plane is not there": lambda: _tree(13),
    "one byte": lambda: bytes([1 + secrets.randbelow(5)]),
}


WORDS = """
all
get_image(F)
bus(NEWS, A, IN)
bus2(A, B, NEWS)
bus3(C, D, E, PIX)
bus({A, C, D}, {XE, XW})
gauss(B, C)
where(A, F)
MOV(R5, FLAG)
NOT(R5)
OR(R9, R6, SELECT)
NOR(R9, R5, R6, R12)
DNEWS(R7, R9, alldir, 1)
XORX(R5, R6, R7)
PROP0
REFRESH(R8)
all
"""
"""A kernel of most kinds of words, some without a mnemonic among them."""


def test_words_of_all_kinds_are_stored(driver: Conversation) -> None:
    """PUT: a block is checked word by word, but none is refused that an encoder writes."""
    block = assemble("".join(chosen for chosen in WORDS.splitlines(keepends=True) for _ in range(3)))
    driver.ask(samples.whole(block.encode()), Stored)


@pytest.mark.parametrize("what", INVALID)
def test_bytes_that_are_no_valid_object_are_refused(driver: Conversation, what: str) -> None:
    """BAD_OBJECT: the digest is right, and yet nothing is stored."""
    if what == "a word without a meaning":
        driver.ask(Execute((), (), Program((SetIn(0),)).encode()), Executed)  # only an array has meanings
    data = INVALID[what]()
    driver.refused(samples.whole(data), ErrorCode.BAD_OBJECT)
    assert held(driver, data) == (0,)


def test_a_query_answers_in_order_and_for_every_object(driver: Conversation) -> None:
    """HOLDINGS: one number per object asked about, in that order, repetitions too; none for none."""
    here, half, absent = samples.segment_of(80), samples.segment_of(90), samples.segment_of(70)
    driver.ask(samples.whole(here), Stored)
    driver.send(samples.part(half, 0, 33))
    assert held(driver, absent, here, half, here) == (0, WHOLE, 33, WHOLE)
    assert held(driver) == ()
