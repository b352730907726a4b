"""Sources: folders with folders in them, cameras, and what each picture is called."""

import sys
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from pixeltree_pictures import Fitting, PictureError, Size
from pixeltree_pictures.camera import CameraSource
from pixeltree_pictures.sources import FileSource, open_source

SENSOR = Fitting(Size(256, 256, "the sensor has", "--fit crops and scales"))
SMALL = Fitting(Size(64, 64), whole=(256, 256))


def opened(path, fitting=SENSOR, **more):
    return open_source(str(path), path, fitting, **more)


def grey(path, level, size=(256, 256)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, level).save(path)


def test_a_folder_is_read_with_the_folders_in_it_in_the_order_of_their_paths(tmp_path):
    for name, level in (("1/b.png", 2), ("1/a.png", 1), ("0/c.png", 0), ("2.png", 3)):
        grey(tmp_path / name, level)
    for left in (".hidden/x.png", "__MACOSX/x.png", "1/.x.png"):
        grey(tmp_path / left, 9)
    (tmp_path / "1" / "notes.txt").write_text("no picture")
    source = opened(tmp_path)
    assert [int(source.frame(index)[0, 0]) for index in range(5)] == [0, 1, 2, 3, 0]
    assert source.name(1) == str(tmp_path / "1" / "a.png")
    assert source.count == 4


def test_a_picture_may_be_of_the_input_alone_or_of_the_whole_sensor_and_all_are_fitted_on_request(tmp_path):
    for name, side in (("small", 64), ("whole", 256), ("other", 100)):
        grey(tmp_path / f"{name}.png", 50, (side, side))
    assert opened(tmp_path / "small.png", SMALL).frame(0).shape == (64, 64)
    assert opened(tmp_path / "whole.png", SMALL).frame(0).shape == (256, 256)
    with pytest.raises(PictureError, match=r"other\.png is 100 x 100 pixels"):
        opened(tmp_path / "other.png", SMALL)
    fitted = Fitting(SMALL.size, fit=True, whole=SMALL.whole)
    assert opened(tmp_path, fitted).frame(2).shape == (64, 64)
    assert opened(tmp_path / "whole.png", fitted).frame(0).shape == (64, 64)


def test_files_that_are_not_checked_are_read_when_they_are_shown(tmp_path):
    grey(tmp_path / "a.png", 5)
    (tmp_path / "b.png").write_bytes(b"noise")
    with pytest.raises(PictureError, match=r"b\.png is not an image"):
        opened(tmp_path)
    source = opened(tmp_path, check=False)
    assert isinstance(source, FileSource)
    assert source.frame(0)[0, 0] == 5
    with pytest.raises(PictureError, match=r"b\.png is not an image"):
        source.frame(1)


def test_a_file_that_is_taken_away_later_leaves_the_picture_before(tmp_path, mocker, caplog):
    mocker.patch("pixeltree_pictures.sources._KEPT", 1)  # so that files are read again
    for level in (1, 2, 3):
        grey(tmp_path / f"{level}.png", level)
    source = opened(tmp_path)
    (tmp_path / "2.png").unlink()
    assert [int(source.frame(index)[0, 0]) for index in range(4)] == [1, 1, 3, 1]
    assert "the picture before stays: cannot read" in caplog.text


class Camera:
    """What OpenCV gives for a camera: colour pictures, and False once it is unplugged."""

    def __init__(self, levels):
        self.levels = iter(levels)
        self.released = False

    def read(self):
        level = next(self.levels, None)
        return level is not None, np.full((120, 160, 3), level or 0, np.uint8)

    def release(self):
        self.released = True


def test_a_camera_shows_its_newest_picture_fitted_and_the_last_one_once_it_is_gone(caplog):
    camera = Camera([10, 20, 30])
    source = CameraSource("camera:0", camera, SENSOR, 1_000_000)
    deadline = time.monotonic() + 20
    while not camera.released and time.monotonic() < deadline:
        time.sleep(0.001)
    assert source.live
    assert source.frame(0).shape == (256, 256)
    assert {int(source.frame(index)[9, 9]) for index in (0, 7)} == {30}
    assert "no more pictures come from camera:0" in caplog.text


def test_opencv_itself_gives_grey_pictures_of_what_it_opens(tmp_path):
    """No camera is needed: OpenCV opens a file by the same call."""
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 30, (320, 240))
    colours = np.zeros((240, 320, 3), np.uint8)
    colours[:, 40:280] = (200, 100, 50)  # blue, green, red; what is beyond the square is black
    for _ in range(3):
        writer.write(colours)
    writer.release()
    picture = open_source(f"camera:{path}", None, SENSOR).frame(0)
    assert np.median(picture) == pytest.approx(0.114 * 200 + 0.587 * 100 + 0.299 * 50, abs=4)
    assert picture[:, 5:-5].min() > 80


def test_a_camera_that_is_not_there_or_shows_nothing_is_told_in_a_sentence(mocker):
    for name, message in (
        ("camera:", "does not name a camera"),
        ("camera:/nowhere/video", "camera:/nowhere/video cannot be opened as a camera"),
    ):
        with pytest.raises(PictureError, match=message):
            open_source(name, None, SENSOR)
    with pytest.raises(PictureError, match="no picture comes from it"):
        CameraSource("camera:0", Camera([]), SENSOR, 1_000_000)
    mocker.patch.dict(sys.modules, {"cv2": None})
    with pytest.raises(PictureError, match=r"pip install '\.\[camera\]'"):
        open_source("camera:0", None, SENSOR)
