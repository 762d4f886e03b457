"""The exhaustive best: rows of a generated set come in, every fitting loss with every rule, judged on fresh rows, goes out.

Losses are all of the catalogue that take this kind of target and add up over rows, at sensible parameters; rules are
fitted on predictions for rows that the model did not learn from (three folds); the model is then refitted on all rows
and judged on many fresh rows. Nothing here is shared with the study but the settings of LightGBM: a second witness.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

import lossmith as ls
from benchmarks.advisor_rules import RULES, Problem
from benchmarks.advisor_sets import FEATURES, REGIONS, Floats, GeneratedSet, Sample
from lossmith.advise.models.plan import PATIENCE, ROUNDS, cores, model_settings

if TYPE_CHECKING:
    import polars as pl

FOLDS: Final = 3
Z95: Final = 1.959963984540054


@dataclass(frozen=True)
class Way:
    """A loss with a rule: its mean cost on the fresh rows, half of its 95 % interval, and what each row cost."""

    loss: str
    rule: str
    value: float
    margin: float
    per_row: Floats = field(repr=False)


@dataclass(frozen=True)
class Trainable:
    """A loss ready to be trained; `weights` are those of the classes, `grade` a loss of grades cut from a line."""

    label: str
    loss: ls.Loss
    weights: tuple[float, ...] = ()
    grade: bool = False


def judged(loss: str, rule: str, per_row: Floats) -> Way:
    """A way with its mean and interval."""
    error = float(per_row.std(ddof=1)) / np.sqrt(len(per_row))
    return Way(loss, rule, float(per_row.mean()), Z95 * error, per_row)


def untrained(loss: str, rule: str, rows: int) -> Way:
    """A way that could not be tried: infinitely dear."""
    return Way(loss, rule, np.inf, 0.0, np.full(rows, np.inf))


def matrix_of(frame: pl.DataFrame) -> Floats:
    """The features as numbers, missing cells as NaN, regions as codes."""
    codes = {name: float(code) for code, name in enumerate(REGIONS)}
    region = frame["region"].replace_strict(codes)
    columns = (region if name == "region" else frame[name] for name in FEATURES)
    return np.column_stack([column.cast(float).fill_null(np.nan).to_numpy() for column in columns])


# Which losses, at which parameters.

SAME: Final[Mapping[str, str]] = {
    "half_squared_error": "squared_error",
    "sum_of_squares_half": "squared_error",
    "gaussian": "squared_error",
    "laplace": "absolute_error",
    "poisson_likelihood": "poisson",
    "gamma_likelihood": "gamma",
}
"""Losses that train the same model as another one: they differ by a factor or by terms of y alone."""

Settings = list[dict[str, float]]


def _t(degrees: float, spread: float) -> dict[str, float]:
    """Student-t noise whose middle half is as wide as that of the residuals."""
    from scipy.stats import t

    return {"degrees": degrees, "scale": spread / float(t.ppf(0.75, degrees))}


def _leaning(facts: Mapping[str, float]) -> Settings:
    return [{"level": facts["level"]}] if facts["level"] not in (0.0, 0.5) else []


# From facts (`spread` is the median size of a residual) to parameters; a loss that is not listed takes its defaults.
SETTINGS: Final[Mapping[str, Callable[[Mapping[str, float]], Settings]]] = {
    "huber": lambda f: [{"delta": 1.345 * 1.4826 * f["spread"]}, {"delta": 0.5 * f["spread"]}],
    "quantile": _leaning,
    "expectile": _leaning,
    "student_t": lambda f: [_t(2.0, f["spread"]), _t(4.0, f["spread"])],
    "logistic": lambda f: [{"scale": f["spread"] / np.log(3.0)}],
    "tweedie": lambda f: [{"power": power} for power in (1.2, 1.5, 1.8)],
    "negative_binomial": lambda f: [{"dispersion": f["dispersion"]}],
    "zero_inflated_poisson": lambda f: [{"zero": f["zero"]}],
    "focal": lambda f: [{"gamma": 1.0}, {"gamma": 2.0}],
    "softmax_focal": lambda f: [{"gamma": 1.0}, {"gamma": 2.0}],
}

KINDS: Final[Mapping[str, tuple[str, ...]]] = {"ordinal": ("ordinal", "real")}
"""Grades are numbers too; every other kind stands for itself."""


def facts_of(problem: Problem, y: Floats, y_pred: Floats) -> dict[str, float]:
    """What parameters are made of: targets and out-of-fold predictions of the default model."""
    residual = y - y_pred
    spread = np.median(np.abs(residual - np.median(residual))) or np.abs(residual).mean()
    p = np.maximum(y_pred, 0.0)
    extra = ((y == 0).mean() - np.exp(-p).mean()) / (1 - np.exp(-p).mean()) if p.any() else 0.0
    return {
        "level": problem.level or 0.0,
        "spread": float(spread),
        "dispersion": max(1e-3, float(((residual**2 - p).sum()) / max((p**2).sum(), 1e-300))),
        "zero": float(np.clip(extra, 0.01, 0.99)),
    }


def losses(problem: Problem, y: Floats, facts: Mapping[str, float]) -> Iterator[Trainable]:
    """Every loss of the catalogue that fits, once for each of its settings; for classes weighted ones as well."""
    kinds = KINDS.get(problem.kind, (problem.kind,))
    for name in dict.fromkeys(name for kind in kinds for name in ls.names(kind)):
        if name in SAME or not (found := ls.get(name)).is_additive:
            continue
        for setting in SETTINGS.get(name, lambda f: [{}])(facts):
            label = name + "".join(f" {key}={value:.3g}" for key, value in setting.items())
            yield Trainable(label, found.bind(**setting), grade=name == "ordinal")
    yield from _weighted(problem, y)


def _weighted(problem: Problem, y: Floats) -> Iterator[Trainable]:
    """The log loss with classes weighing the same, and weighing what errors about them cost."""
    if not problem.matrix:
        return
    name = "binary_cross_entropy" if problem.kind == "binary" else "cross_entropy"
    counts = np.bincount(y.astype(np.int64), minlength=len(problem.matrix))
    totals = np.sum(problem.matrix, axis=1)
    for what, weights in (("balanced", len(y) / (len(counts) * counts)), ("by cost", totals / totals.mean())):
        if np.ptp(weights) > 0.05:
            table = tuple(map(float, weights))
            yield Trainable(f"{name} {what}", ls.get(name).reweight(dict(enumerate(table))), table)


# Training.


@dataclass(frozen=True)
class Rows:
    """Encoded features and targets; `classes` is 0 for numbers."""

    X: Floats
    y: Floats
    classes: int

    def take(self, rows: NDArray[Any]) -> Rows:
        """Only these rows."""
        return Rows(self.X[rows], self.y[rows], self.classes)


@dataclass(frozen=True)
class Predictions:
    """What a model says of the rows it learned from (out of fold) and of the fresh ones."""

    trainable: Trainable
    known: Floats
    fresh: Floats
    cuts: Floats


def folds_of(rows: Rows, seed: int) -> NDArray[np.int64]:
    """The fold of each row; classes are dealt out evenly."""
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.permutation(len(rows.y)), rows.y if rows.classes else np.zeros(len(rows.y))))
    fold = np.empty(len(order), dtype=np.int64)
    fold[order] = np.arange(len(order)) % FOLDS
    return fold


def cut_points(rows: Rows) -> Floats:
    """The cut points of the grades where no feature is known: logits of the cumulative shares."""
    below = np.cumsum(np.bincount(rows.y.astype(np.int64), minlength=rows.classes))[:-1] / len(rows.y)
    return np.asarray(np.log(below) - np.log1p(-below))


def _columns(rows: Rows, cuts: Floats) -> dict[str, Floats]:
    ends, place = np.concatenate(([-np.inf], cuts, [np.inf])), rows.y.astype(np.int64)
    return {"low": ends[place], "high": ends[place + 1]}


def train(one: Trainable, fit: Rows, stop: Rows | None, rounds: int, seed: int, cuts: Floats) -> Any:
    """One LightGBM model under the settings of the study."""
    valid: tuple[Any, ...] | None = None
    if stop is not None:
        valid = (stop.X, stop.y, None, _columns(stop, cuts)) if one.grade else (stop.X, stop.y)
    return ls.for_lightgbm(one.loss, columns=_columns(fit, cuts) if one.grade else None).train(
        fit.X,
        fit.y,
        params=model_settings(len(fit.y), seed),
        rounds=rounds,
        valid=valid,
        early_stopping_rounds=PATIENCE if stop is not None else None,
        categorical_feature=[FEATURES.index("region")],
    )


def predictions(one: Trainable, rows: Rows, fresh: Floats, seed: int) -> Predictions:
    """Out-of-fold predictions, and those of the model on all rows for the fresh ones."""
    fold, cuts = folds_of(rows, seed), cut_points(rows) if one.grade else np.zeros(0)
    known, rounds = None, []
    for k in range(FOLDS):
        held = rows.take(fold == k)
        model = train(one, rows.take(fold != k), held, ROUNDS, seed, cuts)
        said = np.asarray(model.predict(held.X, num_threads=1))
        known = np.empty((len(rows.y), *said.shape[1:])) if known is None else known
        known[fold == k] = said
        rounds.append(max(int(model.best_iteration), 1))
    model = train(one, rows, None, int(np.median(rounds)), seed, cuts)
    assert known is not None
    return Predictions(one, known, np.asarray(model.predict(fresh, num_threads=1)), cuts)


def default_loss(problem: Problem) -> Trainable:
    """What one trains by who thinks of no loss."""
    name = {"binary": "binary_cross_entropy", "ordinal": "cross_entropy"}.get(problem.kind, "squared_error")
    return Trainable(name, ls.get(name))


def ways(one: GeneratedSet, known: Sample, fresh: Sample, seed: int, *, workers: int | None = None) -> list[Way]:
    """Every loss with every rule on the fresh rows, the best first."""
    problem = Problem.of(one)
    first = 1.0 if one.kind == "ordinal" else 0.0  # grades start at 1, classes at 0
    rows = Rows(matrix_of(known.frame), known.y - first, len(one.matrix))
    X, y = matrix_of(fresh.frame), fresh.y - first
    number = Trainable("squared_error", ls.get("squared_error"))
    facts = facts_of(problem, rows.y, predictions(number, rows, X[:1], seed).known)
    with ThreadPoolExecutor(workers or cores()) as pool:
        jobs = [pool.submit(_tried, trainable, rows, X, seed) for trainable in losses(problem, rows.y, facts)]
    found = [way for job in jobs for way in _ruled(problem, job.result(), rows.y, y)]
    return sorted(found, key=lambda way: way.value)


def _tried(one: Trainable, rows: Rows, fresh: Floats, seed: int) -> Predictions | tuple[str, str]:
    """Predictions, or the name of a loss that cannot be trained on these rows and why."""
    try:
        return predictions(one, rows, fresh, seed)
    except ls.LossmithError as error:
        return one.label, f"not trained ({error.code})"


def _ruled(problem: Problem, said: Predictions | tuple[str, str], y_known: Floats, y: Floats) -> Iterator[Way]:
    """One model under every rule that takes such predictions."""
    if isinstance(said, tuple):
        yield untrained(*said, len(y))
        return
    for name, fits, fit in RULES:
        if fits(problem, said.known, said.trainable.weights, said.cuts):
            rule = fit(problem, y_known, said.known, said.trainable.weights, said.cuts)
            yield judged(said.trainable.label, name, problem.cost(y, rule(said.fresh)))
