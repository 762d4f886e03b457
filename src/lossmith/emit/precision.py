"""Whether a pass may be computed in float32: its kernel, tried at a few thousand fixed points against float64.

Comes in: a pass, and how to evaluate it both ways. Goes out: yes or no. Yes where every output and every term of a sum
keeps the contract of float32 results with a reserve: no NaN, infinity or zero that is not there, and an error of a few
units of the last place, at the scale of the number itself, of the hard targets that a soft one mixes, of the terms that
a value adds up, or of its change where it crosses zero close by. Nothing is declared by hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lossmith.emit.block_loop import takes_blocks
from lossmith.emit.to_numpy import needed
from lossmith.formula.node import Node, is_number, make, symbol_of
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.program import Pass
from lossmith.kernel.schedule import TERMS, first_met
from lossmith.numerics.double_word import Pair, pair
from lossmith.numerics.formats import FLOAT32
from lossmith.numerics.interval import REAL
from lossmith.numerics.points import moderate, raw_points, target_points

Array: TypeAlias = NDArray[Any]
Values: TypeAlias = Mapping[Node, Array]
Evaluate: TypeAlias = Callable[[tuple[Node, ...], Values], list[Array]]

ROWS: Final = 2048
"""Rows of a chunk: with as many classes a chunk has one row, so that a sum is a term."""
POINTS: Final = 4000
LIMIT: Final = 3.75
"""Units of the last place that a float32 kernel may be off at these points: a little less than an everyday loss may."""
LEAST: Final = 2.0**-119
"""Below this size an error is measured as it is here."""
COUNT: Final = 7.0
"""How many rows there are said to be."""
NAMES: Final = tuple(f"a{j}" for j in range(200))
STEPS: Final = tuple(k / 16 for k in (-4, -3, -2, -1, 1, 2, 3, 4))
LARGEST: Final = float(np.finfo(np.float32).max)


def may_be_single(part: Pass) -> bool:
    """Whether float32 comes into question: every operation has lanes, at most one sum, nothing read but counts of rows.

    Numbers that follow from other sums are known only when they are; and several sums may cancel when they are finished.
    """
    read = (*part.inputs, *part.chosen)
    order = needed(part.roots, dict.fromkeys(read, ""))
    plain = len(part.bodies) <= 1 and not part.chosen and all(_of_counts(node) for node in part.inputs)
    return plain and takes_blocks(order) and not any("class" in node.axes for node in order)


def _of_counts(node: Node) -> bool:
    if node.op.startswith("example_"):
        return node.op in ("example_sum", "example_count") and is_number(node.args[0], 1.0)
    return node.op != "rest_of_sum" and all(_of_counts(a) for a in node.args)


def fixed_rows(leaves: Sequence[Node]) -> dict[Node, Array]:
    """The points: a float32 column for every leaf, the same in every process."""
    random = np.random.default_rng(7)
    raw: Array = np.zeros(POINTS, dtype=np.float32)
    found: dict[Node, Array] = {}
    for number, leaf in enumerate(sorted(leaves, key=_raw_first)):
        symbol = symbol_of(leaf)
        role = "column" if symbol is None else symbol.role
        if role == "raw":
            raw = found[leaf] = _drawn(
                random,
                np.concatenate(
                    [raw_points(FLOAT32, count=300, seed=number), moderate(REAL, FLOAT32, count=300, seed=number)]
                ),
            )
        elif role == "target":
            found[leaf] = _targets(random, raw)
        elif leaf is WEIGHT:
            found[leaf] = _drawn(random, np.array([1.0, 0.3, 2.5, 0.0, 1.0, 0.7], dtype=np.float32))
        else:
            found[leaf] = _drawn(random, moderate(REAL, FLOAT32, count=200, seed=number))
    return {leaf: found[leaf] for leaf in leaves}


def _raw_first(leaf: Node) -> tuple[bool, str]:
    symbol = symbol_of(leaf)
    return symbol is None or symbol.role != "raw", repr(leaf)


def _drawn(random: np.random.Generator, values: Array) -> Array:
    return np.ascontiguousarray(random.permutation(np.resize(values, POINTS)))


def _targets(random: np.random.Generator, raw: Array) -> Array:
    """Hard and soft labels, counts, reals, and numbers close to the prediction under every usual link, where gradients
    are 0; what is outside the domain is dropped later."""
    step = np.exp2(-random.integers(1, 24, POINTS)) * random.choice([-1.0, 1.0], POINTS)
    kinds = [
        _drawn(random, target_points(kind, FLOAT32, count=200)) for kind in ("binary", "fraction", "count", "real")
    ]
    with np.errstate(all="ignore"):
        z = raw.astype(np.float64)
        means = (z, z, np.exp(z), np.exp(z), 1.0 / (1.0 + np.exp(-z)), 1.0 / (1.0 + np.exp(-z)), np.logaddexp(0.0, z))
        kinds += [np.clip(mean * (1.0 + step), -LARGEST, LARGEST).astype(np.float32) for mean in means]
    return np.choose(random.integers(0, len(kinds), POINTS), kinds).astype(np.float32)


@dataclass(frozen=True)
class Trial:
    """What is tried: a pass, its leaves and parameters, its float32 kernel, and how float64 finishes and computes."""

    part: Pass
    leaves: Sequence[Node]
    parameters: Sequence[Node]
    kernel: Callable[..., Any]
    finish: Callable[[tuple[Node, ...], Mapping[Node, Pair], Mapping[str, float], int, int], Mapping[Node, Array]]
    compiled: Callable[[Mapping[Node, str], tuple[Node, ...]], Callable[..., Any]]


def keeps_contract(trial: Trial, given: Mapping[str, float]) -> bool:
    """Run the float32 kernel over the points, one row a chunk, with these parameters, and judge what it made of them."""
    part, rows = trial.part, fixed_rows(trial.leaves)
    sums = {node: pair(np.full((1, 1), COUNT)) for node in first_met(part.inputs, lambda n: n.op in TERMS)}
    finished = trial.finish(part.inputs, sums, given, 1, 1)
    numbers = {node: float(given[repr(node)]) for node in trial.parameters}
    numbers |= {node: float(finished[node].item()) for node in part.inputs}
    compiled = cache(lambda nodes: trial.compiled(dict(zip((*rows, *numbers), NAMES, strict=False)), nodes))

    def evaluate(nodes: tuple[Node, ...], values: Values) -> list[Array]:
        with np.errstate(all="ignore"):
            columns = [values[leaf].astype(np.float64)[:, None] for leaf in rows]
            return list(compiled(nodes)(*columns, *map(np.float64, numbers.values()), 1, 1))

    par = np.array(list(numbers.values())[: len(trial.parameters)], dtype=np.float64)
    fin = np.array(list(numbers.values())[len(trial.parameters) :]).reshape(-1, 1)
    outputs = [np.empty(POINTS, dtype=np.float32) for _ in part.outputs]
    terms = np.empty((len(part.bodies) + 1, POINTS, 2))
    trial.kernel(*rows.values(), par, fin, *outputs, terms, ROWS, 0, POINTS)
    return judged(part, rows, [*terms[:-1, :, 0], *outputs], evaluate)


@dataclass(frozen=True)
class _Judge:
    """What is judged: a pass with the rows that are not at fault, and how it is evaluated in float64."""

    part: Pass
    rows: Values
    evaluate: Evaluate

    def at(self, nodes: tuple[Node, ...], keep: Array, **changed: Any) -> list[Array]:
        """The nodes at some of the rows, some leaves changed."""
        rows = {leaf: changed.get(repr(leaf), column[keep]) for leaf, column in self.rows.items()}
        return [
            np.broadcast_to(np.asarray(a, dtype=np.float64).reshape(-1), keep.shape) for a in self.evaluate(nodes, rows)
        ]


def judged(part: Pass, rows: Values, computed: Sequence[Array], evaluate: Evaluate) -> bool:
    """Judge what a float32 kernel made of the rows: the terms of the sum first, then the outputs."""
    judge = _Judge(part, rows, evaluate)
    every = np.arange(POINTS)
    faults = judge.at(part.faults, every) if part.faults else []
    good = every[~np.any([f != 0 for f in faults], axis=0)] if faults else every
    nodes = (*part.bodies, *(node for _, node in part.outputs))
    again = np.zeros(POINTS, dtype=bool)  # rows whose chunk is computed in float64 anyway
    for body in computed[: len(part.bodies)]:
        again |= ~np.isfinite(body)
    keep = good[~again[good]]
    if len(keep) < POINTS // 20:
        return False
    values = [True] * len(part.bodies) + [name.startswith("per_example:") for name, _ in part.outputs]
    with np.errstate(all="ignore"):
        return all(
            _right(judge, node, found[keep].astype(np.float64), keep, is_value)
            for node, found, is_value in zip(nodes, computed, values, strict=True)
        )


def _right(judge: _Judge, node: Node, found: Array, keep: Array, is_value: bool) -> bool:
    """Whether every number is near enough; the wider scales are looked at only where the first does not do."""
    (truth,) = judge.at((node,), keep)
    off = ~_near(found, truth, np.abs(truth))
    for scale in (_mixed, _crossing, *([_of_terms] if is_value else [])):
        rows = np.flatnonzero(off)
        if rows.size:
            off[rows] = ~_near(found[rows], truth[rows], np.fmax(np.abs(truth[rows]), scale(judge, node, keep[rows])))
    return not off.any()


def _near(found: Array, truth: Array, scale: Array) -> Array:
    """Whether numbers are as near as they may be at that scale."""
    unit = np.spacing(np.clip(scale, LEAST, LARGEST).astype(np.float32)).astype(np.float64)
    beyond = np.abs(truth) >= LARGEST
    close = np.abs(found - truth) <= LIMIT * unit
    large = (np.abs(found) >= LARGEST * (1.0 - 1e-6)) & (np.sign(found) == np.sign(truth))
    return np.asarray(np.where(np.isnan(truth), np.isnan(found), np.where(beyond, large, close)))


def _mixed(judge: _Judge, node: Node, keep: Array) -> Array:
    """The sizes at the hard targets, as a soft target mixes them; nothing where targets need not lie in 0 to 1."""
    scale = np.zeros(len(keep))
    for leaf in (leaf for leaf in judge.rows if (found := symbol_of(leaf)) and found.role == "target"):
        if not judge.part.faults or not all(_faulty(judge, leaf, keep, end) for end in (-1.0, 2.0)):
            continue
        share = judge.rows[leaf][keep].astype(np.float64)
        (zero,), (one,) = (judge.at((node,), keep, **{repr(leaf): np.full(len(keep), end)}) for end in (0.0, 1.0))
        scale = np.fmax(scale, (1.0 - share) * np.abs(zero) + share * np.abs(one))
    return scale


def _faulty(judge: _Judge, leaf: Node, keep: Array, value: float) -> bool:
    """Whether a target of this value is outside its domain."""
    found = judge.at(judge.part.faults, keep, **{repr(leaf): np.full(len(keep), value)})
    present = judge.rows[WEIGHT][keep] != 0 if WEIGHT in judge.rows else np.ones(len(keep), dtype=bool)
    return bool(np.any(found, axis=0)[present].all())


def _crossing(judge: _Judge, node: Node, keep: Array) -> Array:
    """|z dt/dz| / 4 where the sign changes within a quarter of a raw prediction."""
    scale = np.zeros(len(keep))
    (here,) = judge.at((node,), keep)
    for leaf in (leaf for leaf in judge.rows if (found := symbol_of(leaf)) and found.role == "raw"):
        z = judge.rows[leaf][keep].astype(np.float64)
        moved = [judge.at((node,), keep, **{repr(leaf): z * (1.0 + step)})[0] for step in STEPS]
        crosses = np.any([np.sign(there) != np.sign(here) for there in moved], axis=0)
        slope = np.min([np.abs((there - here) / step) for step, there in zip(STEPS, moved, strict=True)], axis=0)
        scale = np.fmax(scale, np.where(crosses, slope / 4.0, 0.0))
    return scale


def _of_terms(judge: _Judge, node: Node, keep: Array) -> Array:
    """The sum of the sizes of the terms that a value is added up from."""
    (found,) = judge.at((_sizes(node),), keep)
    return found


def _sizes(node: Node) -> Node:
    if node.op in ("add", "subtract"):
        return _sizes(node.args[0]) + _sizes(node.args[1])
    if node.op == "multiply":
        return _sizes(node.args[0]) * _sizes(node.args[1])
    if node.op == "where":
        return make("where", node.args[0], _sizes(node.args[1]), _sizes(node.args[2]))
    return _sizes(node.args[0]) if node.op == "negative" else make("abs", node)


# Parameters ----------------------------------------------------------------------------------------------------------


def bucket(value: float) -> tuple[float, ...]:
    """The numbers that stand for a parameter: itself if it is short, else three between its neighbours of three bits.

    >>> bucket(2.0), [round(v, 3) for v in bucket(0.7)]
    ((2.0,), [0.634, 0.688, 0.741])
    """
    if not np.isfinite(value) or float(np.round(value * 16.0)) == value * 16.0:
        return (float(value),)
    mantissa, exponent = np.frexp(value)
    low = np.floor(mantissa * 8.0) / 8.0
    return tuple(float(np.ldexp(low + part / 8.0, int(exponent))) for part in (0.07, 0.5, 0.93))


def settings(names: Sequence[str], buckets: Sequence[tuple[float, ...]]) -> list[dict[str, float]]:
    """The values of the parameters that are tried together."""
    return [
        {name: values[(j + k) % len(values)] for k, (name, values) in enumerate(zip(names, buckets, strict=True))}
        for j in range(max(map(len, buckets), default=1))
    ]
