"""Assembler and disassembler: kernel text <-> instructions <-> blocks.

A kernel file holds one call of the kernel API per line, as the vendor spells it; ``#`` begins a comment::

    # threshold: R5 := image > IN
    get_image(F)
    sub(F, F, IN)
    where(F)
    MOV(R5, FLAG)
    all

Macros become their words, so a block's listing shows words only; assembling the listing gives the same
block again, byte for byte.
"""

from __future__ import annotations

from pixeltree_protocol.errors import AssemblyError, InstructionError
from pixeltree_protocol.isa import Instruction, decode, encode
from pixeltree_protocol.kernel_api import parse_line
from pixeltree_protocol.objects.block import MAX_BLOCK_WORDS, Block


def assemble(text: str, name: str = "kernel") -> Block:
    """Assemble a kernel.

    Args:
        text: the kernel file's text.
        name: what messages call the file.

    Raises:
        AssemblyError: the first thing that is wrong, with file, line and operand.
    """
    instructions: list[Instruction] = []
    for number, line in enumerate(text.splitlines(), 1):
        call = line.partition("#")[0].strip().removesuffix(";")
        if not call:
            continue
        try:
            instructions += parse_line(call)
        except InstructionError as error:
            raise AssemblyError(f"{name}:{number}: {error}") from error
        if len(instructions) > MAX_BLOCK_WORDS:
            raise AssemblyError(
                f"{name}:{number}: word {len(instructions)} does not fit; "
                f"a block has at most {MAX_BLOCK_WORDS} words"
            )
    if not instructions:
        raise AssemblyError(f"{name}: there is no instruction in it")
    return Block(tuple(encode(instruction) for instruction in instructions))


def disassemble(block: Block) -> str:
    """The text of a block, one word per line; words that no mnemonic describes as ``icw(...)``."""
    return "".join(f"{decode(word)}\n" for word in block.words)
