"""The normal distribution in rigorous balls.

Comes in: a python-flint `arb`. Goes out: a ball that holds the exact answer, also where the distribution function is far
below the smallest number of any format.
"""

from __future__ import annotations

from typing import Any, Final

from flint import arb

FAR: Final = arb(-1000.0)  # from here on by the continued fraction, whose neighbours enclose the answer
TERMS: Final = 40


def normal_cdf(a: Any) -> Any:
    """The share of a standard normal below a."""
    return (-a / arb(2).sqrt()).erfc() / 2


def log_normal_cdf(a: Any) -> Any:
    """log(normal_cdf(a)).

    >>> log_normal_cdf(arb(-40)).mid().str(8, radius=False)
    '-804.60844'
    """
    if a < FAR:
        return -a * a / 2 - (2 * arb.pi()).log() / 2 - normal_hazard(a).log()
    return (-normal_cdf(-a)).log1p() if a > 0 else normal_cdf(a).log()


def normal_hazard(a: Any) -> Any:
    """e**(-a**2 / 2) / sqrt(2 pi) / normal_cdf(a)."""
    if a < FAR:
        return normal_gap(a) - a
    return (-a * a / 2).exp() / (2 * arb.pi()).sqrt() / normal_cdf(a)


def normal_gap(a: Any) -> Any:
    """a + normal_hazard(a), which is 1 / (t + 2 / (t + 3 / (t + ...))) for t = -a > 0 (Laplace 1805)."""
    if not a < FAR:
        return a + normal_hazard(a)
    if not a.is_finite():
        return arb(0)
    below, above = _convergent(-a, TERMS), _convergent(-a, TERMS + 1)
    return below.union(above)


def _convergent(t: Any, terms: int) -> Any:
    found = t
    for k in range(terms, 1, -1):
        found = t + k / found
    return 1 / found
