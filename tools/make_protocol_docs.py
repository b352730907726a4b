"""Write protocol.md, objects.md, array_port.md of docs/reference from prose in tools/protocol_docs and code.

Run it after a change to a message, an object's layout, a constant or the prose; a test fails while its
outputs are stale. In the prose, a line ``{{name}}`` stands for a table, ``{{NAME}}`` for a constant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

import construct as c
from cobs import cobs

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
from pixeltree_protocol.link.connection import host, states
from pixeltree_protocol.link.connection.states import Transition
from pixeltree_protocol.link.declaration import MESSAGES, RECORDS, Declaration, Field, Record
from pixeltree_protocol.link.messages import (
    ENVELOPE_FIELDS,
    MEANINGS,
    ROLE_MEANINGS,
    Ping,
    encode_message,
    head_bytes,
)
from pixeltree_protocol.link.messages.duties import DUTIES
from pixeltree_protocol.objects import arithmetic, block, node, program, segment, verify, word_code
from pixeltree_protocol.objects.layout import ObjectKind, VarInt
from pixeltree_protocol.objects.step import OperandForm, StepForm
from pixeltree_protocol.text.assembly import assemble

ROOT = Path(__file__).parent.parent
PROSE = ROOT / "tools/protocol_docs"
DOCS = ROOT / "docs/reference"
NAMES = ("protocol.md", "objects.md", "array_port.md")

_INTEGERS = {
    "B": "uint8_t", "b": "int8_t", "H": "uint16_t", "h": "int16_t", "L": "uint32_t", "l": "int32_t",
    "I": "uint32_t", "i": "int32_t", "Q": "uint64_t", "q": "int64_t",
}  # fmt: skip


# ---- types as C knows them


def _counted(layout: c.FocusedSeq) -> str:
    count, items = (part.subcon for part in layout.subcons)
    inner = items.subcon
    if isinstance(inner, c.Bytes):
        return f"{c_type(count.subcon)} n, uint8_t[n][{_length(inner)}]"
    if isinstance(inner, c.Prefixed):
        return f"{c_type(count.subcon)} n, then n times: {c_type(inner.lengthfield)} m, uint8_t[m]"
    return f"{c_type(count.subcon)} n, {c_type(inner)}[n]"


def _length(layout: c.Bytes) -> str:
    return str(layout.length) if isinstance(layout.length, int) else "m"


_TYPES: tuple[tuple[type[c.Construct], Callable[[Any], str]], ...] = (
    (c.FormatField, lambda layout: _INTEGERS[layout.fmtstr[-1]]),
    (c.Bytes, lambda layout: f"uint8_t[{_length(layout)}]"),
    (c.StringEncoded, lambda layout: f"{c_type(layout.subcon.lengthfield)} n, char[n]: UTF-8, no final zero"),
    (VarInt, lambda _: "varint"),
    (c.Prefixed, lambda layout: f"{c_type(layout.lengthfield)} n, uint8_t[n]"),
    (c.FocusedSeq, _counted),
    (c.Const, lambda layout: f"uint8_t = {layout.value[0]}"),
    (c.Enum, lambda layout: c_type(layout.subcon)),
    (c.Renamed, lambda layout: c_type(layout.subcon)),
    (c.Array, lambda layout: f"{c_type(layout.subcon)}, one for each"),
    (c.Switch, lambda _: "depends on the field before"),
    (c.Struct, lambda _: "record"),
)


def c_type(layout: c.Construct) -> str:
    """A layout as a C programmer names it; numbers are little-endian throughout."""
    if layout in RECORDS:
        return RECORDS[layout].name
    if layout is c.Flag:
        return "uint8_t, 0 or 1"
    if layout is c.GreedyBytes:
        return "uint8_t[], all that is left"
    return next(name(layout) for kind, name in _TYPES if isinstance(layout, kind))


def fixed_size(layout: c.Construct) -> int | None:
    """Bytes of a layout, or None where they differ."""
    try:
        return int(layout.sizeof())
    except c.SizeofError:
        return None


def offsets(layouts: Iterable[tuple[str, c.Construct]]) -> list[str]:
    """Where each field begins: a number, or what it follows."""
    places: list[str] = []
    position, after = 0, ""
    for name, layout in layouts:
        places.append(f"{position}" if not after else f"{after} + {position}" if position else after)
        size = fixed_size(layout)
        if size is None:
            position, after = 0, f"end of `{name}`"
        else:
            position += size
    return places


# ---- tables


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A table in Markdown."""
    cells = [list(head)]
    lines = [cells[0], ["---"] * len(cells[0]), *rows]
    return "\n".join(
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines
    )


