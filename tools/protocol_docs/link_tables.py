"""Tables of the link: messages, their fields, duties, states, codes, and a frame step by step."""

from __future__ import annotations

import re
from typing import Any

import construct as c
from cobs import cobs
from tools.protocol_docs.layouts import c_type, fixed_size, offsets, table

from pixeltree_protocol.link import framing
from pixeltree_protocol.link.connection import states
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
