"""Small trees with known results on any device: their pictures come from the capture node."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, replace

import numpy as np

from pixeltree_conformance import samples
from pixeltree_conformance.conversation import Conversation
from pixeltree_conformance.model import Bits, pattern
from pixeltree_protocol.chip.registers import DREGS, Digital
from pixeltree_protocol.link.messages import Error, Fault, OpenTree, Result, StartFrame, Stored, TreeOpened
from pixeltree_protocol.objects import (
    ALL_COLUMNS,
    Child,
    Digest,
    FullyConnected,
    Label,
    Node,
    Segment,
    TreeRoot,
    digest_of,
)
from pixeltree_protocol.objects.controller_steps import LoadPattern
from pixeltree_protocol.objects.program import (
    AddLogits,
    ApplyFullyConnected,
    Argmax,
    Launch,
    Proceed,
    Program,
    ScanDreg,
    SetIn,
)

_INPUT = Digital.R6
_CARRIED = Digital.R7
_SCAN = ScanDreg(DREGS.index(_INPUT), 7, 32, 8)
_SCAN_FINE = ScanDreg(DREGS.index(_CARRIED), 3, 1, 4)
FAULT_TIMEOUT_MS = 20_000


@dataclass(frozen=True)
class SmallTree:
    """A tree with everything that is known about it.

    Attributes:
        objects: all objects, by digest.
        capture: digest of its capture node.
        path: digests of the nodes that every frame goes through, root first.
        outcomes: the exit taken at each of them.
        logits: the sums at each of them.
        label: at the end of the path.
    """

    digest: Digest
    objects: dict[Digest, bytes]
    capture: Digest
    path: tuple[Digest, ...]
    outcomes: tuple[int, ...]
    logits: tuple[tuple[int, ...], ...]
    label: int

    def needs(self, node: Digest) -> tuple[Digest, ...]:
        """Digests of a node's objects, its manifest not included."""
        return Node.decode(self.objects[node]).needs

    def bytes_of(self, *nodes: Digest) -> int:
        """Bytes of some nodes with all their objects."""
        digests = {digest for node in nodes for digest in (node, *self.needs(node))}
        return sum(len(self.objects[digest]) for digest in digests)


class _Path:
    """The path of a small tree's frames in the making, from its label up; other exits have another label."""

    def __init__(self) -> None:
        self.objects: dict[Digest, bytes] = {}
        draw = _picture(_INPUT)
        self.picture = pattern(draw.r, draw.c, draw.rx, draw.cx)
        program = self.add(Program((*_salt(), Launch(0), draw)).encode())
        blocks = (self.add(samples.block_of(20)),)
        capture = Node(program, blocks, (), frozenset(samples.REGISTERS), frozenset())
        self._capture = self.add(capture.encode())
        self._label = secrets.randbelow(0x10000)
        self._good: Label | Child = Label(self._label)
        self._visits: list[tuple[Digest, int, tuple[int, ...]]] = []

    def add(self, data: bytes) -> Digest:
        """Take an object."""
        self.objects[digest_of(data)] = data
        return digest_of(data)

    def lead(
        self,
        program: Program,
        segments: tuple[Segment, ...],
        logits: tuple[int, ...],
        outcome: int,
        exits: int,
        planes: frozenset[Digital] = frozenset(),
    ) -> None:
        """Put a node above, which leads on by one of its exits."""
        named = tuple(self.add(segment.encode()) for segment in segments)
        leads = tuple(self._good if n == outcome else Label(self._label ^ 1) for n in range(exits))
        node = Node(self.add(program.encode()), (), named, planes, frozenset(), leads)
        self._visits.insert(0, (self.add(node.encode()), outcome, logits))
        self._good = Child(self._visits[0][0])

    def tree(self) -> SmallTree:
        """The whole tree."""
        path, outcomes, logits = zip(*self._visits, strict=True)
        digest = self.add(TreeRoot(_INPUT, self._capture, path[0]).encode())
        return SmallTree(digest, self.objects, self._capture, path, outcomes, logits, self._label)


def small_tree(depth: int = 2, carries: bool = False, are_equal: bool = False) -> SmallTree:
    """A new tree of so many nodes on the path of its frames.

    Args:
        depth: nodes on the path.
        carries: the root also writes a register, and the nodes below decide by what it left there.
        are_equal: whether all logits of a node are equal.
    """
    path = _Path()
    draw = _picture(_CARRIED)
    carried = pattern(draw.r, draw.c, draw.rx, draw.cx)
    end = ApplyFullyConnected(0), Argmax()
    decide = Program((*_salt(), _SCAN, *end))
    leave = Program((draw, *decide.steps))
    find = Program((*_salt(), replace(_SCAN, dreg=DREGS.index(_CARRIED)), *end))
    for above in reversed(range(depth)):
        layer = _layer(are_equal=are_equal)
        program = (find if above else leave) if carries else decide
        logits = logits_of(layer, _rows(carried if carries and above else path.picture, _SCAN))
        planes = frozenset({_CARRIED} if carries else ())
        path.lead(program, (layer,), logits, logits.index(max(logits)), len(logits), planes)
    return path.tree()


