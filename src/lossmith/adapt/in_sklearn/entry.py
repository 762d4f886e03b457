"""A loss, ready for scikit-learn.

Comes in: a `Loss`. Goes out: a frozen adapter with estimators and a scorer.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, final

from lossmith.errors import AdapterError
from lossmith.loss.handle import Loss
from lossmith.loss.library import get

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from lossmith.adapt.in_sklearn.boosted_models import BoostedLossClassifier, BoostedLossRegressor
    from lossmith.adapt.in_sklearn.linear_models import LinearLossClassifier, LinearLossRegressor
    from lossmith.adapt.in_sklearn.scorers import LossScorer


def for_sklearn(loss: Loss | str) -> SklearnAdapter:
    """This loss, ready for scikit-learn: `.linear()`, `.boosted()`, `.scorer` and `.metric`.

    Raises `AdapterError` LM471 from `.linear` and `.boosted` for a loss whose total is not a sum over rows; its scorer works.

    >>> import lossmith as ls
    >>> model = ls.for_sklearn(ls.get("huber", delta=2)).linear(penalty=0.1)
    >>> type(model).__name__, model.get_params()["loss__delta"]
    ('LinearLossRegressor', 2.0)
    """
    if find_spec("sklearn") is None:
        raise AdapterError(
            "LM470", "scikit-learn is not installed. It comes with the study extra: pip install 'lossmith[study]'."
        )
    return SklearnAdapter(get(loss) if isinstance(loss, str) else loss)


@final
@dataclass(frozen=True)
class SklearnAdapter:
    """A loss ready for scikit-learn; made by `for_sklearn`."""

    loss: Loss

    def linear(self, **params: Any) -> LinearLossRegressor | LinearLossClassifier:
        """A linear model under this loss, with an L2 penalty: a classifier where targets are classes."""
        from lossmith.adapt.in_sklearn.linear_models import LinearLossClassifier, LinearLossRegressor
        from lossmith.adapt.in_sklearn.model import CLASSES, loss_of

        loss = loss_of(self.loss, "")
        return (LinearLossClassifier if loss.target in CLASSES else LinearLossRegressor)(loss, **params)

    def boosted(self, **params: Any) -> BoostedLossRegressor | BoostedLossClassifier:
        """LightGBM under this loss: a classifier where targets are classes."""
        from lossmith.adapt.in_sklearn.boosted_models import BoostedLossClassifier, BoostedLossRegressor
        from lossmith.adapt.in_sklearn.model import CLASSES, loss_of

        loss = loss_of(self.loss, "")
        return (BoostedLossClassifier if loss.target in CLASSES else BoostedLossRegressor)(loss, **params)

    @property
    def scorer(self) -> LossScorer:
        """Minus this loss, for `scoring=` of cross validation and searches."""
        from lossmith.adapt.in_sklearn.scorers import LossScorer

        return LossScorer(self.loss)

    def metric(self, y_true: Any, y_pred: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """This loss of predictions on the target's scale, in the order of `sklearn.metrics`; less is better.

        `y_pred` (n,), of two outcomes the probability of the one numbered 1; (n, classes) of probabilities under a softmax.
        """
        from lossmith.adapt.in_sklearn.scorers import before_link, value_at

        return value_at(self.loss, y_true, before_link(self.loss, y_pred), sample_weight)
