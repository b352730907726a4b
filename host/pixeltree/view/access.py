"""Who may see the page: everybody on this machine, by its loopback address; others need the token.

A browser lets any web page open a WebSocket to this machine. So the server checks the origin of the page and
the host name of the request. A foreign name that leads to 127.0.0.1 is refused.
"""

from __future__ import annotations

import hmac
import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Access:
    """What a visitor must bring.

    Attributes:
        token: what it must know; None where being on this machine is enough.
    """

    token: str | None

    @classmethod
    def for_address(cls, address: str, token: str | None = None) -> Access:
        """What an address of this server calls for: beyond loopback a token, made up if none is given."""
        if token is None and not is_loopback(address):
            token = secrets.token_urlsafe(24)
        return cls(token)

    def refusal(self, headers: Mapping[str, str], token: str | None, asks_for_data: bool) -> str | None:
        """Why a request is refused; None where it is not.

        Args:
            headers: of the request, names in lower case.
            token: that it brings.
            asks_for_data: whether more is asked for than the page itself, which is no secret.
        """
        host = headers.get("host", "")
        if (
            self.token is None
            and host.rpartition(":")[0] not in _LOOPBACK_NAMES
            and host not in _LOOPBACK_NAMES
        ):
            return f"this server is found as 127.0.0.1 or localhost, not as {host!r}"
        origin = headers.get("origin")
        if origin is not None and urlsplit(origin).netloc != host:
            return f"a page of {origin} may not look; open the address that pixeltree view printed"
        if not asks_for_data or self.token is None:
            return None
        if token is None or not hmac.compare_digest(token.encode(), self.token.encode()):
            return "the token is missing or wrong; open the address that pixeltree view printed"
        return None


def is_loopback(address: str) -> bool:
    """Whether only this machine reaches an address."""
    if address == "localhost":
        return True
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
