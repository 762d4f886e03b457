"""The standard loss that a loss equals, or is nearest to: found by comparing gradients, never by names.

Comes in: a `View`. Goes out: `Nearest`: a loss of the catalogue with the parameters and factors under which its gradient
is the same, or else the most alike. Factors may differ by side (too low, too high) or by target; parameters are solved for
to hundreds of bits, and an equality is one of rigorous balls at points that the solution has not seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import Any, Final

import numpy as np

from lossmith import catalogue
from lossmith.catalogue import LOSSES, TAKES
from lossmith.formula.definition import Definition
from lossmith.interpret import NUMPY
from lossmith.loss.explain.effects import is_number
from lossmith.loss.explain.figures import EVEN, exact, listed, number, often, percent
from lossmith.loss.explain.side_by_side import (
    Candidate,
    Compared,
    Fit,
    Problem,
    Spots,
    fit,
    rests,
    same_gradient,
    solved,
    spots,
)
from lossmith.loss.explain.view import Floats, View, view_of


@dataclass(frozen=True)
class Nearest:
    """A standard loss beside a loss: `scales` times it, plus `rest` (None: a part that the target alone decides).

    `by`: "all" (one factor), "side" (labels -1: too low, 1: too high) or "target" (labels are targets). `form`: how it
    reads what the model says, see `Candidate`. If not `exact`, `gap` is how far gradients lie apart on average (0: equal,
    1: nothing in common), and `worst` a target, a prediction and how many times as hard the loss pulls there.
    """

    name: str
    parameters: tuple[tuple[str, float], ...]
    form: str
    exact: bool
    by: str
    scales: tuple[tuple[float, float], ...]
    points: int
    rest: float | None = 0.0
    gap: float = 0.0
    worst: tuple[float, float, float] | None = None


def candidates(view: View) -> Iterator[Candidate]:
    """The standard losses for this kind of target, and which of their parameters are fitted; not the loss itself."""
    own = "" if view.definition.reweighting else view.definition.formula_hash
    given = view.definition.declaration.on == "probability"
    for entry in LOSSES:
        if entry.definition.declaration.target[0][1] not in TAKES[view.kind]:
            continue
        for form in _forms(view, entry.definition):
            its = _view(entry.definition, given or form == "given")
            if its is None or (its.joint, its.has_classes) != (view.joint, view.has_classes):
                continue
            fits = form in ("same", "moved") or not (view.has_classes or view.joint)
            if fits and its.definition.formula_hash != own:
                yield from (Candidate(its, form, free) for free in _free(its.definition, 1 if view.joint else 2))


def _free(definition: Definition, most: int) -> Iterator[tuple[str, ...]]:
    """Which parameters are fitted: none, each alone, two together; redundant ones so keep their usual values."""
    names = [p.name for p in definition.parameters]
    for count in range(most + 1):
        yield from combinations(names, count)


def _forms(view: View, definition: Definition) -> tuple[str, ...]:
    """How a standard loss may be given what the model says: see `Candidate`."""
    own = view.definition.declaration
    given, link = own.on == "probability", own.link or "identity"
    other = definition.declaration.link or "identity"
    if definition.declaration.on == "probability" or (given and other != "identity"):
        return ("same",) if given and link == other else ("given",)
    if link == other and not given:
        moved = () if view.moved is None or view.joint else ("moved",)
        return moved if view.definition.reading is not None else (*moved, "same")
    return ("raw", "given") if own.link is None and other != "identity" else ("given",)


@lru_cache(maxsize=256)
def _view(definition: Definition, given: bool) -> View | None:
    """The view of a standard loss; of predictions on the target's scale, if these are `given`."""
    if given and any(link != "identity" for _, _, link in definition.roles.linked):
        definition = catalogue.on_probability(definition)
    found = view_of(definition)
    return None if isinstance(found, str) else found


# The nearest ------------------------------------------------------------------------------------------------------

NEAR: Final = 0.03  # a fit in floats this near is worth a rigorous look
FEWEST: Final = 4  # rows at which losses can be compared
SIMILAR: Final = 0.3
PROMISING: Final = 0.2  # a first look this much farther than the best is not refined
FAR: Final = 0.5  # nor is one this far where factors differ, which serves equality alone
MOST: Final = 1e6  # a factor this much larger, or smaller, than pulls are makes no loss near
SEEN: Final = 0.005  # losses that differ less than this at usual rows differ elsewhere
PRICE: Final = 0.04  # by so much nearer must a loss be for each parameter that it has


def standard_name(definition: Definition) -> str | None:
    """The name of the standard loss that this is, whatever the values of its parameters."""
    if definition.reweighting:
        return None
    return _names().get(definition.formula_hash)


@lru_cache(maxsize=1)
def _names() -> Mapping[str, str]:
    forms = [(e.name, d) for e in LOSSES for d in (e.definition, *e.when_given.values())]
    found = {d.formula_hash: name for name, d in forms}
    for name, definition in forms:
        if any(link != "identity" for _, _, link in definition.roles.linked):
            found[catalogue.on_probability(definition).formula_hash] = name
    return found


