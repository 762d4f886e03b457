"""The evaluator: any nodes, over any number system.

Comes in: nodes, the values of their leaves, a `System`. Goes out: one 2-D array per node: rows for examples (or groups,
or 1), columns for classes (or 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.errors import ArgumentError
from lossmith.formula.node import Node, number_of, symbol_of, walk
from lossmith.formula.roles import WEIGHT
from lossmith.interpret.systems import Array, System, zero_where_zero

# Reductions ----------------------------------------------------------------------------------------------------------


def _others(a: Array) -> Array:
    """For each column the sum of the other columns, without subtraction."""
    before, after = np.zeros_like(a), np.zeros_like(a)
    before[:, 1:] = np.add.accumulate(a[:, :-1], axis=1)
    after[:, :-1] = np.add.accumulate(a[:, :0:-1], axis=1)[:, ::-1]
    return np.asarray(before + after)


@dataclass(frozen=True)
class _Softmax:
    """A row relative to its largest entry: `shift` is that entry, `d` the distances, `e` their exponentials."""

    shift: Array
    d: Array
    e: Array
    rest: Array


def _softmax_parts(s: System, a: Array) -> _Softmax:
    top = np.argmax(s.centre(a), axis=1)[:, None]
    shift = np.take_along_axis(a, top, axis=1)
    d = a - shift
    np.put_along_axis(d, top, np.where(np.isnan(s.centre(shift)), shift, s.lift(0.0)), axis=1)
    e = s("exp", d)
    rest = np.take_along_axis(_others(e), top, axis=1)
    return _Softmax(shift, d, e, rest)


def _complement(s: System, a: Array) -> Array:
    parts = _softmax_parts(s, a)
    return s("divide", _others(parts.e), s.lift(1.0) + parts.rest)


def _logsumexp(s: System, a: Array) -> Array:
    parts = _softmax_parts(s, a)
    return np.asarray(parts.shift + s("log1p", parts.rest))


def _softmax(s: System, a: Array) -> Array:
    parts = _softmax_parts(s, a)
    return s("divide", parts.e, s.lift(1.0) + parts.rest)


def _log_softmax(s: System, a: Array) -> Array:
    parts = _softmax_parts(s, a)
    return np.asarray(parts.d - s("log1p", parts.rest))


def _softmax_focal_slope(s: System, a: Array, b: Array) -> Array:
    """c**b (1 - b log p p / c)."""
    odds = s("divide", _softmax(s, a), _complement(s, a))
    return np.asarray(s("power", _complement(s, a), b) * (s.lift(1.0) - b * (odds * _log_softmax(s, a))))


def _softmax_focal_bend(s: System, a: Array, b: Array) -> Array:
    """-b c**(b-1) p (2 + log p - (b-1) log p p / c), and 0 for b = 0."""
    log, odds, one = _log_softmax(s, a), s("divide", _softmax(s, a), _complement(s, a)), s.lift(1.0)
    inner = (one + one + log) - (b - one) * (odds * log)
    return zero_where_zero(s, b, -(b * (s("power", _complement(s, a), b) * (odds * inner))))


CLASSES: Final[Mapping[str, Callable[..., Array]]] = MappingProxyType(
    {
        "class_sum": lambda s, a: np.add.reduce(a, axis=1, keepdims=True),
        "class_max": lambda s, a: reduce(s.primitives["maximum"], [a[:, [k]] for k in range(a.shape[1])]),
        "class_logsumexp": _logsumexp,
        "softmax": _softmax,
        "log_softmax": _log_softmax,
        "softmax_complement": _complement,
        "softmax_complement_power": lambda s, a, b: s("power", _complement(s, a), b),
        "softmax_slope": lambda s, a: _softmax(s, a) * _complement(s, a),
        "softmax_focal": lambda s, a, b: s("power", _complement(s, a), b) * _log_softmax(s, a),
        "softmax_focal_slope": _softmax_focal_slope,
        "softmax_focal_bend": _softmax_focal_bend,
        "softmax_focal_own": lambda s, a, b: (
            _complement(s, a)
            * (_complement(s, a) * _softmax_focal_bend(s, a, b) - _softmax(s, a) * _softmax_focal_slope(s, a, b))
        ),
        "class_others": lambda s, a: _others(a),
    }
)


# The evaluator -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Frame:
    """The sizes of the axes, the weights, and the group of each example."""

    examples: int
    classes: int
    weights: Array | None
    groups: NDArray[np.int64]
    n_groups: int


def _frame(values: Mapping[Node, Any], groups: ArrayLike | None) -> _Frame:
    sizes = {"example": 1, "class": 1}
    for leaf, value in values.items():
        shape = np.shape(value)
        if "example" in leaf.axes and shape:
            sizes["example"] = max(sizes["example"], shape[0])
        if "class" in leaf.axes and shape:
            sizes["class"] = max(sizes["class"], shape[-1])
    ids = np.zeros(sizes["example"], dtype=np.int64) if groups is None else np.asarray(groups, dtype=np.int64)
    weights = values.get(WEIGHT)
    n_groups = int(ids.max(initial=-1)) + 1
    return _Frame(sizes["example"], sizes["class"], None if weights is None else np.ravel(weights), ids, n_groups)


def _leaf(s: System, node: Node, values: Mapping[Node, Any]) -> Array:
    number = number_of(node)
    if number is None and node not in values and node is not WEIGHT:
        raise ArgumentError("LM230", f'no value is given for "{node!r}".')
    value = s.lift(values.get(node, 1.0) if number is None else number)
    if value.ndim < 2:
        value = value.reshape((1, -1) if node.axes == {"class"} else (-1, 1))
    return value


def _aligned(node: Node, arg: Node, value: Array, frame: _Frame) -> Array:
    """A group's number, handed to each of its examples where the result is per example."""
    gathers = "example" in node.axes and "group" in arg.axes and "example" not in arg.axes
    return value[frame.groups] if gathers and value.shape[0] == frame.n_groups else value


