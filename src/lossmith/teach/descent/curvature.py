"""How strongly the loss bends: an objective and points of a path come in, eigenvalues of its hessian go out.

Few parameters: the whole hessian, column by column from exact hessian-vector products, and all eigenvalues. Many: the
largest one by Lanczos iterations (scipy's eigsh) that see the hessian only through such products.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.report.descent_page.record import Curvature, Floats
from lossmith.teach.descent.task import Objective

DENSE: Final = 12
DENSE_AT_END: Final = 300
PLACES: Final = 9
NOTHING: Final = 1e-10
"""An eigenvalue below this share of the largest one is rounding of the hessian's sums."""


def largest(objective: Objective, point: Floats, seed: int = 0) -> float:
    """The largest eigenvalue of the hessian at a point; NaN where the hessian has no number."""
    size = objective.network.size
    if size <= DENSE:
        return _top(objective.hessian(point))
    from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

    bent = objective.bent(point)
    operator = LinearOperator((size, size), matvec=lambda v: bent(v.ravel()), dtype=np.float64)
    first = np.random.default_rng(seed).standard_normal(size)
    if not np.isfinite(operator.matvec(first)).all():
        return float("nan")
    if not operator.matvec(first).any():
        return 0.0
    try:
        found = eigsh(operator, k=1, which="LA", v0=first, tol=1e-6, maxiter=50 * size, return_eigenvectors=False)
    except ArpackError:
        return float("nan")
    return float(found[0])


def _top(matrix: Floats) -> float:
    return float(np.linalg.eigvalsh(matrix)[-1]) if np.isfinite(matrix).all() else float("nan")


def places(count: int) -> NDArray[np.int64]:
    """At which of so many points of a path the curvature is measured: the first, the last, and some between."""
    return np.unique(np.linspace(0, count - 1, min(PLACES, count)).round().astype(np.int64))


def curvature_along(objective: Objective, points: Floats, raw: Objective | None, seed: int = 0) -> Curvature:
    """Measure along a path. `raw` is the same objective with features in their own units, or None."""
    steps = places(len(points))
    values = _spectrum(objective, points[-1])
    tops = np.array([largest(objective, points[k], seed) for k in steps[:-1]])
    tops = np.append(tops, values[-1] if values.size else largest(objective, points[-1], seed))
    level = NOTHING * np.abs(values).max(initial=0.0)
    raw_condition = float("nan") if raw is None else condition(_spectrum(raw, np.zeros(raw.network.size)))
    return Curvature(
        steps,
        tops,
        condition(values),
        raw_condition,
        int((np.abs(values) <= level).sum()),
        int((values < -level).sum()),
    )


def _spectrum(objective: Objective, point: Floats) -> Floats:
    """All eigenvalues, or none where there are too many parameters or the hessian has no numbers."""
    if objective.network.size > DENSE_AT_END:
        return np.zeros(0)
    matrix = objective.hessian(point)
    return np.asarray(np.linalg.eigvalsh(matrix)) if np.isfinite(matrix).all() else np.zeros(0)


def condition(values: Floats) -> float:
    """The largest eigenvalue by the smallest one above rounding; NaN where some are negative, or none is positive.

    >>> condition(np.array([0.0, 0.5, 2.0])), condition(np.array([-1.0, 2.0]))
    (4.0, nan)
    """
    level = NOTHING * np.abs(values).max(initial=0.0)
    positive = values[values > level]
    if not positive.size or (values < -level).any():
        return float("nan")
    return float(positive.max() / positive.min())
