"""The base class of all of Pixeltree's errors, and those that the contract can raise.

Messages say what happened, where, and what to do.
"""

from __future__ import annotations


class PixeltreeError(Exception):
    """Base class of every error that Pixeltree raises on purpose: host, protocol and emulator."""


class ProtocolError(PixeltreeError):
    """Base class of all errors raised by :mod:`pixeltree_protocol`."""


class InstructionError(ProtocolError):
    """An instruction has an operand, or a combination of operands, that no instruction word expresses.

    Attributes:
        problem: what is wrong.
        remedy: what to write instead; empty where the problem says it.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(f"{problem}; {remedy}" if remedy else problem)
        self.problem = problem
        self.remedy = remedy


class ObjectError(ProtocolError):
    """Bytes that claim to be an object (block, segment, program, node, tree) are not a valid one."""


class TreeFileError(ObjectError):
    """A tree file is truncated, damaged, of another version, or inconsistent."""


class ProgramError(ObjectError):
    """A controller program has a step whose operand is out of range or whose order makes no sense."""


class FramingError(ProtocolError):
    """A message cannot be put into a frame (too long for the agreed limit)."""


class MessageError(ProtocolError):
    """Bytes that claim to be a message do not parse as one."""


class StateError(ProtocolError):
    """A message was sent or received in a connection state that does not allow it."""


class AssemblyError(ProtocolError):
    """A line of kernel text is wrong; the message names file, line and operand."""


class ArrayPortError(ProtocolError):
    """Bytes that are no batch of commands to an array."""


class PresetError(ProtocolError):
    """A preset of a chip's errors does not exist, or has a number that cannot be."""
