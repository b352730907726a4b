"""Numbers with a meaning that messages carry: error codes, roles, limits."""

from __future__ import annotations

from enum import IntEnum

PROTOCOL_VERSION = 1
"""The version that this software speaks."""

MOST_PUT_TOGETHER = 32
"""Objects in one PUT_SEVERAL."""

MAX_FAULT_TIMEOUT_MS = 3_600_000
LEAST_HEARTBEAT_MS = 10
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
    CANNOT_SHOW = 11
    NO_TREE = 12
    FAULT_TIMEOUT = 13
    CREDIT_OVERRUN = 14
    OUT_OF_RANGE = 15
    INTERNAL = 16
    AUTHENTICATION = 17
    NOT_DRIVER = 18
    UNSUPPORTED = 19


MEANINGS = {
    ErrorCode.BAD_FRAME: "a frame came in damaged (cut short, too long, wrong CRC); it counts for nothing",
    ErrorCode.MALFORMED: "a whole frame holds no message: unknown code, a message that only a device sends, "
    "or a body that does not parse",
    ErrorCode.UNEXPECTED: "a message that makes no sense in this state",
    ErrorCode.VERSION: "no version of the protocol is spoken by both ends",
    ErrorCode.BUSY: "a frame or program is in hand already, or all sessions are taken",
    ErrorCode.BAD_OBJECT: "the bytes have the right digest but are no valid object, an instruction word "
    "has no meaning, or a program names what is not resident or of another kind",
    ErrorCode.DIGEST_MISMATCH: "the uploaded bytes do not have the digest under which they were sent",
    ErrorCode.NO_ROOM: "the object does not fit beside what the frame in hand needs",
    ErrorCode.BAD_UPLOAD: "a part of an object does not continue what came in, or the object is too large",
    ErrorCode.BAD_TREE: "the tree or one of its nodes is not what it must be",
    ErrorCode.CANNOT_SHOW: "the rectangle does not fit the sensor, or the device has real optics",
    ErrorCode.NO_TREE: "no tree is open, or the object to open is no resident tree",
    ErrorCode.FAULT_TIMEOUT: "a frame waited too long for missing objects and was given up",
    ErrorCode.CREDIT_OVERRUN: "more was sent than the window allows; the frame counts for nothing",
    ErrorCode.OUT_OF_RANGE: "a value is outside its limits",
    ErrorCode.INTERNAL: "the device failed; its log has the details",
    ErrorCode.AUTHENTICATION: "the other end did not prove that it knows the token",
    ErrorCode.NOT_DRIVER: "an observer asked for something that only the session that drives may ask for",
    ErrorCode.UNSUPPORTED: "the device lacks what the request needs, such as an array; do not ask again",
}
"""What each code means, in a sentence."""


class ExposureMode(IntEnum):
    """Who chooses the exposure of a tree's frames: the host, the controller, or as before."""

    FIXED = 0
    AUTO = 1
    AS_IT_IS = 2


class Role(IntEnum):
    """What a session may do."""

    DRIVE = 0
    OBSERVE = 1


ROLE_MEANINGS = {
    Role.DRIVE: "everything; one session at a time",
    Role.OBSERVE: "PING, QUERY, GET_STATUS, READ_PLANE; it gets every RESULT, with request id 0",
}
