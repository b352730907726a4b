"""Write tests/protocol/golden: every message with fixed values, as fields and as bytes, and damaged frames.

The files say what is on the wire; whoever writes a device in another language can test against them. They are
made once for a version of the protocol. The tests check them against bytes packed by hand, so never run this
to make a failing test pass, only when the version of the protocol changes.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

from cobs import cobs

from pixeltree_protocol.link.declaration import MESSAGES
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.framing import encode_frame
from pixeltree_protocol.link.messages import (
    PROTOCOL_VERSION,
    Ack,
    CancelFrame,
    Capabilities,
    Challenge,
    Done,
    Error,
    Execute,
    Executed,
    Exposure,
    Fault,
    GetSettings,
    GetStatus,
    Hello,
    Holdings,
    Leave,
    Message,
    Notice,
    OpenTree,
    Ping,
    PlanePart,
    Pong,
    Proof,
    Put,
    PutSeveral,
    Query,
    ReadOut,
    ReadPlane,
    Result,
    SetExposure,
    Settings,
    Show,
    StartFrame,
    Status,
    Stopping,
    Stored,
    StoredSeveral,
    TreeOpened,
    Visit,
    Welcome,
    encode_message,
)

GOLDEN = Path(__file__).parent.parent / "tests/protocol/golden"

_DIGEST = bytes(range(0x10, 0x20))
_OTHER = bytes(range(0xA0, 0xB0))
_NONCE = bytes(range(0x40, 0x50))
_CHALLENGE = bytes(range(0x60, 0x70))
_TOKEN_PROOF = bytes(range(0x80, 0xA0))
_CAPABILITIES = Capabilities(256, 256, 1024, 65_536, 65_536, 8_192, 32_768)

MESSAGES_WRITTEN: tuple[Message, ...] = (
    Hello(1, 2, _NONCE, b"session1", 0, 1_048_576, "Zürich"),
    Welcome(
        PROTOCOL_VERSION,
        _NONCE,
        b"boot no1",
        b"session1",
        True,
        1,
        _TOKEN_PROOF,
        1_000,
        5_000,
        30_000,
        "emulator",
        _CAPABILITIES,
    ),
    Query((_DIGEST, _OTHER)),
    Holdings((0, 300, 0xFFFFFFFF)),
    Put(_DIGEST, 300, 256, b"\x00part\xff"),
    Stored(_DIGEST, (_OTHER,)),
    PutSeveral((b"\x00one\xff", b"\x02")),
    StoredSeveral(_DIGEST, (_OTHER,)),
    OpenTree(_DIGEST, 65_536, 2_000),
    TreeOpened(65_536, (_OTHER, _DIGEST)),
    Show(True, 1, 2, 2, 3, b"\x00\x01\x02\xfd\xfe\xff"),
    Done(),
    StartFrame(0x01020304),
    Result(
        7,
        3,
        (Visit(_DIGEST, 1, (-1, 2), 1_000_000), Visit(_OTHER, 0, (), 5)),
        11,
        0x0102030405060708,
        13,
        14,
    ),
    CancelFrame(0x01020304),
    Fault(7, _DIGEST, (_OTHER, _DIGEST)),
    ReadPlane("R12"),
    PlanePart(4_096, 8_192, b"\x00\x00\xaa"),
    Ping(0xDEADBEEF),
    Pong(0xDEADBEEF),
    Leave(),
    Stopping("out of power"),
    GetStatus(),
    GetSettings(),
    Settings("source=moving\nchip=3"),
    Status(2, "pixeltree", _DIGEST, True, 500, 65_536, 40_000, 900, 17, 123_456_789, 60_000, 3, 4_096),
    Challenge(_NONCE, _CHALLENGE),
    Proof(_TOKEN_PROOF),
    Ack(5, 0, True),
    Error(7, "wrong digest"),
    Notice(1, "bad CRC"),
    Execute((_DIGEST,), (_OTHER,), b"\x03\x01program"),
    ReadOut(1, 0, 4, b"\x01\x02\x03\x04"),
    Executed(123_456, 789),
    SetExposure(1, 5_000),
    Exposure(1, 16_666),
)


def _readable(value: Any) -> Any:  # noqa: ANN401
    """A field's value as JSON knows it; bytes become hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_readable(item) for item in value]
    if is_dataclass(value):
        return {field.name: _readable(getattr(value, field.name)) for field in fields(value)}
    return value


def vector(message: Message) -> dict[str, Any]:
    """A message as its file has it."""
    declaration = MESSAGES[type(message)]
    numbers = Numbers(0x0102, 0x0304, 0x0506) if declaration.sequenced else Numbers(0, 0x0304, 0x0506)
    request = 0x1122 if declaration.sequenced else 0
    payload = encode_message(message, request, numbers)
    return {
        "message": type(message).__name__,
        "version": PROTOCOL_VERSION,
        "code": declaration.code,
        "sender": declaration.sender.value,
        "request": request,
        "sequence": numbers.sequence,
        "received": numbers.received,
        "handled": numbers.handled,
        "fields": _readable(message),
        "payload": payload.hex(),
        "frame": encode_frame(payload).hex(),
    }


def damaged() -> list[dict[str, str]]:
    """Frames that are not whole, each with what a receiver says of it."""
    whole = encode_frame(encode_message(Ping(0xDEADBEEF), 1))
    body = cobs.decode(whole[:-1])
    flipped = bytearray(whole)
    flipped[15] ^= 0x10
    misled = bytearray(whole)
    misled[8] ^= 0x10  # a code byte, so that COBS ends too late
    longer = b"\x20\x00" + body[2:-4]
    longer += zlib.crc32(longer).to_bytes(4, "little")
    return [
        {"what": "one bit is wrong", "frame": flipped.hex(), "judgement": "bad CRC"},
        {"what": "one bit of a COBS code byte is wrong", "frame": misled.hex(), "judgement": "truncated"},
        {"what": "the end is missing", "frame": (whole[:-5] + b"\0").hex(), "judgement": "truncated"},
        {"what": "cut inside a COBS block", "frame": (whole[:3] + b"\0").hex(), "judgement": "truncated"},
        {"what": "too short for any frame", "frame": b"\x03xy\x00".hex(), "judgement": "truncated"},
        {
            "what": "the length says more than there is",
            "frame": (cobs.encode(longer) + b"\0").hex(),
            "judgement": "truncated",
        },
        {
            "what": "the bytes of the CRC in the wrong order",
            "frame": (cobs.encode(body[:-4] + body[:-5:-1]) + b"\0").hex(),
            "judgement": "bad CRC",
        },
        {
            "what": "70,000 bytes without a zero",
            "before": "01 70000 times",
            "frame": "00",
            "judgement": "too long",
        },
    ]


def main() -> None:
    """Write the files."""
    GOLDEN.mkdir(exist_ok=True)
    for message in MESSAGES_WRITTEN:
        path = GOLDEN / f"{type(message).__name__}.json"
        path.write_text(json.dumps(vector(message), indent=2, ensure_ascii=False) + "\n")
    (GOLDEN / "damaged.json").write_text(json.dumps(damaged(), indent=2) + "\n")


if __name__ == "__main__":
    main()
