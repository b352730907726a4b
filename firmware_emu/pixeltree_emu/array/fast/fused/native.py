"""Machine code of blocks: LLVM makes it from text, and loads it from what was kept."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import llvmlite.binding as llvm

from pixeltree_emu.array.fast.fused.code import ARGUMENTS, segment_code
from pixeltree_emu.array.fast.fused.lines import Facts
from pixeltree_emu.array.fast.fused.plan import Segment

Entry = Callable[[int, int, int, int], None]
"""Runs segments; takes the addresses of analog planes, digital planes, constants and errors."""

_ENTRY = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * 4)
_SMALLEST, _LARGEST = 32, 64


@cache
def _machine() -> Any:  # noqa: ANN401 - llvmlite has no types
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    return target.create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=2,
        reloc="pic",
        codemodel="small",
    )


def width() -> int:
    """PEs in a vector of this machine."""
    return _LARGEST if llvm.get_host_cpu_features().get("avx512bw") else _SMALLEST


def block_text(segments: Sequence[Sequence[Segment]], facts: Facts) -> str:
    """LLVM's language for a block: an entry for each run of segments."""
    functions: list[str] = []
    declared: set[str] = set()
    entries: list[str] = []
    for number, run in enumerate(segments):
        calls = []
        for segment in run:
            name = f"segment{segment.first}"
            text, calls_ = segment_code(segment, name, facts)
            functions.append(text)
            declared |= calls_
            calls.append(f"  call void @{name}(ptr %analog, ptr %digital, ptr %memory, ptr %errors)")
        entries.append("\n".join([f"define void @entry{number}({ARGUMENTS}) {{", *calls, "  ret void", "}"]))
    return "\n\n".join([*sorted(declared), *functions, *entries])


def compiled(text: str) -> bytes:
    """Object code of a block."""
    machine = _machine()
    module = llvm.parse_assembly(f'target triple = "{machine.triple}"\n{text}')
    module.verify()
    builder = llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options(speed_level=1))
    passes = llvm.create_new_module_pass_manager()
    passes.add_instruction_combine_pass()  # NORs become fewer operations; other passes find nothing
    passes.run(module, builder)
    return bytes(machine.emit_object(module))


@cache
def _loader() -> Any:  # noqa: ANN401
    return llvm.create_lljit_compiler(_machine())


def loaded(code: bytes, entries: int, name: str) -> list[Entry]:
    """Functions of object code.

    Args:
        code: what :func:`compiled` gave.
        entries: how many it has.
        name: differs for every block.
    """
    builder = llvm.JITLibraryBuilder().add_object_img(code).add_current_process()
    for number in range(entries):
        builder.export_symbol(f"entry{number}")
    tracker = builder.link(_loader(), name)
    found: list[Entry] = []
    for number in range(entries):
        entry: Any = _ENTRY(tracker[f"entry{number}"])
        entry.code = tracker  # which keeps it loaded
        found.append(entry)
    return found
