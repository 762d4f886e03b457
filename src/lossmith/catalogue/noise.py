"""The noise models behind the losses: how rows may scatter around a prediction, as densities that integrate to 1.

Comes in: nothing. Goes out: `NOISES`, one frozen row for each model; each takes its formula from the catalogue.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.catalogue.amounts import gamma_likelihood, log_normal, tweedie
from lossmith.catalogue.masses import negative_binomial, poisson_likelihood, zero_inflated_poisson
from lossmith.catalogue.symmetric import gaussian, laplace, logistic, student_t
from lossmith.formula.definition import Definition

Base = Literal["density", "mass", "mixed"]
Normaliser = Callable[[ArrayLike, float, float], NDArray[Any]]
Range = tuple[str, float, float, float]
"""A number that is fitted on training rows: its name, the least and the largest worth trying, where to start."""


@dataclass(frozen=True)
class Noise:
    """One noise model.

    `definition` is minus the log density (or probability) of y given the raw prediction, for a model that is trained
    under the catalogue loss `loss_name`; where that loss has parameters named as in `dispersion`, they are the same.
    `base`: "density" (per unit of y), "mass" (whole numbers only) or "mixed" (a lump of probability at 0, a density
    above); only models of one base compare directly. `domain`: the kinds of target that it can describe.
    With a `log_normaliser` the log density is `log_normaliser(y, dispersion, power) - loss / dispersion`, where
    `dispersion` is fitted though the formula lacks it; without one it is minus the loss.
    """

    name: str
    definition: Definition
    loss_name: str
    base: Base
    domain: tuple[str, ...]
    dispersion: tuple[Range, ...] = ()
    log_normaliser: Normaliser | None = None


EXACT: Final = 200.0  # up to this place of the largest term every term is added; beyond it one in half a deviation
REACH: Final = 11.0  # deviations on either side: what is left out is below e**-49 of the largest term
BLOCK: Final = 512


def tweedie_log_normaliser(y: ArrayLike, dispersion: float, power: float) -> NDArray[Any]:
    """The part of the Tweedie log density that does not depend on the prediction, 0 where y is 0.

    The density has no closed form: y is a sum of a Poisson number j of gamma amounts, and this is the logarithm of the
    sum over j of Dunn and Smyth (2005), Series evaluation of Tweedie exponential dispersion model densities, Statistics
    and Computing 15, eq. 2. Its terms are a smooth hill in j: where the hill is broad, their sum equals the sum of one
    term in half a deviation, but for a share of e**-79 (Poisson's summation formula).

    >>> tweedie_log_normaliser([0.0, 1.0], 1.0, 1.5).round(6).tolist()
    [0.0, 2.971385]
    """
    amounts, places = np.unique(np.asarray(y, dtype=np.float64), return_inverse=True)
    found = np.where(amounts == 0.0, 0.0, np.where(amounts < 0.0, -np.inf, np.nan))
    positive = np.flatnonzero((amounts > 0.0) & np.isfinite(amounts))
    for part in np.array_split(positive, max(1, -(-positive.size // BLOCK))):
        found[part] = _log_series(amounts[part], dispersion, power)
    return np.asarray(found[places].reshape(np.shape(y)))


def _log_series(y: NDArray[Any], dispersion: float, power: float) -> NDArray[Any]:
    """log(1/y * sum over j of e**(slope j) / (j! gamma(ratio j))) for positive amounts in ascending order."""
    from scipy.special import gammaln, logsumexp

    ratio = (2.0 - power) / (power - 1.0)
    top = np.maximum(y ** (2.0 - power) / ((2.0 - power) * dispersion), 1.0)[:, None]  # the place of the largest term
    deviation = np.sqrt(top / (1.0 + ratio))
    step = np.where(top < EXACT, 1.0, np.maximum(1.0, deviation / 2.0))
    reach = int(np.max(REACH * deviation / step + np.where(top < EXACT, 25.0, 1.0), initial=0.0)) + 1
    place = np.where(step > 1.0, top, np.rint(top)) + step * np.arange(-reach, reach + 1)
    slope = ratio * np.log(y / (power - 1.0)) - (1.0 + ratio) * np.log(dispersion) - np.log(2.0 - power)
    j = np.where(place > 0.0, place, 1.0)
    terms = np.where(place > 0.0, j * slope[:, None] - gammaln(j + 1.0) - gammaln(ratio * j), -np.inf)
    return np.asarray(logsumexp(terms, axis=1) + np.log(step[:, 0]) - np.log(y))


REAL: Final = ("real", "nonnegative", "positive", "count")
SCALE: Final[Range] = ("scale", 1e-12, 1e12, 1.0)

NOISES: Final[tuple[Noise, ...]] = (
    Noise("Gaussian (bell curve)", gaussian, "squared_error", "density", REAL, (SCALE,)),
    Noise("Laplace (sharp peak, long tails)", laplace, "absolute_error", "density", REAL, (SCALE,)),
    Noise(
        "Student-t (bell curve with wild rows)",
        student_t,
        "student_t",
        "density",
        REAL,
        (("degrees", 0.5, 200.0, 4.0), SCALE),
    ),
    Noise("logistic (bell curve with longer tails)", logistic, "logistic", "density", REAL, (SCALE,)),
    Noise(
        "log-normal (multiplies, long upper tail)",
        log_normal,
        "log_normal",
        "density",
        ("positive",),
        (("sigma", 1e-6, 50.0, 1.0),),
    ),
    Noise(
        "gamma (grows with the prediction)",
        gamma_likelihood,
        "gamma",
        "density",
        ("positive",),
        (("shape", 1e-3, 1e6, 1.0),),
    ),
    Noise("Poisson (counts of independent events)", poisson_likelihood, "poisson", "mass", ("count",)),
    Noise(
        "negative binomial (counts that vary more than Poisson)",
        negative_binomial,
        "negative_binomial",
        "mass",
        ("count",),
        (("dispersion", 1e-6, 1e3, 1.0),),
    ),
    Noise(
        "zero-inflated Poisson (counts with extra zeros)",
        zero_inflated_poisson,
        "zero_inflated_poisson",
        "mass",
        ("count",),
        (("zero", 1e-6, 1.0 - 1e-6, 0.25),),
    ),
    Noise(
        "Tweedie (exact zeros, and amounts above)",
        tweedie,
        "tweedie",
        "mixed",
        ("nonnegative", "positive", "count"),
        (("dispersion", 1e-6, 1e9, 1.0), ("power", 1.02, 1.98, 1.5)),
        tweedie_log_normaliser,
    ),
)
