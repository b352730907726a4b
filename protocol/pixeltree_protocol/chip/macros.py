"""The vendor's kernel macros, written down once.

Builder, assembler and the table in docs/reference/kernel_api.md all derive from :data:`MACROS`. Source:
SCAMP-5 fact sheet, sections 3.4 and 3.5, column by column.

A row is ``signature | result | words | again | count | clobbers``. The kind of a parameter follows from
its name, and each gives its words some tokens of its own:

=============  =====================================  ===============================================
parameter      kind                                   tokens in the words
=============  =====================================  ===============================================
y a x b h r    analog register (with a digit: y0 x1)  itself
Ra Rb Rl R*    digital register                       itself; RR_* and LR_*, its read and load bits
dir d1 d2      direction                              X_*, X_opp_*: port there, port opposite
dirs           one direction or several               R_*: the registers that enable them
boundary       0 or 1                                 PROP_*, DNEWS_*: ends in that digit
it             0 to 255                               none; ``again`` runs it - 1 times
=============  =====================================  ===============================================
"""

# ruff: noqa: E501 - a row of the table is as long as it is

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum
from functools import cached_property


class Kind(Enum):
    """What an operand may be."""

    ANALOG = "an analog register"
    DIGITAL = "a digital register"
    DIRECTION = "a direction"
    DIRECTIONS = "one direction or several"
    BOUNDARY = "0 or 1"
    ITERATIONS = "a number of iterations from 0 to 255"


MAX_ITERATIONS = 255
"""The chip takes any number, and 0 occurs in its authors' programs (fact sheet 3.6, 6.2); an integer argument
of the vendor's is a uint8. Its simulation clamps to 1-99."""

_KIND_BY_NAME = (
    (re.compile(r"[yabxhr]\d?"), Kind.ANALOG),
    (re.compile(r"R[ablxyz]"), Kind.DIGITAL),
    (re.compile(r"dirs"), Kind.DIRECTIONS),
    (re.compile(r"dir|d\d"), Kind.DIRECTION),
    (re.compile(r"boundary"), Kind.BOUNDARY),
    (re.compile(r"it"), Kind.ITERATIONS),
)


@dataclass(frozen=True)
class Parameter:
    """A parameter of a macro: name, kind, and its default where it has one."""

    name: str
    kind: Kind
    default: int | None


@dataclass(frozen=True)
class Macro:
    """One row of the macro table.

    Attributes:
        name: the vendor's name; overloads are rows of equal name.
        parameters: in the vendor's order.
        result: what it works out, for the documentation.
        words: templates of its words.
        again: templates of the words of every further iteration.
        count: number of words, a formula in ``it`` where there are iterations.
        clobbers: what it changes beside its result, for the documentation.
    """

    name: str
    parameters: tuple[Parameter, ...]
    result: str
    words: tuple[str, ...]
    again: tuple[str, ...]
    count: str
    clobbers: str

    def templates(self, iterations: int = 1) -> tuple[str, ...]:
        """Templates of its words; without iterations those that come before the first one."""
        if not iterations:
            return self.words[: len(self.words) - len(self.again)]
        return self.words + self.again * (iterations - 1)

    @cached_property
    def overwritten(self) -> tuple[str, ...]:
        """What it clobbers: names of registers and parameters, as its row has them."""
        return tuple(part.partition("=")[0].strip() for part in self.clobbers.split(",") if part.strip())

    @cached_property
    def least(self) -> int:
        """Operands without a default."""
        return sum(parameter.default is None for parameter in self.parameters)

    @property
    def signature(self) -> str:
        """As the vendor writes it, defaults included."""
        parts = [p.name if p.default is None else f"{p.name}={p.default}" for p in self.parameters]
        return f"{self.name}({', '.join(parts)})"


