"""What a target's values show: numbers come in, one `Evidence` for each observation goes out.

Every function takes the values (n,) and returns one observation with a sentence in plain words, or None where there is
nothing to say (too few rows, or values that the observation does not apply to). They serve for residuals as well.

Sources: the tails of a bell curve by its quantiles (Hogg 1974; Brys, Hubert and Struyf 2006); L-kurtosis (Hosking 1990);
quantile skewness (Kelley 1947); fences (Tukey 1977); the interval of a rank correlation (Bonett and Wright 2000).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lossmith.report.words import number

Floats = NDArray[np.float64]

BELL_99_75: Final = 2.3263478740408408 / 0.6744897501960817  # distance of the 99 % point over that of the 75 % point
BELL_L_KURTOSIS: Final = 0.1226017
LAPLACE_L_KURTOSIS: Final = 17 / 72
ENOUGH: Final = 200  # rows, so that a hundredth is more than one row
FENCE: Final = 3.0
NORMAL_99: Final = 2.5758293035489004
DECIMALS: Final = 6


@dataclass(frozen=True)
class Evidence:
    """One observation: what was looked at, the number (or word) that was found, and a whole sentence about it.

    >>> print(Evidence("zeros", 0.25, "25 % of the values are zero."))
    25 % of the values are zero.
    """

    what: str
    value: float | str
    sentence: str

    def __str__(self) -> str:
        return self.sentence


Look = Callable[[Floats], Evidence | None]


def percent(share: float) -> str:
    """Write a share.

    >>> percent(0.25), percent(0.0004), percent(0.99999)
    ('25 %', '0.04 %', '99.999 %')
    """
    digits = 3 if share < 0.995 else 5
    return f"{100 * share:.{digits}g} %"


def value_range(y: Floats) -> Evidence:
    """Say from where to where the values run."""
    low, high = float(y.min()), float(y.max())
    return Evidence("range", high - low, f"The values run from {number(low)} to {number(high)}.")


def whole_numbers(y: Floats) -> Evidence:
    """Say which share of the values is whole."""
    share = float(np.mean(y == np.floor(y)))
    words = "All values are" if share == 1 else f"{percent(share)} of the values are" if share else "No value is"
    return Evidence("whole numbers", share, f"{words} {'a whole number' if not share else 'whole numbers'}.")


def zeros(y: Floats) -> Evidence | None:
    """Say which share of the values is zero."""
    share = float(np.mean(y == 0))
    return Evidence("zeros", share, f"{percent(share)} of the values are zero.") if share else None


def ties(y: Floats) -> Evidence:
    """Say which share of the rows has a value that another row has too."""
    _, counts = np.unique(y, return_counts=True)
    share = 1 - float(np.sum(counts == 1)) / len(y)
    words = (
        "No value occurs twice" if share == 0 else f"{percent(share)} of the rows share their value with another row"
    )
    return Evidence("ties", share, f"{words} ({len(counts):,} different values).")


def recorded_unit(y: Floats) -> float:
    """Return the step in which values are written (0.01, 1, 5, 1000), 0.0 where there is none down to a millionth.

    >>> recorded_unit(np.array([2.5, 10.0, 7.5])), recorded_unit(np.array([300.0, 1200.0])), recorded_unit(np.sqrt([2, 3]))
    (2.5, 300.0, 0.0)
    """
    distinct = np.unique(np.abs(y))
    for decimals in range(DECIMALS + 1):
        steps = distinct * 10.0**decimals
        if steps[-1] > 1e12:  # beyond, a double no longer tells thousandths of a step
            return 0.0
        whole = np.round(steps)
        if np.all(np.abs(steps - whole) < 1e-3):
            return float(np.gcd.reduce(whole.astype(np.int64))) / 10.0**decimals
    return 0.0


def unit_of_record(y: Floats) -> Evidence | None:
    """Say in which steps the values are written."""
    step = recorded_unit(y)
    if not step:
        return None
    return Evidence("recorded unit", step, f"The values are written in steps of {step:.10g}.")


def tail_weight(y: Floats) -> Evidence | None:
    """Say how much farther out the outer hundredth lies than a bell curve with the same middle half would put it."""
    sides = [(side, ratio) for side, ratio in (("above", _tail(y)), ("below", _tail(-y))) if ratio is not None]
    if len(y) < ENOUGH or not sides:
        return None
    side, ratio = max(sides, key=lambda item: item[1])
    if 0.8 <= ratio <= 1.25:
        words = f"The outer hundredths lie about where a bell curve would put them ({ratio:.2g} times as far out)."
    elif ratio < 0.8:
        words = (
            f"Short tails: the outer hundredths lie only {ratio:.2g} times as far out as a bell curve would put them."
        )
    else:
        limit = float(np.quantile(y, 0.99 if side == "above" else 0.01))
        words = (
            f"One row in a hundred lies {side} {number(limit)}, {ratio:.2g} times as far from the middle as a bell curve "
            "would put it."
        )
    return Evidence("tail weight", ratio, words)


def _tail(y: Floats) -> float | None:
    """The upper tail against that of a bell curve; None where the upper quarter begins at the middle itself (ties)."""
    middle, three_quarters, far = np.quantile(y, [0.5, 0.75, 0.99])
    return float((far - middle) / (three_quarters - middle) / BELL_99_75) if three_quarters > middle else None


def l_kurtosis(y: Floats) -> Evidence | None:
    """Say how heavy the tails are by the fourth L-moment over the second: 0.12 for a bell curve, at most 1."""
    n, x = len(y), np.sort(y)
    if n < 20 or x[0] == x[-1]:
        return None
    x = (x - x.mean()) / (x[-1] - x[0])
    i = np.arange(n, dtype=np.float64)
    b1 = float(np.mean(x * i)) / (n - 1)
    b2 = float(np.mean(x * i * (i - 1))) / (n - 1) / (n - 2)
    b3 = float(np.mean(x * i * (i - 1) * (i - 2))) / (n - 1) / (n - 2) / (n - 3)
    second = 2 * b1
    found = (20 * b3 - 30 * b2 + 12 * b1) / second
    words = "heavier than" if found > 0.15 else "lighter than" if found < 0.1 else "like"
    return Evidence(
        "L-kurtosis",
        found,
        f"Tails {words} those of a bell curve: {found:.2f} on a scale (L-kurtosis) where a bell curve has "
        f"{BELL_L_KURTOSIS:.2f} and a double exponential curve {LAPLACE_L_KURTOSIS:.2f}.",
    )


def skew(y: Floats) -> Evidence | None:
    """Say to which side the values lean, by the distances of the outer tenths from the middle (moments beside it)."""
    low, middle, high = (float(q) for q in np.quantile(y, [0.1, 0.5, 0.9]))
    if high == low:
        return None
    found = (high + low - 2 * middle) / (high - low)
    spread = float(y.std())
    moments = float(np.mean(((y - y.mean()) / spread) ** 3)) if spread else 0.0
    if abs(found) < 0.1:
        words = "Both sides are alike: the outer tenths begin about as far from the middle"
    else:
        far, near = (high - middle, middle - low) if found > 0 else (middle - low, high - middle)
        side, other = ("highest", "lowest") if found > 0 else ("lowest", "highest")
        times = (
            f"{far / near:.2g} times as far from the middle as the {other}"
            if near
            else f"{number(far)} from the middle"
        )
        also = "" if near else f"; that of the {other} is the middle value itself"
        words = f"It leans to one side: the {side} tenth begins {times}{also}"
    return Evidence("skew", found, f"{words} (skewness by quantiles {found:.2f}, by moments {moments:.2g}).")


def outliers(y: Floats) -> Evidence | None:
    """Say how many values lie farther than three times the width of the middle half outside it."""
    first, third = (float(q) for q in np.quantile(y, [0.25, 0.75]))
    width = third - first
    if not width:
        return None
    out = np.maximum(first - y, y - third) / width
    count, farthest = int(np.sum(out > FENCE)), int(np.argmax(out))
    if not count:
        return Evidence("outliers", 0.0, "No value lies far outside (three times the width of the middle half).")
    return Evidence(
        "outliers",
        float(count),
        f"{count:,} values ({percent(count / len(y))}) lie far outside; the farthest, {number(float(y[farthest]))}, is "
        f"{out[farthest]:.3g} times the width of the middle half away from it.",
    )


def dispersion(y: Floats) -> Evidence | None:
    """Say how the variance of counts compares with their mean (1 for a Poisson count)."""
    mean = float(y.mean())
    if not mean > 0:
        return None
    ratio = float(y.var()) / mean
    words = "about as chance alone (Poisson) would have it" if 0.8 < ratio < 1.25 else "chance alone (Poisson) gives 1"
    return Evidence("dispersion", ratio, f"The variance of the counts is {ratio:.3g} times their mean; {words}.")


def excess_zeros(y: Floats) -> Evidence | None:
    """Say how many more zeros counts have than Poisson counts of the same mean."""
    share, expected = float(np.mean(y == 0)), float(np.exp(-y.mean()))
    if not share:
        return None
    words = f"{percent(share)} of the counts are zero; counts by chance alone with this mean have {percent(expected)}."
    return Evidence("excess zeros", share - expected, words)


NUMBER_LOOKS: Final[tuple[Look, ...]] = (
    *(value_range, whole_numbers, zeros, ties, unit_of_record, tail_weight, l_kurtosis, skew, outliers),
)
COUNT_LOOKS: Final[tuple[Look, ...]] = (*NUMBER_LOOKS, dispersion, excess_zeros)


def observed(y: Floats, looks: tuple[Look, ...] = NUMBER_LOOKS) -> tuple[Evidence, ...]:
    """Return what each look has to say about the values.

    >>> [seen.what for seen in observed(np.arange(300.0))][:3]
    ['range', 'whole numbers', 'zeros']
    """
    return tuple(seen for look in looks if (seen := look(y)) is not None)


def noise_grows(y: Floats, y_pred: Floats) -> Evidence:
    """Say whether errors grow with the prediction: by tenths of the predictions, and by rank correlation.

    The errors of each tenth are taken from its own median, so that a model that is off there does not count as noise.
    `value` is Spearman's correlation of |error| with the prediction; its 99 % interval is that of Bonett and Wright.
    Shapes: (n,) each, on the target's scale.

    >>> x = np.linspace(1.0, 9.0, 4000)
    >>> noise = np.random.default_rng(0).normal(size=4000)
    >>> noise_grows(x + x * noise, x).value > 0.3, abs(noise_grows(x + noise, x).value) < 0.05
    (True, True)
    """
    from scipy.stats import spearmanr

    if len(y) < ENOUGH or np.all(y_pred == y_pred[0]):
        return Evidence("noise", float("nan"), "Whether errors grow with the prediction cannot be told here.")
    parts = np.array_split(np.argsort(y_pred, kind="stable"), 10)
    errors = y - y_pred
    size = np.empty(len(y))
    for part in parts:
        size[part] = np.abs(errors[part] - np.median(errors[part]))
    found = float(spearmanr(size, y_pred).statistic)
    found = found if np.isfinite(found) else 0.0
    half = NORMAL_99 * np.sqrt((1 + found**2 / 2) / (len(y) - 3))
    low, high = (float(np.tanh(np.arctanh(min(max(found, -0.999999), 0.999999)) + side * half)) for side in (-1, 1))
    first, last = (float(np.median(size[part])) for part in (parts[0], parts[-1]))
    typical = f"a typical error is {number(first)} among the lowest tenth of the predictions, {number(last)} among the highest"
    grow = "grow with" if low > 0 else "shrink with" if high < 0 else "do not clearly grow or shrink with"
    words = f"Errors {grow} the prediction: {typical} (rank correlation {found:.2f}, 99 % interval {low:.2f} to {high:.2f})."
    return Evidence("noise", found, words)
