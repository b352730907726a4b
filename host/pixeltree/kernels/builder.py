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

from pixeltree_protocol.isa import Instruction, encode
from pixeltree_protocol.objects import Block
from pixeltree_protocol.registers import (
    DIRECTION_REGISTER,
    OPPOSITE,
    PORT,
    Analog,
    Digital,
    Direction,
    Register,
)

NEWS = Analog.NEWS
R0, R1, R2, R3, R4, R12 = (Digital(f"R{i}") for i in (0, 1, 2, 3, 4, 12))


class Kernel:
    """A run of instruction words in the making.

    Raises:
        InstructionError: from any method, where operands cannot be put into one word.
    """

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []

    def __len__(self) -> int:
        return len(self.instructions)

    def block(self) -> Block:
        """The recorded words as a block."""
        return Block(tuple(encode(instruction) for instruction in self.instructions))

    def listing(self) -> str:
        """One line per word."""
        return "\n".join(f"{index:3d}  {word}" for index, word in enumerate(self.instructions))

    def _word(self, mnemonic: str, destinations: tuple[Register, ...], sources: tuple[Register, ...]) -> None:
        instruction = Instruction(mnemonic, destinations, sources)
        encode(instruction)  # an impossible word is reported where it is written
        self.instructions.append(instruction)

    # -- analog words ------------------------------------------------------------------------------

    def bus(self, a: Analog, *sources: Analog) -> None:
        """``a := -(sum of sources)``, where FLAG is 1."""
        self._word("bus", (a,), sources)

    def bus2(self, a: Analog, b: Analog, *sources: Analog) -> None:
        """``a, b := -(sum of sources) / 2``."""
        self._word("bus2", (a, b), sources)

    def where(self, *sources: Analog) -> None:
        """``FLAG := (sum of sources) > 0``."""
        self._word("where", (), sources)

    def all(self) -> None:
        """``FLAG := 1``."""
        self._word("all", (), ())

    def rpix(self) -> None:
        """Reset the photodiode integrator."""
        self._word("rpix", (), ())

    def nop(self) -> None:
        """Do nothing for one word."""
        self._word("nop", (), ())

    # -- analog macros -----------------------------------------------------------------------------

    def res(self, a: Analog) -> None:
        """``a := 0``; clobbers NEWS."""
        self.bus(NEWS)
        self.bus(a, NEWS)

    def mov(self, y: Analog, x: Analog) -> None:
        """``y := x``; clobbers NEWS."""
        self.bus(NEWS, x)
        self.bus(y, NEWS)

    def add(self, y: Analog, *sources: Analog) -> None:
        """``y := x0 + x1 (+ x2)``; clobbers NEWS. ``y`` may be one of the sources."""
        self.bus(NEWS, *sources)
        self.bus(y, NEWS)

    def sub(self, y: Analog, x0: Analog, x1: Analog) -> None:
        """``y := x0 - x1``; clobbers NEWS."""
        self.bus(NEWS, x0)
        self.bus(y, NEWS, x1)

    def movx(self, y: Analog, x: Analog, direction: Direction) -> None:
        """``y := x`` of the neighbour at ``direction``; clobbers NEWS."""
        self.bus(PORT[OPPOSITE[direction]], x)
        self.bus(y, NEWS)

    def get_image(self, y: Analog) -> None:
        """``y := PIX_exposed - PIX_reset`` (half range), and reset PIX; clobbers NEWS."""
        self.bus(NEWS, Analog.PIX)
        self.rpix()
        self.rpix()
        self.nop()
        self.bus(y, NEWS, Analog.PIX)

    # -- digital words -----------------------------------------------------------------------------

    def WHERE(self, *sources: Digital) -> None:
        """``FLAG := OR of sources``."""
        self._word("WHERE", (), sources)

    def SET(self, *destinations: Digital) -> None:
        """Up to four DREGs ``:= 1``."""
        self._word("SET", destinations, ())

    def CLR(self, *destinations: Digital) -> None:
        """Up to four DREGs ``:= 0``."""
        self._word("CLR", destinations, ())

    def MOV(self, d: Digital, s: Digital) -> None:
        """``d := s``."""
        self._word("MOV", (d,), (s,))

    def OR(self, d: Digital, *sources: Digital) -> None:
        """``d := OR of sources``."""
        self._word("OR", (d,), sources)

    def NOT(self, d: Digital, s: Digital) -> None:
        """``d := NOT s``."""
        self._word("NOT", (d,), (s,))

    def NOR(self, d: Digital, *sources: Digital) -> None:
        """``d := NOT (OR of sources)``."""
        self._word("NOR", (d,), sources)

    def DNEWS0(self, d: Digital, s: Digital) -> None:
        """``d := OR of s`` over the neighbours that R1-R4 enable; 0 beyond the edge."""
        self._word("DNEWS0", (d,), (s,))

    # -- digital macros ----------------------------------------------------------------------------

    def AND(self, d: Digital, x: Digital, y: Digital) -> None:
        """``d := x AND y``; clobbers R0 (NOT y) and R12 (NOT x)."""
        self.SET(R0)
        self.NOT(R12, x)
        self.NOT(R0, y)
        self.NOR(d, R0, R12)

    def look(self, direction: Direction) -> None:
        """Let DNEWS read the neighbour at ``direction``: the first two words of the DNEWS macro."""
        self.CLR(R1, R2, R3, R4)
        self.SET(DIRECTION_REGISTER[direction])
