"""A linear model under any loss whose total is a sum over rows.

Comes in: a `Loss`, features (n, p), targets, weights, a penalty. Goes out: a `LinearFit`: weights and intercept on the
raw scale, and whether others could be better. Features are taken as they are: the penalty sees their units.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.adapt.lightgbm_steps import Rows, is_smooth, rows_of
from lossmith.adapt.linear_corners import minimise_by_turns
from lossmith.adapt.linear_large import Large, is_large, minimise_large, sample_of
from lossmith.adapt.linear_lines import lines_of, minimise_lines
from lossmith.adapt.linear_newton import ENOUGH, Outcome, System, minimise, point_at
from lossmith.adapt.linear_problem import Problem, as_mean, problem_of
from lossmith.adapt.linear_products import times
from lossmith.calculus.scan import NoBestConstantError
from lossmith.errors import AdapterError
from lossmith.loss.handle import Columns, Loss
from lossmith.loss.known_facts import facts

Floats = NDArray[np.float64]
FIRST: Final = (1.0, 0.1, 0.01, 1e-3)  # windows before a smooth loss that looks straight from afar
WINDOWS: Final = (1.0, 0.1, 0.01, 1e-3, 1e-5, 1e-7)  # in units of a typical residual; the last one is the error left
FADED: Final = (
    0.1  # of the bend that the slopes ask for: with less the loss is nearly straight, and Newton steps are wild
)
CONSTANT: Final = 1e-13  # a column that varies by less, in units of its size, says nothing but rounding


@dataclass(frozen=True)
class LinearFit:
    """Raw predictions are `X @ weights + intercept`: weights (features, outputs), intercept (outputs,).

    `objective`: the mean weighted loss without its explicit factor, plus penalty / 2 times the sum of squared weights.
    `gradient_norm`: its largest slope by a weight or an intercept, in the features' own units (of a loss with corners:
    through the last window). `converged`: no step promises a gain. `message`: a sentence for people.
    """

    weights: Floats
    intercept: Floats
    converged: bool
    iterations: int
    gradient_norm: float
    penalty: float
    objective: float
    message: str


def fit_linear(
    loss: Loss,
    X: ArrayLike,
    y: Any,
    sample_weight: ArrayLike | None = None,
    *,
    penalty: float = 0.0,
    columns: Columns | None = None,
    start: LinearFit | ArrayLike | None = None,
    intercept: bool = True,
    tolerance: float = ENOUGH,
) -> LinearFit:
    """The weights and intercept of least mean loss plus `penalty / 2` times the sum of squared weights.

    The intercept goes free. A loss's explicit factor is divided out, so that the penalty keeps its meaning.
    `X` (n, features) of finite numbers, taken as they are; `y` (n,), or what the loss declares; `sample_weight` (n,).
    `start`: a `LinearFit`, or raw predictions that are the same for all rows; None is the loss's best constant.
    `intercept`: whether there is one; without, features are not moved to their centre. `tolerance`: the share of the
    objective that may be left to gain where rows are many, and L-BFGS works.
    One output, K classes, or the loss's heads. Where the loss bends downwards somewhere, the answer is a point from
    which no small step helps, and `message` says so.
    Raises `AdapterError`: LM421 for a loss whose total is not a sum over rows, LM422 for features, LM423 for a penalty,
    LM424 where there is no finite start, LM425 for a loss without slopes.

    >>> import lossmith as ls
    >>> X = [[0.0], [1.0], [2.0], [3.0]]
    >>> fit = fit_linear(ls.get("mse"), X, [1.0, 3.0, 5.0, 7.0])
    >>> fit.weights.round(9).tolist(), fit.intercept.round(9).tolist(), fit.converged
    ([[2.0]], [1.0], True)
    """
    _check_loss(loss)
    loss = as_mean(loss)
    for name, number in (("penalty", penalty), ("tolerance", tolerance)):
        if not 0.0 <= number < np.inf:
            raise AdapterError("LM423", f"{name} must be a finite number from 0 on, got {number}.")
    rows = rows_of(y, sample_weight, columns)
    table, rows = _present(X, rows)
    constant = _constant(loss, rows, start)
    work = _Work(loss, table, rows, constant if intercept else 0.0 * constant, start, penalty, intercept, tolerance)
    large = intercept and is_smooth(loss) and loss.is_strictly_convex and is_large(table, len(constant))
    return _fit_large(work) if large else _fit_whole(work)


@dataclass(frozen=True)
class _Work:
    """What is to be fitted, checked."""

    loss: Loss
    table: Floats
    rows: Rows
    constant: Floats
    start: LinearFit | ArrayLike | None
    penalty: float
    intercept: bool
    tolerance: float


def _problem(loss: Loss, rows: Rows, constant: Floats) -> Problem:
    raw = np.tile(constant, (rows.count, 1)) if _is_wide(loss, rows) else np.full(rows.count, constant[0])
    return problem_of(loss, rows.y, raw, rows.weight, rows.columns)


def _fit_whole(work: _Work) -> LinearFit:
    """Steps that look at all rows at once."""
    frame, penalty = _frame(work.table, work.rows.weight, work.intercept), work.penalty
    problem = _problem(work.loss, work.rows, work.constant)
    system = System(problem, frame.features, np.append(penalty / frame.spread**2, 0.0))
    outcome = _lowest(work.loss, system, _theta(frame, work.constant, work.start))
    if not penalty and _falls_for_ever(system, outcome):
        outcome = replace(outcome, reached=False)
    return _fit(work.loss, frame, outcome, penalty)


def _fit_large(work: _Work) -> LinearFit:
    """First a sample of the rows, then all of them from there, with features left as they are."""
    table, penalty, some = work.table, work.penalty, sample_of(work.table)
    part = replace(work, table=table[some], rows=work.rows.take(some))
    first = _fit_whole(part)
    still = _still(part.table)
    told = first.converged and bool(np.isfinite(first.weights).all())
    if not told or (still.any() and not _still(table[:, still]).all()):  # the sample does not show what all rows do
        return _fit_whole(work)
    if still.any():  # no weight of a constant column can be told from the intercept
        part, table = replace(part, table=part.table * ~still), table * ~still
    centre = part.table.mean(axis=0)
    theta = np.vstack([first.weights, first.intercept + centre @ first.weights])
    seen = Large(_problem(work.loss, part.rows, work.constant), part.table, penalty, centre)
    whole = Large(_problem(work.loss, work.rows, work.constant), table, penalty, centre)
    found = minimise_large(whole, seen, theta, work.tolerance)
    weights, intercept = _even(work.loss, found.theta[:-1], found.theta[-1] - centre @ found.theta[:-1])
    steepest = float(np.abs(found.slope[:-1] + centre[:, None] * found.slope[-1]).max(initial=0.0))
    message = _message(work.loss, found, penalty)
    return LinearFit(weights, intercept, found.reached, found.steps, steepest, penalty, found.value, message)


def _still(table: Floats) -> NDArray[np.bool_]:
    """Which columns say nothing but rounding."""
    return np.asarray(np.ptp(table, axis=0) <= CONSTANT * np.abs(table[0]))


def _check_loss(loss: Loss) -> None:
    if not loss.is_additive:
        raise AdapterError(
            "LM421",
            f"{loss.name}: a linear model needs a loss whose total is a sum over rows, and this one is not. "
            "Train with a loss that is, such as squared_error, log_loss or focal, and measure with this one.",
        )
    if loss.definition.declaration.on == "probability":
        raise AdapterError(
            "LM421",
            f"{loss.name}: it takes probabilities, which a weighted sum of features does not stay within. "
            "Use the same loss on raw predictions.",
        )


def _present(X: ArrayLike, rows: Rows) -> tuple[Floats, Rows]:
    """Features and rows without the rows of weight 0."""
    table = np.asarray(X, dtype=np.float64)
    if table.ndim != 2 or len(table) != rows.count:
        raise AdapterError(
            "LM422", f"X must have shape ({rows.count}, features), one row for each target, got {table.shape}."
        )
    if rows.weight is not None:
        table, rows = table[rows.weight != 0], rows.take(rows.weight != 0)
    if not rows.count:
        raise AdapterError("LM422", "there is no row of positive weight to learn from.")
    faulty = ~np.isfinite(table)
    if faulty.any():
        row, column = np.argwhere(faulty)[0]
        raise AdapterError(
            "LM422",
            f"X must hold finite numbers, found {table[row, column]} in row {row}, column {column} ({faulty.sum()} such "
            "entries). Fill missing values first.",
        )
    return table, rows


def _is_wide(loss: Loss, rows: Rows) -> bool:
    """Whether raw predictions have a second axis: heads, classes, or several targets a row."""
    declared = loss.definition.declaration
    return declared.has_classes or bool(declared.heads) or (not isinstance(rows.y, Mapping) and rows.y.ndim == 2)


def _constant(loss: Loss, rows: Rows, start: LinearFit | ArrayLike | None) -> Floats:
    """A raw prediction that is the same for all rows, (outputs,)."""
    if isinstance(start, LinearFit):
        return start.intercept
    try:
        asked = loss.best_constant(rows.y, rows.weight, columns=rows.columns) if start is None else start
    except NoBestConstantError as error:
        if error.least is not None and error.least.why == "alike":
            raise AdapterError("LM425", f"{error.sentence} There is nothing to learn from these rows.") from error
        raise AdapterError("LM424", f"{error.sentence} Give start=.") from error
    found = np.atleast_1d(np.asarray(asked, dtype=np.float64))
    if not isinstance(rows.y, Mapping) and rows.y.ndim == 2 and found.size == 1:
        found = np.repeat(found, rows.y.shape[1])
    if not np.isfinite(found).all():
        raise AdapterError(
            "LM424",
            f"{loss.name}: the best constant is {asked}, because a class never occurs, or start= is not finite. Number "
            "classes 0, 1, 2 ... without gaps, or give a finite start=.",
        )
    return found


# Features in steps of their own: the same problem in unknowns of one size ----------------------------------------


@dataclass(frozen=True)
class Frame:
    """Features (n, p + 1) moved to their centre and divided by their spread, and a column of ones."""

    features: Floats
    centre: Floats
    spread: Floats


def _frame(table: Floats, weight: Any, intercept: bool) -> Frame:
    """By the rows' weights, so that a row of weight 2 moves what the row twice would move."""
    centre = np.average(table, axis=0, weights=weight) if intercept else np.zeros(table.shape[1])
    moved = table - centre
    spread = np.sqrt(np.average(moved**2, axis=0, weights=weight))
    still = (spread <= CONSTANT * np.abs(centre)) | (_still(table) & intercept)  # a mean of many rows is rounded itself
    moved[:, still] = 0.0
    spread[still] = 1.0
    return Frame(np.column_stack([moved / spread, np.full(len(table), float(intercept))]), centre, spread)


