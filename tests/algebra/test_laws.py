"""Every law of `algebra.laws` on random designs from the catalogue: values, gradients and start constants."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import combinations, islice
from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st

import lossmith as ls
from lossmith.algebra import combine, finishing, parts, terms
from lossmith.algebra.calls import CALLS, ONE_WAY, OTHERWISE, STAGES, UNMET, among_pairs, meet
from lossmith.algebra.law_rows import Batch, Moved, as_they_are
from lossmith.algebra.laws import EQUAL, IN_ORDER, LAWS, OF_CALLS, OF_ROWS, Law
from lossmith.algebra.parts import Bound
from lossmith.calculus.scan import NoBestConstantError
from lossmith.catalogue import find
from lossmith.emit import prelude
from lossmith.errors import LossmithError
from lossmith.kernel import rows
from lossmith.loss.designed import COMBINATORS
from tests.algebra.designs import (
    BATCHES,
    PLAIN,
    K,
    arguments,
    built,
    classes_in,
    designs,
    loss_of,
    measure,
    middles,
    numbers,
    rows_of,
)
from tests.sampling import every

# Rows come from seeds, so that a smaller case would not be a simpler one.
settings.register_profile("laws", settings.get_profile("lossmith"), phases=[Phase.generate])
SPACING = float(np.finfo(np.float64).eps)
# The contract grants 16 units in the last place for each term of a combination; two sides of up to eight terms.
ULPS = 2 * 16 * 8


def close(found: Any, exact: Any, size: float) -> None:
    found, exact = np.asarray(found), np.asarray(exact)
    assert np.array_equal(np.isnan(found), np.isnan(exact))
    worst = np.nanmax(np.abs(found - exact), initial=0.0)
    assert worst <= ULPS * SPACING * size, (
        f"off by {worst / (SPACING * size):.3g} units of {size:.3g}:\n{found}\n{exact}"
    )


def check(law: Law, bounds: tuple[Bound, ...], row: tuple[int, bool, float], values: dict[str, Any]) -> None:
    """Both sides of a law, on rows: where they are one loss by their hash, there is nothing to compute."""
    left, right = law.left(*bounds, **values), law.right(*bounds, **values)
    same = loss_of(left) == loss_of(right)
    assert same or not law.alike
    if same and law.rows is as_they_are:
        return
    moved = law.rows(bounds[0].kind, rows_of(left, *row), **values)
    one, two = measure(left, moved.left), measure(right, moved.right)
    assert np.isfinite(one.gradient).all()
    close(one.value, two.value, max(one.terms, two.terms, law.size))
    back = np.zeros_like(one.gradient)
    np.add.at(back, moved.origin, two.gradient)
    close(one.gradient, back, max(np.abs(one.gradient).max(initial=0.0), np.abs(back).max(initial=0.0), law.size))


def applies(law: Law, *bounds: Bound) -> bool:
    """Whether a law says something about these losses."""
    return law.where(*bounds) and built(lambda: law.left(*bounds, **middles(law.numbers, bounds[0]))) is not None


TUPLES = {
    1: [(a,) for a in PLAIN],
    **{
        k: [
            (a, *[b] * (k - 1))
            for a in PLAIN
            for b in PLAIN
            if a.definition.declaration.target == b.definition.declaration.target
        ]
        for k in (2, 3)
    },
}


@lru_cache
def losses_of(name: str) -> tuple[tuple[Bound, ...], ...]:
    """Losses of the catalogue (or pairs, or triples of one target) of which a law says something: some of them."""
    law = LAWS[name]
    tuples = TUPLES[law.losses]
    spread = [tuples[(7 * j) % len(tuples)] for j in range(len(tuples))]  # all of them, far ones next to each other
    return tuple(islice((bounds for bounds in spread if applies(law, *bounds)), 24 if law.losses == 1 else 5))


@st.composite
def cases(draw: st.DrawFn, name: str, calls: int = 2) -> tuple[tuple[Bound, ...], Any, dict[str, Any]]:
    """Losses, rows and numbers for a law; where a combination of designs is refused, the losses as they are shipped."""
    law = LAWS[name]
    plain = draw(st.randoms(use_true_random=True)).choice(losses_of(name))
    made = [draw(designs(plain[0], lambda bound: law.losses > 1 or applies(law, bound), calls))]
    made += [draw(designs(bound, lambda bound: True, calls)) for bound in plain[1:]]
    values = draw(numbers(law.numbers, classes_in(plain[0])))
    bounds = tuple(made) if applies(law, *made) and built(lambda: law.left(*made, **values)) is not None else plain
    return bounds, draw(BATCHES), values


def run(name: str, examples: int, calls: int = 2) -> None:
    """One law on so many random cases."""

    @settings(settings.get_profile("laws"), max_examples=examples)
    @given(cases(name, calls))
    def holds(case: Any) -> None:
        bounds, row, values = case
        check(LAWS[name], bounds, row, values)

    holds()


# The laws -------------------------------------------------------------------------------------------------------------

ONE_STAGE = [name for name in LAWS if name not in OF_CALLS and name not in OF_ROWS]
SWAPS = [name for name in OF_CALLS if set(name.split(", ")) <= set(CALLS)]
OTHER_CALLS = [name for name in OF_CALLS if name not in SWAPS]


def test_every_law_says_something_of_some_loss() -> None:
    assert [name for name in LAWS if not losses_of(name)] == []


@pytest.mark.parametrize("name", OF_ROWS)
def test_rows(name: str) -> None:
    run(name, 40)


@pytest.mark.parametrize("name", ONE_STAGE)
def test_weights_targets_sums_and_choices(name: str) -> None:
    run(name, 4)


@pytest.mark.parametrize("name", OTHER_CALLS)
def test_calls_alone(name: str) -> None:
    run(name, 3)


@pytest.mark.parametrize("name", every(4, SWAPS))
def test_calls_of_different_stages_may_be_made_in_any_order(name: str) -> None:
    run(name, 2, calls=1)


@pytest.mark.certify
@pytest.mark.parametrize("name", LAWS)
def test_laws_at_length(name: str) -> None:
    run(name, 60, calls=3)


@pytest.mark.parametrize("name", [name for name, law in OF_ROWS.items() if law.starts])
def test_start_constants(name: str) -> None:
    law = OF_ROWS[name]

    @settings(settings.get_profile("laws"), max_examples=8)
    @given(cases(name, 1))
    def same_start(case: Any) -> None:
        (bound,), row, values = case
        moved = law.rows(bound.kind, rows_of(bound, *row), **values)
        if all(all_classes_seen(bound, side) for side in (moved.left, moved.right)):
            check_start(bound, moved)

    same_start()


def all_classes_seen(bound: Bound, batch: Batch) -> bool:
    """Whether there is a row at all; how many classes there are is read off the numbers of those that are there."""
    present = batch.y[batch.weight > 0]
    return len(present) > 0 and not (bound.kind == "class" and present.ndim == 1 and present.max() < K - 1)


def constant_of(loss: ls.Loss, y: Any, weight: Any, columns: dict[str, Any]) -> Any:
    """The best constant; infinite where the loss sinks towards one side, None where every constant is as good."""
    try:
        return loss.best_constant(y, weight, **columns)
    except NoBestConstantError as error:
        assert error.least is not None
        return None if error.least.why == "alike" else error.least.place


def check_start(bound: Bound, moved: Moved) -> None:
    """Both sides have a best constant of one value, and the same one where there can be only one."""
    loss = loss_of(bound)
    (y, _, weight), columns = arguments(bound, moved.left)
    one = constant_of(loss, y, weight, columns)
    other = arguments(bound, moved.right)
    two = constant_of(loss, other[0][0], other[0][2], other[1])
    if one is None or two is None:
        assert one is two
        return
    if loss.is_additive and loss.is_strictly_convex:
        # Newton's method ends where what is left of the slope is rounding: of a millionth of a step, squared
        np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-9)
    # a class that never occurs has minus infinity, at which log loss is 0 times infinity
    raw = [np.broadcast_to(np.clip(constant, -500, 500), moved.left.raw.shape) for constant in (one, two)]
    values = [loss.value(y, constant, weight, **columns) for constant in raw]
    assert values[0] == pytest.approx(values[1], rel=1e-9, abs=1e-12)


# What is no law -------------------------------------------------------------------------------------------------------

ORDERED = [(a, b) for a, b in combinations(IN_ORDER, 2) if meet(a, b) and among_pairs(a, b, ONE_WAY)]


def called(bound: Bound, *names: str) -> Bound:
    """Calls one after the other, with numbers from the middle of their intervals."""
    for name in names:
        bound = CALLS[name].make(bound, **middles(CALLS[name].numbers, bound))
    return bound


@pytest.mark.parametrize(("earlier", "later"), every(3, ORDERED))
def test_a_call_too_late_is_refused_and_in_order_it_is_not(earlier: str, later: str) -> None:
    taken = 0
    for bound in PLAIN:
        if built(lambda bound=bound: called(bound, earlier)) is not None and built(
            lambda bound=bound: called(bound, later)
        ):
            with pytest.raises(LossmithError, match=r"first, then|before it is summed|looked at together"):
                called(bound, later, earlier)
            taken += built(lambda bound=bound: called(bound, earlier, later)) is not None
    assert taken


@pytest.mark.parametrize(("a", "b"), UNMET)
def test_what_never_meets_is_refused_in_any_order(a: str, b: str) -> None:
    for bound in PLAIN:
        assert built(lambda bound=bound: called(bound, a, b)) is None
        assert built(lambda bound=bound: called(bound, b, a)) is None


@pytest.mark.parametrize(("a", "b"), OTHERWISE)
def test_what_depends_on_the_order_does(a: str, b: str) -> None:
    for name in (name for name, call in CALLS.items() if call.stage == a and name not in ("tilt", "negatives")):
        bound = Bound(find("mae"))
        batch = rows_of(bound, 5, False, 2.0)
        assert measure(called(bound, name, b), batch).value != measure(called(bound, b, name), batch).value


@pytest.mark.parametrize("name", [name for name, call in CALLS.items() if call.of != "any"])
def test_a_call_for_another_kind_of_target_is_refused(name: str) -> None:
    labels = {"binary", "fraction", "class", "simplex"}
    other = [b for b in PLAIN if (b.kind in labels) != (CALLS[name].of == "labels")]
    assert len(other) > 5
    for bound in other:
        with pytest.raises(LossmithError, match=r"LM(281|295)"):
            called(bound, name)


@pytest.mark.parametrize(("sentence", "name", "values", "design"), EQUAL)
def test_shipped_losses_that_are_designs(sentence: str, name: str, values: dict[str, float], design: str) -> None:
    one, other = ls.get(name, **values), ls.parse(design)
    assert one == other and hash(one) == hash(other), sentence


def test_every_call_has_its_place_and_every_combinator_a_call() -> None:
    assert {call.stage for call in CALLS.values()} == set(STAGES)
    makers = {"select": "top share", "over": "over count", "weigh": "reweight"}
    assert [name for name in COMBINATORS if makers.get(name, name) not in CALLS] == []


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Bound, Bound]:
    """Two designs of one target that may be added: two of one loss, or of two."""
    a, b = draw(st.randoms(use_true_random=True)).choice(TUPLES[2])
    made = [draw(designs(bound, lambda bound: True)) for bound in (a, b)]
    assume(built(lambda: combine.add(*made)) is not None)
    return made[0], made[1]


def test_values_of_sums_and_multiples() -> None:
    """The value of a sum is the sum of the values, that of a multiple the multiple, and so it is with gradients."""

    @settings(settings.get_profile("laws"), max_examples=50)
    @given(pairs(), BATCHES, st.floats(-4, 4))
    def adds_up(ab: tuple[Bound, Bound], row: Any, k: float) -> None:
        both, batch = combine.add(ab[0], combine.scale(ab[1], k)), rows_of(combine.add(*ab), *row)
        one, two, found = measure(ab[0], batch), measure(ab[1], batch), measure(both, batch)
        close(found.value, one.value + k * two.value, one.terms + abs(k) * two.terms)
        expected = one.gradient + k * two.gradient
        close(found.gradient, expected, np.abs(one.gradient).max() + abs(k) * np.abs(two.gradient).max())

    adds_up()


# Planted faults: each must break a law ----------------------------------------------------------------------------------


def _weigh_before_smoothing(patch: pytest.MonkeyPatch) -> None:
    plain = rows.measured
    patch.setattr(rows, "measured", lambda definition, *rest: plain(replace(definition, smoothing=()), *rest))


def _choose_by_rows(patch: pytest.MonkeyPatch) -> None:
    plain = prelude._largest
    patch.setattr(prelude, "_largest", lambda s, amount, among, w, g: plain(s, amount, among, np.sign(w), g))


def _lose_the_factor(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(finishing, "rebuilt", lambda part: parts.rebuilt(replace(part, factor=1.0)))


def _share_every_parameter(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(combine, "_without_clashes", lambda a, b: b)


def _modulate_what_is_given(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(terms, "unmoved", lambda bound: (bound, lambda formula: formula))


@pytest.mark.parametrize(
    ("plant", "test"),
    [
        (_weigh_before_smoothing, lambda: test_weights_targets_sums_and_choices("smoothing, then weights")),
        (_choose_by_rows, lambda: test_rows("weight k equals k rows")),
        (_lose_the_factor, lambda: test_calls_alone("over count, past a factor")),
        (_share_every_parameter, test_values_of_sums_and_multiples),
        (_modulate_what_is_given, lambda: run("adjust, modulate", 20)),
    ],
)
def test_a_planted_fault_breaks_a_law(plant: Any, test: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)
    with pytest.raises((AssertionError, ExceptionGroup)):
        test()
