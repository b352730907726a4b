"""The chip from Python: the vendor's controller API (SCAMP-5 fact sheet section 4), as ``device.chip``.

>>> chip = device.chip                                                       # doctest: +SKIP
>>> chip.expose()
>>> chip.run_kernel(kernel)
>>> chip.load_rect(R6, 0, 0, 127, 127)
>>> chip.scan_events(R5, 100)

Coordinates are the array's own, as the vendor's: row 0 is the top, column 0 the RIGHT edge. Rows, columns and
their masks are the vendor's uint8. They wrap: -1 is 255, 256 is 0, 261 is 5. A rectangle whose end then lies
before its start goes on to the edge (what a real chip does there is OPEN).

An AREG is ``A`` to ``F`` or ``NEWS``, a DREG is ``R0`` to ``R12``. AREGs are written where FLAG is 1, R12
where R0 is 1. A method changes the registers that it is given to write. Its docstring names all others that
it changes, which the vendor calls clobbered.

Device times are those of the cost model (:mod:`pixeltree_protocol.chip.costs`). Most are assumed, and
``emulate --cost`` changes them: 0.1 us a word, 1 us a launch, 2 us to set IN, 0.5 us to select a pattern,
1 us to select a rectangle, 0.9 us an ADC sample. A call that reads something out takes 20 us for its message
and 0.01 us a byte beside; the docstrings include that. The line and the host need their own time.
"""

from __future__ import annotations

from pixeltree.device.chip.analog import AnalogCalls
from pixeltree.device.chip.controller_program import ControllerProgram, ProgramResult
from pixeltree.device.chip.digital import DigitalCalls
from pixeltree.device.chip.drawing import DrawingCalls
from pixeltree.device.chip.programs import Execution
from pixeltree.device.chip.readout import ReadOutCalls

__all__ = ["Chip", "ControllerProgram", "Execution", "ProgramResult"]


class Chip(AnalogCalls, DigitalCalls, DrawingCalls, ReadOutCalls):
    """The chip of a device, driven directly. It is ``device.chip``.

    Every call is one program, which runs at once and outside any tree.

    Attributes:
        last: read-outs, device time and words of the last call; None before the first.

    Raises:
        DataError: from any method, for an operand that is no register or is missing; nothing was sent then.
        ProgramError: from any method, for an operand out of range; nothing was sent then.
        DeviceError: from any method, where the device refuses.
        LinkError: from any method, where the device is gone or silent.
    """

    def run(self, program: ControllerProgram) -> ProgramResult:
        """Let the controller run a program of calls by itself.

        Returns:
            What it answered, by the calls that read it out.

        Raises:
            ProgramError: it could take too long or read out too much; nothing was sent then.

        Device time: that of the calls that ran, 50 ns for each step of variables, loops and branches, and for
        all that is read out once 20 us, and 0.01 us a byte.
        """
        return ProgramResult(self.execute(*program.steps, kernels=program.kernels))