def _over_examples(s: System, node: Node, a: Array, frame: _Frame) -> Array:
    full = np.broadcast_to(a, (frame.examples, a.shape[1]))
    w = np.ones(frame.examples) if frame.weights is None else frame.weights
    kept = np.flatnonzero(w != 0)
    per_group = node.attr == ("group",)
    ids = frame.groups[kept] if per_group else np.zeros(kept.size, dtype=np.int64)
    rows = frame.n_groups if per_group else 1
    weight = s.lift(w[kept]).reshape(-1, 1)
    body = full[kept] * full[kept] if node.op == "example_rms" else full[kept]
    if node.op in SELDOM:
        return SELDOM[node.op](s, body, weight, ids, rows)
    total = _sum_rows(s, weight * body, ids, rows)
    if node.op == "example_sum":
        return total
    mean = s("divide", total, _sum_rows(s, weight, ids, rows))
    return s("sqrt", mean) if node.op == "example_rms" else mean


def _log_sum(s: System, a: Array, weight: Array, ids: NDArray[np.int64], rows: int) -> Array:
    """Relative to the largest, which any near number may stand in for."""
    if not len(a):
        return s.lift(np.full((rows, a.shape[1]), -np.inf))
    tops = np.array([s.centre(a)[ids == g].max(axis=0, initial=-np.inf) for g in range(rows)])
    total = _sum_rows(s, weight * s("exp", a - s.lift(tops)[ids]), ids, rows)
    return np.asarray(s.lift(tops) + s("log", total))


def _largest_rows(s: System, a: Array, weight: Array, ids: NDArray[np.int64], rows: int) -> Array:
    found = np.array(np.broadcast_to(s.lift(-np.inf), (rows, a.shape[1])), dtype=a.dtype)
    for g in range(rows):
        members = np.flatnonzero(ids == g)
        if members.size:
            at = members[np.argmax(s.centre(a[members]), axis=0)]
            found[g] = a[at, np.arange(a.shape[1])]
    return found


def _log_mean(s: System, a: Array, weight: Array, ids: NDArray[np.int64], rows: int) -> Array:
    return np.asarray(_log_sum(s, a, weight, ids, rows) - s("log", _sum_rows(s, weight, ids, rows)))


# Reductions over the examples beside weighted sums and means: (system, body, weight, groups, how many) -> a number each.
SELDOM: Final[Mapping[str, Callable[..., Array]]] = MappingProxyType(
    {
        "example_count": lambda s, a, weight, ids, rows: _sum_rows(s, a, ids, rows),
        "example_max": _largest_rows,
        "example_logsumexp": _log_sum,
        "example_log_mean_exp": _log_mean,
    }
)


