"""How long frames of a tree are exposed: as the device was set up, as its host wants it, or by brightness."""

from __future__ import annotations

from pixeltree_emu.controller.clock import DeviceClock
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_emu.controller.primitives import Controller
from pixeltree_emu.controller.readout import ReadOutParameters
from pixeltree_emu.errors import RequestError
from pixeltree_protocol.chip.exposure import DARK, LEAST_US, LOOK, MOST_US, next_exposure
from pixeltree_protocol.chip.registers import AREGS, Analog
from pixeltree_protocol.link.messages import ErrorCode, Exposure, ExposureMode, SetExposure
from pixeltree_protocol.objects.controller_steps import GlobalSumFast


class FrameExposure:
    """Exposes frames, and chooses the exposure of the next one where it is automatic.

    Args:
        array: whose sensor is exposed.
        clock: the device clock, charged for a look at the brightness.
        read_out: whose fast global sum of the whole array is taken (fact sheet 4.1).

    Attributes:
        automatic: whether the brightness of a frame decides how long the next one is exposed.
    """

    def __init__(self, array: PixelArray, clock: DeviceClock, read_out: ReadOutParameters | None) -> None:
        self.automatic = False
        self._array = array
        self._clock = clock
        self._controller = Controller(array, clock, read_out)
        self._own: tuple[int, bool] | None = None

    @property
    def microseconds(self) -> int:
        """The exposure of the next frame."""
        return self._array.sensor.frame_ns // 1000

    def expose(self) -> None:
        """Expose a frame; in its time the controller looks at it where the next exposure depends on it."""
        self._array.expose(self._clock.now_ns)
        if self.automatic:
            counts = DARK - self._brightness()
            self._array.sensor.frame_ns = next_exposure(counts, self.microseconds) * 1000

    def _brightness(self) -> int:
        self._controller.launch(LOOK)
        sample = self._controller.actions[GlobalSumFast](GlobalSumFast(AREGS.index(Analog.NEWS)))
        assert sample is not None  # a read-out
        return sample[0]

    def set(self, wanted: SetExposure) -> Exposure:
        """Do as the host of a session wants; says how the next frame will be exposed.

        Raises:
            RequestError: there is no such mode, or exposure.
        """
        if wanted.mode not in tuple(ExposureMode):
            raise RequestError(
                ErrorCode.OUT_OF_RANGE, f"the exposure's mode is {wanted.mode}; it must be 0 to 2"
            )
        if wanted.exposure_us and not LEAST_US <= wanted.exposure_us <= MOST_US:
            raise RequestError(
                ErrorCode.OUT_OF_RANGE,
                f"the exposure is {wanted.exposure_us} us; it must be {LEAST_US} to {MOST_US}, or 0",
            )
        if self._own is None:
            self._own = self._array.sensor.frame_ns, self.automatic
        if wanted.exposure_us:
            self._array.sensor.frame_ns = wanted.exposure_us * 1000
        if wanted.mode != ExposureMode.AS_IT_IS:
            self.automatic = wanted.mode == ExposureMode.AUTO
        return Exposure(ExposureMode.AUTO if self.automatic else ExposureMode.FIXED, self.microseconds)

    def give_back(self) -> None:
        """The session has ended: expose as before its host wanted anything."""
        if self._own is not None:
            self._array.sensor.frame_ns, self.automatic = self._own
            self._own = None
