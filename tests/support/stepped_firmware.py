"""The firmware's core as a process whose clock and wires are moved from here: ``firmware/ports/fuzz``."""

from __future__ import annotations

import struct
import subprocess
from pathlib import Path

FIRMWARE = Path(__file__).resolve().parents[2] / "firmware"
SMALL = ('-DPORT_LIMITS="../ports/cortex_m/limits.h"',)
SANITIZE = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover")
CUT = 128


def build(
    target: Path, small: bool, array: bool = False, core: Path | None = None, optimize: str = "-O1"
) -> None:
    """Compile it with sanitizers.

    Args:
        target: the program.
        small: with the limits of the microcontroller's port.
        array: with an array behind a socket; otherwise read-outs are noise.
        core: where the core's sources lie, if elsewhere.
        optimize: what the compiler is told about it.

    Raises:
        subprocess.CalledProcessError: the compiler said why on standard error.
    """
    ports = FIRMWARE / "ports"
    behind = (
        (ports / "fuzz/array_at_socket.c", ports / "array_channel.c", ports / "linux/array_socket.c")
        if array
        else (ports / "fuzz/no_array.c",)
    )
    sources = [*sorted((core or FIRMWARE / "core").glob("*.c")), ports / "fuzz/main.c", *behind]
    options = ("-std=c99", optimize, *SANITIZE, *(SMALL if small else ()), "-o", str(target))
    subprocess.run(["cc", *options, *map(str, sources)], check=True)


class FuzzWire:
    """What a peer of ``fuzz_target`` writes to and reads from."""

    def __init__(self) -> None:
        self.incoming = bytearray()
        self.outgoing = bytearray()
        self.closed = False


class SteppedFirmware:
    """The process, and the clock that it lives by.

    Attributes:
        now: the time, in seconds.
        busy: whether there is more to do at once.
        frames: that it has done.
        resent: bytes that its sessions have sent again.
    """

    def __init__(self, program: Path, token: bytes | None = None, seed: int = 1, array: str = "") -> None:
        self.now = 0.0
        self.busy = False
        self.frames = 0
        self.resent = 0
        arguments = [token.decode() if token else "-", str(seed), *([array] if array else [])]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen([program, *arguments], stdin=pipe, stdout=pipe, stderr=pipe)

    def turn(self, wire: FuzzWire, number: int, seconds: float = 0.0, cut: bool = False) -> None:
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
            head = struct.pack("<BII", number + CUT * cut, round(seconds * 1000), len(data))
            stdin.write(head + data)
            stdin.flush()
            flags, self.frames, self.resent, size = struct.unpack("<BIII", stdout.read(13))
            wire.outgoing += stdout.read(size)
        except (OSError, struct.error):
            raise RuntimeError(self.last_words()) from None
        wire.closed = bool(flags & 1)
        self.busy = bool(flags & 2)

    def last_words(self) -> str:
        """What it wrote before it died."""
        self._process.kill()
        return self._process.communicate()[1].decode(errors="replace")[-3_000:]

    def stop(self) -> None:
        """End the process: its power is gone."""
        self._process.kill()
        self._process.communicate()
