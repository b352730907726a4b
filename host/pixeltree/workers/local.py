"""Worker processes on this machine."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from pixeltree.errors import DataError, WorkerError
from pixeltree.workers.pieces import MOST_TRIES, Piece

logger = logging.getLogger(__name__)

_WAITING = 2
"""Pieces that lie ready for each worker, so that none has to wait for its next one."""


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class LocalWorkers:
    """Processes of this machine, one piece each at a time.

    Args:
        count: processes; None for one per processor that this process may use. With 1 the pieces run in
            this process.

    Raises:
        DataError: ``count`` is below 1.
    """

    def __init__(self, count: int | None = None) -> None:
        if count is not None and count < 1:
            raise DataError(f"the number of workers is {count}; it must be at least 1")
        self.count = count or cores()

    def run(self, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Any]]:
        """Run pieces; see :class:`pixeltree.workers.pieces.Workers`."""
        if min(self.count, len(pieces)) <= 1:
            for piece in pieces:
                yield piece, piece.run()
            return
        left, deaths = list(pieces), 0
        while left:
            try:
                for piece, result in self._until_a_worker_dies(left):
                    left.remove(piece)
                    deaths = 0
                    yield piece, result
            except BrokenProcessPool as error:
                deaths += 1
                if deaths == MOST_TRIES:
                    raise WorkerError(
                        f"worker processes died {MOST_TRIES} times in a row, the last time with "
                        f"{len(left)} of {len(pieces)} pieces left ({error}); was memory short? "
                        f"A script that starts workers must do so below if __name__ == '__main__':"
                    ) from error
                logger.warning("a worker process died; its piece of the work begins again")

    def _until_a_worker_dies(self, pieces: Sequence[Piece]) -> Iterator[tuple[Piece, Any]]:
        """Results from one set of processes, which ends as a whole if one of them dies."""
        context = multiprocessing.get_context("spawn")
        count = min(self.count, len(pieces))
        with ProcessPoolExecutor(count, mp_context=context, initializer=_begin) as pool:
            waiting, running = list(reversed(pieces)), dict[Future[Any], Piece]()
            try:
                while waiting or running:
                    while waiting and len(running) < count * _WAITING:
                        piece = waiting.pop()
                        running[pool.submit(piece.run)] = piece
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield running.pop(future), future.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


def _begin() -> None:
    """A worker's first act: it leaves Ctrl-C to its parent, and keeps to one core."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["OMP_NUM_THREADS"] = "1"
