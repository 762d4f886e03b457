"""Computed numbers against the account of a design: how many units off, by which rule.

Comes in: a loss, its `Tree`, a batch. Goes out: `Finding`s, one for each output: the worst error in units of u(s), and by which
rule it was judged: "strict" (16 u(s) of the sum of the terms' sizes), or "conditioned" (first-order conditioning added).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from flint import ctx
from numpy.typing import NDArray

from benchmarks.combination_choices import CloseCallError, TooWideError
from benchmarks.combination_draw import Tree
from benchmarks.combination_laws import columns_of
from benchmarks.combination_numbers import BALL, Balls, Number, Sizes, radii, sizes
from benchmarks.combination_totals import Account, Batch, account
from lossmith.numerics.formats import Format

Array = NDArray[Any]
ALLOWED: Final = 16.0
PRECISIONS: Final = (256, 1024, 4096, 16384)
NARROW: Final = 1e-3  # of a unit: what a ball's radius may add to an error


@dataclass(frozen=True)
class Finding:
    """One output of one batch: the worst error by the strict rule and by the rule that was needed, and where."""

    output: str
    strict: float
    units: float
    rule: str
    computed: float = 0.0
    truth: str = ""
    place: tuple[int, ...] = ()
    undecided: int = 0


@dataclass(frozen=True)
class _Output:
    """What a kernel made of an output, and which part of the account it is held against."""

    name: str
    computed: Array
    part: int
    of_rows: bool


def measure(kind: str, tree: Tree, loss: Any, batch: Batch, fmt: Format) -> list[Finding]:
    """Judge every output of a loss at a batch."""
    outputs = _computed(loss, batch)
    try:
        return _measured(kind, tree, loss, batch, fmt, outputs)
    except CloseCallError:
        return []


def _measured(kind: str, tree: Tree, loss: Any, batch: Batch, fmt: Format, outputs: list[_Output]) -> list[Finding]:
    diagonal = loss.is_additive
    found: dict[str, Finding] = {}
    for full in (False, True):
        left = [o for o in outputs if o.name not in found or found[o.name].units > ALLOWED]
        if left:
            found |= _judged(
                left, lambda p, f=full: account(kind, tree, batch, loss, p, diagonal=diagonal, full=f), fmt, full
            )
    return list(found.values())


def _judged(outputs: list[_Output], at: Callable[[int], Account], fmt: Format, full: bool) -> dict[str, Finding]:
    found: dict[str, Finding] = {}
    left = outputs
    for precision in PRECISIONS:
        try:
            result = at(precision)
        except TooWideError:
            continue
        with ctx.workprec(precision):
            for output in left:
                found[output.name] = _held_against(output, result, fmt, full)
        left = [o for o in left if found[o.name].undecided]
        if not left:
            break
    return found


def _computed(loss: Any, batch: Batch) -> list[_Output]:
    """What a loss says of a batch; an output that it refuses by name is left out."""
    given, columns = (batch.y, batch.raw, batch.weight), columns_of(loss, batch)
    with np.errstate(all="ignore"):
        value, gradient = loss.value_and_gradient(*given, columns=columns)
        found = [_Output("value", np.array([value]), 0, False), _Output("finished gradient", gradient, 1, False)]
        if not loss.is_additive:
            return [
                *found,
                _Output("hvp", loss.hvp(batch.y, batch.raw, batch.v, batch.weight, columns=columns), 3, False),
            ]
        found.append(_Output("per example", loss.per_example(*given, columns=columns), 0, True))
        first, second = loss.per_example_gradient_and_hessian(*given, columns=columns)
    return [*found, _Output("gradient", first, 1, True), _Output("hessian", second, 3, True)]


def _held_against(output: _Output, result: Account, fmt: Format, full: bool) -> Finding:
    whole: Number = result.rows if output.of_rows else result.whole  # type: ignore[assignment]
    balls = whole.parts[output.part]
    computed, absent = _aligned(output.computed, result.present, scalar=output.name == "value")
    if absent.size and absent.any():
        return Finding(output.name, np.inf, np.inf, "strict", float(absent.ravel()[0]), "0 in an absent row")
    shape = computed.shape
    balls = np.broadcast_to(balls, shape)
    scales = [np.broadcast_to(s[output.part], shape) for s in (whole.strict, whole.conditioned)]
    unit = [_ulp(np.maximum(s, fmt.least_scale), fmt) for s in scales]
    wide = (radii(balls) > NARROW * ALLOWED * unit[0]) | ~np.isfinite(scales[0]) | ~np.isfinite(scales[1])
    undecided = int(wide.sum())
    error = _errors(computed, balls, fmt)
    by_rule = [error / u for u in unit]
    strict = float(by_rule[0].max(initial=0.0))
    rule, chosen = ("strict", by_rule[0]) if strict <= ALLOWED or not full else ("conditioned", by_rule[1])
    at = np.unravel_index(int(np.argmax(chosen)), shape) if chosen.size else (0, 0, 0)
    place = tuple(int(i) for i in at)
    return Finding(
        output.name, strict, float(chosen.max(initial=0.0)), rule, float(computed[at]) if computed.size else 0.0,
        balls[at].str(17, radius=False) if computed.size else "", place, undecided,
    )  # fmt: skip


def _aligned(computed: Array, present: Array, *, scalar: bool) -> tuple[Array, Array]:
    """Numbers of present rows as (rows, directions, 1), and those of absent rows, which must be 0."""
    if scalar:
        return computed.reshape(1, 1, 1).astype(np.float64), np.zeros(0)
    wide = computed.reshape(len(present), -1)[:, :, None].astype(np.float64)
    return wide[present], wide[~present]


def _errors(computed: Array, balls: Balls, fmt: Format) -> Sizes:
    """The distance, 0 where both are infinite by rounding, infinite where only one is or nothing is known."""
    finite = np.isfinite(computed)
    distance = sizes(BALL(np.where(finite, computed, 0.0)) - balls) + radii(balls)
    size = sizes(balls)
    beyond = size > np.longdouble(fmt.largest) * (1 - np.longdouble(fmt.epsilon) * ALLOWED)
    sign = np.frompyfunc(lambda b: float(1 if b.mid() > 0 else -1), 1, 1)(balls).astype(np.float64)
    infinite = np.isinf(computed) & (np.sign(np.where(np.isinf(computed), computed, 0.0)) == sign)
    distance = np.where(np.isnan(distance.astype(np.longdouble)), np.inf, distance)
    return np.where(finite, distance, np.where(infinite & beyond, 0.0, np.inf)).astype(np.longdouble)


def _ulp(scale: Sizes, fmt: Format) -> Sizes:
    _, exponent = np.frexp(scale)
    exponent = np.where(np.isfinite(scale), exponent, -(1 << 14))  # nothing is known: the finest unit
    return np.ldexp(np.longdouble(1.0), np.clip(exponent - 1, fmt.emin, 16_000) - fmt.digits + 1)
