"""What a design makes of one row, in rigorous balls: its own account of every combinator, beside the library's.

Comes in: a `Tree` whose stages for the whole batch (weights, labels, reading) are taken off, targets and raw predictions as
balls. Goes out: a `Number` for each row. The losses at the leaves are the library's exact formulas, which its certificates
hold against their clean form; everything that combinators add is written here anew.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from flint import arb

from benchmarks.combination_draw import OF_CLASSES, Done, Leaf, Sum, Tree
from benchmarks.combination_errors import ERROR_WEIGHTS, error_of, holds, slopes
from benchmarks.combination_leaves import leaf_number, link_of
from benchmarks.combination_numbers import (
    BALL,
    ZERO,
    Balls,
    Number,
    Sizes,
    apply,
    chosen,
    known,
    number,
    of,
    plus,
    sizes,
    summed,
    times,
    times_exact,
)
from benchmarks.combination_trees import chain

MIXTURES: Final = frozenset({"binary_cross_entropy", "cross_entropy", "share_log_loss", "distribution_cross_entropy"})
SHIFTS: Final = ("adjust", "margin")
TERMS: Final = ("asymmetric", "error_weight", "zoom", "modulate", "weigh", "truncate", "robust", "times")


@dataclass(frozen=True)
class Frame:
    """What all rows share: the kind of target, columns of data, log priors.

    `full`: costly scales are found as well. `weighed`: shares of labels have been computed, from weights of classes.
    """

    kind: str
    columns: Mapping[str, Any]
    log_prior: Balls
    precision: int
    diagonal: bool
    full: bool = False
    weighed: bool = False


def of_rows(tree: Tree, y: Balls, u: Number, frame: Frame) -> Number:
    """The loss of each row: labels first, then what is added to raw predictions, then terms in the order of the calls."""
    core, calls = chain(tree)
    for call in (c for c in reversed(calls) if c.call == "smooth"):
        y = smoothed(y, call.numbers["epsilon"], frame)
    for call in (c for c in calls if c.call in SHIFTS):
        u = SHIFT[call.call](u, y, frame, call.numbers)
    return _terms(core, [c for c in calls if c.call in (*TERMS, "select", "own weights")], y, u, frame)


def smoothed(y: Balls, epsilon: float, frame: Frame) -> Balls:
    """The target mixed with all classes alike."""
    rate = arb(epsilon)
    return y * (1 - rate) + rate / max(2, y.shape[-1])


def rounded(u: Number) -> Number:
    """A raw prediction that has been computed: its own rounding is the scale of an argument."""
    size = sizes(u.v)
    return replace(
        u, **{rule: (getattr(u, rule)[0] + size, *getattr(u, rule)[1:]) for rule in ("strict", "conditioned")}
    )


def _adjusted(u: Number, y: Balls, frame: Frame, given: dict[str, Any]) -> Number:
    return rounded(plus(u, known(frame.log_prior * arb(given["tau"]))))


def _margin(u: Number, y: Balls, frame: Frame, given: dict[str, Any]) -> Number:
    width = arb(given["m"])
    return rounded(plus(u, known(-width * y if frame.kind in OF_CLASSES else -width * (2 * y - 1))))


SHIFT: Final = {"adjust": _adjusted, "margin": _margin}


def _terms(core: Leaf | Sum, calls: list[Done], y: Balls, u: Number, frame: Frame) -> Number:
    if calls:
        *inner, last = calls
        below = Below(core, inner, u, frame)
        return TERM[last.call](below, y, u, last.numbers)
    if isinstance(core, Sum):
        return plus(*(times_exact(BALL(np.array([[[f]]])), of_rows(part, y, u, frame)) for part, f in core.parts))
    return leaf_number(core, y, u, frame)


@dataclass(frozen=True)
class Below:
    """What a term combinator is applied to: a function of the target."""

    core: Leaf | Sum
    calls: list[Done]
    u: Number
    frame: Frame

    def at(self, y: Balls, u: Number | None = None) -> Number:
        """The loss for these targets."""
        return _terms(self.core, self.calls, y, self.u if u is None else u, self.frame)

    @property
    def is_mixture(self) -> bool:
        """Whether a soft label is a mixture of hard ones by the form of the formula."""
        return _mixes(self.core, self.calls)

    @property
    def link(self) -> str:
        """The link of the losses."""
        return link_of(self.core)


def _mixes(core: Leaf | Sum, calls: list[Done]) -> bool:
    if any(c.call not in ("modulate", "weigh", "times") for c in calls):
        return False
    if isinstance(core, Leaf):
        return core.name in MIXTURES
    inside = [chain(part) for part, _ in core.parts]
    return all(_mixes(c, [x for x in k if x.call != "adjust"]) for c, k in inside)


# The error ------------------------------------------------------------------------------------------------------------


def _asymmetric(below: Below, y: Balls, u: Number, given: dict[str, Any]) -> Number:
    error = error_of(y, u, below.link)
    factor = np.where(holds(error.v > 0), arb(given["under"]), arb(given["over"]))
    return times_exact(factor, below.at(y))


def _zoom(below: Below, y: Balls, u: Number, given: dict[str, Any]) -> Number:
    """The error in other units is the raw prediction for the target 0."""
    scale = BALL(np.array([[[given["scale"]]]]))
    v = (u.v - y) / scale
    moved = rounded(Number(v, u.a / scale, u.b / scale, u.h / scale, *((sizes(v) * 0, *slopes(u, scale)),) * 2))
    return below.at(y * 0, moved)


def _error_weight(below: Below, y: Balls, u: Number, given: dict[str, Any]) -> Number:
    return times(ERROR_WEIGHTS[given["f"]](error_of(y, u, below.link)), below.at(y))


# Probabilities --------------------------------------------------------------------------------------------------------


def _modulate(below: Below, y: Balls, u: Number, given: dict[str, Any]) -> Number:
    gamma = arb(given["gamma"])
    kind = below.frame.kind
    if below.is_mixture:
        return _mixed(below, y, u, gamma)
    wrong = [plus_shares(y, _miss(kind, k, u, arb(1)), k, below.frame) for k in range(_outcomes(y))]
    rest = 1 - y.sum(axis=-1, keepdims=True) if kind in OF_CLASSES else ZERO
    total = plus(*wrong, known(rest))
    hard = _hard_outcome(y)
    if hard is not None:
        return times(_picked(hard, [_miss(kind, k, u, gamma) for k in range(_outcomes(y))]), below.at(y))
    return times(_power(total, gamma), below.at(y))


def _power(x: Number, gamma: Any) -> Number:
    if gamma == 0:
        return known(np.full(x.v.shape, arb(1), dtype=object))
    return apply(lambda s: (s.log() * gamma).exp(), x)


def _outcomes(y: Balls) -> int:
    return max(2, y.shape[-1])


def _share(y: Balls, k: int) -> Balls:
    """How much of outcome k a target is."""
    if y.shape[-1] > 1:
        return y[..., k : k + 1]
    return y if k == 1 else 1 - y


def plus_shares(y: Balls, x: Number, k: int, frame: Frame) -> Number:
    """A number times the share of outcome k; what 1 - y lacks where y has been computed is y's own scale."""
    found = times_exact(_share(y, k), x)
    if not frame.weighed or y.shape[-1] > 1:
        return found
    rough = tuple(s + sizes(y) * sizes(p) for s, p in zip(found.conditioned, x.parts, strict=True))
    return replace(found, conditioned=rough)  # type: ignore[arg-type]


