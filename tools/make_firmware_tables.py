"""Write what the C firmware shares with everybody else: steps, costs, commands to the array.

    python -m tools.make_firmware_tables [--check]

They are written from the declarations that host and emulator use, so that a step or a price is changed in
one place.
"""

from __future__ import annotations

import argparse
import contextlib
import re
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path

import construct as c
from tools.make_protocol_docs import VARYING

from pixeltree_protocol.array_port.commands import ANALOG_PLANES, COMMANDS, DIGITAL_PLANES, MAX_BATCH
from pixeltree_protocol.chip import exposure
from pixeltree_protocol.chip.costs import CostTable
from pixeltree_protocol.chip.registers import AREGS, DREGS
from pixeltree_protocol.objects.control import BLOCK_STEP_WORDS, MAX_NESTED, MOST_TIMES
from pixeltree_protocol.objects.control_steps import TAKEN_BYTES, VARIABLES
from pixeltree_protocol.objects.cover import cube_counts
from pixeltree_protocol.objects.node import MAX_DEPTH, MAX_PATH_LOGITS
from pixeltree_protocol.objects.program import STEPS
from pixeltree_protocol.objects.step import AREG, ROW, STORE, OperandForm, StepForm
from pixeltree_protocol.objects.ternary import WEIGHTS_IN_A_BYTE, unpack_ternary
from pixeltree_protocol.objects.verify import (
    MAX_READ_OUT_BYTES,
    MAX_READ_OUTS,
    MAX_SCANNED_BITS,
    MAX_WAITING_US,
    MAX_WORDS_IMMEDIATE,
    MAX_WORDS_PER_NODE,
)

CORE = Path(__file__).resolve().parent.parent / "firmware" / "core"
AREG_BIT = len(DREGS)
"""Bit of the first AREG in a mask of registers; DREGs are bits 0 to 12."""

_EXPOSURE = ("DARK", "TARGET", "NEAR_PERCENT", "GREATEST_STEP", "LEAST_US", "MOST_US", "DEFAULT_US")


def snake(name: str) -> str:
    """A class's name as a C constant."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).upper()


def bytes_of(layout: c.Construct) -> int:
    """Bytes of a number, negative where it is signed."""
    size = layout.sizeof()
    return -size if layout.fmtstr[1:].islower() else size


def mask_of(registers: object) -> int:
    """A set of registers as a mask."""
    mask = 0
    for register in registers:  # type: ignore[attr-defined]
        mask |= 1 << (DREGS.index(register) if register in DREGS else AREG_BIT + AREGS.index(register))
    return mask


def in_c(form: StepForm, expression: str) -> str:
    """An expression over a step's operands, over its values."""
    names = [field.name for field in fields(form.step)]
    functions = {"abs": "distance", "max": "greater"}

    def named(match: re.Match[str]) -> str:
        word = match.group()
        return f"v[{names.index(word)}]" if word in names else functions.get(word, word)

    return re.sub(r"[a-z_]\w*", named, expression.replace("//", "/"))


def in_numbers(operand: OperandForm) -> tuple[int, int, int]:
    """Bytes, least and most of an operand."""
    kind, least, most = operand
    return bytes_of(kind), least, most


def operand_forms() -> list[tuple[int, int, int]]:
    """All operands that steps have, each once: they take a byte in a step's row, and not twelve."""
    return sorted({in_numbers(operand) for form in STEPS for operand in form.operands})


def step_row(form: StepForm) -> str:
    """One step as an initializer."""
    names = [field.name for field in fields(form.step)]

    def places(text: str) -> int:
        return sum(1 << names.index(name) for name in text.split())

    analog = sum(1 << i for i, operand in enumerate(form.operands) if operand is AREG or operand is STORE)
    corners = 0
    if all(name in names for name in ("r0", "c0", "r1", "c1")) and not form.open_ended:
        first = names.index("r0")
        corners = first + 1 if form.operands[first] is ROW else 0
    known = operand_forms()
    operands = ", ".join(str(known.index(in_numbers(operand))) for operand in form.operands)
    row = (
        f"{{STEP_{snake(form.step.__name__)}, {len(names)}, {corners}, {analog:#x}, {places(form.reads):#x}, "
        f"{places(form.writes):#x}, {places(form.distinct):#x}, {places(form.varies):#x}, "
        f"{mask_of(form.own):#x}u, {mask_of(form.clobbers):#x}u, {{{operands or '0'}}}}}"
    )
    return f"    {row},"


def sizes(form: StepForm) -> tuple[str, str]:
    """Words that a step stands for, and bytes that it reads out, in C."""
    least = form.step(*(least for _, least, _ in form.operands))
    constant = str(form.words(least)), str(form.read_out(least))
    words, read_out = VARYING.get(form.step.__name__, constant)
    return in_c(form, words), in_c(form, read_out)


