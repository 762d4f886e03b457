"""A loss over fixed rows as a function of raw predictions: value, slopes and bends per unit of total weight.

Comes in: a `Loss`, targets, weights, extra columns, a raw prediction. Goes out: a `Problem`, which looks at raw
predictions of shape (n, outputs). A loss with corners is looked at through a window: each row's term is averaged over
raw predictions within `width`, which rounds its corners off and leaves straight parts as they are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.adapt.lightgbm_steps import rows_of, step_lengths
from lossmith.calculus.additivity import ONE, TOTAL
from lossmith.compiler import expressions
from lossmith.formula.definition import bound
from lossmith.formula.node import symbols, walk
from lossmith.formula.roles import WEIGHT
from lossmith.kernel.rows import Rows, load
from lossmith.loss.evaluate import Request, evaluate, with_direction
from lossmith.loss.handle import Columns, Loss

Floats = NDArray[np.float64]
ROUNDING: Final = float(np.finfo(np.float64).eps)
HERE: Final = ("value", "per_example_gradient", "per_example_hessian")
DOWN: Final = ("value", "per_example_gradient")
BENDS: Final = ("per_example_hessian",)
AT_ENDS: Final = ("per_example", "per_example_gradient")
OVER_CLASSES: Final = ("class_", "softmax", "log_softmax")


@dataclass(frozen=True)
class Look:
    """What is seen at one raw prediction: the loss, and its slopes and bends by every raw prediction, (n, outputs).

    Through a window, `slack` is how much `value` may differ from the value that belongs to the slopes, and `drift` how
    fast the slopes change as the window grows.
    """

    value: float
    slopes: Floats
    bends: Floats
    slack: float = 0.0
    drift: Floats | None = None


@dataclass(frozen=True)
class Problem:
    """A loss over its rows, divided by the total weight and by the size of its explicit factor.

    `unit` takes the finished value there, `share` a row's own term. `coupled`: a row's outputs are looked at together.
    `scale` (outputs,): the size of a typical step of a raw prediction.
    """

    request: Request
    rows: Rows
    outputs: int
    coupled: bool
    unit: float
    share: float
    scale: Floats

    def look(self, raw: Floats, window: float = 0.0) -> Look:
        """Look at raw predictions (n, outputs), through a window of plus and minus `window` scales if that is above 0."""
        if window > 0.0:
            return self._through_window(raw, window)
        value, (slopes, bends) = self._evaluate(HERE, self.rows, raw)
        return Look(value * self.unit, slopes.reshape(raw.shape) * self.share, bends.reshape(raw.shape) * self.share)

    def fall(self, raw: Floats) -> tuple[float, Floats]:
        """The loss and its slopes alone."""
        value, (slopes,) = self._evaluate(DOWN, self.rows, raw)
        return value * self.unit, slopes.reshape(raw.shape) * self.share

    def bends(self, raw: Floats) -> Floats:
        """The second derivative by every raw prediction alone."""
        return np.asarray(self._evaluate(BENDS, self.rows, raw)[1][0].reshape(raw.shape) * self.share)

    def hvp(self, raw: Floats, direction: Floats) -> Floats:
        """The second derivative times a direction (n, outputs): how the slopes change along it."""
        rows = with_direction(
            self.request.definition, self._moved(self.rows, raw), direction.reshape(self.rows.shape.full)
        )
        return np.asarray(evaluate(self.request, ("hvp",), rows)[1][0].reshape(raw.shape) * self.unit)

    def ends(self, raw: Floats, width: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        """Each row's own term and its slope at both ends of every output's window: low, high, left, right,
        each (n, outputs), with the sample weight but without the share.
        """
        ends = np.concatenate([raw + sign * width * move for sign in (-1, 1) for move in self._moves(raw)])
        terms, slopes = self._evaluate(AT_ENDS, _repeated(self.rows, len(ends) // len(raw)), ends)[1]
        return (*self._by_output(terms, raw), *self._by_output(slopes, raw))

    def _through_window(self, raw: Floats, window: float) -> Look:
        """The mean over the window has the slope (term at the right end - term at the left end) / (2 width)."""
        width = window * self.scale
        low, high, left, right = self.ends(raw, width)
        change = right - left
        value = float((low + high).sum()) / 2 / len(self._moves(raw)) * self.share
        # where rounding takes more from a difference of large terms than both ends' slopes can be wrong by, these serve
        lost = np.abs(change) * width <= ROUNDING * (np.abs(low) + np.abs(high))
        with np.errstate(all="ignore"):
            within = np.where(lost, (left + right) / 2, (high - low) / (2 * width))
            slack = float((np.abs(change) * width).sum()) / 2 * self.share
            drift = ((left + right) / 2 - within) * (self.share * self.scale / width)
        return Look(value, within * self.share, change * (self.share / (2 * width)), slack, drift)

    def _moves(self, raw: Floats) -> Floats:
        """The outputs to move together: all, if each is an example of its own, else one after the other."""
        own = self.rows.shape.axis is None
        return np.ones((1, raw.shape[1])) if own else np.eye(raw.shape[1])

    def _by_output(self, found: Floats, raw: Floats) -> Floats:
        """What was found at both ends of each output's window, as (2, n, outputs)."""
        if self.rows.shape.axis is None:
            return found.reshape(2, *raw.shape)
        n, k = raw.shape
        if found.size == 2 * k * n:
            return np.moveaxis(found.reshape(2, k, n), 1, 2)
        return np.diagonal(found.reshape(2, k, n, k), axis1=1, axis2=3)

    def _evaluate(self, wanted: tuple[str, ...], rows: Rows, raw: Floats) -> tuple[float, list[Any]]:
        with np.errstate(all="ignore"):
            return evaluate(self.request, wanted, self._moved(rows, raw))

    def _moved(self, rows: Rows, raw: Floats) -> Rows:
        flat, definition = rows.shape.flatten(raw.reshape(rows.shape.full)), self.request.definition
        heads, leaves = bool(definition.declaration.heads), dict(rows.leaves)
        for place, leaf in enumerate(definition.roles.raw):
            leaves[leaf] = np.ascontiguousarray(flat[:, place] if heads else flat)
        return replace(rows, leaves=leaves)


