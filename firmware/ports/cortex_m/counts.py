"""Print the instructions that functions and steps took: ``python -m firmware.ports.cortex_m.counts REPORT``.

Instructions are not cycles. A Cortex-M4 needs one cycle for most, two for a load or store that stands alone,
two to four for a branch that is taken, and 2 to 12 for a division (Arm, Cortex-M4 Technical Reference
Manual, section 3.3); waiting for flash comes on top. CYCLES is the range that is assumed of the average.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

MEGAHERTZ = 204
CYCLES = 1.2, 2.0
"""Cycles per instruction, assumed."""


def microseconds(instructions: float) -> tuple[float, float]:
    """At 204 MHz, at least and at most."""
    return instructions * CYCLES[0] / MEGAHERTZ, instructions * CYCLES[1] / MEGAHERTZ


def table(counts: dict[str, dict[str, int]]) -> str:
    """Mean, least and most of each function, the array's port left out, and the mean's time."""
    lines = [
        f"{'function or step':<26}{'calls':>7}{'mean':>12}{'least':>12}{'most':>12}   us at {MEGAHERTZ} MHz"
    ]
    for name, count in counts.items():
        mean = count["instructions"] / count["calls"]
        low, high = microseconds(mean)
        lines.append(
            f"{name:<26}{count['calls']:>7,}{mean:>12,.0f}{count['least']:>12,}{count['most']:>12,}"
            f"   {low:,.1f} to {high:,.1f}"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    found = json.loads(Path(sys.argv[1]).read_text())
    sys.stdout.write(table(found["counts"]) + "\n")
    sys.stdout.write("frames, link left out: " + ", ".join(f"{count:,}" for count in found["frames"]) + "\n")
