"""Messages of the link itself: handshake, acknowledgement, notices. They are not sequenced."""

from __future__ import annotations

from dataclasses import dataclass

import construct as c

from pixeltree_protocol.link.declaration import Field, Sender, message, record
from pixeltree_protocol.link.messages.envelope import LEAST_BODY, LEAST_HOST_WINDOW, MAX_BODY
from pixeltree_protocol.link.messages.layouts import ID, NONCE, PROOF, TEXT

_HOST, _DEVICE = Sender.HOST, Sender.DEVICE
NO_SESSION = bytes(8)
"""In HELLO: a new session is wanted."""


@message(
    1,
    _HOST,
    Field("least_version", c.Int8ul, "least protocol version that the host speaks"),
    Field("greatest_version", c.Int8ul, "greatest protocol version that the host speaks"),
    Field("nonce", NONCE, "random; the same in every HELLO sent on one wire, new on every wire"),
    Field("session", ID, "session to go on with; zeros for a new one"),
    Field("role", c.Int8ul, "what the host wants to do", limits="0 drive, 1 observe"),
    Field(
        "window",
        c.Int32ul,
        "what may be on its way to the host, unhandled",
        "bytes on the wire",
        f"at least {LEAST_HOST_WINDOW:,}: one frame of the greatest size",
    ),
    Field("client", TEXT, "name of the host's software, for the device's log"),
    sequenced=False,
)
@dataclass(frozen=True)
class Hello:
    """First message on a wire; sent again, the same, until it is answered."""

    least_version: int
    greatest_version: int
    nonce: bytes
    session: bytes
    role: int
    window: int
    client: str


@message(
    23,
    _DEVICE,
    Field("nonce", NONCE, "the host's, from HELLO"),
    Field("challenge", NONCE, "random; the same for one HELLO nonce"),
    sequenced=False,
)
@dataclass(frozen=True)
class Challenge:
    """Answer to HELLO of a device that wants a token: prove that you know it."""

    nonce: bytes
    challenge: bytes


@message(
    24,
    _HOST,
    Field("proof", PROOF, 'HMAC-SHA256(token, "pixeltree host" + nonce + challenge)'),
    sequenced=False,
)
@dataclass(frozen=True)
class Proof:
    """Answer to CHALLENGE. The token itself never crosses the wire."""

    proof: bytes


@dataclass(frozen=True)
class Capabilities:
    """What a device can hold and take."""

    rows: int
    columns: int
    icw_store: int
    memory_bytes: int
    max_object: int
    max_body: int
    credit_window: int


CAPABILITIES = record(
    Capabilities,
    Field("rows", c.Int16ul, "rows of the array", "PEs"),
    Field("columns", c.Int16ul, "columns of the array", "PEs"),
    Field("icw_store", c.Int32ul, "room for the words of resident blocks together", "instruction words"),
    Field("memory_bytes", c.Int32ul, "room for all resident objects together", "bytes"),
    Field("max_object", c.Int32ul, "greatest size of an object", "bytes"),
    Field(
        "max_body",
        c.Int16ul,
        "greatest body of a message to the device",
        "bytes",
        f"{LEAST_BODY} to {MAX_BODY:,}",
    ),
    Field(
        "credit_window",
        c.Int32ul,
        "what may be on its way to the device, unhandled",
        "bytes on the wire",
        "at least one frame with the greatest body",
    ),
)


@message(
    2,
    _DEVICE,
    Field("version", c.Int8ul, "protocol version chosen"),
    Field("nonce", NONCE, "the host's, from HELLO"),
    Field("boot_id", ID, "random; another after every start of the device"),
    Field("session", ID, "the session's id, not zeros"),
    Field("resumed", c.Flag, "whether this is the session that HELLO asked for, nothing lost"),
    Field("role", c.Int8ul, "what the session may do", limits="0 drive, 1 observe"),
    Field(
        "proof",
        c.Prefixed(c.Int8ul, c.GreedyBytes),
        'HMAC-SHA256(token, "pixeltree device" + nonce + challenge); empty where no token is wanted',
        limits="0 or 32 bytes",
    ),
    Field("heartbeat_ms", c.Int16ul, "both ends send something at least this often", "ms", "at least 10"),
    Field("silence_ms", c.Int16ul, "an end that is silent for so long is gone", "ms", "above 2 heartbeat_ms"),
    Field("resume_ms", c.Int32ul, "for how long a session without a wire is kept", "ms"),
    Field("device", TEXT, "name of the device, for people"),
    Field("capabilities", CAPABILITIES, "what it can hold and take"),
    sequenced=False,
)
@dataclass(frozen=True)
class Welcome:
    """End of the handshake; sent again for every repetition of its HELLO."""

    version: int
    nonce: bytes
    boot_id: bytes
    session: bytes
    resumed: bool
    role: int
    proof: bytes
    heartbeat_ms: int
    silence_ms: int
    resume_ms: int
    device: str
    capabilities: Capabilities


@message(
    30,
    Sender.EITHER,
    Field("poll", c.Int8ul, "not 0: answer with this number at once"),
    Field("answer", c.Int8ul, "not 0: the poll that this answers"),
    Field("reject", c.Flag, "something was lost: send again from the number `received` on"),
    sequenced=False,
)
@dataclass(frozen=True)
class Ack:
    """The numbers at the head of this frame, without a payload; also a sign of life."""

    poll: int
    answer: int
    reject: bool


@message(
    33,
    _DEVICE,
    Field("code", c.Int16ul, "an error code"),
    Field("detail", TEXT, "what happened, for people", limits="at most 500 characters"),
    sequenced=False,
)
@dataclass(frozen=True)
class Notice:
    """Something about the wire rather than a request: damage, or (before WELCOME) why there is none."""

    code: int
    detail: str


@message(19, _HOST, sequenced=False)
@dataclass(frozen=True)
class Leave:
    """The host ends the session; nothing of it needs to be kept."""


@message(20, _DEVICE, Field("detail", TEXT, "why, for people"), sequenced=False)
@dataclass(frozen=True)
class Stopping:
    """The device goes away, and says so while it can."""

    detail: str
