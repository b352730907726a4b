"""Where PyTorch computes: the processor, or an accelerator that it knows."""

from __future__ import annotations

import torch

from pixeltree.errors import SpecificationError
from pixeltree_protocol.names import known_names

CPU = torch.device("cpu")

DEVICES = ("auto", "cpu", "cuda", "mps")
"""What can be asked for; "auto" is the first accelerator that is there, else the processor."""


def device_named(name: str) -> torch.device:
    """The device that a name of :data:`DEVICES` stands for here.

    Raises:
        SpecificationError: it is not there.
    """
    if name not in DEVICES:
        raise SpecificationError(f"no device is called {name}; {known_names(name, DEVICES)}")
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(each for each in there if there[each]))
    if not there[name]:
        raise SpecificationError(f"PyTorch finds no {name} device here; choose auto or cpu")
    return torch.device(name)
