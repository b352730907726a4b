"""Workers of a Dask cluster (extra ``cluster``)."""

from __future__ import annotations

import hashlib
import logging
import pickle
from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from pixeltree.errors import DataError, LinkError, WorkerError
from pixeltree.workers.pieces import MOST_TRIES, Piece, Shared

if TYPE_CHECKING:
    from distributed import Client

logger = logging.getLogger(__name__)

_CONNECT_S = 5
"""Seconds that a scheduler has to answer."""


class ClusterWorkers:
    """The workers behind a Dask scheduler. They need the same version of Pixeltree as this process.

    Args:
        cluster: the scheduler's address, as in ``tcp://scheduler:8786``, or a ``distributed.Client``.

    Raises:
        DataError: the package ``distributed`` is not installed.
        LinkError: no scheduler answers.
    """

    def __init__(self, cluster: str | Client) -> None:
        try:
            distributed: Any = import_module("distributed")  # an extra, slow to import
        except ImportError as error:
            raise DataError(
                "a cluster needs the package 'distributed'; install Pixeltree with its extra 'cluster'"
            ) from error
        self._as_completed = distributed.as_completed
        self._died = distributed.KilledWorker
        self._own = isinstance(cluster, str)
        if not isinstance(cluster, str):
            self._client: Any = cluster
            return
        try:
            self._client = distributed.Client(cluster, timeout=_CONNECT_S)
        except (OSError, TimeoutError, ValueError) as error:
            raise LinkError(f"no Dask scheduler answers at {cluster}: {error}") from error

    def __enter__(self) -> ClusterWorkers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Leave the scheduler; a client that was given stays connected."""
        if self._own:
            self._client.close()

    def run(self, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Any]]:
        """Run pieces; see :class:`pixeltree.workers.pieces.Workers`."""
        sent: dict[int, Any] = {}
        futures = {}
        for piece in pieces:
            arguments = [self._once(argument, sent) for argument in piece.arguments]
            future = self._client.submit(piece.call, *arguments, pure=False, retries=0)
            futures[future.key] = (piece, future)
        try:
            for future in self._as_completed([future for _, future in futures.values()]):
                try:
                    yield futures[future.key][0], future.result()
                except self._died as error:
                    raise WorkerError(
                        f"cluster workers died {MOST_TRIES} times under one piece of the work: {error}"
                    ) from error
        finally:
            self._client.cancel([future for _, future in futures.values()])

    def _once(self, argument: object, sent: dict[int, Any]) -> object:
        """A shared argument goes to the cluster once, under the digest of what it is.

        It is the result of a task, so that the scheduler can make it again where a worker dies with it; what
        is scattered would be lost.
        """
        if not isinstance(argument, Shared):
            return argument
        key = id(argument.value)
        if key not in sent:
            digest = hashlib.blake2b(pickle.dumps(argument.value), digest_size=16).hexdigest()
            sent[key] = self._client.submit(_itself, argument.value, key=f"pixeltree-{digest}")
        return sent[key]


def _itself(value: object) -> object:
    return value
