"""What a design does, as numbers: each is what the kernels give at the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lossmith as ls
from lossmith.algebra.decision import act
from lossmith.algebra.reweight import class_weights, undone
from lossmith.loss.explain.effects import SCALES, pulls, sides
from lossmith.loss.explain.settling import SHARES, bears_out, example_of, implied, implied_weights, settled
from lossmith.loss.explain.view import View, view_of, whole

CLOSE = 1e-9  # the kernels' floats and raw predictions behind predictions leave 1e-12 or so of a ratio of costs


def seen(loss: Any) -> View:
    found = view_of(loss.definition, {k: v for k, v in loss.parameters.items() if v is not None})
    assert isinstance(found, View), found
    return found


def raw_of(loss: Any, p: Any) -> Any:
    """Raw predictions by the link's own formula, not by the search that is tested."""
    z = np.asarray(p, dtype=float)
    return {"identity": lambda: z, "exp": lambda: np.log(z), "sigmoid": lambda: np.log(z / (1 - z))}[loss.link]()


def cost(loss: Any, y: Any, p: Any) -> Any:
    """What each row adds."""
    y, p = np.broadcast_arrays(np.asarray(y, dtype=float), np.asarray(p, dtype=float))
    return loss.using("numpy").per_example(y, raw_of(loss, p))


def pull(loss: Any, y: Any, p: Any) -> Any:
    y, p = np.broadcast_arrays(np.asarray(y, dtype=float), np.asarray(p, dtype=float))
    return loss.using("numpy").per_example_gradient(y, raw_of(loss, p))


NUMBERS = [
    *(ls.get(name) for name in ("mse", "mae", "huber", "log_cosh", "student_t", "poisson", "gamma", "log_normal")),
    ls.get("quantile", level=0.8),
    ls.get("huber").asymmetric(under=3),
    ls.parse("exp(y - z) - (y - z) - 1", target="real"),
]
OUTCOMES = [
    *(ls.get(name) for name in ("bce", "brier", "focal")),
    ls.get("focal", gamma=1.5, alpha=0.25),
    ls.get("bce").reweight({0: 1, 1: 20}),
    ls.get("bce").smooth(0.1).reweight([2, 3]),
    ls.get("bce").adjust([0.9, 0.1]),
    ls.get("bce").margin(0.5),
]


@pytest.mark.parametrize("loss", NUMBERS, ids=lambda loss: loss.name)
def test_costs_of_too_low_and_too_high_are_those_of_rows(loss: Any) -> None:
    found = sides(seen(loss))
    assert found is not None
    low, right, high = (cost(loss, found.at, found.at + s * np.asarray(found.places)) for s in (-1, 0, 1))
    # a cost is a difference of values: its rounding is that of the larger of them
    rounding = 1e-14 * (np.abs(right) + np.abs(low) + np.abs(high)) / np.abs(high - right)
    assert np.all(np.abs(found.ratios - (low - right) / (high - right)) <= CLOSE + rounding * np.abs(found.ratios))


@pytest.mark.parametrize("loss", NUMBERS, ids=lambda loss: loss.name)
def test_pulls_are_gradients_of_rows(loss: Any) -> None:
    found = pulls(seen(loss))
    assert found is not None
    for sign, numbers in ((-1, found.first), (1, found.second)):
        known = np.isfinite(numbers)
        errors = np.asarray(found.places)[known]
        expected = sign * pull(loss, found.at, found.at + sign * errors)
        np.testing.assert_allclose(np.asarray(numbers)[known], expected, rtol=CLOSE)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["mse", "mae", "huber", "log_cosh"]), st.floats(0.01, 100), st.floats(0.01, 100))
def test_an_asymmetry_is_the_ratio_at_every_distance(name: str, under: float, over: float) -> None:
    found = sides(seen(ls.get(name).asymmetric(under, over)))
    assert found is not None and found.constant and not found.elsewhere
    assert found.ratios == pytest.approx([under / over] * 3, rel=CLOSE)


