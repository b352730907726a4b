"""A program of the vendor's, as the packets that it sends: for tests of the end that executes them."""

import numpy as np

from pixeltree_emu.controller.clock import CostModel
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_emu.vendor.board import Board, BoardParts
from pixeltree_emu.vendor.gathered import GatheredArray
from pixeltree_emu.vendor.program import Program
from pixeltree_emu.vendor.settings import ProgramSettings
from pixeltree_protocol.chip.registers import Analog, Digital
from pixeltree_protocol.vendor.packets import FrameReader
from pixeltree_protocol.vendor.registers import ANALOG_INDEX, DIGITAL_INDEX
from pixeltree_protocol.vendor.simulation import (
    Instruction,
    Kind,
    Opcode,
    PacketReader,
    instruction,
    kernel,
    packet,
)

_EITHER = {**ANALOG_INDEX, **DIGITAL_INDEX}


def index(register):
    """The index of a register by name; numbers stay."""
    return _EITHER[register] if isinstance(register, str) else register


def row(opcode, *operands):
    """An instruction with registers by name."""
    return Instruction(opcode, tuple(index(operand) for operand in operands))


def board(engine="fast", chip=None, source=None):
    array = GatheredArray(engine=engine, chip=chip)
    if source is not None:
        array.sensor.look_at(source, "device")
    return Board(BoardParts(array, CostModel(), ReadOutParameters()))


class Session:
    """Sends packets to a program's end and takes what it says."""

    def __init__(self, settings=None, on=None, **options):
        self.shown = []
        self.board = on or board(**options)
        self.program = Program(self.board, settings or ProgramSettings(), self.shown.append)
        self._reader = PacketReader()
        self.send(instruction(Opcode.SIM_RESET_MODEL, 2))

    def send(self, *packets):
        """Everything that the program's end says to these packets."""
        said = b""
        for kind, payload in self._reader.feed(b"".join(packets)):
            said += self.program.take(kind, payload)
        return list(PacketReader().feed(said))

    def kernel(self, *rows):
        """A macro: instructions that come in one packet."""
        assert self.send(kernel(rows)) == []

    def word(self, opcode, *operands):
        """One instruction, or a call that returns nothing."""
        assert self.send(instruction(opcode, *map(index, operands))) == []

    def ask(self, opcode, *operands):
        """What a call returns."""
        ((kind, data),) = self.send(instruction(opcode, *map(index, operands)))
        assert kind == Kind.ANSWER
        return data

    def levels(self, register):
        """An analog register as levels: int (256, 256), in array coordinates."""
        samples = self.ask(Opcode.SCAN_AREG, register, 1, 0, 0, 255, 255, 1, 1)
        return np.frombuffer(samples, np.uint8).reshape(256, 256).T.astype(int) - 128

    def bits(self, register):
        """A digital register: bool (256, 256)."""
        rows = np.frombuffer(self.ask(Opcode.SCAN_DREG, register, 0, 255, 1), np.uint8)
        return np.unpackbits(rows, bitorder="little").reshape(256, 256).astype(bool)

    def fill(self, register, plane):
        """Write a plane, behind the program's back."""
        engine = self.board.array.engine
        if register in ANALOG_INDEX:
            engine.set_analog(Analog(register), np.asarray(plane, np.int16))
        else:
            engine.set_digital(Digital(register), np.asarray(plane, bool))

    def data(self):
        """What was shown since the last call, as data packets."""
        shown, self.shown[:] = [packet for raw in self.shown for packet in FrameReader().feed(raw)], []
        return [packet.data() for packet in shown]

    def text(self, words):
        """A verbose text."""
        assert self.send(packet(Kind.TEXT, words.encode() + b"\0")) == []
