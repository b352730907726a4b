"""What the next frame will probably need: small classes behind one interface.

All speak of *ends*: nodes at which a frame's path may end, numbered as in :attr:`SwapTree.ends`. An end names
the whole path to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from pixeltree.swapping.description import SwapTree

Probabilities = npt.NDArray[np.float64]
"""float64 (ends,), at least 0, sum 1."""

Logits = Mapping[int, Sequence[int]]
"""Output sums of the nodes that a frame visited, by node."""

_NO_LOGITS: Logits = {}
_TINY = 1e-12


class Predictor(Protocol):
    """Predicts the end of the next frame from those before."""

    def learn(self, end: int, logits: Logits = _NO_LOGITS) -> None:
        """A frame has ended there."""
        ...

    def forecast(self, at: int | None = None) -> Probabilities:
        """How probable each end is for the next frame.

        Args:
            at: as if a frame had just ended there; None: where the last one has.
        """
        ...


class Prior:
    """What is known before the first frame, such as the shares of the training data.

    Args:
        weights: at least 0, one per end; equal shares if None.
        ends: how many ends there are.
    """

    def __init__(self, ends: int, weights: Sequence[float] | None = None) -> None:
        shares = np.ones(ends) if weights is None else np.asarray(weights, np.float64)
        self._shares = shares / shares.sum() if shares.sum() > 0 else np.full(ends, 1 / ends)

    def learn(self, end: int, logits: Logits = _NO_LOGITS) -> None:
        """A prior learns nothing."""

    def forecast(self, at: int | None = None) -> Probabilities:
        """The shares."""
        return self._shares


class Markov:
    """Transitions between ends, counted as they happen; old ones are forgotten.

    Staying and leaving are counted apart, since cameras see the same thing for many frames: where one goes on
    leaving is ``n(i, j) / n(i)``, mixed with how often ``j`` is entered at all, mixed with the prior.

    Args:
        prior: what is believed before anything was seen.
        memory: transitions out of an end that count; older ones fade.
        trust: transitions that the less specific knowledge counts for.
    """

    def __init__(self, prior: Predictor, memory: float = 400.0, trust: float = 2.0) -> None:
        shares = prior.forecast()
        ends = len(shares)
        self._keep = 1.0 - 1.0 / memory
        self._trust = trust
        self._leaving = np.zeros((ends, ends))
        self._left = np.zeros(ends)
        self._entered = trust * shares
        self._stays = np.full(ends, 1.0)
        self._goes = np.full(ends, 1.0)
        self._at: int | None = None
        self._shares = shares
        self._forecast: Probabilities | None = shares
        self._rows: dict[int, Probabilities] = {}
        """Where frames go on leaving an end, as far as worked out since the last change."""

    def learn(self, end: int, logits: Logits = _NO_LOGITS) -> None:
        """Count a transition."""
        before, self._at = self._at, end
        self._forecast = None
        if before is None:
            return
        if before == end:
            self._stays[before] += 1.0
            if self._stays[before] > 1e4:  # forgetting, where nothing else happens
                self._stays[before] *= 0.5
                self._goes[before] *= 0.5
            return
        self._rows.clear()
        self._goes[before] = self._goes[before] * self._keep + 1.0
        self._stays[before] *= self._keep
        row = self._leaving[before]
        row *= self._keep
        row[end] += 1.0
        self._left[before] = self._left[before] * self._keep + 1.0
        self._entered *= self._keep
        self._entered[end] += 1.0

    def forecast(self, at: int | None = None) -> Probabilities:
        """The next end."""
        if at is not None:
            return self._from(at)
        if self._forecast is None:
            self._forecast = self._shares if self._at is None else self._from(self._at)
        return self._forecast

    def _from(self, end: int) -> Probabilities:
        row = self._rows.get(end)
        if row is None:
            row = self._rows[end] = self._row(end)
        stay = self._stays[end] / (self._stays[end] + self._goes[end])
        following = row * (1.0 - stay)
        following[end] += 1.0 - following.sum()
        return np.asarray(following)

    def _row(self, end: int) -> Probabilities:
        """Where frames go on leaving an end: sum 1, or all 0 where it has no other."""
        row = self._leaving[end] + (self._trust / self._entered.sum()) * self._entered
        row[end] = 0.0
        return np.asarray(row / max(row.sum(), _TINY))


class RootLogits:
    """The root's margins: an outcome that came close in this frame may win in the next.

    The root is, here, the first node that leads more than one way. Below it, shares are those of the ends
    seen so far.

    Args:
        tree: the tree.
        children: per outcome of the root, the node that it leads to; None for a label.
        temperature: logits that make one outcome e times as probable as another.
    """

    def __init__(self, tree: SwapTree, children: Sequence[int | None], temperature: float) -> None:
        self._root = tree.trunk[-1]
        self._leads = np.zeros((len(children), len(tree.ends)))
        for outcome, child in enumerate(children):
            if child is not None:
                self._leads[outcome, list(tree.below[child])] = 1.0
            elif self._root in tree.end_of:
                self._leads[outcome, tree.end_of[self._root]] = 1.0
        self._temperature = temperature
        self._seen = np.ones(len(tree.ends))
        self._sums: Sequence[int] | None = None
        self._forecast: Probabilities | None = self._seen / len(tree.ends)

    def learn(self, end: int, logits: Logits = _NO_LOGITS) -> None:
        """Take note of the root's logits, where they are known."""
        self._seen[end] += 1.0
        self._sums = logits.get(self._root)
        self._forecast = None

    def forecast(self, at: int | None = None) -> Probabilities:
        """The root's margins as probabilities; those of a frame that is not over are not known."""
        if self._forecast is None:
            self._forecast = self._seen / self._seen.sum() if self._sums is None else self._spread(self._sums)
        return self._forecast

    def _spread(self, sums: Sequence[int]) -> Probabilities:
        """Each outcome's share, over the ends that it leads to."""
        scaled = np.asarray(sums, np.float64) / self._temperature
        shares = np.exp(scaled - scaled.max())
        below = self._leads @ self._seen
        spread = self._seen * ((shares / np.maximum(below, _TINY)) @ self._leads)
        return np.asarray(spread / max(spread.sum(), _TINY))


