"""Calls whose result nobody reads, as lines of Python: kernels, the controller, displays and posts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from pixeltree.errors import CannotTranslateError, InstructionError
from pixeltree.kernels import Kernel
from pixeltree.port.expressions import Expressions, call_arguments
from pixeltree.port.report import Tally
from pixeltree.port.scopes import Names
from pixeltree.port.source import BEGIN, END, plain_name, text_of
from pixeltree.port.vocabulary import DISPLAYS, LEFT_OUT, METHODS, POSTS, REGISTERS, SCANS, SETTINGS, SHOWS
from pixeltree_protocol.chip.kernel_api import Operand, expand

if TYPE_CHECKING:
    from tree_sitter import Node

_FORMAT = re.compile(r"%(?:%|[-+ 0#]*\d*(?:\.\d+)?(?:hh|h|ll|l)?[diuxXocsfFeEgG])")


class Calls:
    """Translates calls that are statements.

    Attributes:
        macros: functions that kernels call: they record words and run nothing.
        recording: whether a kernel has begun and not ended.
    """

    def __init__(self, names: Names, expressions: Expressions, tally: Tally, macros: frozenset[str]) -> None:
        self._names, self._expressions, self.tally = names, expressions, tally
        self.macros = macros
        self.recording = False
        self._words = 0

    def lines(self, call: Node) -> list[str]:  # noqa: PLR0911 - a row for each kind of call
        """A call as lines of Python."""
        name = plain_name(call.child_by_field_name("function") or call)
        operands = call_arguments(call)
        if name in self._names.functions:
            return self._function(name, call)
        if is_kernel_call(name):
            return self._word(name, operands)
        if name in END:
            return self._end()
        inside = self.recording or self._names.function.rpartition(".")[2] in self.macros
        if inside:
            raise CannotTranslateError(f"{name} stands in a kernel, which has words only")
        if name in BEGIN:
            self.recording, self._words = True, 0
            self._names.assigned[-1].add("kernel")
            return ["kernel = pt.Kernel()"]
        if name == "scamp5_kernel_all":
            return self._alone(["kernel.all()"])
        if name in LEFT_OUT:
            self.tally.left_out += 1
            return []
        line = self._shown(name, operands) or self._read(name, operands)
        if line is None:
            line = self._expressions.value(call)
            if name not in METHODS and not line.startswith("chip."):
                self.tally.statements += 1
                return [line]
        self.tally.controller_calls += 1
        return [line]

    def _function(self, name: str, call: Node) -> list[str]:
        if self.recording and name not in self.macros:
            raise CannotTranslateError(f"{name} cannot be called in a kernel")
        self._words += name in self.macros
        self.tally.statements += 1
        return [self._expressions.value(call)]

    def _word(self, name: str, operands: Sequence[Node]) -> list[str]:
        check_word(name, operands)
        texts = [self._operand(operand) for operand in operands]
        line = f"kernel.{name}({', '.join(texts)})"
        self.tally.kernel_calls += 1
        if self.recording or self._names.function.rpartition(".")[2] in self.macros:
            self._words += 1
            return [line]
        return self._alone([line])

    def _operand(self, node: Node) -> str:
        if node.type == "initializer_list":
            return f"({self._expressions.values(node.named_children)},)"
        return self._expressions.value(node)

    def _alone(self, words: list[str]) -> list[str]:
        """Words outside of a kernel, which the vendor's simulation executes at once."""
        self._names.assigned[-1].add("kernel")
        return ["kernel = pt.Kernel()", *words, "chip.run_kernel(kernel)"]

    def _end(self) -> list[str]:
        if not self.recording:
            raise CannotTranslateError("no kernel has begun in this block")
        self.recording = False
        if not self._words:
            raise CannotTranslateError("nothing of this kernel was translated")
        self.tally.kernels += 1
        return ["chip.run_kernel(kernel)"]

    def _read(self, name: str, operands: Sequence[Node]) -> str | None:
        """A read-out into an array of the program."""
        method = name.removeprefix("scamp5_")
        if name == method or method not in SCANS or len(operands) < 2:
            return None
        register, array, *rest = operands
        text = self._expressions.value(array)
        if not self._names.kind(text_of(array)).endswith("[]"):
            raise CannotTranslateError(f"{text_of(array)} is no array that is declared here")
        values = [self._expressions.value(register), *map(self._expressions.value, rest)]
        size = f", 2 * {values[1] if len(values) > 1 else 1}" if "events" in method else ""
        self._expressions.used.add("fill")
        return f"fill({text}, {self._expressions.chip(method, values)}{SCANS[method]}{size})"

    def _shown(self, name: str, operands: Sequence[Node]) -> str | None:  # noqa: PLR0911 - likewise
        """What goes to a display or a host."""
        value = self._expressions.value
        if name == "vs_frame_loop_control":
            self._expressions.used |= {"loop", "next_frame"}
            return "next_frame()"
        if name in SHOWS and len(operands) >= 2:
            method, defaults = SHOWS[name]
            register, display, *rest = operands
            if name == "scamp5_output_boundingbox" and rest:
                raise CannotTranslateError("call scamp5_scan_boundingbox for its array, and show that")
            texts = [value(register), *(map(value, rest) if rest else defaults)]
            return f"show({value(display)}, {self._expressions.chip(method, texts)})"
        if name in DISPLAYS and len(operands) >= 2:
            return f"show({value(operands[0])}, {self._now(operands[1])})"
        if name in POSTS and operands:
            what = operands[0]
            pointed = what.child_by_field_name("argument") if what.type == "pointer_expression" else what
            self._expressions.used.add("channel")
            return f"show(channel, {self._now(pointed or what)})"
        if name == "vs_post_set_channel" and len(operands) == 1:
            self._expressions.used.add("channel")
            self._names.assigned[-1].add("channel")
            return f"channel = {value(operands[0])}"
        if name in ("vs_post_text", "printf", "puts") and operands:
            return f'show("text", {self._formatted(operands)})'
        if name == "vs_gui_add_display" and operands:
            return value(operands[0])
        if name in SETTINGS and len(operands) > SETTINGS[name]:
            return self._setting(name, operands)
        return None

    def _now(self, node: Node) -> str:
        """What is posted: an array as it is now, since the program may change it later."""
        text = self._expressions.value(node)
        return f"list({text})" if self._names.kind(text_of(node)).endswith("[]") else text

    def _setting(self, name: str, operands: Sequence[Node]) -> str:
        setting = self.setting(name, operands)
        target = (
            operands[-1].child_by_field_name("argument")
            if operands[-1].type == "pointer_expression"
            else None
        )
        if target is None:
            return setting
        self._names.assign(text_of(target))
        return f"{self._expressions.value(target)} = {setting}"

    def setting(self, name: str, operands: Sequence[Node]) -> str:
        """The value of a slider or switch: what the caller of the program says, or its first value."""
        if any(operand.type == "lambda_expression" for operand in operands):
            raise CannotTranslateError("a slider that calls a function has no translation")
        value = self._expressions.value
        return f"settings.get({value(operands[0])}, {value(operands[SETTINGS[name]])})"

    def _formatted(self, operands: Sequence[Node]) -> str:
        text = self._expressions.string(operands[0])
        if "%" in _FORMAT.sub("", text):
            raise CannotTranslateError("its text has a format that Python does not know")
        if not operands[1:]:
            return text.replace("%%", "%")
        values = self._expressions.values(operands[1:])
        return f"{text} % ({values},)" if len(operands) == 2 else f"{text} % ({values})"


def is_kernel_call(name: str) -> bool:
    """Whether a name is an instruction or macro of the kernel API."""
    return (
        name not in REGISTERS
        and name not in ("record", "block", "listing", "line", "set_direction")
        and (not name.startswith("_") and callable(getattr(Kernel, name, None)))
    )


def check_word(name: str, operands: Sequence[Node]) -> None:
    """Refuse a call of the kernel API that has no words, as far as its operands are known here."""
    known: list[Operand] = []
    for operand in operands:
        text = text_of(operand)
        if text in REGISTERS:
            known.append(REGISTERS[text])
        elif re.fullmatch(r"\d+", text):
            known.append(int(text))
        else:
            return
    try:
        expand(name, known)
    except InstructionError as error:
        raise CannotTranslateError(str(error)) from error