def nearest(view: View) -> Nearest | None:
    """The standard loss that this one equals, else the one with the most similar gradient; None if there is none.

    Losses that read predictions as this one does come first; through another link only if none of them is similar.
    """
    places, checks = spots(view), spots(view, seen=False)
    if len(places.y) < FEWEST:
        return None
    listed = sorted(candidates(view), key=lambda candidate: len(candidate.free))
    pairs = [Compared(view, candidate, places) for candidate in listed]
    fits: list[Fit] = []
    for through in (False, True):
        tier = [pair for pair in pairs if (pair.candidate.form == "given") == through]
        found = _among(tier, places, checks) if tier else []
        if isinstance(found, Nearest):
            return found
        fits += found
        if fits and min(f.gap for f in fits) < SIMILAR:
            break
    best = min(fits, key=lambda f: f.gap + PRICE * len(f.values), default=None)
    return None if best is None else _alike(best, places)


def _among(pairs: list[Compared], places: Spots, checks: Spots) -> Nearest | list[Fit]:
    """An equality, or the fits with one factor for all rows."""
    own = pairs[0].own("slope", NUMPY)
    fits: list[Fit] = []
    for by in _groupings(pairs[0].view):
        problem = Problem(own, _entries(places, places.usual), _groups(places, by))
        for pair in pairs if by == "all" else [p for p in pairs if len(p.candidate.free) < 2]:
            worth = min((f.gap for f in fits), default=1.0) + PROMISING if by == "all" else FAR
            near = fit(pair, problem, worth)
            if near.gap < NEAR and (equal := _equal(near, problem, by, checks)):
                return equal
            if by == "all" and _of_a_size(near, own):
                fits.append(near)
    return fits


def _of_a_size(near: Fit, own: Floats) -> bool:
    """Whether the factor brings gradients of usual size together: a huge one says that the other loss has none."""
    pulls = np.abs(own[np.isfinite(own) & (own != 0)])
    size = np.abs(near.factors) / (np.median(pulls) if len(pulls) else 1.0)
    return bool(np.isfinite(size).all() and (size < MOST).all() and (size > 1 / MOST).all())


def _groupings(view: View) -> tuple[str, ...]:
    """By what factors may differ: nothing first, so that the simplest equality is found."""
    if view.joint or view.kind == "simplex":
        return ("all",)
    return ("all", "side", "target") if is_number(view) else ("all", "target")


def _groups(places: Spots, by: str) -> Any:
    """The number of the group, in the order of labels, for every entry of a gradient."""
    return np.unique(_entries(places, _labels(places, by)), return_inverse=True)[1]


def _labels(places: Spots, by: str) -> Floats:
    """The group of each row by its label: a side, a target, or the number of a class."""
    if by == "side":
        return np.sign(places.p - places.y)
    if by == "all":
        return np.zeros(len(places.y))
    return np.argmax(places.y, axis=1).astype(np.float64) if places.y.ndim > 1 else places.y


def _entries(places: Spots, values: Any) -> Any:
    """What belongs to each row, for every entry of the gradients of all batches."""
    width = places.y.shape[1] if places.y.ndim > 1 else 1
    return np.concatenate([np.repeat(values[batch], width) for batch in places.batches])


def _equal(near: Fit, problem: Problem, by: str, checks: Spots) -> Nearest | None:
    """The equality, if the solution holds at rows that it has not seen, in gradients and in values."""
    solution = solved(near, problem)
    if solution is None:
        return None
    labels = np.unique(_labels(near.compared.places, by))
    places = checks.only(np.isin(_labels(checks, by), labels))
    other = replace(near.compared, places=places)
    group = np.searchsorted(labels, _labels(places, by))
    if not same_gradient(other, solution, _entries(places, group)):
        return None
    rest = rests(other, solution, places.stacked(group), places.stacked(_labels(places, "target")))
    if rest is None:
        return None
    return Nearest(
        near.compared.candidate.view.definition.name,
        _parameters(near.compared.candidate, {name: float(value) for name, value in solution.values.items()}),
        near.compared.candidate.form,
        True,
        by,
        tuple((float(label), float(f)) for label, f in zip(labels, solution.factors, strict=True)),
        len(problem.own) + len(_entries(places, group)),
        _one(tuple(rest.values()), max(1.0, float(np.abs(np.asarray(solution.factors, dtype=float)).max()))),
    )


