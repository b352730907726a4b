"""The bytes on the wire, as files: the code reads and writes exactly these, and so must any other device."""

import json
import struct
import zlib
from pathlib import Path

import pytest

from pixeltree_protocol.link.declaration import BY_CODE, MESSAGES, Sender
from pixeltree_protocol.link.delivery import Numbers
from pixeltree_protocol.link.framing import BadFrame, Frame, FrameDecoder, encode_frame
from pixeltree_protocol.link.messages import (
    PROTOCOL_VERSION,
    Capabilities,
    Visit,
    decode_message,
    encode_message,
    open_envelope,
)

GOLDEN = Path(__file__).parent / "golden"
FILES = sorted(path for path in GOLDEN.glob("*.json") if path.stem != "damaged")
VECTORS = {path.stem: json.loads(path.read_text()) for path in FILES}
DAMAGED = json.loads((GOLDEN / "damaged.json").read_text())

every_vector = pytest.mark.parametrize("vector", VECTORS.values(), ids=VECTORS.keys())

DIGEST, OTHER = bytes(range(0x10, 0x20)), bytes(range(0xA0, 0xB0))
NONCE, PROOF = bytes(range(0x40, 0x50)), bytes(range(0x80, 0xA0))


def text(value):
    data = value.encode()
    return struct.pack("<H", len(data)) + data


BY_HAND = {
    "Hello": b"\x01\x02" + NONCE + b"session1" + b"\x00" + struct.pack("<I", 1 << 20) + text("Zürich"),
    "Welcome": b"\x01" + NONCE + b"boot no1session1" + b"\x01\x01" + b"\x20" + PROOF
    + struct.pack("<HHI", 1000, 5000, 30_000) + text("emulator")
    + struct.pack("<HHIIIHI", 256, 256, 1024, 65_536, 65_536, 8_192, 32_768),
    "Challenge": NONCE + bytes(range(0x60, 0x70)),
    "Proof": PROOF,
    "Query": struct.pack("<H", 2) + DIGEST + OTHER,
    "Holdings": struct.pack("<HIII", 3, 0, 300, 0xFFFFFFFF),
    "Put": DIGEST + struct.pack("<II", 300, 256) + b"\x00part\xff",
    "Stored": DIGEST + struct.pack("<H", 1) + OTHER,
    "PutSeveral": struct.pack("<HH", 2, 5) + b"\x00one\xff" + b"\x01\x00\x02",
    "StoredSeveral": DIGEST + struct.pack("<H", 1) + OTHER,
    "OpenTree": DIGEST + struct.pack("<II", 65_536, 2_000),
    "TreeOpened": struct.pack("<IH", 65_536, 2) + OTHER + DIGEST,
    "Show": struct.pack("<?HHHH", True, 1, 2, 2, 3) + b"\x00\x01\x02\xfd\xfe\xff",
    "StartFrame": bytes([4, 3, 2, 1]),
    "CancelFrame": bytes([4, 3, 2, 1]),
    "Result": struct.pack("<IHB", 7, 3, 2)
    + DIGEST + struct.pack("<HHiiQ", 1, 2, -1, 2, 1_000_000)
    + OTHER + struct.pack("<HHQ", 0, 0, 5)
    + struct.pack("<QQQI", 11, 0x0102030405060708, 13, 14),
    "Fault": struct.pack("<I", 7) + DIGEST + struct.pack("<H", 2) + OTHER + DIGEST,
    "ReadPlane": b"\x03\x00R12",
    "PlanePart": struct.pack("<II", 4_096, 8_192) + b"\x00\x00\xaa",
    "Ping": bytes.fromhex("efbeadde"),
    "Ack": b"\x05\x00\x01",
    "Error": struct.pack("<H", 7) + text("wrong digest"),
    "Notice": struct.pack("<H", 1) + text("bad CRC"),
    "Done": b"",
    "Leave": b"",
    "Status": struct.pack("<H", 2) + text("pixeltree") + DIGEST
    + struct.pack("<?QIIIHQQIQ", True, 500, 65_536, 40_000, 900, 17, 123_456_789, 60_000, 3, 4_096),
    "Execute": struct.pack("<H", 1) + DIGEST + struct.pack("<H", 1) + OTHER + b"\x03\x01program",
    "ReadOut": struct.pack("<HII", 1, 0, 4) + b"\x01\x02\x03\x04",
    "Executed": struct.pack("<QI", 123_456, 789),
}  # fmt: skip
"""Bodies, from docs/reference/protocol.md, without a line of the code that is tested."""


