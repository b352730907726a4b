"""Pixeltree's own bytes in the packets of a SCAMP-5d and its host; the device is ``firmware/ports/scamp5d``.

The vendor's library gives a program no stream of bytes. So bytes to the device go as USER_VALUE messages:
``item`` is how many of the four bytes of ``data`` count, 1 to 4, the first in the lowest place. Bytes to the
host come as vectors of INT8 on a channel of their own. Whatever else the device sends (displays, texts) is
passed over.
"""

from __future__ import annotations

import struct

from pixeltree_protocol.vendor.packets import (
    Code,
    Data,
    DataType,
    FrameReader,
    Message,
    PacketKind,
    Route,
    frame,
    messages,
)
from pixeltree_protocol.vendor.payloads import VERSIONS

CHANNEL = 80
"""Of the vectors; handles of displays begin at 100."""

MESSAGES_TOGETHER = 64
"""In one packet: 256 bytes of ours. How many a device takes at once is OPEN."""

_BYTES = 4
_MESSAGE = struct.Struct("<HBB4s")
_ATTACH = messages(Message(Route.DEVICE, Code.USB_CONNECT), Message(Route.M0, Code.HOST_ON))
_DETACH = messages(Message(Route.M0, Code.HOST_DC))


def attached() -> bytes:
    """What a host sends first."""
    return _ATTACH


def detached() -> bytes:
    """What a host sends last."""
    return _DETACH


def to_device(data: bytes) -> bytes:
    """Packets that carry bytes to a device."""
    together = MESSAGES_TOGETHER * _BYTES
    packets = []
    for start in range(0, len(data), together):
        part = data[start : start + together]
        carried = (part[at : at + _BYTES] for at in range(0, len(part), _BYTES))
        rows = b"".join(_MESSAGE.pack(Route.M0, Code.USER_VALUE, len(each), each) for each in carried)
        packets.append(frame(PacketKind.MESSAGE, rows))
    return b"".join(packets)


def to_host(data: bytes) -> bytes:
    """A packet that carries at most 65,535 bytes to a host, as the vendor's library makes it of a vector."""
    return Data(DataType.INT8, VERSIONS[DataType.INT8], (len(data), 1, 0), CHANNEL, data).encode()


class CarriedReader:
    """Takes the packets of a device and gives the bytes that they carry."""

    def __init__(self) -> None:
        self._packets = FrameReader()

    @property
    def lost(self) -> int:
        """Bytes that belong to no packet."""
        return self._packets.lost

    def feed(self, data: bytes) -> bytes:
        """Take more bytes; returns what they complete, maybe nothing."""
        carried = []
        for packet in self._packets.feed(data):
            found = packet.data()
            if found is not None and found.type == DataType.INT8 and found.channel == CHANNEL:
                carried.append(found.data)
        return b"".join(carried)
