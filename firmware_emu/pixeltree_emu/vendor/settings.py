"""Options of a listener for the vendor's programs, as its URL has them."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, urlsplit

from pixeltree_emu.errors import ListenError
from pixeltree_emu.machine.paths import user_path
from pixeltree_protocol.names import known_names

SIMULATION, HOST = "vendor-sim", "vendor-host"
SCHEMES = (SIMULATION, HOST)


@dataclass(frozen=True)
class ProgramSettings:
    """What the sources leave open, and what a user may choose, about a program's array.

    Attributes:
        exposure_us: light that a frame sees, and time from one frame to the next; 0 for ``--exposure-us``.
            Programs never send their frame rate (6.1).
        rate: frames a second at most, by this machine's clock; 0 for as fast as the program is.
        movx: ``client``: as the vendor's client sends it, mirrored (6.1); ``device``: as a chip does it.
        device: ``own``: each program has an array of its own; ``shared``: all have the same one.
        images: folder for SAVE_AREG_IMAGE and SAVE_DREG_IMAGE; none, and nothing is saved.
        files: folder of pictures and files that programs may ask for; none, and hosts that look are asked.
        programs: how many may run at once.
        reset_keeps_light: levels of SIM_RESET_MODEL below which the camera is not restarted (OPEN).
        echo_out: also send the program what OUT_* shows (OPEN: its client took no notice).
    """

    exposure_us: int = 0
    rate: float = 0.0
    movx: str = "client"
    device: str = "own"
    images: Path | None = None
    files: Path | None = None
    programs: int = 16
    reset_keeps_light: int = 3
    echo_out: bool = False


_CHOICES = {"movx": ("client", "device"), "device": ("own", "shared")}
_LEAST = {"exposure_us": 0, "rate": 0.0, "programs": 1, "reset_keeps_light": 0}


def is_vendors(url: str) -> bool:
    """Whether a URL is for the vendor's programs or hosts."""
    return urlsplit(url).scheme in SCHEMES


def split(url: str, default_port: int) -> tuple[SplitResult, str, int]:
    """A URL, its address and its port.

    Raises:
        ListenError: it is none, or can be reached from other machines: the vendor's protocols know no token.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ListenError(f"cannot listen at {url}: {error}") from error
    host = parts.hostname or ""
    if parts.path or parts.fragment or "@" in parts.netloc:
        raise ListenError(f"cannot listen at {url!r}; use {parts.scheme}://127.0.0.1:{default_port}")
    if host not in ("127.0.0.1", "localhost", "::1"):
        raise ListenError(
            f"cannot listen at {url}: the vendor's protocols know no token, so only programs of this machine "
            f"are served; use {parts.scheme}://127.0.0.1:{default_port}, and a tunnel (ssh -L) from elsewhere"
        )
    return parts, "127.0.0.1" if host == "localhost" else host, default_port if port is None else port


def settings_of(parts: SplitResult) -> ProgramSettings:
    """The options in a URL's query.

    Raises:
        ListenError: one that is unknown, or that makes no sense.
    """
    settings = ProgramSettings()
    known = [field.name for field in fields(settings)]
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if name not in known:
            raise ListenError(f"{parts.scheme}: no option is named {name!r}; {known_names(name, known)}")
        changes: dict[str, Any] = {name: _value(name, value)}
        settings = replace(settings, **changes)
    return settings


def _value(name: str, value: str) -> object:
    if name in ("images", "files"):
        return user_path(value)
    if name == "echo_out":
        if value not in ("yes", "no"):
            raise ListenError(f"echo_out={value}: it is yes or no")
        return value == "yes"
    if name in _CHOICES:
        if value not in _CHOICES[name]:
            raise ListenError(f"{name}={value}: {known_names(value, _CHOICES[name])}")
        return value
    try:
        number = float(value) if name == "rate" else int(value)
    except ValueError as error:
        raise ListenError(f"{name}={value}: it must be a number") from error
    if not _LEAST[name] <= number <= 1e9:
        raise ListenError(f"{name}={value}: it must be at least {_LEAST[name]}")
    return number