@pytest.mark.parametrize(
    ("formula", "power"),
    [("abs(y-z)", 0), ("(y-z)**2", 1), ("abs(y-z)**3", 2), ("(y-z)**4", 3), ("abs(y-z)**1.5", None)],
)
def test_the_power_of_a_pull_is_found(formula: str, power: int | None) -> None:
    found = pulls(seen(ls.parse(formula, target="real")))
    assert found is not None and found.power == power


def test_a_power_must_hold_at_every_target() -> None:
    counted = pulls(seen(ls.get("zero_inflated_poisson")))  # in proportion wherever the target is above 0, fading at 0
    assert counted is not None and counted.power is None
    assert pulls(seen(ls.get("poisson"))).power == 1  # type: ignore[union-attr]


@pytest.mark.parametrize("loss", OUTCOMES, ids=lambda loss: loss.name)
def test_misses_and_false_alarms_are_those_of_rows(loss: Any) -> None:
    view = seen(loss)
    found, pulled = sides(view), pulls(view)
    assert found is not None and pulled is not None
    sure = np.asarray(found.places)
    miss = cost(loss, 1.0, 1 - sure) - cost(loss, 1.0, sure)
    alarm = cost(loss, 0.0, sure) - cost(loss, 0.0, 1 - sure)
    np.testing.assert_allclose(found.ratios, np.abs(miss / alarm), rtol=CLOSE)
    certain = np.asarray(pulled.places)
    np.testing.assert_allclose(pulled.first, -pull(loss, 1.0, certain), rtol=CLOSE)
    np.testing.assert_allclose(pulled.second, pull(loss, 0.0, 1 - certain), rtol=CLOSE)


def test_rows_that_act_together_pull_as_in_their_batch() -> None:
    loss = ls.get("dice")
    found = pulls(seen(loss))
    assert found is not None
    p = np.concatenate([found.places, 1 - np.asarray(found.places), np.full(94, 0.5)])
    y = np.concatenate([[1.0] * 3, [0.0] * 3, [1.0] * 7, [0.0] * 87])
    expected = loss.using("numpy").gradient(y, raw_of(loss, p))
    np.testing.assert_allclose([*found.first, *found.second], [*-expected[:3], *expected[3:6]], rtol=1e-6)


# Where it settles -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss", [*NUMBERS, ls.get("tweedie"), ls.get("rmse"), ls.get("zero_inflated_poisson")], ids=lambda loss: loss.name
)
def test_an_example_settles_at_the_best_constant(loss: Any) -> None:
    view = seen(loss)
    found = settled(view)
    assert found is not None
    y = example_of(view)
    best = loss.using("numpy").predict([loss.using("numpy").best_constant(y)])[0]
    assert found.prediction == pytest.approx(best, rel=1e-6)
    assert (found.mean, found.median) == pytest.approx((y.mean(), np.median(y)))


@pytest.mark.parametrize("how", [{"top": 0.2}, {"trim": 0.1}, {"between": (0.5, 0.9)}])
def test_with_a_choice_of_rows_the_whole_loss_settles(how: dict[str, Any]) -> None:
    loss = ls.get("mse").select(**how).using("numpy")
    view = whole(seen(loss))
    found = settled(view)
    assert found is not None
    y = example_of(view)
    value = [loss.value(y, np.full(len(y), found.prediction + step)) for step in (-0.1, 0.0, 0.1)]
    assert value[1] == min(value)


@pytest.mark.parametrize("loss", OUTCOMES, ids=lambda loss: loss.name)
def test_shares_of_yes_settle_at_the_best_constant(loss: Any) -> None:
    said = implied(seen(loss))
    assert said is not None
    for share, p in zip(SHARES, said, strict=True):
        y = (np.arange(100) < round(100 * share)).astype(float)
        best = loss.using("numpy").predict([loss.using("numpy").best_constant(y)])[0]
        assert p == pytest.approx(best, rel=1e-6)


