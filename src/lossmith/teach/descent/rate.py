"""The learning rate: what is chosen where none is said, what others would have done, and the verdict.

Comes in: an objective, its start, a path that was walked and the curvature along it. Goes out: rates that were really
run, and a `Verdict` whose every number was measured.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from lossmith.report.descent_page.record import Curvature, Floats, Trial, Verdict
from lossmith.report.pages.number import number
from lossmith.teach.descent.curvature import largest
from lossmith.teach.descent.path import Path, tried
from lossmith.teach.descent.task import Objective

HALVINGS: Final = 24
DOUBLINGS: Final = 12
SHARE: Final = 0.999
"""Two runs are compared by the steps that each takes to make this share of the fall."""

OF_EDGE: Final = (0.25, 0.5, 0.75, 0.95, 1.05)
"""Rates that are tried, as shares of the edge 2 / largest eigenvalue."""

TIMES: Final = (0.01, 0.1, 0.5, 2.0, 10.0, 100.0)
"""Rates that are tried, as multiples of the one that is judged."""

FAR: Final = 30.0
"""Rates further past the edge than this are not run: a loss that bends alike everywhere runs away at once."""

MUCH: Final = 2.0
"""From so many times fewer steps on, a learning rate is too small."""

WORTH: Final = 1.05
"""A rate that is faster by less is not worth a word."""

OFTEN: Final = 0.1
"""A larger share of steps that raise the loss, in the later half, is past the edge."""


@dataclass(frozen=True)
class Chosen:
    """A learning rate, and a sentence that says where it comes from."""

    rate: float
    reason: str


def rounded(rate: float) -> float:
    """Two significant digits, towards 0: what is said is what is run.

    >>> rounded(0.12999), rounded(20.4), rounded(4.99e-5)
    (0.12, 20.0, 4.9e-05)
    """
    if not (math.isfinite(rate) and rate > 0):
        return rate
    power = math.floor(math.log10(rate)) - 1
    digits = math.floor(rate / 10.0**power * (1 + 1e-12))
    return float(f"{digits}e{power}")


def chosen(objective: Objective, start: Floats, steps: int, seed: int) -> Chosen:
    """1 / largest eigenvalue at the start, halved until no step raises the loss, or doubled as long as that pays."""
    top = largest(objective, start, seed)
    rate, reason = _first(objective, start, top)
    runs: list[tuple[float, float]] = []
    for halved in range(HALVINGS):
        path = tried(objective, start, rounded(rate), steps)
        if not path.why_stopped and not path.rises.any():
            return _doubled(objective, start, path, rounded(rate), reason + _halved(halved))
        last = path.losses[-1]
        runs.append((float(last) if np.isfinite(last) else math.inf, rounded(rate)))
        rate /= 2
    _, best = min(runs)
    return Chosen(best, f"Every rate that was tried raises the loss at some step; {best:g} ends lowest of {len(runs)}.")


def _first(objective: Objective, start: Floats, top: float) -> tuple[float, str]:
    if math.isfinite(top) and top > 0:
        return 1 / top, f"1 / (largest curvature at the start, {top:.4g}), which is half of the edge there"
    value, slope = objective.value_and_gradient(start)
    squared = float(slope @ slope)
    if not squared > 0:
        return 1.0, "1, for the gradient is 0 at the start and no rate makes a difference"
    return max(abs(value), 1e-3) / squared, (
        "the rate at which the slope alone promises a loss of 0 after one step, for the loss has no upward curvature at "
        "the start"
    )


def _doubled(objective: Objective, start: Floats, path: Path, rate: float, reason: str) -> Chosen:
    """Twice the rate, as often as that makes the same fall in half the steps and raises the loss in none."""
    steps, times = len(path.losses) - 1, 0
    for _ in range(DOUBLINGS):
        wider = tried(objective, start, 2 * rate, steps)
        level = _level(path)
        own, other = (_reached(each, level) for each in (path, wider))
        if wider.why_stopped or wider.rises.any() or not own or not other or own < MUCH * other:
            break
        path, rate, times = wider, 2 * rate, times + 1
    more = f"; doubled {_often(times)}, for each time the same fall took half the steps or fewer." if times else ""
    return Chosen(rounded(rate) if times else rate, reason.rstrip(".") + more if times else reason)


def _halved(times: int) -> str:
    if times == 0:
        return "; no step raises the loss."
    return f", halved {_often(times)} until no step raises the loss."


def _often(times: int) -> str:
    return {1: "once", 2: "twice"}.get(times, f"{times} times")


# Other rates, run ----------------------------------------------------------------------------------------------


def trials(objective: Objective, start: Floats, judged: Path, rate: float, curvature: Curvature) -> tuple[Trial, ...]:
    """Run other rates for as many steps from the same start; in the order of the rates, the judged one among them."""
    edge, steps = lowest_edge(curvature, judged), max(len(judged.losses) - 1, 1)
    wanted = {rounded(share * edge) for share in OF_EDGE if math.isfinite(edge)}
    wanted |= {rounded(times * rate) for times in TIMES if math.isfinite(times * rate)}
    level = _level(judged)
    found = [
        _trial(tried(objective, start, other, steps), other, edge, level)
        for other in sorted(wanted - {rate, 0.0})
        if not math.isfinite(edge) or other <= FAR * edge
    ]
    return tuple(sorted([*found, _trial(judged, rate, edge, level)], key=lambda trial: trial.learning_rate))


def lowest_edge(curvature: Curvature, judged: Path) -> float:
    """2 / largest eigenvalue that was met on the path; of a path that ran away, at its start."""
    edges = curvature.edges[np.isfinite(curvature.edges)]
    if not edges.size:
        return math.inf
    return float(curvature.edges[0]) if judged.why_stopped else float(edges.min())


def _level(judged: Path) -> float:
    """The loss at which `SHARE` of the fall of the judged run is made; below every loss where it made none."""
    first, low = float(judged.losses[0]), float(np.nanmin(judged.losses))
    return first - SHARE * (first - low) if low < first else -math.inf


def _trial(path: Path, rate: float, edge: float, level: float) -> Trial:
    finite = path.losses[np.isfinite(path.losses)]
    return Trial(
        rate,
        rate / edge if math.isfinite(edge) else math.nan,
        float(path.losses[-1]),
        float(finite.min()) if finite.size else math.nan,
        int(path.rises.sum()),
        len(path.losses) - 1,
        _reached(path, level),
        int(_late(path).sum()),
    )


def _late(path: Path) -> Floats:
    """Which steps of the later half raised the loss."""
    return path.rises[len(path.rises) // 2 :]


def _reached(path: Path, level: float) -> int | None:
    """The first step at which a run is down at a level; None where it never is."""
    below = np.flatnonzero(path.losses <= level)
    return int(below[0]) if below.size else None


# The verdict ---------------------------------------------------------------------------------------------------


def judged(path: Path, rate: float, curvature: Curvature, others: tuple[Trial, ...]) -> Verdict:
    """Say what to think of the rate, why, and which is better, by what the runs did."""
    own = next(trial for trial in others if trial.learning_rate == rate)
    fastest = _fastest(own, others)
    word = next(word for word, holds in _WORDS.items() if holds(path, rate, curvature, own, fastest))
    why = tuple(_why(path, rate, curvature, own))
    if word in ("good", "at rest"):
        return Verdict(word, why, _kept(own, fastest) if word == "good" else NO_SLOPE)
    larger = tuple(trial for trial in others if trial.learning_rate > rate) if word == "too small" else others
    better = _lowest(own, larger) or _calm(own, others)
    if better is None or (word == "past the edge" and not better.last < own.last):
        return Verdict(word, why, NOTHING_BETTER)
    faster = own.reached / better.reached if own.reached and better.reached else None
    return Verdict(word, why, _advice(word, own, better, float(path.losses[0])), better.learning_rate, faster)


def _steady(trial: Trial, lowest: float) -> bool:
    """Whether a run ended as low as it ever came (but for a thousandth of its fall), and rarely raised the loss."""
    low = trial.last - trial.lowest <= 1e-3 * max(lowest, 0.0)
    return not trial.ended and low and trial.rises <= OFTEN * trial.steps and trial.late <= OFTEN * (trial.steps / 2)


def _steadies(own: Trial, others: tuple[Trial, ...]) -> list[Trial]:
    first = max((own.lowest, *(trial.lowest for trial in others if not math.isnan(trial.lowest))))
    fall = first - min((trial.lowest for trial in others if not math.isnan(trial.lowest)), default=first)
    return [trial for trial in others if _steady(trial, fall) and trial is not own]


def _fastest(own: Trial, others: tuple[Trial, ...]) -> Trial | None:
    """The rate that makes the same fall in the fewest steps; of nearly equal ones the smallest, farthest from the edge.

    Where the judged run made no fall, the rate that ends lowest.
    """
    steady = _steadies(own, others)
    if own.reached is None or own.reached == 0:
        return min(steady, key=lambda trial: trial.last, default=None)
    reaching = [trial for trial in steady if trial.reached is not None]
    least = min((trial.reached for trial in reaching if trial.reached is not None), default=None)
    if least is None:
        return None
    near = [trial for trial in reaching if trial.reached is not None and trial.reached <= max(1.1 * least, least + 1)]
    return min(near, key=lambda trial: trial.learning_rate)


def _lowest(own: Trial, others: tuple[Trial, ...]) -> Trial | None:
    """The rate that ends lowest after as many steps.

    Of nearly equal ones (a thousandth of the fall) the one nearest to half of the edge, which is safest on both sides; where
    there is no edge, the smallest.
    """
    steady = _steadies(own, others)
    if not steady:
        return None
    low = min(trial.last for trial in steady)
    room = 1e-3 * max(0.0, max(trial.lowest for trial in (own, *steady) if not math.isnan(trial.lowest)) - low)
    near = [trial for trial in steady if trial.last <= low + room]
    return min(near, key=_from_half_of_the_edge)


def _from_half_of_the_edge(trial: Trial) -> float:
    return trial.learning_rate if math.isnan(trial.of_edge) else abs(math.log(2 * trial.of_edge))


def _calm(own: Trial, others: tuple[Trial, ...]) -> Trial | None:
    """Where no other rate makes the same fall: the one that ends lowest of those that raise the loss in fewer steps."""
    calmer = [trial for trial in others if not trial.ended and trial.rises < own.rises]
    return min(calmer, key=lambda trial: trial.last, default=None)


def _diverges(path: Path, rate: float, curvature: Curvature, own: Trial, better: Trial | None) -> bool:
    if path.why_stopped:
        return True
    losses = path.losses
    return bool(path.rises.any() and losses[-1] > losses[0] and losses[-1] >= 0.5 * np.max(losses))


def _rests(path: Path, rate: float, curvature: Curvature, own: Trial, better: Trial | None) -> bool:
    return bool(len(path.norms) == 0 or path.norms[0] <= 1e-13 * max(1.0, abs(float(path.losses[0]))))


def _past(path: Path, rate: float, curvature: Curvature, own: Trial, better: Trial | None) -> bool:
    return bool(rate > curvature.edges[-1]) or bool(_late(path).mean() > OFTEN)


def _slow(path: Path, rate: float, curvature: Curvature, own: Trial, better: Trial | None) -> bool:
    if better is None or own.reached is None or not better.reached:
        return False
    return better.learning_rate > rate and own.reached >= MUCH * better.reached


_WORDS: Final = {
    "at rest": _rests,
    "diverging": _diverges,
    "past the edge": _past,
    "too small": _slow,
    "good": lambda *_: True,
}


def _why(path: Path, rate: float, curvature: Curvature, own: Trial) -> Iterator[str]:
    edges = curvature.edges
    start, end = float(edges[0]), float(edges[-1])
    if path.why_stopped:
        yield path.why_stopped
    if math.isfinite(start):
        yield (
            f"The largest curvature is {number(curvature.largest[0])} at the start"
            + (f" and {number(curvature.largest[-1])} at the end" if math.isfinite(curvature.largest[-1]) else "")
            + f": the edge, which is the largest stable rate, 2 / curvature, is {number(start)} at the start"
            + (f" and {number(end)} at the end." if math.isfinite(end) else ".")
        )
        yield f"The rate {rate:g} is {number(rate / start, 3)} times the edge at the start" + (
            f" and {number(rate / end, 3)} times that at the end." if math.isfinite(end) else "."
        )
    else:
        yield (
            "The loss has no upward curvature where the path began (it is made of straight pieces, or bends downwards), so "
            "2 / curvature sets no limit there; whether a rate is too large shows in the steps alone."
        )
    rises = int(path.rises.sum())
    made = len(path.losses) - 1
    if rises or not path.why_stopped:
        steps = _steps(made)
        yield f"{rises} of {steps} raised the loss." if rises else f"None of the {steps} raised the loss."


NO_SLOPE: Final = (
    "The gradient is 0 at the start: no learning rate moves anything. Start elsewhere, or use another model."
)
NOTHING_BETTER: Final = (
    "None of the other rates that were run ended lower; try more steps at a smaller one, other features, another start or "
    "another model."
)


def _kept(own: Trial, fastest: Trial | None) -> str:
    faster = own.reached / fastest.reached if fastest is not None and own.reached and fastest.reached else 0.0
    if fastest is None or faster < WORTH:
        return "Keep it: none of the other rates that were run made the same fall in clearly fewer steps."
    return (
        f"Keep it. The best of the other rates that were run, {fastest.learning_rate:g}, is {faster:.2g} times as fast."
    )


def _advice(word: str, own: Trial, better: Trial, first: float) -> str:
    """What the better rate did in as many steps, beside what this one did."""
    use = f"Use {better.learning_rate:g}: after as many steps "
    if word == "diverging":
        return f"{use}the loss is {number(better.last)}, from {number(first)} at the start."
    ends = f"{use}the loss is {number(better.last)}, not {number(own.last)}"
    if word == "too small" and own.reached and better.reached and own.reached > better.reached:
        return f"{ends}; it makes the fall of this run in {_steps(better.reached)} in place of {own.reached}."
    return f"{ends}, and {better.rises} of its {_steps(better.steps)} raise it, not {own.rises}."


def _steps(count: int) -> str:
    return f"{count:,} step" + ("" if count == 1 else "s")
