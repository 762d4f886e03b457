"""The protocol of the design problems: a problem, a loss and a seed come in, held-out decisions go out; two sets of them
give a difference with its 95 % interval.

The default loss and a design go through the same: the same model on the same rows, the same choice of penalties (or of
the number of trees) and of rules. What is chosen is chosen on the rows for the rule, by the criterion itself, rules
fitted on one half of them being judged on the other. Only then are the held-out rows looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import lossmith as ls
from benchmarks.design_rules import Action, Family, Floats, Rows, Split
from benchmarks.design_sets import Problem

PENALTIES: Final = (1e-6, 1e-4, 1e-2, 1e-1, 1.0, 10.0)
TREES: Final = (25, 50, 100, 200, 400)
STEPS, ROUNDS, STILL = 500, 4, 1e-7
RESAMPLES: Final = 1_000
BOOSTED: Final = {
    "learning_rate": 0.1,
    "num_leaves": 31,
    "min_data_in_leaf": 20,
    "deterministic": True,
    "force_col_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}

Predict = Callable[[Floats], Floats]


@dataclass(frozen=True)
class Model:
    """A trained model: how it was set, from features to predictions on the target's scale, and its parameters."""

    setting: str
    predict: Predict
    parameters: Floats | None = None


# Training ------------------------------------------------------------------------------------------------------------


def _columns(loss: ls.Loss, rows: Rows) -> dict[str, Floats] | None:
    """What the loss declares of the columns at hand."""
    declared = {name: rows.columns[name] for name in loss.declaration["columns"]}
    return declared or None


def _features(train: Rows) -> Callable[[Floats], Floats]:
    """Features of mean 0 and deviation 1 on the training rows, and a column of ones."""
    centre, spread = train.X.mean(axis=0), train.X.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    return lambda X: np.hstack([(X - centre) / spread, np.ones((len(X), 1))])


def linear_model(loss: ls.Loss, train: Rows, penalty: float, start: Floats | None = None) -> Model:
    """A linear model under any loss: the finished number, plus penalty / 2 times the squared weights.

    The number is measured in units of its size at the median of the targets or at even classes, and numbers in units
    of the spread of the middle half of the targets. `start`: parameters to begin from, else that constant.
    """
    features = _features(train)
    Z, columns = features(train.X), _columns(loss, train)
    is_class = loss.target == "class"
    classes = int(train.y.max()) + 1 if is_class else 1
    is_number = loss.target not in ("binary", "class")
    unit = float(np.subtract(*np.quantile(train.y, (0.75, 0.25)))) if is_number else 1.0
    y = train.y.astype(np.int64) if is_class else train.y

    def raw(parameters: Floats, Z: Floats) -> Floats:
        table = unit * (Z @ parameters.reshape(Z.shape[1], classes))
        return table if is_class else table[:, 0]

    constant = np.zeros(Z.shape[1] * classes)
    constant[-classes:] = np.median(train.y) / unit if is_number else 0.0
    free = np.r_[np.ones(len(constant) - classes), np.zeros(classes)]
    height = abs(loss.value(y, raw(constant, Z), columns=columns)) or 1.0

    def objective(parameters: Floats) -> tuple[float, Floats]:
        value, slope = loss.value_and_gradient(y, raw(parameters, Z), columns=columns)
        gradient = unit * (Z.T @ slope.reshape(len(Z), classes)).ravel()
        held = penalty * free * parameters
        return value / height + 0.5 * float(held @ parameters), gradient / height + held

    found = _least(objective, constant if start is None else start)
    return Model(f"penalty {penalty:g}", lambda X: np.asarray(loss.predict(raw(found, features(X)))), found)


def _least(objective: Callable[[Floats], tuple[float, Floats]], start: Floats) -> Floats:
    """L-BFGS, begun anew where it stands until that no longer helps (corners of a loss stop it early)."""
    from scipy.optimize import minimize

    at, value = start, objective(start)[0]
    for _ in range(ROUNDS):
        found = minimize(objective, at, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "maxcor": 20})
        if not found.fun < value:
            break
        at, gained, value = found.x, value - found.fun, float(found.fun)
        if gained <= STILL * abs(value):
            break
    return np.asarray(at)


def linear_models(loss: ls.Loss, split: Split, starts: Sequence[Model] | None, seed: int) -> list[Model]:
    """One for each penalty; where there is a model of the default loss, training goes on from there."""
    begun = [None] * len(PENALTIES) if starts is None else [model.parameters for model in starts]
    return [linear_model(loss, split.train, *pair) for pair in zip(PENALTIES, begun, strict=True)]


