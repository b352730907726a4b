"""Reads a recording: moment by moment, from any moment on."""

from __future__ import annotations

import bisect
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from pixeltree.arguments.files import AnyPath, as_path
from pixeltree.errors import DataError, from_extra
from pixeltree.recording.names import LAYOUTS, UPDATES, topic_of
from pixeltree.recording.pictures import LEVELS, plane_of_message
from pixeltree.recording.schemas import IMAGE

try:
    from mcap.reader import make_reader

    from pixeltree.recording.recovery import MALFORMED, recovered
except ImportError as error:
    raise DataError(f"recordings need mcap: {from_extra('record')}") from error

logger = logging.getLogger(__name__)

_BEGINNING = b"\x89MCAP0\r\n"

_RESET_LEVEL = -127
"""PIX before any light (the contract's default; the sensor panel has PIX levels)."""


@dataclass(frozen=True)
class Moment:
    """Values of one moment.

    Attributes:
        nanoseconds: since 1970.
        device_ns: device clock; None where it was not recorded.
        values: by panel; NumPy arrays are planes.
    """

    nanoseconds: int
    device_ns: int | None
    values: dict[str, Any]


class Replay:
    """An MCAP file that :class:`pixeltree.recording.writer.Recording` wrote; a context manager.

    Args:
        path: the file. One whose end is missing is read as far as it goes, and the log says so.

    Attributes:
        times: of its moments, nanoseconds since 1970, in order.
        layouts: what was shown, and from when on: (nanoseconds, title and panels).

    Raises:
        DataError: it cannot be read, or nothing of ours is in it.
    """

    def __init__(self, path: AnyPath) -> None:
        self._path = path
        try:
            self._file: IO[bytes] = as_path(path).open("rb")
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}") from error
        try:
            if self._file.read(len(_BEGINNING)) != _BEGINNING:
                raise DataError(f"{path} is no MCAP file")
            self._file.seek(0)
            found = self._heads_of_moments()
        except DataError:
            self._file.close()
            raise
        except MALFORMED as error:
            found = self._rescued(error)
        self.times = [time for topic, time, _ in found if topic == UPDATES]
        self.layouts = [(time, layout) for topic, time, layout in found if topic == LAYOUTS]
        self._heads = [head for topic, _, head in found if topic == UPDATES]
        if not self.times:
            self._file.close()
            raise DataError(f"{path} is an MCAP file, but pixeltree view or run did not record it")

    def _heads_of_moments(self) -> list[tuple[str, int, dict[str, Any]]]:
        """Topic, time and content of what is small: the beginnings of moments, and layouts."""
        self._reader = make_reader(self._file)
        return [
            (channel.topic, message.log_time, json.loads(message.data))
            for _, channel, message in self._reader.iter_messages(topics=[UPDATES, LAYOUTS])
        ]

    def _rescued(self, damage: BaseException) -> list[tuple[str, int, dict[str, Any]]]:
        """The same, of what is whole of a damaged file."""
        whole = self._file
        try:
            self._file = recovered(whole)
            found = self._heads_of_moments()
        except (*MALFORMED, StopIteration) as error:
            self._file.close()
            raise DataError(f"{self._path} is damaged: {damage or 'it ends too early'}") from error
        finally:
            whole.close()
        logger.warning("the end of %s is missing; what is before it is read", self._path)
        return found

    def __enter__(self) -> Replay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return len(self.times)

    def close(self) -> None:
        """Close the file; again is harmless."""
        self._file.close()

    def moment(self, place: int) -> Moment:
        """One moment.

        Args:
            place: from 0.

        Raises:
            DataError: the file is damaged there.
        """
        time = self.times[place]
        values: dict[str, Any] = {}
        try:
            for schema, channel, message in self._reader.iter_messages(
                starting_at=time, ending_before=time + 1
            ):
                if "panel" not in channel.metadata:
                    continue
                content = json.loads(message.data)
                if schema is not None and schema.name == IMAGE:
                    content = plane_of_message(content, channel.metadata.get("codes", LEVELS))
                else:
                    content = content["value"]
                values[channel.metadata["panel"]] = content
        except MALFORMED as error:
            raise DataError(f"{self._path} is damaged at moment {place}: {error!r}") from error
        return Moment(time, self._heads[place].get("device_ns"), values)

    def layout(self, place: int) -> dict[str, Any]:
        """Title and panels at a moment."""
        before = bisect.bisect_right([time for time, _ in self.layouts], self.times[place])
        return dict(self.layouts[max(0, before - 1)][1]) if self.layouts else {"title": "", "panels": []}

    def pictures(self, panel: str = "sensor") -> Iterator[npt.NDArray[np.uint8]]:
        """What the sensor saw, as brightness: uint8 (rows, columns), for a source of pictures.

        Raises:
            DataError: the recording has no such panel.
        """
        count = 0
        try:
            for _, channel, message in self._reader.iter_messages(topics=[topic_of(panel)]):
                plane = plane_of_message(json.loads(message.data), channel.metadata.get("codes", LEVELS))
                count += 1
                if plane.dtype == np.uint8:
                    yield plane.astype(np.uint8)
                else:  # half range: white is 127 counts above the reset level
                    yield np.clip(2 * (plane.astype(np.int16) - _RESET_LEVEL), 0, 255).astype(np.uint8)
        except MALFORMED as error:
            raise DataError(f"{self._path} is damaged at picture {count}: {error!r}") from error
        if not count:
            raise DataError(f"{self._path} has no panel {panel!r}: record with the sensor's picture shown")
