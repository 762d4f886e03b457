"""The best constant is told only where it is one: the loss there is finite and least; else the reason is true."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.report.loss_page.best import best
from lossmith.report.loss_page.curves import curves
from lossmith.report.loss_page.influence import influence
from lossmith.report.loss_page.page import show
from lossmith.report.loss_page.reading import spans
from lossmith.report.loss_page.scenes import views

ALIKE = "every constant costs the same on this sample"


@pytest.mark.parametrize("text", ["abs(y-z)**0.5", "abs(y-z)/(abs(y)+abs(z))"])
def test_a_constant_is_found_though_a_gradient_has_no_number(text: str) -> None:
    found = best(ls.parse(text, target="real").using("numpy"), "real")
    assert (found.raw, found.why_not) == ((1.0,), "")


@pytest.mark.parametrize("text", ["log(y-z)", "sqrt(y-z)", "sin(y-z)**2", "bce.truncate(1.5)", "(y-z)**2", "log_cosh"])
def test_what_is_told_is_finite_and_no_other_constant_is_better(text: str) -> None:
    loss = (ls.parse(text, target="real") if "y" in text.split(".")[0] else ls.parse(text)).using("numpy")
    found = best(loss, loss.target)
    ends = "the loss falls without end as the raw prediction goes to 0 from below" if text == "log(y-z)" else ""
    assert ("without end" in found.why_not) == bool(ends) and found.why_not.startswith(ends)
    y = np.array(found.targets[0][1])
    with np.errstate(all="ignore"):
        seen = [loss.value(y, np.full(y.size, c)) for c in (*np.linspace(-12.0, 12.0, 49), *found.raw)]
    if found.raw:
        assert np.isfinite(seen[-1]) and seen[-1] <= np.nanmin(seen) * (1 + 1e-9)


def test_a_loss_that_sinks_to_a_number_says_which_and_where() -> None:
    found = best(ls.parse("bce.truncate(1.5)").using("numpy"), "binary")
    assert found.why_not == "the loss sinks towards 0.375 as the raw prediction goes to minus infinity"


def test_where_nothing_matters_it_is_said() -> None:
    assert best(ls.parse("3 + 0*z", target="real").using("numpy"), "real").why_not == ALIKE


def test_without_a_loss_there_is_no_gradient_and_no_curvature() -> None:
    loss = ls.parse("log(y-z)", target="real").using("numpy")
    found = curves(loss, views(loss, "real")[0].scenes[0], np.array([-3.0, 1.6]))
    assert np.isnan([line[1] for line in (found.loss, found.gradient, found.curvature)]).all()
    assert np.isfinite([line[0] for line in (found.loss, found.gradient, found.curvature)]).all()


def test_the_command_of_a_page_says_target_and_link() -> None:
    page = show("(y-p)**2", target="binary", link="sigmoid")
    assert "--target binary --link sigmoid --open" in page.html


@pytest.mark.parametrize("text", ["3 + 0*z", "log(y-z)"])
def test_an_outlier_moves_no_constant_where_there_is_none(text: str) -> None:
    assert influence(ls.parse(text, target="real")) is None


def test_what_rounding_leaves_of_nothing_is_nothing() -> None:
    assert spans(np.array([-1.0, -1e-15, 1e-16, 1.0]), np.array([True, True, False, False])) == "up to 0"


def test_best_constants_are_those_of_the_loss() -> None:
    assert best(ls.get("mse").using("numpy"), "real").raw == (2.0,)
    assert best(ls.get("mae").using("numpy"), "real").raw == pytest.approx((1.0,))
    shares = best(ls.get("cross_entropy").using("numpy"), "class")
    assert shares.predicted == pytest.approx((0.5, 0.25, 0.25)) and len(shares.raw) == 3
    poisson = best(ls.get("poisson").using("numpy"), "nonnegative")
    assert poisson.predicted == pytest.approx((3.0,))


def test_where_there_is_no_best_constant_the_reason_is_told() -> None:
    assert best(ls.get("dice").using("numpy"), "binary").why_not == ALIKE
    sinks = "the loss sinks towards 0.333 as the raw prediction goes to minus infinity"
    assert best(ls.get("tversky").using("numpy"), "binary").why_not == sinks
    assert best(ls.parse("-y*z", target="binary", link="sigmoid").using("numpy"), "binary").raw == ()


def test_a_finished_number_behind_a_link_is_least_at_its_best_constant() -> None:
    loss = ls.get("dice", smooth=0.0) + 0.5 * ls.get("bce")
    y = np.array([0, 0, 0, 1])
    (c,) = best(loss.using("numpy"), "binary").raw
    around = [loss.using("numpy").value(y, np.full(4, c + step)) for step in (-1e-3, 0.0, 1e-3)]
    assert around[1] < around[0] and around[1] < around[2]


@pytest.mark.parametrize("name", ["kl_divergence", "distribution_cross_entropy"])
def test_of_shares_the_best_are_their_means(name: str) -> None:
    found = best(ls.get(name).using("numpy"), "simplex")
    assert found.raw == pytest.approx((0.5, 0.25, 0.25), rel=1e-9) and found.predicted == found.raw


@pytest.mark.parametrize(
    ("text", "target"), [("log(y-z)", "real"), ("-y*z", "binary"), ("bce.truncate(1.5)", "binary")]
)
def test_a_reason_is_a_clause_without_a_dot_and_says_nothing_twice(text: str, target: str) -> None:
    why = best((ls.parse(text) if "." in text else ls.parse(text, target=target)).using("numpy"), target).why_not
    assert why and not why.endswith(".") and "best constant" not in why and "LM" not in why