def switch(name: str, which: int) -> list[str]:
    """A function from a step's opcode and values to a number."""
    lines = [
        f"static inline uint32_t {name}(uint8_t opcode, const int32_t *v)",
        "{",
        "    (void)v;",
        "    switch (opcode) {",
    ]
    for form in STEPS:
        expression = sizes(form)[which]
        if expression != "0":
            lines.append(f"    case STEP_{snake(form.step.__name__)}: return (uint32_t)({expression});")
    return [*lines, "    default: return 0;", "    }", "}"]


def price(cost: CostTable, name: str) -> int:
    """An entry of the cost table; a class of words without a price of its own has that of every word."""
    own: int | None = getattr(cost, name)
    return cost.word_ns if own is None else own


def step_table() -> list[str]:
    """Operands, and what is asked of each step."""
    return [
        "/* An operand: its bytes, negative where it is signed; least and most. */",
        "static const struct operand { int8_t bytes; int32_t least, most; } OPERANDS[] = {",
        *(f"    {{{size}, {least}, {most}}}," for size, least, most in operand_forms()),
        "};",
        f"enum {{ MOST_OPERANDS = {max(len(form.operands) for form in STEPS)} }};",
        "/* A step. corners: 1 + the place of r0 where r1, c1 must not lie before r0, c0; else 0.",
        "   analog: which operands name AREGs; reads, writes, distinct: which operands name registers that",
        "   it reads, writes, or that must differ; varies: which ones a variable may give. own, clobbers:",
        "   masks of registers, R0 to R12 from bit 0 on, A to NEWS from bit "
        f"{AREG_BIT} on. operands: in OPERANDS. */",
        "struct step {",
        "    uint8_t opcode, count, corners;",
        "    uint16_t analog, reads, writes, distinct, varies;",
        "    uint32_t own, clobbers;",
        "    uint8_t operands[MOST_OPERANDS];",
        "};",
        f"enum {{ AREG_BIT = {AREG_BIT} }};",
        "",
        "static const struct step STEPS[] = {",
        *(step_row(form) for form in STEPS),
        "};",
        f"enum {{ STEP_COUNT = {len(STEPS)} }};",
    ]


