"""Gradient descent on a loss, seen from all sides: a loss, features and targets come in, a `Descent` goes out.

`descend` is the whole story, read downwards: check, sample, scale, choose a rate, walk, measure the curvature, try other
rates, judge, draw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.errors import ArgumentError, LossmithError, UnsupportedError
from lossmith.loss.handle import Loss
from lossmith.report.descent_page.record import Backprop, Curvature, Descent, Floats, Taylor, Trial, Verdict
from lossmith.teach.descent.backprop import backprop
from lossmith.teach.descent.counts import operation_counts
from lossmith.teach.descent.curvature import curvature_along
from lossmith.teach.descent.live import live_of
from lossmith.teach.descent.lowest import lowest
from lossmith.teach.descent.network import Network, network_of
from lossmith.teach.descent.path import Path, walked
from lossmith.teach.descent.plane import plane_of
from lossmith.teach.descent.rate import Chosen, chosen, judged, trials
from lossmith.teach.descent.summed import sum_against_mean
from lossmith.teach.descent.task import CONSTANT, Objective, Task, task_of

Model = Literal["linear", "two-layer"]
MOST_ROWS: Final = 5_000
MOST_STEPS: Final = 10_000
MOST_NUMBERS: Final = 20_000_000
MOST_PARAMETERS: Final = 20_000
BATCH: Final = 3
ROUNDS: Final = 3
"""So often a chosen rate gives way to a better one that was run beside it."""


def descend(
    loss: Loss | str,
    X: Any,
    y: Any,
    sample_weight: ArrayLike | None = None,
    *,
    model: Model = "linear",
    hidden: int = 4,
    activation: str = "tanh",
    learning_rate: float | None = None,
    steps: int = 100,
    start: ArrayLike | None = None,
    intercept: bool = True,
    standardize: bool = True,
    columns: Mapping[str, Any] | None = None,
    feature_names: Sequence[str] | None = None,
    rows: int = MOST_ROWS,
    seed: int = 0,
) -> Descent:
    """Gradient descent with every step explained: w <- w - learning_rate * dL/dw on all rows.

    X (n, features) or (n,), y (n,) or what the loss declares. `model`: "linear", or "two-layer" with `hidden` units
    and an `activation`. `learning_rate` None: chosen from the measured curvature. `standardize`: features are shifted to
    mean 0 and scaled to standard deviation 1 first. `start`: parameters to begin with, by default zeros (two layers:
    drawn by `seed`). Of more than `rows` rows a sample is taken. Raises `ArgumentError`, one sentence each.

    Sources: Taylor's theorem; the edge 2 / curvature: Polyak (1963), Nesterov (2004), Introductory Lectures, section 1.2.3.

    >>> import lossmith as ls
    >>> found = ls.descend("mse", [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], learning_rate=0.5, steps=20)
    >>> found.verdict.word, round(float(found.losses[-1]), 6), float(abs(found.taylor.error_second).max()) < 1e-12
    ('good', 0.0, True)
    """
    names = None if feature_names is None else tuple(map(str, feature_names))
    task, given = _fewer(task_of(loss, X, y, sample_weight, columns, names), rows, seed)
    task, raw_task = _scaled(task, standardize, intercept)
    network = network_of(model, task.X.shape[1], len(task.outputs), hidden, activation, intercept)
    objective = Objective(task, network)
    _check_size(network, steps, learning_rate)
    first = _start(objective, start, seed)
    if not np.isfinite(objective.value_and_gradient(first)[0]):
        raise ArgumentError(
            "LM579",
            f"{task.loss.name} has no finite value at the start; give other parameters with start=, or another loss.",
        )
    raw = Objective(raw_task, network) if raw_task is not None and model == "linear" else None
    seen = _seen(objective, raw, first, learning_rate, steps, seed)
    return _record(seen, model, given, steps, seed)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A path that was walked with a rate, and what was found along it."""

    objective: Objective
    start: Floats
    rate: Chosen
    path: Path
    taylor: Taylor
    curvature: Curvature
    trials: tuple[Trial, ...]
    verdict: Verdict

    @property
    def finite(self) -> NDArray[np.bool_]:
        """Which points have a loss."""
        return _finite(self.path)

    @property
    def measurable_end(self) -> bool:
        """Whether the curvature at the end says something: not where the path ran away."""
        return not self.path.why_stopped and self.verdict.word != "diverging"


