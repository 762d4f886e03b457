"""The losses that somebody's loss is compared with: those of the catalogue, and others that are in wide use.

Comes in: what was seen. Goes out: losses that take what the subject takes, with usual parameters, with a weight for each
class or each side, or with parameters fitted to the numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any, Final

import numpy as np

from lossmith.catalogue import names
from lossmith.checking.derivatives.known import for_subject, taking, true_parts, value_parts
from lossmith.checking.derivatives.matching import best_factor, centred, target_labels
from lossmith.checking.derivatives.points import CLASSES, LOGISTIC
from lossmith.checking.derivatives.seen import PARTS, Seen
from lossmith.checking.subject import Array, Takes
from lossmith.errors import LossmithError
from lossmith.loss.handle import Loss
from lossmith.loss.library import get, parse


@dataclass(frozen=True)
class Family:
    """The parameters of a loss: the values that are usual, and between which others are sought."""

    usual: Mapping[str, tuple[float, ...]]
    between: Mapping[str, tuple[float, float]]


_SHARES: Final = (0.5, 0.1, 0.25, 0.75, 0.9, 0.95, 0.05)
FAMILIES: Final[Mapping[str, Family]] = {
    "huber": Family({"delta": (1.0, 0.5, 1.35, 1.5, 2.0)}, {"delta": (1e-2, 4.0)}),
    "quantile": Family({"level": _SHARES}, {"level": (1e-3, 0.999)}),
    "expectile": Family({"level": _SHARES}, {"level": (1e-3, 0.999)}),
    "student_t": Family({"degrees": (4.0, 1.0, 2.0, 3.0, 5.0)}, {"degrees": (0.1, 100.0), "scale": (1e-2, 30.0)}),
    "logistic": Family({"scale": (1.0, 0.5, 2.0)}, {"scale": (1e-2, 30.0)}),
    "pseudo_huber": Family({"delta": (1.0, 0.5, 2.0)}, {"delta": (1e-2, 30.0)}),
    "fair": Family({"c": (1.0, 0.5, 2.0)}, {"c": (1e-2, 30.0)}),
    "tweedie": Family({"power": (1.5, 1.1, 1.2, 1.3, 1.7, 1.9)}, {"power": (1.001, 1.999)}),
    "negative_binomial": Family({"dispersion": (1.0, 0.1, 0.5, 2.0)}, {"dispersion": (1e-2, 50.0)}),
    "zero_inflated_poisson": Family({"zero": (0.25, 0.1, 0.5)}, {"zero": (1e-3, 0.999)}),
    "focal": Family({"gamma": (2.0, 1.0, 0.5, 1.5, 2.5, 3.0, 4.0, 5.0)}, {"gamma": (0.01, 8.0)}),
    "softmax_focal": Family({"gamma": (2.0, 1.0, 0.5, 1.5, 3.0, 5.0)}, {"gamma": (0.01, 8.0)}),
    "label_smoothed_cross_entropy": Family({"epsilon": (0.1, 0.05, 0.2)}, {"epsilon": (1e-3, 0.95)}),
    "dice": Family({"smooth": (1.0, 0.0, 1e-6)}, {"smooth": (0.0, 10.0)}),
    "tversky": Family(
        {"alpha": (0.3, 0.7), "beta": (0.7, 0.3), "smooth": (1.0, 0.0)}, {"alpha": (0.01, 1.0), "beta": (0.01, 1.0)}
    ),
}

OTHERS: Final[tuple[tuple[str, str, Mapping[str, Any], tuple[str, ...]], ...]] = (
    ("pseudo_huber", "delta**2 * (sqrt(1 + ((y - z) / delta)**2) - 1)",
     {"target": "real", "parameters": {"delta": (1.0, "positive")}}, ("real",)),
    ("fair", "c**2 * (abs(y - z) / c - log(1 + abs(y - z) / c))",
     {"target": "real", "parameters": {"c": (1.0, "positive")}}, ("real",)),
    ("hinge", "maximum(0, 1 - (2*y - 1)*z)", {"target": "binary"}, ("binary",)),
    ("squared_hinge", "maximum(0, 1 - (2*y - 1)*z)**2", {"target": "binary"}, ("binary",)),
    ("squared_log_error", "(log(1 + y) - log(1 + z))**2", {"target": "nonnegative"}, ("nonnegative", "positive", "count")),
)  # fmt: skip
"""In wide use, and not in the catalogue: (name, formula, declaration, kinds of target).