def _hard_outcome(y: Balls) -> Any:
    """The outcome of each row, where every row names one."""
    shares = np.concatenate([_share(y, k) for k in range(_outcomes(y))], axis=-1)
    one = np.frompyfunc(lambda b: bool(b == 1), 1, 1)(shares).astype(np.bool_)
    none = np.frompyfunc(lambda b: bool(b == 0), 1, 1)(shares).astype(np.bool_)
    return one if bool(((one | none).all(axis=-1) & (one.sum(axis=-1) == 1)).all()) else None


def _picked(hard: Any, numbers: list[Number]) -> Number:
    """Of one number for each outcome, that of the row's own."""
    found = numbers[0]
    for k, other in enumerate(numbers[1:], start=1):
        found = chosen(hard[..., k : k + 1], other, found)
    return found


def _mixed(below: Below, y: Balls, u: Number, gamma: Any) -> Number:
    """Each outcome with its own factor, mixed as the label mixes them."""
    hard = _hard_outcome(y)
    factors = [_miss(below.frame.kind, k, u, gamma) for k in range(_outcomes(y))]
    if hard is not None:
        return times(_picked(hard, factors), below.at(y))
    corners = [np.broadcast_to(_corner(y, k), y.shape) for k in range(_outcomes(y))]
    parts = [times(f, below.at(c)) for f, c in zip(factors, corners, strict=True)]
    return plus(*(plus_shares(y, part, k, below.frame) for k, part in enumerate(parts)))


