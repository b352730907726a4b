"""Programs that run at once, outside any tree: what every call of the chip is."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass

from pixeltree.device.exchange import Exchange
from pixeltree.device.upload import upload
from pixeltree.errors import DataError
from pixeltree.kernels import Kernel
from pixeltree_protocol.chip.registers import AREGS, ARRAY_SIZE, DREGS, Analog, Digital
from pixeltree_protocol.link.messages import Execute, Executed, ReadOut
from pixeltree_protocol.objects import Block, Digest, Segment, digest_of
from pixeltree_protocol.objects.program import MAX_SLOTS, Launch, Program
from pixeltree_protocol.objects.step import Step

LAST = ARRAY_SIZE - 1
"""The last row and the last column."""

_PROGRAM_TIME = 60.0
"""Further seconds for a program that runs at once: emulated, it may take longer than on the chip."""


@dataclass(frozen=True)
class Execution:
    """What an immediate program gave.

    Attributes:
        read_outs: bytes of its read-out steps, in the order in which they ran.
        device_ns: device time, nanoseconds.
        words: instruction words executed.
        steps: for each read-out, which step of the program it was, from 0.
    """

    read_outs: tuple[bytes, ...]
    device_ns: int
    words: int
    steps: tuple[int, ...] = ()


class Programs:
    """Runs programs on a device.

    Args:
        exchange: requests to the device, and its answers.
    """

    def __init__(self, exchange: Exchange) -> None:
        self.last: Execution | None = None
        self._exchange = exchange

    def execute(
        self, *steps: Step, kernels: Sequence[Kernel | Block] = (), segments: Sequence[Segment] = ()
    ) -> Execution:
        """Run controller steps at once, as one program.

        Args:
            steps: in order; ``Launch(n)`` executes ``kernels[n]``. ``Launch``, ``SetIn``, ``SelectPattern``,
                ``SelectRect``, ``ScanDreg`` and ``WriteDreg`` are in ``pixeltree_protocol.objects.program``,
                and all others in ``pixeltree_protocol.objects.controller_steps``.
            kernels: at most 255, uploaded where the device does not have them.
            segments: likewise; ``WriteDreg(n, ...)`` takes ``segments[n]``.

        Device time: the sum of the steps; one message for all that is read out.
        """
        program = Program(steps)
        if len(kernels) > MAX_SLOTS:
            raise DataError(f"one program has at most {MAX_SLOTS} kernels, not {len(kernels)}")
        blocks = [kernel.block() if isinstance(kernel, Kernel) else kernel for kernel in kernels]
        for block in blocks:
            if not isinstance(block, Block):
                raise DataError(f"a kernel must be a Kernel or a Block, not {type(block).__name__}")
        data = [each.encode() for each in (*blocks, *segments)]
        digests = [digest_of(each) for each in data]
        if data:
            upload(self._exchange, dict(zip(digests, data, strict=True)))
        self.last = self.execute_resident(program, digests[: len(blocks)], digests[len(blocks) :])
        return self.last

    def execute_resident(
        self, program: Program, blocks: Sequence[Digest], segments: Sequence[Digest] = ()
    ) -> Execution:
        """Run a program on blocks and segments that are resident; :meth:`execute` uploads them first.

        Raises:
            DeviceError: a block is not resident, or the program is refused; nothing has happened then.

        Device time: the sum of the steps; one message for all that is read out.
        """
        request = self._exchange.send(Execute(tuple(blocks), tuple(segments), program.encode())).request
        read_outs: list[bytearray] = []
        steps: list[int] = []
        try:
            while True:
                _, message = self._exchange.next({request}, ReadOut | Executed, _PROGRAM_TIME)
                if isinstance(message, Executed):
                    data = tuple(map(bytes, read_outs))
                    return Execution(data, message.device_ns, message.words, tuple(steps))
                if not message.offset:  # a step of a loop reads out again and again
                    read_outs.append(bytearray())
                    steps.append(message.step)
                read_outs[-1] += message.data
        finally:
            self._exchange.forget({request})

    def run_kernel(self, kernel: Kernel | Block, times: int = 1) -> Execution:
        """Execute a kernel, 1 to 1,024 times in a row.

        Device time: 1 us, and 0.1 us for every word, each time.
        """
        return self.execute(Launch(0, times), kernels=[kernel])

    def _read(self, step: Step) -> bytes:
        return self.execute(step).read_outs[0]


def areg(register: Analog) -> int:
    """The number of an AREG in a step."""
    if register not in AREGS:
        raise DataError(f"{register} is no AREG; they are {', '.join(AREGS)}")
    return AREGS.index(register)


def dreg(register: Digital) -> int:
    """The number of a DREG in a step."""
    if register not in DREGS:
        raise DataError(f"{register} is no DREG; they are R0 to R12")
    return DREGS.index(register)


def wrapped(*values: int) -> tuple[int, ...]:
    """Values as arguments of type uint8 take them (fact sheet 6.2)."""
    try:
        return tuple(operator.index(value) & LAST for value in values)
    except TypeError as error:
        raise DataError(f"rows, columns and masks must be whole numbers, not {values}") from error
