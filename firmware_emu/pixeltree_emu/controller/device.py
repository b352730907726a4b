"""The device as its link sees it: requests in, answers out, and a little work at a time in between."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

from pixeltree_emu.array.remembered import Remembered
from pixeltree_emu.controller.clock import CostModel, DeviceClock
from pixeltree_emu.controller.device_array import Kernel, PixelArray
from pixeltree_emu.controller.frame import FrameInHand, FrameRunner
from pixeltree_emu.controller.immediate import ImmediateRunner, Job
from pixeltree_emu.controller.limits import DeviceLimits
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_emu.controller.store import ObjectStore
from pixeltree_emu.errors import MeaninglessWord, RequestError
from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, DREGS, Analog, Digital
from pixeltree_protocol.link.messages import (
    MAX_FAULT_TIMEOUT_MS,
    CancelFrame,
    Done,
    ErrorCode,
    Execute,
    Fault,
    GetSettings,
    Holdings,
    Message,
    OpenTree,
    Ping,
    PlanePart,
    Pong,
    Put,
    PutSeveral,
    Query,
    ReadPlane,
    Reply,
    Result,
    SetExposure,
    Settings,
    Show,
    StartFrame,
    Status,
    Stored,
    StoredSeveral,
    TreeOpened,
    error_message,
)
from pixeltree_protocol.names import known_names
from pixeltree_protocol.objects import DIGEST_BYTES, Block, Digest, TreeRoot, digest_of, short

logger = logging.getLogger(__name__)

Answer = Callable[[Reply, int], None]
"""Sends a message to the session that drives the device, as the answer to a request id."""

PART_BYTES = 4_096
"""Of a long answer in one message: what comes after it on a slow line waits for no more."""

LOCAL_PART_BYTES = 32_768
"""The same where no line is slow: an AREG in two."""

NO_TREE = bytes(DIGEST_BYTES)

_REMEMBERED_WORDS = 131_072
"""Words of blocks that are kept ready, for all devices of this process; about 150 bytes each."""

_KERNELS: Remembered[tuple[Hashable, Digest], Kernel] = Remembered(
    _REMEMBERED_WORDS, lambda kernel: len(kernel.items)
)


class EmulatedDevice:
    """A controller with its array; one frame at a time.

    Args:
        limits: sizes.
        costs: device time of each step.
        now: wall clock in seconds, for fault time-outs.
        array: the array to drive; an ideal one with the fast engine if None.

    Attributes:
        frames: how many ended with a result.
        part_bytes: of a long answer to the session that drives, in one message.
        settings: how it was set up, for people: names and values.
        observer: is told when a frame has ended with a result, or an immediate program without one.
    """

    def __init__(
        self,
        limits: DeviceLimits | None = None,
        costs: CostModel | None = None,
        now: Callable[[], float] = time.monotonic,
        array: PixelArray | None = None,
        read_out: ReadOutParameters | None = None,
    ) -> None:
        self.limits = limits or DeviceLimits()
        self.read_out = read_out or ReadOutParameters()
        self.clock = DeviceClock(costs or CostModel())
        self.array = array or PixelArray()
        self.store = ObjectStore(
            self.limits.memory_bytes, self.limits.icw_store, self.limits.max_object, self._load_block
        )
        self._runner = FrameRunner(self.array, self.clock, self.store, self.read_out)
        self._immediate = ImmediateRunner(self._runner.sequencer, self.clock, self.store)
        self._job: Job | None = None
        self._now = now
        self._tree: TreeRoot | None = None
        self._tree_digest = NO_TREE
        self._fault_timeout_s = 0.0
        self._hand: FrameInHand | None = None
        self._deadline = 0.0
        self._host_away = False
        self._follows = False
        self.frames = 0
        self.part_bytes = PART_BYTES
        self.settings: dict[str, str] = {}
        self.observer: Callable[[Result | None], None] = lambda result: None
        self._reply: Answer = lambda message, request: None
        self._handlers: dict[type[Any], Callable[[Any, int], None]] = {
            Ping: self._ping,
            GetSettings: self._get_settings,
            Query: self._query,
            Put: self._put,
            PutSeveral: self._put_several,
            CancelFrame: self._cancel_frame,
            OpenTree: self._open_tree,
            Show: self._show,
            StartFrame: self._start_frame,
            ReadPlane: self._read_plane,
            Execute: self._execute,
            SetExposure: self._set_exposure,
        }

    @property
    def busy(self) -> bool:
        """Whether there is work that does not wait for the host."""
        return self._job is not None or (self._hand is not None and not self._hand.waiting)

    @property
    def wakes_at(self) -> float | None:
        """When work is due although nothing comes in (wall clock), or None."""
        waiting = self._hand is not None and self._hand.waiting and not self._host_away
        return self._deadline if waiting else None

    @property
    def frame_in_hand(self) -> bool:
        """Whether a frame is being worked on, or waits for objects."""
        return self._hand is not None

    @property
    def open_tree(self) -> Digest:
        """Digest of the open tree; zeros where none is."""
        return self._tree_digest

    def status(
        self, connected: int, driver: str, uptime_s: float, damaged_frames: int = 0, resent_bytes: int = 0
    ) -> Status:
        """How the device is.

        Args:
            connected: sessions with a wire.
            driver: what the host that drives calls itself.
            uptime_s: seconds since the device was started.
            damaged_frames: frames that came in damaged so far.
            resent_bytes: bytes sent again to the session that asks.
        """
        return Status(
            connected,
            driver,
            self.open_tree,
            self.frame_in_hand,
            self.frames,
            self.store.budget_bytes,
            self.store.used_bytes,
            self.store.used_words,
            len(self.store),
            self.clock.now_ns,
            int(uptime_s * 1000),
            min(damaged_frames, 0xFFFFFFFF),
            resent_bytes,
        )

    def attach(self, reply: Answer) -> None:
        """A session takes the device over.

        Objects stay; an earlier session's frame, tree, scene and exposure do not.
        """
        self._reply = reply
        self._hand = None
        self._job = None
        self._tree = None
        self._tree_digest = NO_TREE
        self._host_away = False
        self.array.sensor.give_back()
        self._runner.exposure.give_back()
        self.store.pin([])
        self.store.limit(0)

    def host_away(self, away: bool) -> None:
        """The session that drives has lost its wire, or has one again: no frame is given up meanwhile."""
        self._host_away = away
        self._deadline = self._now() + self._fault_timeout_s

    def follow_time(self, now: Callable[[], float]) -> None:
        """From now on time goes on by itself: someone calls :meth:`follow`.

        Args:
            now: the time in seconds, for fault time-outs.
        """
        self._follows = True
        self.clock.follows_line = True
        self.array.sensor.now = now
        self._now = now

    def follow(self, now_ns: int) -> None:
        """Let the device clock catch up; where the frame in hand waits, it has waited so long."""
        waited = now_ns - self.clock.now_ns
        if waited > 0:
            self.clock.now_ns = now_ns
            if self._hand is not None and self._hand.waiting:
                self._hand.stall_ns += waited

    def give_up(self, reason: str) -> None:
        """End whatever is in hand with an error: something happened that must never happen."""
        request = self._job.request if self._job else self._hand.request if self._hand else 0
        self._reply(error_message(ErrorCode.INTERNAL, reason), request)
        self._job = None
        self._drop_frame()

    def handle(self, message: Message, request: int, wire_bytes: int) -> None:
        """Act on one request; a refusal is an ERROR answer."""
        waits = self._hand is not None and self._hand.waiting and not self._follows
        if waits and self._hand is not None and isinstance(message, Put | PutSeveral):
            stall = self.clock.costs.line_ns(wire_bytes)
            self._hand.stall_ns += stall
            self.clock.charge(stall)
        handler = self._handlers.get(type(message))
        try:
            if handler is None:
                raise RequestError(ErrorCode.UNEXPECTED, f"{type(message).__name__} is not a request")
            handler(message, request)
        except RequestError as error:
            self._refuse(error, request)

    def work(self, looks_at_ns: int | None = None, through: bool = False) -> None:
        """Do a controller step, or a stretch of them, of the job or frame in hand, if it can go on.

        Args:
            looks_at_ns: device time at which somebody will look at the device; None for nobody.
            through: do all steps of a frame's node; nobody's link waits meanwhile.
        """
        job, hand = self._job, self._hand
        if job is not None and not self._immediate.advance(job):
            self._job = None
            for answer in self._immediate.answers(job, self.part_bytes):
                self._reply(answer, job.request)
            self.observer(None)
        if hand is None:
            return
        try:
            self._step(hand, looks_at_ns, through)
        except RequestError as error:
            self._refuse(error, hand.request)
            self._drop_frame()

    def _step(self, hand: FrameInHand, looks_at_ns: int | None, through: bool) -> None:
        event = self._runner.advance(hand, looks_at_ns, through)
        if isinstance(event, Fault):
            self._deadline = self._now() + self._fault_timeout_s
            self._reply(event, hand.request)
        elif isinstance(event, Result):
            self._hand = None
            self.frames += 1
            self._reply(event, hand.request)
            self.observer(event)
        elif hand.waiting and not self._host_away and self._now() >= self._deadline:
            missing = ", ".join(sorted(short(digest) for digest in hand.reported))
            raise RequestError(
                ErrorCode.FAULT_TIMEOUT,
                f"frame {hand.frame}: node {short(hand.node)} waited {self._fault_timeout_s:g} s "
                f"for {missing}",
            )

    def _refuse(self, error: RequestError, request: int) -> None:
        logger.warning("request %d refused: %s", request, error)
        self._reply(error_message(error.code, str(error)), request)

    def _load_block(self, digest: Digest, block: Block) -> Kernel:
        if self.array.alike is None:
            return self._load(digest, block)
        return _KERNELS.get((self.array.alike, digest), lambda: self._load(digest, block))

    def _load(self, digest: Digest, block: Block) -> Kernel:
        try:
            return self.array.load(block.words)
        except MeaninglessWord as error:
            raise RequestError(
                ErrorCode.BAD_OBJECT, f"block {short(digest)}, word {error.index}: {error}"
            ) from error

    def _ping(self, message: Ping, request: int) -> None:
        self._reply(Pong(message.nonce), request)

    def _get_settings(self, message: GetSettings, request: int) -> None:
        self._reply(self.told_settings(), request)

    def told_settings(self) -> Settings:
        """How it is set up, as it tells a host; the exposure is that of the next frame."""
        exposure = self._runner.exposure
        how = "auto" if exposure.automatic else "fixed"
        told = {**self.settings, "exposure": f"{exposure.microseconds} us, {how}"}
        return Settings("\n".join(f"{name}={' '.join(value.splitlines())}" for name, value in told.items()))

    def expose_automatically(self) -> None:
        """From now on each frame's exposure is chosen by what the frame before has seen."""
        self._runner.exposure.automatic = True

    def _set_exposure(self, message: SetExposure, request: int) -> None:
        self._reply(self._runner.exposure.set(message), request)

    def _query(self, message: Query, request: int) -> None:
        self._reply(Holdings(tuple(self.store.received(digest) for digest in message.digests)), request)

    def _put(self, message: Put, request: int) -> None:
        known = message.digest in self.store
        evicted = self.store.put(message.digest, message.total, message.offset, message.data)
        if not known:
            self._came_in()
        if evicted is not None:
            self._reply(Stored(message.digest, tuple(evicted)), request)

    def _put_several(self, message: PutSeveral, request: int) -> None:
        digests, evicted = self.store.put_several(message.objects, self._came_in)
        self._reply(StoredSeveral(digest_of(b"".join(digests)), tuple(evicted)), request)

    def _came_in(self) -> None:
        """Something of an object came in: a fault that waits is being served."""
        self._deadline = self._now() + self._fault_timeout_s

    def _refuse_while_busy(self) -> None:
        if self._hand is not None:
            raise RequestError(ErrorCode.BUSY, f"frame {self._hand.frame} is still in hand")
        if self._job is not None:
            raise RequestError(ErrorCode.BUSY, "an immediate program is still in hand")

    def _execute(self, message: Execute, request: int) -> None:
        self._refuse_while_busy()
        self._job = self._immediate.start(message, request)

    def _open_tree(self, message: OpenTree, request: int) -> None:
        self._refuse_while_busy()
        resident = self.store.get(message.tree)
        if resident is None or not isinstance(resident.data, TreeRoot):
            raise RequestError(ErrorCode.NO_TREE, f"object {short(message.tree)} is not a resident tree")
        if message.fault_timeout_ms > MAX_FAULT_TIMEOUT_MS:
            raise RequestError(
                ErrorCode.OUT_OF_RANGE,
                f"the fault time-out is {message.fault_timeout_ms} ms; it may be at most "
                f"{MAX_FAULT_TIMEOUT_MS}",
            )
        evicted = self.store.limit(message.memory_limit)
        self._tree = resident.data
        self._tree_digest = message.tree
        self._fault_timeout_s = message.fault_timeout_ms / 1000
        self._reply(TreeOpened(self.store.budget_bytes, tuple(evicted)), request)

    def _show(self, message: Show, request: int) -> None:
        if len(message.pixels) != message.rows * message.columns:
            raise RequestError(
                ErrorCode.CANNOT_SHOW,
                f"{message.rows} x {message.columns} pixels came with {len(message.pixels)} bytes",
            )
        if message.ends:
            self.array.sensor.give_back()
            self._reply(Done(), request)
            return
        patch = np.frombuffer(message.pixels, np.uint8).reshape(message.rows, message.columns)
        try:
            self.array.sensor.show(message.top, message.left, patch, message.clear)
        except ValueError as error:
            raise RequestError(ErrorCode.CANNOT_SHOW, str(error)) from error
        self._reply(Done(), request)

    def _start_frame(self, message: StartFrame, request: int) -> None:
        self._refuse_while_busy()
        self._hand = self._runner.start(message.frame, request, self._open_root())

    def _cancel_frame(self, message: CancelFrame, request: int) -> None:
        if self._hand is not None and self._hand.frame == message.frame:
            self._drop_frame()
        self._reply(Done(), request)

    def _drop_frame(self) -> None:
        self._hand = None
        self.store.pin([])

    def _open_root(self) -> TreeRoot:
        if self._tree is None:
            raise RequestError(ErrorCode.NO_TREE, "no tree is open; send OPEN_TREE first")
        return self._tree

    def _read_plane(self, message: ReadPlane, request: int) -> None:
        for part in self.read_plane(message.register, self.part_bytes):
            self._reply(part, request)

    def read_plane(self, register: str, part_bytes: int = PART_BYTES) -> list[PlanePart]:
        """A register of the whole array as it is now, in parts of so many bytes.

        Raises:
            RequestError: no register has this name.
        """
        data = self._plane(register)
        offsets = range(0, len(data), part_bytes)
        return [PlanePart(at, len(data), data[at : at + part_bytes]) for at in offsets]

    def _plane(self, name: str) -> bytes:
        self.array.elapse(self.clock.now_ns)
        if name in AREGS:
            return self.array.areg(Analog(name)).tobytes()
        if name == Analog.PIX:
            return self.array.pix(self.clock.now_ns).tobytes()
        if name in DREGS or name == Digital.FLAG:
            return self.array.scan_rows(Digital(name), range(ARRAY_SIZE))
        known = known_names(name, (*AREGS, *DREGS, Analog.PIX, Digital.FLAG))
        raise RequestError(ErrorCode.OUT_OF_RANGE, f"no register {name!r}; {known}")
