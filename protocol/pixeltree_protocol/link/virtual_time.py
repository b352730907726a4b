"""The envelope between a host and an emulator on virtual time (``pixeltree emulate --virtual-time``).

It is no part of the protocol between host and device, whose bytes pass through it unchanged.

    to the device   until f64 (seconds), bytes u32, the bytes
    to the host     now f64 (seconds), bytes u32, the bytes
"""

from __future__ import annotations

import struct

ENVELOPE = struct.Struct("<dI")
"""What comes before the bytes: a time in seconds, and how many bytes follow."""
