"""From predictions to actions with NumPy alone: this file's text is embedded, as it is, in a study's `predict.py`.

Comes in: a decision rule as plain data (`{"rule": name, ...}`, read from JSON), predictions on the target's scale, and
the columns that the rule names. Goes out: what to do, and what the probabilities are after their correction. It imports
nothing of Lossmith; the records of the rules and their fits are in `lossmith.algebra.decision.rules`.

Every action is computed row by row in a fixed order, so that a row alone and in a batch has the same one to the bit.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

Columns = Mapping[str, Any]


def two_columns(p: Any) -> Any:
    """Return (n, k) probabilities; (n,) are those of the second of two classes."""
    return np.column_stack([1.0 - p, p]) if p.ndim == 1 else p


def of_row(value: Any, columns: Columns) -> Any:
    """Return a number as it is, and the column (n,) that a text names."""
    return np.asarray(columns[value], dtype=np.float64) if isinstance(value, str) else value


def shift_by_size(rule: Mapping[str, Any], p: Any, columns: Columns) -> Any:
    """Add the amount of the range of sizes in which a prediction lies."""
    place = np.searchsorted(np.asarray(rule["edges"], dtype=np.float64), p, side="right")
    return p + np.asarray(rule["amounts"], dtype=np.float64)[place]


def row_threshold(rule: Mapping[str, Any], p: Any, columns: Columns) -> Any:
    """Decide "positive" from the threshold of each row; where nothing is at stake, "negative"."""
    missed, alarm = of_row(rule["false_negative"], columns), of_row(rule["false_positive"], columns)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (p >= np.divide(alarm, np.add(alarm, missed))).astype(np.float64)


def cheapest_class(rule: Mapping[str, Any], p: Any, columns: Columns) -> Any:
    """Decide the class with the least expected cost, the first of equal ones."""
    p, matrix = two_columns(p), np.asarray(rule["matrix"], dtype=np.float64)
    expected = np.zeros((len(p), matrix.shape[1]))
    for true, costs in enumerate(matrix):
        expected += p[:, true : true + 1] * costs
    return np.argmin(expected, axis=1).astype(np.float64)


def row_cheapest(rule: Mapping[str, Any], p: Any, columns: Columns) -> Any:
    """Decide the class with the least expected cost in each row, for shares of what is at stake; the first of equal ones."""
    classes = len(rule["matrix"])
    expected = np.zeros((len(p), classes))
    for true, row in enumerate(rule["matrix"]):
        costs = np.stack([np.broadcast_to(of_row(entry, columns), (len(p),)) for entry in row])
        beyond = costs - costs.min(axis=0)
        stake = np.zeros(len(p))
        for cost in beyond:
            stake += cost / (classes - 1)
        part = np.divide(p[:, true], stake, out=np.zeros(len(p)), where=stake > 0)
        expected += (part * beyond).T
    return np.argmin(expected, axis=1).astype(np.float64)


def cuts(rule: Mapping[str, Any], p: Any, columns: Columns) -> Any:
    """Turn a number into the grade that counts the cut points at or below it."""
    return np.searchsorted(np.asarray(rule["levels"], dtype=np.float64), p, side="right").astype(np.float64)


def sorted_levels(rule: Mapping[str, Any], p: Any, columns: Columns) -> Any:
    """Put the quantiles of every row in order, add the amount of each level, and order them again."""
    return np.sort(np.sort(p, axis=1) + np.asarray(rule["amounts"], dtype=np.float64), axis=1)


def levels(rule: Mapping[str, Any], p: Any, columns: Columns) -> Any:
    """Make (n, levels) of one prediction by adding the amount of each level."""
    return p[:, None] + np.asarray(rule["amounts"], dtype=np.float64)


def corrected(rule: Mapping[str, Any], p: Any, columns: Columns) -> Any:
    """Undo class weights: divide the probabilities by them, and make each row sum to 1."""
    weights = [of_row(weight, columns) for weight in rule["weights"]]
    if p.ndim == 1:
        positive = p * weights[0]
        total = positive + (1.0 - p) * weights[1]
        return np.where(total > 0, positive, p) / np.where(total > 0, total, 1.0)
    parts = np.column_stack([p[:, k] / weight for k, weight in enumerate(weights)])
    total = parts[:, 0].copy()
    for k in range(1, parts.shape[1]):
        total += parts[:, k]
    return parts / total[:, None]


def recalibrated(rule: Mapping[str, Any], p: Any, columns: Columns) -> Any:
    """Stretch and move the log-odds of a probability; 0 and 1 stay what they are."""
    with np.errstate(divide="ignore", invalid="ignore"):
        z = rule["slope"] * (np.log(p) - np.log1p(-p)) + rule["intercept"]
        small = np.exp(-np.abs(z))
        return np.where((p == 0) | (p == 1), p, np.where(z >= 0, 1.0, small) / (1.0 + small))


# What a rule does to a probability before the rule in its "then" decides.
ADJUSTS: dict[str, Callable[[Mapping[str, Any], Any, Columns], Any]] = {
    "corrected": corrected,
    "recalibrated": recalibrated,
}

# What a rule makes of a prediction.
ACTS: dict[str, Callable[[Mapping[str, Any], Any, Columns], Any]] = {
    "as_is": lambda rule, p, columns: p,
    "shift": lambda rule, p, columns: p + rule["amount"],
    "scale": lambda rule, p, columns: p * rule["factor"],
    "shift_by_size": shift_by_size,
    "threshold": lambda rule, p, columns: (p >= rule["level"]).astype(np.float64),
    "row_threshold": row_threshold,
    "cheapest_class": cheapest_class,
    "row_cheapest": row_cheapest,
    "cuts": cuts,
    "sorted_levels": sorted_levels,
    "levels": levels,
}


def adjusted_by(rule: Mapping[str, Any], y_pred: Any, columns: Columns) -> Any:
    """Return the predictions after every correction of the rule, before it decides."""
    p = np.asarray(y_pred, dtype=np.float64)
    while rule["rule"] in ADJUSTS:
        p, rule = ADJUSTS[rule["rule"]](rule, p, columns), rule["then"]
    return p


def decided_by(rule: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the innermost rule, which decides after every correction."""
    while rule["rule"] in ADJUSTS:
        rule = rule["then"]
    return rule


def act_by(rule: Mapping[str, Any], y_pred: Any, columns: Columns) -> Any:
    """Return the actions: numbers, 0/1, or class positions; (n, levels) for several quantiles."""
    last = decided_by(rule)
    return ACTS[last["rule"]](last, adjusted_by(rule, y_pred, columns), columns)


def columns_of(rule: Mapping[str, Any]) -> list[str]:
    """Return the names of the columns that the rule reads, each once."""
    names: dict[str, None] = {}
    while True:
        last = rule["rule"] not in ADJUSTS
        entries = [entry for row in rule.get("matrix", ()) for entry in row]
        used = (
            rule.get("weights", ()) if not last else (rule.get("false_negative"), rule.get("false_positive"), *entries)
        )
        names.update((name, None) for name in used if isinstance(name, str))
        if last:
            return list(names)
        rule = rule["then"]
