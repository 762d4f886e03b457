"""What a loss makes a model estimate, with a proof where algebra gives one.

Comes in: a definition and parameter values. Goes out: the fact of `calculus.functional`, proved where the gradient has
a known form for every target and every raw prediction: h(z) (p - y) with h > 0 for a mean (Bregman 1967), h(z) times
two constants for a quantile, h(z) times two multiples of p - y for an expectile, and for two outcomes a gradient whose
mixture vanishes at the prediction alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Final

import numpy as np

from lossmith.calculus.evidence import Body, Fact, body_of, increasing_part, is_class_kind
from lossmith.calculus.facts import weighed
from lossmith.calculus.functional import Functional, functional
from lossmith.calculus.properties.outcomes import Outcomes, line_of_raws, outcomes
from lossmith.calculus.properties.symbolic import LONGEST, Algebra, Expression, algebra, is_positive, is_zero, or_else
from lossmith.errors import UnsupportedError
from lossmith.formula.definition import Definition
from lossmith.formula.lift import lift
from lossmith.formula.node import Node, among, constant, make, substitute, symbol, symbols

POWERS: Final = {"median": 0, "quantile": 0, "mean": 1, "expectile": 1}


def estimates(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[Functional]:
    """What minimising this loss estimates.

    >>> import lossmith as ls
    >>> [estimates(ls.get(name).definition).text[:6] for name in ("mse", "quantile", "expectile", "bce", "huber")]
    ['proved', 'proved', 'proved', 'proved', 'open (']
    """
    return _estimates(definition, tuple(sorted((parameters or {}).items())))


@lru_cache(maxsize=64)
def _estimates(definition: Definition, given: tuple[tuple[str, float], ...]) -> Fact[Functional]:
    parameters = dict(given)
    found = functional(definition, parameters)
    body = body_of(definition, parameters, increasing_part)
    if isinstance(body, str) or found.evidence != "sampled":
        return weighed(_mode(definition, parameters) or found, definition)
    return weighed(_proved(found, body), definition)


def _proved(found: Fact[Functional], body: Body) -> Fact[Functional]:
    form = _form(found.value, body)
    return replace(found, evidence="proved", points=0, note=form) if form else found


@or_else("")
def _form(value: Functional, body: Body) -> str:
    """The form of the gradient in words, where algebra shows it."""
    if is_class_kind(body):
        return of_classes(body) if value.name == "probability" else ""
    known = algebra(body, link_of(body, value))
    test = _two_outcomes if value.name == "probability" else _number
    return test(known, value) if known else ""


def _mode(definition: Definition, parameters: Mapping[str, float]) -> Fact[Functional] | None:
    """Whether two outcomes have one best raw prediction while yes is more likely, and another while no is.

    Only shares count on which side of one half they are: the model learns the more likely outcome, and no probability.
    """
    seen = outcomes(definition, parameters)
    if isinstance(seen, str) or seen.of_classes:
        return None
    best = [np.array([_best_raw(seen, share) for share in shares]) for shares in LIKELY]
    if any(np.ptp(side) > SAME * (1.0 + np.abs(side).max()) for side in best) or not best[0].max() < best[1].min():
        return None
    return Fact(Functional("mode"), "sampled", len(LIKELY) * len(LIKELY[0]) * ROUNDS * FINE)


def _best_raw(seen: Outcomes, share: float) -> float:
    """The raw prediction of least expected loss, by looking at ever finer lines."""
    raws = line_of_raws(seen.body, FINE)[:, 0]
    for _ in range(ROUNDS):
        risks = seen.losses(raws.reshape(-1, 1)) @ np.array([1 - share, share])
        k = int(np.nanargmin(risks))
        place = float(raws[k])
        raws = np.linspace(raws[max(k - 1, 0)], raws[min(k + 1, FINE - 1)], FINE)
    return place


ROUNDS: Final = 3
FINE: Final = 201
SAME: Final = 1e-3
LIKELY: Final = ((0.07, 0.22, 0.36, 0.48), (0.52, 0.64, 0.78, 0.93))  # shares of ones on either side of one half


def names_share(value: Functional) -> bool:
    """Whether what is estimated is the share of ones."""
    return value.name in ("probability", "mean")


def link_of(body: Body, known: Functional) -> str:
    """The map from raw predictions to what is estimated."""
    return known.through or ("identity" if body.given else body.link)


def _number(known: Algebra, value: Functional) -> str:
    """The form of the gradient in words if it is shown for all targets and raw predictions, else nothing."""
    power = POWERS.get(value.name)
    if power is None:
        return ""
    low, high = _pulls(known, power)
    if any(not is_zero(pull.diff(known.distance)) for pull in (low, high)):
        return ""
    shares = (low * 0 + 1) / 2 if value.level is None else high / (low + high)
    if value.level is None and not is_zero(low - high):
        return ""
    if value.level is not None and not is_zero(shares.diff(known.raw)):
        return ""
    if not (is_positive(low) and is_positive(high)):
        return ""
    scale = "" if is_zero(low.diff(known.raw)) else "a positive function of the prediction times "
    sides = ", with one factor below the target and another above it" if value.name == "expectile" else ""
    return f"the gradient is {scale}{WORDS[power]}{sides}"


WORDS: Final = {0: "one number below the target and another above it", 1: "the distance of prediction and target"}


def _pulls(known: Algebra, power: int) -> tuple[Expression, Expression]:
    """How hard targets below and above the prediction pull, over the distance to the power."""
    below, above = (known.beside(known.slope, side) for side in (-1, 1))
    return below / known.distance**power, -above / known.distance**power


def _two_outcomes(known: Algebra, value: Functional) -> str:
    """Whether the mixture of the two gradients vanishes at the prediction and falls below 0 only on one side of it."""
    zero, one = known.where_target_is(0.0), known.where_target_is(1.0)
    p = known.predicted
    bend = zero - one
    if known.body.given:  # the raw prediction is a probability: 1 / (1 + r) for r > 0
        inside = 1 / (1 + known.distance)
        zero, one, p, bend = (e.subs(known.raw, inside) for e in (zero, one, p, bend))
    return PULLED if is_zero(p * one + (1 - p) * zero) and is_positive(bend) else ""


PULLED: Final = "the expected gradient is a positive number times (prediction - share of ones)"


@or_else("")
def of_classes(body: Body) -> str:
    """Whether the loss is a sum over the classes of losses that each are right at the class's share alone.

    On rows that add up to 1 the slope by one prediction may hold a constant beside (share - prediction) h, h > 0.
    """
    given = _on_probability(body)
    slope = None if given is None else own_slope(given)
    if given is None or slope is None:
        return ""
    y, p, r = (given.target, given.raw, given.distance)
    zero, one = slope.subs(y, 0), slope.subs(y, 1)
    inside = 1 / (1 + r)
    balanced = is_zero((p * one + (1 - p) * zero).diff(p))
    return APART if balanced and is_positive((zero - one).subs(p, inside)) else ""


APART: Final = "each class alone: the expected gradient is a positive number times (prediction - share), and a constant"


@or_else(False)
def of_cross_entropy(body: Body) -> bool:
    """Whether the slope of a row by the prediction of a class is that of minus its logarithm: -y / p."""
    given = _on_probability(body)
    slope = None if given is None else own_slope(given)
    return given is not None and slope is not None and is_zero(slope + given.target / given.raw)


def own_slope(known: Algebra) -> Expression | None:
    """The slope of a row's loss by the prediction of one class, if no other class enters it."""
    try:
        slope = known.of(known.body.slope)
    except UnsupportedError:
        return None
    return slope if slope.free_symbols <= {known.target, known.raw} and slope.count_ops() <= LONGEST else None


def _on_probability(body: Body) -> Algebra | None:
    """The formula over a row of given probabilities, where the raw prediction enters through softmax alone."""
    if body.given:
        return Algebra(body, "identity")
    plain = symbol("q", "raw", sorted(body.raw.axes))
    shown = substitute(body.node, _through_softmax(body.raw, plain))
    if among(body.raw, symbols(shown)):
        return None
    node = lift(shown)[0]
    return Algebra(replace(body, node=node, raw=plain, given=True, read=plain, link="identity"), "identity")


def _through_softmax(raw: Node, plain: Node) -> dict[Node, Node]:
    """What the nodes of a row's probabilities are in terms of the probabilities."""
    return {
        make("softmax", raw): plain,
        make("log_softmax", raw): make("log", plain),
        make("softmax_complement", raw): constant(1.0) - plain,
    }