def _theta(frame: Frame, constant: Floats, start: Any) -> Floats:
    if not isinstance(start, LinearFit):
        return np.vstack([np.zeros((len(frame.centre), len(constant))), constant])
    return np.vstack([start.weights * frame.spread[:, None], start.intercept + frame.centre @ start.weights])


def _lowest(loss: Loss, system: System, theta: Floats) -> Outcome:
    """Choose by the loss's form: Newton steps where it is smooth; else lines, windows or turns."""
    problem, raw = system.problem, times(system.features, theta)
    lines = None if is_smooth(loss) or problem.coupled else lines_of(problem, raw)
    if lines is not None:
        return minimise_lines(system, theta, lines)
    look = problem.look(raw)
    if not (look.slopes.any() or look.bends.any()):
        if facts(loss).convex.value is True:  # nothing pulls at any row: this is the lowest point
            return Outcome(theta, look.value + system.ridge(theta), system.slope(look, theta), 0, True, False)
        raise AdapterError(
            "LM425",
            f"{loss.name}: around the best constant no row's loss changes, so nothing says which way weights should go. "
            "Train with a loss that has a slope, such as log_loss or squared_error, and measure with this one.",
        )
    if is_smooth(loss):
        # where most rows are so far from their targets that the loss hardly bends, Newton steps are wild
        straight = look.bends.sum() < FADED * (np.abs(look.slopes) / problem.scale).sum()
        return minimise(system, theta, (*FIRST, 0.0) if straight else (0.0,))
    return minimise_by_turns(system, theta) if problem.coupled else _through_windows(system, theta)


