"""The token that a device may want its hosts to know."""

from __future__ import annotations

import codecs

from pixeltree.arguments.files import AnyPath, as_path
from pixeltree.errors import DataError

LEAST_BYTES = 16


def read_token(path: AnyPath) -> bytes:
    """The token in a file, without white space around it or a byte order mark before it.

    Raises:
        DataError: the file cannot be read, or is too short for a secret. Its contents are never quoted.
    """
    try:
        token = as_path(path).read_bytes().removeprefix(codecs.BOM_UTF8).strip()
    except OSError as error:
        raise DataError(f"the token file {path} cannot be read: {error.strerror}") from error
    except RuntimeError as error:  # neither HOME nor an entry for this user
        raise DataError(f"the token file {path} cannot be found: {error}") from error
    if len(token) < LEAST_BYTES:
        raise DataError(
            f"the token in {path} has {len(token)} bytes; it needs at least {LEAST_BYTES}. "
            f"'openssl rand -hex 32' makes a good one"
        )
    return token