def _weigh(below: Below, y: Balls, u: Number, given: dict[str, Any]) -> Number:
    """Each of two outcomes with its own weight, alpha and 1 - alpha."""
    alpha = arb(given["alpha"])
    hard = _hard_outcome(y)
    weights = [known(np.array([[[w]]], dtype=object)) for w in (1 - alpha, alpha)]
    if hard is not None:
        return times(_picked(hard, weights), below.at(y))
    corners = [np.broadcast_to(_corner(y, k), y.shape) for k in range(2)]
    return plus(
        *(
            plus_shares(y, times(w, below.at(c)), k, below.frame)
            for k, (w, c) in enumerate(zip(weights, corners, strict=True))
        )
    )


def _own_weights(below: Below, y: Balls, u: Number, given: dict[str, Any]) -> Number:
    """A loss of rows that only this part of a sum weighs, where the sum is not divided by the weight."""
    if "by" in given:
        return times_exact(BALL(below.frame.columns["cost"])[:, :, None], below.at(y))
    weights = [known(np.array([[[arb(w)]]], dtype=object)) for w in given["class_weight"]]
    corners = [np.broadcast_to(_corner(y, k), y.shape) for k in range(2)]
    parts = [times(w, below.at(c)) for w, c in zip(weights, corners, strict=True)]
    return plus(*(plus_shares(y, part, k, below.frame) for k, part in enumerate(parts)))


def _above(below: Below, y: Balls, u: Number, given: dict[str, Any]) -> Number:
    """The rows whose loss is at least so much."""
    found = below.at(y)
    return chosen(holds(found.v >= given["above"]), found, known(BALL(np.array([[[0.0]]]))))


def _corner(y: Balls, k: int) -> Balls:
    if y.shape[-1] == 1:
        return BALL(np.array([[[float(k)]]]))
    return BALL(np.eye(y.shape[-1])[k][None, None, :])


def _miss(kind: str, k: int, u: Number, gamma: Any) -> Number:
    """(1 - the probability of outcome k) ** gamma."""
    if gamma == 0:
        return known(np.full(u.v[..., :1].shape, arb(1), dtype=object))
    if kind.startswith("given") or kind == "simplex":
        x = u if u.v.shape[-1] == 1 else summed(times_exact(_corner(u.v, k), u))
        x = x if u.v.shape[-1] == 1 and k == 0 else number(1 - x.v, -x.a, -x.b, -x.h)
        return x if gamma == 1 else apply(lambda s: (s.log() * gamma).exp(), x)
    return _class_miss(u, k, gamma) if kind in OF_CLASSES else _sigmoid_power(u, gamma, 1.0 if k == 0 else -1.0)


def _sigmoid_power(u: Number, gamma: Any, sign: float) -> Number:
    """sigmoid(sign u) ** gamma, by its own derivatives."""

    def at(ball: Any) -> tuple[Any, ...]:
        e = (-abs(ball)).exp()
        small, large = e / (1 + e), 1 / (1 + e)
        p, q = (large, small) if ball * sign > 0 else (small, large)
        f = (-gamma * ((-ball * sign).exp().log1p() if ball * sign > 0 else e.log1p() - ball * sign)).exp()
        g, bend = gamma * q, gamma * p * q
        third = f * (g * g * g - 3 * g * bend - bend * (q - p))
        return f, sign * f * g, f * (g * g - bend), sign * third, f * (g * g + bend)

    *series, own = np.frompyfunc(at, 1, 5)(u.v)
    return of(series, u, (sizes(series[0]), sizes(series[1]), sizes(own)))


def _class_miss(u: Number, k: int, gamma: Any) -> Number:
    """(1 - softmax(u)_k) ** gamma; where u has been computed, the effect of its rounding is measured beside it."""
    found, strict = _miss_parts(u, u.v, k, gamma)
    rough = strict
    if (u.conditioned[0] > 0).any():
        rough = _conditioned_by(u, found, strict, lambda v: _miss_parts(u, v, k, gamma)[0])
    return Number(*found, strict, rough)  # type: ignore[arg-type]


