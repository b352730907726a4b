"""Pictures for the frames of a run: what is passed over, and what ends a run."""

import time

import cv2
import numpy as np
import pytest
from PIL import Image

import pixeltree as pt
from pixeltree.errors import DataError


@pytest.fixture(scope="module")
def tree():
    return pt.zoo.load("digits")


def picture(path, side=32):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (side, side), 9).save(path)
    return str(path)


def test_pictures_and_folders_are_shown_as_they_were_given_and_what_cannot_be_read_is_named(tree, tmp_path):
    last, first = picture(tmp_path / "z.png"), picture(tmp_path / "folder" / "a.png")
    broken = tmp_path / "folder" / "b.png"
    broken.write_bytes(b"noise")
    playing = pt.play([last, str(tmp_path / "folder")], tree, "frame", once=True)
    assert [(playing.name, shown[0, 0]) for shown in playing] == [(last, 9), (first, 9)]
    assert [said.split()[0] for said in playing.unread] == [str(broken)]
    with pytest.raises(DataError, match=r"b\.png is not an image"):
        next(pt.play([str(broken)], tree, "frame"))


def test_where_nothing_can_be_read_or_the_size_is_wrong_a_run_ends(tree, tmp_path):
    (tmp_path / "a.png").write_bytes(b"noise")
    with pytest.raises(DataError, match="no picture can be read"):
        next(pt.play([str(tmp_path)], tree, once=True))
    with pytest.raises(DataError, match="100 x 100 pixels"):
        next(pt.play([picture(tmp_path / "b" / "large.png", 100)], tree, once=True))
    for name, said in (("missing.png", "No such file"), ("run.npy", "give it alone")):
        if name.endswith("npy"):
            (tmp_path / name).touch()
        with pytest.raises(DataError, match=said):
            pt.play([str(tmp_path / name), str(tmp_path / "a.png")], tree)


class Camera:
    """A stand-in at OpenCV's edge: white pictures of a usual camera, until it is unplugged."""

    unplugged = False
    released = False

    def __init__(self, number):
        self.number = number

    def isOpened(self):
        return True

    def read(self):
        if self.unplugged:
            raise cv2.error("the driver has lost it")
        time.sleep(0.001)
        return True, np.full((480, 640, 3), 255, np.uint8)

    def release(self):
        self.released = True


def test_a_run_sees_what_the_camera_sees_and_goes_on_when_it_is_unplugged(tree, mocker, caplog):
    opened = []
    mocker.patch("cv2.VideoCapture", lambda number: opened.append(Camera(number)) or opened[-1])
    playing = pt.play("camera:0", tree)
    assert [camera.number for camera in opened] == [0]
    with pt.connect("inproc:") as device:
        runner = pt.TreeRunner.open(device, tree)
        seen = list(runner.run(playing, frames=2))
        opened[0].unplugged = True
        seen += runner.run(playing, frames=1)
    assert [result.frame for result in seen] == [1, 2, 3]
    assert playing.name == "camera:0"
    assert (playing.picture.shape, playing.picture.min()) == ((32, 32), 255)
    deadline = time.monotonic() + 20
    while not opened[0].released and time.monotonic() < deadline:
        time.sleep(0.001)
    assert "no more pictures come from camera:0" in caplog.text
