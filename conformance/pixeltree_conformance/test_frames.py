"""Frames: faults, uploads, results, swaps, time-outs, cancelling; exactly one end for each."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from pixeltree.errors import LinkError
from pixeltree_conformance import samples, trees
from pixeltree_conformance.bench import Bench
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.trees import root_of
from pixeltree_protocol.chip.registers import Digital
from pixeltree_protocol.link.messages import (
    MAX_FAULT_TIMEOUT_MS,
    CancelFrame,
    Done,
    ErrorCode,
    Execute,
    Fault,
    GetStatus,
    OpenTree,
    Result,
    StartFrame,
    Status,
    Stored,
    TreeOpened,
)
from pixeltree_protocol.objects import Node, TreeRoot, digest_of
from pixeltree_protocol.objects.program import (
    Program,
    SetIn,
)

_SOON_MS = 300


def test_a_frame_faults_until_its_objects_are_there_and_then_ends_with_its_result(
    driver: Conversation,
) -> None:
    """START_FRAME, FAULT, PUT, RESULT: logits, path and label are exactly those of the small tree."""
    tree = trees.small_tree()
    trees.open_tree(driver, tree)
    result, faults = trees.serve(driver, tree, trees.start(driver, 17))
    trees.check_result(result, tree, 17)
    assert faults >= 1 + len(tree.path)


def test_a_node_finds_in_a_register_what_the_one_before_it_left_there(driver: Conversation) -> None:
    """Registers stay as they are from node to node: a child decides by a plane that the root has written."""
    tree = trees.small_tree(carries=True)
    trees.open_tree(driver, tree)
    result, _ = trees.serve(driver, tree, trees.start(driver, 1))
    trees.check_result(result, tree, 1)


def test_a_fault_names_the_manifest_first_and_then_all_that_it_lacks(driver: Conversation) -> None:
    """FAULT: a manifest alone where that is missing, then every object of the node that is."""
    tree = trees.small_tree()
    trees.open_tree(driver, tree)
    request = trees.start(driver, 1)
    assert driver.answer(request, Fault) == Fault(1, tree.capture, (tree.capture,))
    trees.put_all(driver, tree, (tree.capture,))
    fault = driver.answer(request, Fault)
    assert fault.node == tree.capture
    assert sorted(fault.missing) == sorted(tree.needs(tree.capture))
    trees.put_all(driver, tree, fault.missing)
    assert driver.answer(request, Fault) == Fault(1, tree.path[0], (tree.path[0],))


def test_one_fault_is_enough_where_the_manifest_comes_last(driver: Conversation) -> None:
    """FAULT: what a host uploads before the manifest is not asked for again."""
    tree = trees.small_tree()
    trees.open_tree(driver, tree)
    request = trees.start(driver, 1)
    for node in (tree.capture, *tree.path):
        assert driver.answer(request, Fault) == Fault(1, node, (node,))
        trees.put_all(driver, tree, (*tree.needs(node), node))
    trees.check_result(driver.answer(request, Result), tree, 1)


def test_a_frame_whose_objects_are_there_has_no_fault(driver: Conversation) -> None:
    """Objects stay: a second frame needs nothing, waits for nothing, and has the same result."""
    tree = trees.small_tree()
    trees.open_tree(driver, tree)
    before = driver.ask(GetStatus(), Status).frames
    trees.serve(driver, tree, trees.start(driver, 1))
    result, faults = trees.serve(driver, tree, trees.start(driver, 2))
    trees.check_result(result, tree, 2)
    assert faults == 0
    assert result.stall_ns == 0
    status = driver.ask(GetStatus(), Status)
    assert status.frames == before + 2
    assert not status.frame_in_hand
    assert status.tree == tree.digest


def test_nodes_are_swapped_within_a_budget(driver: Conversation) -> None:
    """A budget for two nodes of six: every frame swaps, and every result is right."""
    tree = trees.small_tree(depth=5)
    largest = sorted(tree.bytes_of(node) for node in (tree.capture, *tree.path))[-2:]
    budget = sum(largest)
    trees.open_tree(driver, tree, budget)
    for frame in range(3):
        result, faults = trees.serve(driver, tree, trees.start(driver, frame))
        trees.check_result(result, tree, frame)
        assert faults >= 2
        assert driver.ask(GetStatus(), Status).used_bytes <= budget


def test_frames_may_have_any_number(driver: Conversation) -> None:
    """START_FRAME: the number is the host's business, and comes back in FAULT and RESULT."""
    tree = trees.small_tree(depth=1)
    trees.open_tree(driver, tree)
    for frame in (0, 0xFFFFFFFF, 0):
        result, _ = trees.serve(driver, tree, trees.start(driver, frame))
        trees.check_result(result, tree, frame)


