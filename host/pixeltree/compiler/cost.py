"""What a program costs on the device: words and time of every step, from the contract's cost table.

A test holds that an emulated device measures exactly this.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pixeltree_protocol.chip.costs import CostTable
from pixeltree_protocol.chip.isa import ClockClass
from pixeltree_protocol.objects import Block, BlockPlanes, FullyConnected, PackedBits, Segment, TernaryWeights
from pixeltree_protocol.objects import controller_steps as controller
from pixeltree_protocol.objects.cover import selections
from pixeltree_protocol.objects.program import (
    AddLogits,
    ApplyFullyConnected,
    Argmax,
    Launch,
    LoadCover,
    Proceed,
    RaiseIn,
    ScanDreg,
    ScanLogits,
    SelectPattern,
    SelectRect,
    SetIn,
    Step,
    SumLogit,
)

_ROW_BYTES = 32


@dataclass(frozen=True)
class Cost:
    """What a step, or several together, cost.

    Attributes:
        words: instruction words executed, the one that takes a selection into a DREG included.
        nanoseconds: device time.
        launches: kernel blocks started.
        selects: address selections.
    """

    words: int = 0
    nanoseconds: int = 0
    launches: int = 0
    selects: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.words + other.words,
            self.nanoseconds + other.nanoseconds,
            self.launches + other.launches,
            self.selects + other.selects,
        )


class Predictor:
    """Costs of the steps of one program, asked for in their order."""

    def __init__(
        self, blocks: Sequence[Block], segments: Sequence[Segment], costs: CostTable | None = None
    ) -> None:
        self._classes = [Counter(word.clock for word in block.words) for block in blocks]
        self._segments = segments
        self._costs = costs or CostTable()
        self._logits = 0

    def cost(self, step: Step) -> Cost:
        """What a step costs.

        Raises:
            TypeError: a step that no compiled program has.
        """
        costs = self._costs
        match step:
            case Launch():
                classes = self._classes[step.block]
                time = costs.launch_ns + costs.words_ns(classes)
                return Cost(step.times * classes.total(), step.times * time, step.times)
            case SelectPattern():
                return Cost(0, costs.select_ns, 0, 1)
            case controller.LoadPattern():
                return Cost(1, costs.select_ns, 0, 1)
            case SelectRect():
                return Cost(0, costs.select_rect_ns, 0, 1)
            case LoadCover():
                return self._cover(step)
        return Cost(0, self._control(step))

    def _control(self, step: Step) -> int:
        """Time of a step that neither runs words nor selects."""
        costs = self._costs
        match step:
            case SetIn():
                time = costs.set_in_ns
            case RaiseIn():
                time = costs.adc_sample_ns + costs.sample_logit_operations * costs.operation_ns
                time += costs.set_in_ns
            case ScanDreg():
                time = step.rows * _ROW_BYTES * costs.scan_byte_ns
            case ScanLogits():
                self._logits = len(step.rows) * len(step.columns)
                each = costs.adc_sample_ns + costs.sample_logit_operations * costs.operation_ns
                time = self._logits * each
            case SumLogit():
                self._logits += 1
                each = costs.adc_sample_ns + costs.sample_logit_operations * costs.operation_ns
                time = len(step.patterns) * each
            case ApplyFullyConnected():
                time = self._fully_connected(step)
            case Proceed():
                time = 0
            case Argmax() | AddLogits():
                time = self._logits * costs.operation_ns
            case _:
                raise TypeError(f"{step} is not predicted")
        return time

    def _cover(self, step: LoadCover) -> Cost:
        mask, weights = self._segments[step.mask], self._segments[step.segment]
        assert isinstance(mask, BlockPlanes)
        assert isinstance(weights, PackedBits | TernaryWeights)
        loads = len(selections(step, mask, weights))
        merges = max(0, loads - len(step.dregs))
        words = self._costs.words_ns({ClockClass.DIGITAL: 2 * merges})
        time = loads * self._costs.select_ns + merges * self._costs.launch_ns + words
        return Cost(loads + merges, time, merges, loads)

    def _fully_connected(self, step: ApplyFullyConnected) -> int:
        segment = self._segments[step.segment]
        assert isinstance(segment, FullyConnected)
        self._logits = len(segment.biases)
        operations = segment.chunks * self._costs.fully_connected_operations
        operations += segment.ternary_bytes * self._costs.ternary_operations
        return operations * self._costs.operation_ns
