"""Programs that run at once, outside any tree: what every call of the chip is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pixeltree.device.chip.calls import Calls
from pixeltree.device.chip.readings import Reading
from pixeltree.device.exchange import Exchange
from pixeltree.device.upload import upload
from pixeltree.errors import DataError
from pixeltree.kernels import Kernel
from pixeltree_protocol.link.messages import Execute, Executed, ReadOut
from pixeltree_protocol.objects import Block, Digest, Segment, digest_of
from pixeltree_protocol.objects.program import MAX_SLOTS, Launch, Program
from pixeltree_protocol.objects.step import Step

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


_T = TypeVar("_T")


class Programs(Calls):
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

    def _do(self, *steps: Step) -> None:
        self.execute(*steps)

    def _read(self, reading: Reading[_T]) -> _T:
        return reading.decode(self.execute(reading.step).read_outs[0])
