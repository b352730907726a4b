"""All ports for the vendor's programs and hosts that a daemon is to serve."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pixeltree_emu.controller.device import EmulatedDevice
from pixeltree_emu.errors import ListenError
from pixeltree_emu.vendor.board import BoardParts
from pixeltree_emu.vendor.device_screen import DeviceScreen
from pixeltree_emu.vendor.host_port import HostPort, view_of
from pixeltree_emu.vendor.screen import Screen
from pixeltree_emu.vendor.settings import HOST, SIMULATION, is_vendors
from pixeltree_emu.vendor.simulation_port import SimulationPort

__all__ = ["VendorPorts", "is_vendors"]


class VendorPorts:
    """Listens at every URL, or at none.

    Args:
        urls: ``vendor-sim://`` and ``vendor-host://``.
        make: makes the parts of a board.
        device: what hosts see where a URL names planes.

    Raises:
        ListenError: a URL at which nothing can be served.
    """

    def __init__(
        self, urls: Sequence[str], make: Callable[[], BoardParts], device: EmulatedDevice | None = None
    ) -> None:
        screen = Screen()
        self._ports: list[SimulationPort | HostPort] = []
        simulations = [url for url in urls if url.startswith(f"{SIMULATION}:")]
        views = [view for url in urls if url.startswith(f"{HOST}:") and (view := view_of(url)) is not None]
        if urls and not simulations and not views:
            raise ListenError(
                f"{urls[0]} shows what programs at a {SIMULATION}:// address display; give --listen "
                f"{SIMULATION}://127.0.0.1:27715 too, or the planes of the device to show, as in "
                f"{HOST}://127.0.0.1:27888?planes=A,R5"
            )
        if len(views) > 1:
            raise ListenError(f"one {HOST}:// address may have planes, not {len(views)}: all show the same")
        if views and device is not None:
            DeviceScreen(device, screen, views[0])
        try:
            for url in urls:
                if url.startswith(f"{HOST}:"):
                    self._ports.append(HostPort(url, screen))
                else:
                    self._ports.append(SimulationPort(url, make, screen))
        except BaseException:
            self.stop()
            raise

    @property
    def urls(self) -> list[str]:
        """By which they can be reached, in the order given."""
        return [port.url for port in self._ports]

    @property
    def failed(self) -> bool:
        """Whether something happened that must never happen."""
        return any(isinstance(port, SimulationPort) and port.failed for port in self._ports)

    def stop(self) -> None:
        """Close all."""
        for port in self._ports:
            port.stop()
