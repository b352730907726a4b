"""Floods of every kind against a daemon that a driver uses: ``make flood-proof``.

Real processes. The driver's frames during a flood are compared with its frames just before and after it,
since the speed of the machine changes. The driver closes its link and connects anew during each flood.

    python -m tests.proofs.flood_proof --seconds 5 --json flood.json
"""

import argparse
import json
import logging
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from tests.support.command_line import Daemon
from tests.support.flooder import BEGUN, KINDS

from pixeltree.demo.run import count_mismatches, demo_budget, demo_digits, demo_tree
from pixeltree.device.device import connect
from pixeltree.device.patience import Patience
from pixeltree.run import TreeRunner

PATIENCE = Patience(connect=30, answer=60, reconnect=60)
GREATEST_SLOWDOWN = 2.0
GREATEST_LOG = 1_000
GREATEST_GROWTH_MIB = 16.0
GREATEST_FILL_MIB = 64.0
FILLS = 3
"""Floods of planes that fill the queues of 16 sessions before growth is measured: these are bounded."""
STRETCHES = 4
"""In which a flood and the quiet that it is compared with take turns."""

SETTLING = 1.0
"""Seconds in which a flood fills windows and buffers; no time is taken meanwhile."""

_LEAST_FRAMES = 5


class Driver:
    """Runs frames of the demo's tree, and looks at every answer."""

    def __init__(self, url):
        self._url = url
        self._tree = demo_tree()
        self._pictures = list(demo_digits().images)
        self._right = [self._tree.reference(picture) for picture in self._pictures]
        self.frames = self.wrong = 0
        self.connect()

    def connect(self):
        """Open a link; the seconds that it took."""
        began = time.perf_counter()
        self.device = connect(self._url, PATIENCE)
        took = time.perf_counter() - began
        self._runner = TreeRunner.open(self.device, self._tree, demo_budget(self._tree), policy="no_prefetch")
        return took

    def run(self, seconds):
        """Run frames for so long; the seconds that each took."""
        times = []
        end = time.perf_counter() + seconds
        while time.perf_counter() < end or len(times) < _LEAST_FRAMES:
            number = self.frames % len(self._pictures)
            began = time.perf_counter()
            result = self._runner.infer(self._pictures[number])
            times.append(time.perf_counter() - began)
            self.wrong += count_mismatches(result, *self._right[number]) > 0
            self.frames += 1
        return times


@contextmanager
def flood(kind, url, told):
    """A flood for as long as the block takes; what it did is added to ``told``."""
    command = [sys.executable, "-m", "tests.support.flooder", kind, url]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == BEGUN
        yield
    finally:
        output, _ = process.communicate(timeout=60)
        told.update(json.loads(output))


def prove_kind(kind, driver, url, seconds, stretches):
    """One kind of flood, several times in turn with quiet."""
    told = Counter()
    quiet, during, connects = [], [], []
    for _ in range(stretches):
        quiet += driver.run(seconds / stretches)
        with flood(kind, url, told):
            driver.run(min(SETTLING, seconds / stretches))
            during += driver.run(seconds / stretches)
            driver.device.close()
            connects.append(driver.connect())
            driver.run(0)
    quiet, during = statistics.median(quiet), statistics.median(during)
    return {
        "kind": kind,
        "p50_ms": round(quiet * 1e3, 1),
        "p50_ms_during": round(during * 1e3, 1),
        "ratio": round(during / quiet, 2),
        "connect_ms": round(max(connects) * 1e3),
        "sent_mb": round(told["sent"] / 1e6, 1),
        "connects": told["connects"],
    }


def most_lines_in_a_minute(log):
    """The most lines of a log whose times lie within 60 s."""
    times = [
        datetime.fromisoformat(line.split(" ", 1)[0].removeprefix("time=")).timestamp()
        for line in log.splitlines()
    ]
    first = most = 0
    for last, at in enumerate(times):
        while times[first] < at - 60:
            first += 1
        most = max(most, last - first + 1)
    return most


def resident_mib(daemon):
    """Resident memory of the daemon."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def prove(kinds, seconds, stretches=STRETCHES, report=lambda row: None):
    """Flood a daemon in every way; what came of it."""
    with tempfile.TemporaryDirectory(prefix="pixeltree-") as folder:
        daemon = Daemon("--listen", f"unix://{folder}/device", "--verbose", real=True)
        try:
            driver = Driver(daemon.url)
            driver.run(seconds)
            cold = resident_mib(daemon)
            for _ in range(FILLS):
                prove_kind("planes", driver, daemon.url, seconds, stretches=1)
            before = resident_mib(daemon)
            rows = []
            for kind in kinds:
                row = prove_kind(kind, driver, daemon.url, seconds, stretches)
                rows.append({**row, "mib": round(resident_mib(daemon), 1)})
                report(rows[-1])
            driver.device.close()
            growth = resident_mib(daemon) - before
            daemon.process.terminate()
            daemon.process.wait(timeout=60)  # then its log is whole
            log = daemon.errors()
        finally:
            daemon.stop()
    return {
        "floods": rows,
        "frames": driver.frames,
        "wrong": driver.wrong,
        "log_lines": len(log.splitlines()),
        "most_log_lines_in_a_minute": most_lines_in_a_minute(log),
        "left_out": sum(int(count) for count in re.findall(r'"more of the same".* count=(\d+)', log)),
        "internal_errors": log.count("internal error"),
        "fill_mib": round(before - cold, 1),
        "growth_mib": round(growth, 1),
    }


def faults(report):
    """What is not as it should be."""
    found = [
        f"{row['kind']}: frames took {row['ratio']} times as long"
        for row in report["floods"]
        if row["ratio"] > GREATEST_SLOWDOWN
    ]
    if report["wrong"] or report["internal_errors"]:
        found.append(f"{report['wrong']} wrong answers, {report['internal_errors']} internal errors")
    if report["most_log_lines_in_a_minute"] > GREATEST_LOG:
        found.append(f"{report['most_log_lines_in_a_minute']} log lines in a minute")
    if report["fill_mib"] > GREATEST_FILL_MIB:
        found.append(f"queues of floods of planes take {report['fill_mib']} MiB")
    if report["growth_mib"] > GREATEST_GROWTH_MIB:
        found.append(f"the daemon grew by {report['growth_mib']} MiB")
    return found


COLUMNS = ("kind", "p50_ms", "p50_ms_during", "ratio", "connect_ms", "sent_mb", "connects", "mib")


def show(row):
    """One line of the table."""
    cells = (str(row[name]).rjust(18 if name == "kind" else 13) for name in COLUMNS)
    sys.stdout.write(" ".join(cells) + "\n")
    sys.stdout.flush()


def main(arguments=None):
    """Prove it; returns 1 where something is not as it should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each flood")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    show({name: name for name in COLUMNS})
    report = prove(options.kinds, options.seconds, report=show)
    found = faults(report)
    rest = {name: value for name, value in report.items() if name != "floods"}
    sys.stdout.write(json.dumps(rest) + "\n" + "".join(f"FAILED {fault}\n" for fault in found))
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
