"""Every message, declared once.

A message is a frozen dataclass whose byte layout is the construct in its decorator. On the wire each is
preceded by its code (u8) and a request id (u16): a reply, fault, result or error carries the id of the
request that it answers; 0 means that it answers none. Integers are little-endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import construct as c

from pixeltree_protocol.declaration import BY_CODE, MESSAGES, Sender, field_values, make, message, record
from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.objects.layout import DIGEST_BYTES, Digest

PROTOCOL_VERSION = 1
MAX_FAULT_TIMEOUT_MS = 3_600_000
ENVELOPE_BYTES = 3
_MAX_REQUEST = 0xFFFF
WHOLE = 0xFFFFFFFF
"""In HOLDINGS: the device has the whole object."""


class ErrorCode(IntEnum):
    """Why a request failed, or what was wrong with bytes that came in."""

    BAD_FRAME = 1
    MALFORMED = 2
    UNEXPECTED = 3
    VERSION = 4
    BUSY = 5
    BAD_OBJECT = 6
    DIGEST_MISMATCH = 7
    NO_ROOM = 8
    BAD_UPLOAD = 9
    BAD_TREE = 10
    BAD_SCENE = 11
    NO_TREE = 12
    FAULT_TIMEOUT = 13
    CREDIT_OVERRUN = 14
    OUT_OF_RANGE = 15
    INTERNAL = 16


_DIGEST = c.Bytes(DIGEST_BYTES)
_DIGESTS = c.PrefixedArray(c.Int16ul, _DIGEST)
_TEXT = c.PascalString(c.Int16ul, "utf8")
_HOST, _DEVICE = Sender.HOST, Sender.DEVICE


@message(1, _HOST, "least_version" / c.Int8ul, "greatest_version" / c.Int8ul, "client" / _TEXT)
@dataclass(frozen=True)
class Hello:
    """First message of a connection: the protocol versions that the host speaks, and its name."""

    least_version: int
    greatest_version: int
    client: str


@dataclass(frozen=True)
class Capabilities:
    """What a device can hold and take.

    Attributes:
        rows, columns: size of the array.
        icw_store: instruction words that resident blocks may take together.
        memory_bytes: bytes for all resident objects together.
        max_object: greatest size of an object, bytes.
        max_body: greatest body of a message to the device, bytes.
        credit_window: bytes on the wire that may be unacknowledged (see CREDIT).
    """

    rows: int
    columns: int
    icw_store: int
    memory_bytes: int
    max_object: int
    max_body: int
    credit_window: int


_CAPABILITIES = record(
    Capabilities,
    "rows" / c.Int16ul,
    "columns" / c.Int16ul,
    "icw_store" / c.Int32ul,
    "memory_bytes" / c.Int32ul,
    "max_object" / c.Int32ul,
    "max_body" / c.Int16ul,
    "credit_window" / c.Int32ul,
)


@message(
    2,
    _DEVICE,
    "version" / c.Int8ul,
    "boot_id" / c.Bytes(8),
    "device" / _TEXT,
    "capabilities" / _CAPABILITIES,
)
@dataclass(frozen=True)
class Welcome:
    """Answer to HELLO: the version chosen, a number that changes with every start, and capabilities."""

    version: int
    boot_id: bytes
    device: str
    capabilities: Capabilities


@message(3, _HOST, "digests" / _DIGESTS)
@dataclass(frozen=True)
class Query:
    """Which of these objects does the device hold? Those that it holds become the most recently used."""

    digests: tuple[Digest, ...]


@message(4, _DEVICE, "received" / c.PrefixedArray(c.Int16ul, c.Int32ul))
@dataclass(frozen=True)
class Holdings:
    """Answer to QUERY, in its order: bytes received of each object so far, or WHOLE."""

    received: tuple[int, ...]


@message(5, _HOST, "digest" / _DIGEST, "total" / c.Int32ul, "offset" / c.Int32ul, "data" / c.GreedyBytes)
@dataclass(frozen=True)
class Put:
    """Part of an object: bytes from ``offset`` on, of ``total``. Parts come in order."""

    digest: Digest
    total: int
    offset: int
    data: bytes


@message(6, _DEVICE, "digest" / _DIGEST, "evicted" / _DIGESTS)
@dataclass(frozen=True)
class Stored:
    """The object is whole, its digest is right, and it is resident; others had to go for it."""

    digest: Digest
    evicted: tuple[Digest, ...]


@message(
    7,
    _HOST,
    "tree" / _DIGEST,
    "memory_limit" / c.Int32ul,
    "fault_timeout_ms" / c.Int32ul,
)
@dataclass(frozen=True)
class OpenTree:
    """Run this tree from now on.

    Attributes:
        tree: digest of the tree object, which must be resident.
        memory_limit: bytes that objects may take; 0 for all there is.
        fault_timeout_ms: how long a frame waits for missing objects while no part of one comes in; at
            most an hour.
    """

    tree: Digest
    memory_limit: int
    fault_timeout_ms: int


@message(8, _DEVICE, "budget_bytes" / c.Int32ul, "evicted" / _DIGESTS)
@dataclass(frozen=True)
class TreeOpened:
    """Answer to OPEN_TREE: the budget in force, and what it forced out."""

    budget_bytes: int
    evicted: tuple[Digest, ...]


@message(
    9,
    _HOST,
    "clear" / c.Flag,
    "top" / c.Int16ul,
    "left" / c.Int16ul,
    "rows" / c.Int16ul,
    "columns" / c.Int16ul,
    "pixels" / c.GreedyBytes,
)
@dataclass(frozen=True)
class Scene:
    """What the sensor sees in a rectangle: one byte per pixel, row-major, left to right as one looks at it.

    ``left`` counts from the LEFT edge of the picture (array column 255). ``clear`` darkens the rest.
    A device with real optics answers BAD_SCENE.
    """

    clear: bool
    top: int
    left: int
    rows: int
    columns: int
    pixels: bytes


@message(10, _DEVICE)
@dataclass(frozen=True)
class Done:
    """A request that has no other answer is done."""


@message(11, _HOST, "frame" / c.Int32ul)
@dataclass(frozen=True)
class StartFrame:
    """Expose a frame and take it through the open tree; answered by RESULT, perhaps FAULTs before."""

    frame: int


@message(13, _HOST, "frame" / c.Int32ul)
@dataclass(frozen=True)
class CancelFrame:
    """Give this frame up, if it is in hand; answered by DONE, and by no RESULT."""

    frame: int


@dataclass(frozen=True)
class Visit:
    """One node on a frame's path: its digest, outcome, logits, and device time in nanoseconds."""

    node: Digest
    outcome: int
    logits: tuple[int, ...]
    device_ns: int


