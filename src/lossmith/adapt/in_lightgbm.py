"""A loss in LightGBM: the right start, the right curvature, early stopping by the loss itself, a plain model file.

Comes in: a `Loss`. Goes out: a frozen adapter with `train`, `objective`, `metric`, `bake`. The model that `train`
returns is an ordinary `lightgbm.Booster`; saved, it predicts on the target's scale without Lossmith.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.adapt import lightgbm_model
from lossmith.adapt.lightgbm_steps import (
    OWN_COLUMNS,
    LightGBMMetric,
    LightGBMObjective,
    Rows,
    Steps,
    policy_of,
    rows_of,
)
from lossmith.adapt.lightgbm_table import Features, features
from lossmith.adapt.lightgbm_train import Plan, boost, wants_best_leaves
from lossmith.calculus.curvature import check_policy
from lossmith.calculus.scan import NoBestConstantError
from lossmith.errors import AdapterError
from lossmith.loss.handle import Columns, Loss

Floats = NDArray[np.float64]

# parameters of LightGBM, with their other names, that the loss or an argument decides
OURS: Final[Mapping[str, str]] = {
    **dict.fromkeys(("objective", "objective_type", "app", "application", "loss"), "the loss is the objective"),
    **dict.fromkeys(("metric", "metrics", "metric_types"), "the metric is the loss's own value; give valid="),
    **dict.fromkeys(
        ("num_iterations", "num_iteration", "n_iter", "num_tree", "num_trees", "num_round", "num_rounds", "nrounds",
         "num_boost_round", "n_estimators", "max_iter"),
        "use rounds=",
    ),
    **dict.fromkeys(
        ("early_stopping_round", "early_stopping_rounds", "early_stopping", "n_iter_no_change"),
        "use early_stopping_rounds= of train",
    ),
    **dict.fromkeys(("num_class", "num_classes"), "the loss and y decide it"),
    "boost_from_average": "training starts from the loss's best constant; use init= for another",
    **dict.fromkeys(
        ("categorical_feature", "cat_feature", "categorical_column", "cat_column", "categorical_features"),
        "use categorical_feature= of train",
    ),
    **dict.fromkeys(("linear_tree", "linear_trees"), "a start cannot be kept in linear leaves"),
}  # fmt: skip
BOOSTING: Final = ("boosting", "boosting_type", "boost")
LEARNING_RATE: Final = ("learning_rate", "shrinkage_rate", "eta")


def for_lightgbm(loss: Loss, *, columns: Columns | None = None, curvature: str | None = None) -> LightGBMAdapter:
    """This loss, ready for LightGBM.

    `columns`: the loss's declared extra columns for the training rows, each of shape (n,).
    `curvature`: "as_builtin", "exact", "step_bounded", or None: chosen by the loss (`.policy(y)` tells which).
    Raises `AdapterError`: LM401 if LightGBM cannot be loaded, LM400 for a loss whose total is not a sum over rows;
    `ArgumentError` (LM261) for an unknown policy.

    >>> import lossmith as ls
    >>> import numpy as np
    >>> X = np.arange(200.0).reshape(-1, 1)
    >>> model = ls.for_lightgbm(ls.get("quantile", level=0.9)).train(X, X[:, 0] + 1000, rounds=5)
    >>> type(model).__name__, bool(model.predict(X).min() > 1000)
    ('Booster', True)
    """
    load_lightgbm()
    check_policy(curvature)
    if not loss.is_additive:
        raise AdapterError(
            "LM400",
            f"{loss.name}: boosting needs a loss whose total is a sum over rows, and this one is not. "
            "Train with a loss that is, such as squared_error, log_loss or focal, and measure with this one.",
        )
    if loss.definition.declaration.on == "probability":
        raise AdapterError(
            "LM400",
            f"{loss.name}: it takes probabilities, which the sum of trees does not stay within. "
            "Use the same loss on raw predictions.",
        )
    return LightGBMAdapter(loss, columns, curvature)


def load_lightgbm() -> Any:
    """The module lightgbm, or one sentence that says what to install."""
    try:
        import lightgbm
    except ImportError as error:
        raise AdapterError(
            "LM401", "LightGBM is not installed. It comes with the study extra: pip install 'lossmith[study]'."
        ) from error
    except OSError as error:
        raise AdapterError(
            "LM401",
            f"LightGBM is installed, but the system does not let it load ({error}). If libgomp.so.1 is missing: it is "
            "the system package libgomp1 (apt-get install libgomp1) or libgomp (dnf install libgomp).",
        ) from error
    return lightgbm


@dataclass(frozen=True)
class LightGBMAdapter:
    """A loss ready for LightGBM; made by `for_lightgbm`."""

    loss: Loss
    columns: Columns | None = None
    curvature: str | None = None

    @property
    def objective(self) -> LightGBMObjective:
        """For `params["objective"]`, where you call LightGBM yourself."""
        return LightGBMObjective(self.loss, self.curvature, self.columns)

    @property
    def metric(self) -> LightGBMMetric:
        """For `feval`, where you call LightGBM yourself."""
        return LightGBMMetric(self.loss, self.columns)

    def with_columns(self, dataset: Any, columns: Mapping[str, ArrayLike]) -> Any:
        """The same `lightgbm.Dataset`, which now knows the columns of its own rows; what is cut from it knows them too.

        For validation sets that you make yourself; the training set has `columns=` of `for_lightgbm`, and folds of
        `lightgbm.cv` and subsets have the columns of what they are cut from.
        """
        setattr(dataset, OWN_COLUMNS, dict(columns))
        return dataset

    def policy(self, y: Any, sample_weight: ArrayLike | None = None) -> str:
        """The curvature policy that training on these targets will use."""
        return policy_of(self.loss, self.curvature, rows_of(y, sample_weight, self.columns))

    def note(self, columns: int = 1) -> str | None:
        """What a reader of the model file must know: None where the plain library gives predictions as they are."""
        declared = self.loss.definition.declaration
        links = {link for _, link in declared.heads} or {self.loss.link}
        if self.loss.definition.reading is not None:
            return (
                f"{self.loss.name}: raw predictions are tempered or capped before the link, for which LightGBM has no name, "
                "so the model file predicts raw scores; put them through loss.predict."
            )
        if self._stamp(columns) is not None or links == {"identity"}:
            return None
        return (
            f"{self.loss.name}: LightGBM has no name for the link {', '.join(sorted(links))}, so the model file "
            "predicts raw scores; put them through loss.predict."
        )

    def train(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        rounds: int = 100,
        valid: Sequence[Any] | None = None,
        early_stopping_rounds: int | None = None,
        categorical_feature: Sequence[int | str] | None = None,
        init: float | ArrayLike | None = None,
        on_round: Callable[[int, float | None], None] | None = None,
    ) -> Any:
        """Train a `lightgbm.Booster` that predicts on the target's scale and needs nothing of Lossmith.

        `X` (n, features): NumPy, SciPy sparse, or a frame of numbers (missing values are fine).
        `y` (n,), or what the loss declares; `sample_weight` (n,): rows of weight 0 are left out before binning.
        `params`: LightGBM's own (num_leaves, learning_rate, seed ...). `rounds`: boosting rounds.
        `valid`: (X, y), (X, y, weight) or (X, y, weight, columns); its value of the loss after each round is in
        `booster.best_score["valid"]`, and `early_stopping_rounds` without a better value end the training, keeping the
        best round. `categorical_feature`: numbers or names of columns that hold category codes. `init`: another start
        than the best constant, on the raw scale. `on_round(done, value)` is called after each round.
        Raises `AdapterError` (LM4xx), and whatever the loss says of its targets.
        """
        given = _checked(params, rounds, early_stopping_rounds, valid)
        rows = rows_of(y, sample_weight, self.columns)
        table, rows = _present(X, rows, "X")
        watched = None if valid is None else _valid(valid, self.loss)
        start = self._start(rows, init)
        steps = Steps(self.loss, policy_of(self.loss, self.curvature, rows))
        rate = float(next((given[name] for name in LEARNING_RATE if name in given), 0.1))
        leaves = wants_best_leaves(given, steps, start.size)
        categorical = table.positions(categorical_feature)
        plan = Plan(steps, start, given, rounds, early_stopping_rounds, leaves, rate, categorical, on_round)
        booster, progress = boost(plan, table, rows, watched)
        if (note := self.note(start.size)) is not None:
            warnings.warn(note, stacklevel=2)
        stop = progress.best_round if early_stopping_rounds is not None else 0
        baked = lightgbm_model.bake(booster, start, self._stamp(start.size), stop or None)
        if stop:
            baked.best_iteration = stop
        if progress.values:
            baked.best_score = {"valid": {self.loss.name: progress.best}}
        return baked

    def bake(self, booster: Any, start: float | ArrayLike | None = None) -> Any:
        """A copy of a booster that you trained with `.objective`, with its start and link inside.

        `start` is the constant that you gave as `init_score` (0 if none); without it, it is read from the training data
        that the booster still holds (`lightgbm.train(..., keep_training_booster=True)`).
        Raises `AdapterError`: LM402 if it is baked already, LM403 without trees, LM407 if the start cannot be known.
        """
        load_lightgbm()
        lightgbm_model.unbaked_text(booster)
        columns = int(booster.num_model_per_iteration())
        found = _start_in(booster, columns) if start is None else np.atleast_1d(np.asarray(start, dtype=np.float64))
        if found.shape != (columns,):
            raise AdapterError("LM407", f"start must hold {columns} numbers, one for each column, got {found.shape}.")
        return lightgbm_model.bake(booster, found, self._stamp(columns))

    def _stamp(self, columns: int) -> str | None:
        if self.loss.definition.declaration.heads or self.loss.definition.reading is not None:
            return None
        return lightgbm_model.stamp(self.loss.link, self.loss.target, columns)

    def _start(self, rows: Rows, init: float | ArrayLike | None) -> Floats:
        try:
            asked = self.loss.best_constant(rows.y, rows.weight, columns=rows.columns) if init is None else init
        except NoBestConstantError as error:
            raise AdapterError("LM408", f"{error.sentence} Give init=.") from error
        start = np.atleast_1d(np.asarray(asked, dtype=np.float64))
        if not isinstance(rows.y, Mapping) and rows.y.ndim == 2 and start.size == 1:
            start = np.repeat(start, rows.y.shape[1])
        if not np.isfinite(start).all():
            raise AdapterError(
                "LM408",
                f"{self.loss.name}: the best constant is {asked}, so that there is no constant to start from: a class never "
                "occurs (number classes 0, 1, 2 ... without gaps), or init= is not finite. Give init=.",
            )
        return start


def _checked(
    params: Mapping[str, Any] | None, rounds: int, patience: int | None, valid: Sequence[Any] | None
) -> dict[str, Any]:
    """LightGBM's parameters with what we decide refused, and quiet by default."""
    given = {"verbosity": -1, **(params or {})}
    for name in given:
        if name in OURS and given[name] not in (False, None):
            raise AdapterError("LM409", f'params has "{name}": {OURS[name]}.')
    boosting = given["boosting"] = next((given.pop(name) for name in BOOSTING if name in given), "gbdt")
    if boosting in ("rf", "random_forest"):
        raise AdapterError("LM409", 'LightGBM\'s random forest takes no objective from outside: use boosting="gbdt".')
    if boosting == "dart" and patience is not None:
        raise AdapterError(
            "LM409", "dart changes earlier trees in every round, so no earlier round can be kept: drop early stopping."
        )
    if rounds < 1:
        raise AdapterError("LM409", f"rounds must be at least 1, got {rounds}.")
    if patience is not None and (patience < 1 or valid is None):
        raise AdapterError("LM409", "early_stopping_rounds needs valid=(X, y) and must be at least 1.")
    return {name: value for name, value in given.items() if name not in OURS}