_TABLE = """
res(a)              | a := 0 | bus(NEWS); bus(a, NEWS) | | 2 | NEWS
res(a, b)           | a, b := 0 | bus(NEWS); bus(a, NEWS); bus(b, NEWS) | | 3 | NEWS
mov(y, x)           | y := x | bus(NEWS, x); bus(y, NEWS) | | 2 | NEWS
mov(y, x, dir)      | y := x of the neighbour at dir; deprecated name of movx \
                    | bus(X_opp_dir, x); bus(y, NEWS) | | 2 | NEWS
movx(y, x, dir)     | y := x of the neighbour at dir | bus(X_opp_dir, x); bus(y, NEWS) | | 2 | NEWS
mov2x(y, x, d1, d2) | y := x two hops away, d1 then d2; FLAG must be all \
                    | bus(X_opp_d1, x); bus(y, X_d2) | | 2 | NEWS
add(y, x0, x1)      | y := x0 + x1 | bus(NEWS, x0, x1); bus(y, NEWS) | | 2 | NEWS
add(y, x0, x1, x2)  | y := x0 + x1 + x2 | bus(NEWS, x0, x1, x2); bus(y, NEWS) | | 2 | NEWS
addx(y, x0, x1, dir) | y := x0 + x1 of the neighbour at dir \
                    | bus(X_opp_dir, x0, x1); bus(y, NEWS) | | 2 | NEWS
add2x(y, x0, x1, d1, d2) | y := x0 + x1 two hops away; FLAG must be all \
                    | bus(X_opp_d1, x0, x1); bus(y, X_d2) | | 2 | NEWS
sub(y, x0, x1)      | y := x0 - x1 | bus(NEWS, x0); bus(y, NEWS, x1) | | 2 | NEWS
sub(y, x0, dir, x1) | y := (x0 of the neighbour at dir) - x1; deprecated name of subx \
                    | bus(NEWS, x0); bus(y, X_dir, x1) | | 2 | NEWS
subx(y, x0, dir, x1) | y := (x0 of the neighbour at dir) - x1 \
                    | bus(X_opp_dir, x0); bus(y, NEWS, x1) | | 2 | NEWS
sub2x(y, x0, d1, d2, x1) | y := (x0 two hops away) - x1; FLAG must be all \
                    | bus(X_opp_d1, x0); bus(y, X_d2, x1) | | 2 | NEWS
neg(y, x)           | y := -x | bus(NEWS); bus(y, NEWS, x) | | 2 | NEWS
abs(y, x)           | y := absolute value of x \
                    | bus(NEWS); bus(y, NEWS, x); bus(NEWS, x); where(x); bus(y, NEWS); all | | 6 \
                    | NEWS, FLAG = 1
divq(y, x)          | y := x / 2, quick | bus2(y, NEWS, x); bus(y, NEWS) | | 2 | NEWS
div(y0, y1, y2)     | y0 := y2 / 2, y1 := -y2 / 2 \
                    | bus2(y0, y1, y2); bus(NEWS, y2, y1); bus(y2, NEWS, y0); bus2(y0, y1, y2); bus(y0, y1) \
                    | | 5 | NEWS, y1, y2
div(y0, y1, y2, x)  | y0 := x / 2, y1 := -x / 2, y2 := x \
                    | bus2(y0, y1, x); bus(NEWS, x, y1); bus(y2, NEWS, y0); bus2(y0, y1, y2); bus(y0, y1) \
                    | | 5 | NEWS, y1, y2
diva(y0, y1, y2)    | y0 := y0 / 2, error compensated \
                    | bus2(y1, y2, y0); bus(NEWS, y1, y0); bus(y0, NEWS, y2); bus2(y1, y2, y0); bus(y0, y1) \
                    | | 5 | NEWS, y1, y2
get_image(y)        | y := PIX - PIX_reset, half range; PIX is reset \
                    | bus(NEWS, PIX); rpix; rpix; nop; bus(y, NEWS, PIX) | | 5 | NEWS
get_image(y, h)     | y := 2 PIX - PIX_reset, full range; h := -PIX; PIX is reset \
                    | bus(NEWS, PIX); bus(h, PIX); rpix; rpix; nop; bus(y, h, NEWS, PIX) | | 6 | NEWS
respix()            | PIX is reset | rpix; rpix; nop | | 3 |
respix(y)           | PIX is reset; y := PIX_reset | rpix; rpix; nop; bus(NEWS, PIX); bus(y, NEWS) | | 5 | NEWS
getpix(y, r)        | y := PIX - r, half range; r = PIX_reset as respix stored it; PIX goes on integrating \
                    | bus(NEWS, PIX); bus(y, NEWS, r) | | 2 | NEWS
getpix(y, h, r)     | y := 2 PIX - r, full range; h := -PIX; PIX goes on integrating \
                    | bus(h, PIX); bus(NEWS, PIX); bus(y, h, NEWS, r) | | 3 | NEWS
gauss(y, x, it=3)   | y := x after resistive blur along links: R1 = 1 north-south, R2 = 1 east-west; y := x where both 0 \
                    | blurset; blur(NEWS, x); blur(y, NEWS) | blur(NEWS, y); blur(y, NEWS) | 1 + 2 it | NEWS
gaussh(y, x, it=3)  | same, along rows \
                    | blurset; blurh(NEWS, x); blurh(y, NEWS) | blurh(NEWS, y); blurh(y, NEWS) | 1 + 2 it | NEWS
gaussv(y, x, it=3)  | same, along columns \
                    | blurset; blurv(NEWS, x); blurv(y, NEWS) | blurv(NEWS, y); blurv(y, NEWS) | 1 + 2 it | NEWS
newsblur(y, x, it=1) | y := sum of x over the four neighbours \
                    | bus(NEWS, x); bus(y, XE, XW, XN, XS) | bus(NEWS, y); bus(y, XE, XW, XN, XS) | 2 it | NEWS
newsblurh(y, x, it=1) | y := sum of x over the east and west neighbours \
                    | bus(NEWS, x); bus(y, XE, XW) | bus(NEWS, y); bus(y, XE, XW) | 2 it | NEWS
newsblurv(y, x, it=1) | y := sum of x over the north and south neighbours \
                    | bus(NEWS, x); bus(y, XN, XS) | bus(NEWS, y); bus(y, XN, XS) | 2 it | NEWS
NOT(Rl)             | Rl := NOT Rl \
                    | icw(DIGITAL, {plrb, nbit, RR_Rl}); icw(DIGITAL, {nbit, LR_Rl}) | | 2 |
OR(Rl, Rx)          | Rl := Rl OR Rx \
                    | icw(DIGITAL, {plrb, bit, bitmode, RR_Rl, RR_Rx}); \
                      icw(DIGITAL, {bit, bitmode, LR_Rl}) | | 2 |
NOR(Rl, Rx)         | Rl := NOT (Rl OR Rx) \
                    | icw(DIGITAL, {plrb, nbit, RR_Rl, RR_Rx}); icw(DIGITAL, {nbit, LR_Rl}) | | 2 |
DNEWS(Ra, Rx, dirs, boundary=0) | Ra := OR of Rx over the neighbours at dirs; boundary beyond the edge \
                    | CLR(R1, R2, R3, R4); SET(R_dirs); DNEWS_boundary(Ra, Rx) | | 3 | R1, R2, R3, R4
PROP0()             | R12 floods inside R0, boundary 0 | PROP_R; PROP_0 | | 2 | R12
PROP1()             | R12 floods inside R0, boundary 1 | PROP_R; PROP_1 | | 2 | R12
AND(Ra, Rx, Ry)     | Ra := Rx AND Ry | SET(R0); NOT(R12, Rx); NOT(R0, Ry); NOR(Ra, R0, R12) | | 4 \
                    | R0 = NOT Ry, R12 = NOT Rx
NAND(Ra, Rx, Ry)    | Ra := NOT (Rx AND Ry) | SET(R0); NOT(R12, Rx); NOT(R0, Ry); OR(Ra, R0, R12) | | 4 \
                    | R0 = NOT Ry, R12 = NOT Rx
ANDX(Ra, Rb, Rx)    | Ra := Rb AND Rx | NOT(R0, Rb); NOT(Rb, Rx); NOR(Ra, R0, Rb) | | 3 \
                    | R0 = NOT Rb, Rb = NOT Rx
NANDX(Ra, Rb, Rx)   | Ra := NOT (Rb AND Rx) | NOT(R0, Rb); NOT(Rb, Rx); OR(Ra, R0, Rb) | | 3 \
                    | R0 = NOT Rb, Rb = NOT Rx
IMP(Rl, Rx, Ry)     | Rl := Rx OR NOT Ry | NOT(R0, Ry); OR(Rl, Rx, R0) | | 2 | R0 = NOT Ry
NIMP(Rl, Rx, Ry)    | Rl := NOT Rx AND Ry | NOT(R0, Ry); NOR(Rl, Rx, R0) | | 2 | R0 = NOT Ry
XORX(Rl, Rx, Ry)    | Rl := Rx XOR Ry \
                    | NOT(R0, Ry); NOR(Rl, Rx, R0); NOT(R0, Rx); NOR(Rx, Ry, R0); \
                      icw(DIGITAL, {plrb, bit, bitmode, RR_Rl, RR_Rx}); icw(DIGITAL, {bit, bitmode, LR_Rl}) \
                    | | 6 | R0 = NOT Rx, Rx = Rx AND NOT Ry
MUX(Rl, Rx, Ry, Rz) | Rl := Ry where Rx, else Rz \
                    | SET(R0); MOV(R12, Rz); MOV(R0, Rx); MOV(R12, Ry); MOV(Rl, R12) | | 5 \
                    | R0 = Rx, R12 = result
CLR_IF(Rl, Rx)      | Rl := Rl AND NOT Rx | NOT(R0, Rl); NOR(Rl, R0, Rx) | | 2 | R0 = NOT Rl
REFRESH(Rl)         | Rl, its level restored | REFRESH_R(Rl); REFRESH_L(Rl) | | 2 |
"""


def _row(line: str) -> Macro:
    head, result, words, again, count, clobbers = (cell.strip() for cell in line.split("|"))
    name, _, rest = head.partition("(")
    names = [part.strip() for part in rest.rstrip(")").split(",") if part.strip()]
    parameters = tuple(_parameter(text) for text in names)
    return Macro(name, parameters, result, _templates(words), _templates(again), count, clobbers)


def _parameter(text: str) -> Parameter:
    name, _, default = text.partition("=")
    kind = next(kind for pattern, kind in _KIND_BY_NAME if pattern.fullmatch(name))
    return Parameter(name, kind, int(default) if default else None)


def _templates(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())


MACROS: tuple[Macro, ...] = tuple(_row(line) for line in _TABLE.strip().splitlines())
"""Every macro, one row per overload."""

OLD_NAMES = {"ALL": "all", "blur_repeat": "gauss"}
"""Names of earlier versions of the vendor's kernel API, and what they are called now: both occur in the chip
authors' programs. ``ALL()`` is what ends a ``WHERE``."""

MACRO_NAMES = tuple(dict.fromkeys(macro.name for macro in MACROS))
