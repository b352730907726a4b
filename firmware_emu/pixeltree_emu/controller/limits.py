"""Sizes of the emulated controller, and how it tells hosts of them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pixeltree_emu.errors import EmulatorError
from pixeltree_emu.machine.defaults import ICW_STORE, MEMORY_BYTES
from pixeltree_protocol.chip.registers import ARRAY_SIZE
from pixeltree_protocol.link.messages import Capabilities

_GREATEST = 2**31 - 1


@dataclass(frozen=True)
class DeviceLimits:
    """Sizes of the emulated controller.

    Attributes:
        memory_bytes: for all objects.
        icw_store: instruction words of resident blocks.
        max_object: greatest object.
        max_body: greatest message body.
        credit_window: bytes that may be on the way, unacknowledged.
        local_max_body: greatest message body from a host on the same machine.
        local_credit_window: bytes that may be on the way from there.
    """

    memory_bytes: int = MEMORY_BYTES
    icw_store: int = ICW_STORE
    max_object: int = 65_536
    max_body: int = 8_192
    credit_window: int = 32_768
    local_max_body: int = 65_280
    local_credit_window: int = 524_288

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not 1 <= value <= _GREATEST:
                raise EmulatorError(f"{name.replace('_', ' ')} must be 1 to {_GREATEST:,}, not {value}")

    def capabilities(self) -> Capabilities:
        """What the device says of itself."""
        return Capabilities(
            ARRAY_SIZE,
            ARRAY_SIZE,
            self.icw_store,
            self.memory_bytes,
            self.max_object,
            self.max_body,
            self.credit_window,
        )

    def local_capabilities(self) -> Capabilities:
        """What it says to a host on the same machine that drives it."""
        return replace(
            self.capabilities(), max_body=self.local_max_body, credit_window=self.local_credit_window
        )
