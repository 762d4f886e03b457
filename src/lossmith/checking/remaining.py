"""Hazards that remain in a loss: where its numbers are wrong, and which operation makes them so.

Comes in: a `Loss`. Goes out: for value, gradient and hessian how many numbers were looked at, and the operations that
spoil some of them, with the worst point. The numbers are those of the NumPy kernel in float64, judged by the contract.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np

from lossmith.certificate import Case, Subject, certify
from lossmith.certificate.record import bound_of
from lossmith.certificate.scales import row_of
from lossmith.checking import certify as certified
from lossmith.checking.places import COLUMNS
from lossmith.emit.table import TABLE, Unsupported
from lossmith.errors import UnsupportedError
from lossmith.formula.node import OPERATIONS, Node, make, symbol
from lossmith.interpret import NUMPY, System, truths
from lossmith.interpret.truth import Truth
from lossmith.loss.handle import Loss
from lossmith.numerics.formats import FLOAT64, error_in_ulp
from lossmith.runtime import numpy_function
from lossmith.stable.forms import in_plain_operations
from lossmith.stable.hazards import Blame, Hazard, blame

BLAMED: Final = 10
"""Of so many wrong numbers of an output the cause is looked for; the others are counted."""
SIZE: Final = 240


@dataclass(frozen=True)
class Remaining:
    """A hazard that is left: `node` is the operation to blame, `point` where the final number is worst.

    `allowed`: the contract grants it, for the value is a sum of larger terms. There the operation `gave` a number in
    place of `inner`, and the result was `computed` in place of `truth`; `places` wrong numbers were traced back to it, at
    raw predictions from the first to the last of `span`.
    """

    hazard: Hazard
    node: Node
    point: Mapping[str, Any]
    gave: float
    inner: str
    computed: float
    truth: float
    units: float
    places: int
    span: tuple[float, float]
    allowed: bool


@dataclass(frozen=True)
class Looked:
    """One output: how many numbers were looked at, how many are `wrong`, the formula over plain operations, and why.

    `allowed` counts the numbers that lose digits beside larger terms of a sum, as the contract grants.
    """

    output: str
    points: int
    wrong: int
    allowed: int
    plain: Node
    found: tuple[Remaining, ...]


@dataclass(frozen=True)
class _Wrong:
    """A number that breaks the contract: its place, what was computed, the truth, and by how many units."""

    values: Mapping[Node, Any]
    index: tuple[int, int]
    computed: float
    truth: float
    units: float
    allowed: bool


@lru_cache(maxsize=1)
def kernel_floats() -> System:
    """Floats that compute every plain operation as the text of a NumPy kernel does."""
    leaves = [symbol(name, "column", ["example", "class"]) for name in "abc"]

    def compiled(op: str, arity: int) -> Callable[..., Any]:
        function = numpy_function(
            {leaf: f"x{j}" for j, leaf in enumerate(leaves[:arity])}, (make(op, *leaves[:arity]),)
        )
        return lambda *args: np.asarray(function(*args, 1, 1)[0])

    plain = [op for op, (cell, *_) in TABLE.items() if not isinstance(cell, Unsupported) and _is_elementwise(op)]
    return replace(NUMPY, primitives={**NUMPY.primitives, **{op: compiled(op, OPERATIONS[op].arity) for op in plain}})


def _is_elementwise(op: str) -> bool:
    apart = ("axis_mean", "group_count", "largest", "class_sum", "class_max")
    return op in OPERATIONS and not op.startswith("example_") and op not in apart


def remaining(loss: Loss, *, size: int = SIZE, seed: int = 0) -> tuple[Looked, ...]:
    """Look at value, gradient and hessian of a loss at about `size` rows each, in float64.

    Raises `UnsupportedError` (LM320) for a loss with several heads or targets, or extra columns of your own.

    >>> import lossmith as ls
    >>> [(seen.output, len(seen.found)) for seen in remaining(ls.get("log_cosh"), size=60)]
    [('value', 0), ('gradient', 0), ('hessian', 0)]
    """
    _check(loss)
    samples = certified.samples_of(loss, FLOAT64, size, seed)
    return tuple(_look(loss, samples, name, made) for name, made in certified.outputs(loss).items())


def _check(loss: Loss) -> None:
    declaration = loss.definition.declaration
    if len(declaration.target) > 1 or declaration.heads or (declaration.columns and loss.name not in COLUMNS):
        raise UnsupportedError(
            "LM320", f"{loss.name}: hazards are looked for in losses with one target and one raw prediction."
        )


def _look(loss: Loss, samples: Sequence[Any], name: str, made: Any) -> Looked:
    subject, kernel, bound = certified._subject(loss, name, made), loss.using("numpy"), bound_of(loss.name)
    plain, points = in_plain_operations(made.node), 0
    wrong: list[_Wrong] = []
    for sample in samples:
        values = certified.leaf_values(loss, sample)
        truth = truths([made.node], values, FLOAT64)[0]
        with np.errstate(all="ignore"):
            computed = np.asarray(made.compute(kernel, sample), dtype=np.float64)
        computed = computed if computed.ndim == 2 else computed.reshape(-1, 1)
        points += computed.size
        wrong += _wrong_numbers(subject, values, computed, truth, bound)
    allowed = sum(number.allowed for number in wrong)
    causes = [
        c
        for granted in (False, True)
        for c in _causes(plain, subject.raw[0], [w for w in wrong if w.allowed is granted], bound)
    ]
    return Looked(name, points, len(wrong) - allowed, allowed, plain, tuple(causes))


def _wrong_numbers(
    subject: Subject, values: Mapping[Node, Any], computed: Any, truth: Truth, bound: float
) -> Iterable[_Wrong]:
    """The numbers that break the contract; the cheap rule comes first."""
    shape = np.broadcast_shapes(computed.shape, truth.rounded.shape)
    computed, truth = np.broadcast_to(computed, shape), truth.spread(shape)
    for row in range(shape[0]):
        bad = [k for k in range(shape[1]) if _is_suspicious(computed[row, k], truth, (row, k), bound)]
        if not bad:
            continue
        alone = {leaf: row_of(leaf, v, row) for leaf, v in values.items()} if subject.row_wise else values
        for k in bad:
            number, strict = float(computed[row, k]), replace(subject, terms=None)
            units = _units(strict, alone, number, truth, (row, k), bound)
            if units > bound:
                allowed = _units(subject, alone, number, truth, (row, k), bound) <= bound
                at = (0 if subject.row_wise else row, k)
                yield _Wrong(alone, at, number, float(truth.rounded[row, k]), units, allowed)


def _is_suspicious(number: float, truth: Truth, at: tuple[int, int], bound: float) -> bool:
    if not truth.decided[at]:
        return math.isnan(number)
    ball = truth.balls[at]
    return error_in_ulp(number, ball, FLOAT64) > bound if ball.is_finite() else number != truth.rounded[at]


def _units(
    subject: Subject, values: Mapping[Node, Any], computed: float, truth: Truth, at: tuple[int, int], bound: float
) -> float:
    """The units of the contract by which one number is off."""
    row = at[0]
    if not truth.decided[at]:
        return math.inf
    given = truth.rounded.copy()
    given[at] = computed
    if subject.row_wise:
        given, truth = given[[row]], Truth(truth.balls[[row]], truth.rounded[[row]], truth.decided[[row]])
    judged = certify(subject, [Case(values, given)], FLOAT64, backend="numpy", bound=bound, truth=[truth], checked=0)
    return math.inf if judged.nan or judged.false_infinity else judged.worst_units


def _causes(plain: Node, raw: Node, wrong: Sequence[_Wrong], bound: float) -> tuple[Remaining, ...]:
    """The operations to blame, the one that spoils most first."""
    looked = [wrong[j] for j in np.unique(np.linspace(0, len(wrong) - 1, min(BLAMED, len(wrong))).astype(int))]
    by_node: dict[tuple[Node, str], list[tuple[_Wrong, Blame]]] = {}
    for place in looked:
        found = blame(plain, place.values, kernel_floats(), FLOAT64, place.index, bound)
        if found is not None:
            by_node.setdefault((found.node, found.hazard.name), []).append((place, found))
    rows = [_remaining(pairs, raw) for pairs in by_node.values()]
    return tuple(sorted(rows, key=lambda r: -r.places))


def _remaining(pairs: Sequence[tuple[_Wrong, Blame]], raw: Node) -> Remaining:
    place, found = max(pairs, key=lambda pair: pair[0].units)
    point = {repr(leaf): np.squeeze(np.asarray(v, dtype=np.float64)).tolist() for leaf, v in place.values.items()}
    raws = [float(x) for wrong, _ in pairs for x in np.ravel(wrong.values[raw])]
    return Remaining(
        found.hazard, found.node, point, found.gave, found.exact, place.computed, place.truth, place.units, len(pairs),
        (min(raws), max(raws)), place.allowed,
    )  # fmt: skip
