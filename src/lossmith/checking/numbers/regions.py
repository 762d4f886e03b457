"""NaN, and infinities where the truth is finite: from which prediction on.

Comes in: `Climb`s. Goes out: one `Finding` for all of it, for it has one cause.

An infinity is right where the truth leaves the format. Without a reference that shows in the last finite number before
the border: it is close to the largest number of the format if the truth is on its way out, and small if only something
in between has overflowed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from lossmith.checking.finding import Finding
from lossmith.checking.numbers.climb import Climb, Parts, ask, border, one
from lossmith.checking.numbers.ladder import CLASSES, shown
from lossmith.checking.subject import Array, Subject

ON_ITS_WAY_OUT: Final = 1e-6
"""The part of the largest number of a format from which on a number is taken to be leaving it."""
FARTHEST: Final = 1e8
"""Predictions beyond are no practice: what goes wrong only there is a note."""
MOST: Final = 3
"""Clauses of a sentence."""
ADVICE: Final = {
    "binary": "Compute it from the raw prediction z, without the probability: max(z, 0) - y*z + log1p(exp(-|z|)).",
    "class": "Subtract the greatest raw prediction of the row before exp, and take the logarithm of the sum.",
    "count": "Look for 0 * infinity and infinity - infinity in it, and for exp of a large number "
    "that is divided again.",
    "probability": "Compute it from raw predictions, or use a product that is 0 where its first factor is 0.",
    "": "Look for an exp or a square of a large number of which the logarithm, root or quotient is taken afterwards.",
}


@dataclass(frozen=True)
class Edge:
    """From `place` on, away from the middle, `part` is no number or infinite; `before`: the last number there."""

    climb: Climb
    part: str
    place: float
    outward: int
    is_nan: bool
    before: float
    to_the_end: bool


def bad(got: Array, truth: Array | None) -> Array:
    """Where a number is NaN or infinite although the truth is finite (or unknown)."""
    wrong = ~np.isfinite(got)
    return np.asarray(wrong if truth is None else wrong & np.isfinite(truth))


def edges(climb: Climb) -> Iterator[Edge]:
    """The borders of bad regions, going outwards on both sides of the middle."""
    order = {1: np.arange(climb.places.size), -1: np.arange(climb.places.size)[::-1]}
    start = _middle(climb)
    for part, got in climb.got.items():
        wrong = bad(got, climb.truth.get(part))
        for outward, walk in order.items():
            way = walk[list(walk).index(start) :]
            hits = np.flatnonzero(wrong[way])
            if hits.size:
                yield from _edge(climb, part, outward, way, int(hits[0]))


def _middle(climb: Climb) -> int:
    """An ordinary place at which everything is a number, close to the centre."""
    fine = climb.moderate & np.logical_and.reduce([np.isfinite(got) for got in climb.got.values()])
    ordinary = np.flatnonzero(fine)
    return int(ordinary[ordinary.size // 2]) if ordinary.size else climb.places.size // 2


def _edge(climb: Climb, part: str, outward: int, way: Array, hit: int) -> Iterator[Edge]:
    rung, got = climb.rung, climb.got[part]
    if hit == 0:
        yield Edge(climb, part, float(climb.places[way[0]]), outward, bool(np.isnan(got[way[0]])), math.nan, True)
        return
    inner, outer = (float(climb.places[way[i]]) for i in (hit - 1, hit))
    inner, outer = border(rung, inner, outer, lambda x: not math.isfinite(one(rung, x, part)))
    rest = bad(got, climb.truth.get(part))[way[hit:]]
    edge = Edge(climb, part, outer, outward, bool(np.isnan(got[way[hit]])), one(rung, inner, part), bool(rest.all()))
    if not _is_right(edge, inner):
        yield edge


def _is_right(edge: Edge, inner: float) -> bool:
    """Whether the truth itself leaves the format here."""
    rung = edge.climb.rung
    most = float(np.finfo(rung.dtype).max)
    truth = edge.climb.exact(edge.place, edge.part)
    if truth is not None and not abs(truth) <= 1e-3 * most:
        return True
    sizes = _sizes(ask(rung, np.array([inner])))
    return bool(sizes) and max(sizes) > ON_ITS_WAY_OUT * most


def _sizes(parts: Parts) -> list[float]:
    return [abs(float(part[0])) for part in parts.values() if np.isfinite(part[0])]


# Words ----------------------------------------------------------------------------------------------------------------


def outside_of_probabilities(climbs: Sequence[Climb]) -> bool:
    """Whether it is NaN on both sides of 0 to 1, close to it, and a number inside, though it takes raw predictions."""
    subject = climbs[0].rung.subject
    if subject.takes != "raw" or subject.kind not in CLASSES | {"binary", "fraction"} or "value" not in subject.gives:
        return False
    left, right = False, False
    for climb in climbs:
        inside, low, high = (
            ask(climb.rung, np.array([0.3, 0.7])),
            ask(climb.rung, np.array([-0.2])),
            ask(climb.rung, np.array([1.2])),
        )
        if "value" not in inside or not np.isfinite(inside["value"]).all():
            return False
        left, right = left or bool(np.isnan(low["value"][0])), right or bool(np.isnan(high["value"][0]))
    return left and (right or subject.kind in CLASSES)


def look_for_regions(climbs: Sequence[Climb]) -> list[Finding]:
    """One finding for all that is NaN or falsely infinite."""
    subject = climbs[0].rung.subject
    found = [edge for climb in climbs for edge in edges(climb)]
    if not found:
        return []
    if any(edge.is_nan and edge.part == "value" for edge in found) and outside_of_probabilities(climbs[:2]):
        said = (
            "it is NaN for raw predictions below 0 and above 1, and they lie anywhere: put a sigmoid or "
            "softmax before it."
        )
        return [Finding("logits_taken_for_probabilities", said)]
    found = _first_cause(found)
    near = [edge for edge in found if abs(edge.place) <= FARTHEST]
    told = near or found
    code = "nan_region" if _is_nan(told) else "overflow_region"
    sentence = f"{'; '.join(_clauses(told, subject))}. {ADVICE.get(_advice(subject), ADVICE[''])}"
    return [Finding(code, sentence[0].upper() + sentence[1:], "fault" if near else "note")]


def _first_cause(found: list[Edge]) -> list[Edge]:
    """The value's edges if it has any, else the gradient's, else the hessian's; NaN of a derivative "
    "follows from them."""
    for part in ("value", "gradient", "hessian"):
        own = [edge for edge in found if edge.part == part]
        if own:
            others = [e for e in found if e.part != part and not any(_same_place(e, o) for o in own)]
            return own + [e for e in others if e.part == "gradient"]
    return found


