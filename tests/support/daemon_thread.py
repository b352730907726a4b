"""A daemon in a thread of this process, for devices that a test has changed, or whose sizes it chooses."""

import contextlib
import secrets
import threading

from pixeltree_emu.serving.daemon import Daemon
from pixeltree_emu.serving.listeners import ListenSettings, listen_all
from pixeltree_protocol.link.connection import Identity


@contextlib.contextmanager
def serving(device, url, name, sizes, *times_ms):
    """Serve a device; the URL.

    Args:
        device: what is served.
        url: where.
        name: of the device.
        sizes: what the device says of itself, capabilities.
        times_ms: heartbeat, silence, and how long a session can be resumed.
    """
    identity = Identity(secrets.token_bytes(8), name, sizes, *times_ms)
    daemon = Daemon(device, listen_all([url], ListenSettings()), identity)
    thread = threading.Thread(target=daemon.serve)
    thread.start()
    try:
        yield url
    finally:
        daemon.stop()
        thread.join(20)
        assert not thread.is_alive()
