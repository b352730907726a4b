"""Device: what a user holds. ``with pixeltree.connect(url) as device: ...``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import TracebackType

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.files import AnyPath
from pixeltree.arguments.numbers import check_number, check_seconds
from pixeltree.arguments.token import read_token
from pixeltree.device import in_process
from pixeltree.device.chip import ChipControl, Execution
from pixeltree.device.exchange import AnySession, Exchange
from pixeltree.device.session import Patience, Session
from pixeltree.device.upload import Upload, Uploading
from pixeltree.errors import DataError, DeviceError, PixeltreeError, SessionLostError
from pixeltree.links import open_link, split_session_options
from pixeltree.links.url import parse_url
from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, Analog
from pixeltree_protocol.link.connection import Received, Ticket
from pixeltree_protocol.link.delivery import Priority
from pixeltree_protocol.link.messages import (
    MAX_FAULT_TIMEOUT_MS,
    CancelFrame,
    Done,
    Execute,
    Executed,
    Fault,
    GetStatus,
    Holdings,
    OpenTree,
    Ping,
    PlanePart,
    Pong,
    Put,
    PutSeveral,
    Query,
    ReadOut,
    ReadPlane,
    Result,
    Role,
    Scene,
    StartFrame,
    Status,
    TreeOpened,
    Welcome,
    head_bytes,
    item_bytes,
)
from pixeltree_protocol.objects import Digest
from pixeltree_protocol.objects.program import Program

_PROGRAM_TIME = 60.0
"""Further seconds for a program that runs at once: emulated, it may take longer than on the chip."""

_QUERY_BATCH = 256
_UPLOAD_TRIES = 3


def connect(
    url: AnyPath,
    patience: Patience | None = None,
    observe: bool = False,
    token_file: AnyPath | None = None,
) -> Device:
    """Connect to a device, real or emulated.

    Args:
        url: ``tcp://HOST:PORT``, ``tls://HOST:PORT``, ``unix:///PATH``, ``serial:///dev/ttyACM0`` or just the
            path, ``serial:rfc2217://HOST:PORT``, ``usb:VID:PID[:SERIAL]``, or ``emu:`` for a private
            emulator; ``pixeltree devices`` lists what there is.
        patience: how long to wait for what.
        observe: look on while another session drives the device.
        token_file: file with the token that the device wants; ``?token_file=PATH`` in the URL does the same.

    Raises:
        LinkError: nobody answers, or not with the Pixeltree protocol.
        DeviceError: the device refuses the connection.
        DataError: the URL or the token file cannot be used.
    """
    location, options = split_session_options(_url(url))
    if (parsed := parse_url(location)).kind == in_process.KIND:
        near = in_process.open_session(parsed, patience)
        return Device(near, near.greet())
    chosen = token_file or options.get("token_file")
    session = Session(
        lambda timeout: open_link(location, timeout),
        location,
        Role.OBSERVE if observe else Role.DRIVE,
        read_token(chosen) if chosen else None,
        patience,
    )
    try:
        return Device(session, session.greet())
    except BaseException:
        session.close()
        raise


def _url(url: AnyPath) -> str:
    text = os.fspath(url) if isinstance(url, str | os.PathLike) else None
    if not isinstance(text, str):
        raise DataError(f"a device's URL must be text, or the path of a serial port, not {url!r}")
    return text


class Device(ChipControl):
    """A connected device. Not for use from several threads at once."""

    def __init__(self, session: AnySession, welcome: Welcome) -> None:
        self._session = session
        self._exchange = Exchange(session)
        self.welcome = welcome
        self._trees_opened = 0

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
    def opened(self) -> tuple[int, int]:
        """Changes when a tree is opened or lost: a runner sees by it whether its own still is open."""
        return self._exchange.losses, self._trees_opened

    @property
    def cuts(self) -> int:
        """How often the link broke and was opened again."""
        return self._session.cuts

    @property
    def wire_bytes_sent(self) -> int:
        """Bytes put on the wire since the connection began, everything included."""
        return self._session.wire_bytes_sent

    @property
    def wire_bytes_received(self) -> int:
        """Bytes taken off the wire since the connection began."""
        return self._session.wire_bytes_received

    @property
    def resent_bytes(self) -> int:
        """Bytes that the host had to send again in this session."""
        return self._session.resent_bytes

    def ping(self) -> None:
        """Wait until the device has answered an empty request."""
        self._exchange.ask(Ping(0), Pong)

    def status(self) -> Status:
        """How the device is; observers may ask too."""
        return self._exchange.ask(GetStatus(), Status)

    def watch(self, timeout: float | None = None) -> Result | None:
        """Observers: wait for the next result of the session that drives.

        Args:
            timeout: seconds to wait, 0 or more; None for as long as an answer may take
                (``Patience.answer``).

        Returns:
            The result; None where there was nothing to see in that time, which is no error.

        Raises:
            DataError: a time out of range.
            LinkError: the device is gone.
        """
        if timeout is not None:
            check_seconds("a time-out", timeout)
        session = self._session
        return self._exchange.watch(session.deadline if timeout is None else session.deadline_in(timeout))

    # -- objects -----------------------------------------------------------------------------------

    def holdings(self, digests: Iterable[Digest]) -> dict[Digest, int]:
        """Bytes that the device has of each object; WHOLE where it is resident.

        The device takes the question as a sign that the objects are wanted and keeps them longest.

        Raises:
            DeviceError: the answer is about more or fewer objects.
            DataError: a digest that is none.
            LinkError: the device is gone or silent.
        """
        wanted = list(digests)
        fitting = (self.welcome.capabilities.max_body - head_bytes(Query)) // item_bytes(Query, "digests")
        batch = min(_QUERY_BATCH, fitting)
        held: dict[Digest, int] = {}
        for start in range(0, len(wanted), batch):
            part = wanted[start : start + batch]
            answer = self._exchange.ask(Query(tuple(part)), Holdings)
            if len(answer.received) != len(part):
                raise DeviceError(
                    "UNEXPECTED",
                    f"asked about {len(part)} objects, the device at {self.url} answered about "
                    f"{len(answer.received)}",
                )
            held.update(zip(part, answer.received, strict=True))
        return held

    def upload(self, objects: Mapping[Digest, bytes]) -> Upload:
        """Make objects resident, in the given order; those that the device has are not sent again.

        Each is resumed where an earlier upload of it stopped, also where the device was started anew.

        Raises:
            DeviceError: the device refuses an object.
        """
        for _ in range(_UPLOAD_TRIES - 1):
            try:
                return self.begin_upload(objects).wait()
            except SessionLostError:
                continue
        return self.begin_upload(objects).wait()

    def put(self, digest: Digest, data: bytes, offset: int, size: int, priority: Priority) -> Ticket:
        """Send part of an object; answers are awaited by :meth:`wait_for` until they are forgotten.

        The last part is answered, the others only where they are refused or the object is there already.

        Args:
            digest: its name.
            data: the whole object.
            offset: where the part begins.
            size: bytes of it.
            priority: DEMAND for what is waited for, PREFETCH for what may be useful.
        """
        part = Put(digest, len(data), offset, data[offset : offset + size])
        return self._exchange.send(part, priority)

    def put_several(self, objects: Sequence[bytes], priority: Priority) -> Ticket:
        """Send whole objects in one message, which is answered; see :meth:`put`.

        Args:
            objects: their bytes; together they must fit a message.
            priority: as for :meth:`put`.
        """
        return self._exchange.send(PutSeveral(tuple(objects)), priority)

    def keep(self, digests: Sequence[Digest]) -> None:
        """Have the device take these for the most recently used, in this order, without waiting for it."""
        self._exchange.forget({self._exchange.send(Query(tuple(digests))).request})

    @property
    def now(self) -> float:
        """Seconds on the clock by which this connection waits."""
        return self._session.now

    def wait_for(self, requests: AbstractSet[int], until: float | None = None) -> Received | None:
        """Wait for the next answer to any of some requests; see :meth:`Exchange.wait`."""
        return self._exchange.wait(requests, until)

    def take(self, requests: AbstractSet[int]) -> Received | None:
        """An answer to any of some requests that is there already; see :meth:`Exchange.take`."""
        return self._exchange.take(requests)

    def forget(self, requests: AbstractSet[int]) -> None:
        """No more answers to these requests are wanted."""
        self._exchange.forget(requests)

    def begin_upload(
        self, objects: Mapping[Digest, bytes], priority: Priority = Priority.DEMAND
    ) -> Uploading:
        """Start to make objects resident, and go on with other things meanwhile.

        Args:
            objects: by digest, in the order in which they are to be sent.
            priority: DEMAND for what is waited for, PREFETCH for what may be useful.

        Returns:
            The upload: ask it whether it is ``done``, or ``wait``.
        """
        return Uploading(self._exchange, objects, self.holdings(objects), self.welcome, priority)

    # -- frames ------------------------------------------------------------------------------------

    def open_tree(self, tree: Digest, memory_limit: int, fault_timeout: float) -> int:
        """Run a resident tree from now on.

        Args:
            tree: digest of the tree object.
            memory_limit: bytes that its objects may take at any time; 0 for all that the device has.
            fault_timeout: seconds that a frame waits for missing objects, 0 to 3,600.

        Returns:
            The byte budget in force.

        Raises:
            DataError: a time-out or a limit out of range.
            DeviceError: the tree is not resident, or does not fit.
            LinkError: the device is gone or silent.
        """
        check_number("a fault time-out, in seconds,", fault_timeout, 0, most=MAX_FAULT_TIMEOUT_MS / 1000)
        request = OpenTree(tree, memory_limit, round(fault_timeout * 1000))
        opened = self._exchange.ask(request, TreeOpened)
        self._trees_opened += 1
        return opened.budget_bytes

    def show(
        self, pixels: npt.NDArray[np.uint8] | None, top: int = 0, left: int = 0, clear: bool = True
    ) -> None:
        """Put a picture before an emulated sensor, until ``show(None)`` or the end of the session.

        After that the sensor sees again what it was started with: its source (``emulate --source``), or
        darkness. The source has gone on meanwhile.

        Args:
            pixels: uint8 (rows, columns), the right way round; None takes the picture away.
            top: first row of the picture that they cover.
            left: first column, from the left of the picture.
            clear: whether the rest of the picture becomes black.

        Raises:
            DataError: another type, or a picture that does not fit the sensor.
            DeviceError: a device with real optics, which can be shown nothing.
            LinkError: the device is gone or silent.
        """
        if pixels is None:
            self._exchange.ask(Scene(True, 0, 0, 0, 0, b""), Done)
            return
        if not isinstance(pixels, np.ndarray):
            raise DataError(f"a picture must be a NumPy array, not {type(pixels).__name__}")
        if pixels.dtype != np.uint8 or pixels.ndim != 2 or not pixels.size:
            raise DataError(f"a picture must be uint8 (rows, columns), not {pixels.dtype} {pixels.shape}")
        if not all(isinstance(each, int | np.integer) for each in (top, left)):
            raise DataError(f"a picture's first row and column must be whole numbers, not {top!r}, {left!r}")
        height, width = self.welcome.capabilities.rows, self.welcome.capabilities.columns
        if not (0 <= top <= height - pixels.shape[0] and 0 <= left <= width - pixels.shape[1]):
            raise DataError(
                f"a picture of {pixels.shape} at ({top}, {left}) does not fit the sensor's {height} x {width}"
            )
        rows = (self.welcome.capabilities.max_body - head_bytes(Scene)) // pixels.shape[1]
        for start in range(0, pixels.shape[0], rows):
            patch = pixels[start : start + rows]
            first = clear and start == 0
            rows_here, columns = patch.shape
            self._exchange.ask(Scene(first, top + start, left, rows_here, columns, patch.tobytes()), Done)

    def start_frame(self, frame: int) -> int:
        """Expose a frame and start it through the open tree; returns the request id."""
        return self._exchange.send(StartFrame(frame)).request

    def cancel_frame(self, frame: int, request: int) -> None:
        """Give a frame up, if it is not over; ``request`` is what :meth:`start_frame` returned."""
        self._exchange.forget({request})
        self._exchange.ask(CancelFrame(frame), Done)

    def next_event(self, request: int) -> Fault | Result:
        """Wait for the next fault of a frame, or its result.

        Args:
            request: the id that :meth:`start_frame` returned.

        Raises:
            DeviceError: the frame ended with an error.
            LinkError: the device is gone or silent.
        """
        try:
            event: Fault | Result = self._exchange.next({request}, Fault | Result)[1]
        except PixeltreeError:
            self._exchange.forget({request})
            raise
        if isinstance(event, Result):
            self._exchange.forget({request})
        return event

    def read_plane(self, register: str) -> npt.NDArray[np.generic]:
        """A register of the whole array, the right way round (column 0 is the left of the picture).

        Args:
            register: its vendor name, ``A`` to ``F``, ``NEWS``, ``R0`` to ``R12``; of an emulated device also
                ``PIX`` and ``FLAG``, which leave a real chip only through another register.

        Returns:
            bool (256, 256) for a DREG and FLAG. int16 (256, 256) for an AREG and PIX: analog levels from -128
            to 127, one ADC count each; PIX starts from its reset level, -127, and white adds 127 in a full
            exposure.

        Raises:
            DeviceError: OUT_OF_RANGE, no register has this name; UNSUPPORTED, the device cannot read it.
        """
        request = self._exchange.send(ReadPlane(register)).request
        data = bytearray()
        try:
            while True:
                _, part = self._exchange.next({request}, PlanePart)
                data += part.data
                if len(data) >= part.total:
                    return _plane(register, bytes(data))
        finally:
            self._exchange.forget({request})

    def execute_program(
        self, program: Program, blocks: Sequence[Digest], segments: Sequence[Digest] = ()
    ) -> Execution:
        """Run an immediate program on resident blocks and segments; :meth:`execute` is the comfortable way.

        Raises:
            DeviceError: a block is not resident, or the program is refused; nothing has happened then.
        """
        request = self._exchange.send(Execute(tuple(blocks), tuple(segments), program.encode())).request
        read_outs: dict[int, bytearray] = {}
        try:
            while True:
                _, message = self._exchange.next({request}, ReadOut | Executed, _PROGRAM_TIME)
                if isinstance(message, Executed):
                    data = tuple(bytes(read_outs[step]) for step in sorted(read_outs))
                    return Execution(data, message.device_ns, message.words)
                read_outs.setdefault(message.step, bytearray()).extend(message.data)
        finally:
            self._exchange.forget({request})


def _plane(register: str, data: bytes) -> npt.NDArray[np.generic]:
    if register in (*AREGS, Analog.PIX):
        levels = np.frombuffer(data, np.int8).reshape(ARRAY_SIZE, ARRAY_SIZE)
        plane: npt.NDArray[np.generic] = levels.astype(np.int16)  # so that level + 128 does not overflow
    else:
        rows = np.frombuffer(data, np.uint8).reshape(ARRAY_SIZE, -1)
        plane = np.unpackbits(rows, axis=1, bitorder="little").astype(np.bool_)
    return plane[:, ::-1]
