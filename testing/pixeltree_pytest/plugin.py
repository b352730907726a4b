"""The pytest plugin: one suite of tests, on an emulated device anywhere and on a real one in the laboratory.

It is an entry point, so that every suite has it once Pixeltree is installed. It loads nothing of Pixeltree
before a test asks for a device.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import pixeltree as pt

PRIVATE = "emu:"
"""The device without ``--ppa``: an emulator of the tests' own."""

_EMULATOR = "emulator"
"""A word in the name that an emulated device gives itself."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options; they change nothing for tests that use none of the fixtures."""
    group = parser.getgroup("pixeltree", "devices of Pixeltree")
    group.addoption(
        "--ppa",
        dest="ppa",
        metavar="URL",
        help=f"the device for the fixture 'ppa', as for pixeltree.connect; without it {PRIVATE} for a "
        "private emulator. As in --ppa serial:///dev/ttyACM0, --ppa 'emu:?preset=typical&chip=7'",
    )
    group.addoption(
        "--ppa-fresh",
        dest="ppa_fresh",
        choices=("session", "test"),
        default="session",
        help="connect once for all tests, or anew for each test, which gives each a private emulator of its "
        "own (default %(default)s)",
    )
    group.addoption(
        "--ppa-pictures",
        dest="ppa_pictures",
        metavar="DIR",
        default="ppa-failures",
        help="folder for a picture of all registers after a test with a device failed; '' for none "
        "(default %(default)s)",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    config.addinivalue_line("markers", "hardware: the test needs a real device; an emulated one skips it")
    config.addinivalue_line(
        "markers", "emulator_only: the test needs an emulated device; a real one skips it"
    )


def _scope(fixture_name: str, config: pytest.Config) -> str:
    return "function" if config.getoption("ppa_fresh") == "test" else "session"


@pytest.fixture(scope=_scope)  # type: ignore[arg-type]  # a callable that says the scope
def ppa_device(request: pytest.FixtureRequest) -> Iterator[pt.Device]:
    """The connection behind ``ppa``; tests use that one."""
    import pixeltree as pt  # noqa: PLC0415 - runs without a device need not load it

    with pt.connect(request.config.getoption("ppa") or PRIVATE) as device:
        yield device


@pytest.fixture
def ppa(ppa_device: pt.Device, request: pytest.FixtureRequest) -> pt.Device:
    """A connected device. Tests marked for the other kind of device are skipped."""
    emulated = _EMULATOR in ppa_device.welcome.device.lower()
    if emulated and request.node.get_closest_marker("hardware"):
        pytest.skip(f"needs a real device, and {ppa_device.url} is emulated; give --ppa URL")
    if not emulated and request.node.get_closest_marker("emulator_only"):
        pytest.skip(f"needs an emulated device, and {ppa_device.url} is none")
    return ppa_device


@pytest.fixture
def ppa_chip(ppa: pt.Device) -> Any:  # noqa: ANN401 - pixeltree.device.chip.Chip, which is not loaded here
    """The vendor's controller API on the device: ``device.chip``."""
    return ppa.chip


@pytest.fixture
def ppa_runner(ppa: pt.Device) -> Callable[..., pt.TreeRunner]:
    """Opens a tree on the device: ``ppa_runner(tree, **options)``, as ``TreeRunner.open`` does."""
    import pixeltree as pt  # noqa: PLC0415

    def open_tree(tree: pt.Tree, **options: Any) -> pt.TreeRunner:  # noqa: ANN401 - those of TreeRunner.open
        return pt.TreeRunner.open(ppa, tree, **options)

    return open_tree


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    """After a failure, keep what the registers held, and say where."""
    report: pytest.TestReport = yield  # type: ignore[assignment]
    device = getattr(item, "funcargs", {}).get("ppa")
    folder = item.config.getoption("ppa_pictures")
    if report.when == "call" and report.failed and device is not None and folder:
        report.sections.append(("registers of the device", _keep_registers(device, folder, item.nodeid)))
    return report  # type: ignore[return-value]


def _keep_registers(device: pt.Device, folder: str, test: str) -> str:
    """Write the picture; a sentence about where it is, or why there is none."""
    from pixeltree.errors import PixeltreeError  # noqa: PLC0415
    from pixeltree_pytest.pictures import registers_picture  # noqa: PLC0415

    try:
        picture = registers_picture(device)
        path = Path(folder) / (re.sub(r"[^\w.-]+", "_", test).strip("_")[:150] + ".png")
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    except (PixeltreeError, OSError) as error:
        return f"no picture of the registers could be made: {error}"
    return f"{path}: A to F, NEWS and R0 to R12 after the test, each as one looks at the sensor"
