"""The port at which the vendor's programs connect: a thread for each program that runs."""

from __future__ import annotations

import logging
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable

from pixeltree_emu.errors import ListenError
from pixeltree_emu.machine.logs import fields
from pixeltree_emu.vendor.board import Board, BoardParts
from pixeltree_emu.vendor.program import Program
from pixeltree_emu.vendor.screen import Screen
from pixeltree_emu.vendor.settings import SIMULATION, settings_of, split
from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.vendor.panel import GUI_REQUEST
from pixeltree_protocol.vendor.simulation import PORT, VERSION_PACKET, Kind, PacketReader, packet

logger = logging.getLogger(__name__)

_TICK = 0.1
"""Seconds after which a silent program is looked at. VERSION is sent after the first, and again (6.1)."""

_TICK_TIMEVAL = struct.pack("ll", 0, round(_TICK * 1e6))
"""The same as a ``struct timeval``."""

_LOOKS_OUT = 300e-6
"""Seconds for which a thread looks out for packets before it sleeps."""

_MOST_IN_VAIN = 8
"""Times in vain that count: it then looks out after every 256th answer."""

_SILENCE = 0.5
"""Seconds of silence after an answer, after which the client may have missed its wake-up (6.1)."""

_GREETING_TIME = 10.0
_SEND_TIME = 30.0
_READ_BYTES = 65_536
_MOST_SAID = 1_000
"""Messages of viewers that wait for a program."""

_BACKLOG = 16


