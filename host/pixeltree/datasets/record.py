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
from pixeltree.datasets.sources import GENERATED, Data, as_table, from_table, recorded
from pixeltree.errors import DataError

_FINGERPRINT_BYTES = 6
"""Of 100,000 images and a test part of 16,000 others, two are alike by chance in 1 of 170,000 cases."""

MOST_FINGERPRINTS = 4096
"""So many are kept at most. Those of the 60,000 training images of MNIST would be 480 KB of a file of 500."""


@dataclass(frozen=True)
class TrainingData:
    """The images that a model was made with.

    Attributes:
        source: how they were read, as :func:`pixeltree.datasets.sources.recorded` has it.
        task: what was asked about an image.
        classes: names of the classes.
        training, validation, test: :meth:`pixeltree.datasets.Dataset.digest` of each part.
        images: how many different images the training and validation parts have; 0 of generated sets, whose
            parts cannot share an image.
        repeated: how many images of the test part are among them. All were compared when the record was made.
        seen: their fingerprints, sorted, or the :data:`MOST_FINGERPRINTS` smallest of more. Fingerprints are
            digests, so the smallest are a random sample of the images.
    """

    source: Data
    task: Task
    classes: tuple[str, ...]
    training: str
    validation: str
    test: str
    images: int = 0
    repeated: int = 0
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
        first, test = splits.training, splits.test
        return cls(
            recorded(source),
            first.task,
            first.classes,
            splits.training.digest(),
            splits.validation.digest(),
            test.digest(),
            len(seen),
            sum(fingerprint in seen for fingerprint in fingerprints(test.images)) if seen else 0,
            tuple(sorted(seen)[:MOST_FINGERPRINTS]),
        )

    @property
    def is_sampled(self) -> bool:
        """Whether fingerprints of some images alone were kept."""
        return len(self.seen) < self.images

    def overlap(self, dataset: Dataset) -> int:
        """How many images of a set are training or validation images, pixel for pixel.

        The count is exact if every fingerprint was kept, or if this is the test part that was put aside.
        Otherwise it is estimated from the sample, and a few images may go unseen: of 60,000 images one in 15
        is in it, so that 1 image is found with a probability of 7%, 10 with 51%, and 100 with 99.9%.
        """
        if self.is_sampled and dataset.digest() == self.test:
            return self.repeated
        known = frozenset(self.seen)
        found = sum(fingerprint in known for fingerprint in fingerprints(dataset.images))
        return min(len(dataset), round(found * self.images / len(self.seen))) if self.is_sampled else found

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
            "images": self.images,
            "repeated": self.repeated,
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
                int(fields["images"]),
                int(fields["repeated"]),
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
