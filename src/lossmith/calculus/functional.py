"""What a loss makes a model estimate: the mean, a quantile, an expectile, a probability.

Comes in: the formula of one example. Goes out: a `Functional` with evidence. It is read off the form of the gradient at
points computed with rigorous balls and is never declared: at a fixed raw prediction, a gradient that is a straight line
in the target with its root at the prediction makes a mean; two straight lines, an expectile; two constants, a quantile.
For a yes-or-no target or classes, the mixture of targets at which the gradient vanishes is the probability.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from lossmith.calculus.evidence import PRECISION, Balls, Body, Fact, body_of, increasing_part, is_class_kind, vanishes
from lossmith.formula.definition import Definition
from lossmith.formula.link import LINKS
from lossmith.interpret import BALLS, interpret
from lossmith.numerics.interval import DOMAINS, Interval

# Raw predictions to look at, none of them special; those between 0 and 1 serve losses of given probabilities too.
GRID: Final = (-11.3, -4.1, -1.7, -0.6, -0.05, 0.04, 0.3, 0.55, 0.9, 1.6, 2.4, 5.2, 12.7)
# Distances of the target from the prediction, from minute to huge, so that no bend in between is missed.
STEPS: Final = tuple(2.0**k for k in (-60, -40, -20, -7, -3, -1, 0, 1, 3, 7, 20, 40, 60))
SHARES: Final = (*(2.0**k for k in (-60, -20, -7, -3, -1)), 0.75, 1 - 2.0**-7, 1 - 2.0**-20)
NOT_NAMED: Final = "not named yet"


@dataclass(frozen=True)
class Functional:
    """The name, the level of a quantile or expectile, and the link under which the model estimates it.

    `weights`: (class, weight) pairs by which a probability is distorted.
    """

    name: str
    level: float | None = None
    through: str = ""
    weights: tuple[tuple[int, float], ...] = ()

    @property
    def text(self) -> str:
        """In words.

        >>> Functional("quantile", 0.83).text, Functional("probability", through="sigmoid").text
        ('quantile 0.83', 'probability (of the raw prediction through sigmoid)')
        """
        level = "" if self.level is None else f" {self.level:.6g}"
        through = f" (of the raw prediction through {self.through})" if self.through else ""
        pairs = ", ".join(f"{k}: {weight:.6g}" for k, weight in self.weights)
        weighed = f" as if classes weighed {{{pairs}}}" if pairs else ""
        return f"{self.name}{level}{through}{weighed}"


UNNAMED: Final = Functional(NOT_NAMED)


def functional(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[Functional]:
    """What minimising this loss estimates, with the number of points at which the form of its gradient was seen.

    A link that the loss does not declare is tried too: log loss written in raw predictions is seen to be one.
    """
    body = body_of(definition, parameters, increasing_part)
    if isinstance(body, str):
        return Fact(UNNAMED, "open", note=body)
    test = _of_classes if is_class_kind(body) else _of_two_outcomes if body.kind == "binary" else _of_number
    if body.row_wise and not is_class_kind(body):
        return Fact(UNNAMED, "open", note="the entries of a row are looked at together")
    with BALLS(PRECISION).context():
        return _first_that_fits(body, test)


Found: TypeAlias = tuple[tuple[str, float | None], int]
Test: TypeAlias = Callable[[Body, str], Found | None]


def _first_that_fits(body: Body, test: Test) -> Fact[Functional]:
    declared = "identity" if body.given else body.link
    for link in dict.fromkeys((declared, *_other_links(body))):
        found = test(body, link)
        if found is not None:
            (name, level), points = found
            return Fact(Functional(name, level, "" if link == declared else link), "sampled", points)
    return Fact(UNNAMED, "open", note="no form of gradient that is known here")


def _other_links(body: Body) -> Iterator[str]:
    """Undeclared links worth trying: only where predictions are raw and none is declared."""
    if body.link == "identity" and not body.given:
        wanted = is_class_kind(body)
        yield from (name for name, link in LINKS.items() if link.row == wanted and name != "identity")


def _predictions(body: Body, link: str, raw: Balls) -> Balls:
    return interpret([body.predicted(link)], {**body.fixed, body.raw: raw}, BALLS(PRECISION))[0]


def _inside(body: Body, link: str, domain: Interval) -> Iterator[tuple[float, Any]]:
    """The raw predictions of the grid whose prediction lies strictly within the targets' domain, with it."""
    image = DOMAINS[body.image]
    grid = [z for z in GRID if image.low < z < image.high]
    for z, p in zip(grid, _predictions(body, link, np.array(grid))[:, 0], strict=True):
        if p.is_finite() and p > domain.low and p < domain.high:
            yield z, p


def right_predictions(body: Body) -> tuple[Balls, Balls]:
    """Targets that are the predictions at the raw predictions beside them: (points, 1) each."""
    pairs = list(_inside(body, "identity" if body.given else body.link, DOMAINS[body.kind]))
    targets = np.array([p for _, p in pairs], dtype=object).reshape(-1, 1)
    return targets, np.array([z for z, _ in pairs]).reshape(-1, 1)


def _slopes(body: Body, pairs: Iterable[tuple[Any, float]]) -> list[Any]:
    """The gradient at (target, raw prediction) pairs."""
    from flint import arb

    listed = list(pairs)
    targets = np.array([arb(y) for y, _ in listed], dtype=object).reshape(-1, 1)
    raws = np.array([z for _, z in listed]).reshape(-1, 1)
    return list(body.at([body.slope], {body.target: targets, body.raw: raws})[0][:, 0])


