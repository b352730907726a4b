"""What a node decides by: logits of layers, of fewer bits, of parts that add up."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace

import pytest

from pixeltree_conformance import trees
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.trees import root_of
from pixeltree_protocol.chip.registers import DREGS, Digital
from pixeltree_protocol.link.messages import ErrorCode, Execute
from pixeltree_protocol.objects import Node, digest_of
from pixeltree_protocol.objects.program import (
    AddLogits,
    ApplyFullyConnected,
    Argmax,
    Program,
    ScanDreg,
    SetIn,
)


def test_of_equal_logits_the_first_wins(driver: Conversation) -> None:
    """Argmax: the least index of the greatest logits."""
    tree = trees.small_tree(are_equal=True)
    trees.open_tree(driver, tree)
    result, _ = trees.serve(driver, tree, trees.start(driver, 1))
    trees.check_result(result, tree, 1)


_NEAR_THE_END = (1 << 31) - (1 << 16)
"""A bias with which one logit is a 32-bit number, and the sum of two is none."""


@pytest.mark.parametrize(("nodes", "bias"), [(2, 0), (5, 0), (2, -_NEAR_THE_END), (3, _NEAR_THE_END)])
def test_logits_of_parts_add_up(driver: Conversation, nodes: int, bias: int) -> None:
    """Proceed, AddLogits: nodes of one way, whose last decides by the sums, as 32-bit numbers that wrap."""
    tree = trees.tree_with_sums(*(3,) * nodes, bias=bias)
    trees.open_tree(driver, tree)
    for frame in range(2):  # the second begins at 0 again
        result, _ = trees.serve(driver, tree, trees.start(driver, frame))
        trees.check_result(result, tree, frame)


BAD_SUMS: dict[str, Callable[[], trees.SmallTree]] = {
    "fewer logits than the node before": lambda: trees.tree_with_sums(3, 2),
    "more logits than the node before": lambda: trees.tree_with_sums(3, 3, 4),
    "no node before": lambda: _from_the_second_node(trees.tree_with_sums(3, 3)),
    "no node but the capture node before": lambda: _with_logits_at_the_capture(trees.tree_with_sums(3, 3)),
    "exits for all logits of a node that proceeds": lambda: _with_exits(trees.tree_with_sums(3, 3), 3),
    "no exit of a node that proceeds": lambda: _with_exits(trees.tree_with_sums(3, 3), 0),
}


@pytest.mark.parametrize("what", BAD_SUMS)
def test_logits_that_cannot_be_added_end_the_frame(driver: Conversation, what: str) -> None:
    """BAD_TREE, and the device is free for the next frame."""
    bad, good = BAD_SUMS[what](), trees.tree_with_sums(3, 3)
    trees.open_whole(driver, bad)
    driver.error(trees.start(driver, 1), ErrorCode.BAD_TREE)
    trees.open_tree(driver, good)
    result, _ = trees.serve(driver, good, trees.start(driver, 2))
    trees.check_result(result, good, 2)


def test_a_program_by_itself_has_no_logits_before_it(driver: Conversation) -> None:
    """EXECUTE of AddLogits: BAD_OBJECT."""
    driver.refused(Execute((), (), Program((SetIn(1), AddLogits())).encode()), ErrorCode.BAD_OBJECT)


def _from_the_second_node(tree: trees.SmallTree) -> trees.SmallTree:
    """The tree without its root, in whose place the next node is."""
    return trees.changed(tree, Node.decode(tree.objects[tree.path[1]]))


def _with_logits_at_the_capture(tree: trees.SmallTree) -> trees.SmallTree:
    """The tree without its root, and a capture node that computes as many logits, which are nobody's."""
    root, capture = root_of(tree), Node.decode(tree.objects[tree.capture])
    scan = next(s for s in Program.decode(tree.objects[root.program]).steps if isinstance(s, ScanDreg))
    steps = Program.decode(tree.objects[capture.program]).steps
    program = Program((*steps, scan, ApplyFullyConnected(len(capture.segments)))).encode()
    node = replace(
        capture, program=digest_of(program), segments=(*capture.segments, root.segments[0])
    ).encode()
    objects = {**tree.objects, digest_of(program): program, digest_of(node): node}
    return _from_the_second_node(replace(tree, objects=objects, capture=digest_of(node)))


def _with_exits(tree: trees.SmallTree, count: int) -> trees.SmallTree:
    return trees.changed(tree, replace(root_of(tree), exits=root_of(tree).exits * count))


@pytest.mark.parametrize("planes", [(2,), (7,), (3, 1, 2)], ids=str)
def test_weights_of_several_planes_are_summed_by_powers_of_two(
    driver: Conversation, planes: tuple[int, ...]
) -> None:
    """ApplyFullyConnected: a segment of weight planes (layout 4), whose j-th plane counts 2^j."""
    tree = trees.tree_with_planes(*planes)
    trees.open_tree(driver, tree)
    result, _ = trees.serve(driver, tree, trees.start(driver, 1))
    trees.check_result(result, tree, 1)


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("taken", [(128,), (255, 1), (37, 8, 254)], ids=str)
def test_bits_that_columns_leaves_out_are_no_inputs(
    driver: Conversation, taken: tuple[int, ...], planes: int
) -> None:
    """ApplyFullyConnected: of every 256 bits read those that `columns` has a 1 for, row by row."""
    tree = trees.tree_with_columns(*taken, planes=planes)
    trees.open_tree(driver, tree)
    result, _ = trees.serve(driver, tree, trees.start(driver, 1))
    trees.check_result(result, tree, 1)


@pytest.mark.parametrize("rows", [6, 11, 13])
def test_a_layer_that_leaves_bits_out_wants_whole_rows_read(driver: Conversation, rows: int) -> None:
    """BAD_TREE where fewer or more than 12 rows are read, for it takes half of 12; 6 have as many bits."""
    tree = trees.tree_with_columns(128)
    whole = _reading(tree, 12)
    trees.open_tree(driver, whole)
    trees.serve(driver, whole, trees.start(driver, 1))
    bad = _reading(tree, rows)
    trees.open_whole(driver, bad)
    driver.error(trees.start(driver, 2), ErrorCode.BAD_TREE)


def _reading(tree: trees.SmallTree, rows: int) -> trees.SmallTree:
    """The tree with a root that reads so many rows of the input plane, and nothing else."""
    scan = ScanDreg(DREGS.index(Digital.R6), 0, 1, rows)
    program = Program((SetIn(secrets.randbelow(100)), scan, ApplyFullyConnected(0), Argmax())).encode()
    changed = replace(tree, objects={**tree.objects, digest_of(program): program})
    return trees.changed(changed, replace(root_of(tree), program=digest_of(program)))
