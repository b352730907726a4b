"""The server of the page: static files of the package, and one WebSocket for each browser that looks."""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections import deque
from importlib import resources
from types import TracebackType

from pixeltree.errors import DataError, from_extra
from pixeltree.view.access import Access
from pixeltree.view.board import Board

try:
    import uvicorn
    import websockets  # noqa: F401 - uvicorn takes it once the page is served, and fails there without it
    from starlette.applications import Starlette
    from starlette.requests import HTTPConnection, Request
    from starlette.responses import PlainTextResponse, Response
    from starlette.routing import Route, WebSocketRoute
    from starlette.websockets import WebSocket

    from pixeltree.view.client import POLICY_VIOLATION, Client
except ImportError as error:
    raise DataError(f"the page needs Starlette, uvicorn and websockets: {from_extra('view')}") from error

logger = logging.getLogger(__name__)

_LARGEST_MESSAGE = 65_536
"""Bytes that a browser may send at once; ours send a few dozen."""

_FILES = {
    "": ("index.html", "text/html"),
    "page.css": ("page.css", "text/css"),
    "icon.svg": ("icon.svg", "image/svg+xml"),
    **{name: (name, "text/javascript") for name in ("page.js", "planes.js", "charts.js", "controls.js")},
}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_DRAWINGS = 10_000
_STOP_SECONDS = 5.0
_BACKLOG = 64


class PageServer:
    """Serves a board to browsers, in a thread of its own, from ``__enter__`` to ``__exit__``.

    Args:
        board: what is shown.
        host: address to listen at.
        port: 0 for a free one.
        token: what visitors must know; made up where the address is not loopback.

    Attributes:
        drawings: the last updates that browsers have drawn: the time on the wall, and for how many seconds
            each had been on the board.

    Raises:
        DataError: the address cannot be listened at.
    """

    def __init__(
        self, board: Board, host: str = "127.0.0.1", port: int = 0, token: str | None = None
    ) -> None:
        self.drawings: deque[tuple[float, float]] = deque(maxlen=_DRAWINGS)
        self._board = board
        self._access = Access.for_address(host, token)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=_BACKLOG)
        except (OSError, OverflowError) as error:
            raise DataError(f"the page cannot be served at {host}, port {port}: {error}") from error
        self._host = f"[{host}]" if ":" in host else host
        config = uvicorn.Config(
            self._application(),
            log_config=None,
            access_log=False,
            lifespan="off",
            ws="websockets-sansio",
            ws_max_size=_LARGEST_MESSAGE,
            ws_per_message_deflate=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="serves the page", daemon=True)

    @property
    def url(self) -> str:
        """What to open in a browser."""
        token = f"#{self._access.token}" if self._access.token else ""
        return f"http://{self._host}:{self._socket.getsockname()[1]}/{token}"

    def __enter__(self) -> PageServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.should_exit = True
        self._thread.join(_STOP_SECONDS)
        self._socket.close()

    def _run(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))

    def _application(self) -> Starlette:
        routes = [Route(f"/{path}", self._file, methods=["GET"]) for path in _FILES]
        return Starlette(routes=[*routes, WebSocketRoute("/live", self._live)])

    async def _file(self, request: Request) -> Response:
        refusal = self._refusal(request, asks_for_data=False)
        if refusal is not None:
            return PlainTextResponse(refusal, 403)
        name, kind = _FILES[request.url.path.lstrip("/")]
        data = resources.files("pixeltree.view").joinpath("page", name).read_bytes()
        return Response(data, media_type=kind, headers=_HEADERS)

    async def _live(self, socket: WebSocket) -> None:
        refusal = self._refusal(socket, asks_for_data=True)
        if refusal is not None:
            logger.warning("a visitor was refused: %s", refusal)
            await socket.accept()
            await socket.close(POLICY_VIOLATION, refusal[:120])
            return
        await socket.accept()
        await Client(socket, self._board, self.drawings).serve()

    def _refusal(self, connection: HTTPConnection, asks_for_data: bool) -> str | None:
        return self._access.refusal(connection.headers, connection.query_params.get("token"), asks_for_data)
