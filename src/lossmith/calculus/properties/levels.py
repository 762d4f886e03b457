"""How low a loss goes and where; whether it treats errors to both sides alike; how often it can be differentiated.

Comes in: a definition and parameter values. Goes out: facts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Final

import numpy as np

from lossmith.calculus.derivative import tangent
from lossmith.calculus.evidence import Fact
from lossmith.calculus.kinks import kinks
from lossmith.calculus.properties import rows, witnesses
from lossmith.calculus.properties.bending import case_cuts, corners_known, place
from lossmith.calculus.properties.cases import ONE, Case, Floats, Study, folded, studied
from lossmith.calculus.properties.extremes import Extremes, extremes
from lossmith.calculus.properties.holes import Hole, holes, lost, shown, whole, whole_of_all, words
from lossmith.calculus.properties.parity import mirrored
from lossmith.formula.definition import Definition, resolved
from lossmith.formula.link import link_named
from lossmith.formula.node import Node
from lossmith.interpret import NUMPY, interpret

DEEP: Final = -1e6
HIGHEST: Final = 6  # derivatives that are looked at across a corner
CLOSE: Final = 1e-7
NO_CORNER: Final = "no corner in the formula"


# Differentiable -------------------------------------------------------------------------------------------------------


def differentiable(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[float]:
    """How often the loss can be differentiated everywhere: infinite, 1 (a slope without jumps), 0 (a corner), -1 (a jump).

    The note says where it ends.

    >>> import lossmith as ls
    >>> [differentiable(ls.get(name).definition).value for name in ("mse", "huber", "mae")]
    [inf, 1.0, 0.0]
    """
    study = studied(definition, parameters)
    if not isinstance(study, str) and holes(study):
        first = holes(study)[0]
        code = shown(study, first)
        return Fact(0.0, "refuted" if code else "proved", 1 if code else 0, words(study, first), code)
    if not kinks(resolved(definition)):
        if whole_of_all(definition, parameters) if isinstance(study, str) else whole(study):
            return Fact(math.inf, "proved", note=NO_CORNER)
        return Fact(math.inf, "open", note=f"{NO_CORNER}, but not shown to be a number everywhere")
    if isinstance(study, str):
        return Fact(0.0, "open", note=study)
    if not kinks(study.plain):
        known = whole(study)
        return Fact(math.inf, "proved" if known else "sampled", 0 if known else len(study.targets) * 33, NO_CORNER)
    if study.of_classes or any(case.free for case in study.cases):
        return Fact(0.0, "open", note="corners that move with other numbers")
    return min((_smoothness_of(study, case) for case in study.cases), key=lambda fact: fact.value)


def _smoothness_of(study: Study, case: Case) -> Fact[float]:
    found, forms = case_cuts(case), [case.node]
    exact = found.sure
    y = study.targets[0] if case.target is None else case.target
    for order in range(HIGHEST + 1):
        for k in range(len(found.at)):
            gap, sure = found.jump(forms[-1], k)
            exact = exact and sure
            if gap != 0:
                return _ends(study, y, found.at[k], order, gap, exact)
        forms.append(folded(tangent(forms[-1], {case.raw: ONE})))
    if exact:  # no corner is left, or none whose derivatives jump
        known = not found.at
        note = "no corner in the formula at these numbers" if known else "no derivative was seen to jump"
        return Fact(math.inf, "proved" if known else "sampled", 0 if known else len(found.at) * HIGHEST, note)
    return Fact(math.inf, "sampled", max(1, len(found.at)) * HIGHEST, "no derivative was seen to jump")


_DERIVATIVES: Final = ("value", "slope", "second derivative", "third derivative")


def _ends(study: Study, y: float, z: float, order: int, gap: float, exact: bool) -> Fact[float]:
    what = _DERIVATIVES[order] if order < len(_DERIVATIVES) else f"{order}th derivative"
    change = "is infinite" if math.isnan(gap) else f"jumps by {gap:.4g}"
    note = f"the {what} {change} at {place(study, y, z)}"
    if exact:
        return Fact(float(order - 1), "proved", note=note)
    return Fact(float(order - 1), "sampled", order + 1, note)


# Bounded below --------------------------------------------------------------------------------------------------------


def bounded_below(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[float | None]:
    """The least that the loss of a row can be: -inf where there is none, None where it depends on the target.

    The note says where it is: at the right prediction, elsewhere, or only approached.

    >>> import lossmith as ls
    >>> fact = bounded_below(ls.get("bce").definition)
    >>> fact.value, fact.note
    (0.0, 'approached as the raw prediction goes far to the side of the outcome, never reached')
    """
    study = studied(definition, parameters)
    if isinstance(study, str):
        return Fact(None, "open", note=study)
    if study.of_classes:
        return rows.bounded_below(study)
    if (fall := next((hole for hole in holes(study) if "down" in (hole.below, hole.above)), None)) is not None:
        return _falls(study, fall)
    floors = [_floor(study, y) for y in study.targets]
    deepest = min(floors, key=lambda row: row[0])
    if deepest[0] < DEEP:
        y, z = deepest[1], deepest[2]
        return Fact(-math.inf, "refuted", 1, f"{deepest[0]:.3g} at {place(study, y, z)}, and lower farther out",
                    witnesses.below(study, y, z, DEEP))  # fmt: skip
    lowest = [row[0] for row in floors]
    where = _where_of_all(study, deepest, floors)
    count = len(floors) * 200
    if max(lowest) - min(lowest) > CLOSE * max(1.0, max(map(abs, lowest))):
        told = "; ".join(part for part in ("it depends on the target", _seen(where), lost(study)) if part)
        return Fact(None, "sampled", count, told)
    if missing := lost(study):
        return Fact(_rounded(min(lowest)), "sampled", count, f"{_seen(where)}; {missing}")
    return _proved_floor(study, min(lowest), where) or Fact(_rounded(min(lowest)), "sampled", count, _seen(where))


def _falls(study: Study, fall: Hole) -> Fact[float | None]:
    """A pole below: no least value, shown where a float lies near enough to it."""
    beside = np.nextafter(fall.raw, np.array([-np.inf, np.inf]))
    tried = np.array([fall.raw, *beside])
    with np.errstate(invalid="ignore"):
        deep = tried[study.at(study.body.node, fall.target, tried) < DEEP]
    code = witnesses.below(study, fall.target, float(deep[0]), DEEP) if deep.size else None
    return Fact(-math.inf, "refuted" if code else "sampled", 1 if code else 2, words(study, fall), code)


def _rounded(value: float) -> float:
    return 0.0 if abs(value) < 1e-9 else value


@lru_cache(maxsize=512)
def value_of(case: Case) -> Extremes | None:
    """The extremes of the loss itself."""
    slope, breaks = (None, ()) if case.free else (case.slope, case_cuts(case).at)
    return extremes(case, case.node, slope, breaks)


def _proved_floor(study: Study, seen: float, where: str) -> Fact[float | None] | None:
    found = [value_of(case) for case in study.distinct]
    sure = all(corners_known(case) for case in study.cases)
    if not sure or any(e is None or not e.defined for e in found):
        return None
    low = min(e.low for e in found if e is not None)
    if math.isinf(low) or seen - low > CLOSE * max(1.0, abs(seen)):
        return None
    return Fact(0.0 if low <= 0 <= max(seen, 0.0) and abs(seen) < CLOSE else seen, "proved", note=where)


def _floor(study: Study, y: float) -> tuple[float, float, float]:
    """The least value seen for a target: (value, target, raw prediction)."""
    far = np.geomspace(1e-6, 1e9, 91)
    z = np.unique(np.concatenate([study.raws(y), -far, far, y - far, y + far, np.linspace(-12, 12, 97)]))
    z = z[(z > study.cases[0].image.low) & (z < study.cases[0].image.high)]
    low, at = math.inf, float(z[0])
    for _ in range(ROUNDS):  # the place is bracketed by its neighbours, and these are looked between
        values = study.at(study.body.node, y, z)
        values = np.where(np.isfinite(values), values, np.inf)
        k = int(np.argmin(values))
        if not values[k] < low:
            break
        low, at = float(values[k]), float(z[k])
        z = np.linspace(z[max(k - 1, 0)], z[min(k + 1, z.size - 1)], FINE)
    return low, y, at


ROUNDS: Final = 12
FINE: Final = 65  # places between two neighbours: each round divides their distance by 32


Floor = tuple[float, float, float]
RIGHT: Final = "least where the prediction is the target"
AT: Final = "least at "


def _where_of_all(study: Study, deepest: Floor, floors: list[Floor]) -> str:
    """The place of the least value in words, asked of the least of every target that is looked at."""
    where = _where(study, *deepest[1:])
    known = any(_right_raw(study, y) is not None for _, y, _ in floors)
    all_right = known and all(_is_right(study, y, z) for _, y, z in floors)
    amounts = study.body.kind not in ("binary", "fraction")
    if amounts and not where.startswith((RIGHT, AT)) and any(_where(study, y, z) != where for _, y, z in floors):
        here = f"at {study.body.target!r}={deepest[1]:g} {where}"
        return f"{RIGHT}; {here}" if all_right else f"{here}; elsewhere at other targets"
    if where != RIGHT or all_right:
        return where
    return f"{AT}{place(study, *deepest[1:])}; at other targets it is not where the prediction is the target"


def _is_right(study: Study, y: float, z: float) -> bool:
    """Whether the least of a target is at the right prediction and not everywhere; so, too, where there is no such one."""
    if _right_raw(study, y) is None:
        return True
    values = study.at(study.body.node, y, study.raws(y))
    return _where(study, y, z) == RIGHT and not bool((values == values[0]).all())


def _seen(where: str) -> str:
    """A place of which only this much is known."""
    head, sep, rest = where.partition("; ")
    return f"{head} among what was seen{sep}{rest}" if where.startswith(AT) else where


def _where(study: Study, y: float, z: float) -> str:
    """The place of the least value in words."""
    right = _right_raw(study, y)
    if right is not None:
        here, best = study.at(study.body.node, y, np.array([right, z]))
        if here <= best + 1e-12 * max(1.0, abs(best)):
            return RIGHT
    if abs(z) >= 25:
        side = "infinity" if z > 0 else "minus infinity"
        side = "the side of the outcome" if study.body.kind in ("binary", "fraction") else side
        if _is_reached(study, y, z):
            return f"reached where the raw prediction is far on {side}"
        return f"approached as the raw prediction goes far to {side}, never reached"
    return f"{AT}{place(study, y, z)}"


def _is_reached(study: Study, y: float, z: float) -> bool:
    """Whether the loss is level on this side already near by, where nothing has underflowed yet."""
    here, best = study.at(study.body.node, y, np.array([math.copysign(8.0, z), z]))
    return bool(here == best)


def _right_raw(study: Study, y: float) -> float | None:
    """The raw prediction whose prediction is the target."""
    link = "identity" if study.body.given else study.body.link
    if link_named(link).row:
        return None
    if link == "identity":
        return y
    if link == "exp":
        return math.log(y) if y > 0 else None
    return _inverted(study.body.predicted(link), study.body.raw, y)


@lru_cache(maxsize=512)
def _inverted(predicted: Node, raw: Node, y: float) -> float | None:
    """The raw prediction at which a rising map is a number, by halving; None where it never passes that number."""

    def at(z: float) -> float:
        with np.errstate(all="ignore"):
            return float(interpret([predicted], {raw: z}, NUMPY)[0][0, 0])

    low, high = -700.0, 1e6
    while low < (middle := low + (high - low) / 2) < high:
        low, high = (middle, high) if at(middle) < y else (low, middle)
    passed = at(high - 1.0) < y < at(high + 1.0)
    return high if passed and abs(at(high) - y) <= 1e-12 * abs(y) else None


# Symmetric ------------------------------------------------------------------------------------------------------------


def symmetric(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[bool]:
    """Whether errors to both sides cost the same; of a yes-or-no target, whether both outcomes are treated alike.

    Real targets: the loss of y and y + r is that of y and y - r. Outcomes: that of 1 and z is that of 0 and -z.

    >>> import lossmith as ls
    >>> [symmetric(ls.get(name).definition).value for name in ("mse", "poisson", "bce")]
    [True, False, True]
    """
    study = studied(definition, parameters)
    if isinstance(study, str):
        return Fact(False, "open", note=study)
    if study.of_classes or study.body.given or study.columns:
        return Fact(False, "open", note="no mirror is known for it")
    two = study.body.kind in ("binary", "fraction")
    found = _unlike(study, two)
    if found is not None:
        (y, z), (v, w) = found
        note = f"{place(study, y, z)} and {place(study, v, w)} have different losses"
        return Fact(False, "refuted", 1, note, witnesses.lopsided(study, *found))
    one = _one_sided(study, two) if holes(study) else None
    if one is not None:
        (y, z), (v, w) = one
        note = f"of {place(study, y, z)} and {place(study, v, w)} one has a loss and the other is no number"
        return Fact(False, "refuted", 1, note, witnesses.one_sided(study, *one))
    if _is_mirrored(study, two):
        return Fact(True, "proved", note=lost(study))
    if missing := lost(study):
        return Fact(False, "open", note=missing)
    if next(_mirrored_rows(study, two, np.zeros(1)), None) is None:
        return Fact(False, "open", note="no raw prediction is known that is right")
    by_factor = study.body.link == "exp" and not (two or study.body.given)
    return Fact(True, "sampled", len(study.targets) * 33, BY_FACTOR if by_factor else "")


BY_FACTOR: Final = "to predict twice the target costs what half of it does"
Pair = tuple[tuple[float, float], tuple[float, float]]


def _mirrored_rows(study: Study, two: bool, r: Floats) -> Iterator[tuple[float, Floats, float, Floats]]:
    """Targets and raw predictions at distances to one side, and those that mirror them."""
    for y in (1.0,) if two else study.targets:
        centre = 0.0 if two else _right_raw(study, y)
        if centre is not None:
            yield y, centre + r, 0.0 if two else y, centre - r


def _unlike(study: Study, two: bool) -> Pair | None:
    for y, z, v, w in _mirrored_rows(study, two, np.geomspace(0.01, 40.0, 33)):
        a, b = study.at(study.body.node, y, z), study.at(study.body.node, v, w)
        with np.errstate(all="ignore"):
            gap = np.abs(a - b) / (np.abs(a) + np.abs(b))
        gap = np.where(np.isfinite(gap), gap, 0.0)
        k = int(np.argmax(gap))
        if gap[k] > 1e-8:
            return (y, float(z[k])), (v, float(w[k]))
    return None


def _one_sided(study: Study, two: bool) -> Pair | None:
    """A row without a number whose mirror image has one: at everyday distances, and at the holes."""
    at = [abs(hole.raw - (0.0 if two else hole.target)) for hole in holes(study)]
    for y, z, v, w in _mirrored_rows(study, two, np.array([0.5, 1.0, 3.0, *at])):
        a, b = (np.isfinite(study.at(study.body.node, *row)) for row in ((y, z), (v, w)))
        for k in np.flatnonzero(a != b):
            return (y, float(z[k])), (v, float(w[k]))
    return None


def _is_mirrored(study: Study, two: bool) -> bool:
    if two and len(study.cases) == 2:
        zero, one = (case.node for case in study.cases)
        return mirrored(one, zero, study.body.raw)
    if len(study.cases) == 1 and study.cases[0].of_residual and study.cases[0].target == 0.0:
        return mirrored(study.cases[0].node, study.cases[0].node, study.body.raw)
    return False
