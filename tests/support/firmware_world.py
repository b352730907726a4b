"""The firmware's core in the place of the emulated device: same host, same faulty wires, same clock.

The core is a process that is moved step by step (``firmware/ports/fuzz``), with an emulated array behind a
socket. Its loss of power is ``kill -9``.
"""

import contextlib
import sys
import tempfile
from pathlib import Path

from firmware.ports.cortex_m.start import serving
from tests.support.stepped_firmware import FuzzWire, SteppedFirmware, build
from tests.support.world import World

from pixeltree.errors import LinkError
from pixeltree_emu.errors import WireClosed

TICK = 0.005
"""Seconds between two looks of an idle controller at its wires."""

PLACES = {"computer": 4, "microcontroller": 1}
"""Wires that it has room for, by its limits."""

WINDOWS = {"computer": 65_536, "microcontroller": 3_072}
"""Bytes that a host may have under way, by its limits."""


class Booted(SteppedFirmware):
    """The controller since its power came; what ``World`` knows of a device."""

    def __init__(self, program, seed, array):
        super().__init__(program, None, seed, array)
        self.before = 0
        self.twice = []  # nobody looks into it: requests that it acted on twice show as frames too many


class Seat:
    """One of the controller's wires, with the device's end of what is plugged in there."""

    def __init__(self, end, number):
        self.wire = end
        self.number = number
        self.buffer = FuzzWire()
        self.cut = True  # the first bytes are those of a new wire
        self.gone = False

    def close(self):
        self.wire.close()

    def take(self):
        """Bytes that have come in, or that the wire is gone."""
        try:
            while (data := self.wire.read()) is not None:
                if not data:
                    if self.wire.persistent:
                        return
                    raise WireClosed("the host left")
                self.buffer.incoming += data
        except WireClosed:
            self.gone = True

    def put(self):
        """Bytes that wait go out, as many as the wire takes."""
        if self.buffer.outgoing:
            taken = self.wire.write(bytes(self.buffer.outgoing))
            del self.buffer.outgoing[:taken]


class FirmwareWorld(World):
    """A controller of the firmware's, and the wires to it.

    Args:
        program: the core, stepped, with an array behind a socket.
        url: that array.
        limits: a key of ``WINDOWS``.
    """

    def __init__(self, faults, seed, program, url, limits, serial=False):
        self._program = program
        self._url = url
        self._limits = limits
        self.device = None
        super().__init__(faults, seed, None, serial or PLACES[limits] == 1)

    @property
    def window(self):
        return WINDOWS[self._limits]

    @property
    def driver_resent(self):
        return self.device.resent

    @property
    def device_resent(self):
        return self.device.resent

    def boot(self):
        if self.device is not None:
            self.device.stop()
        self.device = Booted(self._program, self.dice.randrange(1 << 32), self._url)
        self.device.now = self.now
        self.boot_serial()

    def connect(self, end):
        taken = {seat.number for seat in self.clients}
        free = [number for number in range(PLACES[self._limits]) if number not in taken]
        if not free:
            raise LinkError("all its wires are taken")
        self.clients.append(Seat(end, free[0]))

    def next_event(self, down):
        if down:
            return self.down_until
        due = [seat.wire.wire.next("device") for seat in self.clients]
        due += [seat.wire.wire.next("host") for seat in self.clients]
        return min((time for time in due if time is not None and time > self.now), default=self.now + TICK)

    def turn(self):
        if self.down_until:
            self.down_until = 0.0
            self.boot()
        for seat in self.clients:
            seat.take()
            elapsed = max(0.0, self.now - self.device.now)
            self.device.turn(seat.buffer, seat.number, int(elapsed * 1000) / 1000, cut=seat.cut)
            seat.cut = False
            if seat.wire.persistent:  # the controller may give up on who is there, and not on the cable
                seat.put()
            elif seat.buffer.closed or seat.gone:
                seat.buffer.outgoing.clear()
                seat.gone = True
            else:
                seat.put()
        for seat in [seat for seat in self.clients if seat.gone]:
            seat.close()
            self.device.turn(FuzzWire(), seat.number, 0.0, cut=True)
            self.clients.remove(seat)

    def end(self):
        """Stop the process; what its sanitizers have to say is raised."""
        self.device.stop()


@contextlib.contextmanager
def worlds_of_firmware(limits):
    """Compile the core, start an array; yields what ``run_schedule`` makes its worlds with, one at a time.

    Args:
        limits: a key of ``WINDOWS``.
    """
    with tempfile.TemporaryDirectory(prefix="firmware") as folder:
        program = Path(folder) / "core"
        build(program, limits == "microcontroller", array=True)
        command = (
            sys.executable,
            "-P",
            "-m",
            "pixeltree_emu.array_port",
            "--listen",
            f"unix://{folder}/array",
        )
        with serving(*command) as url:
            made = []

            def world_of(faults, seed, serial):
                end_last()
                made.append(FirmwareWorld(faults, seed, program, url, limits, serial))
                return made[-1]

            def end_last():
                while made:
                    made.pop().end()

            try:
                yield world_of
            finally:
                end_last()