def test_a_loss_that_falls_for_ever_settles_at_the_end() -> None:
    said = implied(seen(ls.parse("abs(y - p)", target="binary", link="sigmoid")))
    assert said is not None and said[0] < 1e-12 and said[1] < 1e-12


@settings(max_examples=20, deadline=None)
@given(st.floats(0.01, 100), st.floats(0.01, 0.99))
def test_the_way_back_gives_the_true_share(weight: float, share: float) -> None:
    loss = ls.get("bce").reweight({0: 1.0, 1: weight})
    weights = implied_weights(seen(loss))
    assert weights == pytest.approx((1.0, weight), rel=1e-4)  # minima are told to four digits
    y = np.array([0.0, 1.0])
    p = loss.using("numpy").predict([loss.using("numpy").best_constant(y, [1 - share, share])])
    assert act(undone(class_weights(loss.definition)), p)[0] == pytest.approx(share, rel=1e-6)
    assert act(undone(weights), p)[0] == pytest.approx(share, rel=2e-4)


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (ls.get("bce"), (1.0, 1.0)),
        (ls.parse("-20*y*log(p) - (1-y)*log(1-p)", target="binary", link="sigmoid"), (1.0, 20.0)),
        (ls.get("brier").reweight([2, 3]), (1.0, 1.5)),
        (ls.get("bce").adjust([0.95, 0.05]), (1.0, 19.0)),
        (ls.get("bce").adjust([0.95, 0.05]).reweight([1, 1 / 19]), (1.0, 1.0)),
        (ls.get("ce").reweight([1, 2, 5]), (1.0, 2.0, 5.0)),
        (ls.get("ce").adjust([0.7, 0.2, 0.1]), (1.0, 3.5, 7.0)),
        (ls.get("ce"), (1.0, 1.0, 1.0)),
        (ls.get("focal"), None),
        (ls.get("bce").smooth(0.1), None),
        (ls.get("dice"), None),
        (ls.get("softmax_focal"), None),
    ],
    ids=repr,
)
def test_weights_are_read_off_what_is_predicted(loss: Any, expected: tuple[float, ...] | None) -> None:
    found = implied_weights(seen(loss))
    assert found is None if expected is None else found == pytest.approx(expected)


def test_a_name_must_be_borne_out_by_an_example() -> None:
    for name in ("mse", "mae", "poisson", "bce", "ce"):
        loss = ls.get(name)
        assert bears_out(seen(loss), loss.facts.functional.value)
    wrong = ls.get("mse").facts.functional.value
    assert not bears_out(seen(ls.get("mae")), wrong)
    assert not bears_out(seen(ls.get("zero_inflated_poisson")), wrong)  # its mean is (1 - zero) * p


def test_every_kind_has_an_example_within_its_domain() -> None:
    for kind in SCALES:
        y = example_of(seen(ls.parse("(y - z)**2", target=kind)))
        assert len(y) == 99 and np.median(y) < y.mean()


@pytest.mark.parametrize(
    "loss",
    [
        ls.get("mae").error_weight("1+5*(abs(e)<10)"),
        ls.get("mae").select(above=30),
        ls.get("mae").error_weight("where(abs(e)>50,10,1)"),
        ls.get("mse").truncate(9),
    ],
    ids=lambda loss: loss.name,
)
def test_no_prediction_is_better_than_where_it_settles_though_values_jump(loss: Any) -> None:
    view = seen(loss)
    found, y, loss = settled(whole(view) if view.picks else view), example_of(view), loss.using("numpy")
    assert found is not None
    least = min(loss.value(y, np.full(len(y), c)) for c in np.linspace(y[0], y[-1], 2003))
    assert loss.value(y, np.full(len(y), found.prediction)) <= least * (1 + 1e-9)


def test_where_several_predictions_are_as_good_none_is_told() -> None:
    assert settled(seen(ls.get("mse").truncate(0.001))) is None  # each reaches one row of the example at most


