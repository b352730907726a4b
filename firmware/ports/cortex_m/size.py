"""Code, constants, memory and stack of the firmware beside their goals.

    python -m firmware.ports.cortex_m.size firmware/build/cortex_m.elf

The stack is that of a run: `emulate.py --report FILE` paints it, and says how deep it went.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from firmware.ports.cortex_m.elf import Elf

KIB = 1024
CODE_GOAL, MEMORY_GOAL = 96 * KIB, 48 * KIB
"""For the LPC43xx class; the memory beside the store of objects."""
NAMED = 16


def sizes(elf: Elf) -> dict[str, int]:
    """Bytes of each kind: flash holds code, constants and first values; memory is data and bss."""
    code = sum(symbol.size for symbol in elf.symbols if symbol.is_function)
    flash = sum(section.size for section in elf.sections.values() if section.is_stored)
    parts = {
        name: elf.sections[name].size if name in elf.sections else 0 for name in (".data", ".bss", ".store")
    }
    return {
        "flash": flash,
        "code": code,
        "constants": flash - code,
        "memory": parts[".data"] + parts[".bss"],
        "store": parts[".store"],
    }


def variables(elf: Elf) -> list[tuple[int, str]]:
    """Bytes and name of every variable outside the store, the greatest first."""
    taken = [elf.sections[name] for name in (".data", ".bss") if name in elf.sections]
    return sorted(
        (
            (symbol.size, symbol.name)
            for symbol in elf.symbols
            for section in taken
            if section.address <= symbol.address < section.address + section.size
        ),
        reverse=True,
    )


def _line(name: str, size: int, goal: int | None = None) -> str:
    line = f"{name:<34}{size:>8,} B {size / KIB:6.1f} KiB"
    if goal is None:
        return line
    over = size - goal
    return f"{line}   goal {goal // KIB} KiB: " + (f"{over / KIB:.1f} KiB too much" if over > 0 else "kept")


def report(elf: Elf, stack: int | None) -> str:
    """The table that is printed."""
    found = sizes(elf)
    lines = [
        _line("flash", found["flash"], CODE_GOAL),
        _line("  code", found["code"]),
        _line("  constants, first values", found["constants"]),
        _line("memory beside the store", found["memory"], MEMORY_GOAL),
    ]
    named = variables(elf)
    lines += [_line(f"  {name}", size) for size, name in named[:NAMED]]
    lines.append(_line(f"  {len(named) - NAMED} smaller ones", sum(size for size, _ in named[NAMED:])))
    lines.append(_line("store of objects", found["store"]))
    if stack is not None:
        lines.append(_line("stack, at its deepest in that run", stack))
    return "\n".join(lines)


def main() -> int:
    """Print the table, or the figures as JSON."""
    parser = argparse.ArgumentParser(description="Sizes of the firmware for Cortex-M4, beside their goals.")
    parser.add_argument("image", type=Path, help="the ELF file: make firmware-cortex-m")
    parser.add_argument(
        "--run", type=Path, metavar="FILE", help="what emulate.py --report wrote: for the stack"
    )
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    options = parser.parse_args()
    elf = Elf(options.image.read_bytes())
    stack = json.loads(options.run.read_text())["stack_bytes"] if options.run else None
    figures = {**sizes(elf), "stack": stack, "variables": {name: size for size, name in variables(elf)}}
    sys.stdout.write((json.dumps(figures, indent=1) if options.json else report(elf, stack)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