# A yes-or-no target ---------------------------------------------------------------------------------------------------


def _of_two_outcomes(body: Body, link: str) -> Found | None:
    """The mixture of outcomes at which the gradient vanishes is the prediction itself, at every point."""
    points = list(_inside(body, link, Interval(0.0, 1.0)))
    at_zero = _slopes(body, ((0.0, z) for z, _ in points)) if points else []
    at_one = _slopes(body, ((1.0, z) for z, _ in points)) if points else []
    for (_, p), zero, one in zip(points, at_zero, at_one, strict=True):
        if not (zero > 0 and one < 0 and vanishes(p * one + (1 - p) * zero, one)):
            return None
    return (("probability", None), 2 * len(points)) if len(points) > 3 else None


# A target that is a number --------------------------------------------------------------------------------------------


def _distances(room: float) -> tuple[float, ...]:
    """Distances to one side: shares of the room where the domain ends, plain steps where it does not."""
    return tuple(room * share for share in SHARES) if np.isfinite(room) else STEPS


def _of_number(body: Body, link: str) -> Found | None:
    domain = DOMAINS[body.kind]
    levels: list[tuple[str, Any]] = []
    seen = 0
    for z, p in _inside(body, link, domain):
        centre = float(p.mid())
        low = [(p - t, t) for t in _distances(centre - domain.low)]
        if np.isfinite(domain.low) and not domain.low_open:  # the end itself may be special: no event at all
            low.append((domain.low, p - domain.low))
        high = [(p + t, t) for t in _distances(domain.high - centre)]
        below, above = (_slopes(body, [(y, z) for y, _ in side]) for side in (low, high))
        found = _two_sides(below, [t for _, t in low], above, [t for _, t in high])
        seen += len(low) + len(high)
        if found is None or (levels and not _same(levels[0], found)):
            return None
        levels.append(found)
    return (_name(*levels[0]), seen) if len(levels) > 3 else None


def _two_sides(below: list[Any], low: list[Any], above: list[Any], high: list[Any]) -> tuple[str, Any] | None:
    """The shape of the gradient on both sides of the prediction, with its level, if it has one of the known shapes."""
    for shape, power in (("quantile", 0), ("expectile", 1)):
        left = _constant(g / t**power for g, t in zip(below, low, strict=True))
        right = _constant(-g / t**power for g, t in zip(above, high, strict=True))
        if left is not None and right is not None and left > 0 and right > 0:
            return shape, right / (left + right)
    return None


def _constant(values: Iterable[Any]) -> Any | None:
    """The common value of balls that agree, else None."""
    first, *rest = values
    agree = first.is_finite() and all(vanishes(value - first, first) for value in rest)
    return first if agree else None


def _same(a: tuple[str, Any], b: tuple[str, Any]) -> bool:
    return a[0] == b[0] and vanishes(a[1] - b[1], 1)


def _name(shape: str, level: Any) -> tuple[str, float | None]:
    if vanishes(2 * level - 1, 1):
        return ("median" if shape == "quantile" else "mean"), None
    return shape, float(level.mid())


# Classes --------------------------------------------------------------------------------------------------------------

_ROWS: Final = (
    (0.3, -1.1),
    (2.4, 0.2),
    (0.7, -0.4, 1.9),
    (-3.1, 0.1, 0.2),
    (0.2, 1.3, -0.9, 4.0),
    (0.1, -0.2, 0.6, -2.2),
)


def _of_classes(body: Body, link: str) -> Found | None:
    """The mixture of classes at which the gradient of a row vanishes is the predicted row, at every point.

    For predictions that are given as probabilities the gradient may push all classes alike: their sum is fixed.
    """
    balance: Callable[[Any], Any] = _centred if body.given else lambda total: total
    seen = 0
    for row in _ROWS:
        raw = np.array([row])
        predicted = _predictions(body, "softmax" if body.given else link, raw)[0]
        if body.given:
            raw = predicted.reshape(1, -1)
        slopes = _class_slopes(body, raw, len(row))
        scale = sum(abs(g) for g in slopes[0])
        if not all(vanishes(g, scale) for g in balance(predicted @ slopes)) or not _pulls(body, row, slopes):
            return None
        seen += len(row)
    return ("probability", None), seen


def _class_slopes(body: Body, raw: Any, classes: int) -> Any:
    """Row c: the gradient if class c is the true one."""
    repeated = np.repeat(raw, classes, axis=0)
    return body.at([body.slope], {body.target: np.eye(classes), body.raw: repeated})[0]


def _centred(total: Any) -> Any:
    return total - sum(total) / len(total)


def _pulls(body: Body, row: tuple[float, ...], slopes: Any) -> bool:
    """Whether the gradient leads from here to other class shares, if those are the true ones (raw predictions only)."""
    if body.given:
        return True
    from flint import arb

    for shift in range(1, len(row)):
        wanted = np.array(row[shift:] + row[:shift])
        shares = np.array([arb(float(w)).exp() for w in wanted], dtype=object)
        shares = shares / sum(shares)
        expected = shares @ slopes
        if not sum(g * arb(float(a - b)) for g, a, b in zip(expected, row, wanted, strict=True)) > 0:
            return False
    return True
