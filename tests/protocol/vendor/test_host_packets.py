"""The host protocol against bytes composed by hand from fact sheet section 5; pictures without symmetry."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.vendor import gui, payloads
from pixeltree_protocol.vendor.packets import (
    DATA_HEADER,
    FRAME,
    Code,
    Data,
    DataType,
    FrameReader,
    Message,
    PacketKind,
    Route,
    frame,
    messages,
)
from pixeltree_protocol.vendor.panel import HELLO, Panel, slider


def read(data):
    reader = FrameReader()
    found = list(reader.feed(data))
    return found, reader.lost


def test_a_message_packet_by_hand():
    # route M0 = 0xD0CC, code 133, item 2, value -100; the checksum of type 7 and size 8 is 15
    expected = bytes.fromhex("2017aa 07 080000 0f ccd0 85 02 9cffffff")
    assert slider(2, -100) == expected
    ((found,), lost) = read(expected)
    assert found.messages() == (Message(Route.M0, Code.GUI_UPDATE, 2, 0xFFFFFF9C),)
    assert found.messages()[0].signed == -100
    assert (found.data(), found.raw, lost) == (None, expected, 0)


def test_a_host_says_first_that_it_is_there():
    codes = [message.code for found in read(HELLO)[0] for message in found.messages()]
    assert codes == [130, 132]


def test_a_data_packet_by_hand():
    # 2 x 2 box (1, 2) to (3, 4) on display 101 in loop 7: 16 bytes of header and 4 of data
    expected = "2017aa 10 140000 24 07000000 05 00 0200 0200 0100 65000000 01020304"
    data = payloads.box(bytes((1, 2, 3, 4)), 101, 7)
    assert data.encode() == bytes.fromhex(expected)
    assert read(data.encode())[0][0].data() == data
    assert payloads.read_boxes(data) == [(1, 2, 3, 4)]


@given(
    st.integers(0, 255),
    st.integers(0, 255),
    st.tuples(*[st.integers(0, 2**16 - 1)] * 3),
    st.integers(0, 2**32 - 1),
    st.binary(max_size=30),
    st.integers(0, 2**32 - 1),
)
def test_declared_and_quick_layouts_agree(kind, version, dims, channel, data, loop):
    whole = Data(kind, version, dims, channel, data, loop).encode()
    head = FRAME.parse(whole)
    assert (head.kind, head.size) == (PacketKind.DATA, 16 + len(data))
    declared = DATA_HEADER.parse(whole[8:])
    assert (declared.type, declared.version, tuple(declared.dims), declared.channel, declared.loop) == (
        kind,
        version,
        dims,
        channel,
        loop,
    )


def test_bit_0_of_byte_0_is_the_pixel_at_the_top_right():
    rows = bytearray(32 * 256)
    rows[0] = 1
    rows[32 * 2 + 31] = 0x80  # row 2, column 255: the left edge
    panel = Panel()
    panel.take_data(payloads.bits(bytes(rows), 256, 100))
    picture = panel.shown[100].picture
    assert np.argwhere(picture).tolist() == [[0, 255], [2, 0]]
    assert panel.shown[100].levels == 2


def test_byte_3_of_an_analog_image_is_the_fourth_row_of_the_rightmost_column():
    samples = bytearray(256 * 256)
    samples[3] = 200
    panel = Panel()
    panel.take_data(payloads.levels(bytes(samples), 256, 100))
    assert np.argwhere(panel.shown[100].picture).tolist() == [[3, 255]]


def test_the_first_plane_of_a_bitstack_weighs_most():
    first, second = bytearray(32 * 256), bytearray(32 * 256)
    first[0], second[0] = 0b01, 0b11
    data = payloads.bitstack([bytes(first), bytes(second)], 256, 100)
    assert data.dims == (256, 256, 2)
    assert payloads.read_bitstack(data)[0, :3].tolist() == [3, 1, 0]


def test_numbers_and_texts_come_back():
    values = np.array([[1, -2, 3], [4, 5, -60000]])
    data = payloads.numbers(DataType.INT32, values, 103)
    assert data.dims == (3, 2, 0)
    assert data.data[:8] == bytes.fromhex("01000000 feffffff")
    assert (payloads.read_numbers(data) == values).all()
    assert payloads.text("hello").data == b"hello\0"
    assert payloads.text("hello").dims == (6, 0, 0)


def test_a_slider_and_a_plot_by_hand():
    slider_entry = "0200 00000000 0200 0100 81ffffff 7f000000 28000000 01000000 00000000 7400"
    element = gui.Element(gui.Shape.SLIDER, "t", -127, 127, 40)
    data = gui.elements([element])
    assert data.data == bytes.fromhex(slider_entry)
    assert (data.type, data.version, data.dims) == (DataType.GUI, 11, (1, 2, 4))
    assert gui.read_elements(data) == (element,)
    # a bar plot of 2 x 2 cells at row 1, column 3
    form = "00000000 01000000 1200 0002 0002 0003 0001 0000 00000000 64000000 00000000 0400 0000"
    names = "00000000 6200 01000000 7300"
    display = gui.Display(gui.Shape.BARPLOT, "b", 1, 3, 2, 2, "s", 0, 100)
    data = gui.displays([display])
    assert data.data == bytes.fromhex(f"1200 {form} {names}")
    assert gui.read_displays(data) == (display,)


_displays = st.builds(
    gui.Display,
    st.sampled_from(list(gui.DISPLAYS)).map(gui.Shape),
    st.text("abc é", max_size=20),
    st.integers(0, 10),
    st.integers(0, 10),
    st.integers(1, 10),
    st.integers(1, 10),
)


@given(st.lists(_displays, max_size=5))
def test_descriptions_come_back(several):
    assert gui.read_displays(gui.displays(several)) == tuple(several)


@given(st.binary(max_size=80), st.integers(0, 5), st.sampled_from([10, 11]))
def test_descriptions_that_cannot_be_read_are_refused(noise, count, version):
    read_them = gui.read_displays if version == 10 else gui.read_elements
    try:
        read_them(Data(DataType.GUI, version, (count, 2, 4), 0, noise))
    except MessageError:
        return


def test_a_reader_is_in_step_again_after_damage():
    good = messages(Message(Route.HOST, Code.DEVICE_ON))
    wrong_sum = bytearray(good)
    wrong_sum[7] ^= 1
    found, lost = read(b"\x20\x17junk" + bytes(wrong_sum[:8]) + good)
    assert [packet.raw for packet in found] == [good]
    assert lost == 14


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 9))
def test_packets_come_out_whole_however_the_stream_is_cut(several, size):
    stream = b"".join(frame(0x10, payload) for payload in several)
    reader, found = FrameReader(), []
    for at in range(0, len(stream), size):
        found += reader.feed(stream[at : at + size])
    assert [packet.payload for packet in found] == several


@given(
    st.sampled_from([*DataType, 99]),
    st.integers(0, 255),
    st.tuples(*[st.integers(0, 300)] * 3),
    st.binary(max_size=100),
)
def test_a_panel_survives_any_data(kind, version, dims, noise):
    panel = Panel()
    for found in read(Data(kind, version, dims, 100, noise).encode())[0]:
        panel.take(found)
    assert len(panel.shown) <= 1


@pytest.mark.parametrize("channels", [1000])
def test_a_panel_keeps_a_bounded_number_of_channels(channels):
    panel = Panel()
    for channel in range(channels):
        panel.take_data(payloads.numbers(DataType.INT8, np.array([1]), channel))
    assert len(panel.shown) == 256
    assert min(panel.shown) == channels - 256
