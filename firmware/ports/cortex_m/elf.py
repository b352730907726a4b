"""What a linked program is made of: segments to load, functions and variables."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

_LOAD, _NO_BITS, _SYMBOLS = 1, 8, 2
_OBJECT, _FUNCTION = 1, 2


@dataclass(frozen=True)
class Symbol:
    """A function or a variable.

    Attributes:
        name: as the source has it; the compiler may add a number.
        address: its first byte; of a function without the Thumb bit.
        size: bytes.
        is_function: whether it is code.
    """

    name: str
    address: int
    size: int
    is_function: bool


@dataclass(frozen=True)
class Section:
    """A section: its name, address, size, and whether the file holds its bytes."""

    name: str
    address: int
    size: int
    is_stored: bool


class Elf:
    """A 32-bit little-endian ELF file."""

    def __init__(self, image: bytes) -> None:
        if image[:6] != b"\x7fELF\x01\x01":
            raise ValueError("not a 32-bit little-endian ELF file")
        self.image = image

    def segments(self) -> Iterator[tuple[int, bytes]]:
        """Address where it is stored and bytes of each segment that has any."""
        offset, count = (
            struct.unpack_from("<I", self.image, 28)[0],
            struct.unpack_from("<H", self.image, 44)[0],
        )
        for index in range(count):
            kind, start, _, physical, size, *_ = struct.unpack_from("<8I", self.image, offset + 32 * index)
            if kind == _LOAD and size:
                yield physical, self.image[start : start + size]

    def _headers(self) -> list[tuple[int, ...]]:
        offset = struct.unpack_from("<I", self.image, 32)[0]
        count = struct.unpack_from("<H", self.image, 48)[0]
        return [struct.unpack_from("<10I", self.image, offset + 40 * index) for index in range(count)]

    def _text(self, table: tuple[int, ...], at: int) -> str:
        start = table[4] + at
        return self.image[start : self.image.index(b"\0", start)].decode()

    @cached_property
    def sections(self) -> dict[str, Section]:
        """Those that take memory, by name."""
        headers = self._headers()
        names = headers[struct.unpack_from("<H", self.image, 50)[0]]
        found = [
            Section(self._text(names, header[0]), header[3], header[5], header[1] != _NO_BITS)
            for header in headers
            if header[3] and header[5]
        ]
        return {section.name: section for section in found}

    @cached_property
    def symbols(self) -> list[Symbol]:
        """Functions and variables, by address.

        Raises:
            ValueError: the file was stripped.
        """
        headers = self._headers()
        tables = [header for header in headers if header[1] == _SYMBOLS]
        if not tables:
            raise ValueError("the ELF file has no symbols; link it with -g")
        table, found = tables[0], []
        for at in range(table[4], table[4] + table[5], 16):
            name, value, size, info = struct.unpack_from("<IIIB", self.image, at)
            kind = info & 15
            if kind in (_OBJECT, _FUNCTION) and size:
                code = kind == _FUNCTION
                found.append(
                    Symbol(self._text(headers[table[6]], name), value & ~1 if code else value, size, code)
                )
        return sorted(found, key=lambda symbol: symbol.address)

    def symbol(self, name: str) -> Symbol:
        """The function or variable of that name.

        Raises:
            KeyError: there is none, or it became a part of another one.
        """
        for symbol in self.symbols:
            if symbol.name == name:
                return symbol
        raise KeyError(name)