def message_of(vector):
    """The message that a file describes, built from its readable fields."""
    cls = next(cls for cls in MESSAGES if cls.__name__ == vector["message"])
    kinds = {field.name: cls.__annotations__[field.name] for field in MESSAGES[cls].fields}
    return cls(**{name: value_of(vector["fields"][name], kind) for name, kind in kinds.items()})


def value_of(value, kind):
    if kind in ("bytes", "Digest"):
        return bytes.fromhex(value)
    if kind in ("tuple[Digest, ...]", "tuple[bytes, ...]"):
        return tuple(bytes.fromhex(item) for item in value)
    if kind == "tuple[int, ...]":
        return tuple(value)
    if kind == "tuple[Visit, ...]":
        return tuple(
            Visit(bytes.fromhex(v["node"]), v["outcome"], tuple(v["logits"]), v["device_ns"]) for v in value
        )
    return Capabilities(**value) if kind == "Capabilities" else value


def sender_of(vector):
    return Sender.DEVICE if vector["sender"] == "device" else Sender.HOST


def without_cobs(data):
    """COBS undone, as one writes it in C."""
    out, at = bytearray(), 0
    while at < len(data):
        code = data[at]
        out += data[at + 1 : at + code]
        at += code
        if code < 0xFF and at < len(data):
            out.append(0)
    return bytes(out)


def crc32(data):
    """The CRC-32 of the documentation, bit by bit."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xEDB88320 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_every_message_has_a_vector_of_this_version():
    assert {cls.__name__ for cls in MESSAGES} == set(VECTORS)
    assert {vector["version"] for vector in VECTORS.values()} == {PROTOCOL_VERSION}
    for vector in VECTORS.values():
        cls = BY_CODE[vector["code"]]
        assert cls.__name__ == vector["message"]
        assert MESSAGES[cls].sender.value == vector["sender"]


@every_vector
def test_the_code_writes_exactly_these_bytes(vector):
    numbers = Numbers(vector["sequence"], vector["received"], vector["handled"])
    payload = encode_message(message_of(vector), vector["request"], numbers)
    assert payload.hex() == vector["payload"]
    assert encode_frame(payload).hex() == vector["frame"]


@every_vector
def test_the_code_reads_exactly_these_values(vector):
    (frame,) = FrameDecoder().feed(bytes.fromhex(vector["frame"]))
    envelope = open_envelope(frame.payload)
    assert envelope.code == vector["code"]
    assert envelope.numbers == Numbers(vector["sequence"], vector["received"], vector["handled"])
    request, message = decode_message(frame.payload, sender_of(vector))
    assert (request, message) == (vector["request"], message_of(vector))


@every_vector
def test_a_frame_is_what_the_documentation_says(vector):
    frame, payload = bytes.fromhex(vector["frame"]), bytes.fromhex(vector["payload"])
    assert frame.index(0) == len(frame) - 1
    body = without_cobs(frame[:-1])
    assert body[:2] == struct.pack("<H", len(payload))
    assert body[2:-4] == payload
    assert body[-4:] == struct.pack("<I", crc32(body[:-4])) == struct.pack("<I", zlib.crc32(body[:-4]))


@pytest.mark.parametrize("name", BY_HAND)
def test_a_vector_is_what_one_packs_by_hand(name):
    vector = VECTORS[name]
    envelope = struct.pack(
        "<BHHHH",
        vector["code"],
        vector["request"],
        vector["sequence"],
        vector["received"],
        vector["handled"],
    )
    assert vector["payload"] == (envelope + BY_HAND[name]).hex()


@pytest.mark.parametrize("case", DAMAGED, ids=lambda case: case["what"].replace(" ", "-"))
def test_a_damaged_frame_is_judged_as_the_file_says_and_the_next_one_is_read(case):
    whole = bytes.fromhex(VECTORS["Ping"]["frame"])
    byte, times, _ = case.get("before", "00 0 times").split()
    before = bytes.fromhex(byte) * int(times)
    bad, good = FrameDecoder().feed(before + bytes.fromhex(case["frame"]) + whole)
    assert isinstance(bad, BadFrame)
    assert bad.damage.value == case["judgement"]
    assert isinstance(good, Frame)
