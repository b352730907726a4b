"""Device: what a user holds. ``with pixeltree.connect(url) as device: ...``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from types import TracebackType
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.files import AnyPath
from pixeltree.arguments.numbers import check_seconds
from pixeltree.arguments.token import read_token
from pixeltree.device import in_process
from pixeltree.device.chip import Chip, Execution
from pixeltree.device.exchange import AnySession, Exchange
from pixeltree.device.exposure import AS_IT_IS, FrameExposure, ask_for, wanted
from pixeltree.device.patience import Patience
from pixeltree.device.planes import read_plane, write_plane
from pixeltree.device.session import Session
from pixeltree.device.upload import Upload, holdings, upload
from pixeltree.errors import DataError, DeviceError
from pixeltree.links import open_link, split_session_options
from pixeltree.links.url import parse_url
from pixeltree_protocol.chip.registers import Analog, Digital
from pixeltree_protocol.link.messages import (
    Done,
    ErrorCode,
    GetSettings,
    GetStatus,
    Ping,
    Pong,
    Result,
    Role,
    Settings,
    Show,
    Status,
    Welcome,
    head_bytes,
)
from pixeltree_protocol.objects import Digest


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


def emulator(patience: Patience | None = None, **options: str | int) -> Device:
    """Start an emulated device of one's own, which is stopped when the connection is closed.

    >>> with emulator(preset="typical", chip=7) as device: ...                # doctest: +SKIP

    Args:
        patience: how long to wait for what.
        options: ``preset`` (ideal, typical or harsh), ``chip`` (which one of that kind), ``memory`` (bytes of
            the controller), ``source`` (what the sensor sees: ``moving``, ``camera:0``, a picture, a folder,
            a video) with ``source_clock``, ``source_rate`` and ``fit="on"``, ``exposure="auto"``, ``bps`` and
            ``latency_us`` of the line, ``engine``, ``seed``; see ``pixeltree emulate --help``.

    Raises:
        LinkError: there is no such option, it has a value that cannot be, or the emulator does not start.
    """
    query = "&".join(f"{name}={quote(str(value))}" for name, value in options.items())
    return connect(f"emu:?{query}" if query else "emu:", patience)


def _url(url: AnyPath) -> str:
    text = os.fspath(url) if isinstance(url, str | os.PathLike) else None
    if not isinstance(text, str):
        raise DataError(f"a device's URL must be text, or the path of a serial port, not {url!r}")
    return text


class Device:
    """A connected device. Not for use from several threads at once.

    Attributes:
        chip: the vendor's controller API, to drive the chip directly.
        welcome: what the device said of itself.
        exchange: requests and what answers them, for what takes frames through a tree.
    """

    def __init__(self, session: AnySession, welcome: Welcome) -> None:
        self._session = session
        self.welcome = welcome
        self.exchange = Exchange(session, welcome)
        self.chip = Chip(self.exchange)

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

    @property
    def now(self) -> float:
        """Seconds on the clock by which this connection waits."""
        return self._session.now

    def ping(self) -> None:
        """Wait until the device has answered an empty request."""
        self.exchange.ask(Ping(0), Pong)

    def status(self) -> Status:
        """How the device is; observers may ask too."""
        return self.exchange.ask(GetStatus(), Status)

    def settings(self) -> dict[str, str]:
        """How the device is set up, for people: names and values; observers may ask too.

        An emulated device names its ``source``, ``source_clock``, ``source_rate``, ``fit``, ``preset``,
        ``chip``, ``seed``, ``engine`` and ``exposure``.

        Returns:
            Nothing where the device does not say.
        """
        try:
            told = self.exchange.ask(GetSettings(), Settings).settings
        except DeviceError as error:
            if error.code not in (ErrorCode.UNSUPPORTED.name, ErrorCode.MALFORMED.name):
                raise
            return {}
        return {name: value for name, _, value in (line.partition("=") for line in told.splitlines())}

    def exposure(self) -> FrameExposure:
        """How the next frame of a tree will be exposed; see :meth:`set_exposure`.

        Raises:
            DeviceError: a controller that cannot choose exposures (UNSUPPORTED).
            LinkError: the device is gone or silent.
        """
        return ask_for(self.exchange, AS_IT_IS)

    def set_exposure(self, exposure: int | str) -> FrameExposure:
        """Say how frames of a tree are exposed until this session ends.

        ``TreeRunner.open`` takes an exposure too, and asks for it again where the device was started anew.
        For kernels ``chip.expose`` has the time.

        Args:
            exposure: whole microseconds, 1 to 1,000,000; ``auto``, where the brightness of each frame
                decides how long the next one is exposed; ``fixed`` to stay at what it is now.

        Returns:
            How the next frame will be exposed.

        Raises:
            DataError: none of these.
            DeviceError: a controller that cannot choose exposures (UNSUPPORTED).
            LinkError: the device is gone or silent.
        """
        return ask_for(self.exchange, wanted(exposure))

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
        return self.exchange.watch(session.deadline if timeout is None else session.deadline_in(timeout))

    # -- objects -----------------------------------------------------------------------------------

    def holdings(self, digests: Iterable[Digest]) -> dict[Digest, int]:
        """Bytes that the device has of each object; WHOLE where it is resident.

        The device takes the question as a sign that the objects are wanted and keeps them longest.

        Raises:
            DeviceError: the answer is about more or fewer objects.
            DataError: a digest that is none.
            LinkError: the device is gone or silent.
        """
        return holdings(self.exchange, digests)

    def upload(self, objects: Mapping[Digest, bytes]) -> Upload:
        """Make objects resident, in the given order; those that the device has are not sent again.

        Each is resumed where an earlier upload of it stopped, also where the device was started anew.

        Raises:
            DeviceError: the device refuses an object.
        """
        return upload(self.exchange, objects)

    # -- pictures and planes -----------------------------------------------------------------------

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
            self.exchange.ask(Show(True, 0, 0, 0, 0, b""), Done)
            return
        for message in self.shows(pixels, top, left, clear):
            self.exchange.ask(message, Done)

    def shows(
        self, pixels: npt.NDArray[np.uint8], top: int = 0, left: int = 0, clear: bool = True
    ) -> list[Show]:
        """The messages by which :meth:`show` shows a picture; each is answered by DONE.

        Raises:
            DataError: as :meth:`show`.
        """
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
        rows = (self.welcome.capabilities.max_body - head_bytes(Show)) // pixels.shape[1]
        messages = []
        for start in range(0, pixels.shape[0], rows):
            patch = pixels[start : start + rows]
            first = clear and start == 0
            messages.append(Show(first, top + start, left, len(patch), pixels.shape[1], patch.tobytes()))
        return messages

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
        return read_plane(self.exchange, register)

    def write_plane(self, register: Analog | Digital, plane: npt.ArrayLike) -> Execution:
        """Write a whole register, as the vendor's image loader does.

        A DREG is written pixel by pixel (``WriteDreg``; R12 where R0 is 1). An AREG, A to F, is the sum of
        its eight bit planes: each is written into R0, and IN added where it is 1. That clobbers R0 (:= 1),
        NEWS, FLAG (:= 1) and IN, and on a chip with errors each transfer adds its own.

        Args:
            register: an AREG or a DREG.
            plane: (256, 256), the right way round (column 0 is the left of the picture): bool or 0 and 1 for
                a DREG, whole numbers from -128 to 127 for an AREG.

        Returns:
            Device time and words of the whole. The time is that of the cost model: the plane's bytes on the
            line, and 1.7 us a pixel that is drawn (both assumed).

        Raises:
            DataError: the register cannot be written, or the plane has another shape, type or range.
            DeviceError: the device refuses.
            LinkError: the device is gone or silent.
        """
        return write_plane(self.chip, register, plane)
