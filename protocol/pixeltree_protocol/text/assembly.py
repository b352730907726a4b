"""Assembler and disassembler: kernel text <-> instructions <-> blocks.

A kernel file holds calls of the kernel API, as the vendor spells them, one a line or separated by ``;``::

    # threshold: R5 := image > IN; // and /* */ comment too
    get_image(F)
    sub(F, F, IN); where(F)
    MOV(R5, FLAG)
    ALL()

Macros become their words, so a block's listing shows words only; assembling the listing gives the same
block again, byte for byte. :mod:`pixeltree_protocol.text.kernel_text` reads the text.
"""

from __future__ import annotations

from collections.abc import Mapping

from pixeltree_protocol.chip.isa import decode
from pixeltree_protocol.objects.block import Block
from pixeltree_protocol.text.kernel_text import read_kernel_text


def assemble(text: str, name: str = "kernel", values: Mapping[str, int] | None = None) -> Block:
    """Assemble a kernel.

    Args:
        text: the kernel file's text.
        name: what messages call the file.
        values: of its parameters, in place of their defaults.

    Raises:
        AssemblyError: the first thing that is wrong, with file, line and operand.
    """
    return read_kernel_text(text, name, values).block()


def disassemble(block: Block) -> str:
    """The text of a block, one word per line; words that no mnemonic describes as ``icw(...)``."""
    return "".join(f"{decode(word)}\n" for word in block.words)
