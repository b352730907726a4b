"""Record instruction words under the vendor's names and operand order.

>>> kernel = Kernel()
>>> kernel.add(Analog.A, Analog.B, Analog.C)
>>> print(kernel.listing())
  0  bus(NEWS, B, C)
  1  bus(A, NEWS)

Macros expand to exactly the documented word sequences, clobbers included (SCAMP-5 fact sheet sections
3.4 and 3.5).
"""

from __future__ import annotations

from pixeltree.kernels.vendor_api import VendorApi
from pixeltree_protocol.chip.isa import Instruction, encode
from pixeltree_protocol.chip.kernel_api import Operand, expand, parse_line, raw_word
from pixeltree_protocol.chip.registers import DIRECTION_REGISTER, Analog, Digital, Direction
from pixeltree_protocol.objects import Block

R1, R2, R3, R4 = (Digital(f"R{i}") for i in (1, 2, 3, 4))


class Kernel(VendorApi):
    """A run of instruction words in the making.

    Every instruction and macro of the vendor's kernel API is a method; docs/reference/kernel_api.md has them.

    Raises:
        InstructionError: from any method, where operands cannot be put into one word, or a macro would
            overwrite them before it reads them. Nothing is recorded then.
    """

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []

    def __len__(self) -> int:
        return len(self.instructions)

    def block(self) -> Block:
        """The recorded words as a block.

        Raises:
            ObjectError: no word, or more than 1,024.
        """
        return Block(tuple(encode(instruction) for instruction in self.instructions))

    def listing(self) -> str:
        """One line per word."""
        return "\n".join(f"{index:3d}  {word}" for index, word in enumerate(self.instructions))

    def record(self, name: str, *operands: Operand) -> None:
        """Record any call by name; what every method does."""
        self.instructions += expand(name, operands)

    def line(self, text: str) -> None:
        """Record a call written as the assembler takes it: ``kernel.line("AND(R5, R6, R7)")``."""
        self.instructions += parse_line(text)

    def bus(self, a: Analog | tuple[Analog, ...], *sources: Analog | tuple[Analog, ...]) -> None:
        """``a := -(sum of sources)``, where FLAG is 1; ``bus((a, b), (x, y))`` has several destinations."""
        self.record("bus", a, *sources)

    def icw(self, clock: str, *bits: str) -> None:
        """Record a raw word: clock class and names of its bits (fact sheet 2.1)."""
        self.instructions.append(raw_word(clock, bits))

    def set_direction(self, direction: Direction) -> None:
        """Let DNEWS read the neighbour at ``direction``: the first two words of the DNEWS macro."""
        self.CLR(R1, R2, R3, R4)
        self.SET(DIRECTION_REGISTER[direction])
