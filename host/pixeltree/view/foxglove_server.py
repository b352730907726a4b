"""The board for Foxglove: a server of its WebSocket protocol, with the topics that a recording has.

Only what somebody in Foxglove has subscribed to is watched. The SDK keeps a few messages for each client and
drops older ones, so a slow one costs the device nothing.
"""

from __future__ import annotations

import json
import threading
from types import TracebackType

import numpy as np

from pixeltree.errors import DataError, from_extra
from pixeltree.recording.names import topic_of
from pixeltree.recording.pictures import image_message
from pixeltree.recording.schemas import IMAGE, SCHEMAS, VALUE
from pixeltree.view.board import Board

try:
    from foxglove import Channel, Context, Schema, start_server
except ImportError as error:
    raise DataError(f"--foxglove needs foxglove-sdk: {from_extra('foxglove')}") from error

_BACKLOG = 128
"""Messages that wait for a client before older planes are dropped; at first it is told all channels."""

_LOOK_SECONDS = 0.5
_STOP_SECONDS = 5.0
_NS = 1_000_000_000
_SCHEMAS = {name: json.dumps(schema).encode() for name, schema in SCHEMAS.items()}


class FoxgloveServer:
    """Serves a board to Foxglove at 127.0.0.1, from ``__enter__`` to ``__exit__``.

    Args:
        board: what is shown.
        port: 0 for a free one.

    Raises:
        DataError: the port cannot be listened at.
    """

    def __init__(self, board: Board, port: int = 0) -> None:
        self._board = board
        self._context = Context()
        try:
            self._server = start_server(
                name="Pixeltree",
                host="127.0.0.1",
                port=port,
                context=self._context,
                message_backlog_size=_BACKLOG,
            )
        except RuntimeError as error:
            raise DataError(f"Foxglove cannot be served at port {port}: {error}") from error
        self._channels: dict[str, Channel] = {}
        self._edition = 0
        self._have: dict[str, int] = {}
        self._changed = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="serves Foxglove", daemon=True)

    @property
    def url(self) -> str:
        """What to open in Foxglove, as a Foxglove WebSocket connection."""
        return f"ws://127.0.0.1:{self._server.port}"

    def __enter__(self) -> FoxgloveServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._changed.set()
        self._thread.join(_STOP_SECONDS)
        self._server.stop()

    def _run(self) -> None:
        end = self._board.listen(lambda _: self._changed.set())
        try:
            while not self._over.is_set():
                self._changed.wait(_LOOK_SECONDS)
                self._changed.clear()
                self._send()
        finally:
            end()
            self._board.watch(self, ())

    def _send(self) -> None:
        """New values of the channels to which a viewer has subscribed."""
        self._advertise()
        wanted = {name for name, channel in self._channels.items() if channel.has_sinks()}
        if wanted != set(self._have):
            self._board.watch(self, wanted)
        self._have = {name: self._have.get(name, 0) for name in wanted}
        update = self._board.update_after(self._have)
        if update is None:
            return
        self._have = dict.fromkeys(self._have, update.number)
        now = round(update.time * _NS)
        for name, value in update.values.items():
            plane = isinstance(value, np.ndarray)
            message = image_message(value, now, name) if plane else {"value": value}
            self._channels[name].log(message, log_time=now)
        for name, points in update.series.items():
            for when, value in points:
                self._channels[name].log({"value": value}, log_time=round(when * _NS))

    def _advertise(self) -> None:
        """A channel for each panel."""
        layout = self._board.layout
        if layout.edition == self._edition:
            return
        self._edition = layout.edition
        kinds = {panel.name: panel.kind for panel in layout.panels}
        for name in set(self._channels) - set(kinds):
            self._channels.pop(name).close()
        for name, kind in kinds.items():
            if name not in self._channels:
                schema = IMAGE if kind == "plane" else VALUE
                self._channels[name] = Channel(
                    topic_of(name),
                    schema=Schema(name=schema, encoding="jsonschema", data=_SCHEMAS[schema]),
                    message_encoding="json",
                    context=self._context,
                )