def _largest(s: System, node: Node, args: list[Array], frame: _Frame) -> Array:
    """A choice between examples, made by the centres of balls: what is chosen counts as exact."""
    score, amount, among = (s.centre(a) for a in args)
    n = frame.examples
    score, among = (np.broadcast_to(a.reshape(-1), n) for a in (score, among))
    weight = np.ones(n) if frame.weights is None else np.array([float(w) for w in frame.weights])
    ids = frame.groups if node.attr else np.zeros(n, dtype=np.int64)
    share = np.zeros(n)
    for g in range(int(ids.max(initial=0)) + 1):
        left = float(np.broadcast_to(amount.reshape(-1), int(ids.max(initial=0)) + 1)[g])
        mass = np.where(ids == g, among * weight, 0.0)
        for value in np.unique(score[mass != 0])[::-1]:  # NaN counts as the largest
            tied = (mass != 0) & (np.isnan(score) if np.isnan(value) else score == value)
            held = float(mass[tied].sum())
            share[tied] = min(max(left / held, 0.0), 1.0)
            left -= held
    return s.lift((share * among).reshape(-1, 1))


def _sum_rows(s: System, a: Array, ids: NDArray[np.int64], rows: int) -> Array:
    total = np.array(np.broadcast_to(s.lift(0.0), (rows, a.shape[1])), dtype=a.dtype)
    np.add.at(total, ids, a)
    return total


def _axis_mean(s: System, node: Node, a: Array, frame: _Frame) -> Array:
    if node.attr == "group":
        full = np.broadcast_to(a, (max(frame.n_groups, a.shape[0]), a.shape[1]))
        return np.asarray(s("divide", np.add.reduce(full, axis=0, keepdims=True), s.lift(float(full.shape[0]))))
    full = np.broadcast_to(a, (a.shape[0], frame.classes))
    return np.asarray(s("divide", np.add.reduce(full, axis=1, keepdims=True), s.lift(float(frame.classes))))


def _evaluate(s: System, node: Node, args: list[Array], frame: _Frame) -> Array:
    if node.op.startswith("example_"):
        return _over_examples(s, node, _aligned_to_examples(node, args[0], frame), frame)
    if node.op == "largest":
        return _largest(s, node, args, frame)
    if node.op == "group_count":
        return s.lift([[float(frame.n_groups)]])
    if node.op == "axis_mean":
        return _axis_mean(s, node, args[0], frame)
    aligned = [_aligned(node, arg, value, frame) for arg, value in zip(node.args, args, strict=True)]
    if node.op in CLASSES:
        first = np.broadcast_to(aligned[0], (aligned[0].shape[0], frame.classes))
        return CLASSES[node.op](s, first, *aligned[1:])
    return s(node.op, *aligned)


def _aligned_to_examples(node: Node, value: Array, frame: _Frame) -> Array:
    arg = node.args[0]
    gathers = "group" in arg.axes and "example" not in arg.axes
    return value[frame.groups] if gathers else value


def interpret(
    roots: Sequence[Node], values: Mapping[Node, Any], system: System, groups: ArrayLike | None = None
) -> list[Array]:
    """Evaluate nodes: one 2-D array each, rows for examples (or groups, or 1) and columns for classes (or 1).

    `values` maps leaves to arrays or numbers; an absent weight is 1. A row of weight 0 takes no part in any sum over
    the examples. `groups` numbers the group of each example from 0. Raises `ArgumentError` where a leaf has no value.

    >>> from lossmith.formula.node import make, symbol
    >>> from lossmith.interpret import NUMPY
    >>> z = symbol("z", "raw", ["example"])
    >>> interpret([make("example_mean", z * z)], {z: [1.0, 2.0, 3.0], WEIGHT: [1.0, 1.0, 0.0]}, NUMPY)[0].tolist()
    [[2.5]]
    """
    frame = _frame(values, groups)
    done: dict[Node, Array] = {}
    with system.context():
        for node in walk(*roots):
            leaf = number_of(node) is not None or symbol_of(node) is not None
            args = [done[a] for a in node.args]
            done[node] = _leaf(system, node, values) if leaf else _evaluate(system, node, args, frame)
    return [np.asarray(done[root]) for root in roots]