def header() -> str:
    """The whole header."""
    cost = CostTable()
    lines = [
        "/* Written by tools/make_firmware_tables.py; do not change it by hand. */",
        "#ifndef TABLES_H",
        "#define TABLES_H",
        "",
        "#include <stdint.h>",
        "",
        "enum {",
        *(f"    STEP_{snake(form.step.__name__)} = {form.opcode}," for form in STEPS),
        "};",
        "",
        *step_table(),
        "",
        "static inline int32_t distance(int32_t a) { return a < 0 ? -a : a; }",
        "static inline int32_t greater(int32_t a, int32_t b) { return a > b ? a : b; }",
        "",
        "/* Instruction words that take as long as a step, and bytes that it reads out. */",
        *switch("step_words", 0),
        "",
        *switch("step_read_out", 1),
        "",
        "enum {",
        f"    MAX_WORDS_PER_NODE = {MAX_WORDS_PER_NODE},",
        f"    MAX_WORDS_IMMEDIATE = {MAX_WORDS_IMMEDIATE},",
        f"    MAX_SCANNED_BITS = {MAX_SCANNED_BITS},",
        f"    MAX_READ_OUT_BYTES = {MAX_READ_OUT_BYTES},",
        f"    MAX_READ_OUTS = {MAX_READ_OUTS},",
        f"    MAX_WAITING_US = {MAX_WAITING_US},",
        f"    BLOCK_STEP_WORDS = {BLOCK_STEP_WORDS},",
        f"    MAX_NESTED = {MAX_NESTED},",
        f"    MOST_TIMES = {MOST_TIMES},",
        f"    VARIABLES = {VARIABLES},",
        f"    TAKEN_BYTES = {TAKEN_BYTES},",
        f"    MAX_DEPTH = {MAX_DEPTH},",
        f"    MAX_PATH_LOGITS = {MAX_PATH_LOGITS}",
        "};",
        "",
        "/* Device time of each step, in ns unless the name says otherwise (chip/costs.py). */",
        "enum {",
        *(f"    COST_{field.name.upper()} = {price(cost, field.name)}," for field in fields(cost)),
        "};",
        "",
        "/* Commands to an array behind a socket: docs/reference/array_port.md. */",
        "enum {",
        *(f"    ARRAY_{snake(form.command.__name__)} = {form.opcode}," for form in COMMANDS),
        f"    ARRAY_MAX_BATCH = {MAX_BATCH},",
        f"    ARRAY_PIX = {len(ANALOG_PLANES) - 1},",
        f"    ARRAY_FLAG = {len(DIGITAL_PLANES) - 1}",
        "};",
        "",
        "/* Exposure of frames of a tree, and how it follows the brightness (chip/exposure.py). */",
        f'#define EXPOSURE_LOOK "{exposure.LOOK}"',
        "enum {",
        *(f"    EXPOSURE_{name} = {getattr(exposure, name)}," for name in _EXPOSURE),
        "};",
        "",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def cover_sizes() -> str:
    """Sizes of the smallest covers of all sets of 16 positions: 32 KiB of flash in place of 256 of RAM."""
    counts = cube_counts().astype(int).reshape(-1, 2)
    packed = [int(low | high << 4) for low, high in counts]
    rows = [", ".join(map(str, packed[at : at + 32])) for at in range(0, len(packed), 32)]
    return "\n".join(
        (
            "/* Written by tools/make_firmware_tables.py; do not change it by hand. */",
            "#include <stdint.h>",
            "",
            "/* Cubes of the smallest covers: of set 2 i in the low half of byte i, of 2 i + 1 above. */",
            "static const uint8_t COVER_SIZES[32768] = {",
            *(f"    {row}," for row in rows),
            "};",
            "",
            "/* Pattern selections of 16 positions: those with more first, then by free, then by value. */",
            "static const struct candidate { uint8_t value, free; uint16_t mask; } CANDIDATES[81] = {",
            *(f"    {{{value}, {free}, {mask:#06x}}}," for value, free, mask in candidates()),
            "};",
            "",
        )
    )


def ternary_weights() -> str:
    """What each byte of ternary weights holds."""
    rows = []
    for byte in range(243):
        weights = unpack_ternary(bytes([byte]), WEIGHTS_IN_A_BYTE)
        rows.append(
            sum(1 << i for i in range(5) if weights[i]) | sum(32 << i for i in range(5) if weights[i] > 0)
        )
    text = textwrap.wrap(", ".join(map(str, rows)), 114)
    return "\n".join(
        (
            "/* Written by tools/make_firmware_tables.py; do not change it by hand. */",
            "#include <stdint.h>",
            "",
            "/* Bit i: weight i is not 0; bit 5 + i: it is +1. */",
            "static const uint16_t TERNARY_WEIGHTS[243] = {",
            *(f"    {row}" for row in text),
            "};",
            "",
        )
    )


def candidates() -> list[tuple[int, int, int]]:
    """Value, free bits and positions of each pattern selection of four address bits."""
    found = [
        (value, free, sum(1 << at for at in range(16) if not (at ^ value) & ~free & 15))
        for free in range(16)
        for value in range(16)
        if not value & free
    ]
    return sorted(found, key=lambda each: -each[1].bit_count())


@contextlib.contextmanager
def learner() -> Iterator[Callable[..., str]]:
    """The core's own code for words and blocks, built to print its tables."""
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "learn"
        sources = [str(CORE / f"{name}.c") for name in ("blocks", "words")]
        subprocess.run(["cc", "-std=c99", "-DLEARNING", "-o", str(program), *sources], check=True)
        yield (
            lambda *arguments: (
                subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout
            )
        )


def learned(run: Callable[..., str]) -> str:
    """What a block's code begins with, as the core itself learns it from its words."""
    rows = run().split()
    found = sorted(zip(map(int, rows[::2]), rows[1::2], strict=True), key=lambda row: row[0] >> 4)
    met, of_zero = [str(number) for number, _ in found], [estimate for _, estimate in found]
    return "\n".join(
        (
            "/* Written by tools/make_firmware_tables.py; do not change it by hand. */",
            "#include <stdint.h>",
            "",
            f"enum {{ LEARNED_CONTEXTS = {len(met)} }};",
            "/* 16 times a context's number, and how often it was met; its estimate of a 0, less 32,768. */",
            "static const uint32_t LEARNED_MET[LEARNED_CONTEXTS] = {",
            *(f"    {', '.join(met[at : at + 12])}," for at in range(0, len(met), 12)),
            "};",
            "static const int16_t LEARNED_OF_ZERO[LEARNED_CONTEXTS] = {",
            *(f"    {', '.join(of_zero[at : at + 16])}," for at in range(0, len(of_zero), 16)),
            "};",
            "",
        )
    )


def word_bits(run: Callable[..., str]) -> str:
    """Bits of operands and forms of words, from their names."""
    text = run("bits").replace(", }", "}")
    lines = ["/* Written by tools/make_firmware_tables.py: bits 0 to 63 of words, and the rest. */"]
    for line in text.splitlines():
        lines += textwrap.wrap(line, 118, subsequent_indent="    ", break_long_words=False)
    return "\n".join([*lines, ""])


def main() -> int:
    """Write the headers, or say whether they are as they should be."""
    parser = argparse.ArgumentParser(
        description="Write the core's headers that are made of tables; this needs cc."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; status 1 if a file would change")
    with learner() as run:
        texts = {
            CORE / "tables.h": header(),
            CORE / "cover_sizes.h": cover_sizes(),
            CORE / "ternary_weights.h": ternary_weights(),
            CORE / "learned.h": learned(run),
            CORE / "word_bits.h": word_bits(run),
        }
    if parser.parse_args().check:
        return int(any(path.read_text() != text for path, text in texts.items()))
    for path, text in texts.items():
        path.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
