"""What a device owes to each request: who may send it, what answers it, what may go wrong.

``docs/reference/protocol.md`` is generated from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pixeltree_protocol.link.messages.codes import ErrorCode
from pixeltree_protocol.link.messages.device import (
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
from pixeltree_protocol.link.messages.objects import Holdings, Put, PutSeveral, Query, Stored, StoredSeveral


@dataclass(frozen=True)
class Duty:
    """One request.

    Attributes:
        request: its class.
        observers: whether a session that only observes may send it; all others are answered NOT_DRIVER.
        answers: messages that answer it, in their order.
        errors: codes of the ERROR that may answer it instead, beside MALFORMED, INTERNAL and UNSUPPORTED.
        does: what the device does.
    """

    request: type[Any]
    observers: bool
    answers: tuple[type[Any], ...]
    errors: tuple[ErrorCode, ...]
    does: str


_E = ErrorCode

DUTIES: tuple[Duty, ...] = (
    Duty(Ping, True, (Pong,), (), "Gives the number back, at any time."),
    Duty(GetStatus, True, (Status,), (), "Answers at any time."),
    Duty(
        GetSettings,
        True,
        (Settings,),
        (),
        "Answers at any time. A device that was not set up in any way answers with none, or UNSUPPORTED.",
    ),
    Duty(
        Query,
        True,
        (Holdings,),
        (),
        "One number for each digest, in the same order. An object that the driver asks about becomes the "
        "most recently used.",
    ),
    Duty(
        ReadPlane,
        True,
        (PlanePart,),
        (_E.OUT_OF_RANGE,),
        "Sends the register as it is now in parts, in order and without gaps; the last one ends at `total`. "
        "PIX and FLAG leave a chip only through another register, so that only a device with an emulated "
        "array can send them; any other answers UNSUPPORTED.",
    ),
    Duty(
        Put,
        False,
        (Stored,),
        (_E.BAD_UPLOAD, _E.DIGEST_MISMATCH, _E.BAD_OBJECT, _E.NO_ROOM),
        "Takes room for `total` bytes at the first part, if need be by evicting what was not used for the "
        "longest time, never what the frame in hand needs. `offset` must be what came in so far, and `total` "
        "the same in all parts; a part may be empty. Only the last part is answered: check digest, kind and "
        "canonical form first. An object that is resident already is answered by STORED for every part. An "
        "ERROR ends the upload; what came in is forgotten, except after BAD_UPLOAD.",
    ),
    Duty(
        PutSeveral,
        False,
        (StoredSeveral,),
        (_E.OUT_OF_RANGE, _E.BAD_UPLOAD, _E.BAD_OBJECT, _E.NO_ROOM),
        "Checks all objects first: their number (OUT_OF_RANGE); of each that is not resident its size, and "
        "that no part of it has come in by PUT (BAD_UPLOAD); its kind and canonical form (BAD_OBJECT). Where "
        "one is refused, nothing has changed. Then takes them in order, each like a PUT of the whole; one "
        "that is resident already stays as it is. NO_ROOM ends that: objects before that one are stored.",
    ),
    Duty(
        OpenTree,
        False,
        (TreeOpened,),
        (_E.BUSY, _E.NO_TREE, _E.OUT_OF_RANGE),
        "Notes tree and time-out, sets the room that objects may take, at most what there is, and evicts "
        "until they fit.",
    ),
    Duty(
        Show,
        False,
        (Done,),
        (_E.CANNOT_SHOW,),
        "An emulated sensor shows the pixels from the next exposure on, until a SHOW of 0 rows and 0 "
        "columns or the end of the session: the next host is not to see them. A device with optics answers "
        "CANNOT_SHOW.",
    ),
    Duty(
        StartFrame,
        False,
        (Fault, Result),
        (_E.BUSY, _E.NO_TREE, _E.BAD_TREE, _E.FAULT_TIMEOUT),
        "Exposes, runs the capture node, then nodes from the root until an exit is a label. A node that "
        "lacks objects holds the frame: one FAULT names them all, and another one only what none has named. "
        "Each node is verified before its first step. Exactly one RESULT or ERROR ends the frame, "
        "unless CANCEL_FRAME does.",
    ),
    Duty(
        CancelFrame,
        False,
        (Done,),
        (),
        "Gives the frame up if it is in hand, and answers DONE also where it is not. No RESULT for it comes "
        "after DONE.",
    ),
    Duty(
        Execute,
        False,
        (ReadOut, Executed),
        (_E.BUSY, _E.BAD_OBJECT),
        "Verifies the program, whose blocks and segments must be resident, runs it, then sends what its "
        "read-out steps gave. An ERROR may overtake READ_OUTs sent before it.",
    ),
    Duty(
        SetExposure,
        False,
        (Exposure,),
        (_E.OUT_OF_RANGE,),
        "Notes both values, also while a frame is in hand: they hold from the next one on. At the session's "
        "end, exposure and mode become what they were before its first SET_EXPOSURE. In mode 1 the "
        "controller looks at each frame right after its exposure, before the capture node: it sends "
        "`all; bus(NEWS, PIX)`, takes the fast global sum of NEWS, and works out the next exposure by the "
        "rule in [Automatic exposure](#automatic-exposure). Time and words of it are the frame's. A "
        "controller that cannot choose exposures answers UNSUPPORTED.",
    ),
)
"""Every request."""
