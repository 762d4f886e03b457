"""How steep a loss is and how fast its slope changes; what far errors pull.

Comes in: a definition and parameter values. Goes out: facts: the Lipschitz constant, the smoothness constant, robustness.
All are per row of weight 1, in the raw prediction. A constant that does not exist is infinite, and a program shows it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final, Literal

import numpy as np

from lossmith.calculus.evidence import Fact
from lossmith.calculus.properties import rows, witnesses
from lossmith.calculus.properties.bending import bend_of, case_cuts, corners_known, place
from lossmith.calculus.properties.cases import Case, Floats, Study, studied
from lossmith.calculus.properties.extremes import FAR, Extremes, extremes
from lossmith.calculus.properties.holes import holes, is_number, lost, words
from lossmith.calculus.properties.simplest import simplest
from lossmith.calculus.properties.tails import tail
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import Definition
from lossmith.formula.node import Node, constant, substitute

LIMIT: Final = 1e6  # what is passed where no constant exists
STEP: Final = 2.0**-30
GROWTH: Final = 13  # values at the end of a way that are looked at: a factor of 1000 in distance
JUMPS: Final = "the loss jumps"
STEEP: Final = "the gradient is {:.3g} at {}"
BENT: Final = "the second derivative is {:.3g} at {}"
MOVING: Final = "corners that move with other numbers"
SLOW: Final = 1e-3  # a share of a size: what it grows by over many powers of ten, to be called growing
LOOSE: Final = 1e-4  # a proved bound that is further than this from what was seen is told as a bound


@lru_cache(maxsize=512)
def slope_of(case: Case) -> Extremes | None:
    """The extremes of the gradient between the cuts."""
    return extremes(case, case.slope, None if case.free else case.bend, () if case.free else case_cuts(case).at)


def lipschitz(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[float]:
    """The Lipschitz constant: the largest size of the gradient of a row; infinite where there is none.

    >>> import lossmith as ls
    >>> [lipschitz(ls.get(name).definition).value for name in ("mae", "bce", "mse")]
    [1.0, 1.0, inf]
    """
    study = studied(definition, parameters)
    if isinstance(study, str):
        return Fact(math.nan, "open", note=study)
    if study.of_classes:
        return rows.steepest(study)
    jump = (
        None
        if _moving(study) or holes(study)
        else _jump_of(study, study.body.node, lambda case: case.node, of_gradient=False)
    )
    if jump is not None:
        return jump
    passed = _passes(study, study.body.slope, STEEP, witnesses.steep)
    if passed is None and (unsure := lost(study) or (MOVING if _moving(study) else "")):
        return Fact(math.nan, "open", note=unsure)
    return passed or _constant(study, [slope_of(case) for case in study.distinct], study.body.slope)


def smoothness(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[float]:
    """The Lipschitz constant of the gradient: the largest size of the second derivative; infinite where a slope jumps.

    >>> import lossmith as ls
    >>> [smoothness(ls.get(name).definition).value for name in ("mse", "bce", "huber", "mae")]
    [2.0, 0.25, 1.0, inf]
    """
    study = studied(definition, parameters)
    if isinstance(study, str):
        return Fact(math.nan, "open", note=study)
    if study.of_classes:
        return rows.most_bent(study)
    if holes(study):
        passed = _passes(study, bend_formula(study), BENT, witnesses.bent)
        return passed or Fact(math.nan, "open", note=lost(study))
    if _moving(study):
        return Fact(math.nan, "open", note=MOVING)
    for of_gradient, root, form in ((False, study.body.node, "node"), (True, study.body.slope, "slope")):
        jump = _jump_of(study, root, lambda case, form=form: getattr(case, form), of_gradient=of_gradient)  # type: ignore[misc]
        if jump is not None:
            return jump
    bend = bend_formula(study)
    passed = _passes(study, bend, BENT, witnesses.bent)
    return passed or _constant(study, [bend_of(case) for case in study.distinct], bend)


def _moving(study: Study) -> bool:
    """Whether corners lie elsewhere for other targets or columns, in a way that no case follows."""
    return any(case.free and not corners_known(case) for case in study.cases)


def bend_formula(study: Study) -> Node:
    """The second derivative of one example."""
    bend, direction = study.body.bend
    return substitute(bend, {direction: constant(1.0)})


def _jump_of(study: Study, root: Node, form: Callable[[Case], Node], *, of_gradient: bool) -> Fact[float] | None:
    """A place where a value (or gradient) jumps, so that no constant bounds how fast it changes."""
    what = "gradient" if of_gradient else "loss"
    for case in study.cases:
        if case.free:
            continue
        found = case_cuts(case)
        for k, z in enumerate(found.at):
            gap, _ = found.jump(form(case), k)
            step = STEP * max(1.0, abs(z))
            if gap == 0 or math.isnan(gap) or abs(gap) < 4 * LIMIT * step:
                continue
            y = _target(study, case)
            note = f"{JUMPS if what == 'loss' else 'the gradient jumps'} by {gap:.4g} at {place(study, y, z)}"
            text = witnesses.jumps(study, y, z - step, z + step, LIMIT / 4, of_gradient=of_gradient)
            return Fact(math.inf, "refuted", 1, note, text)
    return None


def _target(study: Study, case: Case) -> float:
    return study.targets[0] if case.target is None else case.target


def _passes(
    study: Study, root: Node, said: str, write: Callable[..., str | None], *, outwards: bool = False
) -> Fact[float] | None:
    """A point at which a formula is larger than `LIMIT`, on a way along which it grows as far as it can be followed.

    The ways go far out, close in on 0, on the target and on places without a number, and to extreme targets: a large
    constant does not grow. `outwards`: only those that go far out.
    """
    for way in _ways(study):
        if outwards and way.towards is not None:
            continue
        values = np.abs(study.at(root, way.targets, way.raws))
        if holes(study):  # a derivative may go on where the loss is no number
            values = np.where(np.isfinite(study.at(study.body.node, way.targets, way.raws)), values, np.nan)
        kept = np.flatnonzero(np.isfinite(values))
        if not _grows(values[kept]):
            continue
        small = np.flatnonzero(~(values[kept] > 4 * LIMIT))
        first = int(kept[small[-1] + 1 if small.size else 0])
        target, raw = float(way.targets[first]), float(way.raws[first])
        if holes(study) and not is_number(study, target, raw):
            continue
        end = "from there" if way.towards is None else f"towards {study.body.raw!r}={way.towards:g}"
        note = said.format(values[first], place(study, target, raw)) + f", and grows {end}"
        return Fact(math.inf, "refuted", 1, note, write(study, target, raw, LIMIT))
    return None


@dataclass(frozen=True, eq=False)
class Way:
    """Rows of (targets, raw predictions) that lead far out, or `towards` a raw prediction."""

    targets: Floats
    raws: Floats
    towards: float | None = None


def _ways(study: Study) -> Iterator[Way]:
    """Rows of (targets, raw predictions) that lead out of all bounds."""
    far, image = np.geomspace(1e-30, 1e30, 241), study.cases[0].image
    fine = np.unique(np.concatenate([far, np.arange(1.0, 701.0)]))
    for y in study.targets:
        centres = [0.0, y, *(hole.raw for hole in holes(study) if hole.target == y)]
        for centre, sign, outwards in product(dict.fromkeys(centres), (-1, 1), (True, False)):
            z = centre + sign * (fine if outwards else far[::-1])
            z = z[(z > image.low) & (z < image.high) & (outwards | (z != centre))]
            yield Way(np.full(z.shape, y), z, None if outwards else centre)
    signs = {"real": (-1, 1), "nonnegative": (1,), "positive": (1,), "count": (1,)}.get(study.body.kind, ())
    sizes = (
        (np.ceil(far[far >= 1]), far[far <= 1][::-1]) if study.body.kind == "positive" else (np.ceil(far[far >= 1]),)
    )
    for sign, size, raw in product(signs, sizes, (0.5, 1.5, 4.0)):
        yield Way(sign * size, np.full(size.shape, raw))


def _grows(values: Floats) -> bool:
    """Whether sizes end above the limit, and grew to there over the last steps without a fall."""
    end = values[-GROWTH:]
    return bool(end.size == GROWTH and end[-1] > 4 * LIMIT and end[-1] > 1.5 * end[0] and (np.diff(end) >= 0).all())


def _constant(study: Study, found: list[Extremes | None], root: Node) -> Fact[float]:
    """The largest size: proved where the bounds close in on what was seen and all corners are known."""
    sure = all(corners_known(case) for case in study.cases)
    kept = [e for e in found if e is not None and e.defined]
    seen = max((max(abs(e.least), abs(e.most)) for e in kept), default=math.nan)
    if sure and len(kept) == len(found):
        bound = max(max(abs(e.low), abs(e.high)) for e in kept)
        if math.isfinite(bound) and bound - seen <= LOOSE * bound:
            return Fact(simplest(seen, bound), "proved")
        if math.isfinite(bound):
            return Fact(bound, "proved", note=f"an upper bound; the largest seen is {seen:.6g}")
    seen_at = [np.abs(study.at(root, y, study.raws(y) + 0.0137)) for y in study.targets]
    if any(not np.isfinite(v).all() and _largest_at_the_edge(v) for v in seen_at):
        return Fact(math.nan, "open", note="still growing at the farthest raw prediction that can be computed")
    if slow := _slow(study, root):
        return Fact(math.nan, "open", note=slow)
    values = np.concatenate(seen_at)
    values = values[np.isfinite(values)]
    return Fact(max(float(values.max()), seen if seen == seen else 0.0), "sampled", values.size)


def _slow(study: Study, root: Node) -> str:
    """Where a size goes on growing with the target, as slowly as a logarithm: nothing seen is the largest then."""
    for way in _ways(study):
        if way.targets[0] == way.targets[-1]:
            continue
        values = np.abs(study.at(root, way.targets, way.raws))
        at = np.flatnonzero(np.isfinite(values))
        if at.size < 3 * GROWTH:
            continue
        places = [int(at[round(share * (at.size - 1))]) for share in (0.5, 0.75, 1.0)]
        start, half, end = (float(values[k]) for k in places)
        if half - start > SLOW * half and end - half > 0.5 * (half - start):
            told = " and ".join(f"{values[k]:.3g} at {place(study, way.targets[k], way.raws[k])}" for k in places[::2])
            return f"it goes on growing with the target: {told}"
    return ""


def _largest_at_the_edge(values: Floats) -> bool:
    """Whether the largest of some sizes in order stands next to what is no number."""
    finite = np.isfinite(values)
    k = int(np.argmax(np.where(finite, values, -1.0)))
    return bool(not finite[max(k - 2, 0) : k + 3].all())


# Far errors -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Robustness:
    """What a row far from its target pulls: ever more ("none"), at most `bound` ("bounded"), in the end nothing.

    `bound` is infinite, too, where rows pull without bound `beside` one place and not far away.
    """

    kind: Literal["none", "bounded", "redescending"]
    bound: float
    beside: str = ""

    @property
    def text(self) -> str:
        """In words.

        >>> Robustness("bounded", 1.5).text
        'bounded: no row pulls more than 1.5'
        """
        if self.kind == "none":
            return "none: a row pulls more the farther it is"
        if self.beside:
            away = "less and less" if self.kind == "redescending" else "no more than a number"
            return f"{self.kind}: far away a row pulls {away}, but without bound beside {self.beside}"
        rest = ", and less and less far away" if self.kind == "redescending" else ""
        return f"{self.kind}: no row pulls more than {self.bound:.6g}{rest}"


def robust(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[Robustness]:
    """What far errors do: `none`, `bounded` (by the gross-error bound), or `redescending` (the gradient fades to 0).

    >>> import lossmith as ls
    >>> [robust(ls.get(name).definition).value.kind for name in ("mse", "huber", "student_t")]
    ['none', 'bounded', 'redescending']
    """
    pull = lipschitz(definition, parameters)
    study = studied(definition, parameters)
    if isinstance(study, str) or math.isnan(pull.value):
        return Fact(Robustness("none", math.nan), "open", note=pull.note)
    if pull.note.startswith(JUMPS):
        return Fact(Robustness("none", math.nan), "open", note="the loss jumps, so a gradient says nothing of far rows")
    if study.of_classes:
        kind: Literal["none", "bounded"] = "none" if math.isinf(pull.value) else "bounded"
        return Fact(Robustness(kind, pull.value), pull.evidence, pull.points, pull.note, pull.counterexample)
    beside = pull.note.rpartition(" towards ")[2] if math.isinf(pull.value) else ""
    farther = _passes(study, study.body.slope, STEEP, witnesses.steep, outwards=True) if beside else pull
    if farther is not None and math.isinf(farther.value):
        return Fact(Robustness("none", math.inf), farther.evidence, 1, farther.note, farther.counterexample)
    return _far(study, pull, beside)


def _far(study: Study, pull: Fact[float], beside: str) -> Fact[Robustness]:
    """What rows do that are far away, where their pull has a bound or is without one beside a place only."""
    end = next((hole for hole in holes(study) if "nothing" in (hole.below, hole.above)), None)
    if end is not None:
        return Fact(Robustness("none", math.nan), "open", note=words(study, end))
    fades = [_fades(case, side) for case in study.cases for side in _far_sides(study, case)]
    if all(f is True for f in fades):
        evidence = "proved" if beside else pull.evidence
        return Fact(Robustness("redescending", pull.value, beside), evidence, pull.points, pull.note)
    seen = [_fades_as_seen(study, case, side) for case in study.cases for side in _far_sides(study, case)]
    kind: Literal["bounded", "redescending"] = "redescending" if seen and all(seen) else "bounded"
    evidence = pull.evidence if kind == "bounded" and not beside else "sampled"
    return Fact(Robustness(kind, pull.value, beside), evidence, pull.points or len(seen), pull.note)


def _far_sides(study: Study, case: Case) -> tuple[int, ...]:
    """On which side a row is far wrong: on both; of a yes-or-no target, where the loss is larger."""
    if study.body.kind not in ("binary", "fraction") or case.target is None or case.free:
        return (-1, 1)
    low, high = case.values(case.node, np.array([-30.0, 30.0]))
    return (-1,) if low > high else (1,)


def _fades(case: Case, side: int) -> bool | None:
    """Whether it is proved that the gradient goes to 0 on a side."""
    if case.free or not corners_known(case):
        return None
    start = max([FAR, *(4 * abs(z) for z in case_cuts(case).at)])
    ends = (start, math.inf) if side > 0 else (-math.inf, -start)
    try:
        far = tail(case_cuts(case).on_piece(case.slope, side * 2 * start), case.raw, *ends)
    except UnsupportedError:
        return None
    zero = float(far.plain.low[0]) == float(far.plain.high[0]) == 0
    bounded = bool(np.isfinite(far.scaled.low).all() and np.isfinite(far.scaled.high).all())
    if not far.plain.defined.all():
        return None
    return True if zero or (far.power < 0 and bounded) else None


def _fades_as_seen(study: Study, case: Case, side: int) -> bool:
    y = _target(study, case)
    centre = 0.0 if study.body.kind == "binary" else y
    near = np.abs(study.at(study.body.slope, y, centre + np.outer((-1, 1), np.geomspace(0.1, 50.0, 60)).ravel()))
    far = np.abs(study.at(study.body.slope, y, centre + side * np.array([1e5, 1e8])))
    if not (np.isfinite(near).any() and np.isfinite(far).all()):
        return False
    return bool(far.max() <= 1e-3 * np.nanmax(near) and far[1] <= far[0] and np.nanmax(near) > 0)
