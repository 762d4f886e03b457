"""A linear model under any loss whose total is a sum over rows, as scikit-learn estimators.

Comes in: features, targets, weights. Goes out: `LinearLossRegressor` and `LinearLossClassifier`.
"""

from __future__ import annotations

import warnings
from abc import ABC
from dataclasses import replace
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from lossmith.adapt.in_sklearn.model import LossClassifier, LossModel, LossRegressor, dense, reads_alike
from lossmith.adapt.linear import LinearFit, fit_linear
from lossmith.loss.handle import Loss

Floats = NDArray[np.float64]


class _Linear(LossModel, ABC):
    """What both linear models do; heirs say whether coefficients have an axis of outputs."""

    def __init__(
        self,
        loss: Loss | str | None = None,
        *,
        penalty: float = 0.0,
        fit_intercept: bool = True,
        warm_start: bool = False,
        tol: float = 1e-10,
    ) -> None:
        self.loss = loss
        self.penalty = penalty
        self.fit_intercept = fit_intercept
        self.warm_start = warm_start
        self.tol = tol

    def _checked(self, X: Any, **targets: Any) -> Any:
        return dense(self, X, targets)

    def _fit_raw(self, loss: Loss, X: Any, y: Floats, sample_weight: Floats | None) -> None:
        start = self._last(loss, X) if self.warm_start else None
        found = fit_linear(
            loss,
            X,
            y,
            sample_weight,
            penalty=self.penalty,
            start=start,
            intercept=self.fit_intercept,
            tolerance=self.tol,
        )
        if not found.converged:
            warnings.warn(found.message, ConvergenceWarning, stacklevel=3)
        self._fit, self._fitted_by, self.n_iter_, self.converged_ = found, loss, found.iterations, found.converged
        self.objective_ = found.objective
        self.coef_, self.intercept_ = self._shaped(found)

    def _last(self, loss: Loss, X: Floats) -> LinearFit | None:
        """The last fit, where it has these features and outputs, and its raw predictions mean the same to this loss."""
        last: LinearFit | None = getattr(self, "_fit", None)
        declared = loss.definition.declaration
        outputs = len(self.classes_) if declared.has_classes else max(1, len(declared.heads))
        if last is None or last.weights.shape != (X.shape[1], outputs) or not reads_alike(self._fitted_by, loss):
            return None
        return last if self.fit_intercept else replace(last, intercept=0.0 * last.intercept)

    def _shaped(self, found: LinearFit) -> tuple[Any, Any]:
        return found.weights.T, found.intercept

    def _raw(self, X: Any) -> Floats:
        raw = X @ self._fit.weights + self._fit.intercept
        return raw[:, 0] if raw.shape[1] == 1 else raw


@final
class LinearLossRegressor(LossRegressor, _Linear):
    """A linear regressor under any loss whose total is a sum over rows.

    Minimises the mean weighted loss (without its explicit factor) plus `penalty / 2` times the sum of squared
    coefficients; the intercept goes free. `loss`: a `Loss`, a name, or None for squared error; its parameters are set as
    `loss__delta`. `tol`: the share of the objective that may be left to gain. After `fit`: `coef_` (features,) or
    (outputs, features), `intercept_`, `n_iter_`, `converged_`, `objective_`.
    Raises `AdapterError` (LM470 to LM473) for a loss that does not fit; warns if the lowest point was not reached.

    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0], [4.0]])
    >>> model = LinearLossRegressor("absolute_error").fit(X, [1.0, 3.0, 50.0, 7.0, 9.0])
    >>> model.predict([[10.0]]).round(6).tolist(), model.converged_
    ([21.0], True)
    """

    def _shaped(self, found: LinearFit) -> tuple[Any, Any]:
        one = found.weights.shape[1] == 1
        return (found.weights[:, 0], float(found.intercept[0])) if one else (found.weights.T, found.intercept)


@final
class LinearLossClassifier(LossClassifier, _Linear):
    """A linear classifier under any loss whose total is a sum over rows.

    As `LinearLossRegressor`; `loss` None is log loss for two classes, cross entropy for more. `coef_` is
    (1 or classes, features), `intercept_` (1 or classes,).

    >>> import numpy as np
    >>> X = np.array([[0.0], [1.0], [2.0], [3.0]])
    >>> model = LinearLossClassifier("focal", penalty=0.1).fit(X, ["no", "yes", "no", "yes"])
    >>> model.predict([[5.0]]).tolist()
    ['yes']
    """