def _finite(path: Path) -> NDArray[np.bool_]:
    return np.isfinite(path.losses) & np.isfinite(path.points).all(axis=1)


def _seen(
    objective: Objective, raw: Objective | None, start: Floats, rate: float | None, steps: int, seed: int
) -> _Seen:
    """Walk with the rate; with one that the curvature gives, and then with better ones, as long as others show one."""
    if rate is not None:
        return _walked(objective, raw, start, Chosen(float(rate), "as given"), steps, seed)
    first = chosen(objective, start, steps, seed)
    found = _walked(objective, raw, start, first, steps, seed)
    for _ in range(ROUNDS):
        better, last = found.verdict.suggested, found.rate.rate
        if found.verdict.word != "too small" or better is None:
            break
        reason = (
            f"{first.rate:g} would be {first.reason.rstrip('.')}; {better:g} was run beside {last:g} and ended lower after as "
            "many steps, so it was taken."
        )
        again = _walked(objective, raw, start, Chosen(better, reason), steps, seed)
        if again.verdict.word not in ("good", "too small"):
            break
        found = again
    return found


def _walked(objective: Objective, raw: Objective | None, start: Floats, rate: Chosen, steps: int, seed: int) -> _Seen:
    path, taylor = walked(objective, start, rate.rate, steps)
    curvature = curvature_along(objective, path.points[_finite(path)], raw, seed)
    others = trials(objective, start, path, rate.rate, curvature)
    verdict = judged(path, rate.rate, curvature, others)
    return _Seen(objective, start, rate, path, taylor, curvature, others, verdict)


def _record(seen: _Seen, model: str, given: int, steps: int, seed: int) -> Descent:
    objective, path, rate, curvature = seen.objective, seen.path, seen.rate.rate, seen.curvature
    task, network = objective.task, objective.network
    points = path.points[seen.finite]
    linear = len(network.widths) == 2
    names = network.names(task.features, task.outputs)
    low, low_reason = lowest(objective, points, path.losses[seen.finite])
    shown = not linear and network.intercept
    return Descent(
        f"{task.loss.name} on a {model} model",
        task.loss.name,
        _latex(task.loss),
        model,
        network.widths,
        "" if linear else network.activation.name,
        len(task.X),
        given,
        rate,
        seen.rate.reason,
        names,
        path.points,
        path.losses,
        path.norms,
        seen.taylor,
        curvature,
        seen.verdict,
        seen.trials,
        plane_of(objective, path.points[: len(path.losses)], path.losses, names),
        low,
        low_reason,
        sum_against_mean(objective, seen.start, rate, steps),
        _notes(seen),
        _backprop(objective, points[0], 1) if shown else None,
        _backprop(objective, points[0], min(BATCH, len(task.X))) if shown else None,
        operation_counts() if not linear else None,
        "",
        *live_of(objective, seen.start, rate, steps, curvature),
    )


def _latex(loss: Loss) -> str:
    """The formula for people; empty where it has no form in LaTeX."""
    try:
        return loss.latex
    except UnsupportedError:
        return ""


def _notes(seen: _Seen) -> tuple[str, ...]:
    curvature, extra = seen.curvature, []
    if not seen.objective.task.loss.is_additive:
        extra.append(
            "The total of this loss is not a sum over rows, so there is no sum to set against a mean; value, gradient and "
            "curvature are those of the finished number."
        )
    if not seen.measurable_end:
        return (*seen.objective.task.notes, *extra)
    if curvature.flat:
        extra.append(
            f"At the end of the path {curvature.flat} of {seen.objective.network.size} directions have no curvature, to "
            "rounding: the slope does not change along them."
        )
    if curvature.negative:
        extra.append(
            f"At the end of the path the loss bends downwards in {curvature.negative} "
            f"direction{'' if curvature.negative == 1 else 's'}: it is no bowl."
        )
    return (*seen.objective.task.notes, *extra)


