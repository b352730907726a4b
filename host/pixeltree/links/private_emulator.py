"""``emu:``: an emulator daemon of one's own, which lives as long as the link."""

from __future__ import annotations

from pixeltree.errors import LinkError
from pixeltree.links.emulator import PRESETS, EmulatorProcess
from pixeltree.links.stream_socket import SocketLink, open_unix
from pixeltree.links.url import LinkUrl, known_options, parse_url, whole_number
from pixeltree_protocol.names import known_names

_OPTIONS = {
    "bps": "--bps",
    "chip": "--chip",
    "engine": "--engine",
    "latency_us": "--latency-us",
    "memory": "--memory-bytes",
    "preset": "--preset",
    "seed": "--seed",
}
"""Options of the URL, and what the daemon calls them."""

_SUM_SCALES = ("sum_16_scale", "sum_64_scale", "sum_fast_scale", "sum_sparse_scale", "sum_region_scale")
_OPTIONS |= {name: f"--set={name}" for name in _SUM_SCALES}

_LEAST = dict.fromkeys(_SUM_SCALES, 1) | {"bps": 1, "chip": 0, "latency_us": 0, "memory": 0, "seed": 0}
"""Options that are whole numbers, from which on."""


class EmulatorLink:
    """A link to a private daemon; closing it stops the daemon."""

    def __init__(self, daemon: EmulatorProcess, link: SocketLink) -> None:
        self._daemon = daemon
        self._link = link
        self.url = link.url

    def send(self, data: bytes, timeout: float) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        self._link.send(data, timeout)

    def receive(self, timeout: float) -> bytes | None:
        """See :class:`pixeltree.links.base.Link`."""
        return self._link.receive(timeout)

    def close(self) -> None:
        """See :class:`pixeltree.links.base.Link`."""
        self._link.close()
        self._daemon.stop()


def open_emulator(url: LinkUrl, timeout: float) -> EmulatorLink:
    """Start a daemon with the options of ``emu:?NAME=VALUE`` and connect to it.

    Starting takes a second or two, which are not counted in ``timeout``.
    """
    if url.address.strip("/"):
        raise LinkError(f"{url.text}: emu: takes no address, only options, as in emu:?preset=typical&chip=7")
    daemon = EmulatorProcess(*daemon_options(url))
    try:
        link = open_unix(parse_url(daemon.url), timeout)
    except BaseException:
        daemon.stop()
        raise
    link.url = url.text
    return EmulatorLink(daemon, link)


def daemon_options(url: LinkUrl) -> list[str]:
    """The daemon's command line for the options of a URL.

    Raises:
        LinkError: an option has another name or a value that cannot be.
    """
    options = known_options(url, _OPTIONS)
    preset = options.get("preset", PRESETS[0])
    if preset not in PRESETS:
        raise LinkError(f"{url.text}: preset is {preset!r}; {known_names(preset, PRESETS)}")
    for name, least in _LEAST.items():
        if name in options:
            options[name] = str(whole_number(url, options, name, default=least, least=least))
    return [f"{_OPTIONS[name]}={value}" for name, value in options.items()]
