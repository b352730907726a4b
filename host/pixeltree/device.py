"""Device: what a user holds. ``with pixeltree.connect(url) as device: ...``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType, UnionType
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from pixeltree.controller import ChipControl, Execution
from pixeltree.errors import DataError, PixeltreeError
from pixeltree.links import open_link
from pixeltree.session import Session, device_error
from pixeltree_protocol.connection import Received
from pixeltree_protocol.messages import (
    MAX_FAULT_TIMEOUT_MS,
    WHOLE,
    CancelFrame,
    Done,
    Error,
    Execute,
    Executed,
    Fault,
    Holdings,
    Message,
    OpenTree,
    Ping,
    PlanePart,
    Pong,
    Put,
    Query,
    ReadOut,
    ReadPlane,
    Result,
    Scene,
    StartFrame,
    Stored,
    TreeOpened,
    Welcome,
)
from pixeltree_protocol.objects import DIGEST_BYTES, Digest
from pixeltree_protocol.objects.program import Program
from pixeltree_protocol.registers import AREGS, ARRAY_SIZE

CONNECT_TIMEOUT = 5.0
"""Seconds to find a device, and seconds of silence that it is allowed."""

_PROGRAM_TIME = 60.0
"""Further seconds for a program that runs at once: emulated, it may take longer than on the chip."""

_PUT_HEAD = 24
_SCENE_HEAD = 9
_QUERY_HEAD = 2
_QUERY_BATCH = 256

_Reply = TypeVar("_Reply")


def connect(url: str, timeout: float = CONNECT_TIMEOUT) -> Device:
    """Connect to a device, real or emulated.

    Args:
        url: ``tcp://host:port`` or ``unix:///path``.
        timeout: seconds to wait for the connection, and for any answer later on.

    Raises:
        LinkError: nobody answers, or not with the Pixeltree protocol.
        DeviceError: the device refuses the connection.
    """
    session = Session(open_link(url, timeout), timeout)
    try:
        return Device(session, session.greet("pixeltree"))
    except BaseException:
        session.close()
        raise


@dataclass(frozen=True)
class Upload:
    """What an upload sent: how many objects, and their bytes on the wire, framing included."""

    objects: int
    wire_bytes: int


class Device(ChipControl):
    """A connected device. Not for use from several threads at once."""

    def __init__(self, session: Session, welcome: Welcome) -> None:
        self._session = session
        self.welcome = welcome
        self.opened = 0
        """How many times a tree has been opened: a runner sees by it whether its own still is."""
        self._open: set[int] = set()
        self._inbox: list[Received] = []

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave the device; another host may have it then."""
        self._session.close()

    @property
    def url(self) -> str:
        """Where the device is."""
        return self._session.url

    @property
    def wire_bytes_sent(self) -> int:
        """Bytes put on the wire since the connection began, everything included."""
        return self._session.wire_bytes_sent

    @property
    def wire_bytes_received(self) -> int:
        """Bytes taken off the wire since the connection began."""
        return self._session.wire_bytes_received

    def ping(self) -> None:
        """Wait until the device has answered an empty request."""
        self._ask(Ping(0), Pong)

    # -- objects -----------------------------------------------------------------------------------

    def holdings(self, digests: Iterable[Digest]) -> dict[Digest, int]:
        """Bytes that the device has of each object; WHOLE where it is resident.

        The device takes the question as a sign that the objects are wanted and keeps them longest.
        """
        wanted = list(digests)
        batch = min(_QUERY_BATCH, (self.welcome.capabilities.max_body - _QUERY_HEAD) // DIGEST_BYTES)
        held: dict[Digest, int] = {}
        for start in range(0, len(wanted), batch):
            part = wanted[start : start + batch]
            held.update(zip(part, self._ask(Query(tuple(part)), Holdings).received, strict=True))
        return held

    def upload(self, objects: Mapping[Digest, bytes]) -> Upload:
        """Make objects resident, in the given order; those that the device has are not sent again.

        Each is resumed where an earlier upload of it stopped.

        Raises:
            DeviceError: the device refuses an object.
        """
        held = self.holdings(objects)
        wanted = [digest for digest in objects if held[digest] != WHOLE]
        parts: set[int] = set()
        unfinished: set[int] = set()
        wire_bytes = 0
        try:
            for digest in wanted:
                requests, size = self._put(digest, objects[digest], held[digest])
                parts.update(requests)
                unfinished.add(requests[-1])
                wire_bytes += size
            while unfinished:
                request, _ = self._next(parts, Stored)
                unfinished.discard(request)
        finally:
            self._forget(parts)
        return Upload(len(wanted), wire_bytes)

    def _put(self, digest: Digest, data: bytes, offset: int) -> tuple[list[int], int]:
        """Send the rest of an object; returns the ids of its parts and their bytes on the wire."""
        step = self.welcome.capabilities.max_body - _PUT_HEAD
        requests: list[int] = []
        wire_bytes = 0
        for start in range(offset, len(data), step):
            part = Put(digest, len(data), start, data[start : start + step])
            request, size = self._send(part)
            requests.append(request)
            wire_bytes += size
        return requests, wire_bytes

    # -- frames ------------------------------------------------------------------------------------

    def open_tree(self, tree: Digest, memory_limit: int, fault_timeout: float) -> int:
        """Run a resident tree from now on.

        Args:
            tree: digest of the tree object.
            memory_limit: bytes that its objects may take at any time; 0 for all that the device has.
            fault_timeout: seconds that a frame waits for missing objects.

        Returns:
            The byte budget in force.
        """
        if not 0 <= fault_timeout <= MAX_FAULT_TIMEOUT_MS / 1000:
            raise DataError(
                f"a fault time-out must be 0 to {MAX_FAULT_TIMEOUT_MS // 1000} s, not {fault_timeout}"
            )
        opened = self._ask(OpenTree(tree, memory_limit, round(fault_timeout * 1000)), TreeOpened)
        self.opened += 1
        return opened.budget_bytes

    def show(self, pixels: npt.NDArray[np.uint8], top: int = 0, left: int = 0, clear: bool = True) -> None:
        """Put a picture before an emulated sensor.

        Args:
            pixels: uint8 (rows, columns), the right way round.
            top: first row of the picture that they cover.
            left: first column, from the left of the picture.
            clear: whether the rest of the picture becomes black.
        """
        if pixels.dtype != np.uint8 or pixels.ndim != 2 or not pixels.size:
            raise DataError(f"a picture must be uint8 (rows, columns), not {pixels.dtype} {pixels.shape}")
        height, width = self.welcome.capabilities.rows, self.welcome.capabilities.columns
        if not (0 <= top <= height - pixels.shape[0] and 0 <= left <= width - pixels.shape[1]):
            raise DataError(
                f"a picture of {pixels.shape} at ({top}, {left}) does not fit the sensor's {height} x {width}"
            )
        rows = (self.welcome.capabilities.max_body - _SCENE_HEAD) // pixels.shape[1]
        for start in range(0, pixels.shape[0], rows):
            patch = pixels[start : start + rows]
            first = clear and start == 0
            rows_here, columns = patch.shape
            self._ask(Scene(first, top + start, left, rows_here, columns, patch.tobytes()), Done)

    def start_frame(self, frame: int) -> int:
        """Expose a frame and start it through the open tree; returns the request id."""
        return self._send(StartFrame(frame))[0]

    def cancel_frame(self, frame: int, request: int) -> None:
        """Give a frame up, if it is not over; ``request`` is what :meth:`start_frame` returned."""
        self._forget({request})
        self._ask(CancelFrame(frame), Done)

    def next_event(self, request: int) -> Fault | Result:
        """Wait for the next fault of a frame, or its result.

        Args:
            request: the id that :meth:`start_frame` returned.

        Raises:
            DeviceError: the frame ended with an error.
            LinkError: the device is gone or silent.
        """
        try:
            event: Fault | Result = self._next({request}, Fault | Result)[1]
        except PixeltreeError:
            self._forget({request})
            raise
        if isinstance(event, Result):
            self._forget({request})
        return event

    def read_plane(self, register: str) -> npt.NDArray[np.generic]:
        """A register of the whole array, the right way round (column 0 is the left of the picture).

        Args:
            register: its vendor name, ``A`` to ``F``, ``NEWS``, ``R0`` to ``R12``.

        Returns:
            bool (256, 256) for a DREG, int8 (256, 256) for an AREG.
        """
        request, _ = self._send(ReadPlane(register))
        data = bytearray()
        try:
            while True:
                _, part = self._next({request}, PlanePart)
                data += part.data
                if len(data) >= part.total:
                    return _plane(register, bytes(data))
        finally:
            self._forget({request})

    def execute_program(self, program: Program, blocks: Sequence[Digest]) -> Execution:
        """Run an immediate program on resident blocks; :meth:`execute` is the comfortable way.

        Raises:
            DeviceError: a block is not resident, or the program is refused; nothing has happened then.
        """
        request, _ = self._send(Execute(tuple(blocks), (), program.encode()))
        read_outs: dict[int, bytearray] = {}
        try:
            while True:
                _, message = self._next({request}, ReadOut | Executed, _PROGRAM_TIME)
                if isinstance(message, Executed):
                    data = tuple(bytes(read_outs[step]) for step in sorted(read_outs))
                    return Execution(data, message.device_ns, message.words)
                read_outs.setdefault(message.step, bytearray()).extend(message.data)
        finally:
            self._forget({request})

    # -- exchange ----------------------------------------------------------------------------------

    def _send(self, message: Message) -> tuple[int, int]:
        """Send a request whose answers are wanted; returns its id and its size on the wire."""
        request, size = self._session.send(message)
        self._open.add(request)
        return request, size

    def _ask(self, message: Message, kind: type[_Reply]) -> _Reply:
        """Send a request and wait for its one answer."""
        request, _ = self._send(message)
        try:
            answer: _Reply = self._next({request}, kind)[1]
            return answer
        finally:
            self._forget({request})

    def _next(
        self, requests: set[int], kind: type[_Reply] | UnionType, extra: float = 0.0
    ) -> tuple[int, Any]:
        """Wait for the next answer to any of some requests; an ERROR among them is raised.

        Answers to other open requests stay in the inbox: a fault may come while an upload is waited for.
        """
        deadline = self._session.deadline + extra
        while True:
            for index, event in enumerate(self._inbox):
                if event.request not in requests:
                    continue
                del self._inbox[index]
                if isinstance(event.message, Error):
                    raise device_error(event.message)
                if isinstance(event.message, kind):
                    return event.request, event.message
                break
            else:
                events = self._session.receive(deadline)
                self._inbox += [event for event in events if event.request in self._open]

    def _forget(self, requests: set[int]) -> None:
        """No more answers to these requests are wanted."""
        self._open -= requests
        self._inbox = [event for event in self._inbox if event.request in self._open]


def _plane(register: str, data: bytes) -> npt.NDArray[np.generic]:
    if register in AREGS:
        plane: npt.NDArray[np.generic] = np.frombuffer(data, np.int8).reshape(ARRAY_SIZE, ARRAY_SIZE)
    else:
        rows = np.frombuffer(data, np.uint8).reshape(ARRAY_SIZE, -1)
        plane = np.unpackbits(rows, axis=1, bitorder="little").astype(np.bool_)
    return plane[:, ::-1]
