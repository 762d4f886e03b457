"""The density behind each loss and its normaliser, against closed forms, and that every refutation runs."""

from __future__ import annotations

import math

import pytest

import lossmith as ls
from lossmith.calculus.evidence import Fact
from lossmith.calculus.properties.noise import NoiseModel, noise_model
from lossmith.catalogue.noise import NOISES
from lossmith.loss.handle import Loss

PI = math.pi
DIGITS = 1e-6  # what the totals are compared with each other to; closed forms are met far better

# (text, name begins, normaliser): Johnson, Kotz and Balakrishnan, Continuous Univariate Distributions, for the forms.
LINES = [
    ("half_squared_error", "Gaussian", math.sqrt(2 * PI)),
    ("mse", "Gaussian", math.sqrt(PI)),
    ("3*mse", "Gaussian", math.sqrt(PI / 3)),
    ("mae", "Laplace", 2.0),
    ("quantile(level=0.9)", "asymmetric Laplace", 1 / (0.9 * 0.1)),
    ("expectile(level=0.2)", "two-piece Gaussian", math.sqrt(PI) / 2 * (0.2**-0.5 + 0.8**-0.5)),
    ("log_cosh", "hyperbolic secant", PI),
    ("2*log_cosh", "logistic", 2.0),
    ("logistic(scale=2)", "logistic", 1.0),
    ("mse.robust(0, 1)", "Cauchy", PI),
    ("student_t(degrees=1)", "Cauchy", 1.0),
    ("student_t(degrees=4)", "Student-t", 1.0),
    ("gaussian(scale=3)", "Gaussian", 1.0),
    ("laplace(scale=0.5)", "Laplace", 1.0),
    (
        "huber(delta=2)",
        "Huber",
        math.sqrt(2 * PI) * math.erf(2 / math.sqrt(2)) + 2 * math.exp(-2) / 2,
    ),
]
FORMULAS = [
    ("abs(y - z)**1.5", "real", None, "generalised Gaussian", 2 * math.gamma(1 + 1 / 1.5)),
    ("log(1 + (y - z)**2)", "real", None, "Cauchy", PI),
    ("exp(z - y) + y - z", "real", None, "Gumbel", 1.0),
    ("maximum(0, abs(y - z) - 0.5)", "real", None, "a density of its own", 3.0),
    ("maximum(0, abs(y - z) - 0.5)**2", "real", None, "a density of its own", 1 + math.sqrt(PI)),
    ("log(p) + y/p", "positive", "exp", "exponential", 1.0),
    ("softplus(z) - y*z", "binary", None, "Bernoulli", 1.0),
    ("exp(z) - y*z + lgamma(y + 1)", "count", None, "Poisson", 1.0),
]
LEFT_OUT = [
    ("poisson", "Poisson", "1 / y!"),
    ("tweedie(power=1.3)", "Tweedie", "a series in y (Dunn and Smyth 2005)"),
    ("2*gamma", "gamma", "y**(shape - 1) shape**shape / gamma(shape)"),
]
PROVED = ["mse", "mae", "huber", "quantile(level=0.9)", "log_cosh", "bce", "ce", "poisson", "gamma", "tweedie"]
# Hinge: Sollich (2002); focal: Charoenphakdee et al. (2021); Welsch, Tukey: flat far out, so no density.
NONE = [
    "focal",
    "softmax_focal",
    "softmax_focal.ignore(255)",
    "brier",
    "2*bce",
    "bce.smooth(0.1)",
    "bce.reweight([1, 20])",
    "-1*bce",
    "2*poisson",
]
NO_DENSITY = [
    ("maximum(0, 1 - (2*y - 1)*z)", "binary", None),
    ("1 - exp(-(y - z)**2/2)", "real", None),
    ("0.3*log(1 + (y - z)**2)", "real", None),
    ("where(abs(y - z) < 1, (1 - (1 - (y - z)**2)**3)/6, 1/6)", "real", None),
    ("-y*log(p) - (1 - y)*log(1 - p)", "fraction", "sigmoid"),
    ("(y - z)**2", "positive", None),
    ("over_classes((y - p)**2)", "class", "softmax"),
]


def fact_of(loss: Loss) -> Fact[NoiseModel | None]:
    fact = noise_model(loss.definition, {k: v for k, v in loss.parameters.items() if v is not None})
    if fact.evidence == "refuted":
        assert fact.counterexample is not None
        exec(fact.counterexample, {"loss": loss.using("numpy")})
    return fact


def check(loss: Loss, name: str, normaliser: float) -> None:
    found = fact_of(loss).value
    assert found is not None and found.name.startswith(name)
    assert found.normaliser == pytest.approx(normaliser, rel=DIGITS)


@pytest.mark.parametrize(("text", "name", "normaliser"), LINES)
def test_a_known_density_and_its_normaliser(text: str, name: str, normaliser: float) -> None:
    check(ls.parse(text), name, normaliser)


@pytest.mark.parametrize(("text", "target", "link", "name", "normaliser"), FORMULAS)
def test_the_density_of_a_formula(text: str, target: str, link: str | None, name: str, normaliser: float) -> None:
    check(ls.parse(text, target=target, link=link), name, normaliser)


