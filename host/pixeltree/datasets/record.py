"""What a model file keeps of the images that it was made with: how they were read, and which they were."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pixeltree.datasets.dataset import Dataset, Images, Splits, Task
from pixeltree.datasets.sources import GENERATED, Data, absolute, as_table, from_table
from pixeltree.errors import DataError

_FINGERPRINT_BYTES = 6
"""Of 100,000 images and a test part of 16,000 others, two are alike by chance in 1 of 170,000 cases."""


@dataclass(frozen=True)
class TrainingData:
    """The images that a model was made with.

    Attributes:
        source: how they were read; its paths are absolute.
        task: what was asked about an image.
        classes: names of the classes.
        training, validation, test: :meth:`pixeltree.datasets.Dataset.digest` of each part.
        seen: fingerprints of the training and validation images, sorted; none of generated sets, whose parts
            cannot share an image.
    """

    source: Data
    task: Task
    classes: tuple[str, ...]
    training: str
    validation: str
    test: str
    seen: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, source: Data, splits: Splits) -> TrainingData:
        """The record of some images.

        Args:
            source: how they were read.
            splits: what was read.
        """
        parts = () if isinstance(source, GENERATED) else (splits.training.images, splits.validation.images)
        seen = {fingerprint for images in parts for fingerprint in fingerprints(images)}
        first = splits.training
        return cls(
            absolute(source),
            first.task,
            first.classes,
            splits.training.digest(),
            splits.validation.digest(),
            splits.test.digest(),
            tuple(sorted(seen)),
        )

    def overlap(self, dataset: Dataset) -> int:
        """How many images of a set are training or validation images, pixel for pixel."""
        known = frozenset(self.seen)
        return sum(fingerprint in known for fingerprint in fingerprints(dataset.images))

    def encode(self) -> bytes:
        """The record as JSON; equal records give equal bytes."""
        return json.dumps(self.fields(), sort_keys=True, separators=(",", ":")).encode()

    def fields(self) -> dict[str, Any]:
        """The record as values of JSON."""
        return {
            "source": as_table(self.source),
            "task": str(self.task),
            "classes": list(self.classes),
            "digests": {"training": self.training, "validation": self.validation, "test": self.test},
            "seen": base64.b64encode(b"".join(self.seen)).decode(),
        }

    @classmethod
    def decode(cls, data: bytes) -> TrainingData:
        """The inverse of :meth:`encode`.

        Raises:
            DataError: the bytes are no such record.
        """
        try:
            return cls.from_fields(json.loads(data))
        except (ValueError, RecursionError) as error:
            raise DataError(f"the record of the training data is malformed: {error}") from error

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> TrainingData:
        """The inverse of :meth:`fields`.

        Raises:
            DataError: the fields are no such record.
        """
        try:
            seen = base64.b64decode(fields["seen"], validate=True)
            starts = range(0, len(seen), _FINGERPRINT_BYTES)
            digests = fields["digests"]
            return cls(
                from_table(fields["source"]),
                Task(fields["task"]),
                tuple(map(str, fields["classes"])),
                str(digests["training"]),
                str(digests["validation"]),
                str(digests["test"]),
                tuple(seen[start : start + _FINGERPRINT_BYTES] for start in starts),
            )
        except (KeyError, TypeError, ValueError, AttributeError, binascii.Error) as error:
            raise DataError(f"the record of the training data is malformed: {error!r}") from error


def fingerprints(images: Images) -> list[bytes]:
    """A short digest of each image: equal for equal images, by chance for others in 1 of 2^48 cases.

    Args:
        images: uint8 (N, rows, columns).
    """
    return [
        hashlib.blake2b(image.tobytes(), digest_size=_FINGERPRINT_BYTES).digest()
        for image in np.ascontiguousarray(images)
    ]