def _same_place(one_edge: Edge, other: Edge) -> bool:
    """Whether two edges lie on the same side of the same target in the same format, the second no farther out."""
    a, b = one_edge.climb.rung, other.climb.rung
    return (a.dtype, a.target, one_edge.outward) == (b.dtype, b.target, other.outward)


def _is_nan(told: list[Edge]) -> bool:
    part = told[0].part
    return any(edge.is_nan for edge in told if edge.part == part)


def _advice(subject: Subject) -> str:
    if subject.takes == "probability":
        return "probability"
    same = {"fraction": "binary", "simplex": "class", "positive": "count", "nonnegative": "count"}
    return same.get(subject.kind, subject.kind)


def _clauses(told: list[Edge], subject: Subject) -> list[str]:
    """The best format first, the nearest edges first; the same edge in the other format stands in brackets."""
    main = told[0].climb.rung.dtype
    mine = sorted((e for e in told if e.climb.rung.dtype == main), key=lambda e: (e.part != told[0].part, abs(e.place)))
    texts = [_clause(edge, [e for e in told if e.climb.rung.dtype != main], subject) for edge in mine]
    kept = list(dict.fromkeys(texts))
    return kept[:MOST] + ([f"and {len(kept) - MOST} more such regions"] if len(kept) > MOST else [])


def _clause(edge: Edge, others: list[Edge], subject: Subject) -> str:
    rung = edge.climb.rung
    what = "NaN" if edge.is_nan else "infinite"
    part = (
        ""
        if edge.part == "value" or ("value" not in subject.gives and edge.part == "gradient")
        else f"the {edge.part} is "
    )
    name = "raw prediction" if subject.takes == "raw" else "prediction"
    way = "on" if edge.outward > 0 else "downwards"
    twins = [e for e in others if _twins(e, edge)]
    formats = rung.dtype + "".join(f"; {shown(e.place)} in {e.climb.rung.dtype}" for e in twins[:1])
    truth = _truth(edge)
    return f"{part}{what} from {name} {shown(edge.place)} {way} {rung.words} ({formats}){truth}"


def _twins(a: Edge, b: Edge) -> bool:
    same = (a.climb.rung.target, a.part, a.outward) == (b.climb.rung.target, b.part, b.outward)
    return same and a.is_nan == b.is_nan


def _truth(edge: Edge) -> str:
    truth = edge.climb.exact(edge.place, edge.part)
    if truth is None or not math.isfinite(truth):
        return f", just before it is {shown(edge.before)}" if math.isfinite(edge.before) else ""
    return f", where the truth is {shown(truth)}"
