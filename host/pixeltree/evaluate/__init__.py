"""How good a tree is on data: through the reference, and on emulated or real devices."""

from pixeltree.evaluate.evaluation import (
    Evaluation,
    accuracy_by_node,
    confusion,
    evaluate_device,
    evaluate_reference,
)

__all__ = [
    "Evaluation",
    "accuracy_by_node",
    "confusion",
    "evaluate_device",
    "evaluate_reference",
]