class Mixture:
    """Several predictors; each counts as much as it was right lately.

    They are judged where something changes: all can tell that a camera mostly sees what it saw before.

    Args:
        parts: the predictors.
        memory: changes over which they are judged.
    """

    def __init__(self, parts: Sequence[Predictor], memory: float = 50.0) -> None:
        self._parts = tuple(parts)
        self._keep = 1.0 - 1.0 / memory
        self._scores = np.zeros(len(parts))
        self._weights = [1.0 / len(parts)] * len(parts)
        self._forecast: Probabilities | None = None
        self._at: int | None = None

    def learn(self, end: int, logits: Logits = _NO_LOGITS) -> None:
        """Judge the parts by their forecasts, then let them learn."""
        before, self._at = self._at, end
        if before is not None and before != end:
            rightness = [self._rightness(part.forecast(), before, end) for part in self._parts]
            self._scores = self._keep * self._scores + np.asarray(rightness)
            shares = np.exp(self._scores - self._scores.max())
            self._weights = (shares / shares.sum()).tolist()
        for part in self._parts:
            part.learn(end, logits)
        self._forecast = None

    @staticmethod
    def _rightness(forecast: Probabilities, before: int, end: int) -> float:
        """Log probability of where it went, given that it left."""
        leaves = max(1.0 - float(forecast[before]), _TINY)
        return float(np.log(min(1.0, max(float(forecast[end]) / leaves, 1e-3))))

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """How much each part counts: float64 (parts,), sum 1."""
        return np.asarray(self._weights)

    def forecast(self, at: int | None = None) -> Probabilities:
        """The weighted mean of the parts' forecasts."""
        if at is not None:
            return self._mean(at)
        if self._forecast is None:
            self._forecast = self._mean(None)
        return self._forecast

    def _mean(self, at: int | None) -> Probabilities:
        parts = zip(self._weights, self._parts, strict=True)
        return np.asarray(sum(weight * part.forecast(at) for weight, part in parts))
