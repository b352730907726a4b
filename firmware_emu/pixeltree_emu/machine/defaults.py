"""Names and numbers that options offer. What they are for stands where they are used.

They are apart from that, so that ``pixeltree emulate --help`` need not load the emulator.
"""

from __future__ import annotations

ENGINES = ("fast", "reference")
"""What can execute instruction words; the first is the default."""

PRESETS = ("ideal", "typical", "harsh")
"""How large the errors of a chip can be; the first is the default."""

PRESET_SUFFIX = ".toml"
"""What a preset ends with that is a file."""

MEMORY_BYTES = 65_536
"""Controller memory for all objects: the 64 KiB of shared RAM (fact sheet 4.4)."""

ICW_STORE = 1_024
"""Instruction words of resident blocks (fact sheet 2.5)."""

SOURCE_CLOCKS = ("wall", "frame", "device")
"""What a source can follow; the first is the default."""

EXPOSURES = ("fixed", "auto")
"""How the exposure is chosen; the first is the default."""

SOURCE_RATE = 60.0
"""Pictures of a source per second."""

EXPOSURE_NS = 16_666_667
"""Exposure of a frame: 60 per second."""
