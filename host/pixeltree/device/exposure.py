"""How frames of a tree are exposed: what a host may want, and what the device says of it."""

from __future__ import annotations

from dataclasses import dataclass

from pixeltree.arguments.numbers import check_count
from pixeltree.device.exchange import Exchange
from pixeltree.errors import DataError, DeviceError
from pixeltree_protocol.chip.exposure import LEAST_US, MOST_US
from pixeltree_protocol.link.messages import ErrorCode, Exposure, ExposureMode, SetExposure

AUTO, FIXED = "auto", "fixed"

AS_IT_IS = SetExposure(ExposureMode.AS_IT_IS, 0)
"""Changes nothing, and is answered."""

_UNKNOWN = (ErrorCode.UNSUPPORTED.name, ErrorCode.MALFORMED.name)
"""What a controller says that has no such request."""


@dataclass(frozen=True)
class FrameExposure:
    """How the next frame of a tree will be exposed.

    Attributes:
        microseconds: how long.
        automatic: whether the controller chooses it by the brightness of the frame before.
    """

    microseconds: int
    automatic: bool

    def __str__(self) -> str:
        return f"{self.microseconds:,} us, {AUTO if self.automatic else FIXED}"


def wanted(exposure: int | str) -> SetExposure:
    """The request for an exposure: ``auto``, ``fixed``, or microseconds.

    Raises:
        DataError: it is none of them.
    """
    if exposure in (AUTO, FIXED):
        return SetExposure(ExposureMode.AUTO if exposure == AUTO else ExposureMode.FIXED, 0)
    if isinstance(exposure, str):
        raise DataError(
            f"an exposure is {AUTO!r}, {FIXED!r} or a number of microseconds, {LEAST_US} to {MOST_US:,}; "
            f"{exposure!r} is none of them"
        )
    check_count("an exposure, in microseconds,", exposure, LEAST_US, MOST_US)
    return SetExposure(ExposureMode.FIXED, int(exposure))


def ask_for(exchange: Exchange, request: SetExposure) -> FrameExposure:
    """Have the controller expose frames so; what it will do.

    Raises:
        DeviceError: it cannot choose exposures, or this one is out of its range.
        LinkError: the device is gone or silent.
    """
    try:
        answer = exchange.ask(request, Exposure)
    except DeviceError as error:
        if error.code not in _UNKNOWN:
            raise
        raise DeviceError(
            ErrorCode.UNSUPPORTED.name,
            "this device's controller cannot choose the exposure of a tree's frames; leave the exposure out",
        ) from error
    return FrameExposure(answer.exposure_us, answer.mode == ExposureMode.AUTO)
