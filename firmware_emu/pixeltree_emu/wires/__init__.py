"""Wires: what moves bytes between the daemon and a host, one module a kind."""

from pixeltree_emu.wires.base import READ_BYTES, Wants, Wire

__all__ = ["READ_BYTES", "Wants", "Wire"]
