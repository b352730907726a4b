"""The driver for labgrid: with labgrid itself, from a coordinator to a test on a shared device."""

import contextlib
import importlib.util
import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
from tests.support.command_line import ROOT
from tests.support.effort import PROOF
from tests.support.forking import REAL_PYTHON

pytest_plugins = ["pytester"]
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("labgrid") is None,
    reason="labgrid is not installed: pip install '.[labgrid]', in an environment of its own",
)
SECONDS = 60

LOCAL = """
imports: [pixeltree_labgrid]
targets:
  main:
    resources:
      RawSerialPort: {{port: {port}, speed: 3000000}}
    drivers:
      ManualPowerDriver: {{name: socket}}
      PixeltreeDriver: {{}}
"""

LOCAL_TEST = """
    import pytest

    def test_power_comes_first_and_the_device_is_left_at_the_end(target, monkeypatch):
        power = target.get_driver("ManualPowerDriver", activate=False)
        told = []
        monkeypatch.setattr(type(power), "on", lambda self: told.append("on"))
        driver = target.get_driver("PixeltreeDriver")
        assert told == ["on"]
        driver.device.ping()
        assert driver.url.startswith("serial:///")
        target.deactivate(driver)
        with pytest.raises(Exception, match="activate the PixeltreeDriver"):
            driver.device
        target.activate(driver)
        driver.device.ping()
"""


def test_a_serial_port_of_this_machine_is_powered_and_driven(start, tmp_path, pytester):
    """The emulator is behind a pseudo terminal, as a board at a port."""
    start("--listen", f"pty://{tmp_path}/port")
    pytester.makefile(".yaml", environment=LOCAL.format(port=tmp_path / "port"))
    pytester.makepyfile(LOCAL_TEST)
    run = pytester.runpytest_subprocess("-p", "no:cacheprovider", "--lg-env", "environment.yaml")
    run.assert_outcomes(passed=1)


@contextlib.contextmanager
def program(name, *arguments, folder):
    """One of labgrid's programs, until the end."""
    path = Path(REAL_PYTHON).parent / name
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            [path, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, cwd=folder
        )
        try:
            yield process
        finally:
            process.terminate()
            process.wait(SECONDS)


def until_it_works(*command):
    """Call labgrid-client until what it needs is there."""
    end = time.monotonic() + SECONDS
    while True:
        run = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        if run.returncode == 0:
            return run.stdout
        assert time.monotonic() < end, run.stdout + run.stderr
        time.sleep(0.2)


@pytest.mark.skipif(not PROOF, reason="half a minute: in make proof")
def test_the_example_acquires_a_shared_sensor_and_tests_it(shared, pytester):
    """Coordinator, exporter and client are labgrid's own; the files are those of examples/labgrid."""
    folder = pytester.path
    for path in (ROOT / "examples/labgrid").iterdir():
        shutil.copy(path, folder)
    exporter = folder / "exporter.yaml"
    exporter.write_text(exporter.read_text().replace("tcp://127.0.0.1:27900", shared.urls[1]))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        coordinator = f"127.0.0.1:{taken.getsockname()[1]}"
    client = (str(Path(REAL_PYTHON).parent / "labgrid-client"), "-x", coordinator, "-p", "sensor")
    with contextlib.ExitStack() as stack:
        stack.enter_context(program("labgrid-coordinator", "-l", coordinator, folder=folder))
        until_it_works(*client, "create")
        until_it_works(*client, "add-match", "*/laboratory/*")
        stack.enter_context(program("labgrid-exporter", "-c", coordinator, "exporter.yaml", folder=folder))
        until_it_works(*client, "acquire")
        run = pytester.runpytest_subprocess(
            *("-p", "no:cacheprovider", "--lg-env", "environment.yaml", "--lg-coordinator", coordinator),
            "test_shared_sensor.py",
        )
        run.assert_outcomes(passed=2)
        until_it_works(*client, "release")
