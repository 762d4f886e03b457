"""LightGBM under any loss whose total is a sum over rows, as scikit-learn estimators.

Comes in: features, targets, weights. Goes out: `BoostedLossRegressor` and `BoostedLossClassifier`; `booster_` is the plain
model, which predicts without Lossmith.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Mapping, Sequence
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from lossmith.adapt.in_lightgbm import for_lightgbm
from lossmith.adapt.in_sklearn.model import LossClassifier, LossModel, LossRegressor, dense
from lossmith.loss.handle import Loss

Floats = NDArray[np.float64]

# LightGBM's other names of what has a parameter here: given in params=, they take its place
OTHER_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "learning_rate": ("shrinkage_rate", "eta"),
    "num_leaves": ("num_leaf", "max_leaves", "max_leaf", "max_leaf_nodes"),
    "min_data_in_leaf": ("min_data_per_leaf", "min_data", "min_child_samples", "min_samples_leaf"),
    "seed": ("random_seed", "random_state"),
    "num_threads": ("num_thread", "nthread", "nthreads", "n_jobs"),
    "force_row_wise": ("force_col_wise",),
}


class _Boosted(LossModel, ABC):
    """What both boosted models do."""

    def __init__(
        self,
        loss: Loss | str | None = None,
        *,
        rounds: int = 100,
        learning_rate: float = 0.1,
        num_leaves: int = 31,
        min_data_in_leaf: int = 20,
        params: Mapping[str, Any] | None = None,
        curvature: str | None = None,
        categorical_feature: Sequence[int | str] | None = None,
        early_stopping_rounds: int | None = None,
        validation_fraction: float = 0.1,
        random_state: int | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.loss = loss
        self.rounds = rounds
        self.learning_rate = learning_rate
        self.num_leaves = num_leaves
        self.min_data_in_leaf = min_data_in_leaf
        self.params = params
        self.curvature = curvature
        self.categorical_feature = categorical_feature
        self.early_stopping_rounds = early_stopping_rounds
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.n_jobs = n_jobs

    def _checked(self, X: Any, **targets: Any) -> Any:
        return dense(self, X, targets, ensure_all_finite="allow-nan", ensure_min_samples=1 + len(targets))

    def _fit_raw(self, loss: Loss, X: Any, y: Floats, sample_weight: Floats | None) -> None:
        rows = np.arange(len(y))
        valid = None
        if self.early_stopping_rounds is not None:
            same = y if hasattr(self, "classes_") else None
            rows, kept = train_test_split(
                rows, test_size=self.validation_fraction, random_state=self.random_state, stratify=same
            )
            valid = (X[kept], y[kept]) if sample_weight is None else (X[kept], y[kept], sample_weight[kept])
        weight = None if sample_weight is None else sample_weight[rows]
        adapter = for_lightgbm(loss, curvature=self.curvature)
        self.booster_ = adapter.train(
            X[rows],
            y[rows],
            weight,
            params=self._parameters(),
            rounds=self.rounds,
            valid=valid,
            early_stopping_rounds=self.early_stopping_rounds,
            categorical_feature=self.categorical_feature,
        )
        self.n_iter_ = self.booster_.num_trees() // self.booster_.num_model_per_iteration()

    def _parameters(self) -> dict[str, Any]:
        own = {
            "learning_rate": self.learning_rate,
            "num_leaves": self.num_leaves,
            "min_data_in_leaf": self.min_data_in_leaf,
            "seed": self.random_state,
            "num_threads": self.n_jobs,
            "deterministic": True,
            "force_row_wise": True,
        }
        given = self.params or {}
        own = {name: value for name, value in own.items() if not any(n in given for n in OTHER_NAMES.get(name, ()))}
        return {name: value for name, value in {**own, **given}.items() if value is not None}

    def _raw(self, X: Any) -> Floats:
        return np.asarray(self.booster_.predict(X, raw_score=True, num_threads=self.n_jobs or 0))

    @property
    def feature_importances_(self) -> Any:
        """How often every feature is split on, (features,)."""
        return self.booster_.feature_importance()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


@final
class BoostedLossRegressor(LossRegressor, _Boosted):
    """LightGBM as a regressor under any loss whose total is a sum over rows.

    `loss`: a `Loss`, a name, or None for squared error; its parameters are set as `loss__delta`. `rounds`,
    `learning_rate`, `num_leaves`, `min_data_in_leaf`, and `params` for all others of LightGBM's own. `curvature` as in
    `ls.for_lightgbm`. `early_stopping_rounds`: stop after so many rounds without a better value of the loss on the
    `validation_fraction` of the rows. After `fit`: `booster_` (a plain `lightgbm.Booster`), `n_iter_`.

    >>> import numpy as np
    >>> X = np.arange(200.0).reshape(-1, 1)
    >>> model = BoostedLossRegressor("quantile", rounds=5).set_params(loss__level=0.9).fit(X, X[:, 0] + 1000)
    >>> bool(model.predict(X).min() > 1000)
    True
    """


@final
class BoostedLossClassifier(LossClassifier, _Boosted):
    """LightGBM as a classifier under any loss whose total is a sum over rows.

    As `BoostedLossRegressor`; `loss` None is log loss for two classes, cross entropy for more.

    >>> import numpy as np
    >>> X = np.arange(200.0).reshape(-1, 1)
    >>> model = BoostedLossClassifier("focal", rounds=5).fit(X, np.where(X[:, 0] > 120, "late", "early"))
    >>> model.predict([[10.0], [190.0]]).tolist()
    ['early', 'late']
    """
