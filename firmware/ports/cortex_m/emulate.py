"""Run the firmware's Thumb code on an emulated Cortex-M4: its UART at a socket, its array at another one.

    python -m firmware.ports.cortex_m.emulate firmware/build/cortex_m.elf --array unix:///tmp/array0

Instructions are executed one by one and counted; they are not cycles. The board is the one of board.h.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import secrets
import select
import signal
import socket
import struct
import sys
import time
import tty
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from firmware.ports.cortex_m.counting import Counter
from firmware.ports.cortex_m.elf import Elf
from unicorn import UC_ARCH_ARM, UC_MODE_MCLASS, UC_MODE_THUMB, Uc, UcError
from unicorn.arm_const import UC_ARM_REG_PC, UC_ARM_REG_SP

from pixeltree_protocol.objects.program import STEPS

FLASH, FLASH_SIZE = 0x1A000000, 512 << 10
RAM, RAM_SIZE = 0x10000000, 128 << 10
STORE, STORE_SIZE = 0x20000000, 64 << 10
UART, ARRAY_CHANNEL, CLOCK, RANDOM, SLEEP, STOPPED, SETTINGS = (
    0x40000000 + 0x1000 * number for number in range(7)
)
PAGE = 0x1000
SLICE = 2_000_000
"""Instructions between two looks at whether the emulator was told to stop."""

STACK_PATTERN = 0xA5


class Stopped(Exception):
    """The firmware gave up, or a peripheral is gone; the text says why."""


RECEIVE, RECEIVE_ALL = 12, 16
"""Registers of a channel that the firmware reads: what has come in, or as much as was asked for."""


class Channel(ABC):
    """A stream of bytes that the firmware moves by DMA."""

    def __init__(self, memory: Uc) -> None:
        self._memory = memory
        self._address = 0
        self._size = 0

    def write(self, offset: int, value: int) -> None:
        """The firmware writes a register."""
        if offset == 0:
            self._address = value
        elif offset == 4:
            self._size = value
        elif offset == 8:
            self.send(bytes(self._memory.mem_read(self._address, self._size)))

    def read(self, offset: int) -> int:
        """The firmware reads a register; what comes in goes to its memory."""
        data = self.receive(self._size, offset == RECEIVE_ALL) if offset in (RECEIVE, RECEIVE_ALL) else b""
        if data:
            self._memory.mem_write(self._address, data)
        return len(data)

    @abstractmethod
    def send(self, data: bytes) -> None:
        """Bytes go out."""

    @abstractmethod
    def receive(self, size: int, whole: bool) -> bytes:
        """What has come in, at most so much; where it must be whole, all of it, however long that takes."""


class Line(Channel):
    """A serial line to a host. It never waits for bytes: the firmware asks for what is there."""

    @abstractmethod
    def waits(self, seconds: float) -> bool:
        """Whether bytes of a host wait, after so much time at most."""


class ArrayChannel(Channel):
    """A connection to ``pixeltree emulate-array``."""

    def __init__(self, memory: Uc, url: str) -> None:
        super().__init__(memory)
        parts = urlsplit(url)
        if parts.scheme == "unix":
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.connect(parts.path)
        else:
            self._socket = socket.create_connection((parts.hostname, parts.port))
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._stream = self._socket.makefile("rb", buffering=1 << 16)

    def send(self, data: bytes) -> None:
        """A batch, or a part of one."""
        self._socket.sendall(data)

    def receive(self, size: int, whole: bool) -> bytes:
        """An answer, or a part of one: the firmware knows how long it is."""
        data = self._stream.read(size)
        if len(data) < size:
            raise Stopped("the array is gone")
        return data


class Uart(Line):
    """A serial line whose other end is a socket: one host at a time, and the line stays up between them."""

    def __init__(self, memory: Uc, listener: socket.socket) -> None:
        super().__init__(memory)
        self._listener = listener
        self._host: socket.socket | None = None

    def send(self, data: bytes) -> None:
        """Bytes for the host; nobody hears them where none is there."""
        if self._host is not None:
            try:
                self._host.sendall(data)
            except OSError:
                self._hang_up()

    def receive(self, size: int, whole: bool) -> bytes:
        """Bytes of the host."""
        if not self.waits(0):
            return b""
        if self._host is None:
            return b""
        try:
            data = self._host.recv(size)
        except OSError:
            data = b""
        if not data:
            self._hang_up()
        return data

    def waits(self, seconds: float) -> bool:
        """Whether bytes of a host wait, after so much time at most."""
        watched = [self._listener] if self._host is None else [self._host, self._listener]
        readable = select.select(watched, [], [], seconds)[0]
        if self._listener in readable:
            self._hang_up()  # the newest connection has the line
            self._host = self._listener.accept()[0]
            if self._host.family != socket.AF_UNIX:
                self._host.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            readable = select.select([self._host], [], [], seconds)[0]
        return self._host in readable

    def _hang_up(self) -> None:
        if self._host is not None:
            self._host.close()
            self._host = None


class Terminal(Line):
    """A serial line whose other end is a pseudo terminal."""

    def __init__(self, memory: Uc, near: int) -> None:
        super().__init__(memory)
        self._near = near

    def send(self, data: bytes) -> None:
        """Bytes for the host; the terminal keeps them until somebody reads."""
        while data:
            data = data[os.write(self._near, data) :]

    def receive(self, size: int, whole: bool) -> bytes:
        """Bytes of the host."""
        return os.read(self._near, size) if self.waits(0) else b""

    def waits(self, seconds: float) -> bool:
        """Whether bytes of a host wait, after so much time at most."""
        return bool(select.select([self._near], [], [], seconds)[0])


class Board:
    """The processor with its memory and peripherals.

    Args:
        elf: the program.
        line: makes what the UART is connected to.
        array: URL of the array.
        settings: heartbeat, silence and resume, ms.
        counts: whether to count the instructions of functions, which takes several times as long.
    """

    def __init__(
        self,
        elf: Elf,
        line: Callable[[Uc], Line],
        array: str,
        settings: Sequence[int],
        counts: bool = False,
    ) -> None:
        self._started = time.monotonic()
        self._cpu = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        for start, size in ((FLASH, FLASH_SIZE), (RAM, RAM_SIZE), (STORE, STORE_SIZE)):
            self._cpu.mem_map(start, size)
        self._cpu.mem_write(RAM, bytes([STACK_PATTERN]) * RAM_SIZE)
        for address, data in elf.segments():
            self._cpu.mem_write(address, data)
        self._painted = elf.sections[".bss"].address + elf.sections[".bss"].size
        self.counter = Counter(self._cpu, elf, name_of_step) if counts else None
        self._stops = False
        self._uart = line(self._cpu)
        self._failure: BaseException | None = None
        self._map(UART, self._uart.read, self._uart.write)
        channel = ArrayChannel(self._cpu, array)
        self._map(ARRAY_CHANNEL, channel.read, channel.write)
        self._map(CLOCK, self._clock, None)
        self._map(RANDOM, lambda _: secrets.randbits(32), None)
        self._map(SLEEP, lambda _: 0, lambda _offset, _value: self._sleep())
        self._map(SETTINGS, lambda offset: settings[offset // 4], None)
        self._map(STOPPED, lambda _: 0, self._stop)

    def _map(self, at: int, read: object, write: object) -> None:
        def reads(_cpu: Uc, offset: int, _size: int, _data: object) -> int:
            try:
                return read(offset)  # type: ignore[operator]
            except (Stopped, OSError) as error:
                return self._fail(error)

        def writes(_cpu: Uc, offset: int, _size: int, value: int, _data: object) -> None:
            try:
                if write is not None:
                    write(offset, value)  # type: ignore[operator]
            except (Stopped, OSError) as error:
                self._fail(error)

        self._cpu.mmio_map(at, PAGE, reads, None, writes, None)

    def _fail(self, error: BaseException) -> int:
        self._failure = error
        self._cpu.emu_stop()
        return 0

    def _clock(self, offset: int) -> int:
        milliseconds = int((time.monotonic() - self._started) * 1000)
        return (milliseconds >> 32 if offset else milliseconds) & 0xFFFFFFFF

    def _sleep(self) -> None:
        self._uart.waits(0.001)
        if self._stops:
            self._cpu.emu_stop()

    def _stop(self, _offset: int, value: int) -> None:
        text = bytes(self._cpu.mem_read(value, 120)).split(b"\0")[0].decode(errors="replace")
        raise Stopped(f"the firmware gave up: {text}")

    def stop(self) -> None:
        """Let `run` return soon."""
        self._stops = True

    def run(self) -> None:
        """Run until it is told to stop.

        Raises:
            Stopped: the firmware gave up, or its array is gone.
        """
        stack, start = struct.unpack("<II", self._cpu.mem_read(FLASH, 8))
        self._cpu.reg_write(UC_ARM_REG_SP, stack)
        at = start
        while not self._stops:
            try:
                self._cpu.emu_start(at | 1, 0, count=SLICE)
            except UcError as error:
                at = self._cpu.reg_read(UC_ARM_REG_PC)
                raise Stopped(f"{error} at {at:#x}") from error
            if self._failure is not None:
                raise Stopped(str(self._failure))
            at = self._cpu.reg_read(UC_ARM_REG_PC)

    def stack_bytes(self) -> int:
        """How deep the stack ever went: RAM above .bss was painted, and the stack grows down to it."""
        painted = bytes(self._cpu.mem_read(self._painted, RAM + RAM_SIZE - self._painted))
        return len(painted.lstrip(bytes([STACK_PATTERN])))


def name_of_step(opcode: int) -> str:
    """As docs/reference/controller_api.md has it."""
    return next((form.step.__name__ for form in STEPS if form.opcode == opcode), str(opcode))


def line_at(url: str) -> tuple[Callable[[Uc], Line], str]:
    """What makes the line at a URL of this machine, and the URL for hosts."""
    if url == "terminal":
        near, far = os.openpty()
        tty.setraw(far)
        return (lambda cpu: Terminal(cpu, near)), f"serial://{os.ttyname(far)}"
    parts = urlsplit(url)
    if parts.scheme == "tcp" and parts.hostname in ("127.0.0.1", "localhost"):
        server = socket.create_server(("127.0.0.1", parts.port or 0))
        return (lambda cpu: Uart(cpu, server)), f"tcp://127.0.0.1:{server.getsockname()[1]}"
    raise SystemExit(f"error: cannot listen at {url}; use tcp://127.0.0.1:PORT or terminal")


def main() -> int:
    """Run until Ctrl-C; exit status 70 where the firmware gave up."""
    parser = argparse.ArgumentParser(description="Run the firmware on an emulated Cortex-M4.")
    parser.add_argument("image", type=Path, help="the ELF file: make firmware-cortex-m")
    parser.add_argument("--array", required=True, metavar="URL", help="where pixeltree emulate-array serves")
    parser.add_argument(
        "--listen",
        default="tcp://127.0.0.1:0",
        metavar="URL",
        help="where hosts find the UART: tcp://127.0.0.1:PORT, or 'terminal' for a pseudo terminal",
    )
    for name, default in (("heartbeat", 1_000), ("silence", 5_000), ("resume", 30_000)):
        parser.add_argument(f"--{name}-ms", type=int, default=default, metavar="N")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="write how deep the stack went, at the end, as JSON"
    )
    parser.add_argument(
        "--count", action="store_true", help="count instructions of functions, for the report"
    )
    options = parser.parse_args()
    line, url = line_at(options.listen)
    settings = (options.heartbeat_ms, options.silence_ms, options.resume_ms)
    board = Board(Elf(options.image.read_bytes()), line, options.array, settings, options.count)
    signal.signal(signal.SIGTERM, lambda *_: board.stop())
    signal.signal(signal.SIGINT, lambda *_: board.stop())
    sys.stdout.write(f"listening on {url}\n")
    sys.stdout.flush()
    try:
        board.run()
    except Stopped as error:
        sys.stderr.write(f"error: {error}\n")
        return 70
    if options.report:
        options.report.write_text(json.dumps(report(board), indent=1) + "\n")
    return 0


def report(board: Board) -> dict[str, object]:
    """What a run showed."""
    counts = board.counter.counts if board.counter else {}
    return {
        "stack_bytes": board.stack_bytes(),
        "frames": board.counter.per_frame() if board.counter else [],
        "counts": {name: dataclasses.asdict(count) for name, count in sorted(counts.items())},
    }


if __name__ == "__main__":
    sys.exit(main())
