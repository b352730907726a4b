"""What fuzzers of the firmware begin with: golden vectors, the shipped trees, and small ones of the suite.

    python -m tools.make_fuzz_corpus firmware/build/corpus

Writes a folder for each target of firmware/ports/fuzz/targets.c, whose first comment says what an input is.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import fields
from functools import cache
from pathlib import Path

from pixeltree import zoo
from pixeltree.tree.tree import Tree
from pixeltree_conformance import samples, trees
from pixeltree_protocol.chip.registers import AREGS, DREGS
from pixeltree_protocol.errors import ProgramError
from pixeltree_protocol.link.declaration import Sender
from pixeltree_protocol.link.messages import (
    CancelFrame,
    Execute,
    GetStatus,
    Message,
    OpenTree,
    Put,
    PutSeveral,
    Query,
    ReadPlane,
    Show,
    StartFrame,
    encode_message,
)
from pixeltree_protocol.objects import BlockPlanes, Node, TreeRoot, digest_of
from pixeltree_protocol.objects.program import STEPS, Program
from pixeltree_protocol.objects.step import StepForm

GOLDEN = Path(__file__).resolve().parents[1] / "tests/protocol/golden"
TREES = ("digits", "glyphs", "localize", "segment")
MESSAGE, PAYLOAD, WIRE, TIME = range(4)
OBJECT, ALONE, OF_A_NODE = range(3)
MOST_BODY = 2_000
"""Bytes of objects in a message: less than a microcontroller takes."""

BLOCK_KIND, NODE_KIND = 1, 4
"""First bytes of objects."""


def record(kind: int, data: bytes) -> bytes:
    """One record of an input."""
    return (kind << 14 | len(data)).to_bytes(2, "little") + data


def message(sent: Message, request: int = 1) -> bytes:
    """The record of a message."""
    payload = encode_message(sent, request)
    return record(MESSAGE, payload[:3] + payload[9:])


# -- FRAMES -----------------------------------------------------------------------------------------


def golden() -> Iterator[bytes]:
    """The golden vectors as they are; a host's messages also with the right numbers; damaged frames."""
    for path in sorted(GOLDEN.glob("*.json")):
        vector = json.loads(path.read_text())
        if isinstance(vector, list):
            yield from (record(WIRE, bytes.fromhex(each["frame"])) for each in vector)
            continue
        payload = bytes.fromhex(vector["payload"])
        yield record(PAYLOAD, payload) + record(TIME, bytes(30))
        if vector["sender"] == Sender.HOST.value:
            yield record(MESSAGE, payload[:3] + payload[9:])


def uploads(objects: Iterable[bytes]) -> Iterator[bytes]:
    """Objects, each in a message or in parts."""
    for data in objects:
        if len(data) <= MOST_BODY:
            yield message(PutSeveral((data,)))
        else:
            parts = range(0, len(data), MOST_BODY)
            yield from (
                message(Put(digest_of(data), len(data), at, data[at : at + MOST_BODY])) for at in parts
            )


def conversations() -> Iterator[bytes]:
    """Trees that are sent and run: at once, and with objects that come when the frame lacks them."""
    small = [
        trees.small_tree(),
        trees.small_tree(3, carries=True),
        trees.tree_with_sums(3, 3),
        trees.tree_with_planes(1, 3),
        trees.tree_with_columns(4, 7),
    ]
    for tree in small:
        root = tree.objects[tree.digest]
        others = [data for data in tree.objects.values() if data != root]
        begin = message(OpenTree(tree.digest, 0, 20_000)) + message(StartFrame(1), 2)
        yield b"".join(uploads([*others, root])) + begin
        yield b"".join((*uploads([root]), begin, *uploads(others)))
        yield b"".join((*uploads([root, *others[:3]]), begin, message(CancelFrame(1)), message(GetStatus())))
    yield message(Query(tuple(small[0].objects)))
    yield message(Show(True, 3, 4, 2, 2, b"abcd"))
    for name in ("A", "R6", "FLAG"):
        yield message(ReadPlane(name))


def executions(dice: random.Random) -> Iterator[bytes]:
    """Each step as a program of its own, with a block and segments."""
    digests = tuple(digest_of(data) for data in samples_of_slots())
    for form in STEPS:
        execute = message(Execute(digests[:1], digests[1:], program_of(form, dice)), 2)
        yield b"".join(uploads(samples_of_slots())) + execute


# -- PROGRAMS ---------------------------------------------------------------------------------------


@cache
def samples_of_slots() -> tuple[bytes, ...]:
    """A block, and a segment of each layout."""
    return (
        samples.block_of(20),
        BlockPlanes(8, 8, (0x0123_4567_89AB_CDEF, 0xFFFF_FFFF_FFFF_FFFF)).encode(),
        samples.packed(samples.plane()).encode(),
        samples.segment_of(295),
    )


def program_of(form: StepForm, dice: random.Random) -> bytes:
    """A program of one valid step of a row of the table; its slots are among the first."""
    while True:
        values = [
            dice.randint(least, 2 if field.name in ("block", "segment", "mask") else most)
            for field, (_, least, most) in zip(fields(form.step), form.operands, strict=True)
        ]
        with suppress(ProgramError):
            return Program((form.step(*values),)).encode()


def nodes(tree: Tree) -> Iterator[bytes]:
    """Each node with its blocks and segments, and its program."""
    root = TreeRoot.decode(tree.objects[tree.digest])
    for digest, data in tree.objects.items():
        if data[0] != NODE_KIND:
            continue
        node = Node.decode(data)
        manifest = planes_of(node) + bytes(
            (DREGS.index(root.input_plane), min(len(node.exits), 255), digest == root.capture)
        )
        stored = (data, *(tree.objects[each] for each in node.needs if each != node.program))
        program = record(OF_A_NODE, manifest + tree.objects[node.program])
        yield b"".join(record(OBJECT, each) for each in stored) + program


def planes_of(node: Node) -> bytes:
    """The registers of a node, as the target takes them."""
    mask = sum(1 << DREGS.index(name) for name in node.dregs)
    mask |= sum(1 << 16 + AREGS.index(name) for name in node.aregs)
    return mask.to_bytes(3, "little")


def programs(dice: random.Random) -> Iterator[bytes]:
    """Each step as a program of its own."""
    stored = b"".join(record(OBJECT, data) for data in samples_of_slots())
    for form in STEPS:
        yield stored + record(ALONE, program_of(form, dice))


# -- all of them ------------------------------------------------------------------------------------


def corpus() -> dict[str, list[bytes]]:
    """The inputs of each target."""
    dice = random.Random(1)
    shipped = [zoo.load(name) for name in TREES]
    objects = {digest: data for tree in shipped for digest, data in tree.objects.items()}
    return {
        "FRAMES": [*golden(), *conversations(), *executions(dice)],
        "OBJECTS": [data for data in objects.values() if len(data) <= 4_096],
        "BLOCKS": [data for data in objects.values() if data[0] == BLOCK_KIND],
        "PROGRAMS": [*(each for tree in shipped for each in nodes(tree)), *programs(dice)],
    }


def main() -> None:
    """Write the corpus."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for target, inputs in corpus().items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for data in inputs:
            (folder / target / digest_of(data).hex()).write_bytes(data)


if __name__ == "__main__":
    main()
