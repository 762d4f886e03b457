"""Whether a loss is convex in the raw prediction, strictly so, and strongly so.

Comes in: a definition and parameter values. Goes out: facts. A proof is one of all raw predictions and all targets of the
kind (of a yes-or-no target: 0 and 1), at these parameters: no second derivative below 0 on any piece, no value that jumps
and no slope that falls at any corner. For a row of classes it follows from how the formula is put together
(`composition`). What is false comes with two points whose chord lies below the loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import numpy as np

from lossmith.calculus.evidence import Fact
from lossmith.calculus.kinks import kinks
from lossmith.calculus.properties import rows, witnesses
from lossmith.calculus.properties.cases import Case, Floats, Study, studied
from lossmith.calculus.properties.composition import is_convex
from lossmith.calculus.properties.extremes import Extremes, extremes
from lossmith.calculus.properties.holes import lost, whole_of_all
from lossmith.calculus.properties.pieces import Cuts, cuts
from lossmith.calculus.properties.simplest import simplest
from lossmith.formula.definition import Definition, bound, resolved
from lossmith.formula.lift import lift
from lossmith.formula.node import constant, substitute, symbols

MARGIN: Final = 4e-9  # a chord must be passed by more than rounding
FLAT: Final = 1e-9  # a second derivative below this, where others are above it by far, is none for a strong bound


@lru_cache(maxsize=512)
def case_cuts(case: Case) -> Cuts:
    """The cuts of a case of one variable; of several, none are looked for."""
    return cuts(case)


@lru_cache(maxsize=512)
def bend_of(case: Case) -> Extremes | None:
    """The extremes of the second derivative between the cuts."""
    return extremes(case, case.bend, None if case.free else case.turn, () if case.free else case_cuts(case).at)


@lru_cache(maxsize=512)
def bend_sign(case: Case) -> Extremes | None:
    """Whether the second derivative is below, at or above 0 between the cuts: bounds that are no sharper than that."""
    return extremes(case, case.bend, None, () if case.free else case_cuts(case).at, only_sign=True)


def corners_known(case: Case) -> bool:
    """Whether it is proved where the corners are, each at a float; of several variables: that there are none."""
    if case.free:
        return not kinks(case.node)
    found = case_cuts(case)
    return found.sure and all(found.exact)


def place(study: Study, target: float, raw: float) -> str:
    """A point in words."""
    return f"{study.body.target!r}={target:g}, {study.body.raw!r}={raw:g}"


# Convex ---------------------------------------------------------------------------------------------------------------


def convex(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[bool]:
    """Whether the loss of a row lies on or below its chords, as a function of the raw prediction.

    >>> import lossmith as ls
    >>> [convex(ls.get(name).definition).evidence for name in ("mse", "huber", "focal")]
    ['proved', 'proved', 'refuted']
    """
    study = studied(definition, parameters)
    if isinstance(study, str):
        return _convex_together(definition, parameters) or Fact(False, "open", note=study)
    if study.of_classes:
        return rows.convex(study)
    found = passed_chord(study)
    if found is not None:
        y, a, b = found
        note = f"{place(study, y, a / 2 + b / 2)}: the loss lies above the line between {a:g} and {b:g}"
        return Fact(False, "refuted", 1, note, witnesses.chord(study, y, a, b))
    if missing := lost(study):
        return Fact(False, "open", note=missing)
    if all(_case_is_convex(case) for case in study.cases):
        return Fact(True, "proved", note=_scope(study))
    return Fact(True, "sampled", len(study.targets) * len(study.raws(0.0)) ** 2)


def _convex_together(definition: Definition, parameters: Mapping[str, float] | None) -> Fact[bool] | None:
    """Whether a loss that looks at all examples is convex in their raw predictions, as its composition shows."""
    raws, kinds = definition.roles.raw, definition.declaration.target
    if len(raws) != 1 or len(kinds) != 1 or not whole_of_all(definition, parameters):
        return None
    values = dict(zip((p.name for p in definition.parameters), bound(definition, parameters or {}), strict=True))
    root = resolved(definition)
    numbers = {leaf: constant(values[repr(leaf)]) for leaf in symbols(root) if repr(leaf) in values}
    if not is_convex(lift(substitute(root, numbers))[0], raws[0], kinds[0][1]):
        return None
    return Fact(True, "proved", note="in the raw predictions of all rows together")


def _scope(study: Study) -> str:
    """What a proof holds for."""
    return "for the targets 0 and 1 and their mixtures" if study.body.kind in ("binary", "fraction") else ""


def passed_chord(study: Study) -> tuple[float, float, float] | None:
    """A target and two raw predictions whose chord lies below the loss in the middle, by the largest margin."""
    best: tuple[float, float, float] | None = None
    most = MARGIN
    for y in study.targets:
        z = study.raws(y)
        left, right = np.repeat(z, z.size), np.tile(z, z.size)
        middle = left / 2 + right / 2
        values, between = study.at(study.body.node, y, z), study.at(study.body.node, y, middle)
        a, b = np.repeat(values, z.size), np.tile(values, z.size)
        with np.errstate(all="ignore"):
            excess = (between - (a + b) / 2) / (np.abs(a) + np.abs(b) + np.abs(between))
        excess = np.where(np.isfinite(excess), excess, -1.0)
        k = int(np.argmax(excess))
        if excess[k] > most:
            most, best = excess[k], (float(y), float(left[k]), float(right[k]))
    return best


def _case_is_convex(case: Case) -> bool:
    return is_convex(case.node, case.raw) or _bends_upwards(case)


def _bends_upwards(case: Case) -> bool:
    """No second derivative below 0 between the cuts, and no jump or fall at them."""
    if not corners_known(case):
        return False
    bend = bend_sign(case)
    return bend is not None and bend.low >= 0 and bend.defined and (bool(case.free) or _corners_rise(case))


def _corners_rise(case: Case) -> bool:
    found = case_cuts(case)
    for k in range(len(found.at)):
        (value, exact), (slope, sure) = found.jump(case.node, k), found.jump(case.slope, k)
        if not (value == 0 and exact and slope >= 0 and sure):
            return False
    return True


# Strictly -------------------------------------------------------------------------------------------------------------


def strictly_convex(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[bool]:
    """Whether the loss of a row lies below its chords: the second derivative is above 0 but at single points.

    For a row of classes: along every direction but the one that adds a number to all classes, which changes nothing.

    >>> import lossmith as ls
    >>> [strictly_convex(ls.get(name).definition).value for name in ("log_cosh", "huber", "bce")]
    [True, False, True]
    """
    study = studied(definition, parameters)
    if isinstance(study, str):
        return Fact(False, "open", note=study)
    if study.of_classes:
        return rows.strictly_convex(study)
    known = convex(definition, parameters)
    if not known.value:
        return known
    for case in study.cases:
        bend = bend_sign(case)
        if bend is not None and bend.zero is not None and corners_known(case):
            return _straight(study, case, bend.zero)
    if known.evidence == "proved" and all(_is_strict(case) for case in study.cases):
        return Fact(True, "proved", note=known.note)
    return _strict_as_seen(study)


def strict_everywhere(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[bool]:
    """As `strictly_convex`, along every direction: scores of classes that all move by one number change nothing.

    >>> import lossmith as ls
    >>> [strict_everywhere(ls.get(name).definition).value for name in ("mse", "cross_entropy")]
    [True, False]
    """
    study = studied(definition, parameters)
    if isinstance(study, str) or not study.of_classes:
        return strictly_convex(definition, parameters)
    return rows.strict_everywhere(study)


def _is_strict(case: Case) -> bool:
    bend = bend_sign(case)
    return bend is not None and bend.positive


def _straight(study: Study, case: Case, piece: tuple[float, float]) -> Fact[bool]:
    low, high = max(piece[0], -1e3), min(piece[1], 1e3)
    a, b = low + (high - low) / 4, low + (high - low) / 2
    y = study.targets[0] if case.target is None else case.target
    ends = "everywhere" if np.isinf(piece).all() else f"from {piece[0]:g} to {piece[1]:g}"
    note = f"a straight line {ends} at {study.body.target!r}={y:g}"
    return Fact(False, "refuted", 1, note, witnesses.straight(study, y, a, b))


def _strict_as_seen(study: Study) -> Fact[bool]:
    seen = 0
    for y in study.targets:
        z = study.raws(y) + 0.0137
        values = _bends(study, y, z)
        seen += z.size
        if (values <= 0).sum() > 1:
            k = int(np.argmax(values <= 0))
            return Fact(False, "open", seen, f"no bend was seen at {place(study, y, float(z[k]))}")
    return Fact(True, "sampled", seen)


def _bends(study: Study, y: float, z: Floats) -> Floats:
    bend, direction = study.body.bend
    return study.at(substitute(bend, {direction: constant(1.0)}), y, z)


# Strongly -------------------------------------------------------------------------------------------------------------


def strongly_convex(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[float | None]:
    """The constant of strong convexity: the least second derivative by the raw prediction, if it is above 0; else None.

    >>> import lossmith as ls
    >>> [strongly_convex(ls.get(name).definition).value for name in ("mse", "half_squared_error", "log_cosh")]
    [2.0, 1.0, None]
    """
    study = studied(definition, parameters)
    if isinstance(study, str):
        return Fact(None, "open", note=study)
    if study.of_classes:
        return rows.strongly_convex(study)
    known = convex(definition, parameters)
    if not known.value:
        return Fact(None, known.evidence, known.points, known.note, known.counterexample)
    rising = known.evidence == "proved" and all(_is_strict(case) and not _fades(case) for case in study.cases)
    bends = [bend_of(case) if rising else None for case in study.cases]
    if known.evidence == "proved" and all(b is not None and b.low > 0 for b in bends):
        kept = [b for b in bends if b is not None]
        low = min(b.low for b in kept)
        return Fact(simplest(low, max(low, min(b.least for b in kept))), "proved", note=known.note)
    return _weakest(study)


def _fades(case: Case) -> bool:
    """Whether the second derivative was seen to be next to nothing."""
    bend = bend_sign(case)
    return bend is None or not bend.least > FLAT * bend.most


def _weakest(study: Study) -> Fact[float | None]:
    """The place where the second derivative is least, next to where it is large."""
    found: list[tuple[float, float, float]] = []
    for y in study.targets:
        far = np.geomspace(1e-6, 1e24, 121)
        z = np.unique(np.concatenate([study.raws(y) + 0.0137, y - far, y + far, -far, far, [y, 0.0, -700.0, 700.0]]))
        z = z[(z > study.cases[0].image.low) & (z < study.cases[0].image.high)]
        values = _bends(study, y, z)
        found += [(float(h), y, float(p)) for h, p in zip(values, z, strict=True) if np.isfinite(h)]
    if not found:
        return Fact(None, "open", note="the second derivative was not decided anywhere")
    most = max(found)[0]
    flat = [row for row in found if row[0] < FLAT]
    least, y, raw = min(flat, key=lambda row: abs(row[2])) if flat else min(found)
    if flat and (most > 1e6 * FLAT or least <= 0):
        note = f"the second derivative is {least + 0.0:.3g} at {place(study, y, raw)}"
        return Fact(None, "refuted", 1, note, witnesses.flat(study, y, raw, FLAT))
    return Fact(least, "sampled", len(found))
