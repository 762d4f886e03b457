"""Candidate forms, and the engine that chooses among them by measured worst error and cost.

Comes in: `QUESTIONS` (what is meant, candidate forms over plain operations, where to look), a number system that computes
as a kernel does. Goes out: for each question which form or pair of forms is used, and between which sizes a hand-over from
the near to the far one keeps every error within the bound. What is chosen is recorded in `chosen`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.formula.node import Node, constant, make, symbol, walk
from lossmith.interpret import System, interpret, truths
from lossmith.numerics.formats import FLOAT64, error_in_ulp
from lossmith.stable.chosen import COSTS, Chosen
from lossmith.stable.flat import exp_excess, log_deficit

X, Y = symbol("x", "raw", ["example"]), symbol("y", "column", ["example"])
ONE: Final = constant(1.0)
TWO: Final = constant(2.0)
LOG_2: Final = constant(math.log(2.0))
ZERO: Final = constant(0.0)
SIZE: Final = make("abs", X)
DENSE: Final = 60
SLACK: Final = 1.0
"""Errors that differ by no more than this (in ulp) count as equally good: what is cheaper decides."""

Columns = Mapping[Node, NDArray[np.float64]]


@dataclass(frozen=True)
class Question:
    """What is computed (`exact`), by which `candidates`, where: sizes from `low` to `high`.

    `place(sizes, seed)` gives the leaves' values at which the deciding size has these values. An error is judged at the
    larger of the result and of what one unit in the arguments changes (`scale`), as the contract does near a root.
    """

    exact: Node
    candidates: Mapping[str, Node]
    low: float
    high: float
    place: Callable[[NDArray[np.float64], int], Columns]
    scale: Node | None = None


def _both(sizes: NDArray[np.float64], seed: int) -> Columns:
    return {X: sizes * np.random.default_rng(seed).choice([-1.0, 1.0], sizes.size)}


def _above_minus_one(sizes: NDArray[np.float64], seed: int) -> Columns:
    return {X: np.where(sizes < 0.99, _both(sizes, seed)[X], sizes)}


def _negative(sizes: NDArray[np.float64], seed: int) -> Columns:
    return {X: -sizes}


def _beside_root(sizes: NDArray[np.float64], seed: int) -> Columns:
    """x of these sizes, and y of any size, half of them near e**x."""
    random, x = np.random.default_rng(seed), _both(sizes, seed)[X]
    with np.errstate(over="ignore", under="ignore"):
        near = np.exp(np.clip(x, -300.0, 300.0)) * (1 + 10.0 ** random.uniform(-16.0, 0.0, x.size))
    return {X: x, Y: np.where(random.uniform(size=x.size) < 0.5, near, 10.0 ** random.uniform(-8.0, 8.0, x.size))}


def _factor_beside_root(sizes: NDArray[np.float64], seed: int) -> Columns:
    """The same for 1 - y e**x, whose root is at y = e**-x."""
    found = _beside_root(sizes, seed)
    return {X: -found[X], Y: found[Y]}


def _ratio(sizes: NDArray[np.float64], seed: int) -> Columns:
    """x / y = 1 + e or 1 - e for an excess e of these sizes; for one of 1 and more 1 + e or its inverse."""
    random = np.random.default_rng(seed)
    y = 10.0 ** random.uniform(-100.0, 100.0, sizes.size)
    other = np.where(sizes < 1.0, 1.0 - sizes, 1.0 / (1.0 + sizes))
    return {X: y * np.where(random.uniform(size=sizes.size) < 0.5, 1.0 + sizes, other), Y: y}


_GROWN: Final = make("expm1", make("minimum", SIZE, TWO))
_SQUARE: Final = X * X
_ROOT: Final = make("sqrt", ONE + _SQUARE)
_ANY_ROOT: Final = make("where", constant(2.0**500) < SIZE, SIZE, _ROOT)
_EXCESS: Final = (X - Y) / Y

_EXP_EXCESS: Final = exp_excess(X, make("expm1", X))
_LOG_DEFICIT: Final = log_deficit(X)

QUESTIONS: Final[Mapping[str, Question]] = {
    "log_cosh": Question(
        make("log_cosh", X),
        {
            "log of cosh": make("log", make("cosh", X)),
            "log1p of cosh - 1": make("log1p", (_GROWN * _GROWN) / (TWO * (ONE + _GROWN))),
            "size less log 2": (SIZE - LOG_2) + make("log1p_unit", make("exp", -(TWO * SIZE))),
        },
        1e-150, 1e300, _both,
    ),
    "log_one_minus_exp": Question(
        make("log", -make("expm1", X)),
        {
            "log of expm1": make("log", -make("expm1", X)),
            "log1p of exp": make("log1p", -make("exp", X)),
            "log of the difference": make("log", ONE - make("exp", X)),
        },
        1e-300, 700.0, _negative,
    ),
    "log1p_of_square": Question(
        make("log1p", _SQUARE),
        {
            "log1p": make("log1p", _SQUARE),
            "twice the log": TWO * make("log", SIZE),
            "log": make("log", ONE + _SQUARE),
        },
        1e-150, 1e300, _both,
    ),
    "root_of_one_plus_square": Question(
        _ROOT, {"root": _ROOT, "size": SIZE, "exp of half the log": make("exp", constant(0.5) * make("log1p", _SQUARE))},
        1e-150, 1e300, _both,
    ),
    "root_minus_one": Question(
        X * (X / (_ROOT + ONE)),
        {
            "difference": _ANY_ROOT - ONE,
            "quotient": X * (X / (_ANY_ROOT + ONE)),
            "square first": _SQUARE / (_ANY_ROOT + ONE),
        },
        1e-150, 1e300, _both,
    ),
    "exp_excess": Question(
        make("exp_excess", X), {"series": _EXP_EXCESS.args[1], "difference": _EXP_EXCESS.args[2]}, 1e-150, 300.0, _both,
    ),
    "log_deficit": Question(
        make("log_deficit", X), {"series": _LOG_DEFICIT.args[1], "difference": _LOG_DEFICIT.args[2]},
        1e-150, 1e300, _above_minus_one,
    ),
    "log_ratio": Question(
        make("log_ratio", X, Y),
        {
            "log1p of the excess": make("log1p", _EXCESS),
            "difference of logs": make("log", X) - make("log", Y),
            "log of the quotient": make("log", X / Y),
        },
        1e-15, 1e100, _ratio,
    ),
    "exp_minus": Question(
        make("exp_minus", X, Y),
        {"difference": make("exp", X) - Y, "both less one": make("expm1", X) - (Y - ONE)},
        1e-12, 300.0, _beside_root, make("exp", X) * SIZE * constant(0.25),
    ),
    "one_minus_scaled_exp": Question(
        make("one_minus_scaled_exp", Y, X),
        {
            "difference": ONE - Y * make("exp", X),
            "both less one": -(make("expm1", X) + (Y - ONE) * make("exp", X)),
        },
        1e-12, 300.0, _factor_beside_root, (Y * make("exp", X)) * SIZE * constant(0.25),
    ),
}  # fmt: skip
"""What is decided by measuring: {question: what is meant, candidates, where to look}."""


# Measuring ------------------------------------------------------------------------------------------------------------


def cost(form: Node, costs: Mapping[str, float] = COSTS) -> float:
    """What a form costs: the sum over its operations, each counted once.

    >>> cost(make("exp", X) - Y, {"exp": 8.0, "subtract": 1.0})
    9.0
    """
    return sum(costs.get(node.op, 1.0) for node in walk(form) if node.args)


def errors(question: Question, form: Node, sizes: NDArray[np.float64], floats: System, seed: int = 0) -> NDArray[Any]:
    """The error of a form at each size, in units in the last place of the exact number or of its scale."""
    values: dict[Node, Any] = {leaf: v[:, None] for leaf, v in question.place(sizes, seed).items()}
    truth = truths([question.exact], values, FLOAT64)[0]
    found = np.broadcast_to(interpret([form], values, floats)[0], truth.rounded.shape)
    scales = np.abs(truth.rounded)
    if question.scale is not None:
        scales = np.maximum(scales, truths([question.scale], values, FLOAT64)[0].rounded)
    scales = np.maximum(scales, FLOAT64.least_scale)
    pairs = zip(found.ravel(), truth.balls.ravel(), scales.ravel(), strict=True)
    return np.array([error_in_ulp(float(f), ball, FLOAT64, float(s)) for f, ball, s in pairs])


def sizes_of(question: Question, count: int = 500, seed: int = 0) -> NDArray[np.float64]:
    """Sizes at which the candidates are compared, in order: all magnitudes, and the ordinary ones densely."""
    random = np.random.default_rng(seed)
    low, high = math.log10(question.low), math.log10(question.high)
    ordinary = random.uniform(max(low, -3.0), min(high, 3.0), size=count - count // 2)
    drawn = np.concatenate([random.uniform(low, high, size=count // 2), ordinary])
    return np.sort(10.0**drawn)


# Choosing -------------------------------------------------------------------------------------------------------------


def choose(name: str, floats: System, costs: Mapping[str, float] = COSTS, count: int = 500, seed: int = 0) -> Chosen:
    """The best form or pair of forms for a question, and between which sizes they may hand over.

    A pair's error at a hand-over is the worse of the near form below it and of the far form from it on. Among those whose
    worst error is within `SLACK` of the best, the cheapest is taken; a form alone costs less than any pair with it.
    """
    question = QUESTIONS[name]
    sizes = sizes_of(question, count, seed)
    measured = {key: errors(question, form, sizes, floats, seed) for key, form in question.candidates.items()}
    rows = [(*_best_cut(measured[near], measured[far] if near != far else None), near, far)
            for near, far in product(measured, repeat=2)]  # fmt: skip
    bound = min(worst for worst, *_ in rows) + SLACK
    able = [(_cost_of(question, near, far, costs), near, far) for worst, _, near, far in rows if worst <= bound]
    _, near, far = min(able)
    if near == far:
        return Chosen(near, far, 0.0, 0.0, math.inf, float(measured[near].max()))
    low = _edge(question, far, sizes, measured[far], bound, floats, upwards=False)
    high = _edge(question, near, sizes, measured[near], bound, floats, upwards=True)
    at = simplest(low, high)
    return Chosen(near, far, at, low, high, _worst_at(question, near, far, at, sizes, floats))


def _best_cut(near: NDArray[Any], far: NDArray[Any] | None) -> tuple[float, int]:
    """The least worst error over all places to hand over, and the first such place; a form alone has none."""
    if far is None:
        return float(near.max()), near.size
    below = np.concatenate([[0.0], np.maximum.accumulate(near)])
    above = np.concatenate([np.maximum.accumulate(far[::-1])[::-1], [0.0]])
    worst = np.maximum(below, above)
    return float(worst.min()), int(worst.argmin())


def _cost_of(question: Question, near: str, far: str, costs: Mapping[str, float]) -> float:
    """A kernel computes both branches, shared parts once, and selects."""
    forms = question.candidates
    both = forms[near] if near == far else make("where", SIZE < ONE, forms[near], forms[far])
    return cost(both, costs)


def _edge(
    question: Question, name: str, sizes: NDArray[np.float64], found: NDArray[Any], bound: float, floats: System,
    *, upwards: bool,
) -> float:  # fmt: skip
    """How far down the far form is good, or how far up the near one: between two sizes of the grid, then by halving."""
    bad = np.flatnonzero(found > bound)
    if not bad.size:
        return question.high if upwards else question.low
    inside, outside = (bad[0] - 1, bad[0]) if upwards else (bad[-1] + 1, bad[-1])
    good, poor = float(sizes[np.clip(inside, 0, sizes.size - 1)]), float(sizes[outside])
    for step in range(12):
        middle = math.sqrt(good) * math.sqrt(poor)
        between = np.geomspace(min(good, middle), max(good, middle), DENSE)
        fine = errors(question, question.candidates[name], between, floats, seed=step).max() <= bound
        good, poor = (middle, poor) if fine else (good, middle)
    return good


def _worst_at(question: Question, near: str, far: str, at: float, sizes: NDArray[np.float64], floats: System) -> float:
    forms = question.candidates
    parts = [(near, sizes[sizes < at]), (far, sizes[sizes >= at])]
    return max(float(errors(question, forms[key], part, floats, seed=1).max()) for key, part in parts if part.size)


def simplest(low: float, high: float) -> float:
    """A power of two in the middle of an interval, if there is one inside, else its middle.

    >>> simplest(0.6, 1.9), simplest(0.55, 0.9)
    (1.0, 0.7035623639735145)
    """
    middle = math.sqrt(low) * math.sqrt(high)
    power = 2.0 ** round(math.log2(middle))
    return power if low <= power <= high else middle


def worst_at(name: str, recorded: Chosen, floats: System, count: int = 500, seed: int = 0) -> float:
    """The worst error of what is recorded, measured again."""
    question = QUESTIONS[name]
    sizes = sizes_of(question, count, seed)
    return _worst_at(question, recorded.near, recorded.far, recorded.at, sizes, floats)


def keeps(recorded: Chosen, found: Chosen, worst: float) -> bool:
    """Whether what is recorded is as good as what was found: the same forms, and an error that counts as equal.

    >>> found = Chosen("a", "b", 1.0, 0.5, 2.0, 1.2)
    >>> keeps(Chosen("a", "b", 0.75, 0.5, 2.0, 1.2), found, 2.1), keeps(Chosen("a", "b", 3.0, 0.5, 2.0, 1.2), found, 9.0)
    (True, False)
    """
    return (recorded.near, recorded.far) == (found.near, found.far) and worst <= found.worst + SLACK
