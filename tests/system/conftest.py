"""Real processes on loopback and unix sockets, stopped whatever happens."""

import pytest
from tests.support.command_line import Daemon
from tests.support.vendor_programs import compiled

from pixeltree.bench.vendor import vendor_folder


@pytest.fixture
def start():
    """Starts daemons and stops them at the end."""
    daemons = []

    def start_daemon(*options, **more):
        daemons.append(Daemon(*options, **more))
        return daemons[-1]

    yield start_daemon
    for daemon in daemons:
        if not daemon.log.closed:
            daemon.stop()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """One daemon on a unix socket and a TCP port, for tests that leave it as they found it."""
    path = tmp_path_factory.mktemp("daemon") / "device"
    daemon = Daemon("--listen", f"unix://{path}", "--listen", "tcp://127.0.0.1:0")
    yield daemon
    daemon.stop()


@pytest.fixture(scope="session")
def threshold_box(tmp_path_factory):
    """The example with the vendor's names: a camera, what is brighter than a slider, a box, a curve."""
    return compiled(tmp_path_factory, vendor_folder() / "threshold_box.cpp", "threshold_box")
