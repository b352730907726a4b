"""One base class for every error, quiet waits that are no errors, and paths as text or Path."""

import inspect
import pkgutil
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from tests.support.in_memory import InMemoryLink, device_on, in_memory_device
from tests.support.in_world import device_in_world
from tests.support.inside import patience_of

import pixeltree
from pixeltree import Patience, Tree, TreeRunner, errors
from pixeltree.arguments.files import as_path
from pixeltree.arguments.images import read_picture, write_plane
from pixeltree.arguments.token import read_token
from pixeltree.datasets.folders import image_folder
from pixeltree.datasets.idx import read_idx
from pixeltree.demo.run import demo_tree
from pixeltree.errors import DataError, InstructionError, LinkError, PixeltreeError, TreeError
from pixeltree.kernels.files import read_kernel
from pixeltree.swapping import Trace
from pixeltree_emu import errors as emulator_errors
from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_pictures import errors as picture_errors
from pixeltree_protocol import errors as protocol_errors
from pixeltree_protocol.chip.kernel_api import parse_line
from pixeltree_protocol.link.messages import Result
from pixeltree_protocol.objects.program import Program

QUICK = Patience(connect=0.3, reconnect=0)


PACKAGES = {
    "pixeltree": errors,
    "pixeltree_protocol": protocol_errors,
    "pixeltree_pictures": picture_errors,
    "pixeltree_emu": emulator_errors,
    "pixeltree_conformance": None,
}
"""Each package, and its one module of errors."""


def defined_in(package):
    """Every exception class that a module of a package defines."""
    root = import_module(package)
    names = [module.name for module in pkgutil.walk_packages(root.__path__, f"{package}.")]
    modules = [root] + [import_module(name) for name in names if not name.endswith(".__main__")]
    return {
        each
        for module in modules
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, BaseException) and each.__module__ == module.__name__
    }


@pytest.mark.parametrize("package", PACKAGES)
def test_every_error_of_a_package_has_the_one_base_and_is_in_its_one_place(package):
    if package == "pixeltree":
        pytest.importorskip("torch")
    found = defined_in(package)
    home = PACKAGES[package]
    assert bool(found) == (home is not None)
    for each in found:
        assert issubclass(each, PixeltreeError), each
        assert each.__module__ == home.__name__, each


@pytest.mark.parametrize("package", ["pixeltree", "pixeltree_protocol", "pixeltree_pictures"])
def test_whoever_uses_the_host_finds_every_error_in_one_place(package):
    found = inspect.getmembers(PACKAGES[package], inspect.isclass)
    names = {name for name, each in found if issubclass(each, Exception)}
    assert names <= set(errors.__all__)
    assert all(issubclass(getattr(errors, name), PixeltreeError) for name in errors.__all__)


def test_a_wrong_operand_is_a_pixeltree_error():
    with pytest.raises(InstructionError):
        parse_line("all(R99)")
    with pytest.raises(PixeltreeError, match="is no step of a program"):
        Program(("x",))


def test_a_quiet_wait_ends_without_an_error():
    device = device_in_world()
    began = device.now
    assert device.watch(timeout=1.0) is None
    assert device.now - began == pytest.approx(1.0, abs=1e-3)
    assert device.watch(timeout=0) is None


def test_a_result_that_is_there_is_seen_without_waiting():
    device = device_in_world()
    result = Result(1, 0, (), 0, 0, 0, 0)
    device.exchange.observed.append(result)
    assert device.watch(timeout=0) == result
    assert device.watch(timeout=0) is None


def test_a_wait_in_which_nothing_was_asked_may_be_longer_than_an_answer():
    device = device_in_world()
    began = device.now
    until = began + patience_of(device).answer + 20
    assert device.exchange.wait(set(), until) is None
    assert device.now >= until


def test_a_question_without_an_answer_is_another_thing():
    link = InMemoryLink(EmulatedDevice())
    device = device_on(link, answer=0.05)
    link.receive = lambda timeout: None
    with pytest.raises(LinkError, match="did not answer in time"):
        device.ping()


def test_a_request_that_was_never_sent_is_not_called_lost():
    with pytest.raises(DataError, match="never sent"):
        in_memory_device().exchange.next({12_345}, Result)


def test_a_limit_that_nobody_set_is_not_called_one():
    with pytest.raises(TreeError, match=r"the device has 3000$"):
        TreeRunner.open(in_memory_device(memory_bytes=3_000), demo_tree())


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), -1, "x", 1e300])
def test_a_time_to_wait_must_make_sense(seconds):
    with pytest.raises(DataError, match="seconds"):
        in_memory_device().watch(seconds)
    for name in ("connect", "answer", "reconnect"):
        with pytest.raises(DataError, match=name):
            Patience(**{name: seconds})


