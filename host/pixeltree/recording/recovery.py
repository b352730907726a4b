"""A recording whose end is missing, since the program that wrote it was killed or its disk was full."""

from __future__ import annotations

import struct
import tempfile
from typing import IO

from mcap.exceptions import McapError
from mcap.records import Channel, Message, Schema
from mcap.stream_reader import StreamReader
from mcap.writer import CompressionType, Writer

MALFORMED = (McapError, ValueError, OSError, KeyError, EOFError, OverflowError, MemoryError, struct.error)
"""What the library raises for files that are damaged, or no MCAP files at all."""


def recovered(file: IO[bytes]) -> IO[bytes]:
    """What a file without an end has of whole chunks, as a file with an index; it is gone once it is closed.

    Args:
        file: an open MCAP file, wherever it stands.

    Raises:
        McapError, ValueError, and others of :data:`MALFORMED`: not even the beginning is that of such a file.
    """
    file.seek(0)
    records = iter(StreamReader(file).records)
    next(records)  # its header: without one there is nothing to save
    made = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    writer = Writer(made, compression=CompressionType.NONE)
    writer.start()
    schemas, channels = {0: 0}, {}
    try:
        for record in records:
            if isinstance(record, Schema):
                schemas[record.id] = writer.register_schema(record.name, record.encoding, record.data)
            elif isinstance(record, Channel):
                schema = schemas[record.schema_id]
                channels[record.id] = writer.register_channel(
                    record.topic, record.message_encoding, schema, record.metadata
                )
            elif isinstance(record, Message):
                channel = channels[record.channel_id]
                writer.add_message(channel, record.log_time, record.data, record.publish_time)
    except MALFORMED:
        pass  # the end is missing: what came before it counts
    writer.finish()  # type: ignore[no-untyped-call]
    made.seek(0)
    return made
