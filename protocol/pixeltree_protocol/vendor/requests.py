"""Pictures and files that a program asks its host for (SCAMP-5 fact sheet, section 5.7).

A program names a path. A host serves one folder, and of a path takes only what stays inside it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.vendor.packets import Data, DataType

IMAGE_REQUEST, FILE_REQUEST = 13, 19
"""Versions of a request, and of what answers it."""

CHUNK_BYTES = 4096
_IMAGE_SIZE_CODE, _FILE_SIZE_CODE = 0x2000, 0x1000
_LONGEST_PATH = 999
_BITS = 8
_ODD_LETTERS = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True)
class Request:
    """A picture or a file that a program wants.

    Attributes:
        path: as the program has it, in the manner of any system.
        bits: of a picture, how many bits a pixel; 0 for a file.
        channel: of the program's posts.
    """

    path: str
    bits: int = 0
    channel: int = 0

    @property
    def is_image(self) -> bool:
        """Whether it is a picture."""
        return self.bits > 0

    def data(self) -> Data:
        """Its packet."""
        path = self.path.encode()[:_LONGEST_PATH]
        version, dims = FILE_REQUEST, (len(path), _FILE_SIZE_CODE, 0)
        if self.is_image:
            version, dims = IMAGE_REQUEST, (len(path), _IMAGE_SIZE_CODE, self.bits)
        return Data(DataType.REQUEST, version, dims, self.channel, path + b"\0")


def read_request(data: Data) -> Request:
    """What a program wants.

    Raises:
        MessageError: a version that nobody knows, or a picture of no or of too many bits.
    """
    path = data.data[: min(data.dims[0], _LONGEST_PATH)].partition(b"\0")[0]
    words = path.decode("utf-8", "backslashreplace")
    if data.version == FILE_REQUEST:
        return Request(words, 0, data.channel)
    if data.version != IMAGE_REQUEST or not 1 <= data.dims[2] <= _BITS:
        raise MessageError(f"a request of version {data.version} with dimensions {data.dims}")
    return Request(words, data.dims[2], data.channel)


def parts_of(path: str) -> tuple[str, ...]:
    """A path as the folders and the name that it has below the folder that is served.

    Raises:
        MessageError: it is absolute, leads upwards, or names nothing.
    """
    parts = [part for part in re.split(r"[/\\]", path) if part not in ("", ".")]
    odd = _ODD_LETTERS.search(path) or path[:1] in "/\\" or ":" in path or ".." in parts
    if odd or not parts:
        raise MessageError(f"the path {path!r} does not lead to a file inside a folder")
    return tuple(parts)


def image_packets(picture: npt.NDArray[np.uint8], bits: int) -> list[Data]:
    """A picture as a program gets it: a packet for each bit, the least significant that is kept first.

    Args:
        picture: uint8 (rows, columns), the right way round; columns are a multiple of 8.
        bits: how many of the 8 are sent, the highest ones.

    Raises:
        MessageError: another form.
    """
    if picture.ndim != 2 or not 1 <= bits <= _BITS or picture.shape[1] % 8 or not picture.size:
        raise MessageError(f"a picture of shape {picture.shape} cannot be sent with {bits} bits a pixel")
    rows, columns = picture.shape
    plane = picture[:, ::-1]  # column 0 of the array is the right edge
    return [
        Data(
            DataType.BULK_M0,
            IMAGE_REQUEST,
            (columns, rows, number),
            0,
            np.packbits(plane >> (_BITS - bits + number) & 1, axis=1, bitorder="little").tobytes(),
        )
        for number in range(bits)
    ]


def read_image_packet(data: Data) -> tuple[int, npt.NDArray[np.bool_]]:
    """Number of a bit, and its plane as bool (rows, columns) in the array's coordinates.

    Raises:
        MessageError: it is none, or too short.
    """
    columns, rows, number = data.dims
    if data.type != DataType.BULK_M0 or data.version != IMAGE_REQUEST or len(data.data) * 8 < rows * columns:
        raise MessageError(f"a bit plane of dimensions {data.dims} in {len(data.data)} bytes")
    packed = np.frombuffer(data.data, np.uint8, rows * (columns // 8))
    plane = np.unpackbits(packed, bitorder="little").reshape(rows, columns // 8 * 8)
    return number, plane.astype(np.bool_)


def file_packets(contents: bytes) -> list[Data]:
    """A file as a program gets it: chunks, each with how many bytes remain.

    Of that number 16 bits are sent, and 0 means the end. Where they would be 0 before it, a chunk is shorter.
    """
    packets, left = [], len(contents)
    while True:
        size = min(CHUNK_BYTES, left)
        if left > size and not (left - size) & 0xFFFF:
            size -= 1
        chunk, contents = contents[:size], contents[size:]
        left -= size
        packets.append(Data(DataType.BULK_M0, FILE_REQUEST, (size, left & 0xFFFF, 0), 0, chunk))
        if not left:
            return packets
