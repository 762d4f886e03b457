"""What a linear and a boosted model share as scikit-learn estimators: the loss, its parameters, classes, predictions.

Comes in: arrays as scikit-learn hands them over. Goes out: abstract estimators whose heirs fit raw predictions.
The loss's parameters are parameters of the estimator, `loss__delta` and the like, so that searches reach them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from lossmith.errors import AdapterError, LossmithError
from lossmith.loss.handle import Loss
from lossmith.loss.library import get

Floats = NDArray[np.float64]
PREFIX: Final = "loss__"
CLASSES: Final = ("binary", "class", "simplex", "ordinal")
POSITIVE: Final = ("positive", "nonnegative", "count")
PROBABILITIES: Final = ("sigmoid", "softmax", "probit", "cloglog")


def loss_of(loss: Loss | str | None, otherwise: str) -> Loss:
    """The loss itself, one of the catalogue by its name, or the usual one for None.

    Raises `AdapterError` LM470 for anything else, LM471 for a loss that no model can be fitted by rows.
    """
    found = get(otherwise if loss is None else loss) if loss is None or isinstance(loss, str) else loss
    if not isinstance(found, Loss):
        raise AdapterError(
            "LM470", f'loss must be a Loss or the name of one, such as "huber", got {type(found).__name__}.'
        )
    if not found.is_additive:
        raise AdapterError(
            "LM471",
            f"{found.name}: a model is fitted by a loss whose total is a sum over rows, and this one is not. Fit with a loss "
            "that is, such as squared_error or log_loss, and measure with this one: ls.for_sklearn(loss).scorer.",
        )
    needed = found.definition.declaration.columns
    if needed:
        raise AdapterError(
            "LM471",
            f"{found.name}: it needs columns beside the targets ({', '.join(needed)}), for which scikit-learn's fit has no "
            "place. Train with ls.for_lightgbm(loss, columns=...).",
        )
    return found


def reads_alike(one: Loss, other: Loss) -> bool:
    """Whether raw predictions of one loss mean the same to the other."""
    a, b = one.definition, other.definition
    return (one.link, a.declaration.heads, a.reading) == (other.link, b.declaration.heads, b.reading)


class LossModel(BaseEstimator, ABC):  # type: ignore[misc]
    """An estimator of raw predictions under a loss."""

    loss: Loss | str | None

    @abstractmethod
    def _fit_raw(self, loss: Loss, X: Any, y: Floats, sample_weight: Floats | None) -> None:
        """Fit, keeping what `_raw` needs."""

    @abstractmethod
    def _raw(self, X: Any) -> Floats:
        """Raw predictions of checked features, (n,) or (n, outputs)."""

    @abstractmethod
    def _checked(self, X: Any, **targets: Any) -> Any:
        """Features as an array, compared with what was seen in `fit`; with `y=`, both, remembered."""

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The parameters of the estimator and, with `deep`, those of its loss as `loss__name`."""
        found: dict[str, Any] = super().get_params(deep=False)
        known = self._known() if deep else None
        return found if known is None else found | {PREFIX + name: value for name, value in known.parameters.items()}

    def set_params(self, **params: Any) -> Self:
        """Set parameters; `loss__delta=2` binds the loss's delta."""
        bound = {name.removeprefix(PREFIX): params.pop(name) for name in list(params) if name.startswith(PREFIX)}
        super().set_params(**params)
        if bound:
            self.loss = loss_of(self.loss, self._usual(2)).bind(**bound)
        return self

    def _known(self) -> Loss | None:
        """The loss, if it is said and there is such a one: what is wrong with it, `fit` says."""
        try:
            return None if self.loss is None else loss_of(self.loss, "")
        except LossmithError:
            return None

    def _usual(self, classes: int) -> str:
        return "squared_error"

    def raw_prediction(self, X: Any) -> Floats:
        """What the model puts out before the link: (n,), or (n, outputs) for several classes or heads."""
        check_is_fitted(self)
        return self._raw(self._checked(X))

    def _weights(self, sample_weight: ArrayLike | None, X: Any) -> Floats | None:
        if sample_weight is None:
            return None
        return np.asarray(_check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True))