def _backprop(objective: Objective, point: Floats, count: int) -> Backprop | None:
    """The pass of the first rows; None where the loss cannot be computed from so few rows."""
    try:
        with np.errstate(all="ignore"):
            return backprop(objective.task, objective.network, point, np.arange(count))
    except LossmithError:
        return None


# Making ready --------------------------------------------------------------------------------------------------


def _fewer(task: Task, rows: int, seed: int) -> tuple[Task, int]:
    """At most so many rows, drawn at random but in their order; and how many there were."""
    given = len(task.X)
    if rows < 1:
        raise ArgumentError("LM573", f"rows is the most rows to use, at least 1, got {rows}.")
    if given <= rows:
        return task, given
    kept = np.sort(np.random.default_rng(seed).choice(given, rows, replace=False))
    note = f"Of {given:,} rows {rows:,} are used, drawn at random (seed {seed}): every step looks at all of them."
    return replace(task.take(kept), notes=(*task.notes, note)), given


def _scaled(task: Task, standardize: bool, intercept: bool) -> tuple[Task, Task | None]:
    """The task with its features scaled and constant ones left out; and as it was, to compare (None if it is the same)."""
    X, weight = task.X, task.weight
    centre = np.average(X, axis=0, weights=weight)
    spread = np.sqrt(np.average((X - centre) ** 2, axis=0, weights=weight))
    still = np.ptp(X, axis=0) <= CONSTANT * np.abs(X[0])
    if still.all() and intercept:
        why = (
            "every feature has the same value in all rows" if len(X) > 1 else "there is one row, and no other beside it"
        )
        raise ArgumentError("LM572", f"{why}: there is nothing to learn from.")
    notes: tuple[str, ...] = task.notes
    if still.any() and intercept:
        names = ", ".join(f"“{name}”" for name, s in zip(task.features, still, strict=True) if s)
        notes = (*notes, f"Left out, for the value is the same in every row: {names}.")
        task = replace(task, X=X[:, ~still], features=tuple(np.array(task.features, dtype=object)[~still]))
        centre, spread = centre[~still], spread[~still]
    if not standardize:
        return replace(task, notes=(*notes, "Features are used in their own units.")), None
    if not intercept:
        centre = np.zeros_like(centre)
        spread = np.sqrt(np.average(task.X**2, axis=0, weights=weight))
    spread = np.where(spread > 0, spread, 1.0)
    note = (
        "Features are shifted to mean 0 and scaled to standard deviation 1."
        if intercept
        else "Features are scaled to a root mean square of 1, and not shifted: there is no intercept."
    )
    return replace(task, X=(task.X - centre) / spread, notes=(*notes, note)), task


def _check_size(network: Network, steps: int, rate: float | None) -> None:
    """Refuse what no picture can hold or no learning rate can be."""
    if not 1 <= steps <= MOST_STEPS:
        raise ArgumentError("LM576", f"steps is a whole number from 1 to {MOST_STEPS:,}, got {steps}.")
    if rate is not None and not (np.isfinite(rate) and rate > 0):
        raise ArgumentError("LM576", f"learning_rate is a finite number above 0, got {rate}.")
    if network.size > MOST_PARAMETERS or network.size * steps > MOST_NUMBERS:
        raise ArgumentError(
            "LM576",
            f"the model has {network.size:,} parameters; at most {MOST_PARAMETERS:,}, and {MOST_NUMBERS:,} over all steps, can "
            "be followed. Use fewer features, hidden units or steps.",
        )


def _start(objective: Objective, start: ArrayLike | None, seed: int) -> Floats:
    network = objective.network
    if start is None:
        return network.start(seed)
    first = np.asarray(start, dtype=np.float64).ravel()
    if first.shape != (network.size,) or not np.isfinite(first).all():
        raise ArgumentError("LM576", f"start must hold {network.size} finite numbers, got {first.size}.")
    return first
