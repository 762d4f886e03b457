"""Choices between rows, in rigorous balls: the share of each row, and means in which hard rows count more.

Comes in: the loss of each row, weights. Goes out: a share for each row, or the tilted mean.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import numpy as np
from flint import arb
from numpy.typing import NDArray

from benchmarks.combination_draw import Done
from benchmarks.combination_numbers import (
    BALL,
    Balls,
    Number,
    added,
    apply,
    divided,
    known,
    plus,
    radii,
    sizes,
    times_exact,
)
from lossmith.numerics.formats import Format, ulp


def tilted(x: Number, weight: Balls, t: float) -> Number:
    """log(mean(exp(t * loss))) / t, relative to the row that dominates."""
    if t == 0:
        return divided(added(times_exact(weight, x)), weight.sum())
    strength = arb(t)
    ordered = sorted(x.v.ravel(), key=lambda b: float((strength * b).mid()))
    top = ordered[-1].mid()
    moved = plus(x, known(np.array([[[-arb(top)]]], dtype=object)))
    moved = replace(moved, strict=x.strict, conditioned=x.conditioned)
    grown = apply(lambda s: (s * strength).exp(), moved)
    mean = divided(added(times_exact(weight, grown)), weight.sum())
    found = times_exact(np.array([[[1 / strength]]], dtype=object), apply(lambda s: s.log(), mean))
    return plus(found, known(np.array([[[arb(top)]]], dtype=object)))


NARROW: Final = 2.0**-70  # of a scale


class CloseCallError(Exception):
    """Rows are chosen apart whose losses no kernel could tell apart: what is chosen is then nobody's fault."""


class TooWideError(Exception):
    """Balls that are too wide to decide by: they must be found again at a higher precision."""


def refuse_close_calls(x: Number, shares: Number, fmt: Format, level: float | None) -> None:
    """Refuse to judge where rows with different shares are closer than the errors that are allowed."""
    if (radii(x.v) > NARROW * np.maximum(x.strict[0], fmt.least_scale)).any():
        raise TooWideError
    loss = np.array([float(b.mid()) for b in x.v.ravel()])
    share = np.broadcast_to(np.array([float(b.mid()) for b in shares.v.ravel()]), loss.shape)
    reach = np.array(
        [32.0 * ulp(max(float(s), fmt.least_scale), fmt) for s in np.broadcast_to(x.conditioned[0], x.v.shape).ravel()]
    )
    near = np.abs(loss[:, None] - loss[None, :]) <= reach[:, None] + reach[None, :]
    balls = x.v.ravel()
    tied = np.array([[a.is_exact() and b.is_exact() and bool(a == b) for b in balls] for a in balls])
    settled = (share[:, None] == share[None, :]) & np.isin(share, (0.0, 1.0))[:, None]
    if (near & ~tied & ~settled & ~np.eye(len(loss), dtype=np.bool_)).any():
        raise CloseCallError
    if level is not None and (np.abs(loss - level) <= reach).any():
        raise CloseCallError


def chosen_shares(call: Done, x: Number, y: Balls, weights: Balls, groups: NDArray[Any]) -> Number:
    """The share of each row that is chosen, by the middles of its loss."""
    loss = np.array([float(b.mid()) for b in x.v.ravel()])
    weight, n, given = weights.ravel(), len(loss), call.numbers
    if call.call == "cvar":
        given = {"top": given["alpha"]}
    every, total = BALL(np.ones(n)), weight.sum()
    if "above" in given:
        return _shares(BALL((loss >= given["above"]).astype(np.float64)))
    if "between" in given:
        low, high = (arb(b) for b in given["between"])
        upper, lower = (_largest(loss, weight, every, (1 - b) * total) for b in (low, high))
        return plus(upper, times_exact(BALL(np.array([[[-1.0]]])), lower))
    if "trim" in given:
        cut = _largest(loss, weight, every, arb(given["trim"]) * total)
        return plus(known(BALL(np.ones((n, 1, 1)))), times_exact(BALL(np.array([[[-1.0]]])), cut))
    if "negatives" in given:
        positive = y.ravel()
        hard = arb(given["negatives"]) * (weight * positive).sum()
        return plus(_shares(positive), _largest(loss, weight, 1 - positive, hard))
    if given.get("per"):
        groups = [BALL((groups == g).astype(np.float64)) for g in np.unique(groups)]
        return plus(*(_largest(loss, weight, members, arb(given["top"])) for members in groups))
    return _largest(loss, weight, every, arb(given["top"]) * total if given["top"] < 1 else arb(given["top"]))


def _shares(found: Balls) -> Number:
    return known(found.reshape(-1, 1, 1))


def _largest(loss: NDArray[Any], weight: Balls, among: Balls, amount: Any) -> Number:
    """The share of each row among so much weight of the largest losses; equal losses share what is left.

    At the border it is a difference of sums of weights, over the weight there.
    """
    share, scale, left = BALL(np.zeros(len(loss))), np.zeros(len(loss)), amount
    mass = weight * among
    present = np.array([bool(b != 0) for b in mass])
    for value in np.unique(loss[present])[::-1]:
        tied = (loss == value) & present
        held = mass[tied].sum()
        if left > 0:
            part = left / held
            share[tied] = part if part < 1 else arb(1)
            scale[tied] = 1.0 if part >= 1 else float(((2 * amount - left) / held).mid())
        left = left - held
    found = _shares(share * among)
    sizes_of = np.asarray(scale, dtype=np.longdouble).reshape(-1, 1, 1) * sizes(among).reshape(-1, 1, 1)
    scales = (np.maximum(found.strict[0], sizes_of), *found.strict[1:])
    return replace(found, strict=scales, conditioned=scales)
