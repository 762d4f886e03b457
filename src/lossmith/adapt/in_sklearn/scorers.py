"""A loss as a scorer: what cross validation and searches maximise.

Comes in: a loss, a fitted estimator, rows. Goes out: minus the loss of its predictions; 0 is perfect, greater is better.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.metadata_routing import MetadataRequest

from lossmith.adapt.in_sklearn.model import PROBABILITIES, reads_alike
from lossmith.errors import AdapterError
from lossmith.loss.handle import Loss

Floats = NDArray[np.float64]
FAR: Final = 1e300  # stands for an infinite raw prediction
GROWS: Final = 1e200  # a loss above it has no other reason than such a one
SUM: Final = 1e-3  # a row's probabilities add up to 1 within rounding, in float32 as well


@final
@dataclass(frozen=True)
class LossScorer:
    """Called by scikit-learn as `scorer(estimator, X, y, sample_weight=None)`; gives minus the loss.

    An estimator of ours is measured by its raw predictions, in pipelines and searches too. Of others, probabilities are
    taken where the loss's link gives probabilities, margins where a loss of two outcomes has none, predictions otherwise;
    all are turned into raw predictions by the link itself, so that a probability of exactly 0 or 1 costs what it costs:
    nothing where it is right, infinity under log loss where it is wrong.

    >>> import lossmith as ls
    >>> from sklearn.linear_model import LinearRegression
    >>> X, y = [[0.0], [1.0], [2.0]], [0.0, 1.0, 4.0]
    >>> round(ls.for_sklearn(ls.get("mae")).scorer(LinearRegression().fit(X, y), X, y), 4)
    -0.4444
    """

    loss: Loss
    weights: bool | str | None = None

    def __call__(self, estimator: Any, X: Any, y_true: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Minus the loss of the estimator's predictions for these rows."""
        raw = raw_of(self.loss, estimator, X)
        return -value_at(self.loss, _targets(estimator, y_true, self.loss), raw, sample_weight)

    def set_score_request(self, *, sample_weight: bool | str | None = True) -> LossScorer:
        """The same scorer, which asks scikit-learn's metadata routing for weights: True, False, or under another name."""
        return replace(self, weights=sample_weight)

    def get_metadata_routing(self) -> MetadataRequest:
        """What scikit-learn asks of a scorer where metadata routing is on."""
        request = MetadataRequest(owner=self)
        request.score.add_request(param="sample_weight", alias=self.weights)
        return request


def value_at(loss: Loss, y_true: Any, raw_prediction: Floats, sample_weight: ArrayLike | None) -> float:
    """The loss, at infinite raw predictions its limit: looked at from so far that only what grows for ever is still large."""
    infinite = np.isinf(raw_prediction)
    if not infinite.any():
        return loss.value(y_true, raw_prediction, sample_weight)
    with np.errstate(all="ignore"):
        found = loss.value(y_true, np.where(infinite, np.copysign(FAR, raw_prediction), raw_prediction), sample_weight)
    return float(np.copysign(np.inf, found)) if abs(found) > GROWS else found


def raw_of(loss: Loss, estimator: Any, X: Any) -> Floats:
    """Raw predictions of any estimator: its own, or those that the link maps to what it predicts."""
    own, seen = _innermost(estimator, X)
    if hasattr(own, "raw_prediction") and reads_alike(getattr(own, "loss_", loss), loss):
        return np.asarray(own.raw_prediction(seen))
    if loss.definition.declaration.heads:
        raise AdapterError(
            "LM478",
            f"{loss.name}: it measures {len(loss.definition.declaration.heads)} predictions a row, which only an estimator "
            f"fitted by a loss with the same heads has; {type(estimator).__name__} was not.",
        )
    if loss.link in PROBABILITIES:
        if not hasattr(estimator, "predict_proba"):
            raise AdapterError(
                "LM475",
                f"{loss.name}: it measures probabilities, and {type(estimator).__name__} has no predict_proba. Use a "
                "classifier that has, or another loss.",
            )
        found = np.asarray(estimator.predict_proba(X), dtype=np.float64)
        if loss.link == "softmax":
            return _before(loss, found, other=None)
        if found.shape[1] != 2:
            raise AdapterError(
                "LM473",
                f"{loss.name}: it knows two outcomes, and {type(estimator).__name__} knows another number of classes "
                f"({found.shape[1]}). Use a loss of classes, such as cross_entropy.",
            )
        return _before(loss, found[:, 1], other=found[:, 0])
    margins = loss.link == "identity" and loss.target == "binary" and loss.definition.declaration.on == "raw"
    found = (
        estimator.decision_function(X) if margins and hasattr(estimator, "decision_function") else estimator.predict(X)
    )
    return _before(loss, np.asarray(found, dtype=np.float64), other=None)


