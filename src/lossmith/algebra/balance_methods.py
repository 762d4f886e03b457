"""Balancers as a table of plain functions on numbers: how weights of tasks follow from their values and a small state.

Comes in: a `Turn` (one finished number for each task, which of them have rows, the state). Goes out: weights, a total, the
next state. Arrays are NumPy's or PyTorch's (`xp` is the module); nothing here looks at a number in order to decide, so that
nothing waits for another device.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from lossmith.numerics.philox import WORD, normals

Array = Any
State = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Turn:
    """One batch as a balancer sees it; each array has one entry for each task. `values` of absent tasks are 0."""

    values: Array
    present: Array
    state: State
    learned: State
    settings: Mapping[str, Any]
    xp: Any = np


@dataclass(frozen=True)
class Setting:
    """One number or word of a balancer: what it is without saying, what it may be, and that in words."""

    default: Any
    allows: Callable[[Any], bool]
    words: str


@dataclass(frozen=True)
class Method:
    """A balancer: its state and learned numbers as they start, and the functions that make weights, total and next state.

    The total is the sum of weights times values, unless `total` says otherwise; `weights` are always its derivatives by the
    values. `scale_free`: a task whose loss is multiplied by a number gets the same share as before.
    """

    name: str
    weights: Callable[[Turn], Array]
    follow: str
    moves: str
    source: str
    state: Mapping[str, float | int] = field(default_factory=dict)
    learned: Mapping[str, float] = field(default_factory=dict)
    settings: Mapping[str, Setting] = field(default_factory=dict)
    total: Callable[[Turn, Array], Array] = lambda turn, weights: (weights * turn.values).sum()
    advance: Callable[[Turn], State] = lambda turn: turn.state
    end_epoch: Callable[[State, Any], State] = lambda state, xp: state
    scale_free: bool = False
    not_negative: bool = False

    def __reduce__(self) -> tuple[Callable[[str], Method], tuple[str]]:
        return method_named, (self.name,)


def _counts(turn: Turn) -> Array:
    """The tasks whose values say something of how large their loss is: there are rows, and the number is finite."""
    return turn.present & turn.xp.isfinite(turn.values)


# Fixed, and by the first values -----------------------------------------------------------------------------------


def _fixed(turn: Turn) -> Array:
    return turn.xp.stack([turn.xp.full_like(turn.values[0], weight) for weight in turn.settings["weights"]])


def _seen_first(turn: Turn) -> State:
    """|values| added up until there are enough of them; 0 is no magnitude, and does not count."""
    size, state = abs(turn.values), turn.state
    new = _counts(turn) & (size > 0) & (state["seen"] < turn.settings["batches"])
    return {
        "size": turn.xp.where(new, state["size"] + size, state["size"]),
        "seen": turn.xp.where(new, state["seen"] + 1, state["seen"]),
    }


def _by_first(turn: Turn) -> Array:
    size, seen, xp = turn.state["size"], turn.state["seen"], turn.xp
    known = seen > 0
    return xp.where(known, seen / xp.where(known, size, 1.0), 1.0)


# Learned ----------------------------------------------------------------------------------------------------------


def _precision(turn: Turn) -> Array:
    return turn.xp.exp(-turn.learned["log_variance"]) / 2


def _uncertain(turn: Turn, weights: Array) -> Array:
    s, xp = turn.learned["log_variance"], turn.xp
    penalty = s / 2 if turn.settings["form"] == "kendall" else xp.logaddexp(xp.zeros_like(s), s)
    return xp.where(turn.present, weights * turn.values + penalty, 0.0 * turn.values).sum()


# By how fast values fall ------------------------------------------------------------------------------------------


def _averaged(turn: Turn) -> State:
    counts, state, xp = _counts(turn), turn.state, turn.xp
    state = {
        **state,
        "sum": xp.where(counts, state["sum"] + turn.values, state["sum"]),
        "seen": xp.where(counts, state["seen"] + 1, state["seen"]),
        "step": state["step"] + 1,
    }
    steps = turn.settings["steps"]
    if steps is None:
        return state
    after, over = _next_epoch(state, xp), state["step"] >= steps
    return {name: xp.where(over, after[name], state[name]) for name in state}


def _next_epoch(state: State, xp: Any) -> State:
    """The average of this epoch becomes the last one; a task without a batch in it stays as it was."""
    had = state["seen"] > 0
    mean = state["sum"] / xp.where(had, state["seen"], 1)
    return {
        "before": xp.where(had, state["last"], state["before"]),
        "last": xp.where(had, mean, state["last"]),
        "epochs": xp.where(had, state["epochs"] + 1, state["epochs"]),
        "sum": xp.zeros_like(state["sum"]),
        "seen": xp.zeros_like(state["seen"]),
        "step": xp.zeros_like(state["step"]),
    }


def _by_speed(turn: Turn) -> Array:
    state, xp = turn.state, turn.xp
    known = (state["epochs"] > 1) & (state["before"] != 0)
    ratio = xp.where(known, state["last"] / xp.where(known, state["before"], 1.0), 1.0)
    return ratio.shape[0] * _shares(ratio / turn.settings["temperature"], xp)


def _shares(z: Array, xp: Any) -> Array:
    """Softmax."""
    grown = xp.exp(z - z.max())
    return grown / grown.sum()


# Geometric mean ---------------------------------------------------------------------------------------------------


def _kept(turn: Turn) -> Array:
    return turn.present & (turn.values != 0)


def _geometric(turn: Turn, weights: Array) -> Array:
    kept, xp = _kept(turn), turn.xp
    count = kept.sum()
    logs = xp.log(xp.where(kept, turn.values, 1.0))
    return xp.where(count > 0, xp.exp(logs.sum() / xp.where(count > 0, count, 1)), 0.0)


def _by_mean(turn: Turn) -> Array:
    kept, xp = _kept(turn), turn.xp
    count = xp.where(kept, kept.sum(), 1)
    return xp.where(kept, _geometric(turn, turn.values) / (count * xp.where(kept, turn.values, 1.0)), 0.0)


# Random -----------------------------------------------------------------------------------------------------------


def _drawn(turn: Turn) -> Array:
    step = turn.state["step"]
    stream = turn.xp.cumsum(turn.xp.ones_like(step), 0) - 1
    return _shares(normals(turn.settings["seed"], step, stream, turn.values.dtype, turn.xp), turn.xp)


# The table --------------------------------------------------------------------------------------------------------


def _is_whole(least: int, most: float = math.inf) -> Callable[[Any], bool]:
    return lambda given: isinstance(given, int) and not isinstance(given, bool) and least <= given <= most


def _is_number(given: Any) -> bool:
    return isinstance(given, int | float) and not isinstance(given, bool) and math.isfinite(given)


METHODS: Final[tuple[Method, ...]] = (
    Method(
        name="fixed",
        weights=_fixed,
        follow="as given: `weights={...}`, or 1 for each: the plain sum",
        moves="none",
        source="-",
        settings={
            "weights": Setting(
                None,
                lambda given: isinstance(given, Mapping) and all(_is_number(w) and w >= 0 for w in given.values()),
                "a mapping from names of tasks to numbers of at least 0",
            )
        },
    ),
    Method(
        name="initial_magnitude",
        weights=_by_first,
        follow="1 / the mean of the task's first `batches` values",
        moves="the sum of the first |values| and their number; a value of 0 is waited out (the weight until then: 1)",
        source="usual practice; values in relation to the first ones: Chen et al. (2018), GradNorm, arXiv:1711.02257",
        state={"size": 0.0, "seen": 0},
        settings={"batches": Setting(1, _is_whole(1), "a whole number of at least 1")},
        advance=_seen_first,
        scale_free=True,
    ),
    Method(
        name="uncertainty",
        weights=_precision,
        follow='1 / (2 σ²), and log(1 + σ²) is added to the total (`form="kendall"`: log σ)',
        moves="log σ² of each task is learned: a parameter for the optimizer",
        source="Kendall, Gal, Cipolla (2018), arXiv:1705.07115; non-negative form: Liebel, Körner (2018), arXiv:1805.06334",
        learned={"log_variance": 0.0},
        settings={
            "form": Setting(
                "non_negative", lambda given: given in ("non_negative", "kendall"), '"non_negative" or "kendall"'
            )
        },
        total=_uncertain,
    ),
    Method(
        name="dynamic_weight_average",
        weights=_by_speed,
        follow="n · softmax(r / `temperature`), r = last epoch's mean value / that of the epoch before; 1 until both are there",
        moves="sum and number of values in this epoch; the means of the last two. Epochs end by `end_epoch()`, or by `steps`",
        source="Liu, Johns, Davison (2019), arXiv:1803.10704, eq. 7",
        state={"sum": 0.0, "seen": 0, "step": 0, "last": 0.0, "before": 0.0, "epochs": 0},
        settings={
            "temperature": Setting(2.0, lambda given: _is_number(given) and given > 0, "a number above 0"),
            "steps": Setting(
                None, lambda given: given is None or _is_whole(1)(given), "None, or a whole number of at least 1"
            ),
        },
        advance=_averaged,
        end_epoch=_next_epoch,
    ),
    Method(
        name="geometric_mean",
        weights=_by_mean,
        follow="G / (n · value): the total is G, the geometric mean of the values that are not 0",
        moves="none",
        source="Chennupati et al. (2019), MultiNet++, arXiv:1904.08492",
        total=_geometric,
        scale_free=True,
        not_negative=True,
    ),
    Method(
        name="random",
        weights=_drawn,
        follow="softmax of normal numbers, drawn anew for each batch",
        moves="the number of batches so far; the draw follows from it and `seed`",
        source="Lin et al. (2022), Reasonable Effectiveness of Random Weighting, arXiv:2111.10603",
        state={"step": 0},
        settings={"seed": Setting(0, _is_whole(0, WORD), "a whole number from 0 to 2**32 - 1")},
        advance=lambda turn: {"step": turn.state["step"] + 1},
    ),
)
"""One row for each balancer; the document prints the table."""


def method_named(name: str) -> Method:
    """The row of a name that is there."""
    return next(method for method in METHODS if method.name == name)


def table() -> str:
    """The balancers as a table in Markdown, for the document."""
    rows = [
        f"| `{m.name}` | {m.follow} | {m.moves} | {'yes' if m.learned else 'no'} | {'yes' if m.scale_free else 'no'} "
        f"| {m.source} |"
        for m in METHODS
    ]
    head = "| balance | weights | state | learned | scale-free | source |\n|---|---|---|---|---|---|"
    return "\n".join([head, *rows])
