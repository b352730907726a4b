"""One program of the vendor's: takes its packets, has them executed, and says what to send.

It does no input or output of its own, so that a test, or another server, can drive it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from pixeltree_emu.vendor.board import Action, Board
from pixeltree_emu.vendor.calls import CALLS, MOST_EVENTS, Arguments, Call, grid
from pixeltree_emu.vendor.files import ServedFolder
from pixeltree_emu.vendor.pictures import PictureFolder
from pixeltree_emu.vendor.settings import ProgramSettings
from pixeltree_emu.vendor.words import Translator
from pixeltree_protocol.errors import PixeltreeError
from pixeltree_protocol.vendor import payloads
from pixeltree_protocol.vendor.packets import Data, FrameReader
from pixeltree_protocol.vendor.panel import HELLO
from pixeltree_protocol.vendor.simulation import (
    QUICK,
    Kind,
    Opcode,
    answer,
    frame_packet,
    opcode_name,
    packet,
    text_of,
)

logger = logging.getLogger(__name__)

_KERNEL_BEGINS, _MOVX = b"kernel begin", b"# movx("
_WHOLE = 0, 255
_COLUMNS = 256
_MOST_LAYERS = 8
_INSTRUCTION = int(Kind.INSTRUCTION)
_MOST_KNOWN = 16_384
"""Calls that are kept prepared, by the bytes of their packets; a program's frames have some hundreds."""


@dataclass
class Counters:
    """What a program has done.

    Attributes:
        packets: that it sent.
        answers: calls that returned something.
        frames: LOOP_COUNTER_UPDATEs.
        unknown: opcodes that nobody knows.
    """

    packets: int = 0
    answers: int = 0
    frames: int = 0
    unknown: int = 0


@dataclass
class _Stack:
    """Layers of a bitstack that is being sent."""

    display: int
    count: int
    layers: list[bytes] = field(default_factory=list)


