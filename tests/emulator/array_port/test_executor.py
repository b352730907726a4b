"""What an array does with commands: as the controller on the same array, and as NumPy says."""

import struct

import numpy as np
import pytest

from pixeltree_emu.array_port.executor import ArrayExecutor
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_emu.errors import EmulatorError
from pixeltree_protocol.array_port import commands as port
from pixeltree_protocol.text.assembly import assemble

WORDS = 64


class Array:
    """An array with words in its store by name of their text."""

    def __init__(self, engine="reference"):
        self.executor = ArrayExecutor(PixelArray(engine=engine), ReadOutParameters(), WORDS)
        self._at = 0

    def do(self, *batch):
        return self.executor.do(b"".join(map(port.encode, batch)))

    def load(self, text):
        words = assemble(text.replace("; ", "\n"), "test").words
        self.do(port.Load(self._at, tuple(value for word in words for value in word.words)))
        start, self._at = self._at, self._at + len(words)
        return port.Execute(start, len(words), 1)


@pytest.fixture
def array():
    return Array()


def plane_of(data):
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little").reshape(256, 256)


def test_a_selection_goes_through_the_words_that_read_it(array):
    copy = array.load("MOV(R5, SELECT)")
    data = array.do(port.Latch(3, 5, 0, 192), copy, port.ReadRows(5, 0, 1, 256))
    expected = np.zeros((256, 256), np.uint8)
    expected[3, [5, 69, 133, 197]] = 1
    assert np.array_equal(plane_of(data), expected)


def test_levels_come_back_column_by_column_from_the_top_right(array):
    bright = array.load("all; bus(NEWS, IN); bus(A, NEWS)")
    mark = array.load("MOV(R5, SELECT); WHERE(R5); bus(NEWS, IN); bus(A, NEWS); all")
    array.do(
        port.DriveDac((10 + 128) * 16), bright, port.Latch(2, 1, 0, 0), port.DriveDac((50 + 128) * 16), mark
    )
    grid = np.frombuffer(array.do(port.SampleGrid(0, 0, 0, 3, 2, 1, 1)), np.uint8).reshape(3, 4).T
    assert grid.tolist() == [[138] * 3, [138] * 3, [138, 178, 138], [138] * 3]


def test_a_sample_is_the_sum_over_what_is_selected(array):
    level = array.load("all; bus(NEWS, IN); bus(A, NEWS)")
    array.do(port.DriveDac((7 + 128) * 16), level, port.Rectangle(0, 0, 15, 15))
    assert array.do(port.Sample(0, 256), port.Latch(9, 9, 0, 0), port.Sample(0, 1)) == bytes([135, 135])


def test_commands_done_together_do_what_they_do_one_by_one(array):
    """A batch without a read-out is one block; asked for the state after each command, it is none."""
    single = Array()
    texts = ("MOV(R5, SELECT); NOT(R6, R5)", "all; bus(NEWS, IN); bus(A, NEWS)", "WHERE(R6); bus(B, A); all")
    batch = [port.DriveDac(3000), port.Latch(1, 2, 3, 4)]
    batch += [array.load(text) for text in texts] + [port.Rectangle(4, 5, 6, 7), array.load("MOV(R7, RECT)")]
    for text in (*texts, "MOV(R7, RECT)"):
        single.load(text)
    array.do(*batch, port.Elapse(1000))
    for command in (*batch, port.Elapse(1000)):
        single.do(command, port.Cycles())
    looks = [port.ReadRows(d, 0, 1, 256) for d in (5, 6, 7)] + [
        port.SampleGrid(a, 0, 0, 255, 255, 5, 5) for a in (0, 1)
    ]
    assert array.do(*looks, port.Cycles()) == single.do(*looks, port.Cycles())


def test_a_batch_that_comes_again_sees_the_words_that_are_there_then(array):
    first = array.load("SET(R5)")
    again = [first, port.GlobalOr(5)]
    select_all = port.Latch(0, 0, 255, 255)
    assert array.do(select_all, *again) == b"\1"
    word = assemble("CLR(R5)", "test").words[0]
    array.do(port.Load(first.start, word.words))
    assert array.do(select_all, *again) == b"\0"


def test_words_without_a_meaning_and_ranges_outside_the_store_are_refused(array):
    five = (0xFFFF, 0x1FFFF, 0x2FFFF, 0x3FFFF, 0x4FFFF)
    with pytest.raises(EmulatorError, match="word 3"):
        array.do(port.Load(3, five))
    with pytest.raises(EmulatorError, match="the instruction store has 64"):
        array.do(port.Execute(60, 5, 1))
    with pytest.raises(EmulatorError, match="the last row is 255"):
        array.do(port.ReadRows(0, 250, 2, 4))


def test_it_says_how_large_it_is(array):
    assert array.do(port.Describe()) == struct.pack("<HHI", 256, 256, WORDS)
