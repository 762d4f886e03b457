"""Certificates of whole losses: every output, backend and number format against the exact truth.

Comes in: a `Loss`. Goes out: certificates. The exact formulas are those of the compiler; the formula as written, with
derivatives taken before any rewriting, is checked against them at a part of the points.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.additivity import additive_part
from lossmith.calculus.derivative import adjoints, gradient
from lossmith.calculus.diagonal import diagonal
from lossmith.calculus.terms import or_zero
from lossmith.certificate import Case, Certificate, Subject, certify, exact, sum_of_sizes
from lossmith.checking.places import COLUMNS, Sample, batches, rows
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import resolved
from lossmith.formula.node import Node, symbols
from lossmith.loss.handle import Loss
from lossmith.loss.library import get
from lossmith.numerics.formats import Format, format_of
from lossmith.runtime import Backend

BACKENDS: Final[tuple[Backend, ...]] = ("numpy", "numba")
DTYPES: Final = ("float32", "float64")
FULL: Final = 1500
QUICK: Final = 150
VARIANTS: Final[Mapping[str, tuple[Mapping[str, Any], ...]]] = {
    "huber": ({"delta": 0.125},),
    "quantile": ({"level": 0.9},),
    "expectile": ({"level": 0.9},),
    "binary_cross_entropy": ({"on": "probability"},),
    "brier": ({"on": "probability"},),
    "focal": ({"gamma": 0.0}, {"gamma": 0.5}, {"gamma": 3.7}, {"alpha": 0.25}, {"on": "probability"}),
    "cross_entropy": ({"on": "probability"},),
    "softmax_focal": ({"gamma": 0.0}, {"gamma": 0.5}, {"gamma": 3.7}),
    "dice": ({"smooth": 0.0},),
    "tversky": ({"alpha": 0.3, "beta": 0.7},),
    "student_t": ({"degrees": 2.5, "scale": 0.5},),
    "tweedie": ({"power": 1.1}, {"power": 1.9}),
    "gamma_likelihood": ({"shape": 7.5},),
    "negative_binomial": ({"dispersion": 0.1},),
    "zero_inflated_poisson": ({"zero": 0.75},),
}
"""What each loss is certified with, beside its defaults."""
HARD_AND_SOFT: Final = frozenset({"binary", "class"})


@dataclass(frozen=True)
class _Outputs:
    """One output: its exact formula, the formula as written, and how a `Loss` computes it."""

    node: Node
    clean: Node
    compute: Callable[[Loss, Sample], NDArray[Any]]


def variants(name: str) -> list[Loss]:
    """The forms of a catalogue loss that are certified: the defaults first.

    >>> [loss.parameters for loss in variants("huber")]
    [{'delta': 1.0}, {'delta': 0.125}]
    """
    return [get(name, **given) for given in ({}, *VARIANTS.get(name, ()))]


def certify_loss(
    loss: Loss,
    *,
    backends: Sequence[Backend] = BACKENDS,
    dtypes: Sequence[str] = DTYPES,
    size: int = FULL,
    seed: int = 0,
    bound: float | None = None,
) -> list[Certificate]:
    """Measure a loss with one raw prediction and one target: about `size` rows for each output and format.

    `bound` is the error allowed, in units of the contract (default: what the contract says of this loss).
    Raises `UnsupportedError` (LM320) for a loss with several heads or targets, or extra columns of your own.

    >>> import lossmith as ls
    >>> found = certify_loss(ls.get("squared_error"), backends=["numpy"], dtypes=["float64"], size=50)
    >>> [(c.output, c.meets) for c in found]
    [('value', True), ('gradient', True), ('hessian', True)]
    """
    declaration = loss.definition.declaration
    if len(declaration.target) > 1 or declaration.heads or (declaration.columns and loss.name not in COLUMNS):
        raise UnsupportedError(
            "LM320", f"{loss.name}: certificates cover losses with one target and one raw prediction."
        )
    return [c for dtype in dtypes for c in _for_format(loss, backends, format_of(dtype), size, seed, bound)]


def _for_format(
    loss: Loss, backends: Sequence[Backend], fmt: Format, size: int, seed: int, bound: float | None
) -> list[Certificate]:
    samples = samples_of(loss, fmt, size, seed)
    found: list[Certificate] = []
    for output, made in outputs(loss).items():
        subject = _subject(loss, output, made)
        values = [leaf_values(loss, sample) for sample in samples]
        truth = exact(subject, values, fmt)
        for backend in backends:
            kernel = loss.using(backend)
            with np.errstate(all="ignore"):  # the points go to the format's end, and beyond it
                computed = [made.compute(kernel, sample).astype(fmt.dtype) for sample in samples]
            cases = [Case(v, c) for v, c in zip(values, computed, strict=True)]
            checked = 50 if backend == backends[0] else 0
            judged = certify(subject, cases, fmt, backend=backend, bound=bound, seed=seed, truth=truth, checked=checked)
            found.append(judged)
    return found


def samples_of(loss: Loss, fmt: Format, size: int, seed: int) -> list[Sample]:
    """The points at which a loss is checked."""
    if loss.is_additive:
        numbers = [v for v in loss.parameters.values() if v is not None]
        return rows(loss.definition, numbers, fmt, size=size, seed=seed)
    return batches(loss.definition, fmt, size=size // 20, seed=seed)


def _subject(loss: Loss, output: str, made: _Outputs) -> Subject:
    target, kind = loss.definition.declaration.target[0]
    return Subject(
        loss=loss.name,
        output=output,
        node=made.node,
        raw=loss.definition.roles.raw,
        clean=made.clean,
        terms=sum_of_sizes(made.clean) if output == "value" and loss.is_additive else None,
        target=loss.definition.roles.leaves[target] if kind in HARD_AND_SOFT else None,
        row_wise=loss.is_additive,
        parameters={name: value for name, value in loss.parameters.items() if value is not None},
        on=loss.definition.declaration.on,
    )


def leaf_values(loss: Loss, sample: Sample) -> dict[Node, Any]:
    """The values of the leaves for the oracle: columns of float64, and the parameters."""
    y, raw = (a.astype(np.float64) for a in (sample.y_matrix, sample.raw_prediction))
    tall = [a[:, None] if a.ndim == 1 else a for a in (y, raw)]
    leaves = loss.definition.roles.leaves
    values: dict[Node, Any] = dict(
        zip((leaves[loss.definition.declaration.target[0][0]], loss.definition.roles.raw[0]), tall, strict=True)
    )
    values |= {leaves[name]: np.asarray(column)[:, None] for name, column in sample.columns.items()}
    return values | {leaf: loss.parameters[repr(leaf)] for leaf in symbols(resolved(loss.definition), role="parameter")}


def outputs(loss: Loss) -> Mapping[str, _Outputs]:
    """Value, gradient and hessian per row; value and gradient of the finished number for losses that are no sums."""
    made, leaf = loss.expressions, loss.definition.roles.raw[0]
    whole = resolved(loss.definition)
    if made.per_example is None:
        return {
            "value": _Outputs(made.value, whole, _finished_value),
            "gradient": _Outputs(made.gradient[0], gradient(whole, leaf), _finished_gradient),
        }
    part = additive_part(whole)
    body = made.per_example if part is None else part.term
    slope = or_zero(adjoints(body).get(leaf))
    return {
        "value": _Outputs(
            made.per_example, body, lambda ls, s: ls.per_example(s.y_true, s.raw_prediction, columns=s.columns)
        ),
        "gradient": _Outputs(made.gradient[0], slope, lambda ls, s: _derivatives(ls, s)[0]),
        "hessian": _Outputs(made.hessian[0], diagonal(slope, leaf), lambda ls, s: _derivatives(ls, s)[1]),
    }


def _derivatives(loss: Loss, sample: Sample) -> tuple[NDArray[Any], NDArray[Any]]:
    return loss.per_example_gradient_and_hessian(sample.y_true, sample.raw_prediction, columns=sample.columns)


def _finished_value(loss: Loss, sample: Sample) -> NDArray[Any]:
    return np.array([[loss.value(sample.y_true, sample.raw_prediction)]])


def _finished_gradient(loss: Loss, sample: Sample) -> NDArray[Any]:
    found = loss.gradient(sample.y_true, sample.raw_prediction)
    return found[:, None] if found.ndim == 1 else found
