"""How fast the vendor's programs run on an emulated array: a C++ program with the vendor's names is timed."""

from __future__ import annotations

import importlib.util
import itertools
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from pixeltree.bench.link import cpu_seconds
from pixeltree.errors import DataError
from pixeltree.links.emulator import EmulatorProcess

LEAST_FRAMES = 60
"""Frames a second of 300 packets, on two cores."""

AIMED_ANSWERS = 20_000
PACKETS = (300, 3_000)
SECONDS = 3.0
LOOKS_OUT = ("0", "300")
"""Microseconds for which the program looks out for an answer before it sleeps; the vendor's client sleeps."""

_COMPILE_TIME = 900
_SCHEME = "vendor-sim://"


def bench_vendor(
    packets: Sequence[int] = PACKETS,
    seconds: float = SECONDS,
    options: Sequence[str] = (),
    progress: Callable[[str], None] = lambda step: None,
) -> dict[str, Any]:
    """Time frames of a program in C++ that drives an emulated array.

    Args:
        packets: packets in a frame, of which half wait for an answer; each is a run of its own.
        seconds: how long frames are timed in each run.
        options: of the emulator, as ``--preset=typical``.
        progress: is told what comes next.

    Returns:
        ``runs``, two for each number of packets: in the first the program sleeps at once, as the vendor's
        client does. ``looks_out_us``, ``packets_per_frame``, ``frames_per_s``,
        ``us_per_kernel_call`` (a kernel of four macros and a read-out that waits for it), ``answers_per_s``,
        ``client_ms_per_frame`` and ``daemon_ms_per_frame`` (processor time); and the ``machine``.

    Raises:
        DataError: there is no C++ compiler, or it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        progress("compiling the program")
        program = compile_program(vendor_folder() / "bench.cpp", Path(folder) / "bench")
        runs = []
        for count, looks_out in itertools.product(packets, LOOKS_OUT):
            progress(f"frames of {count} packets")
            runs.append(_run(program, count, looks_out, seconds, options))
    machine = f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return {"runs": runs, "machine": machine}


def _run(
    program: Path, packets: int, looks_out: str, seconds: float, options: Sequence[str]
) -> dict[str, Any]:
    with EmulatorProcess(f"--listen={_SCHEME}127.0.0.1:0", *options) as emulator:
        address = next(url for url in emulator.urls if url.startswith(_SCHEME)).removeprefix(_SCHEME)
        spent: dict[str, float | None] = {}
        with subprocess.Popen(
            [program, str(packets), str(seconds)],
            env={
                **os.environ,
                "PIXELTREE_VENDOR_SIM": address,
                "PIXELTREE_VENDOR_SIM_LOOKS_OUT": looks_out,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            last = ""
            for line in running.stdout:
                last = line.strip()
                spent[last] = cpu_seconds(emulator.pid)
            said = running.stderr.read().strip()
    if running.returncode:
        raise DataError(f"the program ended with status {running.returncode}: {said}")
    figures: dict[str, Any] = {"looks_out_us": int(looks_out)} | json.loads(last)
    before, after = spent.get("frames"), spent.get("kernels")
    if before is not None and after is not None:
        figures["daemon_ms_per_frame"] = round((after - before) / figures.pop("frames") * 1e3, 2)
    return figures


def vendor_folder() -> Path:
    """The folder of the C++ headers and programs: of a clone, or of the installed package.

    Raises:
        DataError: it is not there.
    """
    package = Path(__file__).parents[1]
    for folder in (package.parents[1] / "examples" / "vendor_api", package / "data" / "vendor_api"):
        if (folder / "scamp5.hpp").exists():
            return folder
    raise DataError("the C++ headers are not installed; clone the repository, which has examples/vendor_api")


def compile_program(source: Path, target: Path, *options: str) -> Path:
    """Compile a C++ program with the vendor's names.

    Args:
        source: its only file.
        target: the program.
        options: more options of the compiler.

    Raises:
        DataError: there is no C++ compiler, or it fails.
    """
    include = f"-I{vendor_folder()}"
    command = [*compiler(), "-std=c++17", "-O2", *options, include, str(source), "-o", str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILE_TIME, check=False)
    if done.returncode:
        raise DataError(f"{' '.join(command)} failed:\n{done.stderr.strip()}")
    return target


def compiler() -> list[str]:
    """A C++ compiler: ``$CXX``, what the system has, or the one that the package ziglang brings.

    Raises:
        DataError: there is none.
    """
    for name in (os.environ.get("CXX"), "g++", "clang++", "c++"):
        if name and shutil.which(name):
            return [name]
    if importlib.util.find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang", "c++"]
    raise DataError("there is no C++ compiler; install g++ or clang++, or: pip install ziglang")
