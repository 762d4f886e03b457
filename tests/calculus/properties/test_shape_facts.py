"""Facts on the shape of a loss: what textbooks know, what was published wrong, and programs that refute."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lossmith
from lossmith.calculus.evidence import Fact
from lossmith.calculus.properties.bending import convex, strict_everywhere, strictly_convex, strongly_convex
from lossmith.calculus.properties.levels import bounded_below, differentiable, symmetric
from lossmith.calculus.properties.steepness import lipschitz, robust, smoothness
from lossmith.loss import Loss
from tests.sampling import every

INF = math.inf
ALL = (
    convex,
    strictly_convex,
    strongly_convex,
    lipschitz,
    smoothness,
    robust,
    differentiable,
    bounded_below,
    symmetric,
)

# Boyd and Vandenberghe (2004), Convex Optimization, chapters 3 and 9; Huber and Ronchetti (2009), Robust Statistics;
# constants: the largest gradient and second derivative, by hand.
# name: convex, strictly, strongly (constant), Lipschitz, smoothness, differentiable
KNOWN: dict[str, tuple[bool, bool, float | None, float, float, float]] = {
    "squared_error": (True, True, 2.0, INF, 2.0, INF),
    "half_squared_error": (True, True, 1.0, INF, 1.0, INF),
    "absolute_error": (True, False, None, 1.0, INF, 0.0),
    "huber": (True, False, None, 1.0, 1.0, 1.0),
    "log_cosh": (True, True, None, 1.0, 1.0, INF),
    "quantile": (True, False, None, 0.5, INF, 0.0),
    "gaussian": (True, True, 1.0, INF, 1.0, INF),
    "laplace": (True, False, None, 1.0, INF, 0.0),
    "logistic": (True, True, None, 1.0, 0.5, INF),
    "student_t": (False, False, None, 1.25, 1.25, INF),
    "poisson": (True, True, None, INF, INF, INF),
    "poisson_likelihood": (True, True, None, INF, INF, INF),
    "gamma": (True, True, None, INF, INF, INF),
    "gamma_likelihood": (True, True, None, INF, INF, INF),
    "tweedie": (True, True, None, INF, INF, INF),
    "binary_cross_entropy": (True, True, None, 1.0, 0.25, INF),
    "brier": (False, False, None, 8 / 27, 0.1540587, INF),
    "ordinal": (True, True, None, 1.0, 0.5, INF),
    "log_normal": (True, True, 1.0, INF, 1.0, INF),
}
PROVED_CONVEX = (
    "squared_error", "absolute_error", "huber", "log_cosh", "quantile", "expectile", "binary_cross_entropy", "poisson",
    "gamma", "tweedie", "logistic", "ordinal", "cross_entropy", "label_smoothed_cross_entropy", "negative_binomial",
)  # fmt: skip


def of(name: str) -> Any:
    return lossmith.get(name).definition


def parsed(text: str, **said: Any) -> Any:
    return lossmith.parse(text, **{"target": "real", **said}).definition


@pytest.mark.parametrize("name", KNOWN)
def test_shipped_losses_have_the_shape_that_textbooks_give_them(name: str) -> None:
    found = [fact(of(name)).value for fact in (convex, strictly_convex, strongly_convex, lipschitz, smoothness)]
    wanted = KNOWN[name]
    assert found[:2] == list(wanted[:2])
    for value, constant in zip(found[2:], wanted[2:5], strict=True):
        assert value == (constant if constant is None else pytest.approx(constant, rel=2e-6))
    assert differentiable(of(name)).value == wanted[5]


@pytest.mark.parametrize("name", PROVED_CONVEX)
def test_convexity_of_the_usual_losses_is_proved(name: str) -> None:
    assert convex(of(name)).evidence == "proved"


@pytest.mark.parametrize(
    "name", ["squared_error", "log_cosh", "expectile", "binary_cross_entropy", "poisson", "cross_entropy"]
)
def test_strict_convexity_of_the_usual_losses_is_proved(name: str) -> None:
    assert (strictly_convex(of(name)).value, strictly_convex(of(name)).evidence) == (True, "proved")


@pytest.mark.parametrize("level", [0.01, 0.3, 0.83, 0.999])
def test_constants_follow_the_parameters(level: float) -> None:
    assert lipschitz(of("quantile"), {"level": level}).value == pytest.approx(max(level, 1 - level), rel=1e-9)
    assert strongly_convex(of("expectile"), {"level": level}).value == pytest.approx(
        2 * min(level, 1 - level), rel=1e-9
    )
    assert lipschitz(of("huber"), {"delta": level}).value == pytest.approx(level, rel=1e-9)
    assert differentiable(of("huber"), {"delta": level}).value == 1


HINGE = "where((2*y - 1)*z < 1, 1 - (2*y - 1)*z, 0)"
SPECIAL = {
    "zero_one": ("where(y != (p > 0.5), 1, 0)", {"target": "binary", "link": "sigmoid"}),
    "insensitive": ("maximum(abs(y - z) - 0.5, 0)**2", {}),
    "cubic": ("abs(y - z)**3", {}),
    "fourth": ("(y - z)**4", {}),
    "negated": ("-(y - z)**2", {}),
    "hinge": (HINGE, {"target": "binary"}),
    "maximum_hinge": ("maximum(0, 1 - (2*y - 1)*z)", {"target": "binary"}),
    "charbonnier": ("sqrt(1 + (y - z)**2) - 1", {}),
    "geman_mcclure": ("(y - z)**2 / (1 + (y - z)**2)", {}),
    "welsch": ("1 - exp(-(y - z)**2 / 2)", {}),
    "tukey": ("where(abs(y - z) <= 4, 1 - (1 - ((y - z)/4)**2)**3, 1)", {}),
    "asymmetric": ("where(y > z, 3*(y - z)**2, abs(y - z))", {}),
}


def special(name: str) -> Any:
    text, said = SPECIAL[name]
    return parsed(text, **said)


def test_published_mistakes_come_out_right() -> None:
    assert (strictly_convex(of("log_cosh")).value, strongly_convex(of("log_cosh")).value) == (True, None)
    assert (convex(special("insensitive")).value, strictly_convex(special("insensitive")).value) == (True, False)
    assert strongly_convex(special("insensitive")).value is None
    assert (lipschitz(special("zero_one")).value, convex(special("zero_one")).value) == (INF, False)
    assert (strictly_convex(special("cubic")).value, strongly_convex(special("cubic")).value) == (True, None)
    assert (strictly_convex(special("fourth")).value, strongly_convex(special("fourth")).value) == (True, None)
    assert convex(of("focal")).value is False
    assert convex(special("negated")).value is False


@pytest.mark.parametrize("name", ["negated", "zero_one", "geman_mcclure", "welsch", "tukey"])
def test_what_is_not_convex_is_refuted(name: str) -> None:
    assert (convex(special(name)).value, convex(special(name)).evidence) == (False, "refuted")


@pytest.mark.parametrize(
    "name", ["hinge", "maximum_hinge", "charbonnier", "insensitive", "cubic", "fourth", "asymmetric"]
)
def test_what_is_convex_is_proved(name: str) -> None:
    assert (convex(special(name)).value, convex(special(name)).evidence) == (True, "proved")


@pytest.mark.parametrize(
    ("name", "kind", "bound"),
    [
        ("geman_mcclure", "redescending", 3 * math.sqrt(3) / 8),
        ("welsch", "redescending", math.exp(-0.5)),
        ("tukey", "redescending", 6 / 4 * 16 / (25 * math.sqrt(5))),
        ("charbonnier", "bounded", 1.0),
        ("hinge", "bounded", 1.0),
        ("negated", "none", INF),
    ],
)
def test_robust_losses_by_their_far_errors(name: str, kind: str, bound: float) -> None:
    found = robust(special(name))
    assert (found.value.kind, found.value.bound) == (kind, pytest.approx(bound, rel=2e-6))


@pytest.mark.parametrize(
    ("name", "times"),
    [("zero_one", -1), ("maximum_hinge", 0), ("insensitive", 1), ("cubic", 2), ("tukey", 2), ("fourth", INF)],
)
def test_how_often_a_loss_can_be_differentiated(name: str, times: float) -> None:
    assert differentiable(special(name)).value == times


def test_how_low_losses_go() -> None:
    assert (bounded_below(of("mse")).value, bounded_below(of("mse")).evidence) == (0.0, "proved")
    assert "where the prediction is the target" in bounded_below(of("mse")).note
    assert "never reached" in bounded_below(of("bce")).note
    assert bounded_below(special("negated")).value == -INF
    assert bounded_below(of("poisson")).value is None


def test_the_least_of_both_outcomes_is_found_between_the_probes() -> None:
    fact = bounded_below(parsed("-y*log(p) - (1-y)*log(1-p) + 0.1*z**2", target="binary", link="sigmoid"))
    z = -1.1775077  # where sigmoid(z) + 0.2 z = 0
    assert fact.value == pytest.approx(math.log1p(math.exp(z)) + 0.1 * z * z, rel=1e-10)
    assert fact.evidence == "proved"
    waves = bounded_below(parsed("sin(y - z)**2"))
    assert (waves.value, waves.evidence) == (0.0, "proved")


@pytest.mark.parametrize("name", ["cross_entropy", "softmax_focal"])
def test_the_cross_entropy_of_any_number_of_classes_is_bounded_by_0(name: str) -> None:
    assert (bounded_below(of(name)).value, bounded_below(of(name)).evidence) == (0.0, "proved")
    assert bounded_below(of("label_smoothed_cross_entropy")).evidence == "open"


def test_a_straight_piece_goes_from_corner_to_corner() -> None:
    assert strictly_convex(parsed("abs(y - z)")).note == "a straight line from -inf to 0 at y=0"
    assert strictly_convex(of("huber"), {"delta": 12.0}).note == "a straight line from -inf to -12 at y=0"


def test_a_root_of_a_mean_of_squares_is_convex_in_all_rows_together() -> None:
    assert (convex(of("rmse")).value, convex(of("rmse")).evidence) == (True, "proved")
    for text in ("-sqrt(mean((y - z)**2))", "log(mean((y - z)**2))", "sqrt(mean(abs(y - z)))"):
        assert convex(parsed(text)).evidence == "open"


@pytest.mark.parametrize(
    ("name", "alike"), [("mse", True), ("huber", True), ("bce", True), ("brier", True), ("poisson", False)]
)
def test_symmetric_losses(name: str, alike: bool) -> None:
    assert symmetric(of(name)).value is alike
    assert symmetric(of("quantile"), {"level": 0.9}).value is False


def definitions() -> list[tuple[str, Any]]:
    shipped = [(name, lossmith.get(name).definition) for name in lossmith.names()]
    return [*shipped, *((name, special(name)) for name in SPECIAL)]


@pytest.mark.parametrize(
    ("name", "definition"), every(2, definitions(), first=1), ids=[name for name, _ in definitions()]
)
def test_every_refutation_is_a_program_that_runs(name: str, definition: Any) -> None:
    for fact in ALL:
        found: Fact[Any] = fact(definition)
        if found.evidence == "refuted":
            assert found.counterexample is not None, fact.__name__
            exec(found.counterexample, {})


def test_a_counterexample_fails_for_a_loss_that_has_the_property() -> None:
    program = convex(special("negated")).counterexample
    assert program is not None and "-(y - z) ** 2" in program
    with pytest.raises(AssertionError):
        exec(program.replace("-(y - z) ** 2", "(y - z) ** 2"), {})


SCALARS = [
    name for name in lossmith.names()
    if name not in ("rmse", "dice", "tversky", "ordinal") and lossmith.get(name).target not in ("class", "simplex")
]  # fmt: skip


@lru_cache
def found(fact: Callable[..., Fact[Any]], name: str) -> Fact[Any]:
    return fact(of(name))


@given(st.sampled_from(SCALARS), st.floats(-30, 30), st.floats(-30, 30), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_no_random_chord_or_slope_contradicts_a_proof(name: str, a: float, b: float, target: int) -> None:
    loss: Loss = lossmith.get(name).using("numpy")
    y = float(min(target, 1) if loss.target == "binary" else target + (loss.target == "positive"))
    left, middle, right = loss.per_example([y] * 3, [a, a / 2 + b / 2, b])
    size = abs(left) + abs(middle) + abs(right)
    if found(convex, name).evidence == "proved":
        assert middle <= (left + right) / 2 + 1e-12 * size
    steepest = found(lipschitz, name)
    if steepest.evidence == "proved":
        assert np.abs(loss.per_example_gradient([y] * 2, [a, b])).max() <= steepest.value * (1 + 1e-5)
    if found(bounded_below, name).evidence == "proved":
        assert min(left, middle, right) >= found(bounded_below, name).value - 1e-9


def test_facts_of_a_combination_come_from_its_formula() -> None:
    mixed = (0.25 * lossmith.get("mse") + 2 * lossmith.get("mae")).definition
    assert (strongly_convex(mixed).value, smoothness(mixed).value, differentiable(mixed).value) == (0.5, INF, 0)
    assert convex((lossmith.get("mse") * -1).definition).value is False


def test_a_softmax_does_not_see_one_number_added_to_all_classes() -> None:
    for name in ("cross_entropy", "label_smoothed_cross_entropy"):
        fact = lossmith.facts(name).strictly_convex
        assert (fact.value, fact.evidence) == (False, "refuted")
        assert fact.counterexample is not None
        exec(fact.counterexample, {})
        assert strictly_convex(of(name)).value
    assert strict_everywhere(of("mse")).evidence == "proved"


def test_losses_of_shares_are_level_between_classes_that_the_target_does_not_name() -> None:
    known = lossmith.facts("kl_divergence")
    for fact in (known.strictly_convex, known.strongly_convex, known.smoothness):
        assert fact.evidence == "refuted" and fact.counterexample is not None
        exec(fact.counterexample, {})
    assert known.smoothness.value == INF


def test_cross_entropy_has_its_constants_for_any_number_of_classes() -> None:
    # the gradient p - y is longest between two corners of the simplex; diag p - p p' has the eigenvalue 1/2 at most
    assert (lipschitz(of("ce")).value, lipschitz(of("ce")).evidence) == (math.sqrt(2), "proved")
    assert (smoothness(of("ce")).value, smoothness(of("ce")).evidence) == (0.5, "proved")
    assert smoothness(of("label_smoothed_cross_entropy")).value == pytest.approx(0.5, rel=1e-6)


@pytest.mark.parametrize("factor", [1e-8, 1e7, 1e8, 1e12])
def test_a_large_constant_is_not_called_infinite(factor: float) -> None:
    scaled = parsed(f"{factor!r} * (y - z)**2")
    assert smoothness(scaled).value == pytest.approx(2 * factor, rel=1e-9)
    assert lipschitz(scaled).value == INF


def test_gradients_that_grow_with_the_target_have_no_constant() -> None:
    softplus = parsed("p - y*log(p)", target="count", link="softplus")
    for definition in (of("negative_binomial"), parsed("y * z"), softplus):
        assert (lipschitz(definition).value, robust(definition).value.kind) == (INF, "none")


def test_class_weights_count_in_the_constants() -> None:
    known = lossmith.facts("bce.reweight([1, 20])")
    assert (known.lipschitz.value, known.smoothness.value, known.symmetric.value) == (20.0, 5.0, False)
    for _, fact in known:
        if fact.counterexample is not None:
            exec(fact.counterexample, {})


@pytest.mark.parametrize("text", ['bce.reweight(by="cost")', 'bce.mask("seen")'])
def test_counterexamples_pass_the_columns_that_they_declare(text: str) -> None:
    program = lossmith.facts(text).strongly_convex.counterexample
    assert program is not None
    exec(program, {})


def test_a_floor_that_is_reached_is_not_called_approached() -> None:
    assert bounded_below(special("hinge")).note.startswith("reached")
    assert bounded_below(special("zero_one")).note.startswith("reached")
    assert bounded_below(of("brier")).note.endswith("never reached")


def test_no_constant_is_given_where_floats_end_while_it_grows() -> None:
    ended = parsed("-log(1 - erf(z - y)**3)", target="real")
    assert lipschitz(ended).evidence == "open"


def test_a_slope_is_followed_where_the_share_of_a_normal_is_below_every_float() -> None:
    probit = parsed("-y*log(p) - (1 - y)*log(1 - p)", target="binary", link="probit")
    assert lipschitz(probit).evidence == "refuted" and convex(probit).evidence == "proved"


def test_far_errors_of_a_loss_that_only_jumps_are_open() -> None:
    assert robust(special("zero_one")).evidence == "open"


def test_far_errors_of_a_loss_with_a_ceiling_pull_nothing() -> None:
    ramp = parsed("minimum(1, maximum(0, 1 - (2*y - 1)*z))", target="binary")
    assert robust(ramp).value.kind == "redescending"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("(y - 2*z)**2", {}),
        ("(y - z)**2 + 0.1*z**2", {}),
        ("maximum(0, 1 - y*z)", {"target": "binary", "link": None}),
    ],
)
def test_the_place_of_the_least_is_asked_of_every_target(text: str, said: dict[str, Any]) -> None:
    assert "at other targets it is not where the prediction is the target" in bounded_below(parsed(text, **said)).note


def test_a_proved_least_is_not_only_among_what_was_seen() -> None:
    fact = bounded_below(parsed("abs(y - z - 1)"))
    assert (fact.evidence, fact.note) == ("proved", "least at y=0, z=-1")


def test_the_mirror_of_a_softplus_stands_at_the_right_raw_prediction_and_slow_growth_is_no_constant() -> None:
    slow = parsed("(log1p(y) - log1p(p))**2", target="nonnegative", link="softplus")
    assert (symmetric(slow).value, symmetric(slow).evidence) == (False, "refuted")
    assert (lipschitz(slow).evidence, robust(slow).evidence) == ("open", "open")
    assert "goes on growing with the target" in lipschitz(slow).note
    assert bounded_below(slow).note.startswith("least where the prediction is the target; at y=0 approached")


def test_no_number_is_called_minus_nothing_and_a_line_without_ends_is_everywhere() -> None:
    assert strictly_convex(parsed("y - z")).note == "a straight line everywhere at y=0"
    hinge = parsed("maximum(0, 1 - (2*y - 1)*z)**2", target="binary")
    assert "is 0 at" in strongly_convex(hinge).note
