"""The host's end of a device: session, requests and answers, uploads, and the chip's instructions."""