class SimulationPort:
    """Listens, and runs programs.

    Args:
        url: ``vendor-sim://127.0.0.1:PORT``, with options; port 0 takes a free one.
        make: makes the parts of a board.
        screen: where programs show.

    Attributes:
        url: by which it can be reached, without options.
        failed: whether something happened that must never happen.

    Raises:
        ListenError: a URL of another kind, an option that makes no sense, an address that is taken.
    """

    def __init__(self, url: str, make: Callable[[], BoardParts], screen: Screen) -> None:
        parts, address, port = split(url, PORT)
        self._settings = settings_of(parts)
        self._make = make
        self._screen = screen
        self.failed = False
        self._stopping = threading.Event()
        self._shared = self._board() if self._settings.device == "shared" else None
        self._runs: list[_Run] = []
        self._lock = threading.Lock()
        self._server = listen(url, address, port)
        self.url = f"{SIMULATION}://{address_of(self._server)}"
        self._thread = threading.Thread(target=self._accept, name=self.url, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all programs, and listen no more."""
        self._stopping.set()
        close_listening(self._server)
        self._thread.join()
        for run in list(self._runs):
            run.join()

    def _board(self) -> Board:
        return Board(self._make(), self._settings.exposure_us * 1000)

    def _accept(self) -> None:
        while not self._stopping.is_set():
            try:
                connected, address = self._server.accept()
            except OSError:
                if self._stopping.is_set():
                    return
                time.sleep(_TICK)  # out of descriptors, perhaps
                continue
            name = f"{SIMULATION} {address[0]}:{address[1]}"
            with self._lock:
                self._runs = [run for run in self._runs if run.is_alive()]
                full = len(self._runs) >= self._settings.programs
            if full:
                logger.warning("%s is refused: %d programs run already", name, self._settings.programs)
                connected.close()
                continue
            try:
                board = self._shared or self._board()
            except Exception:  # the next program may fare better
                logger.exception("no board for a program")
                self.failed = True
                connected.close()
                continue
            run = _Run(self, connected, name, board)
            with self._lock:
                self._runs.append(run)
            run.start()

    def program_of(self, run: _Run, board: Board) -> Program:
        """The program at the other end of a connection."""
        pace = _Pace(self._settings.rate, self._stopping)
        return Program(board, self._settings, lambda raw: self._screen.show(run, raw), pace.wait)

    @property
    def stopping(self) -> bool:
        """Whether all must end."""
        return self._stopping.is_set()

    @property
    def screen(self) -> Screen:
        """Where programs show."""
        return self._screen


class _Pace:
    """Keeps frames to a rate, by this machine's clock."""

    def __init__(self, rate: float, stopping: threading.Event) -> None:
        self._period = 1 / rate if rate else 0.0
        self._due = 0.0
        self._stopping = stopping

    def wait(self) -> None:
        """Wait until the next frame is due."""
        if not self._period:
            return
        now = time.monotonic()
        if self._due > now:
            self._stopping.wait(self._due - now)
        self._due = max(self._due, now - self._period) + self._period


class _Run(threading.Thread):
    """One program, from its connection to its end."""

    def __init__(self, port: SimulationPort, connected: socket.socket, name: str, board: Board) -> None:
        super().__init__(name=name, daemon=True)
        self._port = port
        self._socket = connected
        self._board = board
        self._said: deque[bytes] = deque(maxlen=_MOST_SAID)
        self._program = port.program_of(self, board)
        self._reader = PacketReader()
        self._spoke_at = 0.0
        self._speaks_by = time.monotonic() + _GREETING_TIME
        self._answered = False
        self._in_vain = 0
        self._rests = 0
        self._asked_gui = False

    def run(self) -> None:
        """Serve until either end leaves."""
        logger.info("connected", extra=fields(wire=self.name))
        self._port.screen.enter(self, self._said.append)
        began = time.monotonic()
        reason = "it left"
        try:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.setblocking(True)
            for direction in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
                # the system's own time-out: Python's would ask poll before every recv and send
                self._socket.setsockopt(socket.SOL_SOCKET, direction, _TICK_TIMEVAL)
            while not self._port.stopping:
                if not self._serve():
                    break
            if self._port.stopping:
                reason = "the daemon stops"
        except (OSError, MessageError) as error:
            reason = str(error)
        except Exception:  # whatever a program sends, others are served
            logger.exception("internal error", extra=fields(wire=self.name))
            self._port.failed = True
            reason = "internal error"
        finally:
            self._socket.close()
            self._port.screen.leave(self)
        self._report(time.monotonic() - began, reason)

    def _serve(self) -> bool:
        """Take what there is; False when the program has left."""
        try:
            data = self._received()
        except BlockingIOError:
            return self._silent()
        if not data:
            return False
        first = not self._spoke_at
        self._spoke_at = time.monotonic()
        out = self._program.greeting if first else b""
        answered = b""
        with self._board.lock:
            for kind, payload in self._reader.feed(data):
                answered += self._program.take(kind, payload)
        self._answered = bool(answered)
        out += answered
        if not self._asked_gui and self._program.counters.frames:
            self._asked_gui = True  # only now has it said all that it wants to have shown
            out += packet(Kind.TUNNEL, GUI_REQUEST)
        while self._said:
            out += packet(Kind.TUNNEL, self._said.popleft())
        if out:
            self._send(out)
        return True

    def _received(self) -> bytes:
        """Bytes, as soon as there are any.

        After an answer the next packets mostly come within some hundred microseconds, and most of that is
        waking up: the client once, and this thread. So it looks out for them first and does not sleep. Where
        that was in vain, as others have the processor, it does so less and less often.

        Raises:
            BlockingIOError: there were none for some time.
        """
        if self._answered and not self._rests:
            until = time.perf_counter() + _LOOKS_OUT
            while time.perf_counter() < until:
                try:
                    data = self._socket.recv(_READ_BYTES, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    continue
                self._in_vain = 0
                return data
            self._in_vain = min(self._in_vain + 1, _MOST_IN_VAIN)
            self._rests = (1 << self._in_vain) - 1
        elif self._rests:
            self._rests -= 1
        return self._socket.recv(_READ_BYTES)

    def _silent(self) -> bool:
        now = time.monotonic()
        if not self._spoke_at:
            self._send(VERSION_PACKET)
            if now > self._speaks_by:
                raise MessageError("it did not speak for 10 s")
        elif self._answered and now - self._spoke_at >= _SILENCE:
            self._spoke_at = now
            self._send(self._program.frame_again)
        while self._said:
            self._send(packet(Kind.TUNNEL, self._said.popleft()))
        return True

    def _send(self, data: bytes) -> None:
        until = time.monotonic() + _SEND_TIME
        view = memoryview(data)
        while view:
            try:
                view = view[self._socket.send(view) :]
            except BlockingIOError:
                if self._port.stopping or time.monotonic() > until:
                    raise

    def _report(self, seconds: float, reason: str) -> None:
        counters, clock = self._program.counters, self._board.clock
        logger.info(
            "closed",
            extra=fields(
                wire=self.name,
                reason=reason,
                packets=counters.packets,
                answers=counters.answers,
                frames=counters.frames,
                launches=self._board.launches,
                words=clock.words,
                device_us=clock.now_ns // 1000,
                seconds=round(seconds, 1),
            ),
        )


def listen(url: str, address: str, port: int) -> socket.socket:
    """A listening socket.

    Raises:
        ListenError: the address is taken.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ListenError(f"cannot listen at {url}: {error.strerror}; choose another address") from error


def address_of(server: socket.socket) -> str:
    """Host and port of a listening socket, as a URL has them."""
    host, port = server.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def close_listening(server: socket.socket) -> None:
    """Close a listening socket so that a thread which waits at it wakes up."""
    try:
        server.shutdown(socket.SHUT_RDWR)
    except OSError:
        logger.debug("a listening socket cannot be shut down here; it is closed")
    server.close()
