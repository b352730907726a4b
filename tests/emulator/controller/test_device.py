"""The device behind its link: faults, time-outs, refusals. No sockets; messages go in, answers come out.

It is one module because all tests ask the same small tree of the same device by the same helpers.
"""

from dataclasses import replace

import numpy as np
import pytest
from tests.support.inside import residents_of
from tests.support.objects import object_of

from pixeltree_emu.controller.clock import CostModel
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.controller.limits import DeviceLimits
from pixeltree_protocol.chip.isa import ICW, Instruction, encode
from pixeltree_protocol.chip.registers import Analog, Digital, bits
from pixeltree_protocol.link.messages import (
    MAX_FAULT_TIMEOUT_MS,
    CancelFrame,
    Done,
    Error,
    ErrorCode,
    Fault,
    OpenTree,
    PlanePart,
    Put,
    PutSeveral,
    ReadPlane,
    Result,
    Show,
    StartFrame,
    Stored,
    StoredSeveral,
    TreeOpened,
)
from pixeltree_protocol.objects import (
    MAX_DEPTH,
    Block,
    Child,
    FullyConnected,
    Label,
    Node,
    TreeRoot,
    digest_of,
)
from pixeltree_protocol.objects.program import ApplyFullyConnected, Argmax, Launch, Program, ScanDreg

R5, R6 = Digital.R5, Digital.R6
NEWS, A = Analog.NEWS, Analog.A