def test_one_frame_is_in_hand_at_a_time(driver: Conversation) -> None:
    """BUSY: no second frame, tree or program; everything else is answered while the frame waits."""
    tree = trees.small_tree()
    trees.open_tree(driver, tree)
    request = trees.start(driver, 1)
    driver.answer(request, Fault)
    driver.refused(StartFrame(2), ErrorCode.BUSY)
    driver.refused(OpenTree(tree.digest, 0, 0), ErrorCode.BUSY)
    driver.refused(Execute((), (), Program((SetIn(1),)).encode()), ErrorCode.BUSY)
    driver.settle()
    assert driver.ask(GetStatus(), Status).frame_in_hand
    trees.put_all(driver, tree, (*tree.needs(tree.capture), tree.capture))
    result, _ = trees.serve(driver, tree, request)
    trees.check_result(result, tree, 1)


# -- ends other than results --------------------------------------------------------------------------


def test_a_cancelled_frame_has_no_result(driver: Conversation) -> None:
    """CANCEL_FRAME: DONE, the frame is over, and the device is free for the next."""
    tree = trees.small_tree()
    trees.open_tree(driver, tree)
    request = trees.start(driver, 5)
    driver.answer(request, Fault)
    driver.ask(CancelFrame(5), Done)
    trees.put_all(driver, tree, (tree.capture,))
    driver.settle()
    driver.unanswered(request)
    assert not driver.ask(GetStatus(), Status).frame_in_hand
    result, _ = trees.serve(driver, tree, trees.start(driver, 6))
    trees.check_result(result, tree, 6)


def test_cancelling_another_frame_changes_nothing(driver: Conversation) -> None:
    """CANCEL_FRAME with another number, or with no frame in hand: DONE."""
    driver.ask(CancelFrame(9), Done)
    tree = trees.small_tree()
    trees.open_tree(driver, tree)
    request = trees.start(driver, 5)
    driver.answer(request, Fault)
    driver.ask(CancelFrame(4), Done)
    trees.put_all(driver, tree, (*tree.needs(tree.capture), tree.capture))
    result, _ = trees.serve(driver, tree, request)
    trees.check_result(result, tree, 5)


@pytest.mark.parametrize("timeout_ms", [0, _SOON_MS])
def test_a_frame_that_waits_too_long_is_given_up(driver: Conversation, timeout_ms: int) -> None:
    """FAULT_TIMEOUT answers START_FRAME, not before its time; the device is free for the next frame."""
    tree = trees.small_tree()
    trees.open_tree(driver, tree, timeout_ms=timeout_ms)
    begun = time.monotonic()
    request = trees.start(driver, 1)
    driver.answer(request, Fault)
    driver.error(request, ErrorCode.FAULT_TIMEOUT)
    assert time.monotonic() - begun >= 0.9 * timeout_ms / 1000
    assert not driver.ask(GetStatus(), Status).frame_in_hand
    trees.open_tree(driver, tree)
    result, _ = trees.serve(driver, tree, trees.start(driver, 2))
    trees.check_result(result, tree, 2)


