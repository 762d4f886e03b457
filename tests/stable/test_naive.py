"""Formulas as people write them come out as accurate as the catalogue's: a sample of the corpus, by the NumPy kernels."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from benchmarks.naive_formulas import BOUND, NAIVE, Naive, measured

# one spelling of each kind; the whole corpus is measured by benchmarks/naive_formulas.py
SAMPLE = [
    "log_loss",
    "log_loss_where",
    "log_loss_power",
    "log_odds",
    "log_of_reciprocal",
    "log_loss_log1p",
    "focal",
    "focal_gamma_1_5",
    "focal_pt_where",
    "generalised_ce_split",
    "asymmetric_plain",
    "brier",
    "odds_cost",
    "exponential_proper",
    "softplus_swapped",
    "softplus_max",
    "log_of_logistic_2",
    "two_class_logsumexp",
    "tanh_log_loss",
    "log_cosh_exp",
    "log_cosh_softplus",
    "log_cosh_scaled_a",
    "pseudo_huber_c",
    "pseudo_huber_scaled",
    "l1_l2",
    "charbonnier_eps",
    "geman_mcclure_inverse",
    "cauchy",
    "welsch",
    "linex",
    "linex_swapped",
    "fair",
    "smooth_quantile_plain",
    "gumbel",
    "logistic_density_pdf",
    "gaussian_pdf",
    "laplace_pdf",
    "gamma_nll",
    "poisson",
    "softmax_by_hand",
    "log_sum_exp",
    "log_sum_exp_max",
    "cross_entropy_log_pick",
    "mae_softmax_true",
    "rmse",
    "dice_by_hand",
    "jaccard_smooth",
]
CHOSEN = [naive for naive in NAIVE if naive.name in SAMPLE]


@pytest.mark.parametrize("naive", CHOSEN, ids=lambda n: n.name)
def test_a_naive_formula_keeps_the_bound_of_the_catalogue(naive: Naive) -> None:
    """16 units of the contract, as for catalogue losses; no NaN, false infinity, false zero or change of meaning."""
    for found in measured(naive.loss, "float64", size=20):
        faults = {fault: getattr(found, fault) for fault in ("nan", "false_infinity", "false_zero", "contradictions")}
        assert not any(faults.values()), (found.output, faults, found.worst_point)
        assert found.worst_units <= BOUND, (found.output, found.worst_units, found.worst_point)


def test_the_corpus_is_large_and_names_its_hazards() -> None:
    assert len(NAIVE) >= 80 and len({n.name for n in NAIVE}) == len(NAIVE)
    assert all(n.hazard for n in NAIVE)
    assert {n.name for n in CHOSEN} == set(SAMPLE)


# text, target, link, raw, y -> the exact value, and what the formula gives where it is evaluated as written
PLANTED = [
    ("log(exp(z) + exp(-z))", "real", None, 1000.0, 0.0, 1000.0),
    ("-log(p**y * (1-p)**(1-y))", "binary", "sigmoid", -800.0, 1.0, 800.0),
    ("(1-p)/p", "binary", "sigmoid", 40.0, 1.0, np.exp(-40.0)),
    ("1 - y - p + 2*y*p", "binary", "sigmoid", 50.0, 0.0, np.exp(-50.0)),
    ("exp(z-y) - (z-y) - 1", "real", None, 1e-10, 0.0, 5e-21),
    ("abs(z-y) - log(1+abs(z-y))", "real", None, 1e-10, 0.0, 5e-21),
    ("cosh(z-y) - 1", "real", None, 1e-10, 0.0, 5e-21),
    ("sqrt(1+(z-y)**2/2) - 1", "real", None, 1e-10, 0.0, 2.5e-21),
    ("1 - 1/(1+(z-y)**2)", "real", None, 1e-10, 0.0, 1e-20),
    ("2/(1+exp(-(z-y))) - 1", "real", None, 1e-18, 0.0, 5e-19),
]


@pytest.mark.parametrize(("text", "target", "link", "raw", "y", "exact"), PLANTED)
def test_a_planted_point_where_the_formula_as_written_has_no_digits(
    text: str, target: str, link: str | None, raw: float, y: float, exact: float
) -> None:
    from lossmith.formula.definition import resolved
    from lossmith.interpret import NUMPY, interpret

    loss = ls.parse(text, target=target, link=link)
    assert loss.using("numpy").per_example([y], [raw])[0] == pytest.approx(exact, rel=1e-9, abs=0.0)
    leaves = {loss.definition.roles.raw[0]: [raw], loss.definition.roles.leaves["y"]: [y]}
    plain = float(interpret([resolved(loss.definition)], leaves, NUMPY)[0].item())
    assert abs(plain - exact) > 1e-3 * exact


def test_the_curvature_of_a_root_far_away_is_no_difference() -> None:
    """The second derivative of sqrt(1 + r**2) is (1 + r**2)**-1.5, also at r = 1e20."""
    loss = ls.parse("sqrt((y-z)**2 + 1) - 1", target="real").using("numpy")
    hessian = loss.per_example_gradient_and_hessian([0.0], [1e20])[1][0]
    assert hessian == pytest.approx(1e-60, rel=1e-14)
