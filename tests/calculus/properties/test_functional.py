"""What a loss estimates is proved where algebra can, for shipped losses and for formulas that nobody shipped."""

from __future__ import annotations

import pytest

import lossmith as ls
from lossmith.calculus.properties.functionals import estimates
from lossmith.calculus.properties.symbolic import or_else
from lossmith.loss.handle import Loss

# Bregman (1967) and Savage (1971): means; Koenker and Bassett (1978): quantiles; Newey and Powell (1987): expectiles;
# Gneiting (2011), Making and Evaluating Point Forecasts, section 3, for all of them.
PROVED = [
    ("mse", "mean"),
    ("half_squared_error", "mean"),
    ("rmse", "mean"),
    ("gaussian(scale=0.3)", "mean"),
    ("poisson", "mean"),
    ("gamma", "mean"),
    ("tweedie(power=1.3)", "mean"),
    ("negative_binomial(dispersion=0.7)", "mean"),
    ("mae", "median"),
    ("laplace", "median"),
    ("quantile(level=0.9)", "quantile 0.9"),
    ("expectile(level=0.1)", "expectile 0.1"),
    ("3*quantile(level=0.75)", "quantile 0.75"),
    ("bce", "probability"),
    ("brier", "probability"),
    ("2*bce + brier", "probability"),
    ("bce.temper(2)", "probability"),
    ("ce", "probability"),
    ("kl_divergence", "probability"),
]
FORMULAS = [
    ("where(y > z, 5, 1) * abs(y - z)", "real", None, "quantile 0.833333"),
    ("where(y > z, 3, 1) * (y - z)**2", "real", None, "expectile 0.75"),
    ("y/p - log(y/p) - 1", "positive", "exp", "mean"),
    ("softplus(z) - y*z", "binary", None, "probability (of the raw prediction through sigmoid)"),
    ("over_classes((y - p)**2)", "class", "softmax", "probability"),
]
NOT_NAMED = [
    "huber",
    "log_cosh",
    "student_t",
    "focal",
    "softmax_focal",
    "label_smoothed_cross_entropy",
    "dice",
    "-1*mse",
]


def shown(loss: Loss) -> tuple[str, str]:
    fact = estimates(loss.definition, {k: v for k, v in loss.parameters.items() if v is not None})
    return fact.value.text, fact.evidence


@pytest.mark.parametrize(("text", "value"), PROVED)
def test_the_functional_of_a_known_loss_is_proved(text: str, value: str) -> None:
    assert shown(ls.parse(text)) == (value, "proved")


@pytest.mark.parametrize(("text", "target", "link", "value"), FORMULAS)
def test_the_functional_of_a_formula_is_proved(text: str, target: str, link: str | None, value: str) -> None:
    assert shown(ls.parse(text, target=target, link=link)) == (value, "proved")


@pytest.mark.parametrize("text", NOT_NAMED)
def test_a_loss_that_estimates_nothing_with_a_name_says_so(text: str) -> None:
    value, evidence = shown(ls.parse(text))
    assert value == "not named yet" and evidence == "open"


def test_the_hinge_learns_which_outcome_is_likelier_and_no_probability() -> None:
    """Zhang (2004), Statistical behavior and consistency of classification methods, section 2.2."""
    hinge = ls.parse("maximum(0, 1 - (2*y - 1)*z)", target="binary")
    assert shown(hinge) == ("mode", "sampled")
    assert shown(ls.parse("maximum(0, 1 - (2*y - 1)*z)**2", target="binary"))[0] != "mode"


def test_class_weights_are_said() -> None:
    value, _ = shown(ls.parse("bce.reweight([1, 20])"))
    assert value == "probability as if classes weighed {0: 1, 1: 20}"


def test_a_planted_change_of_slope_far_away_is_no_mean() -> None:
    bent = ls.parse("where(abs(y - z) > 1e9, 2*(y - z)**2 - 1e18, (y - z)**2)", target="real")
    assert shown(bent)[1] != "proved"


@pytest.mark.parametrize("below", [0.9, 0.25, 0.3])
def test_a_pinball_of_any_two_floats_is_a_quantile(below: float) -> None:
    """SymPy turned the condition between two multiples of y - z round until the stack ended."""
    tilted = ls.parse(f"maximum({below}*(y - z), {below - 1}*(y - z))", target="real")
    assert shown(tilted) == (f"quantile {below}", "proved")
    assert shown(ls.parse(f"maximum({below}*(y - z), 0.2*(z - y)) + 0.1*(y - z)**2", target="real"))[1] != "proved"


@pytest.mark.parametrize("raised", [RecursionError, ValueError, NotImplementedError])
def test_whatever_algebra_raises_is_no_proof(raised: type[Exception]) -> None:
    @or_else("")
    def prove() -> str:
        raise raised

    assert prove() == ""
