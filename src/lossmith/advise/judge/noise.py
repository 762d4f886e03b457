"""Which noise does it look like? Predictions for rows to fit on and for untouched rows come in, noise models ranked go out.

Every noise model of the catalogue is judged with the model that was trained under its own loss: its spread is fitted on
rows that no model saw, then the mean log probability of untouched rows is taken, as they were recorded. Where values
have a recorded unit, all models give probabilities, which compare. Without one, only densities of one base compare.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.advise.judge.decide import MATTERS
from lossmith.advise.judge.interval import margin, mean_and_error
from lossmith.advise.judge.likelihood import log_probability
from lossmith.advise.judge.measure import raw_for
from lossmith.advise.judge.noise_fit import Spread, fit_spread
from lossmith.advise.judge.noise_unit import recorded_unit as recorded_unit
from lossmith.advise.judge.noise_words import found_words, gain_words, noise_words, tied_words
from lossmith.catalogue.noise import NOISES, Noise
from lossmith.errors import ArgumentError
from lossmith.loss.handle import Loss
from lossmith.loss.library import get
from lossmith.report.words import loss_words

Floats = NDArray[np.float64]
Raw = Mapping[str, ArrayLike]

FIT_ROWS: Final = 2_000
JUDGED_ROWS: Final = 10_000
SEED: Final = 20_240_229
LUMP: Final = 0.01  # a value that so many rows share is no accident of continuous values
FEW_EQUAL: Final = 5
ACCIDENT: Final = 0.01


@dataclass(frozen=True)
class Seen:
    """One noise model, judged on untouched rows; logarithms are natural, margins half-widths of 95 % intervals.

    `log_likelihood` is the mean per row: of the probability of a recorded value where there is a `unit`, else of the
    density. `below_best` is how far it lies below the best one; its margin holds for all such differences together.
    `is_tied`: it cannot be told apart from the best: it is less than half a percent worse, or the interval of the
    difference covers 0 and the rows would be no rare accident under it. `shift` was added to the raw predictions.
    """

    name: str
    noise: str
    loss_name: str
    parameters: dict[str, float]
    shift: float
    log_likelihood: float
    margin: float
    below_best: float
    below_best_error: float
    below_best_margin: float
    is_tied: bool
    unit: float | None


@dataclass(frozen=True)
class NoiseReport:
    """All noise models that could be judged, best first; those that could not, with the reason; what it means.

    `looks_like` is the place in `rows` of the one that `sentence` names: of those that are as good as the best, one with
    the fewest fitted numbers. `unit`: how finely values were recorded, None where they look continuous.
    """

    rows: tuple[Seen, ...]
    refused: tuple[tuple[str, str], ...]
    unit: float | None
    sentence: str
    looks_like: int | None
    fit_rows: int
    judged_rows: int


@dataclass(frozen=True)
class Recorded:
    """What decides which noise models compare: kind, unit, zeros, and a value other than 0 that many rows share."""

    kind: str
    unit: float | None
    whole: bool
    zeros: int
    many_zeros: bool
    lump: float | None

    def has_lump(self) -> bool:
        """Whether single values among continuous ones have a probability of their own."""
        return self.unit is None and (self.many_zeros or self.lump is not None)


def compare_noises(
    kind: str, y_fit: ArrayLike, raw_fit: Raw, y_held: ArrayLike, raw_held: Raw, blocks: ArrayLike | None = None
) -> NoiseReport:
    """Judge every noise model that describes this kind of target; `raw_*` holds raw predictions by name of the loss.

    `blocks` numbers the held-out rows that depend on each other (each row its own, by default). At most 2,000 rows are
    used to fit and 10,000 to judge, drawn at random with a fixed seed. Raises `ArgumentError` (LM226, LM227) where raw
    predictions do not match the rows, or there are too few rows.

    >>> y = np.random.default_rng(0).laplace(size=600)
    >>> raw = {"squared_error": np.zeros(300), "absolute_error": np.zeros(300)}
    >>> report = compare_noises("real", y[:300], raw, y[300:], raw)
    >>> [row.name for row in report.rows]
    ['Laplace (sharp peak, long tails)', 'Gaussian (bell curve)']
    """
    fit, held = np.asarray(y_fit, dtype=np.float64), np.asarray(y_held, dtype=np.float64)
    if min(len(fit), len(held)) < 2:
        raise ArgumentError(
            "LM227", f"noise models need 2 rows to fit and 2 to judge, found {len(fit):,} and {len(held):,}."
        )
    block = np.arange(len(held)) if blocks is None else np.asarray(blocks, dtype=np.int64)
    recorded = _recorded(kind, np.r_[fit, held])
    to_fit, to_judge = _sample(len(fit), FIT_ROWS), _sample(len(held), JUDGED_ROWS)
    refused: list[tuple[str, str]] = []
    judged: list[tuple[Noise, Spread, Floats]] = []
    for noise in NOISES:
        reason = _refusal(noise, recorded, raw_fit, raw_held)
        if reason is None:
            both = (_raw(noise, raw_fit, len(fit)), _raw(noise, raw_held, len(held)))
            reason = (
                None if all(np.isfinite(raw).all() for raw in both) else "its model gave predictions without a number"
            )
        if reason is not None:
            refused.append((noise.name, reason))
            continue
        spread = fit_spread(noise, fit[to_fit], both[0][to_fit], recorded.unit)
        raw = both[1][to_judge] + spread.shift
        judged.append((noise, spread, log_probability(noise, spread.parameters, held[to_judge], raw, recorded.unit)))
    rows = _ranked(judged, block[to_judge], recorded.unit)
    looks_like = _simplest(rows)
    sentence = _sentence(rows, looks_like, recorded)
    return NoiseReport(rows, tuple(refused), recorded.unit, sentence, looks_like, len(to_fit), len(to_judge))


def _sample(n: int, most: int) -> NDArray[np.int64]:
    if n <= most:
        return np.arange(n)
    return np.sort(np.random.default_rng(SEED).choice(n, most, replace=False))


def _recorded(kind: str, y: Floats) -> Recorded:
    values, counts = np.unique(y, return_counts=True)
    many = counts > max(FEW_EQUAL, LUMP * len(y))
    shared = np.flatnonzero(many & (values != 0))
    lump = float(values[shared[np.argmax(counts[shared])]]) if shared.size else None
    zeros = int(counts[values == 0].sum())
    return Recorded(
        kind,
        recorded_unit(values),
        bool(np.all(values == np.floor(values))),
        zeros,
        bool(many[values == 0].any()),
        lump,
    )


# Why a noise model is not compared: the first row that holds is the reason. -----------------------------------------


def _other_kind(noise: Noise, recorded: Recorded) -> str | None:
    if recorded.kind in noise.domain:
        return None
    return f"it describes {' and '.join(noise.domain)} targets, and this one is {recorded.kind}"


def _not_whole(noise: Noise, recorded: Recorded) -> str | None:
    if noise.base != "mass" or (recorded.unit == 1.0 and recorded.whole):
        return None
    if recorded.unit is None or not recorded.whole:
        return "it gives probabilities to whole numbers only; its likelihood does not compare with that of amounts"
    return f"it gives probabilities to single whole numbers, and these are recorded in steps of {recorded.unit:g}"


def _lumps(noise: Noise, recorded: Recorded) -> str | None:
    if not recorded.has_lump() or (noise.base == "mixed" and recorded.lump is None):
        return None
    value = 0.0 if recorded.lump is None else recorded.lump
    return (
        f"many values are exactly {value:g} among values that look continuous; it has no probability for a single value, "
        "so its likelihood does not compare"
    )


def _few_zeros(noise: Noise, recorded: Recorded) -> str | None:
    if noise.base != "mixed" or recorded.unit is not None or recorded.many_zeros or not recorded.zeros:
        return None
    return "it gives the value 0 a probability and the others do not; with so few zeros they do not compare"


REFUSALS: Final[tuple[Callable[[Noise, Recorded], str | None], ...]] = (_other_kind, _not_whole, _lumps, _few_zeros)


def _refusal(noise: Noise, recorded: Recorded, raw_fit: Raw, raw_held: Raw) -> str | None:
    for reason_of in REFUSALS:
        reason = reason_of(noise, recorded)
        if reason is not None:
            return reason
    if noise.loss_name not in raw_fit or noise.loss_name not in raw_held:
        return f"no model was trained under its loss, {loss_words(noise.loss_name, {})}"
    return None


# Judging ---------------------------------------------------------------------------------------------------------


def _raw(noise: Noise, raw: Raw, rows: int) -> Floats:
    """Raw predictions for a noise; where it has another link than the loss that was trained, for that link."""
    given = np.asarray(raw[noise.loss_name], dtype=np.float64).reshape(-1)
    if len(given) != rows:
        raise ArgumentError(
            "LM226", f"{noise.loss_name}: expected a raw prediction for each of {rows:,} rows, found {len(given):,}."
        )
    trained, wanted = get(noise.loss_name), Loss(noise.definition).link
    return given if trained.link == wanted else raw_for(wanted, np.asarray(trained.predict(given)))


def _ranked(
    judged: list[tuple[Noise, Spread, Floats]], blocks: NDArray[np.int64], unit: float | None
) -> tuple[Seen, ...]:
    """The noise models, best first, each with its distance to the best."""
    ordered = sorted(judged, key=lambda row: -float(row[2].mean()))
    return tuple(_seen(row, ordered[0][2], len(ordered) - 1, blocks, unit) for row in ordered)


def _seen(
    row: tuple[Noise, Spread, Floats], best: Floats, others: int, blocks: NDArray[np.int64], unit: float | None
) -> Seen:
    noise, spread, values = row
    mean, error, freedom = mean_and_error(values, blocks)
    gap = best - values
    below, below_error, _ = (0.0, 0.0, 0) if values is best else mean_and_error(gap, blocks)
    half = margin(below_error, freedom, max(others, 1))
    is_apart = below > MATTERS and (below > half or np.isinf(below) or _is_ruled_out(gap, blocks, others))
    return Seen(
        name=noise.name,
        noise=noise.definition.name,
        loss_name=noise.loss_name,
        parameters=spread.parameters,
        shift=spread.shift,
        log_likelihood=mean,
        margin=margin(error, freedom),
        below_best=below,
        below_best_error=below_error,
        below_best_margin=half,
        is_tied=not is_apart,
        unit=unit,
    )


def _is_ruled_out(gap: Floats, blocks: NDArray[np.int64], others: int) -> bool:
    """Whether rows so much more probable under another noise would be a rare accident (1 %), were this one the truth.

    Were it the truth, the product of the likelihood ratios over independent rows would have mean 1, and exceed 1 / share
    in no more than that share of cases (Wasserman, Ramdas and Balakrishnan 2020, Universal inference, PNAS 117). Of
    rows that may depend on each other, a block, the geometric mean of the ratios counts. Unlike the interval of the
    mean, this does not lose its way where a few wild rows make most of the difference.
    """
    count = np.bincount(blocks)
    means = np.bincount(blocks, weights=gap)[count > 0] / count[count > 0]
    return bool(means.sum() > np.log(max(others, 1) / ACCIDENT))


def _simplest(rows: tuple[Seen, ...]) -> int | None:
    """Of those within one standard error of the best (or half a percent), the first with the fewest fitted numbers."""
    near = [i for i, row in enumerate(rows) if row.below_best <= max(MATTERS, np.nan_to_num(row.below_best_error))]
    return min(near, key=lambda i: len(rows[i].parameters)) if near else None


def _sentence(rows: tuple[Seen, ...], looks_like: int | None, recorded: Recorded) -> str:
    if looks_like is None:
        return f"No noise model could be compared for this target ({recorded.kind})."
    found = rows[looks_like]
    parts = [found_words(found.noise, found.loss_name, found.parameters)]
    tied = tuple(noise_words(row.noise, row.parameters) for row in rows if row.is_tied and row is not found)
    apart = [row for row in rows if not row.is_tied]
    if tied:
        parts.append(tied_words(tied))
    if apart:
        other = next((row for row in apart if row.loss_name == "squared_error"), apart[0])
        gain = found.log_likelihood - other.log_likelihood
        parts.append(gain_words(gain, noise_words(other.noise, other.parameters)))
    if len(rows) == 1:
        parts.append("No other noise model could be compared with it.")
    return " ".join(parts)
