"""The states of both ends as tables: what comes in, what the end does, and where it stands afterwards.

``docs/reference/protocol.md`` is generated from these tables, and a test takes both ends through every row.
"""

from __future__ import annotations

from dataclasses import dataclass

from pixeltree_protocol.link.connection.base import State


@dataclass(frozen=True)
class Transition:
    """One row.

    Attributes:
        state: where the end stands.
        event: what comes in or happens.
        does: what it does then.
        then: where it stands afterwards.
    """

    state: State
    event: str
    does: str
    then: State


_NEW, _CHALLENGED, _GREETED, _READY = State.NEW, State.CHALLENGED, State.GREETED, State.READY
_CUT, _GREETING = State.CUT, State.GREETING
_UNEXPECTED = "a message of a session, or ACK"
_OTHER_HELLO = "HELLO, another nonce"

DEVICE: tuple[Transition, ...] = (
    Transition(_NEW, "HELLO, no token wanted", "looks for the session", _GREETED),
    Transition(_NEW, "HELLO, token wanted", "sends CHALLENGE", _CHALLENGED),
    Transition(_NEW, "HELLO of other versions", "sends NOTICE VERSION", _NEW),
    Transition(_NEW, "HELLO outside its limits", "sends NOTICE OUT_OF_RANGE", _NEW),
    Transition(_NEW, _UNEXPECTED, "sends NOTICE UNEXPECTED", _NEW),
    Transition(_NEW, "a damaged frame", "sends NOTICE BAD_FRAME", _NEW),
    Transition(_CHALLENGED, "HELLO, the same nonce", "sends the same CHALLENGE again", _CHALLENGED),
    Transition(_CHALLENGED, "right PROOF", "looks for the session", _GREETED),
    Transition(_CHALLENGED, "wrong PROOF", "sends NOTICE AUTHENTICATION", _NEW),
    Transition(_CHALLENGED, _OTHER_HELLO, "sends a new CHALLENGE", _CHALLENGED),
    Transition(_CHALLENGED, _UNEXPECTED, "sends NOTICE UNEXPECTED", _CHALLENGED),
    Transition(_CHALLENGED, "a damaged frame", "sends NOTICE BAD_FRAME", _CHALLENGED),
    Transition(_GREETED, "the session is found or made", "sends WELCOME", _READY),
    Transition(_GREETED, "no session is free", "sends NOTICE BUSY", _NEW),
    Transition(_GREETED, "HELLO, the same nonce", "nothing", _GREETED),
    Transition(_READY, "HELLO, the same nonce", "sends the same WELCOME again", _READY),
    Transition(_READY, _OTHER_HELLO, "takes the session off this wire; then as in `new`", _GREETED),
    Transition(_READY, "PROOF", "nothing", _READY),
    Transition(_READY, "a damaged frame", "sends NOTICE BAD_FRAME, and ACK with `reject`", _READY),
    Transition(_READY, "LEAVE", "ends the session; nothing of it is kept", _NEW),
    Transition(_READY, "silence", "takes the session off this wire, keeps it for `resume_ms`", _NEW),
)
"""The device's end of one wire."""

HOST: tuple[Transition, ...] = (
    Transition(_CUT, "a wire", "sends HELLO with a new nonce, again and again", _GREETING),
    Transition(_GREETING, "CHALLENGE to this nonce", "sends PROOF", _GREETING),
    Transition(_GREETING, "CHALLENGE, but no token", "gives up", _CUT),
    Transition(_GREETING, "WELCOME to this nonce, session as asked", "goes on with the session", _READY),
    Transition(_GREETING, "WELCOME to this nonce, another session", "begins anew at number 0", _READY),
    Transition(_GREETING, "WELCOME that is wrong", "gives up", _CUT),
    Transition(_GREETING, "WELCOME to another nonce", "nothing", _GREETING),
    Transition(_GREETING, "NOTICE VERSION, BUSY, AUTHENTICATION", "gives up", _CUT),
    Transition(_READY, "NOTICE UNEXPECTED", "sends HELLO with a new nonce: the device forgot", _GREETING),
    Transition(_READY, "WELCOME", "nothing", _READY),
    Transition(_READY, "silence, or an error of the wire", "opens the wire again", _CUT),
    Transition(_READY, "the host is done", "sends LEAVE", _CUT),
)
"""The host's end of one wire."""
