"""Run the published repeated-copy experiment on an emulated chip and compare (fact sheet section 7).

Kernel, once per iteration: ``diva(A, B, C)`` (halves A), ``mov(D, A)``, ``add(A, A, D)``. Ideally A stays.
The input is uniform. Bias is |mean over PEs of A - input| after k iterations; sigma is the standard deviation
over PEs after one.

    python tools/repeated_copy.py [--chip N] [--plot docs/images/repeated_copy.png]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from pixeltree_emu.array.nonidealities import SHAPE, Chip, preset
from pixeltree_emu.bench.programs import words
from pixeltree_emu.controller.device_array import PixelArray
from pixeltree_protocol.chip.registers import Analog

PUBLISHED = {
    120: (8.76, 17.4, 25.6, 33.3, 40.6),
    100: (7.16, 14.5, 21.5),
    60: (8.29, 13.6, 19.1),
    10: (5.41, 7.28, 11.1),
    5: (5.02, 6.99, 10.2),
    0: (4.53, 6.19, 9.24),
}
"""Input -> bias after 1, 2, 3, ... iterations."""
ITERATION = "diva(A, B, C); mov(D, A); add(A, A, D)"
SIGMA_RANGE = (0.9, 2.8)
RELATIVE, ABSOLUTE = 0.20, 1.5
"""A bias agrees within 20% or within 1.5 counts."""


def measure(level: int, iterations: int, chip: Chip, engine: str = "fast") -> tuple[list[float], float]:
    """Biases after each iteration, and sigma after the first."""
    array = PixelArray(engine=engine, chip=chip)
    array.engine.set_analog(Analog.A, np.full(SHAPE, level, np.int16))
    kernel = array.load(words(ITERATION))
    biases, sigma = [], 0.0
    for number in range(iterations):
        array.run(kernel)
        plane = array.engine.analog(Analog.A)
        biases.append(abs(float(plane.mean()) - level))
        sigma = float(plane.std()) if number == 0 else sigma
    return biases, sigma


def agrees(measured: float, published: float) -> bool:
    """Whether a bias is close enough to the published one."""
    return abs(measured - published) <= max(RELATIVE * published, ABSOLUTE)


def plot(results: dict[int, list[float]], path: Path) -> None:
    """Measured lines, published marks."""
    from matplotlib import pyplot  # noqa: PLC0415 - only for the picture

    figure, axes = pyplot.subplots(figsize=(7, 4.5))
    for level, biases in results.items():
        steps = range(1, len(biases) + 1)
        (line,) = axes.plot(steps, biases, label=f"input {level}")
        axes.plot(steps, PUBLISHED[level], "o", color=line.get_color())
    axes.set(xlabel="iterations of diva + mov + add", ylabel="bias, counts", xticks=range(1, 6))
    axes.set_title("Repeated copy: emulated chip (lines) and published (dots)")
    axes.legend()
    figure.savefig(path, dpi=110, bbox_inches="tight")


def main() -> int:
    """Run the experiment; exit status 0 if everything agrees."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--preset", default="typical")
    parser.add_argument("--chip", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path, metavar="FILE")
    options = parser.parse_args()
    model = preset(options.preset)
    if model is None:
        parser.error("ideal mode has no errors to measure")
    chip = Chip(model, options.chip, options.seed)
    good, results = True, {}
    sys.stdout.write(
        "| input | k | measured | published | agrees | sigma after one |\n|---|---|---|---|---|---|\n"
    )
    for level, published in PUBLISHED.items():
        biases, sigma = measure(level, len(published), chip)
        results[level] = biases
        good &= SIGMA_RANGE[0] <= sigma <= SIGMA_RANGE[1]
        for step, (bias, wanted) in enumerate(zip(biases, published, strict=True), 1):
            close = agrees(bias, wanted)
            good &= close
            shown = f"{sigma:.2f}" if step == 1 else ""
            sys.stdout.write(
                f"| {level} | {step} | {bias:.2f} | {wanted} | {'yes' if close else 'NO'} | {shown} |\n"
            )
    if options.plot:
        plot(results, options.plot)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
