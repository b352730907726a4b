"""Real processes on loopback and unix sockets, stopped whatever happens."""

import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

COMMAND = [sys.executable, "-c", "from pixeltree.cli import main; main()"]
START_TIMEOUT = 180


class Daemon:
    """``pixeltree emulate`` as a user starts it."""

    def __init__(self, *options):
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - lives as long as the daemon; a pipe could fill up
        self.process = subprocess.Popen(
            [*COMMAND, "emulate", *options], stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        self.urls = []
        for _ in range(options.count("--listen") or 1):
            line = self.process.stdout.readline()  # ends when the daemon dies
            if not line:
                raise AssertionError(f"the daemon did not start: {self.errors()}")
            self.urls.append(line.split()[-1])

    @property
    def url(self):
        return self.urls[0]

    def errors(self):
        """What it has written to standard error."""
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate(timeout=START_TIMEOUT)
        self.log.close()


@pytest.fixture
def start():
    """Starts daemons and stops them at the end."""
    daemons = []

    def start_daemon(*options):
        daemons.append(Daemon(*options))
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


def pixeltree(*arguments, timeout=120):
    """Run the command line to its end."""
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(
        [*COMMAND, *arguments], capture_output=True, text=True, timeout=timeout, env=environment, check=False
    )


def raw_socket(url):
    """A bare socket to a daemon."""
    if url.startswith("unix://"):
        raw = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        raw.settimeout(20)
        raw.connect(url.removeprefix("unix://"))
        return raw
    host, port = url.removeprefix("tcp://").rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=20)


ROOT = Path(__file__).resolve().parents[2]
