"""Whether a loss that is trained as far as can be decides as the probabilities do: classification calibration.

Comes in: a definition and parameter values. Goes out: a fact. For two outcomes the minimiser of the expected loss must
lie on the side of yes exactly where yes is more likely than not (Bartlett, Jordan and McAuliffe 2006; with costs, Scott
2012); for classes its largest entry must be the most likely class (Tewari and Bartlett 2007).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import numpy as np

from lossmith.calculus.evidence import Fact
from lossmith.calculus.properties.bending import convex
from lossmith.calculus.properties.functionals import estimates, link_of, names_share
from lossmith.calculus.properties.outcomes import (
    Floats,
    Outcomes,
    expected_text,
    is_probability,
    line_of_raws,
    outcomes,
    rounded,
    shown,
)
from lossmith.calculus.properties.proper import strictly_proper
from lossmith.formula.definition import Definition

SHARES: Final = (0.02, 0.1, 0.2, 0.3, 0.4, 0.45, 0.49, 0.51, 0.55, 0.6, 0.7, 0.8, 0.9, 0.98)
CLASS_SHARES: Final = (
    (0.4, 0.6),
    (0.51, 0.49),
    (0.4, 0.35, 0.25),
    (0.2, 0.45, 0.35),
    (0.1, 0.1, 0.8),
    (0.28, 0.24, 0.24, 0.24),
)
NEARER: Final = 1e-6  # a difference of two least expected losses, over their size, that a search shows for certain
FINE: Final = 2001


def classification_calibrated(
    definition: Definition, parameters: Mapping[str, float] | None = None
) -> Fact[bool | None]:
    """Whether the best prediction falls on the side of the more likely outcome; None where there are no outcomes.

    >>> import lossmith as ls
    >>> classification_calibrated(ls.get("bce").definition).text[:6], classification_calibrated(ls.get("focal").definition).value
    ('proved', True)
    """
    found = outcomes(definition, parameters)
    if isinstance(found, str):
        return Fact(None, "open", note=found)
    if strictly_proper(definition, parameters).evidence == "proved" and not found.is_weighed:
        return Fact(True, "proved", note="strictly proper, so the best prediction is the probability itself")
    if found.of_classes:
        return _of_classes(found)
    known = estimates(definition, parameters)
    link = link_of(found.body, known.value)
    is_share = names_share(known.value) or is_probability(found.body, link)
    read, level = (link, 0.5) if is_share else ("identity", 0.0)
    border = _border(found, read, level)
    return _of_two(found, border, _convex_at(found, border, convex(definition, parameters)))


def _border(found: Outcomes, link: str, level: float) -> float:
    """The raw prediction beyond which the decision is yes: where the prediction is one half, or 0 if it is none."""
    if found.body.given:
        return 0.5
    low, high = -40.0, 40.0
    for _ in range(200):
        middle = (low + high) / 2
        below = float(found.predicted(link, np.array([[middle]]))[0, 0]) < level
        low, high = (middle, high) if below else (low, middle)
    return high if abs(high) > 1e-9 else 0.0


def _of_two(found: Outcomes, border: float, threshold: float | None) -> Fact[bool | None]:
    """Two outcomes: proved at the threshold of convex losses, else looked for at many shares."""
    if threshold is not None and abs(threshold - 0.5) < 1e-12:
        return Fact(True, "proved", note=f"convex, and at raw prediction {border:g} the two outcomes pull alike")
    tried, wrong = 0, []
    for share in SHARES:
        sides = _least_on_sides(found, share, border)
        tried += 2 * FINE
        right = sides[share > 0.5]
        other = sides[share < 0.5]
        if right[0] >= other[0] - NEARER * max(abs(right[0]), abs(other[0]), 1e-12):
            clear = (right[0] - other[0]) / max(abs(right[0]), abs(other[0]), 1e-12)
            wrong.append((round(clear, 6), share, right, other))
    if not wrong:
        return Fact(True, "sampled", tried)
    _, share, right, other = max(wrong)
    return _refuted(found, share, border, (right, other), threshold)


def _refuted(
    found: Outcomes, share: float, border: float, sides: tuple[Any, Any], threshold: float | None
) -> Fact[bool | None]:
    (least, _), (other, at) = sides
    side = "yes" if share > 0.5 else "no"
    note = (
        f"at the share of ones {share:g} the least expected loss on the side of {side} is {least:.6g}, "
        f"and {other:.6g} at raw prediction {at:.6g} on the other side"
    )
    if threshold is not None:
        note = f"it decides as if for shares above {threshold:.6g}, not 0.5: " + note
    grid = shown(_grid(found, border, share > 0.5)[:: FINE // 40])
    code = expected_text(found, (1 - share, share))
    code += f"other_side, right_side = {rounded(at)!r}, {grid}\n"
    code += "best = min(expected(raw) for raw in right_side)\n"
    code += f"assert expected(other_side) <= best + {NEARER} * abs(best)\n"
    return Fact(False, "refuted", 1, note, code)


def _grid(found: Outcomes, border: float, yes: bool) -> Floats:
    """Raw predictions on one side of the border, from beside it to far away."""
    line = line_of_raws(found.body)
    edge = float(line[-1, 0] if yes else line[0, 0])
    far = edge if found.body.given else edge * 3
    steps = np.geomspace(1e-4, abs(far - border), FINE)
    return np.asarray(border + (steps if yes else -steps))


def _least_on_sides(found: Outcomes, share: float, border: float) -> list[tuple[float, float]]:
    """The least expected loss for no (border included) and for yes, each with its raw prediction."""
    least = []
    for yes in (False, True):
        raws = _grid(found, border, yes)
        raws = raws if yes else np.append(raws, border)
        risks = found.losses(raws.reshape(-1, 1)) @ np.array([1 - share, share])
        best = int(np.nanargmin(risks))
        least.append((float(risks[best]), float(raws[best])))
    return least


def _convex_at(found: Outcomes, border: float, is_convex: Fact[bool]) -> float | None:
    """The share at which the two outcomes' slopes balance at the border, if both losses are shown to be convex."""
    if not is_convex.value or is_convex.evidence != "proved":
        return None
    beside = [border - 2.0**-30, border, border + 2.0**-30]
    slopes = found.slopes(np.array(beside).reshape(-1, 1))[:, :, 0]
    zero, one = slopes[1]
    smooth = np.abs(slopes - slopes[1]).max() < 1e-6 * np.abs(slopes[1]).max()
    return float(zero / (zero - one)) if smooth and zero > 0 > one else None


