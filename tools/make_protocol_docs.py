"""Write protocol.md, objects.md, array_port.md of docs/reference from prose in tools/protocol_docs and code.

Run ``python -m tools.make_protocol_docs`` after a change to a message, an object's layout, a constant or the
prose; a test fails while its outputs are stale. In the prose, a line ``{{name}}`` stands for a table, and
``{{NAME}}`` for a constant.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import construct as c
from tools.protocol_docs import link_tables
from tools.protocol_docs.layouts import INTEGERS, c_type, offsets, table

from pixeltree_protocol.array_port import commands
from pixeltree_protocol.chip import exposure
from pixeltree_protocol.chip.isa import FORMS, MNEMONICS, ClockClass, Operand
from pixeltree_protocol.chip.registers import (
    ANALOG_SELECT,
    ANALOG_WRITE,
    AREGS,
    BIT_NAMES,
    DIGITAL_LOAD,
    DIGITAL_READ,
    DREGS,
)
from pixeltree_protocol.link import delivery, framing, messages
from pixeltree_protocol.link.connection import host
from pixeltree_protocol.objects import (
    arithmetic,
    block,
    control,
    control_steps,
    node,
    program,
    segment,
    verify,
    word_code,
)
from pixeltree_protocol.objects.layout import ObjectKind
from pixeltree_protocol.objects.step import OperandForm, StepForm
from pixeltree_protocol.text.assembly import assemble

ROOT = Path(__file__).parent.parent
PROSE = ROOT / "tools/protocol_docs"
DOCS = ROOT / "docs/reference"
NAMES = ("protocol.md", "objects.md", "array_port.md")


# ---- objects


def _object_table(layout: c.Construct) -> str:
    parts = [part for part in layout.subcons if part.name]
    places = offsets((part.name, part.subcon) for part in parts)
    rows = [
        (place, f"`{part.name}`", c_type(part.subcon), part.docs)
        for place, part in zip(places, parts, strict=True)
    ]
    return table(("offset", "field", "type", "meaning"), rows)


def _operand(name: str, form: OperandForm) -> str:
    kind, least, most = form
    return f"{c_type(kind)} {name} {least:,} to {most:,}"


def steps() -> str:
    """Opcodes and operands of program steps."""

    def row(form: StepForm) -> tuple[str, ...]:
        names = [field.name for field in fields(form.step)]
        operands = [_operand(name, kind) for name, kind in zip(names, form.operands, strict=True)]
        also = [f"{' and '.join(form.distinct.split())} differ"] if form.distinct else []
        also += [f"{form.writes} is none of {', '.join(form.own)}"] if form.own else []
        also += ["an end before its start stands for 255"] if form.open_ended else []
        also += [f"a variable may give {', '.join(form.varies.split())}"] if form.varies else []
        return str(form.opcode), form.step.__name__, "; ".join(operands), "; ".join(also)

    return table(("opcode", "step", "operands, in order", "also"), map(row, program.STEPS))


VARYING = {
    "ScanDreg": ("48 * rows", "32 * rows"),
    "ShiftDreg": ("30 + 4 * (abs(h) + abs(v))", "0"),
    "DrawLine": ("17 * (max(abs(r1 - r0), abs(c1 - c0)) + 1)", "0"),
    "ScanAreg": (
        "9 * ((r1 - r0) // rs + 1) * ((c1 - c0) // cs + 1)",
        "((r1 - r0) // rs + 1) * ((c1 - c0) // cs + 1)",
    ),
    "ScanLogits": ("10 * ((r1 - r0) // rs + 1) * ((c1 - c0) // cs + 1)", "0"),
    "ScanEvents": ("9 * max_num", "2 * max_num"),
    "Expose": ("10 * microseconds", "0"),
    "Wait": ("10 * microseconds", "0"),
}
"""Words and read-out bytes of steps where operands decide; a test holds them to the verifier's."""


def costs() -> str:
    """What each step stands for in words, what it reads out, and the registers that it touches."""

    def row(form: StepForm) -> tuple[str, ...]:
        least = form.step(*(least for _, least, _ in form.operands))
        constant = f"{form.words(least):,}", f"{form.read_out(least):,}"
        words, bytes_out = VARYING.get(form.step.__name__, constant)
        touched = [", ".join(names) for names in (form.reads.split(), form.writes.split(), form.clobbers)]
        return form.step.__name__, words.replace("//", "/"), bytes_out.replace("//", "/"), *touched

    head = ("step", "words", "bytes read out", "reads", "writes", "clobbers")
    return table(head, map(row, program.STEPS))


def icw_bits() -> str:
    """The names of an instruction word's bits, eight to a row."""
    rows = [(f"{at} to {at + 7}", *BIT_NAMES[at : at + 8]) for at in range(0, len(BIT_NAMES), 8)]
    return table(("bits", *(f"+{i}" for i in range(8))), rows)


def _bit_names(mask: int, between: str = " ") -> str:
    return between.join(name for number, name in enumerate(BIT_NAMES) if mask >> number & 1)


def words() -> str:
    """Every form of an instruction word, by the number of its mnemonic."""

    def operands(kind: Operand | None, limits: tuple[int, int]) -> str:
        least, most = limits
        count = f"{least}" if least == most else f"{least} to {most}"
        return f"{count} {kind.value.split()[0]}" if kind else ""

    rows = [
        (
            MNEMONICS.index(form.mnemonic),
            form.mnemonic,
            form.clock.name,
            _bit_names(form.bits),
            operands(form.destination, form.destinations),
            operands(form.source, form.sources),
        )
        for form in FORMS
    ]
    return table(("number", "mnemonic", "clock class", "bits", "destinations", "sources"), rows)