def wire_name(cls: type[Any]) -> str:
    """A message's name as the prose writes it."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).upper()


def _sentences(text: str | None) -> str:
    return " ".join((text or "").replace("``", "`").split())


def _fields_table(declared: tuple[Field, ...]) -> str:
    places = offsets((field.name, field.layout) for field in declared)
    rows = [
        (place, f"`{field.name}`", c_type(field.layout), field.unit, field.limits, field.meaning)
        for place, field in zip(places, declared, strict=True)
    ]
    return table(("offset in body", "field", "type", "unit", "limits", "meaning"), rows)


def _records_of(declared: tuple[Field, ...]) -> list[Record]:
    found = []
    for field in declared:
        layout = field.layout
        inner = layout.subcons[1].subcon.subcon if isinstance(layout, c.FocusedSeq) else layout
        if inner in RECORDS:
            found.append(RECORDS[inner])
    return found


def _message_section(cls: type[Any], declaration: Declaration) -> str:
    kind = "sequenced" if declaration.sequenced else "of the link, not sequenced"
    parts = [
        f"### {declaration.code} {wire_name(cls)}",
        f"Sender: {declaration.sender.value}; {kind}. {_sentences(cls.__doc__)}",
    ]
    if not declaration.fields:
        return "\n\n".join([*parts, "No body."])
    parts.append(_fields_table(declaration.fields))
    for record in _records_of(declaration.fields):
        rows = _fields_table(record.fields).replace("offset in body", "offset", 1)
        parts += [f"Each {record.name}:", rows]
    return "\n\n".join(parts)


def all_messages() -> str:
    """A section for every message, by code."""
    ordered = sorted(MESSAGES.items(), key=lambda item: item[1].code)
    return "\n\n".join(_message_section(cls, declaration) for cls, declaration in ordered)


def overview() -> str:
    """All messages in one table."""
    ordered = sorted(MESSAGES.items(), key=lambda item: item[1].code)
    rows = []
    for cls, declaration in ordered:
        sizes = [fixed_size(field.layout) for field in declaration.fields]
        body = f"{head_bytes(cls)} and what varies" if None in sizes else str(head_bytes(cls))
        rows.append(
            (declaration.code, wire_name(cls), declaration.sender.value, _yes(declaration.sequenced), body)
        )
    return table(("code", "message", "sender", "sequenced", "bytes of the body"), rows)


def _yes(truth: bool) -> str:
    return "yes" if truth else "no"


def envelope() -> str:
    """The envelope's fields."""
    types = {"u8": ("uint8_t", 1), "u16": ("uint16_t", 2)}
    rows, position = [], 0
    for name, kind, meaning in ENVELOPE_FIELDS:
        rows.append((position, f"`{name}`", types[kind][0], meaning))
        position += types[kind][1]
    return table(("offset", "field", "type", "meaning"), rows)


def errors() -> str:
    """Error codes."""
    return table(("code", "name", "meaning"), ((code.value, code.name, MEANINGS[code]) for code in MEANINGS))


def roles() -> str:
    """Roles of sessions."""
    rows = ((role.value, role.name, meaning) for role, meaning in ROLE_MEANINGS.items())
    return table(("role", "name", "may do"), rows)


def duties() -> str:
    """What a device owes to each request."""
    rows = [
        (
            wire_name(duty.request),
            "both" if duty.observers else "DRIVE",
            ", ".join(wire_name(answer) for answer in duty.answers),
            ", ".join(code.name for code in duty.errors) or "none",
            duty.does,
        )
        for duty in DUTIES
    ]
    return table(("request", "role", "answers", "errors", "what the device does"), rows)


def _transitions(rows: tuple[Transition, ...]) -> str:
    cells = [(row.state.value, row.event, row.does, row.then.value) for row in rows]
    return table(("state", "what happens", "what the end does", "state then"), cells)


def device_states() -> str:
    """The device's end of a wire."""
    return _transitions(states.DEVICE)


def host_states() -> str:
    """The host's end of a wire."""
    return _transitions(states.HOST)


def c_constants() -> str:
    """Codes as C constants."""
    lines = ["```c", "enum message {"]
    for cls, declaration in sorted(MESSAGES.items(), key=lambda item: item[1].code):
        lines.append(f"    MSG_{wire_name(cls)} = {declaration.code},")
    lines += ["};", "", "enum error {"]
    lines += [f"    ERR_{code.name} = {code.value}," for code in MEANINGS]
    return "\n".join([*lines, "};", "```"])


def cobs_example() -> str:
    """One frame, step by step."""
    payload = encode_message(Ping(0x00C0FFEE), 1)
    frame = framing.encode_frame(payload)
    body = cobs.decode(frame[:-1])
    rows = (
        ("payload: PING, request 1, number 0xC0FFEE", payload),
        ("length before it", body[:2]),
        ("CRC-32 after it", body[-4:]),
        ("all three, before COBS", body),
        ("on the wire", frame),
    )
    return table(("what", "bytes"), ((what, f"`{data.hex(' ')}`") for what, data in rows))


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
        return f"`{name}` {_INTEGERS[layout.fmtstr[1:]]}, {least:,} to {most:,}"

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
    "overview": overview,
    "messages": all_messages,
    "envelope": envelope,
    "errors": errors,
    "roles": roles,
    "duties": duties,
    "device_states": device_states,
    "host_states": host_states,
    "c_constants": c_constants,
    "cobs_example": cobs_example,
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
    "program": lambda: _object_table(program.LAYOUT),
    "step": lambda: _object_table(program.STEP_LAYOUT),
    "node": lambda: _object_table(node.NODE_LAYOUT),
    "exit": lambda: _object_table(node.EXIT),
    "tree": lambda: _object_table(node.TREE_LAYOUT),
}
"""What stands for a line ``{{name}}``."""

_SOURCES = (
    exposure,
    commands,
    delivery,
    framing,
    messages,
    host,
    node,
    block,
    segment,
    program,
    verify,
    arithmetic,
)


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
