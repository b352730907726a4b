"""Kernel blocks: runs of instruction words, coded in about a byte a word (word_code.py)."""

from __future__ import annotations

from dataclasses import dataclass

import construct as c

from pixeltree_protocol.chip.isa import ICW
from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.objects.layout import VARINT, ObjectKind, build, object_layout, parse
from pixeltree_protocol.objects.word_code import decode_words, encode_words

MAX_BLOCK_WORDS = 1024
"""The controller's ICW store (fact sheet 2.5); a single block can never be larger."""

LAYOUT = object_layout(
    ObjectKind.BLOCK,
    "word_count" / VARINT * "words of the block, 1 to 1,024",
    "code" / c.Prefixed(VARINT, c.GreedyBytes) * "the words, arithmetic-coded; zeros at the end are left out",
)


@dataclass(frozen=True)
class Block:
    """A run of 1 to 1024 instruction words that is stored and executed as a unit."""

    words: tuple[ICW, ...]

    def __post_init__(self) -> None:
        if not 1 <= len(self.words) <= MAX_BLOCK_WORDS:
            raise ObjectError(f"a block has 1 to {MAX_BLOCK_WORDS} words, not {len(self.words)}")

    def encode(self) -> bytes:
        """The block's object bytes; equal blocks give equal bytes."""
        return build(LAYOUT, "block", {"word_count": len(self.words), "code": encode_words(self.words)})

    @classmethod
    def decode(cls, data: bytes) -> Block:
        """Read a block.

        Raises:
            ObjectError: the bytes are not a block.
        """
        fields = parse(LAYOUT, "block", data)
        if not 1 <= fields.word_count <= MAX_BLOCK_WORDS:
            raise ObjectError(f"a block has 1 to {MAX_BLOCK_WORDS} words, not {fields.word_count}")
        return cls(decode_words(fields.code, fields.word_count))