_VISIT = record(
    Visit,
    "node" / _DIGEST,
    "outcome" / c.Int8ul,
    "logits" / c.PrefixedArray(c.Int8ul, c.Int32sl),
    "device_ns" / c.Int64ul,
)


@message(
    12,
    _DEVICE,
    "frame" / c.Int32ul,
    "label" / c.Int16ul,
    "path" / c.PrefixedArray(c.Int8ul, _VISIT),
    "capture_ns" / c.Int64ul,
    "device_ns" / c.Int64ul,
    "stall_ns" / c.Int64ul,
    "words" / c.Int32ul,
)
@dataclass(frozen=True)
class Result:
    """A frame's answer.

    Attributes:
        frame: the id given in START_FRAME.
        label: the label at the end of the path.
        path: the nodes visited, root first.
        capture_ns: device time of exposing, thresholding and replicating.
        device_ns: device time of the whole frame, stalls not included.
        stall_ns: device time during which the frame waited for objects.
        words: instruction words executed.
    """

    frame: int
    label: int
    path: tuple[Visit, ...]
    capture_ns: int
    device_ns: int
    stall_ns: int
    words: int


@message(14, _DEVICE, "frame" / c.Int32ul, "node" / _DIGEST, "missing" / _DIGESTS)
@dataclass(frozen=True)
class Fault:
    """The frame is held: node ``node`` cannot run before the missing objects are resident.

    Where the manifest itself is missing, only it is listed: the device cannot know the rest.
    """

    frame: int
    node: Digest
    missing: tuple[Digest, ...]


@message(15, _HOST, "register" / _TEXT)
@dataclass(frozen=True)
class ReadPlane:
    """Read a register of the whole array by its vendor name: A to F, NEWS, R0 to R12."""

    register: str


@message(16, _DEVICE, "offset" / c.Int32ul, "total" / c.Int32ul, "data" / c.GreedyBytes)
@dataclass(frozen=True)
class PlanePart:
    """Part of the answer to READ_PLANE.

    A DREG is 8,192 bytes: 32 a row from row 0, bit i of byte j is column 8 j + i. An AREG is 65,536
    signed bytes, row-major. Column 0 is the right edge.
    """

    offset: int
    total: int
    data: bytes


