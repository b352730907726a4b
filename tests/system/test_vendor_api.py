"""The C++ shim: its calls against NumPy, and the example as a user runs it."""

import os
import socket
import subprocess

import numpy as np
from PIL import Image
from tests.support.vendor_programs import compiled

import pixeltree as pt
from pixeltree.bench.vendor import vendor_folder
from pixeltree.links.emulator import EmulatorProcess
from pixeltree.port import python_program, read_source
from pixeltree_protocol.vendor.packets import FrameReader
from pixeltree_protocol.vendor.panel import Panel, slider

ROWS, COLUMNS = np.indices((256, 256))
A, B = 4 * (COLUMNS % 4), 16 * (ROWS % 4)
R5 = (ROWS >= 10) & (ROWS <= 40) & (COLUMNS >= 20) & (COLUMNS <= 90)
R6 = (ROWS >= 30) & (ROWS <= 80) & (COLUMNS >= 60) & (COLUMNS <= 120)
ALL = np.ones((256, 256), bool)
TIME = 120


class Watched:
    """A daemon, a program that runs on it, and the panel of a host that looks."""

    def __init__(self, emulator, program, *arguments):
        address = {url.split(":")[0]: url.rpartition("//")[2] for url in emulator.urls}
        host, port = address["vendor-host"].split(":")
        self.panel, self._reader = Panel(), FrameReader()
        self.host = socket.create_connection((host, int(port)), TIME)
        environment = {**os.environ, "PIXELTREE_VENDOR_SIM": address["vendor-sim"]}
        self.process = subprocess.Popen([program, *arguments], env=environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.host.close()
        self.process.kill()
        self.process.wait()

    def until(self, seen):
        while not seen():
            for each in self._reader.feed(self.host.recv(65536)):
                self.panel.take(each)

    def ends(self):
        self.until(lambda: "done" in self.panel.texts)
        assert self.process.wait(TIME) == 0
        assert self._reader.lost == self.panel.unread == 0


def served(*options, settings=""):
    return EmulatorProcess(
        f"--listen=vendor-sim://127.0.0.1:0{settings}", "--listen=vendor-host://127.0.0.1:0", *options
    )


def moved(plane, east, north, edge=0):
    """A plane whose content has moved: east is toward lower columns, north toward lower rows."""
    wide = np.pad(plane, 16, constant_values=edge)
    return wide[16 + north : 272 + north, 16 + east : 272 + east]


def ported(folder):
    """Camera and bright pixels of the example's translation to Python, which sees the same scene."""
    module, shown = {"__name__": "ported"}, {}
    exec(python_program(read_source(vendor_folder() / "threshold_box.cpp")).text, module)
    with pt.connect(f"emu:?source={folder / 'ramp.npy'}") as device:
        module["program"](device, shown.setdefault, arguments=["threshold_box", "1"])
    return shown["camera"], shown["brighter than the threshold"]


EXPECTED = [
    A,
    B,
    R5,
    R6,
    A + B,
    A - B,
    -A,
    abs(A - B),
    B // 2,
    moved(A, 1, 0),
    moved(B, 0, -1),
    moved(A, 2, 0),
    moved(A, -1, 0) - B,
    np.full((256, 256), -100),
    moved(A, 3, 0),
    moved(B, 0, -5),
    R5 & R6,
    ~(R5 & R6),
    R5 | ~R6,
    ~R5 & R6,
    R5 ^ R6,
    R5 | R6,
    ~R5,
    ~(R5 | R6),
    np.where(R5, R6, ALL),
    R5 & ~R6,
    moved(R5, 1, 0),
    moved(R5, -7, 4),
    R6,
]


def test_every_kind_of_call_gives_the_planes_of_numpy(tmp_path, tmp_path_factory):
    probe = compiled(tmp_path_factory, vendor_folder().parents[1] / "tests/system/vendor_probe.cpp", "probe")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "weights.bin").write_bytes(bytes(range(250)) * 20)
    np.save(tmp_path / "in" / "scene.npy", np.arange(16, dtype=np.uint8).reshape(2, 8) * 15)
    folders = f"?images={tmp_path}&files={tmp_path / 'in'}"
    with served(settings=folders) as emulator, Watched(emulator, probe) as watched:
        watched.ends()
    shown = watched.panel.shown
    for at, expected in enumerate(EXPECTED):
        seen = shown[100 + at].picture[:, ::-1].astype(int)
        zero = 128 if shown[100 + at].levels == 256 else 0
        assert (seen == expected + zero).all(), f"display {100 + at}"
    drawn = shown[129].picture[:, ::-1].astype(bool)
    assert (drawn[:60] & (COLUMNS < 95)[:60]).sum() == 86
    assert drawn[5, 5] and drawn[40, 90]
    assert drawn[70, 100] and drawn[100, 70] and drawn[130, 100] and drawn[100, 130] and not drawn[100, 100]
    assert (shown[130].picture[:, ::-1] == 2 * moved(R5, -7, 4) + R6).all()
    assert (np.array(Image.open(tmp_path / "b.png")) == (B + 128)[:, ::-1]).all()
    numbers = shown[7].numbers[0]
    assert numbers[0] == 48 + 128
    assert numbers[1] == 1
    assert numbers[2] == 30 << 24 | 60 << 16 | 80 << 8 | 120
    assert numbers[3] == 16 * (128 + 6)
    assert numbers[4] == 20 << 8 | 12
    assert abs(numbers[5] - 4095 * R6.mean()) < 40
    assert numbers[6] == sum(range(250)) * 20 + 100_000, "the path that leads out of the folder is not served"
    assert numbers[7] == 15 * 15
    assert shown[131].picture.tolist() == [[10, 20, 30], [40, 50, 60]]
    assert list(watched.panel.snapshots) == [(131, "shots\\own.bmp")]
    assert shown[132].picture[100:103, 54:56].T.tolist() == [[40, 50, 60], [10, 20, 30]]


def test_the_example_shows_displays_and_its_slider_changes_the_next_frames(tmp_path, threshold_box):
    """The scene has every brightness, so that the share of bright pixels tells the threshold."""
    scene = np.broadcast_to(np.arange(256, dtype=np.uint8), (256, 256))
    np.save(tmp_path / "ramp.npy", scene[np.newaxis])
    with served(f"--source={tmp_path / 'ramp.npy'}") as emulator, Watched(emulator, threshold_box) as watched:
        panel = watched.panel

        def level():
            """Which column of the ramp the bright part begins at."""
            return int(panel.shown[101].picture[0].argmax()) if 101 in panel.shown else -1

        watched.until(lambda: panel.elements and len(panel.displays) == 3 and level() > 0)
        assert [element.name for element in panel.elements] == ["threshold", "box"]
        assert panel.displays[0].name == "camera"
        camera = panel.shown[100].picture.astype(int)
        assert (np.diff(camera[0]) >= 0).all() and camera[0, 255] > camera[0, 0] + 200
        first = level()
        top, right, bottom, left = (
            panel.shown[101].boxes[-1] if panel.shown[101].boxes else (0, 0, 255, 255 - first)
        )
        assert (top, right, bottom, left) == (0, 0, 255, 255 - first)
        pictures = [panel.shown[number].picture for number in (100, 101)]
        for expected, seen in zip(pictures, ported(tmp_path), strict=True):
            assert (expected.astype(bool) == seen if seen.dtype == bool else expected == seen).all()
        watched.host.sendall(slider(0, -60))
        watched.until(lambda: 0 < level() < first - 80)
        assert panel.shown[102].numbers.shape == (1, 1)
