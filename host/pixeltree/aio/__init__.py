"""Devices for asyncio: the same calls, awaited, none of which keeps the event loop."""

from pixeltree.aio.device import AsyncDevice, aconnect
from pixeltree.aio.runner import AsyncRunner

__all__ = ["AsyncDevice", "AsyncRunner", "aconnect"]