def boosted_models(loss: ls.Loss, split: Split, starts: Sequence[Model] | None, seed: int) -> list[Model]:
    """Trees of one training, so many of them."""
    train = split.train
    booster = ls.for_lightgbm(loss, columns=_columns(loss, train)).train(
        train.X, train.y, params=BOOSTED | {"seed": seed}, rounds=TREES[-1]
    )

    def first(trees: int) -> Predict:
        return lambda X: np.asarray(booster.predict(X, num_iteration=trees, num_threads=1))

    return [Model(f"{trees} trees", first(trees)) for trees in TREES]


MODELS: Final = {"linear": linear_models, "boosted": boosted_models}


# Choosing ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Decided:
    """What became of one loss with one seed: the decisions on the held-out rows, and what was chosen on the way."""

    held: Rows
    action: Floats
    model: str
    rule: str
    models: Sequence[Model]


def _halves(tune: Rows, seed: int) -> Iterator[tuple[Any, Any]]:
    """Both ways to fit a rule on one half and to judge it on the other; units stay together."""
    units, place = np.unique(tune.unit, return_inverse=True)
    half = np.random.default_rng([seed, 9]).permutation(len(units))[place] % 2 == 0
    yield np.flatnonzero(half), np.flatnonzero(~half)
    yield np.flatnonzero(~half), np.flatnonzero(half)


def _promise(problem: Problem, name: str, tune: Rows, p: Floats, shares: Floats, seed: int) -> float:
    """The criterion of a rule on rows that it was not fitted on."""
    total = 0.0
    for fit, judge in _halves(tune, seed):
        rule = problem.rules[name](tune.take(fit), p[fit], problem.criterion, shares)
        other = tune.take(judge)
        total += problem.criterion(other, rule(other, p[judge]), np.ones(len(judge)))
    return total / 2


def shares_of(train: Rows, rules: Family) -> Floats:
    """The share of each class among the training rows, where a rule asks for it."""
    return np.bincount(train.y.astype(np.int64)) / len(train.y) if "shares divided out" in rules else np.zeros(0)


def decide(problem: Problem, loss: ls.Loss, split: Split, seed: int, starts: Sequence[Model] | None = None) -> Decided:
    """Train, choose setting and rule on the rows for the rule, decide on the held-out rows."""
    models, tune = MODELS[problem.model](loss, split, starts, seed), split.tune
    shares, said = shares_of(split.train, problem.rules), [model.predict(tune.X) for model in models]
    options = [(k, name) for k in range(len(models)) for name in problem.rules]
    k, name = min(options, key=lambda o: _promise(problem, o[1], tune, said[o[0]], shares, seed))
    rule: Action = problem.rules[name](tune, said[k], problem.criterion, shares)
    action = rule(split.held, models[k].predict(split.held.X))
    return Decided(split.held, action, models[k].setting, name, models)


# Judging -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Difference:
    """The criterion under the default loss and under a design, means over seeds, and the paired difference.

    `low`, `high`: its 95 % interval over held-out rows (or days); `by_seed`: the difference with each seed.
    """

    default: float
    design: float
    low: float
    high: float
    by_seed: tuple[float, ...]

    @property
    def value(self) -> float:
        """Design less default: below 0 the design is better."""
        return self.design - self.default

    @property
    def is_better(self) -> bool:
        """Better beyond the interval."""
        return self.high < 0

    @property
    def is_worse(self) -> bool:
        """Worse beyond the interval."""
        return self.low > 0


def compare(problem: Problem, default: Sequence[Decided], design: Sequence[Decided]) -> Difference:
    """Judge both on the same held-out rows, seed by seed.

    The interval: held-out units are drawn anew 1,000 times, a unit that several seeds hold out with one weight in all
    of them, and the mean difference over seeds is computed each time.
    """
    units = np.unique(np.concatenate([one.held.unit for one in default]))
    places = [np.searchsorted(units, one.held.unit) for one in default]

    def values(of: Sequence[Decided], weight: Floats) -> Floats:
        pairs = zip(of, places, strict=True)
        return np.array([problem.criterion(one.held, one.action, weight[place]) for one, place in pairs])

    even, rng = np.ones(len(units)), np.random.default_rng(0)
    first, second = values(default, even), values(design, even)
    drawn = []
    for _ in range(RESAMPLES):
        weight = np.bincount(rng.integers(0, len(units), len(units)), minlength=len(units)).astype(np.float64)
        drawn.append(float(np.mean(values(design, weight) - values(default, weight))))
    low, high = np.quantile(drawn, (0.025, 0.975))
    return Difference(float(first.mean()), float(second.mean()), float(low), float(high), tuple(second - first))
