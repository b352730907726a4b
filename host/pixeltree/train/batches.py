"""The batches of an epoch, in random order and augmented, each made while the one before is learned from."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from pixeltree.train.augment import Augmentation, augmented


def batches(
    images: npt.NDArray[np.uint8], size: int, ranges: Augmentation, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Indices of the images of each batch, and the images as they are seen.

    Args:
        images: uint8 (N, rows, columns).
        size: of a batch.
        ranges: of the augmentation.
        seed: all that is drawn follows from it.

    Yields:
        int64 (batch,) and uint8 (batch, rows, columns).
    """
    generator = torch.Generator()
    generator.manual_seed(seed)
    order = torch.split(torch.randperm(len(images), generator=generator), size)

    def made(indices: Tensor) -> Tensor:
        return torch.from_numpy(augmented(images[indices.numpy()], ranges, generator))

    with ThreadPoolExecutor(1, thread_name_prefix="pixeltree augmentation") as ahead:
        following = ahead.submit(made, order[0])
        for number, indices in enumerate(order):
            seen = following.result()
            if number + 1 < len(order):
                following = ahead.submit(made, order[number + 1])
            yield indices, seen