def _present(X: Any, rows: Rows, what: str) -> tuple[Features, Rows]:
    """Features and rows without the rows of weight 0."""
    table = features(X, rows.count, what)
    if rows.weight is None:
        return table, rows
    present = rows.weight != 0
    if not present.any():
        raise AdapterError("LM413", "every sample_weight is 0: there is no row to train on.")
    return table.take(present), rows.take(present)


def _valid(valid: Sequence[Any], loss: Loss) -> tuple[Features, Rows]:
    if not 2 <= len(valid) <= 4:
        raise AdapterError("LM414", "valid must be (X, y), (X, y, weight) or (X, y, weight, columns).")
    X, y, weight, columns = (*valid, None, None)[:4]
    lacking = [name for name in loss.definition.declaration.columns if name not in (columns or {})]
    if lacking:
        raise AdapterError(
            "LM414",
            f"valid lacks the columns of {loss.name}: {', '.join(lacking)}. Give them for its rows: (X, y, weight, "
            "columns), with None for no weight.",
        )
    return _present(X, rows_of(y, weight, columns), "valid's X")


def _start_in(booster: Any, columns: int) -> Floats:
    """The constant that the booster's training data start from."""
    data = getattr(booster, "train_set", None)
    if data is None:
        raise AdapterError(
            "LM407",
            "the booster no longer holds its training data, so its start is unknown: give start=, the init_score or 0.",
        )
    scores = data.get_init_score()
    if scores is None:
        return np.zeros(columns)
    table = np.asarray(scores, dtype=np.float64).reshape((-1, columns), order="F")
    if np.ptp(table, axis=0).any():
        raise AdapterError("LM407", "init_score differs between rows: only a constant start can be kept in the model.")
    return np.asarray(table[0])
