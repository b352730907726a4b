"""Immediate mode: a program that a host sends to be run now, outside any tree, and its read-outs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pixeltree_emu.controller.clock import DeviceClock
from pixeltree_emu.controller.sequencer import Decision, Sequencer
from pixeltree_emu.controller.store import ObjectStore
from pixeltree_emu.errors import RequestError
from pixeltree_protocol.errors import ObjectError
from pixeltree_protocol.link.messages import ErrorCode, Execute, Executed, ReadOut
from pixeltree_protocol.objects import Block, Digest, Segment, short
from pixeltree_protocol.objects.program import Program, Step
from pixeltree_protocol.objects.verify import VerifiedProgram, verify_program


@dataclass
class Job:
    """An immediate program in hand.

    Attributes:
        request: id of the request.
        steps: its steps, executed as they are taken.
        read_outs: step index and bytes of every read-out so far.
    """

    request: int
    steps: Iterator[Step | None]
    decision: Decision
    started_ns: int
    started_words: int
    read_outs: list[tuple[int, bytes]] = field(default_factory=list)


class ImmediateRunner:
    """Starts and advances jobs."""

    def __init__(self, sequencer: Sequencer, clock: DeviceClock, store: ObjectStore) -> None:
        self._sequencer = sequencer
        self._clock = clock
        self._store = store

    def start(self, message: Execute, request: int) -> Job:
        """Check a program and take it in hand.

        Raises:
            RequestError: it is not a valid program, or an object it needs is not resident. Nothing changed.
        """
        blocks: list[Block] = []
        segments: list[Segment] = []
        for digest in message.blocks:
            found = self._resident(digest)
            if not isinstance(found, Block):
                raise _not_resident(digest, "block")
            blocks.append(found)
        for digest in message.segments:
            found = self._resident(digest)
            if not isinstance(found, Segment):
                raise _not_resident(digest, "segment")
            segments.append(found)
        try:
            verified: VerifiedProgram = verify_program(Program.decode(message.program), blocks, segments)
        except ObjectError as error:
            raise RequestError(ErrorCode.BAD_OBJECT, str(error)) from error
        self._store.pin((*message.blocks, *message.segments))
        kernels = [self._store.kernel(digest) for digest in message.blocks]
        decision = Decision()
        steps = self._sequencer.execute(verified, kernels, decision)
        return Job(request, steps, decision, self._clock.now_ns, self._clock.words)

    def advance(self, job: Job) -> bool:
        """Execute one step, or part of a long one; False at the end."""
        for step in job.steps:
            if step is not None:
                self._take(job)
            return True
        self._store.pin([])
        return False

    @staticmethod
    def _take(job: Job) -> None:
        """A step is done: keep what it read out."""
        if job.decision.read_out is not None:
            job.read_outs.append((job.decision.step, job.decision.read_out))

    def answers(self, job: Job, part_bytes: int) -> Sequence[ReadOut | Executed]:
        """The messages that end a job, whose device time includes copying and announcing its results.

        A read-out goes in parts of so many bytes.

        A job that reads nothing out, or 0 bytes, has none: its EXECUTED is an acknowledgement, and costs no
        device time.
        """
        parts = [
            ReadOut(step, offset, len(data), data[offset : offset + part_bytes])
            for step, data in job.read_outs
            for offset in range(0, max(len(data), 1), part_bytes)
        ]
        size = sum(len(data) for _, data in job.read_outs)
        if size:
            costs = self._clock.costs
            self._clock.charge(costs.result_ns + size * costs.copy_byte_ns)
        elapsed = self._clock.now_ns - job.started_ns
        return (*parts, Executed(elapsed, self._clock.words - job.started_words))

    def _resident(self, digest: Digest) -> object:
        resident = self._store.get(digest)
        return resident.data if resident else None


def _not_resident(digest: Digest, kind: str) -> RequestError:
    return RequestError(ErrorCode.BAD_OBJECT, f"object {short(digest)} is not a resident {kind}")