class LossRegressor(RegressorMixin, LossModel, ABC):
    """A regressor under a loss: predicts on the target's scale what the loss estimates."""

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to features (n, p) and targets (n,); rows of weight 0 are absent."""
        loss = loss_of(self.loss, "squared_error")
        if loss.target in CLASSES:
            kind = type(self).__name__.replace("Regressor", "Classifier")
            raise AdapterError("LM472", f"{loss.name}: its targets are classes; use {kind}.")
        X, y = self._checked(X, y=y)
        self.loss_ = loss
        self._fit_raw(loss, X, np.asarray(y, dtype=np.float64), self._weights(sample_weight, X))
        return self

    def predict(self, X: Any) -> Floats:
        """On the target's scale: (n,), or (n, heads)."""
        raw = self.raw_prediction(X)
        return np.asarray(self.loss_.predict(raw))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        known = self._known()
        tags.target_tags.positive_only = known is not None and known.target in POSITIVE
        return tags


class LossClassifier(ClassifierMixin, LossModel, ABC):
    """A classifier under a loss: two classes under one of two outcomes, any number under one of classes."""

    classes_: NDArray[Any]

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fit to features (n, p) and class labels (n,), of any type; rows of weight 0 are absent."""
        X, y = self._checked(X, y=y)
        check_classification_targets(y)
        self.classes_, places = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"y must hold at least two classes, found 1 class: {self.classes_[0]!r}.")
        loss = loss_of(self.loss, self._usual(len(self.classes_)))
        self._check_classes(loss, y)
        weight = self._weights(sample_weight, X)
        if weight is not None:
            present = np.bincount(places, weight > 0) > 0
            if not present.all():
                raise ValueError(
                    f"every class needs a row of positive weight, and {self.classes_[~present].tolist()[0]!r} has none."
                )
        self.loss_ = loss
        self._fit_raw(loss, X, places.astype(np.float64), weight)
        return self

    def _usual(self, classes: int) -> str:
        return "binary_cross_entropy" if classes == 2 else "cross_entropy"

    def _check_classes(self, loss: Loss, y: Any) -> None:
        if loss.target not in CLASSES:
            kind = type(self).__name__.replace("Classifier", "Regressor")
            raise AdapterError("LM472", f"{loss.name}: its targets are numbers; use {kind}.")
        if loss.target == "binary" and len(self.classes_) > 2:
            raise AdapterError(
                "LM473",
                f"{loss.name}: it knows two outcomes, and y has {len(self.classes_)} classes ({type_of_target(y)}). Use a "
                "loss of classes, such as cross_entropy or softmax_focal.",
            )

    def decision_function(self, X: Any) -> Floats:
        """Raw predictions: (n,) for two outcomes, above 0 for the second class; (n, classes) otherwise."""
        raw = self.raw_prediction(X)
        return raw[:, 1] - raw[:, 0] if raw.ndim == 2 and raw.shape[1] == 2 == len(self.classes_) else raw

    def predict_proba(self, X: Any) -> Floats:
        """The probability of every class, (n, classes).

        Raises `AdapterError` LM474 for a loss whose predictions are no probabilities.
        """
        raw = self.raw_prediction(X)
        if self.loss_.link not in PROBABILITIES:
            raise AdapterError(
                "LM474",
                f"{self.loss_.name}: its predictions (link {self.loss_.link}) are no probabilities; use predict.",
            )
        found = np.asarray(self.loss_.predict(raw))
        return (
            found
            if found.ndim == 2
            else np.column_stack([self.loss_.predict(-raw) if self._even() else 1 - found, found])
        )

    def _even(self) -> bool:
        """Whether the other outcome has the prediction of the opposite raw one: then nothing is lost in 1 - p."""
        return self.loss_.link == "sigmoid" and self.loss_.definition.reading is None

    def predict(self, X: Any) -> NDArray[Any]:
        """The class of the largest prediction; of two outcomes the second one where its probability is above a half."""
        raw = self.raw_prediction(X)
        if raw.ndim == 2:
            return self.classes_[np.argmax(raw, axis=1)]
        limit = 0.5 if self.loss_.link in PROBABILITIES else 0.0
        return self.classes_[(np.asarray(self.loss_.predict(raw)) > limit).astype(int)]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        known = self._known()
        tags.classifier_tags.multi_class = known is None or known.target != "binary"
        return tags


def dense(model: LossModel, X: Any, targets: Mapping[str, Any], **how: Any) -> Any:
    """Features as float64, with targets where they are given; scikit-learn's own checks and sentences."""
    if not targets:
        return validate_data(model, X, reset=False, dtype=np.float64, **how)
    numeric = isinstance(model, LossRegressor)
    return validate_data(model, X, targets["y"], dtype=np.float64, y_numeric=numeric, **how)
