"""Field layouts that several messages share."""

from __future__ import annotations

import construct as c

from pixeltree_protocol.objects.layout import DIGEST_BYTES

DIGEST = c.Bytes(DIGEST_BYTES)
DIGESTS = c.PrefixedArray(c.Int16ul, DIGEST)
BYTE_STRINGS = c.PrefixedArray(c.Int16ul, c.Prefixed(c.Int16ul, c.GreedyBytes))
TEXT = c.PascalString(c.Int16ul, "utf8")
ID = c.Bytes(8)
NONCE_BYTES = 16
NONCE = c.Bytes(NONCE_BYTES)
PROOF_BYTES = 32
PROOF = c.Bytes(PROOF_BYTES)
