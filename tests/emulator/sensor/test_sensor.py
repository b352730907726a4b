"""PIX integrates light from a source that follows the wall clock, the frames, or the device clock."""

import struct
import sys

import av
import numpy as np
import pytest
from PIL import Image
from tests.support.in_memory import InMemoryLink, device_on, in_memory_device
from tests.support.inside import emulated_of
from tests.support.random_models import deep_tree

from pixeltree import TreeRunner, connect
from pixeltree.errors import LinkError
from pixeltree.kernels import Kernel
from pixeltree.links.emulator import EmulatorProcess
from pixeltree_emu.controller.exposure import FrameExposure
from pixeltree_emu.errors import EmulatorError, SourceError
from pixeltree_emu.sensor.sensor import Sensor
from pixeltree_emu.sensor.sources import open_source
from pixeltree_emu.serving.options import parse
from pixeltree_emu.serving.setup import device_of
from pixeltree_pictures import Fitting, PictureError, Size
from pixeltree_pictures.sources import ArraySource, FileSource, MovingScene
from pixeltree_protocol.chip.exposure import TARGET

RESET = -127
MS = 1_000_000
FULL = Sensor().exposure_ns


def flat(level):
    return np.full((256, 256), level, np.uint8)


@pytest.fixture
def pictures():
    return np.random.default_rng(2).integers(0, 256, (4, 256, 256)).astype(np.uint8)


def test_pix_grows_with_time_and_saturates():
    sensor = Sensor()
    sensor.show(0, 0, flat(200), clear=True)
    levels = [int(sensor.integrate(0, round(FULL * share), RESET)[0, 0]) for share in (0, 0.25, 0.5, 1, 2, 9)]
    assert levels == [RESET, RESET + 25, RESET + 50, RESET + 100, RESET + 200, 127]


def test_light_is_weighed_by_the_time_that_each_frame_is_shown():
    sensor = Sensor()
    sensor.look_at(ArraySource(np.stack([flat(100), flat(200), flat(0)]), rate=1000), "device")
    sensor.exposure_ns = 1 * MS

    def counts(start, end):
        return int(sensor.integrate(round(start * MS), round(end * MS), 0)[9, 9])

    assert counts(0, 1) == 50
    assert counts(1, 2) == 100
    assert counts(2, 3) == 0
    assert counts(0.5, 1.25) == (0.5 * 100 + 0.25 * 200) // 2
    assert counts(3, 4) == 50  # from the beginning again


def test_a_painted_scene_stands_before_the_source_until_it_is_taken_away():
    sensor = Sensor()
    sensor.look_at(ArraySource(flat(200)))
    sensor.show(0, 0, flat(50), clear=True)
    assert np.all(sensor.integrate(0, FULL, RESET) == RESET + 25)
    sensor.give_back()
    assert np.all(sensor.integrate(0, FULL, RESET) == RESET + 100)
    sensor.show(3, 4, np.full((1, 1), 50, np.uint8), clear=False)  # nothing of the first scene is left
    assert np.sum(sensor.integrate(0, FULL, RESET) != RESET) == 1


def test_exposures_of_a_painted_scene_take_no_picture_out_of_the_order():
    sensor = Sensor()
    sensor.look_at(ArraySource(np.stack([flat(20), flat(40), flat(60)])), "frame", [2, 0])

    def exposed():
        sensor.begin_exposure()
        return int(sensor.integrate(0, FULL, 0)[0, 0])

    assert exposed() == 30
    sensor.show(0, 0, flat(50), clear=True)
    assert exposed() == 25
    sensor.give_back()
    assert exposed() == 10
    with pytest.raises(StopIteration):
        exposed()


def test_by_the_wall_clock_an_exposure_sees_what_the_source_shows_then():
    sensor = Sensor()
    sensor.look_at(ArraySource(np.stack([flat(20), flat(40), flat(60)]), rate=10))
    wall = iter([0.0, 0.099, 0.1, 0.25, 0.3])
    sensor.now = lambda: next(wall)
    assert [int(sensor.integrate(0, FULL, 0)[0, 0]) for _ in range(5)] == [10, 10, 20, 30, 10]


def test_by_the_clock_of_frames_each_exposure_sees_the_next_picture_whatever_reads_it_and_looks(device):
    """get_image reads PIX twice, the second time for the reset level; that is no exposure."""
    levels = [20, 40, 60, 80]
    emulated_of(device).array.sensor.look_at(ArraySource(np.stack([flat(each) for each in levels])), "frame")
    seen = []
    for looks in (0, 3, 0, 1):
        for _ in range(looks):
            device.read_plane("PIX")
        seen.append(level_seen(device))
        device.chip.wait(20_000)  # PIX goes on integrating, and nobody reads it
    assert seen == [10, 20, 30, 40]