def _innermost(estimator: Any, X: Any) -> tuple[Any, Any]:
    """What predicts inside pipelines and searches, and where that is an estimator of ours, the features that it sees."""
    before = []
    while isinstance(estimator, Pipeline) or hasattr(estimator, "best_estimator_"):
        if isinstance(estimator, Pipeline):
            before.append(estimator[:-1])
        estimator = estimator[-1] if isinstance(estimator, Pipeline) else estimator.best_estimator_
    for steps in before if hasattr(estimator, "raw_prediction") else ():
        X = steps.transform(X) if len(steps) else X
    return estimator, X


def before_link(loss: Loss, y_pred: ArrayLike) -> Floats:
    """The raw predictions that the loss's link maps to these: (n,), or (n, classes) of probabilities."""
    found = np.asarray(y_pred, dtype=np.float64)
    return _before(loss, found, other=1 - found)


def _before(loss: Loss, y_pred: Floats, other: Any) -> Floats:
    """The raw predictions of predictions; of two outcomes with the other's own probability, which keeps small ones whole."""
    from scipy.special import ndtri

    with np.errstate(divide="ignore", invalid="ignore"):
        links: dict[str, Any] = {
            "identity": lambda p: p,
            "exp": np.log,
            "softplus": lambda p: p + np.log(-np.expm1(-p)),
            "tanh": np.arctanh,
            "sigmoid": lambda p: np.log(p) - np.log(other),
            "softmax": np.log,
            "probit": ndtri,
            "cloglog": lambda p: np.log(-np.log(other)),
        }
        if loss.link not in links or loss.definition.reading is not None:
            raise AdapterError("LM476", f"{loss.name}: its link {loss.link} has no inverse here.")
        raw = np.asarray(links[loss.link](y_pred), dtype=np.float64)
    off = np.abs(y_pred.sum(axis=1) - 1) > SUM if loss.link == "softmax" and y_pred.ndim == 2 else np.zeros(0)
    if off.any():
        raise AdapterError(
            "LM479",
            f"{loss.name}: its link softmax gives probabilities that add up to 1, and those of row {off.argmax()} add up to "
            f"{y_pred[off.argmax()].sum():.6g} ({off.sum()} such rows).",
        )
    outside = np.isnan(raw) & ~np.isnan(y_pred)
    if outside.any():
        raise AdapterError(
            "LM479",
            f"{loss.name}: a prediction of {y_pred[outside][0]} is outside of what its link {loss.link} gives ({outside.sum()} "
            "such predictions). Use an estimator whose predictions stay within, or a loss with the identity link.",
        )
    return raw


def _targets(estimator: Any, y_true: ArrayLike, loss: Loss) -> Any:
    """Class labels as the places that the estimator knows them by; numbers as they are."""
    classes = getattr(estimator, "classes_", None)
    if classes is None or loss.target not in ("binary", "class", "ordinal"):
        return np.asarray(y_true, dtype=np.float64)
    places = np.searchsorted(classes, y_true)
    known = np.asarray(classes)[np.minimum(places, len(classes) - 1)] == np.asarray(y_true)
    if not known.all():
        raise AdapterError(
            "LM477",
            f"y holds the class {np.asarray(y_true)[~known][0]!r}, which {type(estimator).__name__} has never seen "
            f"({int((~known).sum())} such rows).",
        )
    return places