def _parameters(candidate: Candidate, fitted: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple((name, fitted.get(name, usual)) for name, usual in candidate.view.values.items())


def _one(rests: tuple[float, ...], size: float) -> float | None:
    """The common number, if there is one; differences of balls of this size that are 0 are below 2**-200 of it."""
    if max(map(abs, rests)) < NOTHING * size:
        return 0.0
    return rests[0] if max(rests) - min(rests) <= 1e-14 * max(map(abs, rests)) else None


NOTHING: Final = 2.0**-180


def _alike(best: Fit, places: Spots) -> Nearest:
    """The most similar one, with the usual row at which it differs most."""
    candidate, own = best.compared.candidate, best.compared.own("slope", NUMPY)
    usual = _entries(places, places.usual) == 1.0
    if places.y.ndim > 1:  # of several classes, what pulls the true one
        usual &= np.concatenate([places.y[batch].reshape(-1) for batch in places.batches]) == 1.0
    if best.apart[usual].max(initial=0.0) < SEEN:
        usual = np.ones_like(usual)
    at = int(np.argmax(np.where(usual, best.apart, -1.0)))
    row = int(_entries(places, np.arange(len(places.y)))[at])
    scaled = best.compared.tries(tuple(best.values), np.array([list(best.values.values())]))[:, 0] * best.factors[0]
    times = float(own[at] / scaled[at]) if scaled[at] else float("inf")
    y, p = (float(a[row]) if a.ndim == 1 else float(np.sum(a[row] * places.y[row])) for a in (places.y, places.p))
    return Nearest(
        candidate.view.definition.name,
        _parameters(candidate, best.values),
        candidate.form,
        False,
        "all",
        ((0.0, float(best.factors[0])),),
        len(own),
        gap=best.gap,
        worst=(y, p, times),
    )


# In words ---------------------------------------------------------------------------------------------------------

AROUND: Final[Mapping[str, str]] = {
    "sqrt": "the root",
    "log": "the logarithm",
    "log1p": "the logarithm",
    "exp": "the exponential",
    "expm1": "the exponential",
    "abs": "the point where it turns round",
    "chosen": "the choice of rows",
    "divide": "the divisor",
}
FORMS: Final[Mapping[str, str]] = {
    "same": "",
    "raw": " of the raw prediction through its own link",
    "given": " of the prediction",
    "moved": " of {read}",
}


def beside_standard(found: Nearest, around: Sequence[str] = (), joint: bool = False, read: str = "") -> str:
    """The equality with a standard loss, or how far the nearest one is; `read` is what is read for a raw prediction."""
    if not found.exact:
        return _nearest(found).replace(FORMS["moved"], f" of {read}")
    apart = f"apart from {listed([AROUND[name] for name in around])}, " if around else ""
    row = "" if joint else "row by row "
    rest = "" if found.rest == 0 or around else f" {_signed(found.rest)}"
    loss = _scaled(found).replace(FORMS["moved"], f" of {read}")
    return f"{apart}{row}it is exactly {loss}{rest} (equal at {found.points} points)"


def _called(found: Nearest) -> str:
    inside = ", ".join(f"{name}={exact(value)}" for name, value in found.parameters)
    return f"{found.name}({inside}){FORMS[found.form]}" if inside else f"{found.name}{FORMS[found.form]}"


def _signed(rest: float | None) -> str:
    if rest is None:
        return "plus a part that the target alone decides"
    return f"{'plus' if rest > 0 else 'minus'} {exact(abs(rest))}, whatever is predicted"


def _scaled(found: Nearest) -> str:
    """The standard loss with its factors."""
    factors = [(label, exact(scale)) for label, scale in found.scales]
    if found.by == "all":
        return _called(found) if factors[0][1] == "1" else f"{factors[0][1]} * {_called(found)}"
    words = SIDES if found.by == "side" else None
    where = {label: words[label] if words else f"y is {number(label)}" for label, _ in factors}
    parts = [f"{often(factor)} where {where[label]}" for label, factor in factors]
    return f"{_called(found)}, counted {listed(parts)}"


SIDES: Final[Mapping[float, str]] = {-1.0: "the prediction is too low", 1.0: "it is too high"}
ALMOST: Final = 0.02
TOO_FAR: Final = 0.5


def _nearest(found: Nearest) -> str:
    loss = _scaled(found)
    apart = f"their pulls differ by {percent(found.gap)} on average"
    if found.gap < EVEN:
        return f"it pulls exactly as {loss} does, but its value jumps"
    if found.gap < ALMOST:
        return f"nearest is {loss}: nearly the same, {apart}"
    y, p, ratio = found.worst or (0.0, 0.0, 1.0)
    most = f"most where y is {number(y)} and the prediction {number(p)}: there it {_more(ratio)}"
    return f"{'none is near; least far' if found.gap > TOO_FAR else 'nearest'} is {loss}: {apart}, {most}"


def _more(ratio: float) -> str:
    if ratio == 0:
        return "does not pull"
    if ratio > MOST:
        return "pulls and the other hardly does, or not at all"
    if ratio < 0:
        return "pulls the other way"
    if ratio < 1 / MOST:
        return "hardly pulls"
    if "1" in (number(ratio), number(1 / ratio)):
        return "pulls nearly as hard"
    return f"pulls {number(ratio)} times as hard" if ratio > 1 else f"pulls {number(1 / ratio)} times less"
