"""Payloads: an envelope, then a message's body."""

from __future__ import annotations

import struct
from typing import NamedTuple

import construct as c

from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.link.declaration import BY_CODE, MESSAGES, Sender, field_values, make
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.messages.codes import ErrorCode
from pixeltree_protocol.link.messages.device import (
    Error,
    Execute,
    Executed,
    GetSettings,
    GetStatus,
    Ping,
    PlanePart,
    Pong,
    ReadOut,
    ReadPlane,
    Settings,
    Status,
)
from pixeltree_protocol.link.messages.envelope import ENVELOPE, ENVELOPE_BYTES
from pixeltree_protocol.link.messages.frames import (
    CancelFrame,
    Done,
    Exposure,
    Fault,
    OpenTree,
    Result,
    SetExposure,
    Show,
    StartFrame,
    TreeOpened,
)
from pixeltree_protocol.link.messages.link import (
    Ack,
    Challenge,
    Hello,
    Leave,
    Notice,
    Proof,
    Stopping,
    Welcome,
)
from pixeltree_protocol.link.messages.objects import Holdings, Put, PutSeveral, Query, Stored, StoredSeveral

MAX_DETAIL = 500
_NOTHING = Numbers(0, 0, 0)

Request = (
    Query
    | Put
    | PutSeveral
    | OpenTree
    | Show
    | StartFrame
    | CancelFrame
    | ReadPlane
    | Ping
    | GetSettings
    | GetStatus
    | Execute
    | SetExposure
)
"""What a session's host may send."""

Reply = (
    Holdings
    | Stored
    | StoredSeveral
    | TreeOpened
    | Done
    | Result
    | Fault
    | PlanePart
    | Pong
    | Settings
    | Status
    | ReadOut
    | Executed
    | Exposure
    | Error
)
"""What a session's device may send."""

LinkMessage = Hello | Challenge | Proof | Welcome | Ack | Notice | Leave | Stopping
Message = Request | Reply | LinkMessage


LINK_MESSAGES = frozenset(cls for cls, declared in MESSAGES.items() if not declared.sequenced)
"""The classes of :data:`LinkMessage`."""

_LINK_CODES = frozenset(MESSAGES[cls].code for cls in LINK_MESSAGES)


class Envelope(NamedTuple):
    """What comes before every message's body."""

    code: int
    request: int
    numbers: Numbers


def encode_message(message: Message, request: int, numbers: Numbers = _NOTHING) -> bytes:
    """A message's payload: envelope and body.

    Raises:
        MessageError: a field does not fit its declaration.
    """
    return seal(encode_body(message), message, request, numbers)


def envelope(code: int, request: int, numbers: Numbers) -> bytes:
    """What stands before a message's body.

    Raises:
        MessageError: the request id is not 0 to 65,535.
    """
    try:
        return ENVELOPE.pack(code, request, *numbers)
    except struct.error as error:
        raise MessageError(f"request id {request} is outside 0 to 65535") from error


def seal(body: bytes, message: Message, request: int, numbers: Numbers) -> bytes:
    """The envelope before a message's body, which :func:`encode_body` made.

    Raises:
        MessageError: the request id is not 0 to 65,535.
    """
    return envelope(MESSAGES[type(message)].code, request, numbers) + body


def encode_body(message: Message) -> bytes:
    """A message's bytes without its envelope.

    Raises:
        MessageError: a field does not fit its declaration.
    """
    head, tail = body_pieces(message)
    return head + tail if tail else head


def body_pieces(message: Message) -> tuple[bytes, bytes]:
    """The same in two pieces, of which the second, which may be long, is not copied.

    Raises:
        MessageError: a field does not fit its declaration.
    """
    declaration = MESSAGES[type(message)]
    try:
        if declaration.quick is not None:
            return declaration.quick.pieces(message)
        return bytes(declaration.layout.build(field_values(message))), b""
    except (c.ConstructError, struct.error, TypeError) as error:
        raise MessageError(f"{type(message).__name__} cannot be encoded: {error}") from error


def open_envelope(payload: bytes) -> Envelope:
    """What stands before the body.

    Raises:
        MessageError: there are too few bytes.
    """
    if len(payload) < ENVELOPE_BYTES:
        raise MessageError(f"a message has at least {ENVELOPE_BYTES} bytes, not {len(payload)}")
    code, request, sequence, received, handled = ENVELOPE.unpack_from(payload)
    return Envelope(code, request, Numbers(sequence, received, handled))


def is_sequenced(code: int) -> bool:
    """Whether a message takes part in reliable delivery; one with an unknown code does."""
    return code not in _LINK_CODES


def decode_message(payload: bytes, sender: Sender) -> tuple[int, Message]:
    """Request id and message of a payload that ``sender`` sent.

    Raises:
        MessageError: unknown code, a message that only the other end sends, or a malformed body.
    """
    opened = open_envelope(payload)
    return opened.request, read_message(opened.code, payload, sender)


def read_message(code: int, payload: bytes, sender: Sender) -> Message:
    """The message of a payload that ``sender`` sent, whose envelope has this code.

    Raises:
        MessageError: see :func:`decode_message`.
    """
    cls = BY_CODE.get(code)
    if cls is None:
        raise MessageError(f"unknown message code {code}")
    declaration = MESSAGES[cls]
    if declaration.sender is not sender and declaration.sender is not Sender.EITHER:
        raise MessageError(f"{cls.__name__} is not a message that a {sender.value} sends")
    quick = declaration.quick
    try:
        message: Message = (
            make(cls, declaration.layout.parse(payload[ENVELOPE_BYTES:]))
            if quick is None
            else quick.parse(payload, ENVELOPE_BYTES)
        )
    except (c.ConstructError, struct.error, UnicodeDecodeError) as error:
        detail = str(error).strip().splitlines()[-1][:MAX_DETAIL]
        raise MessageError(f"malformed {cls.__name__}: {detail}") from error
    return message


def error_message(code: ErrorCode, detail: str) -> Error:
    """An ERROR whose detail, which may quote what came in, stays short."""
    return Error(code, shorten(detail))


def shorten(detail: str) -> str:
    """A detail of at most about 500 characters."""
    return detail if len(detail) <= MAX_DETAIL else detail[:MAX_DETAIL] + "..."