NUDGE: Final = 2.0**-40


def _conditioned_by(u: Number, found: Any, strict: Any, again: Callable[[Balls], Any]) -> Any:
    """Scales plus what the scale of each class's raw prediction makes of every output, by a small step."""
    total = list(strict)
    for j in range(u.v.shape[-1]):
        step = np.zeros(u.v.shape)
        step[..., j] = np.asarray(u.conditioned[0][..., j] * NUDGE, dtype=np.float64)
        moved = again(u.v + BALL(step))
        total = [t + sizes(m - f) / NUDGE for t, m, f in zip(total, moved, found, strict=True)]
    return tuple(total)


_exp = np.frompyfunc(lambda x: x.exp(), 1, 1)
_powered = np.frompyfunc(lambda x, gamma: (x.log() * gamma).exp(), 2, 1)


def _miss_parts(u: Number, v: Balls, k: int, gamma: Any) -> tuple[Any, Any]:
    """With q the softmax of the other classes, log(1 - p_k) has the slope p_k (q - e_k)."""
    e = _exp(v - v.max(axis=-1, keepdims=True))
    others = np.delete(e, k, axis=-1).sum(axis=-1, keepdims=True)
    p, c = e[..., k : k + 1] / (e[..., k : k + 1] + others), others / (e[..., k : k + 1] + others)
    q = e / others
    q[..., k] = arb(0)

    first, second, bend = (np.broadcast_to(t, (*t.shape[:2], v.shape[-1])) for t in (u.a, u.b, u.h))

    def along(t: Balls) -> Balls:
        return (q * t).sum(axis=-1, keepdims=True) - t[..., k : k + 1]

    def terms_along(t: Balls) -> Sizes:
        return (sizes(q) * sizes(t)).sum(axis=-1, keepdims=True) + sizes(t[..., k : k + 1])

    A, B, H = along(first), along(second), along(bend)
    spread = (q * first * second).sum(axis=-1, keepdims=True) - (A + first[..., k : k + 1]) * (
        B + second[..., k : k + 1]
    )
    f = _powered(c, gamma)
    w = (gamma * gamma * f * p * p, -gamma * f * p * c, gamma * f * p)
    parts = (f, w[2] * A, w[2] * B, (w[0] + w[1]) * A * B + w[2] * (spread + H))
    alone = u.b is u.a  # one raw prediction moves; else B is a sum over all of them
    b_size = sizes(B) if alone else terms_along(second)
    spread_size = sizes(spread) if alone else terms_along(first) * b_size
    bends = (sizes(w[0]) + sizes(w[1])) * sizes(A) * b_size + sizes(w[2]) * (spread_size + terms_along(bend))
    return parts, (sizes(f), sizes(parts[1]), sizes(w[2]) * b_size, bends)


# The loss itself ------------------------------------------------------------------------------------------------------


def _truncate(below: Below, y: Balls, u: Number, given: dict[str, Any]) -> Number:
    found, limit = below.at(y), BALL(np.array([[[given["tau"]]]]))
    return chosen(holds(found.v < limit), found, known(limit))


def _robust(below: Below, y: Balls, u: Number, given: dict[str, Any]) -> Number:
    alpha, c = arb(given["alpha"]), arb(given["c"])
    inner = below.at(y)
    if given["alpha"] == 2:
        return times_exact(np.array([[[1 / (c * c)]]], dtype=object), inner)
    if given["alpha"] == 0:
        return apply(lambda x: (x / (c * c) + 1).log(), inner)
    far = 2 - alpha

    def general(x: Any) -> Any:
        return ((((2 * x / (c * c)) / far + 1).log() * (alpha / 2)).exp() - 1) * (far / alpha)

    return apply(general, inner)


TERM: Final[Mapping[str, Callable[[Below, Balls, Number, dict[str, Any]], Number]]] = {
    "asymmetric": _asymmetric,
    "error_weight": _error_weight,
    "zoom": _zoom,
    "modulate": _modulate,
    "weigh": _weigh,
    "select": _above,
    "own weights": _own_weights,
    "truncate": _truncate,
    "robust": _robust,
    "times": lambda below, y, u, given: times_exact(BALL(np.array([[[given["factor"]]]])), below.at(y)),
}
