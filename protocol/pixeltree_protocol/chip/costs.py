"""What each controller step and each word costs: data that the compiler predicts from and a clock charges.

Defaults are those of the project's device cost model. Entries marked 'assumed' wait for a measurement on a
real device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from pixeltree_protocol.chip.isa import ClockClass


@dataclass(frozen=True)
class CostTable:
    """Device time of each step, in nanoseconds unless the name says otherwise.

    Attributes:
        word_ns: one instruction word of any clock class: 10 MHz (sources say 9 to 10).
        analog_word_ns, digital_word_ns, dnews_word_ns, prop_word_ns, aer_word_ns, dout_word_ns, fast_word_ns:
            one word of that clock class; None is ``word_ns``.
        launch_ns: starting a kernel block (assumed).
        select_ns: select or load of a point, pattern, row or column (assumed: four latch writes).
        select_rect_ns: select of a rectangle (assumed).
        set_in_ns: setting IN, DAC and settling (assumed).
        scan_byte_ns: read-out of a DREG, per byte of 8 pixels (assumed).
        adc_sample_ns: one ADC sample: a pixel of an AREG, or one value of a global sum (14 us for 16).
        global_or_ns: global OR of a DREG (assumed).
        event_ns: event read-out, per event asked for (about 273 us for up to 300).
        bounding_box_ns: bounding box of a DREG (assumed: four reads).
        copy_byte_ns: controller memory copy, per byte: read-outs on their way into messages (assumed).
        operation_ns: one 32-bit controller operation (204 MHz core).
        result_ns: preparing a result message (assumed); its bytes on the line are extra. A program that reads
            nothing out is only acknowledged, which costs nothing.
        line_bits_per_second: rate of the link, for bytes that a frame has to wait for.
        fully_connected_operations: controller operations per 32 bits of weights: load twice, XNOR, bit
            count without a dedicated instruction (12), add (assumed).
        ternary_operations: controller operations per byte of five ternary weights of a fully connected layer:
            load it, look up its signs and which are 0 (3), XOR, AND, look up how many are left (2), subtract,
            store (assumed).
        sample_logit_operations: controller operations per ADC sample that becomes a logit: subtract, divide,
            scale, add, store (assumed).
        control_operations: controller operations of a step of variables, loops and branches: find it, load,
            compare or change, store (assumed).
    """

    word_ns: int = 100
    analog_word_ns: int | None = None
    digital_word_ns: int | None = None
    dnews_word_ns: int | None = None
    prop_word_ns: int | None = None
    aer_word_ns: int | None = None
    dout_word_ns: int | None = None
    fast_word_ns: int | None = None
    launch_ns: int = 1_000
    select_ns: int = 500
    select_rect_ns: int = 1_000
    set_in_ns: int = 2_000
    scan_byte_ns: int = 150
    adc_sample_ns: int = 900
    global_or_ns: int = 500
    event_ns: int = 900
    bounding_box_ns: int = 4_000
    copy_byte_ns: int = 10
    operation_ns: int = 5
    result_ns: int = 20_000
    line_bits_per_second: int = 12_000_000
    fully_connected_operations: int = 16
    sample_logit_operations: int = 8
    ternary_operations: int = 10
    control_operations: int = 10

    def words_ns(self, classes: Mapping[ClockClass, int]) -> int:
        """Time of so many words of each clock class."""
        times = self._word_times
        return sum([count * times[clock] for clock, count in classes.items()])

    @cached_property
    def _word_times(self) -> dict[ClockClass, int]:
        """Time of a word of each clock class."""
        own = {clock: getattr(self, f"{clock.name.lower()}_word_ns") for clock in ClockClass}
        return {clock: self.word_ns if time is None else time for clock, time in own.items()}

    def line_ns(self, wire_bytes: int) -> int:
        """Time that bytes need on the line, at 8 bits a byte."""
        return wire_bytes * 8 * 1_000_000_000 // self.line_bits_per_second
