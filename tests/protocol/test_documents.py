"""What tools/make_protocol_docs.py writes is up to date and complete."""

import dataclasses
import random
import re
from pathlib import Path
from typing import get_args

import construct
import pytest
from tools import make_protocol_docs as tool
from tools.protocol_docs.layouts import c_type, offsets
from tools.protocol_docs.link_tables import wire_name

from pixeltree_protocol.link.declaration import MESSAGES
from pixeltree_protocol.link.messages import ErrorCode, Reply, Request
from pixeltree_protocol.link.messages.duties import DUTIES
from pixeltree_protocol.link.messages.layouts import TEXT
from pixeltree_protocol.objects import program

ROOT = Path(__file__).parents[2]


PROTOCOL = (ROOT / "docs/reference/protocol.md").read_text()
OBJECTS = (ROOT / "docs/reference/objects.md").read_text()


@pytest.mark.parametrize("name", tool.NAMES)
def test_a_document_is_that_of_the_declarations(name):
    assert (tool.DOCS / name).read_text() == tool.document(name), "run: python -m tools.make_protocol_docs"


@pytest.mark.parametrize("form", program.STEPS, ids=lambda form: form.step.__name__)
def test_what_a_step_stands_for_is_what_the_verifier_counts(form):
    rows = [line for line in OBJECTS.splitlines() if line.startswith(f"| {form.step.__name__} |")]
    _, words, bytes_out = rows[0].split(" | ")[:3]
    chosen = random.Random(form.opcode)
    names = [field.name for field in dataclasses.fields(form.step)]
    for _ in range(50):
        values = [chosen.randint(least, greatest) for _, least, greatest in form.operands]
        operands = dict(zip(names, values, strict=True))
        for low, high in (("r0", "r1"), ("c0", "c1")):
            if form.step.__name__ in ("ScanAreg", "ScanLogits") and operands[low] > operands[high]:
                operands[low], operands[high] = operands[high], operands[low]
        step = form.step(**operands)
        counted = form.words(step), form.read_out(step)
        terms = [term.replace(",", "") if "(" not in term else term for term in (words, bytes_out)]
        for term, expected in zip(terms, counted, strict=True):
            known = {**operands, "abs": abs, "max": max}
            assert eval(term.removeprefix("| ").replace(" / ", " // "), {}, known) == expected


@pytest.mark.parametrize("name", tool.NAMES)
def test_a_document_has_no_open_placeholder(name):
    assert "{{" not in tool.document(name)


def test_every_table_is_used():
    prose = "".join((tool.PROSE / name).read_text() for name in tool.NAMES)
    assert set(re.findall(r"^\{\{([a-z_]+)\}\}$", prose, re.MULTILINE)) == set(tool.TABLES)


@pytest.mark.parametrize("cls", MESSAGES, ids=lambda cls: cls.__name__)
def test_every_message_is_documented_with_every_field(cls):
    declaration = MESSAGES[cls]
    head = f"### {declaration.code} {wire_name(cls)}\n"
    section = PROTOCOL.split(head)[1].split("\n### ")[0]
    for field in declaration.fields:
        assert f"| `{field.name}` | {c_type(field.layout)} |" in section
        assert field.meaning in section


def test_every_error_code_is_documented():
    for code in ErrorCode:
        assert f"| {code.value} | {code.name} |" in PROTOCOL


def test_every_request_has_a_duty_whose_answers_are_replies():
    assert [duty.request for duty in DUTIES] == list(dict.fromkeys(duty.request for duty in DUTIES))
    assert {duty.request for duty in DUTIES} == set(get_args(Request))
    assert {answer for duty in DUTIES for answer in duty.answers} < set(get_args(Reply))


def test_offsets_are_where_the_bytes_are():
    layouts = [("a", construct.Int8ul), ("b", construct.Int32ul), ("c", construct.GreedyBytes)]
    assert offsets(layouts) == ["0", "1", "5"]
    layouts = [("a", TEXT), ("b", construct.Int16ul), ("c", construct.Int8ul)]
    assert offsets(layouts) == ["0", "end of `a`", "end of `a` + 2"]
