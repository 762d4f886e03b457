"""Where the loss of one row lies: whether below 0 somewhere, and whether at 0 where the prediction is right.

Comes in: a definition and parameter values. Goes out: facts with evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lossmith.calculus.convexity import class_points, number_points, place
from lossmith.calculus.evidence import Fact, body_of, is_class_kind, vanishes
from lossmith.calculus.functional import right_predictions
from lossmith.formula.definition import Definition


def never_negative(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[bool]:
    """Whether no row has a loss below 0, at targets and raw predictions from minute to huge.

    >>> import lossmith as ls
    >>> never_negative(ls.get("bce").definition).value, never_negative(ls.get("poisson").definition).value
    (True, False)
    """
    body = body_of(definition, parameters)
    if isinstance(body, str):
        return Fact(False, "open", note=body)
    leaves = class_points(body) if is_class_kind(body) else number_points(body)
    found = body.at([body.node], {body.target: leaves[body.target], body.raw: leaves[body.raw]})[0][:, 0]
    below = [row for row, ball in enumerate(found) if ball < 0]
    if below:
        return Fact(False, "refuted", 1, place(body, leaves, below[0]))
    return Fact(True, "sampled", len(found))


def vanishes_where_right(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[bool]:
    """Whether a row whose prediction is its target has the loss 0.

    >>> import lossmith as ls
    >>> [vanishes_where_right(ls.get(name).definition).value for name in ("mse", "gaussian", "poisson")]
    [True, False, False]
    """
    return _where_right(definition, parameters, lambda ball, first: bool(vanishes(ball, 1)))


def alike_where_right(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[bool]:
    """Whether all rows whose prediction is their target have the same loss.

    >>> import lossmith as ls
    >>> [alike_where_right(ls.get(name).definition).value for name in ("mse", "gaussian", "poisson")]
    [True, True, False]
    """
    return _where_right(definition, parameters, lambda ball, first: bool(vanishes(ball - first, 1 + abs(first))))


def _where_right(
    definition: Definition, parameters: Mapping[str, float] | None, holds: Callable[[Any, Any], bool]
) -> Fact[bool]:
    body = body_of(definition, parameters)
    if isinstance(body, str):
        return Fact(False, "open", note=body)
    targets, raws = right_predictions(body)
    found = body.at([body.node], {body.target: targets, body.raw: raws})[0][:, 0]
    known = [row for row, ball in enumerate(found) if ball.is_finite()]
    if not known:
        return Fact(False, "open", note="its value there is not decided")
    wrong = [row for row in known if not holds(found[row], found[known[0]])]
    if wrong:
        pairs = [
            f"{float(found[k].mid()):.4g} where the target is {float(targets[k, 0].mid()):.4g}"
            for k in (known[0], wrong[-1])
        ]
        return Fact(False, "refuted", 1, " and ".join(dict.fromkeys(pairs)))
    return Fact(True, "sampled", len(known))
