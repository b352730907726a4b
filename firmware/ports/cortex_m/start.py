"""Start an emulated array and the firmware on an emulated Cortex-M4 at it, run a command, and stop both.

    python -m firmware.ports.cortex_m.start firmware/build/cortex_m.elf -- pixeltree demo --device {url}

Options between the file and -- are those of emulate.py. {url} stands for the device's URL.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
STOP_S = 60


@contextlib.contextmanager
def serving(*command: str) -> Iterator[str]:
    """A process that says where it serves at the end of its first line; the URL.

    Raises:
        RuntimeError: it ended, or did not stop without a complaint.
    """
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            words = process.stdout.readline().split()
            if not words:
                raise RuntimeError(f"{' '.join(command)} did not start")
            yield words[-1]
        finally:
            process.terminate()
            status = process.wait(STOP_S)
    if status not in (0, -15):
        raise RuntimeError(f"{' '.join(command)} ended with status {status}")


@contextlib.contextmanager
def board(image: Path, *options: str, array: Sequence[str] = ()) -> Iterator[str]:
    """An emulated board with an emulated array; the device's URL.

    Args:
        image: the ELF file.
        options: of emulate.py.
        array: options of the array.
    """
    with tempfile.TemporaryDirectory(prefix="array") as folder:
        python = (sys.executable, "-P", "-m")
        url = f"unix://{folder}/array"
        emulate = (sys.executable, "-m", "firmware.ports.cortex_m.emulate", str(image.resolve()))
        with (
            serving(*python, "pixeltree_emu.array_port", "--listen", url, *array) as array_url,
            serving(*emulate, "--array", array_url, *options) as device_url,
        ):
            yield device_url


def main() -> int:
    """Exit status is the command's."""
    if "--" not in sys.argv or len(sys.argv) < 2:
        sys.stderr.write(__doc__ or "")
        return 2
    at = sys.argv.index("--")
    image, *options = sys.argv[1:at]
    with board(Path(image), *options) as url:
        command = [word.replace("{url}", url) for word in sys.argv[at + 1 :]]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