def test_parts_that_come_in_keep_a_frame_waiting(driver: Conversation) -> None:
    """fault_timeout_ms counts from the last part that came in, so that a slow upload is no time-out."""
    tree = trees.small_tree()
    trees.open_tree(driver, tree, timeout_ms=2_000)
    request = trees.start(driver, 1)
    driver.answer(request, Fault)
    data = samples.segment_of(600)
    for put in samples.parts(data, 100):
        driver.send(put)
        begun = time.monotonic()
        while time.monotonic() < begun + 0.5:
            driver.take(0.1)
    assert driver.ask(GetStatus(), Status).frame_in_hand
    driver.unanswered(request)
    trees.put_all(driver, tree, (*tree.needs(tree.capture), tree.capture))
    result, _ = trees.serve(driver, tree, request)
    trees.check_result(result, tree, 1)


def test_no_frame_without_a_tree(driver: Conversation) -> None:
    """NO_TREE: nothing is open in a new session, whatever was open before."""
    driver.refused(StartFrame(1), ErrorCode.NO_TREE)
    assert driver.ask(GetStatus(), Status).tree == bytes(16)


def test_only_a_resident_tree_can_be_opened(driver: Conversation) -> None:
    """NO_TREE: an absent object, or one of another kind; what was open stays open."""
    tree = trees.small_tree()
    trees.open_tree(driver, tree)
    driver.refused(OpenTree(secrets.token_bytes(16), 0, 0), ErrorCode.NO_TREE)
    other = samples.segment_of(60)
    driver.ask(samples.whole(other), Stored)
    driver.refused(OpenTree(digest_of(other), 0, 0), ErrorCode.NO_TREE)
    assert driver.ask(GetStatus(), Status).tree == tree.digest


def test_a_fault_timeout_has_a_limit(driver: Conversation) -> None:
    """OUT_OF_RANGE: fault_timeout_ms is 0 to 3,600,000."""
    tree = trees.small_tree()
    trees.put_all(driver, tree, (tree.digest,))
    driver.refused(OpenTree(tree.digest, 0, MAX_FAULT_TIMEOUT_MS + 1), ErrorCode.OUT_OF_RANGE)
    driver.ask(OpenTree(tree.digest, 0, MAX_FAULT_TIMEOUT_MS), TreeOpened)


BAD_NODES: dict[str, Callable[[trees.SmallTree], Node]] = {
    "a program that is a segment": lambda tree: replace(root_of(tree), program=root_of(tree).segments[0]),
    "a segment that is a program": lambda tree: replace(root_of(tree), segments=(root_of(tree).program,)),
    "a block that is a segment": lambda tree: replace(root_of(tree), blocks=root_of(tree).segments),
    "a slot that is not there": lambda tree: replace(root_of(tree), segments=()),
    "an exit too few": lambda tree: replace(root_of(tree), exits=root_of(tree).exits[:-1]),
    "the input plane as its own": lambda tree: replace(root_of(tree), dregs=frozenset({Digital.R6})),
}


@pytest.mark.parametrize("what", BAD_NODES)
def test_a_node_that_is_not_what_it_must_be_ends_the_frame(driver: Conversation, what: str) -> None:
    """BAD_TREE answers START_FRAME before the node's first step; the device is free for the next frame."""
    good = trees.small_tree(depth=1)
    bad = trees.changed(good, BAD_NODES[what](good))
    trees.open_whole(driver, bad)
    driver.error(trees.start(driver, 1), ErrorCode.BAD_TREE)
    trees.open_tree(driver, good)
    result, _ = trees.serve(driver, good, trees.start(driver, 2))
    trees.check_result(result, good, 2)


def test_a_child_that_is_no_node_ends_the_frame(driver: Conversation) -> None:
    """BAD_TREE: a tree names another kind of object as its root."""
    good = trees.small_tree(depth=1)
    wrong = root_of(good).program
    root = TreeRoot(Digital.R6, good.capture, wrong).encode()
    bad = replace(good, digest=digest_of(root), objects={**good.objects, digest_of(root): root})
    trees.open_tree(driver, bad)
    trees.put_all(driver, bad, (*bad.needs(bad.capture), bad.capture, wrong))
    driver.error(trees.start(driver, 1), ErrorCode.BAD_TREE)
    driver.settle()


