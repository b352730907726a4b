"""What programs show, passed on as it comes to whoever looks; and what those who look say, to the program.

Packets of section 5 go through unchanged, so that a host of a SCAMP-5d can look at an emulated program.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

from pixeltree_protocol.vendor.packets import FRAME_BYTES, Code, Message, Packet, PacketKind, Route, messages
from pixeltree_protocol.vendor.panel import GUI_REQUEST

Taker = Callable[[bytes], None]

_MOST_REMEMBERED = 64
"""Packets that somebody who comes later is shown at once, the last of each kind and channel."""

_HEADER_END = FRAME_BYTES + 16

_LEFT = messages(Message(Route.HOST, Code.DEVICE_DC))
"""What a device says when it leaves; here, that the program that was shown has ended."""


class Screen:
    """Between programs and those who look. Safe from every thread; takers must not wait.

    The program that came last is shown; when it ends, the one before it.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._programs: list[tuple[object, Taker]] = []
        self._viewers: dict[object, Taker] = {}
        self._last: dict[bytes, bytes] = {}

    def enter(self, program: object, inbox: Taker) -> None:
        """A program begins; ``inbox`` takes what viewers say."""
        with self._lock:
            self._programs.append((program, inbox))
            self._last.clear()

    def leave(self, program: object) -> None:
        """A program has ended. If it was shown, viewers are told, and the one before it describes itself."""
        with self._lock:
            was_shown = bool(self._programs) and self._programs[-1][0] is program
            self._programs = [each for each in self._programs if each[0] is not program]
            viewers = list(self._viewers.values()) if was_shown else []
            inbox = self._programs[-1][1] if self._programs and was_shown else None
            if inbox is not None:
                self._last.clear()
        for viewer in viewers:
            viewer(_LEFT)
        if inbox is not None:
            inbox(GUI_REQUEST)

    def show(self, program: object, raw: bytes) -> None:
        """A program shows something."""
        with self._lock:
            if not self._programs or self._programs[-1][0] is not program:
                return
            if raw[3] in (PacketKind.DATA, PacketKind.SCAMP) and len(raw) >= _HEADER_END:
                key = raw[12:14] + raw[20:24]  # data type, version, channel
                self._last.pop(key, None)
                self._last[key] = raw
                if len(self._last) > _MOST_REMEMBERED:
                    del self._last[next(iter(self._last))]
            viewers = list(self._viewers.values())
        for viewer in viewers:
            viewer(raw)

    def add_viewer(self, viewer: object, taker: Taker) -> None:
        """Somebody begins to look, and sees at once what was shown last."""
        with self._lock:
            self._viewers[viewer] = taker
            last = [*self._last.values(), *([] if self._programs else [_LEFT])]
        for raw in last:
            taker(raw)

    @property
    def has_viewers(self) -> bool:
        """Whether anybody looks."""
        return bool(self._viewers)

    def remove_viewer(self, viewer: object) -> None:
        """Somebody looks no longer."""
        with self._lock:
            self._viewers.pop(viewer, None)

    def say(self, packet: Packet) -> None:
        """Somebody who looks says something, as that a slider has moved.

        That they leave is not passed on: the daemon is the program's host, and stays (6.1).
        """
        if any(message.code == Code.HOST_DC for message in packet.messages()):
            return
        with self._lock:
            inbox = self._programs[-1][1] if self._programs else None
        if inbox is not None:
            inbox(packet.raw)
