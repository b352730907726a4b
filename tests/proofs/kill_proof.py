"""A run of frames whose daemon is killed at random moments and started again: ``make kill-proof``.

Real processes and a unix socket. The device starts with nothing after each kill, so the host has to fill it
again and to repeat the frame in hand.

    python -m tests.proofs.kill_proof --kills 100 --frames 500 --json kills.json
"""

import argparse
import json
import logging
import random
import sys
import tempfile
import threading
import time
from pathlib import Path

from tests.support.command_line import Daemon

from pixeltree.demo.run import count_mismatches, demo_budget, demo_digits, demo_tree
from pixeltree.device.device import connect
from pixeltree.device.patience import Patience
from pixeltree.run import TreeRunner

PATIENCE = Patience(connect=10, answer=120, reconnect=120)
RETRIES = 20
"""Kills are random: several may hit one frame."""

LONGEST_WAIT = 0.06
"""Seconds between a served frame and the next kill, at most; so kills hit frames, swaps, and handshakes."""


class Killer(threading.Thread):
    """Kills the daemon and starts it again, at moments that the dice choose.

    Kills are spread over the run: the next one is due when so many frames are done.
    """

    def __init__(self, url, kills, frames, seed):
        super().__init__(name="killer")
        self.url = url
        self.kills = 0
        self.done_frames = 0
        self.error = None
        self.daemon_process = Daemon("--listen", url)
        self._dice = random.Random(seed)
        self.due = sorted(self._dice.randrange(1, frames) for _ in range(kills))
        self._over = threading.Event()

    def run(self):
        try:
            while self.due and not self._over.is_set():
                if self.done_frames < self.due[0]:
                    time.sleep(0.002)
                    continue
                time.sleep(self._dice.random() * LONGEST_WAIT)
                self.due.pop(0)
                self.daemon_process.stop()  # SIGKILL
                self.kills += 1
                self.daemon_process = Daemon("--listen", self.url)
        except BaseException as error:
            self.error = error
            raise

    def stop(self):
        self._over.set()
        self.join()
        self.daemon_process.stop()


def essence(result):
    """What must not depend on what happened meanwhile."""
    visits = tuple((visit.node, visit.outcome, visit.logits) for visit in result.path)
    return result.frame, result.label, visits


def run_frames(url, frames, progress=lambda done: None):
    """The demo's frames; the essence of each result, and how many logits differ from the reference."""
    tree = demo_tree()
    pictures = list(demo_digits().images)
    wrong = repeats = 0
    results = []
    with connect(url, PATIENCE) as device:
        runner = TreeRunner.open(device, tree, demo_budget(tree), retries=RETRIES, policy="no_prefetch")
        for number in range(frames):
            picture = pictures[number % len(pictures)]
            result = runner.infer(picture)
            results.append(essence(result))
            wrong += count_mismatches(result, *tree.reference(picture))
            repeats += result.repeats
            progress(number + 1)
        return results, wrong, repeats, device.cuts


def prove(kills, frames, seed):
    """Run undisturbed, then with kills, and compare."""
    with tempfile.TemporaryDirectory(prefix="pixeltree-") as folder:
        url = f"unix://{folder}/device"
        daemon = Daemon("--listen", url)
        try:
            undisturbed, wrong_before, _, _ = run_frames(url, frames)
        finally:
            daemon.stop()
        began = time.perf_counter()
        killer = Killer(url, kills, frames, seed)
        killer.start()
        try:
            results, wrong, repeats, cuts = run_frames(url, frames, lambda done: note(killer, done))
        finally:
            killer.stop()
    assert killer.error is None
    return {
        "frames": len(results),
        "kills": killer.kills,
        "differences": sum(a != b for a, b in zip(undisturbed, results, strict=True)),
        "wrong": wrong_before + wrong,
        "repeats": repeats,
        "reconnects": cuts,
        "seconds": round(time.perf_counter() - began, 1),
    }


def note(killer, done):
    """A frame is done; a run that is ahead of its kills waits for the one that is due."""
    killer.done_frames = done
    while killer.is_alive() and killer.due and killer.due[0] <= done - 2:
        time.sleep(0.002)


def main(arguments=None):
    """Prove it; returns 1 where a result differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--frames", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args(arguments)
    logging.disable(logging.CRITICAL)
    report = prove(options.kills, options.frames, options.seed)
    sys.stdout.write(json.dumps(report) + "\n")
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    bad = report["differences"] or report["wrong"] or report["kills"] < options.kills
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