@pytest.mark.parametrize("size", [1e-5, 0.037, 14.7, 333.0, 2e5])
def test_a_bend_of_any_size_is_seen(size: float) -> None:
    bent = ls.parse(f"where(y - z > {size}, 3, 1) * abs(y - z)", target="real")
    found, pulled = sides(seen(bent)), pulls(seen(bent))
    assert found is not None and not found.constant and found.low and not found.high
    assert max(found.ratios) > 1
    assert pulled is not None and pulled.power is None


@pytest.mark.parametrize("c", [0.6, 0.9, 0.99])
def test_what_a_miss_is_compared_by_is_known(c: float) -> None:
    shifted = ls.get("bce").adjust([0.851, 0.149], tau=1.5)
    found = sides(seen(shifted))
    assert found is not None and not found.plain
    assert sides(seen(ls.get("bce").reweight([1, 20]))).plain  # type: ignore[union-attr]
    itself = cost(shifted, 1.0, 1 - c) / cost(shifted, 0.0, c)
    told = found.ratios[found.places.index(c)]
    assert abs(itself / told - 1) > 0.01  # so it must be said what is compared


# Views ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss",
    [
        ls.get("mse").tilt(0.5),
        ls.get("mse").tilt(-0.5),
        ls.get("rmse"),
        ls.get("mse").flood(0.1),
        ls.get("huber").over("count"),
        ls.parse("mean(abs(y-z)) / mean(abs(y))", target="real"),
    ],
    ids=lambda loss: loss.name,
)
def test_rows_of_a_batch_pull_in_the_proportions_of_their_terms(loss: Any) -> None:
    view = seen(loss)
    assert not view.joint
    y, raw = np.array([1.0, 2.0, 3.0, -1.0]), np.array([0.5, 2.75, 1.0, 0.0])
    whole_gradient = loss.using("numpy").gradient(y, raw)
    own = np.array([float(g) for g in view.at([view.slope], y, raw)[0][:, 0]])
    ratio = whole_gradient / own
    assert ratio == pytest.approx([ratio[0]] * 4, rel=1e-9) and ratio[0] > 0


@pytest.mark.parametrize("link", ["exp", "softplus", "sigmoid", "tanh", "probit", "cloglog"])
def test_raw_predictions_behind_predictions(link: str) -> None:
    kind = "real" if link == "tanh" else "positive" if link in ("exp", "softplus") else "fraction"
    view = seen(ls.parse("(y - p)**2", target=kind, link=link))
    p = np.array([1e-6, 0.01, 0.3, 0.999])
    np.testing.assert_allclose(view.predictions(view.raw_at(p)), p, rtol=1e-12, atol=1e-15)  # 1 + erf(z) rounds
    assert np.isnan(view.raw_at(np.array([-2.0]))).all()


def test_what_cannot_be_looked_at_says_why() -> None:
    unbound = ls.parse("where(y>z, q, 1-q)*abs(y-z)", target="real", parameters={"q": (None, "(0, 1)")})
    survival = ls.parse(
        "time*p - event*log(p)", target={"time": "positive", "event": "binary"}, link="exp", name="survival"
    )
    for loss, reason in (
        (unbound, "bind it"),
        (survival, "several target columns"),
        (ls.get("bce").reweight("balanced"), "call loss.fit"),
        (ls.get("bce").adjust(), "call loss.fit"),
    ):
        found = view_of(loss.definition)
        assert isinstance(found, str) and reason in found


def test_a_loss_that_compares_rows_is_not_said_to_pull_nowhere() -> None:
    """Among rows of one target every concordance is 0, so that nothing pulls; among others it does."""
    spread = "(mean((y-mean(y))**2) + mean((z-mean(z))**2) + (mean(y)-mean(z))**2)"
    concordance = ls.parse(f"1 - 2*mean((y-mean(y))*(z-mean(z)))/{spread}", target="real")
    assert pulls(seen(concordance)) is None
    assert "No error pulls" not in concordance.explain() and "no error pulls" not in concordance.explain()