@message(17, _HOST, "nonce" / c.Int32ul)
@dataclass(frozen=True)
class Ping:
    """Are you there?"""

    nonce: int


@message(18, _DEVICE, "nonce" / c.Int32ul)
@dataclass(frozen=True)
class Pong:
    """Yes."""

    nonce: int


@message(40, _HOST, "blocks" / _DIGESTS, "segments" / _DIGESTS, "program" / c.GreedyBytes)
@dataclass(frozen=True)
class Execute:
    """Immediate mode: run a program on resident objects, now and outside any tree.

    Attributes:
        blocks, segments: digests, in the order of the slots by which the program names them.
        program: a program object's bytes.
    """

    blocks: tuple[Digest, ...]
    segments: tuple[Digest, ...]
    program: bytes


@message(
    41,
    _DEVICE,
    "step" / c.Int16ul,
    "offset" / c.Int32ul,
    "total" / c.Int32ul,
    "data" / c.GreedyBytes,
)
@dataclass(frozen=True)
class ReadOut:
    """Part of what a read-out step of an EXECUTE gave; parts come in order, before EXECUTED."""

    step: int
    offset: int
    total: int
    data: bytes


@message(42, _DEVICE, "device_ns" / c.Int64ul, "words" / c.Int32ul)
@dataclass(frozen=True)
class Executed:
    """An EXECUTE is done: device time in nanoseconds, and instruction words executed."""

    device_ns: int
    words: int


@message(30, _DEVICE, "wire_bytes" / c.Int32ul)
@dataclass(frozen=True)
class Credit:
    """The device has taken this many more bytes off the wire; the host may send as many again."""

    wire_bytes: int


@message(31, _DEVICE, "code" / c.Int16ul, "detail" / _TEXT)
@dataclass(frozen=True)
class Error:
    """The request failed (or, with request id 0, what came in could not be understood)."""

    code: int
    detail: str


_MAX_DETAIL = 500


def error_message(code: ErrorCode, detail: str) -> Error:
    """An ERROR whose detail, which may quote what came in, stays short."""
    return Error(code, detail if len(detail) <= _MAX_DETAIL else detail[:_MAX_DETAIL] + "...")


Message = (
    Hello
    | Welcome
    | Query
    | Holdings
    | Put
    | Stored
    | OpenTree
    | TreeOpened
    | Scene
    | Done
    | StartFrame
    | CancelFrame
    | Result
    | Fault
    | ReadPlane
    | PlanePart
    | Ping
    | Pong
    | Execute
    | ReadOut
    | Executed
    | Credit
    | Error
)


def encode_message(message: Message, request: int) -> bytes:
    """A message's payload: code, request id, body.

    Raises:
        MessageError: a field does not fit its declaration.
    """
    declaration = MESSAGES[type(message)]
    if not 0 <= request <= _MAX_REQUEST:
        raise MessageError(f"request id {request} is outside 0 to {_MAX_REQUEST}")
    try:
        body = declaration.layout.build(field_values(message))
    except c.ConstructError as error:
        raise MessageError(f"{type(message).__name__} cannot be encoded: {error}") from error
    return bytes([declaration.code]) + request.to_bytes(2, "little") + bytes(body)


def decode_message(payload: bytes, sender: Sender) -> tuple[int, Message]:
    """Request id and message of a payload that ``sender`` sent.

    Raises:
        MessageError: unknown code, a message that only the other end sends, or a malformed body.
    """
    if len(payload) < ENVELOPE_BYTES:
        raise MessageError(f"a message has at least {ENVELOPE_BYTES} bytes, not {len(payload)}")
    cls = BY_CODE.get(payload[0])
    if cls is None:
        raise MessageError(f"unknown message code {payload[0]}")
    declaration = MESSAGES[cls]
    if declaration.sender is not sender:
        raise MessageError(f"{cls.__name__} is not a message that a {sender.value} sends")
    try:
        parsed = declaration.layout.parse(payload[ENVELOPE_BYTES:])
    except (c.ConstructError, UnicodeDecodeError) as error:
        detail = str(error).strip().splitlines()[-1][:_MAX_DETAIL]
        raise MessageError(f"malformed {cls.__name__}: {detail}") from error
    return int.from_bytes(payload[1:3], "little"), make(cls, parsed)
