"""What a program's packets do to the array, against NumPy: ideal mode, planes without symmetry."""

import logging

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tests.support.effort import effort
from tests.support.vendor_session import Session, board, index, row

from pixeltree_emu.array.nonidealities import Chip, preset
from pixeltree_emu.vendor.pictures import name_of
from pixeltree_emu.vendor.settings import ProgramSettings
from pixeltree_pictures.sources import ArraySource
from pixeltree_protocol.vendor import payloads
from pixeltree_protocol.vendor.packets import FrameReader
from pixeltree_protocol.vendor.panel import Panel
from pixeltree_protocol.vendor.requests import Request, read_image_packet
from pixeltree_protocol.vendor.simulation import (
    Instruction,
    Kind,
    Opcode,
    frame_packet,
    instruction,
    packet,
)

RANDOM = np.random.default_rng(22)
ROWS, COLUMNS = np.indices((256, 256))
RAMP = (COLUMNS // 2 - ROWS // 4).astype(int)
SPOTS = RANDOM.random((256, 256)) < 0.02
OTHERS = RANDOM.random((256, 256)) < 0.3


@pytest.fixture(scope="module")
def shared():
    return board()


@pytest.fixture
def session(shared):
    made = Session(on=shared)
    made.fill("A", RAMP)
    made.fill("B", 30 - RAMP // 3)
    made.fill("R5", SPOTS)
    made.fill("R6", OTHERS)
    return made


def bus(destination, *sources):
    return row(Opcode.BUS_0 + len(sources), destination, *sources)


def half(plane):
    """A transfer to two: toward zero."""
    return np.sign(-plane) * (np.abs(plane) // 2)


def test_macros_of_analog_words(session):
    a, b = RAMP, 30 - RAMP // 3
    session.kernel(bus("NEWS", "A", "B"), bus("C", "NEWS"))
    assert (session.levels("C") == np.clip(a + b, -128, 127)).all()
    session.kernel(bus("NEWS", "A"), bus("D", "NEWS", "B"))
    assert (session.levels("D") == np.clip(np.clip(a, -127, 127) - b, -128, 127)).all()
    session.kernel(row(Opcode.BUS2_1, "E", "F", "A"))
    assert (session.levels("E") == half(a)).all()
    assert (session.levels("F") == half(a)).all()
    session.kernel(row(Opcode.BUS3, "C", "D", "E", "B"))
    assert (session.levels("D") == np.sign(-b) * (np.abs(b) // 3)).all()
    session.kernel(row(Opcode.BUS_LIST, "C", "D", -1, "A", "B"))
    assert (session.levels("C") == half(a + b)).all()


def test_where_gates_what_follows(session):
    session.word(Opcode.WHERE_ANALOG_2, "A", "B")
    session.word(Opcode.BUS_1, "C", "A")
    session.word(Opcode.ALL)
    assert (session.levels("C") == np.where(RAMP + 30 - RAMP // 3 > 0, -RAMP, 0)).all()
    session.word(Opcode.WHERE_2, "R5", "R6")
    session.word(Opcode.MOV, "R7", "FLAG")
    session.word(Opcode.ALL)
    assert (session.bits("R7") == SPOTS | OTHERS).all()


def test_digital_words_and_two_word_forms(session):
    session.kernel(row(Opcode.NOT, ".RB", "R5"), row(Opcode.MOV, "R5", ".RB"))
    assert (session.bits("R5") == ~SPOTS).all()
    session.kernel(row(Opcode.OR_2, ".RB", "R5", "R6"), row(Opcode.MOV, "R5", ".RB"))
    assert (session.bits("R5") == ~SPOTS | OTHERS).all()
    session.kernel(row(Opcode.NOR_2, ".RB", "R5", "R6"), row(Opcode.MOV, "R5", ".RB"))
    assert (session.bits("R5") == ~(~SPOTS | OTHERS)).all()
    before = session.board.clock.words
    session.kernel(row(Opcode.MOV, ".RB", "R6"), row(Opcode.MOV, "R6", ".RB"))
    assert (session.bits("R6") == OTHERS).all()
    assert session.board.clock.words == before + 2
    session.kernel(row(Opcode.SET_4, "R7", "R8", "R9", "R10"), row(Opcode.CLR_2, "R8", "R9"))
    assert [session.bits(name).all() for name in ("R7", "R8", "R9", "R10")] == [True, False, False, True]
    session.kernel(row(Opcode.NOR_3, "R7", "R5", "R6", "R8"))
    assert (session.bits("R7") == ~(session.bits("R5") | OTHERS)).all()


@pytest.mark.parametrize(
    ("enable", "rows", "columns"), [("R1", -1, 0), ("R2", 0, -1), ("R3", 1, 0), ("R4", 0, 1)]
)
def test_dnews_moves_as_its_register_says(session, enable, rows, columns):
    """R1 reads the south: content moves up. R2 reads the west: to the right, to lower columns."""
    session.kernel(row(Opcode.CLR_4, "R1", "R2", "R3", "R4"), row(Opcode.SET_1, enable))
    session.kernel(row(Opcode.DNEWS_1, "R7", "R5"))
    expected = np.ones((258, 258), bool)
    expected[1 + rows : 257 + rows, 1 + columns : 257 + columns] = SPOTS
    assert (session.bits("R7") == expected[1:257, 1:257]).all()


@pytest.mark.parametrize("corrects", [False, True])
def test_movx_is_mirrored_as_it_comes_and_can_be_corrected(corrects):
    """The client sends movx(C, A, west) as bus(XW, A); bus(C, NEWS): a device writes to XE."""
    session = Session(ProgramSettings(movx="device" if corrects else "client"))
    session.fill("A", RAMP)
    session.text("# movx(C, A, west)")
    session.kernel(bus("XW", "A"), bus("C", "NEWS"))
    moved = session.levels("C")
    if corrects:
        assert (moved[:, :-1] == RAMP[:, 1:]).all()  # what lies west comes here: content moves east
    else:
        assert (moved[:, 1:] == RAMP[:, :-1]).all()
    session.kernel(bus("XW", "A"), bus("C", "NEWS"))
    assert (session.levels("C")[:, 1:] == RAMP[:, :-1]).all(), "only the macro after the comment is meant"


def test_virtual_registers_hold_planes_of_their_own(session):
    session.kernel(bus(".Q[31]", "A"), bus("C", ".Q[31]"))
    assert (session.levels("C") == np.clip(-np.clip(-RAMP, -128, 127), -128, 127)).all()
    assert (session.levels(".Q[31]") == -RAMP).all()
    session.kernel(bus("D", "A", ".Z"), bus(".Z", "A"))
    assert (session.levels("D") == -RAMP).all()
    session.kernel(row(Opcode.NOT, ".S[127]", "R5"), row(Opcode.OR_2, "R7", ".S[127]", "R6"))
    assert (session.bits("R7") == ~SPOTS | OTHERS).all()
    assert (session.bits(".S[127]") == ~SPOTS).all()
    assert not session.bits(".S[0]").any()
    session.word(Opcode.LOAD_RECT, 1, 2, 3, 4, ".S[5]")
    assert session.bits(".S[5]").sum() == 9
    for name, plane in (("A", RAMP), ("B", 30 - RAMP // 3)):
        assert (session.levels(name) == plane).all(), "registers that stood in have their contents back"
    assert (session.bits("R5") == SPOTS).all()
    assert session.bits("FLAG").all()


def test_selections_wrap_and_go_on_to_the_edge(session):
    session.word(Opcode.LOAD_POINT, 261, -1, "R7")
    assert np.argwhere(session.bits("R7")).tolist() == [[5, 255]]
    session.word(Opcode.LOAD_RECT, 250, 3, 2, 5, "R7")
    assert (session.bits("R7") == (ROWS >= 250) & (COLUMNS >= 3) & (COLUMNS <= 5)).all()
    session.word(Opcode.LOAD_PATTERN, 3, 0, 192, 255, "R7")
    assert (session.bits("R7") == (ROWS % 64 == 3)).all()
    session.word(Opcode.SELECT_RECT, 1, 2, 3, 9)
    session.word(Opcode.MOV, "R7", "RECT")
    assert session.ask(Opcode.SCAN_AABB, "R7") == bytes((1, 2, 3, 9))
    session.word(Opcode.SELECT_PATTERN, 0, 1, 255, 254)
    session.word(Opcode.MOV, "R7", "SELECT")
    assert (session.bits("R7") == (COLUMNS % 2 == 1)).all()


def test_levels_of_in(session):
    session.word(Opcode.DAC_IN, (77 + 128) * 16)
    session.kernel(bus("NEWS", "IN"), bus("C", "NEWS"))
    assert (session.levels("C") == 77).all()


def test_read_outs(session):
    assert session.ask(Opcode.READ_AREG, "A", -9999, 200, 7)[0] == RAMP[200, 7] + 128
    grid = session.ask(Opcode.SCAN_AREG, "A", 2, 0, 0, 255, 255, 32, 32)
    assert grid == (RAMP[::32, ::32].T + 128).astype(np.uint8).tobytes()
    assert (
        session.ask(Opcode.SCAN_DREG, "R5", 7, 9, 1)
        == np.packbits(SPOTS[7:10], axis=1, bitorder="little").tobytes()
    )
    ones = np.argwhere(SPOTS.T)[:9]  # column by column: (column, row)
    assert session.ask(Opcode.SCAN_EVENTS, "R5", 9, 0, 0) == ones.astype(np.uint8).tobytes()
    assert session.ask(Opcode.SCAN_EVENTS_RC, "R5", 9, 0, 0) == ones[:, ::-1].astype(np.uint8).tobytes()
    assert session.ask(Opcode.SCAN_EVENTS_CR, "R5", 0, 0, 0) == b""
    rows, columns = np.nonzero(SPOTS)
    assert tuple(session.ask(Opcode.SCAN_AABB, "R5")) == (
        rows.min(),
        columns.min(),
        rows.max(),
        columns.max(),
    )
    assert session.ask(Opcode.GLOBAL_OR, "R5", 0, 0, 255, 255)[0]
    first = tuple(np.argwhere(~SPOTS)[0])
    assert not session.ask(Opcode.GLOBAL_OR, "R5", *map(int, first), 0, 0)[0]


def test_sums(session):
    def read(total, scale):
        return int(np.clip((2 * total + scale) // (2 * scale) + 128, 0, 255))

    blocks = RAMP.reshape(4, 64, 4, 64).sum(axis=(1, 3))
    assert list(session.ask(Opcode.SUM_16, "A", 4, 2)) == [read(s, 4096) for s in blocks.T.ravel()]
    blocks = RAMP.reshape(8, 32, 8, 32).sum(axis=(1, 3))
    assert list(session.ask(Opcode.SUM_64, "A", 8, 1)) == [read(s, 1024) for s in blocks.T.ravel()]
    assert list(session.ask(Opcode.SCAN_AREG_MEAN, "A", 1, 8, 8)) == [read(s, 1024) for s in blocks.T.ravel()]
    assert session.ask(Opcode.SUM_FAST, "A", 2, 2, 255, 255)[0] == read(RAMP.sum(), 65536)
    odd = RAMP[(ROWS % 4 == 1) & (COLUMNS % 4 == 2)]
    assert session.ask(Opcode.SUM_SPARSE, "A", 1, 2, 252, 252)[0] == read(odd.sum(), 1024)
    assert session.ask(Opcode.SUM_REGION, "A", 5, 6, 20, 30)[0] == read(RAMP[5:21, 6:31].sum(), 4096)
    share = int.from_bytes(session.ask(Opcode.GLOBAL_COUNT, "R6", "F", 0), "little")
    assert abs(share - 4095 * OTHERS.mean()) < 40


def test_flood_and_diffuse(session):
    mask = (ROWS > 10) & (ROWS < 20) & (COLUMNS > 30) & (COLUMNS < 60)
    session.fill("R7", mask)
    session.word(Opcode.LOAD_POINT, 15, 40, "R8")
    session.word(Opcode.FLOOD, "R8", "R7", 0, 5, 0)
    assert (session.bits("R8") == mask).all()
    session.fill("C", np.where(mask, 100, 0))
    session.word(Opcode.DIFFUSE, "C", 2, 1, 1, "NEWS")
    blurred = session.levels("C")
    assert 0 < blurred[15, 30] < 100
    assert blurred.sum() == pytest.approx(100 * mask.sum(), rel=0.02)


def test_out_is_shown_and_not_answered(session):
    for sent in (
        instruction(Opcode.OUT_AREG, 100, 0, index("A"), 1, 0, 0),
        instruction(Opcode.OUT_AREG, 101, 0, index("A"), 2, 0, 0),
        instruction(Opcode.OUT_DREG, 102, 0, index("R5"), 1, 0, 255),
        instruction(Opcode.OUT_EVENTS, 103, 0, index("R5"), 9, 0, 0),
        instruction(Opcode.OUT_AABB, 104, 0, index("R5")),
        instruction(Opcode.OUT_BITSTACK_HEADER, 105, 0, 2),
        instruction(Opcode.OUT_LAYER, index("R5")),
        instruction(Opcode.OUT_LAYER, index("R6")),
    ):
        assert session.send(sent) == []
    panel = Panel()
    for data in session.data():
        panel.take_data(data)
    shown = panel.shown
    assert (shown[100].picture == (RAMP + 128)[:, ::-1]).all()
    assert (shown[101].picture == (RAMP + 128)[::2, ::2][:, ::-1]).all()
    assert (shown[102].picture == SPOTS[:, ::-1]).all()
    assert shown[103].events == [tuple(pair) for pair in np.argwhere(SPOTS.T)[:9]]
    assert shown[104].boxes == [tuple(session.ask(Opcode.SCAN_AABB, "R5"))]
    assert (shown[105].picture == (2 * SPOTS + OTHERS)[:, ::-1]).all()
    assert panel.unread == 0


def test_what_a_program_tunnels_is_shown_as_it_came(session):
    raw = payloads.text("hello", 5).encode()
    assert session.send(packet(Kind.TUNNEL, raw[:11]), packet(Kind.TUNNEL, raw[11:])) == []
    assert session.shown == [raw]


def test_a_frame_sees_the_light_of_its_exposure_once():
    picture = (ROWS // 2 + COLUMNS // 4).astype(np.uint8)  # as one sees it: column 0 on the left
    session = Session(source=ArraySource(picture))
    assert session.send(instruction(Opcode.WAIT_FRAME_TRIGGER)) == [(Kind.INSTRUCTION, frame_packet(1)[8:])]
    session.word(Opcode.LOOP_COUNTER_UPDATE, 1, 0)
    get_image = (bus("NEWS", "PIX"), row(Opcode.RPIX))
    session.kernel(*get_image, bus("C", "NEWS", "PIX"))
    session.kernel(*get_image, bus("D", "NEWS", "PIX"))
    assert (session.levels("C") == (picture // 2)[:, ::-1]).all()
    assert (session.levels("D") < 3).all(), "within a frame there is hardly any light"
    session.word(Opcode.LOOP_COUNTER_UPDATE, 2, 0)
    session.kernel(*get_image, bus("C", "NEWS", "PIX"))
    assert (session.levels("C") == (picture // 2)[:, ::-1]).all()
    session.word(Opcode.PIX_INTEGRATE, 1, 120)  # half of 1 / 60 s
    session.word(Opcode.LOOP_COUNTER_UPDATE, 3, 0)
    session.kernel(*get_image, bus("C", "NEWS", "PIX"))
    assert abs(session.levels("C") - (picture // 4)[:, ::-1]).max() <= 1


def test_sub_pixels_and_videos():
    frames = np.stack([np.where(100 + 8 * number > COLUMNS, 200, 0) for number in range(8)]).astype(np.uint8)
    session = Session(source=ArraySource(frames, 60))

    def edge():
        session.word(Opcode.LOOP_COUNTER_UPDATE, 1, 0)
        session.kernel(bus("NEWS", "PIX"), row(Opcode.RPIX), bus("C", "NEWS", "PIX"))
        line = session.ask(Opcode.SCAN_AREG, "C", 1, 0, 0, 0, 255, 1, 1)  # a whole plane takes several frames
        return np.frombuffer(line, np.uint8)[::-1].astype(int) - 128

    first = [int((edge() > 50).sum()) for _ in range(4)]
    assert first == sorted(first)
    assert first[0] < first[-1]
    session.word(Opcode.RESET_VIDEO, 0)
    assert int((edge() > 50).sum()) in (first[0], first[0] + 8)
    session.word(Opcode.USE_SUBPIX, 0, 1, 2)
    middle = edge()
    assert set(middle.tolist()) >= {0, 50, 100}, "half a pixel lies between"


def test_images_go_into_the_folder_and_nowhere_else(tmp_path):
    session = Session(ProgramSettings(images=tmp_path / "out"))
    session.fill("A", RAMP)
    session.fill("R5", SPOTS)
    for code, name, path in (
        (Opcode.SAVE_AREG_IMAGE, "A", b"C:\\photos\\..\\ramp.bmp"),
        (Opcode.SAVE_DREG_IMAGE, "R5", b"../../spots"),
    ):
        saved = Instruction(code, (index(name),)).encode() + path + b"\0"
        assert session.send(packet(Kind.INSTRUCTION_WITH_TEXT, saved)) == []
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["ramp.png", "spots.png"]
    assert (np.array(Image.open(tmp_path / "out/ramp.png")) == (RAMP + 128)[:, ::-1]).all()
    assert (np.array(Image.open(tmp_path / "out/spots.png")) == 255 * SPOTS[:, ::-1]).all()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/b.png", "b.png"),
        ("..", "image.png"),
        ("x y?.JPG", "x_y_.png"),
        ("", "image.png"),
        ("a.b", "a.b.png"),
    ],
)
def test_names_of_images_cannot_lead_anywhere(path, name):
    assert name_of(path) == name


@pytest.mark.parametrize("opcode", [85, 88, 90, -3, 30000])
def test_an_unknown_opcode_is_answered_and_named(session, caplog, opcode):
    assert session.send(packet(Kind.INSTRUCTION, Instruction(opcode).encode())) == [(Kind.ANSWER, b"")]
    assert str(opcode) in caplog.text
    assert opcode not in (85, 88) or "TEST_" in caplog.text


def test_a_call_with_a_register_that_does_not_exist_is_answered_all_the_same(session, caplog):
    assert session.ask(Opcode.SUM_16, 99) == bytes(16)
    assert session.ask(Opcode.SCAN_DREG, -1, 0, 3, 1) == bytes(128)
    assert "no register has index 99" in caplog.text


def test_what_the_client_leaves_in_unused_arguments_changes_nothing(session):
    session.word(Opcode.BUS_1, "C", "A", 31000, -5, 77)
    session.word(Opcode.ALL, 9, 9, 9)
    session.send(packet(Kind.INSTRUCTION, bytes.fromhex("1300") + b"\x77" * 18))
    assert (session.levels("C") == -RAMP).all()


def test_words_the_chip_has_not_are_left_out_and_named(session, caplog):
    session.kernel(
        row(Opcode.MOV, "R7", "R7"), row(Opcode.SET_1, "R8"), Instruction(200), row(Opcode.MOV, "R8", 999)
    )
    assert session.bits("R8").all()
    assert "R7" in caplog.text
    assert "200" in caplog.text
    assert "999" in caplog.text


def test_launches_words_and_time_are_counted(session):
    clock = session.board.clock
    launches, words, began = session.board.launches, clock.words, clock.now_ns
    session.text("kernel begin:")
    session.kernel(bus("NEWS", "A"), bus("C", "NEWS"))
    session.text("kernel end")
    assert session.board.launches == launches + 1
    assert clock.words == words + 2
    assert clock.now_ns == began + clock.costs.launch_ns + 2 * clock.costs.word_ns


@pytest.mark.parametrize("chip", [None, Chip(preset("typical"), 7, 3)], ids=["ideal", "typical"])
def test_both_engines_end_with_the_same_planes(chip):
    planes = []
    for engine in ("fast", "reference"):
        session = Session(engine=engine, chip=chip)
        session.fill("A", RAMP)
        session.fill("R5", SPOTS)
        session.kernel(bus("XE", "A"), bus(".Q[0]", "NEWS"), bus("B", ".Q[0]", "A"))
        session.word(Opcode.SELECT_RECT, 3, 9, 200, 100)
        session.word(Opcode.DAC_IN, 3000)
        session.kernel(
            bus("C", "IN"), row(Opcode.WHERE_ANALOG_1, "B"), row(Opcode.OR_3, "R7", "R5", "FLAG", "RECT")
        )
        session.word(Opcode.FLOOD, "R5", "R7", 1, 3, 0)
        planes.append([session.levels(name) for name in "ABC"] + [session.bits(f"R{n}") for n in range(13)])
    assert all((one == other).all() for one, other in zip(*planes, strict=True))


_arguments = st.lists(
    st.one_of(st.integers(-3, 150), st.sampled_from([255, 256, 261, 32767, -32768])), max_size=8
).map(tuple)


@settings(max_examples=effort(2000, 60))
@given(st.lists(st.tuples(st.integers(-1, 91), _arguments), max_size=12))
def test_no_instructions_break_a_program(shared, several):
    logging.disable(logging.WARNING)
    try:
        session = Session(on=shared)
        for opcode, arguments in several:
            said = session.send(packet(Kind.INSTRUCTION, Instruction(opcode, arguments).encode()))
            assert all(kind in (Kind.ANSWER, Kind.INSTRUCTION) for kind, _ in said)
            assert len(said) <= 1
        session.kernel(*(Instruction(opcode, arguments) for opcode, arguments in several))
        assert len(session.ask(Opcode.SCAN_DREG, "R5", 0, 255, 1)) == 8192
    finally:
        logging.disable(logging.NOTSET)


def test_requests_are_answered_from_the_folder_that_the_listener_names(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "secret.bin").write_bytes(b"secret")
    (tmp_path / "in" / "w.bin").write_bytes(bytes(5000))
    picture = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20
    np.save(tmp_path / "in" / "scene.npy", picture)
    session = Session(ProgramSettings(files=tmp_path / "in"))

    def asked(path, bits=0):
        said = session.send(packet(Kind.TUNNEL, Request(path, bits).data().encode()))
        return [each.data() for _, raw in said for each in FrameReader().feed(raw)]

    assert [each.dims for each in asked("w.bin")] == [(4096, 904, 0), (904, 0, 0)]
    top, whole = asked("scene.npy", 1), asked("scene.npy", 8)
    assert [each.dims for each in top] == [(8, 3, 0)]
    found = sum(read_image_packet(each)[1].astype(int) << each.dims[2] for each in whole)
    assert (found[:, ::-1][:, :4] == picture).all()
    assert asked("../secret.bin") == asked("missing") == []
    assert session.shown == []
    plain = Session()
    plain.send(packet(Kind.TUNNEL, Request("w.bin").data().encode()))
    assert len(plain.shown) == 1  # whoever looks is asked