class Tiny:
    """A tree of two nodes that decide by the number of bright pixels: more than half, or not."""

    def __init__(self, planes=1, taken=256):
        self.objects = {}
        expose = Block(
            tuple(
                encode(word)
                for word in (
                    Instruction("bus", (NEWS,), (Analog.PIX,)),
                    Instruction("rpix"),
                    Instruction("bus", (A,), (NEWS, Analog.PIX)),
                    Instruction("where", (), (A,)),
                    Instruction("MOV", (R5,), (Digital.FLAG,)),
                    Instruction("all"),
                )
            )
        )
        copy = Block((encode(Instruction("MOV", (R6,), (R5,))),))
        rows = b"".join(bit * (planes * ((taken + 7) // 8)) for bit in (b"\xff", b"\0"))
        count = FullyConnected(taken, (0, 0), rows, planes, (1 << taken) - 1)
        self.capture = self.node(Program((Launch(0),)), [expose], [], {R5}, {A, NEWS}, ())
        decide = Program((Launch(0), ScanDreg(6, 0, 1, 1), ApplyFullyConnected(0), Argmax()))
        self.leaf = self.node(decide, [copy], [count], {R6}, set(), (Label(7), Label(8)))
        self.root = self.node(decide, [copy], [count], {R6}, set(), (Child(self.leaf), Label(1)))
        self.tree = self.add(TreeRoot(R5, self.capture, self.root))

    def add(self, thing):
        data = thing.encode()
        self.objects[digest_of(data)] = data
        return digest_of(data)

    def node(self, program, blocks, segments, dregs, aregs, exits):
        return self.add(
            Node(
                self.add(program),
                tuple(self.add(block) for block in blocks),
                tuple(self.add(segment) for segment in segments),
                frozenset(dregs),
                frozenset(aregs),
                exits,
            )
        )


class Host:
    """Talks to a device without a wire."""

    def __init__(self, **limits):
        self.time = 0.0
        self.device = EmulatedDevice(DeviceLimits(**limits), CostModel(), now=lambda: self.time)
        self.answers = []
        self.device.attach(lambda message, request: self.answers.append((request, message)))

    def ask(self, message, request=1):
        self.answers.clear()
        self.device.handle(message, request, 100)
        return [message for _, message in self.answers]

    def put(self, data, digest=None):
        return self.ask(Put(digest or digest_of(data), len(data), 0, data))[0]

    def upload(self, tiny, *digests):
        for digest in digests or tiny.objects:
            assert isinstance(self.put(tiny.objects[digest]), Stored)

    def run(self, limit=1000):
        self.answers.clear()
        for _ in range(limit):
            self.device.work()
            if not self.device.busy:
                break
        return [message for _, message in self.answers]


@pytest.fixture
def tiny():
    return Tiny()


def test_a_resident_tree_runs_to_its_label(tiny):
    host = Host()
    host.upload(tiny)
    assert isinstance(host.ask(OpenTree(tiny.tree, 0, 1000))[0], TreeOpened)
    bright = np.full((256, 256), 255, np.uint8)
    assert host.ask(Show(True, 0, 0, 256, 256, bright.tobytes())) == [Done()]
    host.ask(StartFrame(42), request=9)
    (result,) = host.run()
    assert isinstance(result, Result)
    assert (result.frame, result.label) == (42, 7)
    assert [visit.node for visit in result.path] == [tiny.root, tiny.leaf]
    assert [visit.logits for visit in result.path] == [(256, -256)] * 2
    assert result.stall_ns == 0
    assert result.words == 6 + 1 + 1


@pytest.mark.parametrize("planes", [1, 2, 7])
@pytest.mark.parametrize("taken", [256, 255, 33])
def test_device_time_is_the_sum_of_the_cost_model(taken, planes):
    host, tiny = Host(), Tiny(planes, taken)
    host.upload(tiny)
    host.ask(OpenTree(tiny.tree, 0, 1000))
    host.ask(StartFrame(1))
    (result,) = host.run()
    costs = CostModel()
    assert result.capture_ns == costs.launch_ns + 6 * costs.word_ns
    chunks = (taken + 31) // 32 * 2 * planes
    chunks += 256 // 32 if taken < 256 else 0
    node = costs.launch_ns + costs.word_ns + 32 * costs.scan_byte_ns
    node += (chunks * costs.fully_connected_operations + 2) * costs.operation_ns
    assert [visit.device_ns for visit in result.path] == [node] * len(result.path)
    assert result.device_ns == result.capture_ns + len(result.path) * node + costs.result_ns


def test_a_missing_manifest_faults_first_and_then_what_it_names(tiny):
    host = Host()
    host.upload(tiny, tiny.tree)
    host.ask(OpenTree(tiny.tree, 0, 1000))
    host.ask(StartFrame(1))
    (fault,) = host.run()
    assert fault == Fault(1, tiny.capture, (tiny.capture,))
    host.upload(tiny, tiny.capture)
    (fault,) = host.run()
    node = Node.decode(tiny.objects[tiny.capture])
    assert fault == Fault(1, tiny.capture, node.needs)


def test_a_fault_is_reported_once_and_the_frame_goes_on_when_served(tiny):
    host = Host()
    host.upload(tiny, *(d for d in tiny.objects if d != tiny.leaf))
    host.ask(OpenTree(tiny.tree, 0, 1000))
    host.ask(Show(True, 0, 0, 1, 256, b"\xff" * 256))
    host.ask(StartFrame(1))
    assert host.run() == [Fault(1, tiny.leaf, (tiny.leaf,))]
    assert host.run() == []
    host.upload(tiny, tiny.leaf)
    (result,) = host.run()
    assert result.label == 7
    assert result.stall_ns == CostModel().line_ns(100), "the bytes of the one upload that it waited for"


def test_a_fault_that_is_not_served_in_time_ends_the_frame_with_an_error(tiny):
    host = Host()
    host.upload(tiny, tiny.tree)
    host.ask(OpenTree(tiny.tree, 0, 500))
    host.ask(StartFrame(3))
    host.run()
    host.time = 0.499
    assert host.run() == []
    assert host.device.wakes_at == 0.5
    host.time = 0.5
    (error,) = host.run()
    assert error.code == ErrorCode.FAULT_TIMEOUT
    assert "frame 3" in error.detail
    host.upload(tiny)
    host.ask(StartFrame(4))
    assert host.run()[0].frame == 4, "the device goes on"


def test_a_fault_that_is_being_served_does_not_time_out(tiny):
    """A slow line may need longer than the time-out, as long as something comes in."""
    host = Host()
    host.upload(tiny, tiny.tree)
    host.ask(OpenTree(tiny.tree, 0, 500))
    host.ask(StartFrame(3))
    host.run()
    for digest in tiny.objects:
        host.time += 0.4
        host.put(tiny.objects[digest])
        assert not any(isinstance(answer, Error) for answer in host.run())
    assert host.device.busy is False
    assert host.device.wakes_at is None, "the frame is done"


def test_objects_of_the_frame_in_hand_are_never_evicted(tiny):
    node = Node.decode(tiny.objects[tiny.capture])
    needed = {tiny.tree, tiny.capture, *node.needs}
    host = Host(memory_bytes=sum(len(tiny.objects[digest]) for digest in needed))
    host.upload(tiny, *needed)
    host.ask(OpenTree(tiny.tree, 0, 1000))
    host.ask(StartFrame(1))
    host.device.work()  # the capture node is active now
    filler = FullyConnected(8 * 40, (1,), b"a" * 40).encode()
    assert host.put(filler).code == ErrorCode.NO_ROOM
    assert all(digest in host.device.store for digest in needed)


def test_an_icw_that_means_nothing_is_refused_with_block_word_and_bits():
    host = Host()
    data = Block((ICW(0), ICW(bits("dig8")))).encode()
    error = host.put(data)
    assert error.code == ErrorCode.BAD_OBJECT
    assert digest_of(data)[:4].hex() in error.detail
    assert "word 1" in error.detail
    assert "dig8" in error.detail
    assert digest_of(data) not in host.device.store


def test_a_node_that_writes_the_input_plane_is_refused(tiny):
    host = Host()
    evil = tiny.node(
        Program((Launch(0), ScanDreg(6, 0, 1, 1), ApplyFullyConnected(0), Argmax())),
        [Block((encode(Instruction("SET", (R5,))),))],
        [FullyConnected(256, (0, 0), b"\xff" * 32 + b"\0" * 32)],
        {R6},
        set(),
        (Label(0), Label(1)),
    )
    tree = tiny.add(TreeRoot(R5, tiny.capture, evil))
    host.upload(tiny)
    host.ask(OpenTree(tree, 0, 1000))
    host.ask(StartFrame(1))
    (error,) = host.run()
    assert error.code == ErrorCode.BAD_TREE
    assert "R5" in error.detail


def test_a_tree_whose_child_is_no_node_ends_the_frame(tiny):
    host = Host()
    tree = tiny.add(TreeRoot(R5, tiny.capture, tiny.tree))
    host.upload(tiny)
    host.ask(OpenTree(tree, 0, 1000))
    host.ask(StartFrame(1))
    assert host.run()[0].code == ErrorCode.BAD_TREE


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (StartFrame(1), ErrorCode.NO_TREE),
        (OpenTree(b"x" * 16, 0, 0), ErrorCode.NO_TREE),
        (Show(True, 250, 0, 10, 10, b"x" * 100), ErrorCode.CANNOT_SHOW),
        (Show(True, 0, 0, 10, 10, b"x" * 99), ErrorCode.CANNOT_SHOW),
        (Show(True, 0, 0, 0, 4, b""), ErrorCode.CANNOT_SHOW),
        (Show(True, 0, 0, 0, 0, b"x"), ErrorCode.CANNOT_SHOW),
        (ReadPlane("R13"), ErrorCode.OUT_OF_RANGE),
        (ReadPlane("IN"), ErrorCode.OUT_OF_RANGE),
    ],
)
def test_a_request_that_makes_no_sense_is_refused(message, code):
    (error,) = Host().ask(message)
    assert isinstance(error, Error)
    assert error.code == code
    assert error.detail


def test_one_frame_at_a_time(tiny):
    host = Host()
    host.upload(tiny)
    host.ask(OpenTree(tiny.tree, 0, 1000))
    host.ask(StartFrame(1))
    assert host.ask(StartFrame(2))[0].code == ErrorCode.BUSY
    assert host.ask(OpenTree(tiny.tree, 0, 1000))[0].code == ErrorCode.BUSY
    assert host.run()[0].frame == 1


def test_a_new_session_finds_the_objects_but_no_tree_and_no_frame(tiny):
    host = Host()
    host.upload(tiny)
    host.ask(OpenTree(tiny.tree, 0, 1000))
    host.ask(StartFrame(1))
    host.device.attach(lambda message, request: host.answers.append((request, message)))
    assert host.run() == []
    assert all(digest in host.device.store for digest in tiny.objects)
    assert host.ask(StartFrame(2))[0].code == ErrorCode.NO_TREE


def test_planes_are_read_in_parts():
    host = Host()
    plane = np.random.default_rng(0).random((256, 256)) < 0.5
    host.device.array.engine.set_digital(R6, plane)
    parts = host.ask(ReadPlane("R6"))
    assert all(isinstance(part, PlanePart) and part.total == 8192 for part in parts)
    data = np.frombuffer(b"".join(part.data for part in parts), np.uint8)
    read = np.unpackbits(data, bitorder="little").reshape(256, 256)
    assert np.array_equal(read, plane)


def chain(tiny, length):
    """A tree whose bright frames go through ``length`` nodes before they reach a label."""
    node = Node.decode(tiny.objects[tiny.leaf])
    below = Label(3)
    for _ in range(length):
        below = Child(tiny.add(replace(node, exits=(below, Label(1)))))
    return tiny.add(TreeRoot(R5, tiny.capture, below.node))


@pytest.mark.parametrize(("length", "answer"), [(MAX_DEPTH, Result), (MAX_DEPTH + 1, Error)])
def test_a_path_has_a_greatest_length(tiny, length, answer):
    tree = chain(tiny, length)
    host = Host(memory_bytes=1 << 20)
    host.upload(tiny)
    host.ask(OpenTree(tree, 0, 1000))
    host.ask(Show(True, 0, 0, 1, 256, b"\xff" * 256))
    host.ask(StartFrame(1))
    (message,) = host.run(limit=10_000)
    assert isinstance(message, answer)
    assert host.device.busy is False


def test_a_capture_node_that_is_also_the_root_ends_the_frame(tiny):
    host = Host()
    tree = tiny.add(TreeRoot(R5, tiny.capture, tiny.capture))
    host.upload(tiny)
    host.ask(OpenTree(tree, 0, 1000))
    host.ask(StartFrame(1))
    assert host.run()[0].code == ErrorCode.BAD_TREE


def test_a_fault_time_out_beyond_all_reason_is_refused(tiny):
    host = Host()
    host.upload(tiny)
    assert host.ask(OpenTree(tiny.tree, 0, MAX_FAULT_TIMEOUT_MS + 1))[0].code == ErrorCode.OUT_OF_RANGE
    assert isinstance(host.ask(OpenTree(tiny.tree, 0, MAX_FAULT_TIMEOUT_MS))[0], TreeOpened)


def test_a_long_step_is_done_in_pieces_so_that_the_link_is_served(tiny):
    host = Host()
    block = Block((encode(Instruction("nop")),) * 100)
    capture = Node.decode(tiny.objects[tiny.capture])
    slow = tiny.node(Program((Launch(0, 500),)), [block], [], capture.dregs, capture.aregs, ())
    tree = tiny.add(TreeRoot(R5, slow, tiny.root))
    host.upload(tiny)
    host.ask(OpenTree(tree, 0, 1000))
    host.ask(StartFrame(1))
    for _ in range(500):
        assert host.device.busy
        host.device.work()
    assert host.device.clock.words <= 50_000


def test_a_cancelled_frame_is_over_without_a_result(tiny):
    host = Host()
    host.upload(tiny, tiny.tree)
    host.ask(OpenTree(tiny.tree, 0, 1000))
    host.ask(StartFrame(5))
    assert isinstance(host.run()[0], Fault)
    assert host.ask(CancelFrame(4)) == [Done()]
    assert host.device.wakes_at is not None, "another frame's number changes nothing"
    assert host.ask(CancelFrame(5)) == [Done()]
    assert host.device.wakes_at is None
    assert host.run() == []


def test_objects_that_are_sent_again_do_not_keep_a_fault_alive(tiny):
    host = Host()
    host.upload(tiny, tiny.tree)
    host.ask(OpenTree(tiny.tree, 0, 500))
    host.ask(StartFrame(3))
    host.run()
    host.time = 0.4
    host.put(tiny.objects[tiny.tree])
    host.time = 0.6
    assert host.run()[0].code == ErrorCode.FAULT_TIMEOUT


def test_an_internal_error_ends_what_is_in_hand(tiny):
    host = Host()
    host.upload(tiny)
    host.ask(OpenTree(tiny.tree, 0, 500))
    host.ask(StartFrame(3), request=7)
    host.device.give_up("something impossible")
    assert host.answers[-1] == (7, Error(ErrorCode.INTERNAL, "something impossible"))
    assert not host.device.busy


# ---- several objects together


def pieces(*sizes):
    """Valid objects of these sizes, different ones."""
    return [object_of(size, size % 256) for size in sizes]


def several(host, *objects):
    """The answer to objects that come together."""
    (answer,) = host.ask(PutSeveral(objects))
    return answer


def names(*objects):
    return [digest_of(data) for data in objects]


def test_a_whole_tree_may_come_together(tiny):
    host = Host()
    objects = list(tiny.objects.values())
    assert several(host, *objects) == StoredSeveral(digest_of(b"".join(tiny.objects)), ())
    assert isinstance(host.ask(OpenTree(tiny.tree, 0, 1000))[0], TreeOpened)
    host.ask(StartFrame(1))
    assert isinstance(host.run()[-1], Result)


@pytest.mark.parametrize(
    ("objects", "code"),
    [
        ([], ErrorCode.OUT_OF_RANGE),
        (pieces(20) * 33, ErrorCode.OUT_OF_RANGE),
        ([*pieces(20, 21), b"\x02\x01no object", *pieces(22)], ErrorCode.BAD_OBJECT),
        ([*pieces(20), b""], ErrorCode.BAD_UPLOAD),
        (pieces(20, 201), ErrorCode.BAD_UPLOAD),
    ],
)
def test_where_one_of_several_is_refused_nothing_has_changed(objects, code):
    host = Host(max_object=200, memory_bytes=250)
    (there,) = pieces(190)
    host.put(there)
    assert several(host, *objects).code == code
    assert list(residents_of(host.device.store)) == names(there)
    assert host.device.store.used_bytes == 190


def test_a_block_without_a_meaning_among_several_is_refused_before_any_is_stored():
    host = Host()
    bad = Block((ICW(0), ICW(bits("g_start")))).encode()
    assert several(host, *pieces(20), bad).code == ErrorCode.BAD_OBJECT
    assert len(host.device.store) == 0


def test_several_evict_what_was_not_used_for_longest_and_name_it():
    host = Host(memory_bytes=330)
    old = pieces(100, 101, 102)
    for data in old:
        host.put(data)
    new = pieces(60, 61)
    assert several(host, new[0], old[2], new[1]).evicted == tuple(names(old[0]))
    assert list(residents_of(host.device.store)) == names(old[1], old[2], *new)


def test_what_went_and_came_again_with_the_others_is_not_named():
    host = Host(memory_bytes=200)
    first, second, third = pieces(90, 91, 92)
    assert several(host, first, second, third, first).evicted == tuple(names(second))
    assert list(residents_of(host.device.store)) == names(third, first)


def test_an_object_that_comes_twice_takes_its_room_once():
    host = Host(memory_bytes=200)
    there, new = pieces(100, 90)
    host.put(there)
    assert several(host, new, new).evicted == ()
    assert list(residents_of(host.device.store)) == names(there, new)


def test_where_one_of_several_has_no_room_those_before_it_stay():
    host = Host(memory_bytes=200)
    small, large = pieces(50, 201)
    assert several(host, small, large).code == ErrorCode.NO_ROOM
    assert list(residents_of(host.device.store)) == names(small)


def test_an_object_of_which_a_part_is_there_does_not_come_whole():
    host = Host()
    (half,) = pieces(50)
    host.ask(Put(digest_of(half), 50, 0, half[:20]))
    assert several(host, *pieces(30), half).code == ErrorCode.BAD_UPLOAD
    assert host.device.store.received(digest_of(half)) == 20
    assert len(host.device.store) == 0
    assert host.ask(Put(digest_of(half), 50, 20, half[20:])) == [Stored(digest_of(half), ())]


def test_several_objects_keep_a_fault_alive_unless_all_are_there(tiny):
    host = Host()
    host.upload(tiny, tiny.tree)
    host.ask(OpenTree(tiny.tree, 0, 1000))
    host.ask(StartFrame(1))
    host.run()
    new = pieces(20, 21)
    for time, objects, deadline in [(0.9, new, 1.9), (1.5, new, 1.9), (1.6, [*new, *pieces(22)], 2.6)]:
        host.time = time
        several(host, *objects)
        assert host.device.wakes_at == pytest.approx(deadline)
