"""Compile random networks and compare them with the integer reference, as many as you like.

Run from the repository root::

    python tools/check_networks.py --first 500 --count 5000

Exit status 1 if any network differs, in a logit or in its predicted time.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.support.random_models import check_network

from pixeltree.errors import CompileError
from pixeltree_emu.controller.device_array import PixelArray


def main() -> int:
    """Check, and say how many there were."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", type=int, default=500, help="seed of the first network")
    parser.add_argument("--count", type=int, default=2000)
    arguments = parser.parse_args()
    array = PixelArray()
    refused = wrong = 0
    for seed in range(arguments.first, arguments.first + arguments.count):
        try:
            problem = check_network(seed, array)
        except CompileError:
            refused += 1
            continue
        if problem:
            wrong += 1
            sys.stderr.write(f"network {seed}: {problem}\n")
    sys.stderr.write(f"{arguments.count} networks, {refused} do not fit, {wrong} differ\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
