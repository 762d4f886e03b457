"""Whether telling the truth is (alone) best: proper and strictly proper losses of probabilities.

Comes in: a definition and parameter values. Goes out: facts. The expected loss under a share of ones must be least at
that share (Savage 1971; Shuford, Albert and Massengill 1966): proved by the form of the expected gradient, refuted by a
share and another prediction whose expected loss is smaller.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from lossmith.calculus.evidence import Fact
from lossmith.calculus.properties.functionals import estimates, link_of, names_share
from lossmith.calculus.properties.outcomes import (
    ASKED,
    Floats,
    Outcomes,
    expected_text,
    is_probability,
    line_of_raws,
    outcomes,
    rounded,
    shown,
)
from lossmith.formula.definition import Definition

ROWS: Final = ((0.3, -1.1), (2.4, 0.2), (0.7, -0.4, 1.9), (-1.1, 0.1, 0.2), (0.2, 1.3, -0.9, 2.0), (0.0, 0.0, 0.0, 1.0))
STEPS: Final = tuple(s * 2.0**k for k in range(-6, 4) for s in (1.0, -1.0))
GAP: Final = 1e-7  # a difference of expected losses, over their size, that floats show for certain


def proper(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[bool | None]:
    """Whether the expected loss is least where the prediction is the truth; None where nothing is a probability.

    >>> import lossmith as ls
    >>> [proper(ls.get(name).definition).value for name in ("bce", "brier", "focal", "mse")]
    [True, True, False, None]
    """
    return _judged(definition, tuple(sorted((parameters or {}).items())), strictly=False)


def strictly_proper(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[bool | None]:
    """Whether the expected loss is least only where the prediction is the truth; None as for `proper`."""
    return _judged(definition, tuple(sorted((parameters or {}).items())), strictly=True)


@lru_cache(maxsize=64)
def _judged(definition: Definition, given: tuple[tuple[str, float], ...], *, strictly: bool) -> Fact[bool | None]:
    parameters = dict(given)
    found = outcomes(definition, parameters)
    if isinstance(found, str):
        return Fact(None, "open", note=found)
    known = estimates(definition, parameters)
    link = link_of(found.body, known.value)
    if not is_probability(found.body, link):
        return Fact(None, "open", note=NO_PROBABILITIES)
    rivals = _rivals(found, link)
    if rivals.better is not None:
        return rivals.better.fact(found)
    if strictly and rivals.equal is not None:
        return rivals.equal.fact(found)
    through = f" of {known.value.through} of the raw prediction" if known.value.through else ""
    if names_share(known.value) and known.evidence == "proved" and not found.is_weighed:
        return Fact(True, "proved", note=known.note + through)
    return Fact(True, "sampled", rivals.points + known.points, note=through.strip())


NO_PROBABILITIES: Final = f"{ASKED} losses of probabilities; these predictions are none"


@dataclass(frozen=True)
class Rival:
    """Shares that are the truth, the raw prediction that says so, and another that is not worse."""

    shares: tuple[float, ...]
    truth: Floats
    rival: Floats
    at_truth: float
    at_rival: float

    def fact(self, found: Outcomes) -> Fact[bool | None]:
        """The refutation, in words and as code that runs."""
        said = f"shares {_row(self.shares)}" if found.of_classes else f"share of ones {self.shares[1]:.4g}"
        less = self.at_rival < self.at_truth - GAP * abs(self.at_truth)
        verb = f"is {self.at_rival:.6g}" if less else f"is {self.at_rival:.6g} as well"
        note = (
            f"at the {said} the expected loss is {self.at_truth:.6g} where the prediction is the truth, "
            f"and {verb} at the raw prediction {shown(self.rival)}"
        )
        test = "expected(rival) < expected(truth)" if less else "expected(rival) <= expected(truth) * (1 + 1e-12)"
        code = expected_text(found, self.shares)
        code += f"truth, rival = {shown(self.truth)}, {shown(self.rival)}  # raw predictions\nassert {test}\n"
        return Fact(False, "refuted", 1, note, code)


def _row(shares: tuple[float, ...]) -> str:
    return f"({', '.join(f'{s:.4g}' for s in shares)})"


@dataclass(frozen=True)
class Rivals:
    """The clearest rival that is better than the truth, one that is as good, and how many were tried."""

    better: Rival | None
    equal: Rival | None
    points: int


def _rivals(found: Outcomes, link: str) -> Rivals:
    if found.of_classes:
        tried = [_of_row(found, link, np.array([row])) for row in found.rows(ROWS)]
    else:
        raws = _rounded(line_of_raws(found.body))
        shares = found.predicted(link, raws)[:, 0]
        inside = np.flatnonzero((shares > 0.02) & (shares < 0.98))
        tried = [(np.array([1 - shares[i], shares[i]]), raws[[i]], raws) for i in inside]
    best: tuple[float, Rival] | None = None
    equal: Rival | None = None
    points = 0
    for shares, truth, others in tried:
        for gap, distance, rival in _compared(found, shares, truth, others):
            points += 1
            if gap > GAP and (best is None or gap > best[0]):
                best = gap, rival
            if abs(gap) <= 1e-14 and distance > 1e-3:
                equal = rival
    return Rivals(_confirmed(found, best[1] if best else None), equal, points)


def _rounded(raws: Floats) -> Floats:
    return np.asarray(np.vectorize(rounded, otypes=[np.float64])(raws))


def _of_row(found: Outcomes, link: str, row: Floats) -> tuple[Floats, Floats, Floats]:
    """The truth that a row of raw predictions says, the row, and rows downhill and uphill of it."""
    weights = np.exp(row - row.max())
    truth = np.asarray(weights / weights.sum()) if found.body.given else row
    shares = found.predicted("identity" if found.body.given else link, truth)[0]
    pull = np.nan_to_num(shares @ found.slopes(truth)[0])
    steps = np.array(STEPS).reshape(-1, 1) / max(1.0, float(np.abs(pull).max()))
    moved = row - steps * pull
    if found.body.given:
        moved = np.exp(moved - moved.max(axis=1, keepdims=True))
        moved /= moved.sum(axis=1, keepdims=True)
    return shares, truth, moved if found.body.given else _rounded(moved)


def _compared(found: Outcomes, shares: Floats, truth: Floats, others: Floats) -> list[tuple[float, float, Rival]]:
    """For each other prediction: how much better it is, how far away, and the rival."""
    at_truth, at_others = found.losses(truth) @ shares, found.losses(others) @ shares
    said = tuple(float(s) for s in shares)
    listed = []
    for raw, value in zip(others, at_others, strict=True):
        size = max(abs(float(at_truth[0])), abs(float(value)), 1e-300)
        gap = (float(at_truth[0]) - float(value)) / size
        if np.isfinite(gap):
            rival = Rival(said, truth[0], raw, float(at_truth[0]), float(value))
            listed.append((gap, float(np.abs(raw - truth[0]).max()), rival))
    return listed


def _confirmed(found: Outcomes, rival: Rival | None) -> Rival | None:
    """The rival, if rigorous balls say the same."""
    if rival is None:
        return None
    from flint import arb

    table = found.balls(np.stack([rival.truth, rival.rival]))
    at_truth, at_rival = (sum(arb(s) * ball for s, ball in zip(rival.shares, row, strict=True)) for row in table)
    return rival if at_rival < at_truth else None