def as_mean(loss: Loss) -> Loss:
    """The same sum over rows, divided by their weight where it is divided by another number of the data's."""
    found = expressions(loss.definition).additive
    return loss if found is None or found.denominator in {TOTAL, ONE} else loss.over("weight")


def problem_of(loss: Loss, y_true: Any, raw: Floats, weight: ArrayLike | None, columns: Columns | None) -> Problem:
    """Check the rows once, and lay them out for raw predictions of the shape of `raw`: (n,) or (n, outputs)."""
    definition, outputs = loss.definition, 1 if raw.ndim == 1 else raw.shape[1]
    values = bound(definition, dict(loss.values))
    parameters = dict(zip((p.name for p in definition.parameters), values, strict=True))
    rows = load(definition, y_true, raw, weight, columns, parameters=parameters)
    total = float(rows.leaves[WEIGHT].sum()) if rows.weighted else float(rows.n)
    additive, factor = expressions(definition).additive, abs(loss.factor)
    mean = additive is not None and additive.is_mean
    return Problem(
        Request(definition, parameters, loss.backend, loss.n_threads),
        rows,
        outputs,
        _is_coupled(loss),
        1 / factor if mean else 1 / (factor * total),
        1 / (factor * total),
        np.broadcast_to(step_lengths(loss, rows_of(y_true, weight, columns), raw), (outputs,)),
    )


def _is_coupled(loss: Loss) -> bool:
    """Whether the slope of one output depends on another output of the row."""
    found = expressions(loss.definition)
    for slope, leaf in zip(found.gradient, found.raw, strict=True):
        if any(other is not leaf for other in symbols(slope, role="raw")):
            return True
        if any(n.op.startswith(OVER_CLASSES) and symbols(n, role="raw") for n in walk(slope)):
            return True
    return False


def _repeated(rows: Rows, times: int) -> Rows:
    """The rows again and again, one copy after the other."""
    leaves = {leaf: np.concatenate([array] * times) for leaf, array in rows.leaves.items()}
    full, examples = ((shape[0] * times, *shape[1:]) for shape in (rows.shape.full, rows.shape.examples))
    return replace(rows, n=rows.n * times, leaves=leaves, shape=replace(rows.shape, full=full, examples=examples))
