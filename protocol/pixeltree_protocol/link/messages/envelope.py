"""The envelope before every message's body, and what it leaves for a body."""

from __future__ import annotations

import struct

from pixeltree_protocol.link.framing import MAX_PAYLOAD, wire_limit

ENVELOPE_FIELDS = (
    ("code", "u8", "which message"),
    ("request", "u16", "id of the request that this is, or that it answers; 0 for neither"),
    ("sequence", "u16", "number of this payload in its direction; 0 in messages that are not sequenced"),
    ("received", "u16", "all payloads of the other direction before this number have arrived"),
    ("handled", "u16", "all payloads of the other direction before this number have been acted on"),
)
"""Of the envelope, in order: name, type, meaning."""

_FORMATS = {"u8": "B", "u16": "H"}

ENVELOPE = struct.Struct("<" + "".join(_FORMATS[kind] for _, kind, _ in ENVELOPE_FIELDS))
ENVELOPE_BYTES = ENVELOPE.size

MAX_BODY = MAX_PAYLOAD - ENVELOPE_BYTES
LEAST_BODY = 512
"""What every device takes: the greatest body of a message before capabilities are known."""

LEAST_HOST_WINDOW = wire_limit(MAX_PAYLOAD)
"""A host has room for any frame that there can be."""
