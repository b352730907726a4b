"""Writes a recording."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from pixeltree.arguments.files import AnyPath, as_path
from pixeltree.errors import DataError, from_extra
from pixeltree.recording.names import LAYOUTS, UPDATES, topic_of
from pixeltree.recording.pictures import image_message, meaning
from pixeltree.recording.schemas import IMAGE, LAYOUT, SCHEMAS, UPDATE, VALUE

try:
    from mcap.writer import CompressionType, Writer
except ImportError as error:
    raise DataError(f"recordings need mcap: {from_extra('record')}") from error

_CHUNK = 512 * 1024
"""Bytes of a chunk, which is written as a whole: a killed program loses no more of its recording."""


class Recording:
    """An MCAP file in the making; a context manager that ends it.

    Args:
        path: the file; what was there is replaced.

    Attributes:
        updates: how many were written.

    Raises:
        DataError: it cannot be written, as where the disk is full.
    """

    def __init__(self, path: AnyPath) -> None:
        self.updates = 0
        self._path = path
        with self._writing():
            self._file = as_path(path).open("wb")
            # Pictures are compressed already.
            self._writer = Writer(self._file, chunk_size=_CHUNK, compression=CompressionType.NONE)
            self._writer.start(profile="", library="pixeltree")
        self._schemas = {
            name: self._writer.register_schema(name, "jsonschema", json.dumps(schema).encode())
            for name, schema in SCHEMAS.items()
        }
        self._channels: dict[tuple[str, str], int] = {}
        self._whole = True

    def __enter__(self) -> Recording:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the file; again is harmless."""
        if self._file.closed:
            return
        if not self._whole:  # what could not be written has been said
            with contextlib.suppress(OSError):
                self._file.close()
            return
        try:
            with self._writing():
                self._writer.finish()  # type: ignore[no-untyped-call]
        finally:
            with self._writing():
                self._file.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._whole = False
            raise DataError(f"cannot write {self._path}: {error.strerror or error}") from error

    def layout(
        self, nanoseconds: int, title: str, panels: Sequence[Mapping[str, Any]], settings: Mapping[str, Any]
    ) -> None:
        """Say what is shown from now on."""
        message = {"title": title, "panels": list(panels), "settings": dict(settings)}
        self._write(LAYOUTS, LAYOUT, {}, nanoseconds, message)

    def update(
        self, nanoseconds: int, number: int, values: Mapping[str, Any], device_ns: int | None = None
    ) -> None:
        """Values of one moment.

        Args:
            nanoseconds: since 1970.
            number: of the update.
            values: by panel; NumPy arrays are planes.
            device_ns: device clock.
        """
        head = {"number": number, "device_ns": device_ns, "panels": list(values)}
        self._write(UPDATES, UPDATE, {}, nanoseconds, head)
        for name, value in values.items():
            about = {"panel": name}
            if isinstance(value, np.ndarray):
                message, about["codes"] = image_message(value, nanoseconds, name), meaning(value)
                self._write(topic_of(name), IMAGE, about, nanoseconds, message)
            else:
                self._write(topic_of(name), VALUE, about, nanoseconds, {"value": value})
        self.updates += 1

    def _write(
        self, topic: str, schema: str, about: dict[str, str], nanoseconds: int, message: Mapping[str, Any]
    ) -> None:
        key = topic, about.get("codes", "")
        if key not in self._channels:
            self._channels[key] = self._writer.register_channel(topic, "json", self._schemas[schema], about)
        with self._writing():
            self._writer.add_message(
                self._channels[key], nanoseconds, json.dumps(message).encode(), nanoseconds
            )
