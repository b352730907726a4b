"""The contract between host and device: instruction words, objects, messages, framing.

Nothing in this package performs I/O. Host and emulator both build on it and never on each other.
"""