Sources: Charbonnier et al. (1997), IEEE Trans. Image Processing 6, 298-311; Fair (1974), "c (|x|/c - log(1 + |x|/c))", in
Rey (1983), Introduction to Robust and Quasi-Robust Statistical Methods; Cortes and Vapnik (1995), Machine Learning 20.
"""
ON_THEIR_OWN_SCALE: Final = ("squared_error", "half_squared_error", "absolute_error", "huber")
"""Losses of numbers, which people also use for counts, amounts and yes-or-no targets without a link."""


@lru_cache(maxsize=128)
def _all_of(kind: str, takes: Takes) -> tuple[Loss, ...]:
    found: list[Loss] = []
    for name in (*names(kind), *ON_THEIR_OWN_SCALE):
        loss = get(name)
        declaration = loss.definition.declaration
        usable = not (declaration.columns or declaration.heads or len(declaration.target) > 1)
        if usable and (taking(loss, takes) is not None or loss.link == "identity"):
            made = for_subject(loss, takes)
            found += [b for b in _usual(name, made) if b not in found]
    for name, text, said, kinds in OTHERS:
        if kind in kinds and not (takes == "probability" and kind in LOGISTIC):
            found += list(_usual(name, parse(text, name=name, **said).using("numpy")))
    return tuple(found)


def _usual(name: str, loss: Loss) -> Iterator[Loss]:
    usual = FAMILIES[name].usual if name in FAMILIES else {}
    for values in product(*usual.values()):
        yield loss.bind(**dict(zip(usual, values, strict=True)))


def candidates(seen: Seen) -> Iterator[Loss]:
    """The losses for this kind of target; sums over rows where the subject is one, others where it is none."""
    for loss in _all_of(seen.subject.kind, seen.subject.takes):
        if loss.is_additive is (seen.at.size == 1):
            yield loss


# Weights ------------------------------------------------------------------------------------------------------------


def weighted(seen: Seen, losses: Sequence[Loss]) -> Iterator[Loss]:
    """Losses with the weight of each class, or of each side of the target, that the numbers ask for."""
    if seen.at.size > 1:
        return
    labels = _strata(seen)
    if labels is None:
        return
    for loss in losses:
        for part in ("value", "gradient"):
            factors = _factors(seen, loss, labels, part) if part in seen.parts else None
            if factors is not None:
                yield from _with_weights(seen, loss, factors)


def _strata(seen: Seen) -> Array | None:
    kind, y, z = seen.subject.kind, seen.at.y, seen.at.prediction
    if kind in CLASSES:
        return y if y.ndim == 1 else np.asarray(y.argmax(axis=1))
    if kind in LOGISTIC and y.ndim == 1:
        return np.where(y == 0.0, 0, np.where(y == 1.0, 1, 2))
    return (z >= y).astype(np.int64) if kind == "real" else None


def _factors(seen: Seen, loss: Loss, labels: Array, part: str) -> list[float] | None:
    """The factor of a part in each stratum; None unless they differ and all are positive."""
    true = true_parts(loss, seen.at)
    if true is None or true[part].shape != seen.parts[part].shape:
        return None
    strata = range(min(int(labels.max()) + 1, max(2, seen.subject.classes)))
    found = [best_factor(seen.parts[part][labels == s], true[part][labels == s]) for s in strata]
    return found if min(found) > 0.0 and max(found) > 1.001 * min(found) else None


def _with_weights(seen: Seen, loss: Loss, factors: list[float]) -> Iterator[Loss]:
    """With the weights in short numbers, then as they were found."""
    for short in (_plain, float):
        with suppress(LossmithError):
            if seen.subject.kind == "real":
                yield from _one_sided(loss, factors[0] / factors[1], short)
            elif loss.definition.name == "focal":
                named = get("focal", gamma=loss.parameters["gamma"], alpha=short(factors[1] / sum(factors)))
                yield for_subject(named, seen.subject.takes)
            else:
                yield loss.reweight({k: short(f / factors[0]) for k, f in enumerate(factors)})


TILTED: Final[Mapping[str, str]] = {"absolute_error": "quantile", "squared_error": "expectile"}
"""Losses that have a name where one side weighs more; their members are found through them."""


def _one_sided(loss: Loss, ratio: float, short: Callable[[float], float]) -> Iterator[Loss]:
    """A loss that weighs predictions below the target `ratio` times as much."""
    name = loss.definition.name
    if name in TILTED:
        yield get(TILTED[name], level=short(ratio / (1.0 + ratio))).using("numpy")
    elif name not in TILTED.values():
        yield loss.asymmetric(under=short(ratio), over=1.0)


def _plain(number: float) -> float:
    """The shortest number that is the same to one part in a thousand."""
    return next((s for d in (1, 2, 3) if abs((s := float(f"{number:.{d}g}")) / number - 1.0) < 1e-3), number)


LIKE: Final = 0.5
"""How far the nearest member of a family may be for its parameters to be sought."""


# Parameters ---------------------------------------------------------------------------------------------------------


def fitted(seen: Seen, losses: Sequence[Loss]) -> Iterator[list[Loss]]:
    """For each family, the likeliest first, the parameters that come closest to the numbers; then those with weights."""
    starts: list[tuple[float, Loss]] = []
    for name in FAMILIES:
        members = [(distance(seen, loss), loss) for loss in losses if loss.definition.name == name]
        if members:
            starts.append(min(members, key=lambda pair: pair[0]))
    for far, start in sorted(starts, key=lambda pair: pair[0]):
        if far < LIKE:
            found = list(_closest(seen, start, FAMILIES[start.definition.name]))
            yield [*found, *weighted(seen, found)]


def distance(seen: Seen, loss: Loss) -> float:
    """How far the numbers are from a loss with the best factors: 0 is exact, 1 is no likeness."""
    part = next((p for p in PARTS if p in seen.parts), None)
    true = value_parts(loss, seen.at) if part == "value" else true_parts(loss, seen.at)
    if true is None or part is None or true[part].shape != seen.parts[part].shape:
        return 1.0
    found, near = seen.parts[part], true[part]
    strata = _strata(seen) if seen.subject.kind in LOGISTIC | CLASSES and seen.at.size == 1 else None
    if part == "value" and seen.at.size == 1 and strata is None:
        labels = target_labels(seen)
        found, near = centred(found, labels), centred(near, labels)
    strata = np.zeros(found.shape[0], dtype=np.int64) if strata is None else strata
    both = np.isfinite(found) & np.isfinite(near)
    size = float((found[both] ** 2).sum())
    missed = 0.0
    for s in np.unique(strata):
        rows = strata == s
        rest = found[rows] - max(0.0, best_factor(found[rows], near[rows])) * near[rows]
        missed += float(np.nansum(rest[both[rows]] ** 2))
    return missed / size if size > 0.0 else 1.0


def _closest(seen: Seen, start: Loss, family: Family) -> Iterator[Loss]:
    from scipy import optimize

    keys = list(family.between)
    low, high = (np.array([family.between[k][side] for k in keys]) for side in (0, 1))
    first = np.array([float(start.parameters[k] or 0.0) for k in keys])

    def miss(x: Array) -> float:
        return distance(seen, start.bind(**dict(zip(keys, np.clip(x, low, high).tolist(), strict=True))))

    options = {"xatol": 1e-7, "fatol": 1e-13, "maxiter": 60 * len(keys)}
    best = optimize.minimize(miss, first, method="Nelder-Mead", options=options)
    x = np.clip(best.x, low, high)
    for values in ([_plain(v) if v else v for v in x.tolist()], x.tolist()):
        with suppress(LossmithError):  # rounded onto the border of its domain
            yield start.bind(**dict(zip(keys, values, strict=True)))
