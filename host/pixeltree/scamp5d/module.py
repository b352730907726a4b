"""The calls of the vendor's Python module ``scamp``, for scripts that use it (SCAMP-5 fact sheet, 10.1).

>>> import pixeltree as pt
>>> scamp = pt.scamp5d.module        # in place of: import scamp

One connection at a time, as there. What it returns has the forms that the fact sheet tells; where it tells
nothing, of fields in a packet of no known type, there are only those that every packet has.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from pixeltree.errors import LinkError
from pixeltree.scamp5d.host import Scamp5d, connect
from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.vendor import payloads
from pixeltree_protocol.vendor.packets import Code, Data, DataType, Packet
from pixeltree_protocol.vendor.requests import CHUNK_BYTES, read_request

VS_MSG_PACKET = int(Code.PACKET)
HOST_ON = int(Code.HOST_ON)
HOST_DC = int(Code.HOST_DC)
GUI_UPDATE = int(Code.GUI_UPDATE)
USER_VALUE = int(Code.USER_VALUE)
HOST_VALUE = int(Code.HOST_VALUE)

_NAMES: dict[int, str] = {
    DataType.TEXT: "TEXT",
    DataType.AOUT: "SCAMP5_AOUT",
    DataType.DOUT: "SCAMP5_DOUT",
    DataType.AABB: "BBOX",
    DataType.EVENTS: "EVENTS",
    DataType.INT8: "INT8",
    DataType.INT16: "INT16",
    DataType.INT32: "INT32",
    DataType.FLOAT: "FLOAT",
    DataType.REQUEST: "REQUEST",
}
_MOST_WAITING = 1_000
_DEFAULT = "127.0.0.1", 27888


class _Open:
    """The connection, and packets that nobody has taken yet: the oldest go when there are too many."""

    scamp: ClassVar[Scamp5d | None] = None
    packets: ClassVar[deque[Packet]] = deque(maxlen=_MOST_WAITING)


def open_tcp(ip: str = _DEFAULT[0], port: int = _DEFAULT[1]) -> int:
    """Connect over TCP. Returns 0, or -1 where nobody is there."""
    return _open(f"tcp://{ip}:{port}")


def open_usb(serial: str = "") -> int:
    """Connect over USB, to the only device or to one by its serial number. Returns 0, or -1."""
    return _open(f"usb:{serial}")


def _open(url: str) -> int:
    close()
    try:
        _Open.scamp = connect(url)
    except LinkError:
        return -1
    _Open.packets.clear()
    return 0


def close() -> None:
    """Close the connection. Again is harmless."""
    scamp, _Open.scamp = _Open.scamp, None
    if scamp is not None:
        scamp.close()


def routine() -> None:
    """Take what has come.

    Raises:
        LinkError: nothing is open, or the device is gone.
    """
    while _opened().routine(0.0, _Open.packets.append):
        pass


def get_packet_raw() -> bytearray | None:
    """The next packet with its header; None where there is none.

    Raises:
        LinkError: nothing is open, or the device is gone.
    """
    routine()
    return bytearray(_Open.packets.popleft().raw) if _Open.packets else None


def get_packet() -> dict[str, Any] | None:
    """The next packet as a dictionary; None where there is none.

    Pictures come as the vendor's module gives them: ``width``, ``height`` and ``buffer``, a byte a pixel, the
    lowest row first.

    Raises:
        LinkError: nothing is open, or the device is gone.
    """
    routine()
    if not _Open.packets:
        return None
    packet = _Open.packets.popleft()
    data = packet.data()
    if data is None:
        return {"type": "unknown", "size": len(packet.raw)}
    found: dict[str, Any] = {
        "type": "data" if data.type in _NAMES else "unknown",
        "size": len(packet.raw),
        "datatype": _NAMES.get(data.type, data.type),
        "loopcounter": data.loop,
        "channel": data.channel,
    }
    try:
        return found | (_READERS[data.type](data) if data.type in _READERS else {})
    except MessageError:
        return found | {"type": "unknown"}


def _picture(plane: npt.NDArray[np.uint8]) -> dict[str, Any]:
    rows, columns = plane.shape
    return {"width": columns, "height": rows, "buffer": plane[::-1, ::-1].tobytes()}


def _request(data: Data) -> dict[str, Any]:
    request = read_request(data)
    if request.is_image:
        return {"filetype": "IMAGE", "filepath": request.path, "n_bits": request.bits}
    return {"filetype": "FILE", "filepath": request.path, "chunksize": CHUNK_BYTES}


def _table(rows: list[Any]) -> dict[str, Any]:
    return {"n_rows": len(rows), "n_cols": len(rows[0]) if rows else 0, "data": rows}


_READERS: dict[int, Callable[[Data], dict[str, Any]]] = {
    DataType.TEXT: lambda data: {"text": payloads.read_text(data)},
    DataType.AOUT: lambda data: _picture(payloads.read_levels(data)),
    DataType.DOUT: lambda data: _picture(payloads.read_bits(data).astype(np.uint8) * np.uint8(255)),
    DataType.AABB: lambda data: _table([list(box) for box in payloads.read_boxes(data)]),
    DataType.EVENTS: lambda data: _table(list(payloads.read_events(data))),
    **dict.fromkeys(payloads.NUMBERS, lambda data: _table(payloads.read_numbers(data).tolist())),
    DataType.REQUEST: _request,
}


def send_message(code: int, arg: int = 0, data: int = 0) -> None:
    """Send a message to the program."""
    _opened().send_message(code, arg, data)


def send_gui_value(item: int, value: int) -> None:
    """Move an element of the program's."""
    _opened().send_gui_value(item, value)


def send_image(pixels: bytes, w: int, h: int, n_bits: int) -> None:
    """Send a picture: grey, or red, green and blue if there are three times as many bytes.

    Its lowest row comes first, as the vendor's module wants it (5.7).

    Raises:
        MessageError: a picture of another form.
    """
    colours = len(pixels) == 3 * w * h
    if not colours and len(pixels) != w * h:
        raise MessageError(f"{len(pixels)} bytes are no picture of {w} x {h} pixels")
    flat = np.frombuffer(pixels, np.uint8).reshape(h, w, 3 if colours else 1)
    grey = (flat.astype(np.uint32) @ _GREY >> 8).astype(np.uint8) if colours else flat[:, :, 0]
    _opened().send_image(grey[::-1], n_bits)


_GREY = np.array([77, 151, 28], np.uint32)


def send_file(contents: bytes) -> None:
    """Send a file."""
    _opened().send_file(contents)


def _opened() -> Scamp5d:
    if _Open.scamp is None:
        raise LinkError("nothing is open; call open_tcp or open_usb first")
    return _Open.scamp