def tree_with_sums(*outputs: int, bias: int = 0) -> SmallTree:
    """A new tree whose nodes proceed but for the last, and add their logits to those before but for the root.

    Results have the logits of the last alone.

    Args:
        outputs: logits of each node, root first; all alike, or the frame ends with BAD_TREE.
        bias: of all logits of every node.
    """
    path = _Path()
    nodes = []
    sums = (0,) * outputs[0]
    for index, count in enumerate(outputs):
        layer = _layer(count)
        layer = replace(layer, biases=tuple(bias + each for each in layer.biases))
        own = logits_of(layer, _rows(path.picture, _SCAN))
        sums = tuple(_wrapped(a + b) for a, b in zip(own, sums, strict=False)) if index else own
        nodes.append((layer, sums, index))
    for layer, logits, index in reversed(nodes):
        is_last = index == len(outputs) - 1
        adds = (AddLogits(),) if index else ()
        end = Argmax() if is_last else Proceed()
        program = Program((*_salt(), _SCAN, ApplyFullyConnected(0), *adds, end))
        outcome = logits.index(max(logits)) if is_last else 0
        told = logits if is_last else ()
        path.lead(program, (layer,), told, outcome, len(layer.biases) if is_last else 1)
    return path.tree()


def _wrapped(value: int) -> int:
    """As a 32-bit two's complement number."""
    return (value + (1 << 31)) % (1 << 32) - (1 << 31)


def tree_with_planes(*planes: int) -> SmallTree:
    """A new tree whose nodes' weights have so many planes, root first."""
    path = _Path()
    program = Program((*_salt(), _SCAN, ApplyFullyConnected(0), Argmax()))
    for count in reversed(planes):
        layer = _layer(planes=count)
        logits = logits_of(layer, _rows(path.picture, _SCAN))
        path.lead(program, (layer,), logits, logits.index(max(logits)), len(logits))
    return path.tree()


def tree_with_columns(*taken: int, planes: int = 1) -> SmallTree:
    """A new tree whose nodes take as inputs so many of every 256 bits that they read, root first.

    They read rows of the picture, and then of a pattern that differs from column to column. Weights of 0
    planes are ternary.
    """
    path = _Path()
    for count in reversed(taken):
        columns = sum(1 << column for column in secrets.SystemRandom().sample(range(256), count))
        layer = _layer(planes=planes, rows=_SCAN.rows + _SCAN_FINE.rows, columns=columns)
        fine = LoadPattern(_SCAN_FINE.dreg, 0, secrets.randbelow(256), 0xFF, 0b11111010)
        read = _rows(path.picture, _SCAN) + _rows(pattern(fine.r, fine.c, fine.rx, fine.cx), _SCAN_FINE)
        logits = logits_of(layer, read)
        program = Program((*_salt(), fine, _SCAN, _SCAN_FINE, ApplyFullyConnected(0), Argmax()))
        outcome = logits.index(max(logits))
        path.lead(program, (layer,), logits, outcome, len(logits), frozenset({_CARRIED}))
    return path.tree()


def _rows(plane: Bits, scan: ScanDreg) -> bytes:
    """What a scan reads of a plane."""
    rows = plane[scan.row :: scan.row_step][: scan.rows]
    return np.packbits(rows, axis=1, bitorder="little").tobytes()


def _picture(register: Digital) -> LoadPattern:
    """A step that draws a random pattern: a quarter of the columns, in half of the rows that are scanned."""
    row = 1 << 5 + secrets.randbelow(3)
    columns = sum(1 << bit for bit in secrets.SystemRandom().sample(range(8), 2))
    r, c = secrets.randbelow(256), secrets.randbelow(256)
    return LoadPattern(DREGS.index(register), r, c, 0xFF & ~row, 0xFF & ~columns)


def _salt() -> tuple[SetIn, ...]:
    """Steps that change nothing but the digest of a program."""
    return tuple(SetIn(secrets.randbelow(256) - 128) for _ in range(4))


