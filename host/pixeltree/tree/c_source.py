"""A tree as C: its objects as constant arrays, for firmware that runs it without a host."""

from __future__ import annotations

from collections.abc import Iterator

from pixeltree.tree.tree import Tree
from pixeltree_protocol.link.messages import SetExposure

NAME = "tree_in_flash"
"""Of the struct flash that the source defines (firmware/core/objects.h)."""

_BYTES_A_LINE = 24


def c_source(tree: Tree, every_ms: int, exposure: SetExposure) -> str:
    """A C99 source file with all objects of a tree, in the order of their digests.

    Args:
        tree: any tree.
        every_ms: from the start of one frame to the start of the next one; 0 is as fast as it goes.
        exposure: how its frames are exposed.
    """
    digests = sorted(tree.objects)
    lines = [
        f"/* Tree {_comment(tree.name)}, written by pixeltree export: {tree.total_bytes:,} bytes.",
        *(f" * Label {number}: {_comment(label)}." for number, label in enumerate(tree.labels)),
        " */",
        '#include "objects.h"',
        "",
    ]
    for number, digest in enumerate(digests):
        lines.append(f"static const uint8_t object_{number}[] = {{")
        lines += _rows(tree.objects[digest])
        lines.append("};")
    lines += ["", "static const struct constant_object objects[] = {"]
    for number, digest in enumerate(digests):
        lines.append(f"    {{{{{_bytes(digest)}}}, sizeof object_{number}, object_{number}}},")
    lines += [
        "};",
        "",
        f"extern const struct flash {NAME};",
        f"const struct flash {NAME} = {{",
        f"    sizeof objects / sizeof *objects, objects, {{{_bytes(tree.digest)}}}, {every_ms}, "
        f"{exposure.mode}, {exposure.exposure_us}}};",
        "",
    ]
    return "\n".join(lines)


def makefile(firmware: str) -> str:
    """A Makefile that builds firmware with the tree in it, for Linux and for a Cortex-M4.

    Args:
        firmware: folder of the firmware's sources.
    """
    return f"""# Firmware that runs the tree of tree_in_flash.c without a host; one may connect and watch.
# Sources of the firmware: the folder `firmware` of the Pixeltree repository.
FIRMWARE ?= {firmware}
PYTHON ?= python3

PARTS = core/*.c ports/*.c ports/linux/*.c

device: tree_in_flash.c
\t$(CC) -std=c99 -O2 -DFLASH={NAME} -I$(FIRMWARE)/core -o $@ $< $(addprefix $(FIRMWARE)/,$(PARTS))

cortex_m.elf: tree_in_flash.c
\tcd $(FIRMWARE)/.. && $(PYTHON) -m firmware.ports.cortex_m.build $(abspath $@) $(abspath $<)
"""


def _rows(data: bytes) -> Iterator[str]:
    for start in range(0, len(data), _BYTES_A_LINE):
        yield f"    {_bytes(data[start : start + _BYTES_A_LINE])},"


def _bytes(data: bytes) -> str:
    return ", ".join(map(str, data))


def _comment(text: str) -> str:
    """Text that ends no comment and continues no line."""
    return "".join(each if each.isalnum() or each in " _-." else "_" for each in text)
