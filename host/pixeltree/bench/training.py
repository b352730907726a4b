"""How many images a second a training takes: 16 kernels of 4 x 4 on 64 x 64 pixels, with a chip's errors."""

from __future__ import annotations

import time

import numpy as np

from pixeltree.datasets import Dataset, Task
from pixeltree.model.geometry import ConvolutionGeometry, FullyConnectedGeometry, Pooling
from pixeltree_protocol.chip.nonidealities import TYPICAL_ERRORS

_SIDE, _OUTCOMES, _BATCH = 64, 10, 64
_EPOCHS = 4


def training_rate(images: int, epochs: int = _EPOCHS) -> float | None:
    """Training images per second on the processor, augmentation included; None without the extra ``train``.

    Time from the end of the first epoch counts, when machine code is there, to the last batch.

    Args:
        images: of an epoch, random.
        epochs: in all, at least 2.
    """
    try:
        from pixeltree.train.augment import Augmentation  # noqa: PLC0415 - an extra, slow to import
        from pixeltree.train.network import BinaryNetwork  # noqa: PLC0415
        from pixeltree.train.objective import Classification  # noqa: PLC0415
        from pixeltree.train.progress import BatchReport, Report  # noqa: PLC0415
        from pixeltree.train.specification import Input, NetworkSpecification  # noqa: PLC0415
        from pixeltree.train.training import TrainingSettings, build, train_network  # noqa: PLC0415
    except ModuleNotFoundError:
        return None
    random = np.random.default_rng(0)
    seen = random.integers(0, 256, (images, _SIDE, _SIDE)).astype(np.uint8)
    names = tuple(map(str, range(_OUTCOMES)))
    data = Dataset("random", Task.CLASSIFICATION, seen, random.integers(0, _OUTCOMES, images), names)
    specification = NetworkSpecification(
        Input(_SIDE),
        (ConvolutionGeometry(16, 4, before=0, after=3), Pooling(4)),
        FullyConnectedGeometry(_OUTCOMES),
    )
    changes = Augmentation(rotation=10, zoom=0.1, shear=0.1, shift=2, brightness=16)
    told: list[tuple[float, int]] = []

    def tell(report: Report) -> None:
        if isinstance(report, BatchReport):
            told.append((time.perf_counter(), report.images))

    train_network(
        build(lambda: BinaryNetwork(specification, TYPICAL_ERRORS), 0),
        data,
        data.subset(np.arange(2)),
        Classification(tuple((index,) for index in range(_OUTCOMES))),
        TrainingSettings(epochs=epochs, batch_size=_BATCH, augmentation=changes, device="cpu"),
        progress=tell,
    )
    first = next(index for index, (_, done) in enumerate(told) if done >= images)
    (began, before), (ended, after) = told[first], told[-1]
    return (after - before) / (ended - began)