@pytest.mark.parametrize("noise", NOISES, ids=[noise.name.split(" (")[0] for noise in NOISES])
def test_the_noise_models_of_a_study_are_complete_or_say_what_is_left_out(noise: object) -> None:
    found = noise_model(noise.definition).value  # type: ignore[attr-defined]
    assert found is not None
    complete = noise.log_normaliser is None  # type: ignore[attr-defined]
    assert (found.normaliser is not None) == complete
    assert not complete or found.normaliser == pytest.approx(1.0, rel=DIGITS)


@pytest.mark.parametrize(("text", "name", "factor"), LEFT_OUT)
def test_a_part_of_the_target_alone_may_be_left_out(text: str, name: str, factor: str) -> None:
    found = fact_of(ls.parse(text)).value
    assert found is not None and found.name.startswith(name)
    assert found.normaliser is None and found.left_out == factor and factor in found.text


@pytest.mark.parametrize("text", PROVED)
def test_what_algebra_shows_is_proved(text: str) -> None:
    assert fact_of(ls.parse(text)).evidence == "proved"


@pytest.mark.parametrize("text", NONE)
def test_a_loss_without_a_density_is_refuted_by_code_that_runs(text: str) -> None:
    fact = fact_of(ls.parse(text))
    assert fact.value is None and fact.evidence == "refuted"


@pytest.mark.parametrize(("text", "target", "link"), NO_DENSITY)
def test_a_formula_without_a_density_is_refuted(text: str, target: str, link: str | None) -> None:
    fact = fact_of(ls.parse(text, target=target, link=link))
    assert fact.value is None and fact.evidence == "refuted"


@pytest.mark.parametrize("name", ["dice", "tversky", "rmse"])
def test_what_is_no_sum_over_rows_is_no_likelihood_of_rows(name: str) -> None:
    fact = noise_model(ls.get(name).definition)
    assert fact.value is None and fact.evidence == "proved"


def test_two_heads_make_a_density_only_with_the_logarithm_of_the_scale() -> None:
    """Nix and Weigend (1994), Estimating the mean and variance of the target probability distribution."""
    heads = {"mean": "identity", "scale": "exp"}
    whole = ls.parse("log(scale) + ((y - mean)/scale)**2/2", target="real", heads=heads)
    assert fact_of(whole).evidence == "proved"
    found = fact_of(whole).value
    assert found is not None and found.name.startswith("Gaussian")
    assert found.normaliser == pytest.approx(math.sqrt(2 * PI), rel=DIGITS)
    part = ls.parse("((y - mean)/scale)**2/2", target="real", heads=heads)
    assert fact_of(part).value is None and fact_of(part).evidence == "refuted"


def test_scale_and_shape_are_found() -> None:
    found = fact_of(ls.get("student_t", degrees=3.0, scale=0.5)).value
    assert found is not None and dict(found.numbers) == pytest.approx({"degrees": 3.0, "scale": 0.5}, rel=DIGITS)
    found = fact_of(ls.get("huber", delta=2.5)).value
    assert found is not None and dict(found.numbers) == pytest.approx({"delta": 2.5, "scale": 1.0}, rel=DIGITS)


@pytest.mark.parametrize(
    ("text", "normaliser"),
    [
        ("where(abs(y-z) < 1, 0, abs(y-z) - 1)", 4.0),  # 2 between the corners and 1 on each side
        ("maximum(abs(y-z) - 0.5, 0)**2", 1 + math.sqrt(math.pi)),
        ("1e200*(y-z)**2", math.sqrt(math.pi) * 1e-100),
        ("1e100*abs(y-z)", 2e-100),
    ],
)
def test_what_a_loss_of_the_distance_adds_up_to_is_exact_at_corners_and_at_every_scale(
    text: str, normaliser: float
) -> None:
    model = fact_of(ls.parse(text, target="real")).value
    assert model is not None and model.normaliser == pytest.approx(normaliser, rel=1e-13)


@pytest.mark.parametrize("half", [0.5, 0.1, 1e-3])
def test_a_small_dead_zone_is_no_laplace(half: float) -> None:
    found = fact_of(ls.parse(f"maximum(0, abs(y - z) - {half})", target="real"))
    assert found.value is not None and found.value.name == "a density of its own" and found.evidence != "proved"


def test_a_small_round_corner_is_no_laplace() -> None:
    found = fact_of(ls.parse("where(abs(y - z) < 0.01, 0.5*(y - z)**2/0.01, abs(y - z) - 0.005)", target="real"))
    assert found.value is not None and found.value.name.startswith("Huber") and found.evidence == "proved"
    assert dict(found.value.numbers) == {"scale": 0.1, "delta": 0.01}


@pytest.mark.parametrize(
    "text", ["3*mse", "expectile(level=0.2)", "2*log_cosh", "huber(delta=2)", "laplace(scale=0.5)"]
)
def test_a_named_density_is_proved_on_every_piece(text: str) -> None:
    assert fact_of(ls.parse(text)).evidence == "proved"
