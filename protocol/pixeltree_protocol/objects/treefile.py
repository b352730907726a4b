"""The tree file: all objects of a tree and what people want to know about it, in one sealed file.

A device never sees the file; it gets the objects. The file ends with the BLAKE2b-128 of everything
before it, so that a file that was cut or damaged is never half-read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import construct as c

from pixeltree_protocol.errors import TreeFileError
from pixeltree_protocol.objects.layout import DIGEST_BYTES, Digest, digest_of, short

MAGIC = b"\x89PTREE\r\n"
FILE_VERSION = 1

_HEAD = c.Struct(
    "magic" / c.Bytes(len(MAGIC)),
    "version" / c.Int16ul,
    "total" / c.Int32ul,  # bytes of the whole file
)

_BODY = c.Struct(
    "tree" / c.Bytes(DIGEST_BYTES),
    "description" / c.PascalString(c.Int32ul, "utf8"),
    "objects" / c.PrefixedArray(c.Int32ul, c.Prefixed(c.Int32ul, c.GreedyBytes)),
    "attachments"
    / c.PrefixedArray(
        c.Int16ul,
        c.Struct("name" / c.PascalString(c.Int8ul, "utf8"), "data" / c.Prefixed(c.Int32ul, c.GreedyBytes)),
    ),
    c.Terminated,
)


@dataclass(frozen=True)
class TreeFile:
    """Contents of a tree file.

    Attributes:
        tree: digest of the tree object.
        description: JSON text for people and tools; the host's business.
        objects: every object of the tree, by digest.
        attachments: further named data; the host's business.
    """

    tree: Digest
    description: str
    objects: dict[Digest, bytes]
    attachments: dict[str, bytes]

    def encode(self) -> bytes:
        """The file's bytes; equal contents give equal bytes."""
        body = _BODY.build(
            {
                "tree": self.tree,
                "description": self.description,
                "objects": list(self.objects.values()),
                "attachments": [{"name": k, "data": v} for k, v in self.attachments.items()],
            }
        )
        total = _HEAD.sizeof() + len(body) + DIGEST_BYTES
        head = _HEAD.build({"magic": MAGIC, "version": FILE_VERSION, "total": total})
        return bytes(head + body + _seal(head + body))

    @classmethod
    def decode(cls, data: bytes) -> TreeFile:
        """Read a tree file.

        Raises:
            TreeFileError: not a tree file, of another version, truncated, damaged, or without its tree.
        """
        _check_head(data)
        content, seal = data[:-DIGEST_BYTES], data[-DIGEST_BYTES:]
        if _seal(content) != seal:
            raise TreeFileError("the tree file is damaged: its contents do not match their checksum")
        try:
            body: Any = _BODY.parse(content[_HEAD.sizeof() :])
        except (c.ConstructError, UnicodeDecodeError) as error:
            raise TreeFileError(f"the tree file's contents are malformed: {error}") from error
        objects = {digest_of(obj): obj for obj in body.objects}
        if body.tree not in objects:
            raise TreeFileError(f"the tree file lacks its own tree object {short(body.tree)}")
        attachments = {entry.name: entry.data for entry in body.attachments}
        return cls(body.tree, body.description, objects, attachments)


def _check_head(data: bytes) -> None:
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise TreeFileError("not a tree file: it does not start with the tree file signature")
    if len(data) < _HEAD.sizeof():
        raise TreeFileError(f"the tree file is truncated: it has {len(data)} bytes, fewer than its header")
    head = _HEAD.parse(data)
    if head.version != FILE_VERSION:
        raise TreeFileError(
            f"the tree file has version {head.version}; this software reads version {FILE_VERSION}"
        )
    if len(data) < head.total:
        raise TreeFileError(f"the tree file is truncated: {len(data)} of {head.total} bytes are there")
    if len(data) > head.total:
        raise TreeFileError(f"the tree file has {len(data) - head.total} bytes after its end")


def _seal(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