def registers() -> str:
    """The bits of each operand, in the order in which a block begins."""
    analog = (Operand.ANALOG_DESTINATION, Operand.ANALOG_SOURCE)
    digital = (Operand.DIGITAL_DESTINATION, Operand.DIGITAL_SOURCE)
    rows = []
    for register in word_code.REGISTERS:
        kinds = analog if register in Operand.ANALOG_SOURCE.table else digital
        bits = (_bit_names(kind.table[register]) if register in kind.table else "none" for kind in kinds)
        rows.append((register, kinds[0].value.split()[0], *bits))
    return table(("register", "kind", "bits as a destination", "bits as a source"), rows)


def icw_registers() -> str:
    """Which bits say that a word reads or writes a register."""

    def names(mask: int) -> str:
        return _bit_names(mask, " and ")

    rows = [(reg, names(ANALOG_SELECT[reg]), names(ANALOG_WRITE[reg])) for reg in AREGS]
    rows += [(reg, names(DIGITAL_READ[reg]), names(DIGITAL_LOAD[reg])) for reg in DREGS]
    return table(("register", "on a bus", "written"), rows)


_LONG_OPERANDS = {
    "words": "uint16_t n, uint32_t[n]: five for each instruction word",
    "plane": "uint8_t[8192], as ReadRows answers",
    "pixels": "uint32_t n, uint8_t[n]",
}
_VARYING_ANSWERS = {"SampleGrid": "one a sample", "ReadRows": "32 a row", "Events": "2 an event"}


def array_commands() -> str:
    """Every command to an array."""

    def operand(name: str, layout: c.Construct, least: int, most: int) -> str:
        if name in _LONG_OPERANDS:
            return f"`{name}` {_LONG_OPERANDS[name]}"
        return f"`{name}` {INTEGERS[layout.fmtstr[1:]]}, {least:,} to {most:,}"

    def row(form: commands.Form) -> tuple[str, ...]:
        names = [field.name for field in fields(form.command)]
        operands = [operand(name, *limits) for name, limits in zip(names, form.operands, strict=True)]
        least = form.command(*(least for _, least, _ in form.operands))
        answer = _VARYING_ANSWERS.get(form.command.__name__) or str(form.answer(least))
        does = " ".join((form.command.__doc__ or "").replace("``", "`").split())
        return str(form.opcode), form.command.__name__, "; ".join(operands), does, answer

    return table(
        ("opcode", "command", "operands", "what it does", "answers, in bytes"), map(row, commands.COMMANDS)
    )


def array_example() -> str:
    """A batch and its answer, in hex."""
    words = assemble("MOV(R5, SELECT)", "example").words
    batch = b"".join(
        commands.encode(command)
        for command in (
            commands.Latch(3, 5, 0, 0),
            commands.Load(0, tuple(value for word in words for value in word.words)),
            commands.Execute(0, 1, 1),
            commands.BoundingBox(5),
        )
    )
    return f"```text\n{len(batch).to_bytes(4, 'little').hex(' ')}\n{batch.hex(' ')}\n```"


TABLES: dict[str, Callable[[], str]] = {
    "array_commands": array_commands,
    "array_example": array_example,
    "costs": costs,
    "icw_bits": icw_bits,
    "icw_registers": icw_registers,
    "overview": link_tables.overview,
    "messages": link_tables.all_messages,
    "envelope": link_tables.envelope,
    "errors": link_tables.errors,
    "roles": link_tables.roles,
    "duties": link_tables.duties,
    "device_states": link_tables.device_states,
    "host_states": link_tables.host_states,
    "c_constants": link_tables.c_constants,
    "cobs_example": link_tables.cobs_example,
    "steps": steps,
    "kinds": lambda: table(("kind", "object"), ((kind.value, kind.name.lower()) for kind in ObjectKind)),
    "clocks": lambda: table(("class", "name"), ((clock.value, clock.name) for clock in ClockClass)),
    "block": lambda: _object_table(block.LAYOUT),
    "words": words,
    "registers": registers,
    "primer": lambda: f"```text\n{word_code.PRIMER}```",
    "segment": lambda: _object_table(segment.LAYOUT),
    "block_planes": lambda: _object_table(segment.BLOCK_PLANES),
    "fully_connected": lambda: _object_table(segment.FULLY_CONNECTED),
    "packed": lambda: _object_table(segment.PACKED),
    "ternary": lambda: _object_table(segment.TERNARY),
    "program": lambda: _object_table(program.LAYOUT),
    "step": lambda: _object_table(program.STEP_LAYOUT),
    "node": lambda: _object_table(node.NODE_LAYOUT),
    "exit": lambda: _object_table(node.EXIT),
    "tree": lambda: _object_table(node.TREE_LAYOUT),
}
"""What stands for a line ``{{name}}``."""

_SOURCES = (
    exposure, commands, delivery, framing, messages, host, node, block, segment, program, verify, arithmetic,
    control, control_steps,
)  # fmt: skip


def constant(name: str) -> str:
    """The value of a constant of the protocol, as people write it."""
    value = next(getattr(source, name) for source in _SOURCES if hasattr(source, name))
    return f"{value:,}" if isinstance(value, int) else f"{value * 1000:g} ms"


def document(name: str) -> str:
    """Text of one document."""
    text = (PROSE / name).read_text()
    text = re.sub(r"^\{\{([a-z_]+)\}\}$", lambda found: TABLES[found[1]](), text, flags=re.MULTILINE)
    return re.sub(r"\{\{([A-Z_]+)\}\}", lambda found: constant(found[1]), text)


def main() -> None:
    """Write the files."""
    for name in NAMES:
        (DOCS / name).write_text(document(name))


if __name__ == "__main__":
    main()
