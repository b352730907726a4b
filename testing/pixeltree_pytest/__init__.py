"""Devices for your own tests: options, fixtures and markers that pytest finds by itself; see ``plugin``."""
