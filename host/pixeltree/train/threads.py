"""Threads for the parts of a batch: as many as this process has processor cores.

How a batch is cut does not depend on how many there are, and what the parts came to is added in their order.
So the result does not depend on it either.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import torch

T = TypeVar("T")

IMAGES = 8
"""Images of a part: few, so that two threads end at about the same time."""


def cores() -> int:
    """Processor cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # not on macOS
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


@cache
def _pool(process: int) -> ThreadPoolExecutor:
    """Of this process: threads do not come along into one that is forked."""
    return ThreadPoolExecutor(cores(), thread_name_prefix="pixeltree training")


def in_parts(work: Callable[[slice], T], images: int) -> list[T]:
    """What work came to on each part of a batch, in order.

    Args:
        work: is given which images; several run at a time, so it should not hold the interpreter's lock.
        images: of the batch.
    """
    parts = [slice(start, min(start + IMAGES, images)) for start in range(0, images, IMAGES)]
    if len(parts) == 1 or cores() == 1:
        return [work(part) for part in parts]
    return list(_pool(os.getpid()).map(work, parts))


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """PyTorch's operations run in so many threads within; the order of their sums depends on how many."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
