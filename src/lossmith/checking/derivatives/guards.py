"""What needs no reference: curvature that a booster cannot use, slopes at kinks, signs far away, mixtures of classes.

Comes in: what was seen of a loss. Goes out: findings.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np

from lossmith.checking.derivatives.known import Known, name_of, taking, true_parts
from lossmith.checking.derivatives.matching import agree, compare, tolerance
from lossmith.checking.derivatives.points import CLASSES, LOGISTIC, TARGETS, Points, points
from lossmith.checking.derivatives.seen import Seen, asked, observe
from lossmith.checking.finding import Finding
from lossmith.checking.subject import Array

MIXING: Final = frozenset(
    {"cross_entropy", "label_smoothed_cross_entropy", "distribution_cross_entropy", "kl_divergence"}
)
"""Losses of which the value for a mixture of classes is settled: the mixture of the values."""


def number(value: float) -> str:
    """A number as it is told.

    >>> number(0.123456), number(-2.0)
    ('0.1235', '-2')
    """
    return f"{float(value):.4g}"


def place(seen: Seen, row: int, column: int | None = None) -> str:
    """A row, for people: its target and its prediction."""
    word = "raw_prediction" if seen.subject.takes == "raw" else "y_pred"
    y, z = seen.at.y[row], seen.at.prediction[row]
    texts = ["[" + ", ".join(map(number, a)) + "]" if np.ndim(a) else number(a) for a in (y, z)]
    return f"y_true={texts[0]}, {word}={texts[1]}" + (f" (class {column})" if column is not None else "")


def unusable(seen: Seen) -> Iterator[Finding]:
    """Second derivatives that a booster divides by, and that are negative or zero where the gradient is not."""
    if not seen.subject.curvature or "hessian" not in seen.parts or "gradient" not in seen.parts:
        return
    h, g = seen.parts["hessian"], seen.parts["gradient"]
    pulls = np.abs(g) > 1e-9 * np.nanmax(np.abs(g), initial=0.0)
    n = int(np.isfinite(h).sum())
    for code, bad, remedy in (
        ("hessian_negative", h < 0.0, "A booster divides by it and steps the wrong way; return a positive bound."),
        (
            "hessian_zero",
            (h == 0.0) & pulls,
            "A booster divides by it and cannot split; return a positive bound, such as 1.",
        ),
    ):
        if bad.any():
            first = np.argwhere(bad)[0]
            where = place(seen, int(first[0]), int(first[1]) if len(first) > 1 else None)
            yield Finding(
                code, f"{number(h[tuple(first)])} at {where}, and so at {int(bad.sum())} of {n} places. {remedy}"
            )
            return


def dead_everywhere(seen: Seen) -> Iterator[Finding]:
    """A gradient that is 0 wherever the loss was looked at, though its value changes: rounding, a threshold, an argmax."""
    g, v = seen.parts.get("gradient"), seen.parts.get("value")
    if g is None or v is None or seen.at.size > 1:
        return
    changes = np.ptp(v[np.isfinite(v)]) > 0.0 if np.isfinite(v).any() else False
    if changes and np.isfinite(g).all() and not g.any():
        told = (
            f"it is 0 at all {v.size} places, though the value changes: a threshold, rounding or argmax has no slope."
        )
        yield Finding("dead_gradient", told)


def reversed_far_away(seen: Seen) -> Iterator[Finding]:
    """A gradient that points away from every target, seen from predictions far above and far below it."""
    y, z, g = seen.at.y, seen.at.prediction, seen.parts.get("gradient")
    if g is None or z.ndim > 1 or seen.subject.kind in CLASSES or seen.at.size > 1:
        return
    wrong, right = 0, 0
    for target in np.unique(y):
        rows = np.flatnonzero(y == target)
        low, high = g[rows[np.argmin(z[rows])]], g[rows[np.argmax(z[rows])]]
        wrong += int(low >= 0.0 >= high and low != high)
        right += int(low <= 0.0 <= high and low != high)
    one_sided = seen.subject.kind in LOGISTIC and bool((g[y == 1.0] > 0.0).all() and (g[y == 0.0] < 0.0).all())
    if (wrong and not right) or one_sided:
        code = "catboost_sign" if seen.subject.form.startswith("catboost") else "gradient_sign"
        yield Finding(
            code, "far above the target it is negative and far below positive: it points away from the target."
        )


# Kinks --------------------------------------------------------------------------------------------------------------


def _kink_points(seen: Seen, known: Known | None) -> Points:
    dtype, kind = seen.at.prediction.dtype, seen.subject.kind
    numbers = [v for v in (known.loss.parameters.values() if known else ()) if v is not None and v < 100.0]
    offsets = np.unique([0.0, 1.0, -1.0, *numbers, *(-v for v in numbers)])
    ys = np.array([-2.0, 0.5, 3.0]) if kind == "real" else np.asarray(TARGETS.get(kind, (0.0, 1.0)))
    y = np.repeat(ys.astype(dtype), offsets.size)
    shift = np.tile(offsets.astype(dtype), ys.size)
    return Points(y, y + shift if kind == "real" else shift)


def at_kinks(seen: Seen, known: Known | None) -> Iterator[Finding]:
    """At a corner the gradient must lie between the slopes of its two sides."""
    if "gradient" not in seen.parts or seen.at.size > 1 or seen.at.prediction.ndim > 1:
        return
    if seen.subject.takes == "probability" and seen.subject.kind != "real":
        return
    at = _kink_points(seen, known)
    step = 2e-3 if at.prediction.dtype == np.float64 else 8e-3
    around = [_gradients(seen, at, k * step) for k in (-2.0, -1.0, 0.0, 1.0, 2.0)]
    if any(g is None for g in around):
        return
    before, left, here, right, after = (np.asarray(g) for g in around)
    slack = 2.0 * (np.abs(left - before) + np.abs(after - right)) + 1e-3 * np.nanmax(np.abs([left, right]), initial=0.0)
    low, high = np.minimum(left, right) - slack, np.maximum(left, right) + slack
    with np.errstate(invalid="ignore"):
        bad = np.isfinite(here) & ((here < low) | (here > high))
    if bad.any():
        i = int(np.flatnonzero(bad)[0])
        sides = f"it is {number(left[i])} just below and {number(right[i])} just above"
        told = f"{number(here[i])} at {place(replace(seen, at=at), i)}; {sides}. Any number between the two is right."
        yield Finding("kink_slope", told)


def _gradients(seen: Seen, at: Points, shift: float) -> Array | None:
    answer = asked(seen.subject, at.y, (at.prediction + shift).astype(at.prediction.dtype))
    if answer is None or answer.gradient is None or np.size(answer.gradient) != at.y.size:
        return None
    return np.asarray(answer.gradient, dtype=np.float64).reshape(at.y.shape) * (at.y.size if seen.share < 0.9 else 1.0)


# Mixtures of classes ------------------------------------------------------------------------------------------------


def on_mixtures(seen: Seen, known: Known, seed: int) -> Iterator[Finding]:
    """Whether what is right for one-hot rows is right for rows of probabilities."""
    if seen.subject.target != "rows" or seen.subject.kind not in CLASSES:
        return
    soft = observe(seen.subject, points(seen.subject, seed, soft=True))
    true = true_parts(known.loss, soft.at)
    if true is None or not soft.parts or "hessian" in soft.parts.keys() - true.keys():
        return
    agreed = compare(soft, true, known.factor)
    wrong = next((p for p in ("value", "gradient") if p in soft.parts and p not in agreed.parts), None)
    if wrong is None:
        return
    gave, truth = soft.parts[wrong], known.factor * true[wrong]
    row = int(np.unravel_index(np.nanargmax(np.abs(gave - truth)), gave.shape)[0])
    numbers = f"at {place(soft, row)} the {wrong} is {_told(gave[row])}; {name_of(known.loss)} is {_told(truth[row])}"
    formula = (
        " It takes the logarithm of the sum over the classes, not the sum of the logarithms."
        if _log_of_sum(soft, known)
        else ""
    )
    settled = known.given or known.loss.definition.name in MIXING
    yield Finding("one_hot_only", f"{numbers}.{formula}", "fault" if settled else "note")


def _told(values: Array) -> str:
    return number(float(values)) if np.ndim(values) == 0 else "[" + ", ".join(map(number, values)) + "]"


def _log_of_sum(soft: Seen, known: Known) -> bool:
    raw = taking(known.loss, "raw")
    if "value" not in soft.parts or raw is None:
        return False
    p = soft.at.prediction.astype(np.float64)
    if soft.subject.takes == "raw":
        p = np.asarray(raw.predict(p))
    with np.errstate(all="ignore"):
        return agree(soft.parts["value"], -known.factor * np.log((soft.at.y * p).sum(axis=1)), tolerance(soft, "value"))