@pytest.fixture
def device():
    return in_memory_device()


def level_seen(device):
    """The level of all pixels of a picture that is grey all over."""
    device.chip.expose()
    device.chip.run_kernel(kernel("all", "get_image(A)"))
    plane = device.read_plane("A")
    assert np.all(plane == plane[0, 0])
    return int(plane[0, 0])


def test_show_none_gives_the_sensor_back_to_its_source_or_to_darkness(device):
    device.show(flat(100))
    assert level_seen(device) == 50
    device.show(None)
    assert level_seen(device) == 0
    device.show(None)  # again is harmless
    emulated_of(device).array.sensor.look_at(ArraySource(flat(200)))
    device.show(flat(100))
    assert level_seen(device) == 50
    device.show(None)
    assert level_seen(device) == 100


def test_one_users_picture_is_gone_for_the_next_who_sees_what_the_daemon_was_started_with(tmp_path):
    Image.fromarray(flat(200)).save(tmp_path / "scene.png")
    with EmulatorProcess("--source", str(tmp_path / "scene.png"), "--engine", "reference") as emulator:
        with connect(emulator.url) as first:
            first.show(flat(100))
            assert level_seen(first) == 50
        with connect(emulator.url) as second:
            assert level_seen(second) == 100


def kernel(*lines):
    made = Kernel()
    for line in lines:
        made.line(line)
    return made