def _through_windows(system: System, theta: Floats) -> Outcome:
    found = minimise(system, theta, WINDOWS)
    if found.reached:
        return found
    turned = minimise_by_turns(system, theta)
    best = min(found, turned, key=lambda end: end.value)
    return replace(best, reached=turned.reached, steps=found.steps + turned.steps)


def _falls_for_ever(system: System, outcome: Outcome) -> bool:
    """Whether twice the weights do no worse: log loss where the classes can be told apart perfectly."""
    twice = outcome.theta * np.append(np.full(len(outcome.theta) - 1, 2.0), 1.0)[:, None]
    moved = bool((times(system.features, twice - outcome.theta)).any())
    return moved and point_at(system, twice, 0.0).value <= outcome.value


def _fit(loss: Loss, frame: Frame, outcome: Outcome, penalty: float) -> LinearFit:
    used: NDArray[np.bool_] = np.any(frame.features != 0.0, axis=0, keepdims=True).T  # a column of zeros has no weight
    weights = np.where(used[:-1], outcome.theta[:-1] / frame.spread[:, None], 0.0)
    weights, intercept = _even(loss, weights, outcome.theta[-1] - frame.centre @ weights)
    weights, intercept = np.where(used[:-1], weights, 0.0), np.where(used[-1], intercept, 0.0)
    if not np.isfinite(weights).all():
        outcome = replace(outcome, reached=False)
    slope = outcome.slope[:-1] * frame.spread[:, None] + frame.centre[:, None] * outcome.slope[-1]
    steepest = float(max(np.abs(slope).max(initial=0.0), np.abs(outcome.slope[-1]).max()))
    message = _message(loss, outcome, penalty)
    return LinearFit(weights, intercept, outcome.reached, outcome.steps, steepest, penalty, outcome.value, message)


def _even(loss: Loss, weights: Floats, intercept: Floats) -> tuple[Floats, Floats]:
    """Under a softmax a number added to all classes changes nothing: of all such answers, the one around 0."""
    if loss.link != "softmax":
        return weights, intercept
    return weights - weights.mean(axis=1, keepdims=True), intercept - intercept.mean()


def _message(loss: Loss, outcome: Outcome, penalty: float) -> str:
    if not outcome.reached:
        advice = " It may fall for ever, as where yes and no can be told apart perfectly: give a penalty."
        return f"Stopped after {outcome.steps} steps, before the lowest point was reached.{'' if penalty else advice}"
    if outcome.bends_down:
        return (
            "Reached weights from which no small step helps. This loss also bends downwards, so another start may end "
            "lower."
        )
    seen = (
        "" if loss.is_strictly_convex else ", as far as the loss was seen: it was straight or bent upwards everywhere"
    )
    return f"No other weights give a lower objective{seen}."