def _layer(
    outputs: int = 3,
    are_equal: bool = False,
    planes: int = 1,
    rows: int = _SCAN.rows,
    columns: int = ALL_COLUMNS,
) -> FullyConnected:
    """Random weights of some outputs, the same for all if they are to be equal; with 0 planes ternary."""
    inputs = rows * columns.bit_count()
    different = 1 if are_equal else outputs
    biases = tuple(secrets.randbelow(21) - 10 for _ in range(different))
    weights = secrets.token_bytes(different * planes * ((inputs + 7) // 8))
    if not planes:
        weights = b"".join(_ternary_row(inputs) for _ in range(different))
    same = outputs // different
    return FullyConnected(inputs, biases * same, weights * same, planes, columns)


def _ternary_row(inputs: int) -> bytes:
    """Random weights, five to a byte; the last byte may hold fewer."""
    row = bytearray(secrets.randbelow(243) for _ in range(-(-inputs // 5)))
    row[-1] %= 3 ** (inputs % 5 or 5)
    return bytes(row)


def logits_of(layer: FullyConnected, bits: bytes) -> tuple[int, ...]:
    """Per output the sum over its planes of 2^j (2 popcount(XNOR(inputs, plane j)) - inputs), + bias."""
    inputs = _inputs(layer, bits)
    if not layer.planes:
        return _ternary_logits(layer, inputs)
    size = (layer.inputs + 7) // 8
    rows = _pieces(layer.weights, layer.planes * size)
    return tuple(
        sum(
            layer.inputs - 2 * _differences(inputs, row[at : at + size]) << at // size
            for at in range(0, len(row), size)
        )
        + bias
        for row, bias in zip(rows, layer.biases, strict=True)
    )


def _ternary_logits(layer: FullyConnected, inputs: list[int]) -> tuple[int, ...]:
    """Per output the sum of weights where inputs are 1, less that of the others, + bias."""
    rows = _pieces(layer.weights, -(-layer.inputs // 5))
    weights = [[row[at // 5] // 3 ** (at % 5) % 3 - 1 for at in range(len(inputs))] for row in rows]
    sums = [sum(w * (2 * x - 1) for w, x in zip(row, inputs, strict=True)) for row in weights]
    return tuple(own + bias for own, bias in zip(sums, layer.biases, strict=True))


def _pieces(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def _inputs(layer: FullyConnected, bits: bytes) -> list[int]:
    """The bits that were read less those that the layer's columns leave out."""
    read = (bits[at // 8] >> at % 8 & 1 for at in range(8 * len(bits)))
    return [bit for at, bit in enumerate(read) if layer.columns >> at % 256 & 1]


def _differences(inputs: list[int], signs: bytes) -> int:
    return sum(signs[at // 8] >> at % 8 & 1 != bit for at, bit in enumerate(inputs))


def put_all(driver: Conversation, tree: SmallTree, digests: tuple[Digest, ...]) -> None:
    """Upload objects of a tree, in order."""
    requests = [(digest, samples.send_object(driver, tree.objects[digest])) for digest in digests]
    for digest, request in requests:
        assert driver.answer(request, Stored).digest == digest


def open_tree(
    driver: Conversation, tree: SmallTree, limit: int = 0, timeout_ms: int = FAULT_TIMEOUT_MS
) -> TreeOpened:
    """Make a tree the open one."""
    put_all(driver, tree, (tree.digest,))
    return driver.ask(OpenTree(tree.digest, limit, timeout_ms), TreeOpened)


def open_whole(driver: Conversation, tree: SmallTree) -> None:
    """Open a tree and send all that its path needs, so that its frames have no faults."""
    open_tree(driver, tree)
    for node in (tree.capture, *tree.path):
        put_all(driver, tree, (*tree.needs(node), node))


def start(driver: Conversation, frame: int) -> int:
    """Start a frame; returns the request id."""
    return driver.send(StartFrame(frame))


def serve(driver: Conversation, tree: SmallTree, request: int) -> tuple[Result, int]:
    """Serve a frame's faults until its result comes; returns it and the number of faults."""
    faults = 0
    while True:
        event = driver.next_answer(request)
        assert not isinstance(event, Error), f"the frame ended with {event}"
        if isinstance(event, Result):
            return event, faults
        assert isinstance(event, Fault), f"neither a fault nor a result: {event}"
        faults += 1
        assert faults < 20, "the same is missing again and again"
        put_all(driver, tree, event.missing)


def check_result(result: Result, tree: SmallTree, frame: int) -> None:
    """Everything that is known about a result."""
    assert result.frame == frame
    assert tuple(visit.node for visit in result.path) == tree.path
    assert tuple(visit.outcome for visit in result.path) == tree.outcomes
    assert tuple(visit.logits for visit in result.path) == tree.logits
    assert result.label == tree.label
    assert result.device_ns >= result.capture_ns
    assert result.device_ns >= sum(visit.device_ns for visit in result.path)


def changed(tree: SmallTree, node: Node) -> SmallTree:
    """The tree with another root."""
    data = node.encode()
    root = TreeRoot(_INPUT, tree.capture, digest_of(data)).encode()
    objects = {**tree.objects, digest_of(data): data, digest_of(root): root}
    return replace(tree, digest=digest_of(root), objects=objects, path=(digest_of(data),))


def root_of(tree: SmallTree) -> Node:
    """The manifest of its root."""
    return Node.decode(tree.objects[tree.path[0]])
