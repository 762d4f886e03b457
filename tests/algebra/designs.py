"""Random designs to try laws on: losses of the catalogue, calls behind them, rows with weights and columns.

Comes in: nothing. Goes out: strategies for `hypothesis`, and `measure`, which computes a design on rows in NumPy kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from lossmith.algebra.calls import CALLS, Draw, ForEachClass
from lossmith.algebra.law_rows import Batch
from lossmith.algebra.parts import NUMBER_KINDS, Bound
from lossmith.catalogue import LOSSES
from lossmith.errors import LossmithError
from lossmith.formula.roles import CLASS_KINDS
from lossmith.loss.handle import Loss

N, K = 7, 3
CUTS = np.array([-np.inf, -0.75, 1.5, np.inf])
PLAIN = [Bound(definition) for entry in LOSSES for definition in (entry.definition, *entry.when_given.values())]


def built(make: Callable[[], Bound]) -> Bound | None:
    """What a call makes, or None where it is refused in a sentence; anything else is an error."""
    try:
        return make()
    except LossmithError as error:
        assert len(error.sentence) > 20 and error.sentence.endswith((".", "?", ")")), error
        return None


# Numbers and rows -----------------------------------------------------------------------------------------------------


def number(draw: Draw, classes: int) -> st.SearchStrategy[Any]:
    """Numbers of an interval, half of them round ones, ends that belong to it among them."""
    if isinstance(draw, ForEachClass):
        return st.lists(number(draw.interval, classes), min_size=classes, max_size=classes)
    ends = [x for x in (draw.low, draw.high, 0.0, 0.5, 1.0, 2.0, (draw.low + draw.high) / 2) if x in draw]
    rough = st.floats(draw.low, draw.high, exclude_min=draw.low_open, exclude_max=draw.high_open).map(
        lambda x: float(f"{x:.3g}")
    )
    return st.one_of(st.sampled_from(ends), rough.filter(lambda x: x in draw and (abs(x) > 1e-3 or x == 0)))


def numbers(draws: Mapping[str, Draw], classes: int) -> st.SearchStrategy[dict[str, Any]]:
    """The numbers of a law or call by name."""
    return st.fixed_dictionaries({name: number(draw, classes) for name, draw in draws.items()})


def classes_in(bound: Bound) -> int:
    """How many classes the rows have that are drawn for a loss."""
    return K if bound.kind in CLASS_KINDS else 2


TARGETS: dict[str, Callable[[Any, bool], Any]] = {
    "real": lambda rng, soft: 3 * rng.normal(size=N),
    "nonnegative": lambda rng, soft: np.abs(rng.normal(size=N)) * (rng.random(N) < 0.7),
    "positive": lambda rng, soft: np.exp(rng.normal(size=N)),
    "count": lambda rng, soft: rng.poisson(1.5, size=N).astype(float),
    "fraction": lambda rng, soft: rng.random(N),
    "binary": lambda rng, soft: rng.random(N) if soft else (rng.random(N) < 0.5).astype(float),
    "class": lambda rng, soft: rng.dirichlet(np.ones(K), size=N) if soft else rng.integers(0, K, N),
    "simplex": lambda rng, soft: rng.dirichlet(np.ones(K), size=N),
    "ordinal": lambda rng, soft: rng.integers(0, 3, N),
}


def rows_of(bound: Bound, seed: int, soft: bool, width: float) -> Batch:
    """Rows for a loss: no two alike, so that no kink is met."""
    rng = np.random.default_rng(seed)
    y = TARGETS[bound.kind](rng, soft and not bound.definition.ignored)
    raw = width * rng.normal(size=(N, K) if bound.kind in CLASS_KINDS else N)
    if bound.definition.declaration.on == "probability":
        raw = rng.dirichlet(np.ones(K), size=N)
    columns = {
        "price": rng.choice([0.5, 1.0, 3.0], N),
        "kept": (rng.random(N) < 0.7).astype(float),
        "group": np.arange(N) % 2,
    }
    if bound.kind == "ordinal":
        columns |= {"low": CUTS[y], "high": CUTS[y + 1]}
    return Batch(y, raw, rng.choice([0.25, 1.0, 2.5], N) * (rng.random(N) < 0.85), columns)


BATCHES = st.tuples(st.integers(0, 10_000), st.booleans(), st.sampled_from([0.5, 2.0, 8.0]))


# Designs --------------------------------------------------------------------------------------------------------------


def middle(draw: Draw, classes: int) -> Any:
    """A number that a law may be tried with before any is drawn."""
    if isinstance(draw, ForEachClass):
        return [middle(draw.interval, classes)] * classes
    return 0.75 if 0.75 in draw else (draw.low + draw.high) / 2


def middles(draws: Mapping[str, Draw], bound: Bound) -> dict[str, Any]:
    """Numbers by name to try a law with."""
    return {name: middle(draw, classes_in(bound)) for name, draw in draws.items()}


def valued(bound: Bound, parts: tuple[float, ...]) -> Bound:
    """The loss with numbers of its own: half, once or twice what it has by default, if it takes that."""
    values = []
    for parameter, part in zip(bound.definition.parameters, parts, strict=False):
        value = (parameter.default or 0.5) * part
        values.append((parameter.name, value if value in parameter.domain else parameter.default or 0.5))
    return replace(bound, values=tuple(values))


def fitting(bound: Bound) -> list[str]:
    """The calls for targets of this kind."""
    of = "numbers" if bound.kind in NUMBER_KINDS else "labels"
    return [name for name, call in CALLS.items() if call.of in ("any", of)]


@st.composite
def designs(draw: st.DrawFn, start: Bound, still: Callable[[Bound], bool], calls: int = 2) -> Bound:
    """A loss with some calls behind it: those that are not refused and after which `still` holds."""
    dice = draw(st.randoms(use_true_random=True))
    found = valued(start, tuple(dice.choices([1.0, 0.5, 2.0], k=3)))
    for name in dice.choices(fitting(start), k=dice.randint(0, calls)):
        given = draw(numbers(CALLS[name].numbers, classes_in(start)))
        made = built(lambda found=found, name=name, given=given: CALLS[name].make(found, **given))
        if made is not None and still(made):
            found = made
    return found


# Measuring ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Measured:
    """Value and gradient of a design on some rows, and how large the terms are that they are made of."""

    value: float
    gradient: Any
    terms: float


def loss_of(bound: Bound) -> Loss:
    """The design as a loss that runs in NumPy kernels."""
    return Loss(bound.definition, bound.values, "numpy")


def arguments(bound: Bound, batch: Batch) -> tuple[tuple[Any, Any, Any], dict[str, Any]]:
    """What the methods of a loss take: positional, and the columns that this one reads."""
    declared = (*bound.definition.declaration.columns, "group")
    return (batch.y, batch.raw, batch.weight), {"columns": {name: batch.columns[name] for name in declared}}


def measure(bound: Bound, batch: Batch) -> Measured:
    """Compute a design on rows."""
    loss = loss_of(bound)
    given, columns = arguments(bound, batch)
    value, gradient = loss.value_and_gradient(*given, **columns)
    terms = np.abs(loss.per_example(*given, **columns)) if loss.is_additive else np.zeros(1)
    whole = terms.sum() if loss.is_additive and not loss.expressions.additive.is_mean else terms.max(initial=0.0)
    return Measured(value, gradient, max(abs(value), float(whole)))
