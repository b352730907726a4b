"""Real processes on loopback and unix sockets, stopped whatever happens."""

import pytest
from tests.support.command_line import Daemon


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
