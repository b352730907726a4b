"""The fenced blocks of README and documentation: found, run, or only checked where they cannot run here.

A block says by its language what it is:

- ``bash`` and ``python`` are run, page by page, in a fresh folder with the clone's recipes and examples. All
  Python blocks of a page share one namespace. A bash block that only starts ``pixeltree emulate`` runs until
  the page ends.
- ``output`` is what the block before it prints; ``...`` stands for anything.
- All others (``text``, ``toml``, ``json``, ...) are material to read.
- ``title="NAME.toml"``, or another name with a suffix, makes it a file, which later blocks of the page use.
- ``title="Not run by the tests: REASON"`` keeps a block from being run. Readers see the title above it.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import sysconfig
import textwrap
from dataclasses import dataclass
from pathlib import Path

from tests.support.command_line import pixeltree
from tests.support.forked_programs import programs
from tests.support.forking import PYTHON

ROOT = Path(__file__).resolve().parents[2]
NOT_RUN = "Not run by the tests: "
PORTS = (27900, 27715, 27888)
"""The ports of all examples; each page gets free ones in their places."""

_FENCE = re.compile(r"(?P<indent> *)(?P<ticks>`{3,})(?P<info>.*)")
_INFO = re.compile(r'(?P<language>\w+)(?: title="(?P<title>[^"]+)")?')
_FILE = re.compile(r"\w+\.\w+")
_RUN_SECONDS = 300


@dataclass(frozen=True)
class Block:
    """A fenced block; ``line`` is that of its first line of text."""

    page: Path
    line: int
    language: str
    title: str
    text: str

    @property
    def reason(self) -> str | None:
        """Why it is not run; None where it is."""
        return self.title.removeprefix(NOT_RUN) if self.title.startswith(NOT_RUN) else None

    @property
    def where(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """README and all pages of the site."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order.

    Raises:
        ValueError: a block that does not say what it is as ``_INFO`` has it, or does not end.
    """
    found: list[Block] = []
    lines = iter(enumerate(page.read_text().splitlines(), 1))
    for number, line in lines:
        if not (fence := _FENCE.fullmatch(line)):
            continue
        info = _INFO.fullmatch(fence["info"].strip())
        if info is None:
            raise ValueError(f'{page}:{number}: a block begins as ```bash or ```bash title="...", not {line}')
        text: list[str] = []
        for _, inner in lines:
            if inner.strip() == fence["ticks"]:
                break
            text.append(inner)
        else:
            raise ValueError(f"{page}:{number}: this block does not end")
        dedented = textwrap.dedent("\n".join(text)) + "\n"
        found.append(Block(page, number + 1, info["language"], info["title"] or "", dedented))
    return found


class PageRun:
    """Runs the blocks of one page, in order, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.printed = ""
        self._namespace: dict[str, object] = {"__name__": "__main__"}
        self._daemons: list[subprocess.Popen[str]] = []
        with contextlib.ExitStack() as taken:
            free = [taken.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in PORTS]
            self._ports = dict(zip(PORTS, (each.getsockname()[1] for each in free), strict=True))
        for name in ("recipes", "examples"):
            shutil.copytree(ROOT / name, folder / name)
        (folder / "host").symlink_to(ROOT / "host")

    def __enter__(self) -> PageRun:
        return self

    def __exit__(self, *error: object) -> None:
        for daemon in self._daemons:
            daemon.terminate()
            daemon.communicate(timeout=30)

    def run(self, block: Block) -> None:
        """Run bash and python, compare output, write files, pass over all else."""
        if block.reason is not None:
            self.printed = ""
        elif _FILE.fullmatch(block.title):
            (self.folder / block.title).write_text(self._here(block.text))
        elif block.language == "python":
            self._python(block)
        elif block.language == "bash":
            self._bash(block)
        elif block.language == "output":
            self._compare(block)

    def _here(self, text: str) -> str:
        """A block's text with this page's ports."""
        for port, own in self._ports.items():
            text = text.replace(str(port), str(own))
        return text

    def _python(self, block: Block) -> None:
        text = "\n" * (block.line - 1) + self._here(block.text)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(text, str(block.page), "exec"), self._namespace)
        self.printed = printed.getvalue()

    def _bash(self, block: Block) -> None:
        text = self._here(block.text)
        if is_daemon(block):
            self._start(text)
            return
        run = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text],
            cwd=self.folder,
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_RUN_SECONDS,
            check=False,
        )
        assert run.returncode == 0, f"{block.where}: {run.returncode}\n{text}\n{run.stdout}\n{run.stderr}"
        self.printed = run.stdout

    def _start(self, text: str) -> None:
        """Start a daemon and wait until it says where it serves."""
        if "--listen" not in text:
            text = text.rstrip("\n") + f" --listen tcp://127.0.0.1:{self._ports[PORTS[0]]}"
        daemon = subprocess.Popen(
            ["bash", "-c", f"exec {text}"],
            cwd=self.folder,
            env=self._environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._daemons.append(daemon)
        assert daemon.stdout is not None
        assert daemon.stdout.readline(), f"the daemon did not start: {text}"
        self.printed = ""

    def _compare(self, block: Block) -> None:
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        checker = doctest.OutputChecker()
        if not checker.check_output(block.text, self.printed, flags):
            difference = checker.output_difference(doctest.Example("", block.text), self.printed, flags)
            raise AssertionError(f"{block.where}: the block before prints something else\n{difference}")

    def _environment(self) -> dict[str, str]:
        path = os.pathsep.join((str(programs().folder), sysconfig.get_path("scripts"), os.environ["PATH"]))
        own = {"COLUMNS": "100", "PIXELTREE_VENDOR_SIM": self._here("127.0.0.1:27715")}
        return {**os.environ, "PATH": path, PYTHON: sys.executable, **own}


def is_daemon(block: Block) -> bool:
    """Whether a block starts a daemon and does nothing else."""
    commands = [line for line in block.text.splitlines() if line and not line.startswith(("#", " "))]
    return len(commands) == 1 and commands[0].startswith("pixeltree emulate")


def help_text(*command: str) -> str:
    """What ``pixeltree COMMAND --help`` says."""
    run = pixeltree(*command, "--help")
    assert run.returncode == 0, f"there is no command {' '.join(command)!r}: {run.stderr}"
    return run.stdout
