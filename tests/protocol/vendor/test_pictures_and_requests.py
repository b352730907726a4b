"""Drawings, pictures and requests of the host protocol, against bytes by hand from 5.3, 5.6 and 5.7."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltree_protocol.errors import MessageError
from pixeltree_protocol.vendor import payloads, requests
from pixeltree_protocol.vendor.drawing import Op, draw, read_drawing
from pixeltree_protocol.vendor.packets import Data, DataType
from pixeltree_protocol.vendor.panel import Panel


def drawing(stream):
    return read_drawing(Data(DataType.DISPLAY_DRAW, 10, (2, 0, 0), 100, bytes.fromhex(stream)))


def test_a_drawing_by_hand():
    # colour (1, 2, 3, 255), line width 3/2, line (10, 20) to (-1, 5), point (7, 8), end
    stream = "5004 010203ff 5204 0300 0200 8108 0a00 1400 ffff 0500 8004 0700 0800 ff00"
    line, point = drawing(stream)
    assert (line.points, line.colour, line.width) == (((10, 20), (-1, 5)), (1, 2, 3, 255), 1.5)
    assert (point.points, point.width) == (((7, 8),), 1.0)
    commands = [
        (Op.COLOUR, (1, 2, 3, 255)),
        (Op.LINE_WIDTH, (3, 2)),
        (Op.LINE, (10, 20, -1, 5)),
        (Op.POINT, (7, 8)),
    ]
    assert draw(commands, 100).data == bytes.fromhex(stream)


def test_what_is_drawn_is_moved_turned_and_made_larger():
    commands = [
        (Op.PUSH, ()),
        (Op.TRANSLATE, (100, 50)),
        (Op.ROTATE, (90,)),
        (Op.SCALE, (3, 3, 1)),
        (Op.POINT, (10, 0)),  # 30 upwards from (100, 50)
        (Op.POP, ()),
        (Op.POINT, (10, 0)),
        (Op.SCALE_FLOAT, (0.5, 2.0)),
        (Op.ROTATE_ATAN2, (-1, 0)),  # clockwise by a quarter
        (Op.POINT, (10, 0)),
    ]
    strokes = read_drawing(draw(commands, 100))
    assert np.round([stroke.points[0] for stroke in strokes], 6).tolist() == [[100, 80], [10, 0], [0, -20]]


def test_circles_and_frames_close():
    circle, frame = read_drawing(draw([(Op.CIRCLE, (5, 5, 2, 8)), (Op.RECT, (0, 0, 4, 2))], 100))
    assert len(circle.points) == 9
    assert circle.points[0] == pytest.approx(circle.points[-1])
    assert frame.points == ((0, 0), (4, 0), (4, 2), (0, 2), (0, 0))


@given(st.binary(max_size=60))
def test_drawings_that_cannot_be_read_are_refused(noise):
    try:
        read_drawing(Data(DataType.DISPLAY_DRAW, 10, (2, 0, 0), 100, noise))
    except MessageError:
        return


def as_sent(picture, form):
    """A picture of (rows, columns, depth) as a program sends it in a format."""
    picture = picture[:: -1 if form & 16 else 1, :: -1 if form & 32 else 1]
    picture = picture.transpose(1, 0, 2) if form & 64 else picture
    return (picture.transpose(2, 0, 1) if form & 128 else picture).tobytes()


@given(st.sampled_from([1, 3, 4]), st.integers(0, 15))
def test_a_display_image_is_the_right_way_round_in_every_format(depth, order):
    picture = np.random.default_rng(1).integers(0, 256, (5, 3, depth), np.uint8)
    form = depth | order << 4
    data = Data(DataType.DISPLAY_IMAGE, 0, (3, 5, form), 100, as_sent(picture, form))
    seen = payloads.read_image(data)
    assert (seen == (picture[:, :, 0] if depth == 1 else picture[:, :, :3])).all()
    panel = Panel()
    panel.take_data(data)
    assert (panel.shown[100].picture == seen).all()


def test_a_patch_lies_at_its_row_and_column_of_the_array():
    panel = Panel()
    panel.take_data(payloads.levels(bytes(range(256)) * 256, 256, 100))
    panel.take_data(payloads.patch(bytes([1, 2, 3, 4, 5, 6]), 3, (10, 20), 100))  # two columns of three rows
    seen = panel.shown[100].picture
    assert seen[10:13, 235].tolist() == [1, 2, 3]
    assert seen[10:13, 234].tolist() == [4, 5, 6]
    assert seen[9:14, 236].tolist() == [9, 10, 11, 12, 13]
    panel.take_data(payloads.patch(bytes([9, 9]), 1, (255, 255), 100))  # the second lies outside
    assert panel.shown[100].picture[255, 0] == 9


def test_a_request_by_hand_and_its_answers():
    # an image of 3 bits: version 13, path length 5, 0x2000, 3
    request = requests.Request("a.bmp", 3, 104)
    data = request.data()
    assert (data.type, data.version, data.dims, data.data) == (20, 13, (5, 0x2000, 3), b"a.bmp\0")
    assert requests.read_request(data) == request
    # least significant kept bit first: plane p has bit 8 - 3 + p; the leftmost pixel is the last column
    picture = np.zeros((2, 8), np.uint8)
    picture[0, 0], picture[1, 7] = 0b1000_0000, 0b0010_0000
    planes = requests.image_packets(picture, 3)
    assert [(each.type, each.version, each.dims) for each in planes] == [
        (19, 13, (8, 2, p)) for p in range(3)
    ]
    assert [each.data.hex() for each in planes] == ["0001", "0000", "8000"]
    number, plane = requests.read_image_packet(planes[2])
    assert (number, np.argwhere(plane).tolist()) == (2, [[0, 7]])


def test_a_file_comes_in_chunks_that_say_what_remains():
    assert requests.read_request(requests.Request("w.bin").data()) == requests.Request("w.bin")
    contents = bytes(range(256)) * 17
    chunks = requests.file_packets(contents)
    assert [each.dims for each in chunks] == [(4096, 256, 0), (256, 0, 0)]
    assert b"".join(each.data for each in chunks) == contents
    assert [each.dims for each in requests.file_packets(b"")] == [(0, 0, 0)]


@given(st.sampled_from([1, 4096, 4097, 65_535, 65_536, 69_632, 131_072, 200_000]))
def test_only_the_last_chunk_says_that_nothing_remains(size):
    contents = np.random.default_rng(size).bytes(size)
    chunks = requests.file_packets(contents)
    assert b"".join(each.data for each in chunks) == contents
    assert [each.dims[1] == 0 for each in chunks] == [False] * (len(chunks) - 1) + [True]


@pytest.mark.parametrize(
    "path", ["", "/etc/passwd", "..\\x", "a/../../b", "C:\\x", "a\0b", "\\\\host\\x", "."]
)
def test_paths_that_lead_elsewhere_are_refused(path):
    with pytest.raises(MessageError, match="does not lead to a file"):
        requests.parts_of(path)


def test_a_path_inside_is_taken_in_the_manner_of_any_system():
    assert requests.parts_of("a\\b/c.bmp") == ("a", "b", "c.bmp")


@given(st.integers(0, 40), st.integers(0, 3), st.binary(max_size=80), st.tuples(*[st.integers(0, 400)] * 3))
def test_a_panel_survives_any_data(kind, version, noise, dims):
    panel = Panel()
    try:
        panel.take_data(Data(kind, version, dims, 100, noise))
    except MessageError:
        return