class Program:
    """A connection's end.

    Args:
        board: what executes.
        settings: options of the listener.
        show: takes each packet of section 5 that tells of something to see.
        pause: is called at every frame; it may wait.

    Attributes:
        counters: what it has done.
        waits_for: the last packet that the program waits for, so that it can be sent again; empty if none.
    """

    def __init__(
        self,
        board: Board,
        settings: ProgramSettings | None = None,
        show: Callable[[bytes], None] = lambda raw: None,
        pause: Callable[[], None] = lambda: None,
    ) -> None:
        self._board = board
        self._settings = settings or ProgramSettings()
        self._show = show
        self._pause = pause
        self._translator = Translator(board.prepared_words)
        self._tunnel = FrameReader()
        self._pictures = PictureFolder(self._settings.images)
        self._files = ServedFolder(self._settings.files)
        self._mirrored = False
        self._stack: _Stack | None = None
        self._frame = 0
        self._loop = 0
        self.counters = Counters()
        self._known: dict[bytes, Callable[[], bytes]] = {}
        self._takers: dict[int, Callable[[bytes], bytes]] = {
            Kind.INSTRUCTION: self._instruction,
            Kind.INSTRUCTION_WITH_TEXT: self._instruction,
            Kind.KERNEL: self._kernel,
            Kind.TUNNEL: self._tunnelled,
            Kind.TEXT: self._text,
        }
        self._replying: dict[int, Callable[[Arguments, str], bytes]] = {
            Opcode.WAIT_FRAME_TRIGGER: lambda *_: self._wait_frame(),
            Opcode.OUT_AREG: self._out_areg,
            Opcode.OUT_DREG: self._out_dreg,
            Opcode.OUT_EVENTS: self._out_events,
            Opcode.OUT_AABB: self._out_box,
            Opcode.OUT_LAYER: self._out_layer,
        }
        self._silent: dict[int, Callable[[Arguments, str], None]] = {
            Opcode.VERSION: lambda *_: None,
            Opcode.KERNEL_BEGIN: lambda *_: self._board.launch(),
            Opcode.KERNEL_END: lambda *_: None,
            Opcode.FRAME_COUNTER_UPDATE: lambda *_: None,
            Opcode.LOOP_COUNTER_UPDATE: self._begin_frame,
            Opcode.SELECT_POINT: lambda a, _: self._board.select(a[0], a[1], 0, 0),
            Opcode.SELECT_RECT: lambda a, _: self._board.select_rectangle(*a[:4]),
            Opcode.SELECT_PATTERN: lambda a, _: self._board.select(*a[:4]),
            Opcode.OUT_BITSTACK_HEADER: self._out_stack,
            Opcode.SIM_RESET_MODEL: self._reset,
            Opcode.PIX_INTEGRATE: lambda a, _: self._board.integrate(a[0], a[1]),
            Opcode.SAVE_AREG_IMAGE: self._save_areg,
            Opcode.SAVE_DREG_IMAGE: self._save_dreg,
            Opcode.RESET_VIDEO: lambda *_: self._board.restart_camera(),
            Opcode.USE_SUBPIX: lambda a, _: self._board.displace(a[0], a[1], a[2]),
        }

    @property
    def greeting(self) -> bytes:
        """What is sent once the program has spoken: the server is its host (6.1)."""
        return packet(Kind.TUNNEL, HELLO)

    @property
    def frame_again(self) -> bytes:
        """FRAME_COUNTER_UPDATE with the number that it has: wake-ups can be lost in the client (6.1)."""
        return frame_packet(self._frame)

    def take(self, kind: int, payload: bytes) -> bytes:
        """Act on a packet; returns what to send, often nothing."""
        self.counters.packets += 1
        if kind == _INSTRUCTION and (known := self._known.get(payload)) is not None:
            return known()
        taker = self._takers.get(kind)
        return taker(payload) if taker is not None else b""

    # -- packets -----------------------------------------------------------------------------------

    def _instruction(self, payload: bytes) -> bytes:
        row = QUICK.unpack_from(payload)
        opcode, arguments = row[0], row[2:]
        call = CALLS.get(opcode)
        if call is not None:
            action = self._prepared_call(opcode, call, arguments)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[payload] = action
            return action()
        if Opcode.NOP <= opcode <= Opcode.PROP_1:
            return self._kernel(payload[: QUICK.size])
        text = text_of(payload[QUICK.size :])
        if opcode in self._replying:
            return self._replying[opcode](arguments, text)
        if opcode in self._silent:
            self._silent[opcode](arguments, text)
            return b""
        self.counters.unknown += 1
        logger.warning("%s is answered with nothing", opcode_name(opcode))
        return answer(b"")

    def _kernel(self, payload: bytes) -> bytes:
        mirrored, self._mirrored = self._mirrored, False
        try:
            self._translator.translate(payload, mirrored)()
        except PixeltreeError as error:
            logger.warning("a kernel is left out in part: %s", error)
        return b""

    def _text(self, payload: bytes) -> bytes:
        if payload.startswith(_KERNEL_BEGINS):
            self._board.launch()
        elif payload.startswith(_MOVX) and self._settings.movx == "device":
            self._mirrored = True
        return b""

    def _tunnelled(self, payload: bytes) -> bytes:
        answers = b""
        for each in self._tunnel.feed(payload):
            if self._files.takes(each):
                said = self._files.answer(each)
                answers += packet(Kind.TUNNEL, said) if said else b""
            else:
                self._show(each.raw)
        return answers

    # -- calls -------------------------------------------------------------------------------------

    def _prepared_call(self, opcode: int, call: Call, arguments: Arguments) -> Callable[[], bytes]:
        """What executes a call, as often as it is called, and returns its answer."""
        execute = self._prepared(opcode, call, arguments)
        if call.size is None:

            def do() -> bytes:
                execute()
                return b""

            return do
        counters, size = self.counters, call.size(arguments)

        def act() -> bytes:
            counters.answers += 1
            data = execute()
            return answer(bytes(size) if data is None else data)

        return act

    def _prepared(self, opcode: int, call: Call, arguments: Arguments) -> Action:
        """What executes a call: it returns None, and writes a line to the log, where that cannot be done."""

        def left_out(error: PixeltreeError) -> None:
            logger.warning("%s with %s is left out: %s", opcode_name(opcode), arguments, error)

        try:
            action = self._board.prepared_call(call, arguments)
        except PixeltreeError as error:
            reason = error.with_traceback(None)  # of one that can never be executed
            return lambda: left_out(reason)

        def act() -> bytes | None:
            try:
                return action()
            except PixeltreeError as error:
                left_out(error)
                return None

        return act

    def _ask(self, opcode: int, call: Call, arguments: Arguments) -> bytes | None:
        """What a call reads out; None, and a line in the log, if it cannot be executed."""
        return self._prepared(opcode, call, arguments)()

    def _wait_frame(self) -> bytes:
        self._frame += 1
        return frame_packet(self._frame)

    def _begin_frame(self, arguments: Arguments, _: str) -> None:
        self.counters.frames += 1
        self._loop = _unsigned(arguments, 0)
        self._pause()
        self._board.begin_frame(self._loop)

    def _reset(self, arguments: Arguments, _: str) -> None:
        if arguments[0] >= self._settings.reset_keeps_light:
            self._board.restart_camera()
        self._board.reset()

    # -- what is shown -----------------------------------------------------------------------------

    def _out(self, data: Data) -> bytes:
        raw = data.encode()
        self._show(raw)
        return packet(Kind.TUNNEL, raw) if self._settings.echo_out else b""

    def _out_areg(self, arguments: Arguments, _: str) -> bytes:
        """``display, areg, s, r0, c0``: every s-th pixel from (r0, c0) on."""
        areg, step, r0, c0 = arguments[2:6]
        asked = (areg, 1, r0, c0, _WHOLE[1], _WHOLE[1], step, step)
        r0, _c0, r1, _c1, rs, _cs = grid(*asked[2:])
        samples = self._ask(Opcode.OUT_AREG, CALLS[Opcode.SCAN_AREG], asked)
        if samples is None:
            return b""
        return self._out(payloads.levels(samples, len(range(r0, r1 + 1, rs)), *self._place(arguments)))

    def _out_dreg(self, arguments: Arguments, _: str) -> bytes:
        dreg, _one, r0, r1 = arguments[2:6]
        rows = self._ask(Opcode.OUT_DREG, CALLS[Opcode.SCAN_DREG], (dreg, r0, r1))
        return b"" if rows is None else self._out(payloads.bits(rows, _COLUMNS, *self._place(arguments)))

    def _out_events(self, arguments: Arguments, _: str) -> bytes:
        dreg, most, h_dir, v_dir = arguments[2:6]
        most = max(0, min(most, MOST_EVENTS))
        pairs = self._ask(Opcode.OUT_EVENTS, CALLS[Opcode.SCAN_EVENTS], (dreg, most, h_dir, v_dir))
        if pairs is None:
            return b""
        found = np.frombuffer(pairs, np.uint8).reshape(-1, 2)
        ends = np.flatnonzero(~found.any(axis=1))
        found = found[: ends[0]] if len(ends) else found
        return self._out(payloads.events(found.tobytes(), *self._place(arguments)))

    def _out_box(self, arguments: Arguments, _: str) -> bytes:
        """Never answered: the client takes an answer for that of the next call (6.1)."""
        corners = self._ask(Opcode.OUT_AABB, CALLS[Opcode.SCAN_AABB], (arguments[2],))
        return b"" if corners is None else self._out(payloads.box(corners, *self._place(arguments)))

    def _out_stack(self, arguments: Arguments, _: str) -> None:
        self._stack = _Stack(_unsigned(arguments, 0), max(1, min(arguments[2], _MOST_LAYERS)))

    def _out_layer(self, arguments: Arguments, _: str) -> bytes:
        """Its only argument is the DREG (6.1)."""
        stack = self._stack
        if stack is None:
            logger.warning("OUT_LAYER without OUT_BITSTACK_HEADER is left out")
            return b""
        rows = self._ask(Opcode.OUT_LAYER, CALLS[Opcode.SCAN_DREG], (arguments[0], *_WHOLE))
        stack.layers.append(bytes(_COLUMNS * _COLUMNS // 8) if rows is None else rows)
        if len(stack.layers) < stack.count:
            return b""
        self._stack = None
        return self._out(payloads.bitstack(stack.layers, _COLUMNS, stack.display, self._loop))

    def _place(self, arguments: Arguments) -> tuple[int, int]:
        """Display and loop counter."""
        return _unsigned(arguments, 0), self._loop

    # -- files -------------------------------------------------------------------------------------

    def _save_areg(self, arguments: Arguments, path: str) -> None:
        asked = (arguments[0], 1, *_WHOLE[:1] * 2, *_WHOLE[1:] * 2, 1, 1)
        samples = self._ask(Opcode.SAVE_AREG_IMAGE, CALLS[Opcode.SCAN_AREG], asked)
        if samples is not None:
            self._pictures.save(path, np.frombuffer(samples, np.uint8).reshape(_COLUMNS, _COLUMNS).T)

    def _save_dreg(self, arguments: Arguments, path: str) -> None:
        rows = self._ask(Opcode.SAVE_DREG_IMAGE, CALLS[Opcode.SCAN_DREG], (arguments[0], *_WHOLE))
        if rows is not None:
            plane = np.unpackbits(np.frombuffer(rows, np.uint8), bitorder="little")
            self._pictures.save(path, plane.reshape(_COLUMNS, _COLUMNS) * np.uint8(255))


def _unsigned(arguments: Arguments, index: int) -> int:
    """Arguments seen as u32."""
    return arguments[2 * index] & 0xFFFF | (arguments[2 * index + 1] & 0xFFFF) << 16