# -- cuts, other sessions -----------------------------------------------------------------------------


def test_a_frame_in_hand_survives_a_cut(bench: Bench) -> None:
    """A resumed session: the frame still waits, its uploads go on, its result comes once."""
    driver = bench.drive()
    tree = trees.small_tree()
    trees.open_tree(driver, tree)
    request = trees.start(driver, 1)
    driver.answer(request, Fault)
    data = tree.objects[tree.path[0]]
    driver.send(samples.part(data, 0, 20))
    bench.cut(driver)
    assert bench.resume(driver).resumed
    driver.ask(samples.part(data, 20, len(data)), Stored)
    trees.put_all(driver, tree, (*tree.needs(tree.capture), tree.capture))
    result, _ = trees.serve(driver, tree, request)
    trees.check_result(result, tree, 1)
    driver.settle()
    driver.unanswered(request)


def test_a_result_lost_with_the_wire_comes_on_the_next_one(bench: Bench) -> None:
    """RESULT is kept until the host has received it, and comes once."""
    driver = bench.drive()
    tree = trees.small_tree()
    trees.open_tree(driver, tree)
    trees.serve(driver, tree, trees.start(driver, 1))
    request = trees.start(driver, 2)
    bench.cut(driver)
    assert bench.resume(driver).resumed
    trees.check_result(driver.answer(request, Result), tree, 2)
    driver.settle()
    driver.unanswered(request)


def test_no_frame_is_given_up_while_its_host_is_away(bench: Bench) -> None:
    """FAULT_TIMEOUT: a session without a wire cannot upload; the time counts anew when it is back."""
    bench.need_wires()
    driver = bench.drive()
    away = min(1.5, driver.welcome.resume_ms / 2000)
    timeout_ms = round(500 * away)
    tree = trees.small_tree(depth=1)
    trees.open_tree(driver, tree, timeout_ms=timeout_ms)
    for node in tree.path:
        trees.put_all(driver, tree, (*tree.needs(node), node))
    trees.put_all(driver, tree, tree.needs(tree.capture))
    request = trees.start(driver, 1)
    driver.answer(request, Fault)
    bench.cut(driver)
    time.sleep(away)
    capture = driver.send_later(samples.whole(tree.objects[tree.capture]))
    assert bench.resume(driver).resumed
    driver.answer(capture, Stored)
    trees.check_result(driver.answer(request, Result), tree, 1)


def test_a_new_session_ends_the_frame_and_closes_the_tree(bench: Bench) -> None:
    """A host that begins anew (or another one) finds the device free: objects stay, frame and tree do not."""
    driver = bench.drive()
    tree = trees.small_tree()
    trees.open_tree(driver, tree)
    driver.answer(trees.start(driver, 1), Fault)
    driver.leave()
    bench.cut(driver)
    second = bench.drive()
    status = second.ask(GetStatus(), Status)
    assert not status.frame_in_hand
    assert status.tree == bytes(16)
    assert status.budget_bytes == second.welcome.capabilities.memory_bytes
    second.refused(StartFrame(2), ErrorCode.NO_TREE)


def test_observers_get_every_result(bench: Bench) -> None:
    """RESULT, with request id 0, to each session that observes; faults are for the driver alone."""
    bench.need_wires()
    driver = bench.drive()
    observers = [bench.observe(), bench.observe()]
    tree = trees.small_tree()
    trees.open_tree(driver, tree)
    for frame in range(3):
        result, _ = trees.serve(driver, tree, trees.start(driver, frame))
        for observer in observers:
            assert observer.answer(0, Result) == result
    with contextlib.suppress(LinkError):
        for observer in observers:
            observer.settle()
            observer.unanswered(0)
