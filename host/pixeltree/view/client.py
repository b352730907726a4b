"""One browser that looks: it says what it looks at, and gets the newest of that. Nothing is queued for it.

The browser says of each update when it has drawn it. Until then at most :data:`_UNDRAWN` more are sent. So a
slow browser, or one in a hidden tab, skips updates; neither memory nor the device notices.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from pixeltree.errors import DataError, PixeltreeError
from pixeltree.view.board import Board, Layout
from pixeltree.view.encoding import encode_update
from pixeltree.view.panels import Setting

logger = logging.getLogger(__name__)

_UNDRAWN = 2
_MOST_MISTAKES = 20
_MOST_WATCHED = 1_000
POLICY_VIOLATION = 1008
"""The status by which a WebSocket tells that its messages are not accepted (RFC 6455)."""


class Client:
    """Serves one WebSocket that was accepted.

    Args:
        socket: the socket.
        board: what it looks at.
        drawings: gets the time on the wall at which the browser had drawn an update, and for how many seconds
            that had been on the board.
    """

    def __init__(self, socket: WebSocket, board: Board, drawings: deque[tuple[float, float]]) -> None:
        self._drawings = drawings
        self._socket = socket
        self._board = board
        self._changed = asyncio.Event()
        self._have: dict[str, int] = {}
        self._sent: list[tuple[int, float]] = []
        self._mistakes = 0
        self._actions: dict[str, Callable[[Mapping[str, Any]], None]] = {
            "watch": self._watch,
            "drawn": self._drawn,
            "set": self._set,
        }

    async def serve(self) -> None:
        """Until the browser goes, or sends too much that cannot be understood."""
        loop = asyncio.get_running_loop()

        def wake(values: bool) -> None:
            """In the feed's thread: what is of no use to the browser now costs nothing but this line."""
            if not values or (self._have and len(self._sent) < _UNDRAWN):
                loop.call_soon_threadsafe(self._changed.set)

        end = self._board.listen(wake)
        writer = asyncio.create_task(self._write())
        try:
            while self._mistakes < _MOST_MISTAKES:
                await self._read()
            await self._socket.close(POLICY_VIOLATION, "too many messages that make no sense")
        except WebSocketDisconnect:
            logger.debug("a browser has gone")
        finally:
            end()
            self._board.watch(self, ())
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    # -- what the browser says ---------------------------------------------------------------------

    async def _read(self) -> None:
        message = await self._socket.receive()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1000))
        try:
            self._act(message.get("text"))
        except PixeltreeError as error:
            self._mistakes += 1
            await self._say({"type": "error", "detail": str(error)})

    def _act(self, text: str | None) -> None:
        if text is None:
            raise DataError("a message to the page's server must be text")
        try:
            message = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DataError("a message must be JSON") from error
        kind = message.get("type") if isinstance(message, dict) else None
        action = self._actions.get(kind) if isinstance(kind, str) else None
        if action is None:
            raise DataError(f"a message must be an object whose type is {', '.join(self._actions)}")
        action(message)

    def _watch(self, message: Mapping[str, Any]) -> None:
        names = message.get("panels")
        if (
            not isinstance(names, list)
            or len(names) > _MOST_WATCHED
            or not all(isinstance(n, str) for n in names)
        ):
            raise DataError("panels must be a list of names")
        known = {panel.name for panel in self._board.layout.panels}
        self._have = {name: self._have.get(name, 0) for name in names if name in known}
        self._board.watch(self, self._have)
        self._changed.set()

    def _drawn(self, message: Mapping[str, Any]) -> None:
        number = message.get("number")
        sent = [each for each, _ in self._sent]
        if isinstance(number, bool) or not isinstance(number, int) or number not in sent:
            raise DataError("number must be that of an update that was sent")
        place = sent.index(number)  # the first: a panel that is looked at later comes with the same number
        now = time.time()
        self._drawings.append((now, now - self._sent[place][1]))
        del self._sent[: place + 1]
        self._changed.set()

    def _set(self, message: Mapping[str, Any]) -> None:
        name = message.get("control")
        if not isinstance(name, str):
            raise DataError("control must be a name")
        self._board.turn(name, message.get("value"))

    # -- what the browser is told ------------------------------------------------------------------

    async def _write(self) -> None:
        edition, said = 0, ""
        settings: dict[str, Setting] = {}
        while True:
            await self._changed.wait()
            self._changed.clear()
            layout = self._board.layout
            if layout.edition != edition:
                edition, settings = layout.edition, _settings(layout)
                await self._say(layout.to_json())
            elif (turned := _settings(layout)) != settings:
                changes = {name: value for name, value in turned.items() if settings[name] != value}
                settings = turned
                await self._say({"type": "settings", "values": changes})
            if self._board.said != said:
                said = self._board.said
                await self._say({"type": "notice", "text": said})
            await self._send_update(layout)

    async def _send_update(self, layout: Layout) -> None:
        if len(self._sent) >= _UNDRAWN or not self._have:
            return
        update = self._board.update_after(self._have)
        if update is None:
            return
        self._have = dict.fromkeys(self._have, update.number)
        self._sent.append((update.number, update.time))
        scales = {panel.name: str(panel.details.get("scale", "")) for panel in layout.panels}
        await self._socket.send_bytes(encode_update(update, scales))

    async def _say(self, message: Mapping[str, Any]) -> None:
        await self._socket.send_text(json.dumps(message, allow_nan=False))


def _settings(layout: Layout) -> dict[str, Setting]:
    return {control.name: control.value for control in layout.controls}