# Classes --------------------------------------------------------------------------------------------------------------


def _of_classes(found: Outcomes) -> Fact[bool | None]:
    """The largest entry of the best row is the most likely class, at some shares; found by descent from several rows."""
    tried = 0
    for listed in found.rows(CLASS_SHARES):
        shares = tuple(float(s) for s in np.array(listed) / sum(listed))
        row, points = _best_row(found, np.array(shares))
        tried += points
        refutation = _other_class(found, shares, _levelled(row, int(np.argmax(shares))))
        if refutation is not None:
            return refutation
    return Fact(True, "sampled", tried)


def _best_row(found: Outcomes, shares: Floats) -> tuple[Floats, int]:
    """The best of what descent finds from three rows, looked at once more without slopes (they may jump)."""
    from scipy.optimize import minimize

    points = 0

    def expected(row: Floats) -> float:
        nonlocal points
        points += 1
        value = float((found.losses(_as_raw(found, row)) @ shares)[0])
        return value if np.isfinite(value) else 1e300

    def slope(row: Floats) -> Floats:
        return np.asarray(np.nan_to_num(shares @ found.slopes(row.reshape(1, -1))[0]))

    jac = None if found.body.given else slope
    starts = [np.zeros(shares.size), np.log(shares), -np.log(shares) / 4]
    ends = [minimize(expected, start, jac=jac, method="BFGS", options={"maxiter": 40}) for start in starts]
    best = min(ends, key=lambda end: float(end.fun))
    last = minimize(expected, best.x, method="Nelder-Mead", options=SEARCH)
    return np.asarray(last.x if last.fun < best.fun else best.x), points


SEARCH: Final = {"maxfev": 60, "xatol": 1e-6, "fatol": 1e-12}


def _as_raw(found: Outcomes, row: Floats) -> Floats:
    """A row of numbers as a raw prediction: where probabilities are asked for, its softmax."""
    if not found.body.given:
        return np.asarray(row.reshape(1, -1))
    weights = np.exp(row - row.max())
    return np.asarray((weights / weights.sum()).reshape(1, -1))


def _levelled(row: Floats, likely: int) -> Floats:
    """The row as it is if another class leads, else with the most likely class no higher than the next."""
    others = np.delete(row, likely)
    level = row.copy()
    level[likely] = min(row[likely], others.max())
    return level


def _other_class(found: Outcomes, shares: tuple[float, ...], row: Floats) -> Fact[bool | None] | None:
    """The refutation: a row in which the most likely class does not lead, no worse than all rows where it does."""
    likely = int(np.argmax(shares))
    rivals = list(_rows_for(likely, row))
    raws = np.concatenate([_as_raw(found, other) for other in (row, *rivals)])
    best, *others = (found.losses(raws) @ np.array(shares)).tolist()
    if not best <= min(others) + NEARER * abs(min(others)):
        return None
    note = (
        f"at the shares {_row(shares)} no row with class {likely} in front has a smaller expected loss than "
        f"{shown(raws[0])}, in which it is not alone in front"
    )
    right = [[rounded(float(v)) for v in other] for other in raws[1::8]]
    code = expected_text(found, shares) + f"best, right_class = {shown(raws[0])}, {right!r}\n"
    code += f"assert all(expected(best) <= expected(row) + {NEARER} * abs(expected(row)) for row in right_class)\n"
    return Fact(False, "refuted", 1, note, code)


def _row(shares: tuple[float, ...]) -> str:
    return f"({', '.join(f'{s:.4g}' for s in shares)})"


def _rows_for(likely: int, row: Floats) -> Iterator[Floats]:
    """Rows near the best one whose largest entry is that of one class."""
    top = int(np.argmax(np.where(np.arange(row.size) == likely, -np.inf, row)))
    for extra in np.geomspace(0.01, 4.0, 41):
        raised = row.copy()
        raised[likely] = row.max() + extra
        yield raised
        swapped = row.copy()
        swapped[[likely, top]] = row[top] + extra / 4.0, min(row[likely], row[top])
        yield swapped
