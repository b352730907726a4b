"""Proofs that an end knows the token: HMAC-SHA256 over both ends' random numbers.

Each end contributes a number, so that no proof can be used twice; the two ends sign different texts, so that
neither can be made to answer its own challenge. A device proves itself too, in WELCOME.
"""

from __future__ import annotations

import hashlib
import hmac

_HOST = b"pixeltree host"
_DEVICE = b"pixeltree device"


def host_proof(token: bytes, nonce: bytes, challenge: bytes) -> bytes:
    """What a host answers to CHALLENGE."""
    return _proof(token, _HOST, nonce, challenge)


def device_proof(token: bytes, nonce: bytes, challenge: bytes) -> bytes:
    """What a device puts into WELCOME."""
    return _proof(token, _DEVICE, nonce, challenge)


def same(found: bytes, expected: bytes) -> bool:
    """Compare proofs in a time that does not tell how much of them is right."""
    return hmac.compare_digest(found, expected)


def _proof(token: bytes, end: bytes, nonce: bytes, challenge: bytes) -> bytes:
    return hmac.new(token, end + nonce + challenge, hashlib.sha256).digest()
