"""Pictures and files that a program asks its host for: of one folder that the user has named, no other."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np

from pixeltree_emu.errors import EmulatorError
from pixeltree_pictures.reading import read_picture
from pixeltree_protocol.errors import PixeltreeError
from pixeltree_protocol.vendor.packets import Data, DataType, Packet
from pixeltree_protocol.vendor.requests import Request, file_packets, image_packets, parts_of, read_request

logger = logging.getLogger(__name__)

_LARGEST = 16 << 20
"""Bytes of a file that is sent."""


class ServedFolder:
    """Answers requests in the place of a host.

    Args:
        folder: what is served; None: requests go on to whoever looks.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    def takes(self, packet: Packet) -> bool:
        """Whether a packet is a request that is answered here."""
        data = packet.data() if self._folder is not None else None
        return data is not None and data.type == DataType.REQUEST

    def answer(self, packet: Packet) -> bytes:
        """Packets of section 5 that answer a request; none, and a line in the log, where there are none."""
        data = packet.data()
        assert data is not None
        try:
            request = read_request(data)
            return b"".join(each.encode() for each in self._packets(request, self._found(request.path)))
        except (PixeltreeError, OSError) as error:
            logger.warning("a request is not answered: %s", error)
            return b""

    def _found(self, path: str) -> Path:
        assert self._folder is not None
        found = self._folder.joinpath(*parts_of(path)).resolve()
        if not found.is_relative_to(self._folder.resolve()):
            raise EmulatorError(f"the path {path!r} leads out of the folder")
        return found

    def _packets(self, request: Request, path: Path) -> list[Data]:
        if request.is_image:
            picture = read_picture(path)
            return image_packets(np.pad(picture, ((0, 0), (0, -picture.shape[1] % 8))), request.bits)
        if path.stat().st_size > _LARGEST:
            raise EmulatorError(f"{path} has more than {_LARGEST:,} bytes")
        return file_packets(path.read_bytes())
