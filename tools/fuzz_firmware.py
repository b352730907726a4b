"""Random and damaged frames against the firmware, compiled with address and undefined-behaviour sanitizers.

    python -m tools.fuzz_firmware --frames 200000

The core runs in a process of its own (firmware/ports/fuzz) with a clock and wires that this tool moves, and
without an array. Half of the rounds have the limits of a computer, half those of the microcontroller's port;
every fourth round wants a token. After every thousand frames an honest host must get its answer.
"""

from __future__ import annotations

import argparse
import json
import random
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.support.fuzz_target import TOKEN, Peer
from tests.support.hostile import Hostility

from pixeltree_protocol.link.connection import HostConnection, Received
from pixeltree_protocol.link.messages import Ping, Pong, Role

FIRMWARE = Path(__file__).resolve().parents[1] / "firmware"
ROUND, LOOK = 10_000, 1_000
SMALL = ('-DPORT_LIMITS="../ports/cortex_m/limits.h"',)


def build(target: Path, small: bool, compiler: str = "cc", optimize: str = "-O1") -> None:
    """Compile the core with sanitizers.

    Raises:
        subprocess.CalledProcessError: the compiler said why on standard error.
    """
    sources = sorted([*(FIRMWARE / "core").glob("*.c"), *(FIRMWARE / "ports/fuzz").glob("*.c")])
    options = ("-std=c99", optimize, "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover")
    subprocess.run(
        [compiler, *options, *(SMALL if small else ()), "-o", str(target), *map(str, sources)], check=True
    )


class FuzzWire:
    """What a peer of tests/support/fuzz_target.py writes to and reads from."""

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.closed = False


class Firmware:
    """The process, and the clock that it lives by."""

    def __init__(self, program: Path, token: bytes | None) -> None:
        self.now = 0.0
        self._process = subprocess.Popen(
            [program, *([token.decode()] if token else [])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def turn(self, wire: FuzzWire, number: int, seconds: float = 0.0) -> None:
        """Time passes, bytes go in, and what comes out lies on the wire.

        Raises:
            RuntimeError: it died; the text is what sanitizers said.
        """
        data = bytes(wire.incoming)
        wire.incoming.clear()
        self.now += seconds
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        try:
            stdin.write(struct.pack("<BII", number, round(seconds * 1000), len(data)) + data)
            stdin.flush()
            head = stdout.read(5)
            closed, size = struct.unpack("<BI", head)
            wire.outgoing += stdout.read(size)
        except (OSError, struct.error):
            raise RuntimeError(self.last_words()) from None
        wire.closed = bool(closed)

    def last_words(self) -> str:
        """What it wrote before it died."""
        self._process.kill()
        return self._process.communicate()[1].decode(errors="replace")[-3_000:]

    def stop(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()


def serves(firmware: Firmware, token: bytes | None, dice: random.Random) -> bool:
    """Whether an honest host gets its answer, at most a minute later, when sessions have ended."""
    firmware.turn(FuzzWire(), 0, 6.0)  # who is silent is gone
    wire = FuzzWire()
    host = HostConnection("honest", dice.randbytes, Role.DRIVE, token)
    host.connect(firmware.now)
    asked = None
    for _ in range(600):
        wire.incoming += host.data_to_send(firmware.now)
        firmware.turn(wire, 0, 0.1)
        events = host.receive_data(bytes(wire.outgoing), firmware.now)
        wire.outgoing.clear()
        if any(isinstance(event, Received) and isinstance(event.message, Pong) for event in events):
            host.leave()
            wire.incoming += host.data_to_send(firmware.now)
            firmware.turn(wire, 0)
            return True
        if host.welcome is not None and asked is None:
            asked = host.send(Ping(7))
    return False


def attack(firmware: Firmware, frames: int, token: bytes | None, dice: random.Random) -> str | None:
    """Send so many frames on a few wires; what was found."""
    hostility = Hostility(dice)
    peers: list[Peer | None] = [None, None]
    for done in range(0, frames, LOOK):
        sent = 0
        while sent < LOOK:
            number = dice.randrange(len(peers))
            peer = peers[number]
            if peer is None or peer.wire.closed or dice.random() < 0.005:
                peer = peers[number] = Peer(
                    dice, FuzzWire(), token, Role.OBSERVE if dice.random() < 0.2 else Role.DRIVE
                )
                peer.host.connect(firmware.now)
            if peer.greets:
                peer.wire.incoming += peer.host.data_to_send(firmware.now)
            for _ in range(dice.randint(1, 12)):
                frame, in_order = hostility.frame(peer.numbers(), peer.session, peer.tame)
                peer.wire.incoming += frame
                peer.sequence = (peer.sequence + in_order) % 0x10000
                sent += 1
            firmware.turn(peer.wire, number, dice.choice((0.0, 0.001, 0.02, 0.3)))
            if peer.reads:
                peer.read(firmware.now)
            if dice.random() < 0.001:
                firmware.turn(peer.wire, number, dice.choice((6.0, 40.0)))
        if not serves(firmware, token, dice):
            return f"it does not serve an honest host after {done + LOOK} frames"
    return None


def fuzz(
    programs: tuple[Path, Path], frames: int, seed: int, first: int = 0, round_frames: int = ROUND
) -> list[str]:
    """Round after round; what was found."""
    findings, done, number = [], 0, first
    while done < frames:
        dice, size = random.Random(f"{seed} {number}"), min(round_frames, frames - done)
        token = TOKEN if number % 4 == 3 else None
        firmware = Firmware(programs[number % 2], token)
        try:
            found = attack(firmware, size, token, dice)
        except RuntimeError as error:
            found = str(error)
        finally:
            firmware.stop()
        if found:
            findings.append(f"round {number}: {found}")
        done += size
        number += 1
        sys.stderr.write(f"round {number}: {done:,} of {frames:,} frames, {len(findings)} findings\n")
    return findings


def main() -> int:
    """Fuzz; returns 1 where anything was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first-round", type=int, default=0, help=f"go on from here; {ROUND} frames each")
    options = parser.parse_args()
    began = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        programs = Path(folder) / "large", Path(folder) / "small"
        for program, small in zip(programs, (False, True), strict=True):
            build(program, small)
        findings = fuzz(programs, options.frames, options.seed, options.first_round)
    report = {"frames": options.frames, "findings": findings, "cpu_s": round(time.process_time() - began, 1)}
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