def test_half_and_full_range_capture_on_the_device_clock(device):
    device.show(flat(240))
    device.chip.expose(FULL // 2000 + 1)  # half an exposure and a microsecond, since levels are rounded down
    device.chip.run_kernel(kernel("all", "get_image(A)"))
    assert np.all(device.read_plane("A") == 60)
    device.chip.expose()
    device.chip.run_kernel(kernel("all", "get_image(A, B)"))
    assert np.all(device.read_plane("A") == 2 * 120 - 127)  # 2 PIX_exposed - PIX_reset
    assert np.all(device.read_plane("B") == 7)  # -PIX_exposed


def test_pix_goes_on_integrating_between_reads_that_do_not_reset_it(device):
    device.show(flat(200))
    device.chip.run_kernel(kernel("all", "respix(C)"))
    readings = []
    for _ in range(3):
        device.chip.wait(FULL // 4000)
        device.chip.run_kernel(kernel("getpix(A, C)"))
        readings.append(int(device.read_plane("A")[0, 0]))
    assert readings == pytest.approx([25, 50, 75], abs=1)
    device.chip.run_kernel(kernel("rpix"))
    device.chip.run_kernel(kernel("getpix(A, C)"))
    assert device.read_plane("A")[0, 0] in (0, 1)


def test_a_frame_sees_the_source_at_the_device_time_of_its_exposure(device, pictures):
    sensor = emulated_of(device).array.sensor
    sensor.look_at(ArraySource(pictures, rate=1e9 / FULL), "device")
    seen = []
    for _ in range(3):
        device.chip.expose()
        device.chip.run_kernel(kernel("all", "get_image(A)"))
        seen.append(device.read_plane("A").astype(int))
        device.chip.wait(3 * FULL // 1000 - 60)
    assert np.max(np.abs(seen[0] - pictures[0] // 2)) <= 2
    assert np.max(np.abs(seen[1] - pictures[0] // 2)) <= 2  # four periods later: the first again


def test_files_folders_and_arrays_are_sources(tmp_path, pictures):
    for index, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / f"{index}.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "._0.png").write_bytes(b"what some systems leave beside a picture")
    np.save(tmp_path / "all.npy", pictures)
    for name in (tmp_path, tmp_path / "all.npy"):
        source = open_source(str(name), rate=50)
        assert source.period_ns == 20 * MS
        assert all(np.array_equal(source.frame(index), pictures[index % 4]) for index in range(6))
    assert np.array_equal(open_source(str(tmp_path / "2.png")).frame(7), pictures[2])


def test_the_moving_scene_moves_and_repeats():
    scene = open_source("moving")
    assert scene.frame(3).shape == (256, 256)
    assert np.array_equal(scene.frame(3), MovingScene().frame(123))
    assert not np.array_equal(scene.frame(3), scene.frame(4))


def test_sources_of_the_wrong_shape_or_type_are_refused(tmp_path):
    Image.fromarray(np.zeros((10, 20), np.uint8)).save(tmp_path / "small.png")
    np.save(tmp_path / "stack.npy", np.zeros((2, 256, 255), np.uint8))
    (tmp_path / "noise.png").write_bytes(b"noise")
    (tmp_path / "noise.npy").write_bytes(b"noise")
    (tmp_path / "empty").mkdir()
    for make, message in (
        (lambda: ArraySource(np.zeros((2, 256, 256))), "uint8 .* not float64"),
        (lambda: ArraySource(np.zeros((0, 256, 256), np.uint8)), r"\(0, 256, 256\)"),
        (lambda: FileSource([tmp_path / "small.png"], Fitting(Size(256, 256))), "20 x 10 pixels"),
        (lambda: open_source(str(tmp_path / "stack.npy")), "255 x 256 pixels"),
        (lambda: open_source(str(tmp_path / "noise.png")), "noise.png is not an image"),
        (lambda: open_source(str(tmp_path / "noise.npy")), "cannot read"),
        (lambda: open_source(str(tmp_path / "absent.png")), "cannot read"),
        (lambda: open_source(str(tmp_path / "empty")), "no picture found in .*empty"),
        (lambda: open_source("nothing.xyz"), "is not a source of pictures"),
        (lambda: open_source("moving", rate=0), "frames per second, not 0"),
    ):
        with pytest.raises((SourceError, PictureError), match=message):
            make()


def test_a_video_is_a_source_with_a_rate_of_its_own(tmp_path):
    """Grey levels survive a lossy codec within a few counts; the middle square of a wide frame is seen."""
    path = tmp_path / "clip.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 512, 256, "yuv420p"
        for level in (40, 120, 200):
            wide = np.zeros((256, 512, 3), np.uint8)
            wide[:, 128:384] = level
            for packet in stream.encode(av.VideoFrame.from_ndarray(wide, format="rgb24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    source = open_source(str(path))
    assert source.period_ns == 40 * MS
    for index, level in enumerate((40, 120, 200)):
        assert np.median(np.abs(source.frame(index).astype(int) - level)) <= 4


@pytest.mark.parametrize(
    ("quarters", "matrix"), [(0, (1, 0, 0, 1)), (1, (0, -1, 1, 0)), (2, (-1, 0, 0, -1)), (3, (0, 1, -1, 0))]
)
def test_a_video_of_a_camera_that_was_held_otherwise_is_seen_upright(tmp_path, quarters, matrix):
    """The matrix of the track header says how frames are to be turned, here counter-clockwise."""
    path = tmp_path / "clip.mp4"
    upright = np.full((256, 256, 3), 40, np.uint8)
    upright[:96, :96] = 200  # bright at the top left
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv420p"
        stored = np.ascontiguousarray(np.rot90(upright, -quarters))
        for packet in (*stream.encode(av.VideoFrame.from_ndarray(stored, format="rgb24")), *stream.encode()):
            container.mux(packet)
    data = bytearray(path.read_bytes())
    a, b, c, d = (value << 16 for value in matrix)
    header = data.index(b"tkhd") + 44
    data[header : header + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    seen = open_source(str(path)).frame(0).astype(int)
    assert np.median(np.abs(seen - upright[..., 0])) <= 4
    assert np.mean(seen[:90, :90]) > 180


def test_a_damaged_video_is_refused(tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"no video at all")
    with pytest.raises(SourceError, match="cannot read"):
        open_source(str(path))


def test_video_without_its_extra_says_what_to_install(tmp_path, mocker):
    mocker.patch.dict(sys.modules, {"av": None})
    with pytest.raises(SourceError, match=r"pip install '\.\[video\]'"):
        open_source(str(tmp_path / "clip.mp4"))


def test_the_daemon_takes_a_source(tmp_path, pictures):
    Image.fromarray(pictures[1]).save(tmp_path / "scene.png")
    with (
        EmulatorProcess("--source", str(tmp_path / "scene.png"), "--exposure-us", "1000") as emulator,
        connect(emulator.url) as device,
    ):
        device.chip.expose(1000)
        device.chip.run_kernel(kernel("all", "get_image(A)"))
        # PIX goes on integrating while the answer of EXPOSE, 20 us, is sent.
        assert np.max(np.abs(device.read_plane("A").astype(int) - pictures[1] // 2)) <= 3
    with pytest.raises(LinkError, match="is not a source of pictures"):
        EmulatorProcess("--source", "nothing.xyz")


def options(*given):
    return parse(["--engine", "reference", *map(str, given)])


def test_the_device_says_what_it_looks_at_by_which_clock_and_which_chip_it_is(tmp_path):
    (tmp_path / "order").write_text("0 1")
    for given, told in (
        ((), {"source": "none", "preset": "ideal", "exposure": "16666 us, fixed"}),
        (
            "--source moving --source-rate 30 --preset typical --chip 3 --seed 5".split(),
            {"source": "moving", "source_clock": "wall", "source_rate": "30 Hz", "chip": "3", "seed": "5"},
        ),
        (
            ("--source", "moving", "--source-clock", "device", "--fit", "--exposure", "auto"),
            {
                "source_clock": "device",
                "fit": "crop to a square, scale",
                "preset": "ideal",
                "exposure": "16666 us, auto",
            },
        ),
        (
            ("--source", "moving", "--source-order", tmp_path / "order"),
            {"source_clock": "frame, in the order of a file"},
        ),
    ):
        with device_on(InMemoryLink(device_of(options(*given)))) as device:
            assert told.items() <= device.settings().items()


def test_options_of_a_source_that_contradict_each_other_are_refused(tmp_path):
    (tmp_path / "order").write_text("0 1")
    for given, message in (
        (("--fit",), "--fit is about the pictures of --source"),
        (("--source-clock", "frame"), "--source-clock is about the pictures"),
        (
            ("--source", "moving", "--source-order", tmp_path / "order", "--source-clock", "wall"),
            "cannot follow wall time",
        ),
    ):
        with pytest.raises(EmulatorError, match=message):
            device_of(options(*given))


def test_auto_exposure_brings_dark_and_bright_scenes_to_the_middle_of_the_range():
    for grey in (6, 60, 250):
        emulated = device_of(options())
        sensor = emulated.array.sensor
        sensor.show(0, 0, flat(grey), clear=True)
        exposure = FrameExposure(emulated.array, emulated.clock, emulated.read_out)
        exposure.automatic = True
        exposures = []
        for _ in range(12):
            exposures.append(exposure.microseconds)
            exposure.expose()
        mean = emulated.array.pix(emulated.clock.now_ns).mean() - RESET
        assert mean == pytest.approx(TARGET, rel=0.1)
        assert exposures[-1] == exposures[-2] == exposure.microseconds, "it comes to rest"


def test_looking_at_planes_changes_neither_what_is_seen_nor_what_is_computed(pictures):
    """On a chip with errors too, whose registers decay and whose noise is drawn anew for each frame."""
    tree = deep_tree()

    def results(look):
        emulated = device_of(options("--preset", "typical", "--chip", "7"))
        emulated.array.sensor.look_at(ArraySource(pictures), "frame")
        with device_on(InMemoryLink(emulated)) as device:
            runner = TreeRunner.open(device, tree)
            found = []
            for _ in range(4):
                if look:
                    for register in ("PIX", "R6", "A", "FLAG"):
                        device.read_plane(register)
                    device.status()
                result = runner.run_frame()
                found.append((result.label, result.path, result.device_us))
            return found, emulated.clock.now_ns

    assert results(look=True) == results(look=False)


def test_frames_of_a_tree_are_exposed_automatically():
    emulated = device_of(options("--exposure", "auto"))
    tree = deep_tree()
    with device_on(InMemoryLink(emulated)) as other:
        runner = TreeRunner.open(other, tree)
        other.show(flat(30))
        before = other.settings()["exposure"]
        for _ in range(6):
            runner.run_frame()
        assert before == "16666 us, auto"
        exposure = int(other.settings()["exposure"].split()[0])
    assert exposure == pytest.approx(16_666 * TARGET / 15, rel=0.1), "30 of 255 are 15 counts"


def test_observers_may_ask_for_the_settings():
    with (
        EmulatorProcess("--source", "moving", "--engine", "reference") as emulator,
        connect(emulator.url),
        connect(emulator.url, observe=True) as observer,
    ):
        assert observer.settings()["source"] == "moving"


def test_waiting_in_device_time_lets_the_source_go_on(device):
    sensor = emulated_of(device).array.sensor
    sensor.look_at(ArraySource(np.stack([flat(40), flat(200)]), rate=10), "device")
    assert [level_seen(device) for _ in range(3)] == [20, 20, 20]
    device.chip.wait(100_000)
    assert level_seen(device) == 100


def test_an_exposure_over_any_time_looks_at_few_frames_and_stays_in_range(pictures):
    looked = []

    class Counting(ArraySource):
        def frame(self, index):
            looked.append(index)
            return super().frame(index)

    sensor = Sensor()
    for source in (Counting(pictures, rate=100_000), None):
        sensor.look_at(source, "device")
        level = sensor.integrate(0, 10**18, -127)
        assert level.min() >= -127
        assert level.max() <= 127
    assert len(looked) <= 257


def test_the_last_frames_stand_for_a_very_long_exposure():
    grey = np.full((1, 256, 256), 1, np.uint8)
    sensor = Sensor()
    sensor.source = ArraySource(grey, rate=1000)
    long = 1000 * MS  # a thousand periods, of which 256 are looked at
    assert np.all(sensor.integrate(0, long, -127) == -127 + long // (2 * sensor.exposure_ns))
