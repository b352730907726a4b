"""``pixeltree run-kernel`` on the example kernels, with real daemons, against NumPy."""

import json

import numpy as np
import pytest
from PIL import Image
from tests.support.command_line import ROOT, pixeltree

EXAMPLES = ROOT / "examples"


@pytest.fixture
def picture(tmp_path):
    """A bright disc and a gradient, smooth enough that nothing saturates; (256, 256) uint8 and its file."""
    rows, columns = np.indices((256, 256))
    image = (columns // 2 + 100 * (np.hypot(rows - 100, columns - 120) < 50)).astype(np.uint8)
    path = tmp_path / "in.png"
    Image.fromarray(image).save(path)
    return image, path


def planes(folder, *registers):
    assert sorted(path.name for path in folder.iterdir()) == sorted(f"{name}.png" for name in registers)
    read = [np.asarray(Image.open(folder / f"{name}.png")) for name in registers]
    assert all(plane.shape == (256, 256) and plane.dtype == np.uint8 for plane in read)
    return read


def run(kernel, path, *options):
    return pixeltree("run-kernel", str(EXAMPLES / kernel), "--image", str(path), *map(str, options))


def test_threshold_gives_the_pixels_brighter_than_in(picture, tmp_path):
    image, path = picture
    result = run("threshold.kernel", path, "--in", 60, "--show", "F,R5", "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    difference, bright = planes(tmp_path / "out", "F", "R5")
    half = image.astype(int) // 2
    assert np.array_equal(difference.astype(int) - 128, half - 60)
    assert np.array_equal(bright, np.where(half > 60, 255, 0))
    assert "words" in result.stdout


def test_a_parameter_and_load_in_set_the_threshold_and_warnings_are_said(picture, shared, tmp_path):
    image, path = picture
    kernel = tmp_path / "threshold.kernel"
    kernel.write_text(
        "param threshold = 90 in 0..127\nscamp5_load_in(threshold);\n"
        "ALL(); get_image(F); sub(F, F, IN); where(F); MOV(R5, FLAG); // FLAG stays\n"
    )
    command = ("run-kernel", str(kernel), "--image", str(path), "--show", "R5,FLAG", "--device", shared.url)
    for arguments, threshold in (((), 90), (("--set", "threshold=50"), 50)):
        folder = tmp_path / f"out{threshold}"
        result = pixeltree(*command, "--out", str(folder), *arguments)
        assert result.returncode == 0, result.stderr
        assert f"{kernel}:3: warning: where(F) leaves FLAG" in result.stderr
        bright, flag = planes(folder, "R5", "FLAG")
        assert np.array_equal(bright, np.where(image.astype(int) // 2 > threshold, 255, 0))
        assert np.array_equal(flag, bright)


def test_sobel_gives_the_gradients_of_the_scaled_image(picture, shared, tmp_path):
    image, path = picture
    result = run("sobel.kernel", path, "--show", "D,E,F", "--out", tmp_path / "out", "--device", shared.url)
    assert result.returncode == 0, result.stderr
    both, across, down = (plane.astype(float) - 128 for plane in planes(tmp_path / "out", "D", "E", "F"))
    small = image / 2 / 8
    smooth_rows = small[:-2] + 2 * small[1:-1] + small[2:]
    smooth_columns = small[:, :-2] + 2 * small[:, 1:-1] + small[:, 2:]
    wanted_across = np.abs(smooth_rows[:, 2:] - smooth_rows[:, :-2])
    wanted_down = np.abs(smooth_columns[2:] - smooth_columns[:-2])
    inside = np.s_[1:-1, 1:-1]
    assert np.max(np.abs(across[inside] - wanted_across)) <= 8  # each of 8 weights off by at most a count
    assert np.max(np.abs(down[inside] - wanted_down)) <= 8
    assert np.array_equal(both, across + down)
    assert across.max() > 15


def test_outline_gives_the_inner_edge_of_what_is_bright(picture, tmp_path):
    image, path = picture
    result = run("outline.kernel", path, "--in", 60, "--show", "R5, R6", "--out", tmp_path / "new" / "out")
    assert result.returncode == 0, result.stderr
    inside, edge = (plane > 0 for plane in planes(tmp_path / "new" / "out", "R5", "R6"))
    assert np.array_equal(inside, image // 2 > 60)
    outside = np.pad(~inside, 1)
    near = outside[:-2, 1:-1] | outside[2:, 1:-1] | outside[1:-1, :-2] | outside[1:-1, 2:]
    assert np.array_equal(edge, inside & near)


def test_a_loop_of_a_kernel_runs_on_the_controller_until_nothing_changes(shared, tmp_path):
    rows, columns = np.indices((256, 256))
    distance = np.hypot(rows - 100, columns - 120)
    ring = (distance < 50) & (distance > 20) | (rows > 200) & (columns < 80)
    path, told = tmp_path / "ring.png", tmp_path / "told.json"
    Image.fromarray(np.where(ring, 220, 20).astype(np.uint8)).save(path)
    options = ("--in", 60, "--show", "R5,R10", "--out", tmp_path / "out", "--device", shared.url)
    result = run("holes.kernel", path, *options, "--json", told)
    assert result.returncode == 0, result.stderr
    bright, holes = planes(tmp_path / "out", "R5", "R10")
    assert np.array_equal(bright > 0, ring)
    assert np.array_equal(holes > 0, distance <= 20)
    rounds = json.loads(told.read_text())["rounds"]
    assert f"{rounds} rounds" in result.stdout
    assert 100 < rounds < 300


def test_a_picture_of_another_size_or_type_is_refused_or_fitted(tmp_path):
    wide, deep, noise = tmp_path / "wide.png", tmp_path / "deep.tiff", tmp_path / "noise.png"
    Image.fromarray(np.zeros((100, 300, 3), np.uint8)).save(wide)
    Image.fromarray(np.zeros((256, 256), np.int32)).save(deep)
    noise.write_bytes(b"no image at all")
    for path, message in (
        (wide, "is 300 x 100 pixels; the sensor has 256 x 256"),
        (deep, "has pixels of kind I; save it with 8 bits per channel"),
        (noise, "is not an image"),
        (tmp_path / "absent.png", "cannot read"),
    ):
        result = run("threshold.kernel", path, "--show", "F", "--out", tmp_path / "out")
        assert result.returncode == 2
        assert message in result.stderr
        assert not (tmp_path / "out").exists()
    result = run("threshold.kernel", wide, "--fit", "--show", "F", "--out", tmp_path / "out")
    assert result.returncode == 0, result.stderr


def test_an_unknown_register_or_a_wrong_kernel_is_refused_before_anything_runs(picture, tmp_path):
    _, path = picture
    result = run("threshold.kernel", path, "--show", "F,R13", "--out", tmp_path / "out")
    assert result.returncode == 2
    assert "no register 'R13'" in result.stderr
    bad = tmp_path / "bad.kernel"
    bad.write_text("all\nsub(F, F, F)\n")
    result = run(bad, path, "--show", "F", "--out", tmp_path / "out")
    assert result.returncode == 2
    assert f"{bad}:2: sub(F, F, F), word 1: bus(F, F, NEWS)" in result.stderr
