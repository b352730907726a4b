"""``--workers`` and ``--cluster``: who does the pieces of a command's work."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated

import typer

from pixeltree.errors import DataError
from pixeltree.workers.cluster import ClusterWorkers
from pixeltree.workers.local import LocalWorkers
from pixeltree.workers.pieces import Workers

WORKERS = partial(typer.Option, rich_help_panel="Workers")

WorkersOption = Annotated[
    int | None,
    WORKERS(min=1, help="Processes of this machine that do the work. Default: one per core."),
]
ClusterOption = Annotated[
    str | None,
    WORKERS(metavar="URL", help="Use the workers of this Dask scheduler, as in tcp://scheduler:8786."),
]


@contextmanager
def chosen_workers(count: int | None, cluster: str | None) -> Iterator[Workers]:
    """The workers that the options name.

    Raises:
        DataError: both are given.
        LinkError: no scheduler answers.
    """
    if cluster is None:
        yield LocalWorkers(count)
        return
    if count is not None:
        raise DataError("give --workers or --cluster, not both")
    with ClusterWorkers(cluster) as workers:
        yield workers


def refuse_workers(count: int | None, cluster: str | None, what: str) -> None:
    """Refuse the options where there is nothing to share out; ``what`` says what they are for.

    Raises:
        DataError: one is given.
    """
    if count is not None or cluster is not None:
        raise DataError(f"--workers and --cluster {what}")