@pytest.mark.parametrize("url", [None, 5, b"tcp://127.0.0.1:1"])
def test_what_is_no_url_is_refused(url):
    with pytest.raises(DataError, match="must be text"):
        pixeltree.connect(url)


def test_a_serial_port_may_be_a_path(tmp_path):
    with pytest.raises(LinkError, match="port"):
        pixeltree.connect(tmp_path / "port", QUICK)


@pytest.mark.parametrize("token", ["a\0b", "~nobody-has-this-name/token", "/"])
def test_a_token_file_that_cannot_be_is_refused(token):
    with pytest.raises(DataError):
        pixeltree.connect("tcp://127.0.0.1:1", QUICK, token_file=token)


@pytest.mark.parametrize("picture", ["x", [[1]], np.zeros((4, 4)), np.zeros((0, 4), np.uint8)])
def test_what_is_no_picture_is_refused(picture):
    with pytest.raises(DataError, match="a picture must be"):
        in_memory_device().show(picture)


@pytest.mark.parametrize("place", [1.5, float("nan"), "x"])
def test_a_place_of_a_picture_must_be_a_pixel(place):
    with pytest.raises(DataError, match="must be whole numbers"):
        in_memory_device().show(np.zeros((4, 4), np.uint8), top=place)


def test_what_is_no_kernel_is_refused():
    with pytest.raises(DataError, match="a kernel must be"):
        in_memory_device().chip.run_kernel(None)


def test_a_runner_takes_a_tree_and_a_line():
    device = in_memory_device()
    with pytest.raises(DataError, match="takes a Tree"):
        TreeRunner.open(device, "digits.ptree")
    with pytest.raises(DataError, match="must be a LineRate"):
        TreeRunner.open(device, demo_tree(), line="usb_12M")


@pytest.mark.parametrize("source", [5, [None], ["x"], [np.zeros((64, 64), np.uint8), np.zeros((3, 3))]])
def test_what_is_no_source_of_images_is_refused(source):
    runner = TreeRunner.open(in_memory_device(), demo_tree())
    with pytest.raises(DataError):
        list(runner.run(source))


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_may_be_text(kind, tmp_path):
    def path(name):
        return kind(tmp_path / name)

    Trace().save(path("trace.json"))
    assert Trace.load(path("trace.json")).events == []
    demo_tree().save(path("a.ptree"))
    assert Tree.load(path("a.ptree")).digest == demo_tree().digest
    write_plane(path("plane.png"), np.zeros((256, 256), np.bool_))
    assert read_picture(path("plane.png")).shape == (256, 256)
    (tmp_path / "kernel").write_text("NOT(R5, R6)\n")
    assert read_kernel(path("kernel")).block().words
    (tmp_path / "token").write_text("x" * 20)
    assert read_token(path("token")) == b"x" * 20
    (tmp_path / "idx").write_bytes(b"\0\0\x08\x01\0\0\0\x02\x05\x06")
    assert read_idx(path("idx"), 1).tolist() == [5, 6]
    (tmp_path / "pictures" / "black").mkdir(parents=True)
    write_plane(path("pictures/black/1.png"), np.zeros((64, 64), np.bool_))
    assert image_folder(path("pictures")).classes == ("black",)


def test_a_recipe_and_a_model_may_be_named_by_text():
    pytest.importorskip("torch")
    from pixeltree.train.from_recipe import check_output  # noqa: PLC0415
    from pixeltree.train.recipe import load_recipe  # noqa: PLC0415

    recipe = Path(__file__).parents[2] / "recipes" / "digits.toml"
    for kind in (str, Path):
        check_output(load_recipe(kind(recipe)), kind("a.folded"))


@pytest.mark.parametrize("path", [None, 5, b"x", "a\0b"])
def test_what_is_no_path_is_refused(path):
    write = [demo_tree().save, Trace().save]
    for call in (*write, Tree.load, Trace.load, read_token, read_kernel, read_picture):
        with pytest.raises(DataError, match="is not a path"):
            call(path)


def test_the_home_folder_may_be_written_short(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert as_path("~/x") == tmp_path / "x"


@pytest.mark.parametrize("changed", [{"name": 5}, {"labels": [None] * 10}])
def test_a_tree_whose_names_are_no_text_is_refused(tmp_path, changed):
    import json  # noqa: PLC0415
    from dataclasses import replace  # noqa: PLC0415

    from pixeltree_protocol.objects.treefile import TreeFile  # noqa: PLC0415

    demo_tree().save(tmp_path / "a")
    file = TreeFile.decode((tmp_path / "a").read_bytes())
    description = json.loads(file.description) | changed
    (tmp_path / "b").write_bytes(replace(file, description=json.dumps(description)).encode())
    with pytest.raises(TreeError, match="must be text"):
        Tree.load(tmp_path / "b")
