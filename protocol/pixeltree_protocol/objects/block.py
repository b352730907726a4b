"""Kernel blocks: runs of instruction words, dictionary-coded.

A kernel repeats few distinct words, so a block is a table of distinct words plus one packed index per
word. A table entry stores only the non-zero bytes of its 80 bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import construct as c

from pixeltree_protocol.errors import InstructionError, ObjectError
from pixeltree_protocol.isa import ICW, ClockClass
from pixeltree_protocol.objects.layout import ObjectKind, build, object_layout, parse

MAX_BLOCK_WORDS = 1024
"""The controller's ICW store (fact sheet 2.5); a single block can never be larger."""

_BYTES_PER_WORD = 10

TABLE_ENTRY = c.Struct(
    "head"
    / c.Int16ul
    * "bits 0 to 9: which of the word's ten bytes are not zero; bits 10 to 12: clock class",
    "data" / c.Bytes(lambda this: (this.head & 0x3FF).bit_count()) * "those bytes, least significant first",
)

LAYOUT = object_layout(
    ObjectKind.BLOCK,
    "word_count" / c.Int16ul * "words of the block, 1 to 1,024",
    "table" / c.PrefixedArray(c.Int16ul, TABLE_ENTRY) * "the distinct words, in rising order",
    "indices"
    / c.GreedyBytes
    * "one index per word, in as few bits as the greatest index needs, least significant bit first",
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
        table = sorted(set(self.words))
        position = {word: index for index, word in enumerate(table)}
        width = _index_width(len(table))
        packed = 0
        for offset, word in enumerate(self.words):
            packed |= position[word] << offset * width
        return build(
            LAYOUT,
            "block",
            {
                "word_count": len(self.words),
                "table": [_entry(word) for word in table],
                "indices": packed.to_bytes((len(self.words) * width + 7) // 8, "little"),
            },
        )

    @classmethod
    def decode(cls, data: bytes) -> Block:
        """Read a block.

        Raises:
            ObjectError: the bytes are not a block.
        """
        fields = parse(LAYOUT, "block", data)
        table = [_word(entry, index) for index, entry in enumerate(fields.table)]
        width = _index_width(len(table))
        expected = (fields.word_count * width + 7) // 8
        if len(fields.indices) != expected:
            raise ObjectError(
                f"a block of {fields.word_count} words over {len(table)} distinct ones has {expected} index "
                f"bytes, not {len(fields.indices)}"
            )
        packed = int.from_bytes(fields.indices, "little")
        mask = (1 << width) - 1
        indices = [packed >> offset * width & mask for offset in range(fields.word_count)]
        if any(index >= len(table) for index in indices) or packed >> fields.word_count * width:
            raise ObjectError("a block's index points outside its table")
        return cls(tuple(table[index] for index in indices))


def _index_width(table_size: int) -> int:
    return max(table_size - 1, 0).bit_length()


def _entry(word: ICW) -> dict[str, int | bytes]:
    data = word.bits.to_bytes(_BYTES_PER_WORD, "little")
    present = sum(1 << i for i, byte in enumerate(data) if byte)
    return {"head": present | word.clock << 10, "data": bytes(byte for byte in data if byte)}


def _word(entry: c.Container, index: int) -> ICW:
    present = [i for i in range(_BYTES_PER_WORD) if entry.head >> i & 1]
    value = sum(byte << 8 * i for i, byte in zip(present, entry.data, strict=True))
    try:
        return ICW(value, ClockClass(entry.head >> 10))
    except (InstructionError, ValueError) as error:
        raise ObjectError(f"entry {index} of a block's table is not an instruction word: {error}") from error
