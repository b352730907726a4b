"""The device under test: how to reach it, and how to leave it as it was found."""

from __future__ import annotations

import contextlib
import time

import pytest

from pixeltree.errors import LinkError
from pixeltree.links import Link, open_link
from pixeltree.links.url import parse_url, split_session_options
from pixeltree_conformance.conversation import WINDOW, Conversation
from pixeltree_conformance.wire import Wire
from pixeltree_protocol.link.messages import NO_SESSION, Role, Welcome

_MANY_WIRES = frozenset({"tcp", "tls", "unix"})
"""Kinds of links of which a device takes several at a time; of others it has one."""

_PAUSE = 0.05


class Bench:
    """Opens wires and sessions, and ends them after each test.

    Args:
        url: of the device.
        token: what it wants to see proof of, if it does.
        answer_time: seconds that an answer may take.
        analog_tolerance: ADC counts by which most analog results may be off.
        thorough: whether a test may take long.
    """

    def __init__(
        self,
        url: str,
        token: bytes | None,
        answer_time: float,
        analog_tolerance: int,
        thorough: bool,
    ) -> None:
        self.url = split_session_options(url)[0]
        self.token = token
        self.answer_time = answer_time
        self.analog_tolerance = analog_tolerance
        self.thorough = thorough
        self.single = parse_url(self.url).kind not in _MANY_WIRES
        self._port: Link | None = None
        self._wires: list[Wire] = []
        self._conversations: list[Conversation] = []

    # -- wires and sessions ------------------------------------------------------------------------

    def wire(self) -> Wire:
        """A new wire; where the device has one only, what was said on it before is forgotten."""
        if not self.single:
            wire = Wire(open_link(self.url, self.answer_time))
        else:
            if self._port is None:  # opened once: on some boards opening a port is a reset
                self._port = open_link(self.url, self.answer_time)
            wire = Wire(self._port, keep=True)
        self._wires.append(wire)
        return wire

    def conversation(self, window: int = WINDOW) -> Conversation:
        """A conversation on a new wire, before the handshake."""
        conversation = Conversation(self.wire(), self.token, window, self.answer_time)
        self._conversations.append(conversation)
        return conversation

    def drive(self, window: int = WINDOW) -> Conversation:
        """A new session that drives the device."""
        deadline = time.monotonic() + self.answer_time
        while True:
            conversation = self.conversation(window)
            if conversation.greet().role == Role.DRIVE:
                return conversation
            # The device may not have noticed yet that the test before is over.
            assert time.monotonic() < deadline, "somebody else drives the device"
            self.dismiss(conversation)
            time.sleep(_PAUSE)

    def observe(self) -> Conversation:
        """A new session that observes."""
        conversation = self.conversation()
        assert conversation.greet(Role.OBSERVE).role == Role.OBSERVE
        return conversation

    def cut(self, conversation: Conversation) -> None:
        """Take a session's wire away, without a word."""
        conversation.wire.close()

    def resume(self, conversation: Conversation) -> Welcome:
        """Greet on a new wire (or again on the only one), and ask for the session that was there."""
        conversation.wire = self.wire()
        return conversation.greet(Role(conversation.welcome.role), conversation.welcome.session)

    def begin_anew(self, conversation: Conversation) -> Welcome:
        """As a host that was started again: greet on a new wire, and know of no session."""
        conversation.wire = self.wire()
        return conversation.greet(Role.DRIVE, NO_SESSION)

    def need_wires(self) -> None:
        """Skip a test that takes more than one wire."""
        if self.single:
            pytest.skip("this device has one wire only; the rule is about several")

    # -- the end -----------------------------------------------------------------------------------

    def dismiss(self, conversation: Conversation) -> None:
        """End a session, whatever state it is in."""
        with contextlib.suppress(LinkError):
            conversation.leave()
        conversation.wire.close()

    def tidy(self) -> None:
        """After a test: end all its sessions and wires."""
        for conversation in self._conversations:
            self.dismiss(conversation)
        for wire in self._wires:
            wire.close()
        self._conversations.clear()
        self._wires.clear()

    def close(self) -> None:
        """After the last test."""
        self.tidy()
        if self._port is not None:
            self._port.close()
