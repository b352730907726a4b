"""Device: what a user holds. ``with pixeltree.connect(url) as device: ...``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from pixeltree.errors import DataError
from pixeltree.links import open_link
from pixeltree.session import Session, device_error
from pixeltree_protocol.connection import Received
from pixeltree_protocol.messages import (
    WHOLE,
    Done,
    Error,
    Fault,
    Holdings,
    Message,
    OpenTree,
    Ping,
    PlanePart,
    Pong,
    Put,
    Query,
    ReadPlane,
    Result,
    Scene,
    StartFrame,
    Stored,
    TreeOpened,
    Welcome,
)
from pixeltree_protocol.objects import Digest
from pixeltree_protocol.registers import AREGS, ARRAY_SIZE

CONNECT_TIMEOUT = 5.0
"""Seconds to find a device, and seconds of silence that it is allowed."""

_PUT_HEAD = 24
_SCENE_HEAD = 9
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


class Device:
    """A connected device. Not for use from several threads at once."""

    def __init__(self, session: Session, welcome: Welcome) -> None:
        self._session = session
        self.welcome = welcome
        self.resident: set[Digest] = set()

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
        """Bytes that the device has of each object; WHOLE where it is resident."""
        wanted = list(digests)
        held: dict[Digest, int] = {}
        for start in range(0, len(wanted), _QUERY_BATCH):
            batch = wanted[start : start + _QUERY_BATCH]
            held.update(zip(batch, self._ask(Query(tuple(batch)), Holdings).received, strict=True))
        return held

    def upload(self, objects: Mapping[Digest, bytes]) -> int:
        """Make objects resident, in the given order, each resumed where an earlier upload stopped.

        Returns:
            Bytes that this put on the wire.

        Raises:
            DeviceError: the device refuses an object.
        """
        held = self.holdings(objects)
        pending: set[int] = set()
        wire_bytes = 0
        for digest, data in objects.items():
            if held[digest] == WHOLE:
                self.resident.add(digest)
                continue
            requests, size = self._put(digest, data, held[digest])
            pending.add(requests)
            wire_bytes += size
        while pending:
            for event in self._receive():
                self._note(event.message)
                if isinstance(event.message, Stored):
                    pending.discard(event.request)
        return wire_bytes

    def _put(self, digest: Digest, data: bytes, offset: int) -> tuple[int, int]:
        """Send the rest of an object; returns the id of its last part and the bytes on the wire."""
        step = self.welcome.capabilities.max_body - _PUT_HEAD
        wire_bytes = request = 0
        for start in range(offset, len(data), step):
            part = Put(digest, len(data), start, data[start : start + step])
            request, size = self._session.send(part)
            wire_bytes += size
        return request, wire_bytes

    def _note(self, message: Message) -> None:
        if isinstance(message, Stored):
            self.resident.difference_update(message.evicted)
            self.resident.add(message.digest)
        elif isinstance(message, TreeOpened):
            self.resident.difference_update(message.evicted)

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
        opened = self._ask(OpenTree(tree, memory_limit, round(fault_timeout * 1000)), TreeOpened)
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
        rows = (self.welcome.capabilities.max_body - _SCENE_HEAD) // pixels.shape[1]
        for start in range(0, pixels.shape[0], rows):
            patch = pixels[start : start + rows]
            first = clear and start == 0
            rows_here, columns = patch.shape
            self._ask(Scene(first, top + start, left, rows_here, columns, patch.tobytes()), Done)

    def start_frame(self, frame: int) -> int:
        """Expose a frame and start it through the open tree; returns the request id."""
        return self._session.send(StartFrame(frame))[0]

    def next_event(self, request: int) -> Fault | Result:
        """Wait for the next fault of a frame, or its result.

        Args:
            request: the id that :meth:`start_frame` returned.

        Raises:
            DeviceError: the frame ended with an error.
            LinkError: the device is gone or silent.
        """
        while True:
            for event in self._receive(request):
                self._note(event.message)
                if event.request == request and isinstance(event.message, Fault | Result):
                    return event.message

    def read_plane(self, register: str) -> npt.NDArray[np.generic]:
        """A register of the whole array, the right way round (column 0 is the left of the picture).

        Args:
            register: its vendor name, ``A`` to ``F``, ``NEWS``, ``R0`` to ``R12``.

        Returns:
            bool (256, 256) for a DREG, int8 (256, 256) for an AREG.
        """
        request, _ = self._session.send(ReadPlane(register))
        data = bytearray()
        while True:
            for event in self._receive(request):
                part = event.message
                if isinstance(part, PlanePart) and event.request == request:
                    data += part.data
                    if len(data) >= part.total:
                        return _plane(register, bytes(data))

    # -- exchange ----------------------------------------------------------------------------------

    def _ask(self, message: Message, kind: type[_Reply]) -> _Reply:
        request, _ = self._session.send(message)
        while True:
            for event in self._receive(request):
                self._note(event.message)
                if event.request == request and isinstance(event.message, kind):
                    return event.message

    def _receive(self, request: int | None = None) -> list[Received]:
        """Messages from the device; an error among them (about ``request``, if given) is raised."""
        events = self._session.receive()
        for event in events:
            if isinstance(event.message, Error) and request in (None, event.request):
                raise device_error(event.message)
        return events


def _plane(register: str, data: bytes) -> npt.NDArray[np.generic]:
    if register in AREGS:
        plane: npt.NDArray[np.generic] = np.frombuffer(data, np.int8).reshape(ARRAY_SIZE, ARRAY_SIZE)
    else:
        rows = np.frombuffer(data, np.uint8).reshape(ARRAY_SIZE, -1)
        plane = np.unpackbits(rows, axis=1, bitorder="little").astype(np.bool_)
    return plane[:, ::-1]
