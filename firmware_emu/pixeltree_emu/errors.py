"""Every error of the emulated device and its daemon."""

from __future__ import annotations

from pixeltree_protocol.errors import PixeltreeError
from pixeltree_protocol.link.messages import ErrorCode


class EmulatorError(PixeltreeError):
    """Base class of all errors raised by :mod:`pixeltree_emu`."""


class MeaninglessWord(EmulatorError):
    """An instruction word sets bits that together mean nothing to the array.

    Attributes:
        bit_names: the bits at fault.
        index: position of the word in its block, once a block is being loaded.
    """

    def __init__(self, reason: str, bit_names: tuple[str, ...]) -> None:
        super().__init__(f"{reason} (bits at fault: {', '.join(bit_names)})")
        self.bit_names = bit_names
        self.index: int | None = None


class RequestError(EmulatorError):
    """A request that the device refuses.

    Attributes:
        code: the error code of the answer.
    """

    def __init__(self, code: ErrorCode, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class ListenError(EmulatorError):
    """The daemon cannot listen where it was told to."""


class WireClosed(EmulatorError):
    """The other end of a wire is gone, and how: bytes can neither come nor go."""


class SourceError(EmulatorError):
    """A frame source cannot be read, or its frames have the wrong shape or type."""


class NotCompiled(EmulatorError):
    """The fast engine cannot be compiled, or there is no folder that can hold it."""


class UntrustedFolder(EmulatorError):
    """Another user can change the contents of a folder, or the folder cannot be made."""
