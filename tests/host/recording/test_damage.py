"""Recordings of programs that were killed, of full disks, and files that are none."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pixeltree.cli.run_lines import saving
from pixeltree.errors import DataError
from pixeltree.recording.reader import Replay
from pixeltree.recording.writer import Recording
from pixeltree.view.board import Board
from pixeltree.view.panels import Control
from pixeltree.view.recorder import Recorder

MOMENTS = 20
PANEL = {"name": "sensor", "kind": "plane", "title": "", "group": "", "shown": True, "details": {}}


@pytest.fixture(scope="module")
def recording(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "whole.mcap"
    random = np.random.default_rng(0)
    with Recording(path) as file:
        file.layout(1, "title", [PANEL], {})
        for number in range(MOMENTS):
            noise = random.integers(0, 256, (256, 256), dtype=np.uint8)
            file.update(10 + number, number, {"sensor": noise}, number)
    return path


def played(path):
    with Replay(path) as found:
        return [found.moment(place).device_ns for place in range(len(found))], len(list(found.pictures()))


@pytest.mark.parametrize(("share", "least"), [(1, MOMENTS), (0.99, MOMENTS // 2), (0.6, 1)])
def test_a_recording_whose_end_is_missing_is_read_as_far_as_it_goes(recording, share, least, tmp_path):
    whole = recording.read_bytes()
    path = tmp_path / "cut.mcap"
    path.write_bytes(whole[: round(share * len(whole))])
    clocks, pictures = played(path)
    assert clocks == list(range(len(clocks)))
    assert MOMENTS >= len(clocks) >= least
    assert 0 <= pictures - len(clocks) <= 1, "a moment's end may be missing"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    path = tmp_path_factory.mktemp("recording") / "small.mcap"
    with Recording(path) as file:
        file.layout(1, "title", [PANEL], {})
        for number in range(3):
            file.update(10 + number, number, {"sensor": np.zeros((8, 8), np.uint8), "rate": 1.5}, number)
    return path.read_bytes()


@given(
    left_out=st.just(0) | st.integers(0, 1 << 14),
    damage=st.dictionaries(st.integers(0, 1 << 14), st.integers(0, 255), max_size=5),
)
def test_a_damaged_file_is_played_or_refused_in_a_sentence(small, tmp_path_factory, left_out, damage):
    data = bytearray(small)
    for place, value in damage.items():
        data[place % len(data)] = value
    path = tmp_path_factory.getbasetemp() / "damaged.mcap"
    path.write_bytes(data[: len(data) - left_out % len(data)])
    try:
        played(path)
    except DataError as error:
        assert str(path) in str(error)


def test_a_full_disk_is_said_with_the_name_of_the_file(tmp_path):
    """``/dev/full`` takes nothing, as a full disk."""
    for name in ("full.mcap", "full.csv"):
        (tmp_path / name).symlink_to("/dev/full")
    with pytest.raises(DataError, match=r"cannot write .*full\.mcap: No space left on device"):
        Recording(tmp_path / "full.mcap").close()
    with (
        pytest.raises(DataError, match=r"cannot write .*full\.csv: No space left on device"),
        saving(tmp_path / "full.csv") as write,
    ):
        write({"frame": 1})


def test_the_page_says_that_the_disk_is_full_and_its_switch_goes_off(tmp_path):
    path = tmp_path / "full.mcap"
    path.symlink_to("/dev/full")
    board = Board()
    board.lay_out("title", [], [Control("record", "switch", True)])
    recorder = Recorder(board, path)
    recorder.start()
    recorder.stop()
    assert "No space left on device" in board.said
    assert not board.layout.controls[0].value
    assert not recorder.running
