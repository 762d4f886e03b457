"""The error function as people write it becomes the normal distribution, whose tail keeps its digits."""

from __future__ import annotations

import math

import numpy as np
import pytest

import lossmith as ls
from lossmith.formula.lift import lift
from lossmith.formula.node import Node, constant, make, symbol

Z = symbol("z", "raw", ["example"])
ERF = make("erf", Z / make("sqrt", constant(2.0)))
CDF = make("normal_cdf", Z)
TRUTH = [math.log(2), 53.23128515051247, 804.6084420137538]  # -log of the share below 0, -10, -40: mpmath, 30 digits

SPELLINGS = (
    "-y*log(p) - (1-y)*log(1-p)",
    "where(y == 1, -log(p), -log(1-p))",
    "-log(y*p + (1-y)*(1-p))",
    "-y*log(0.5*(1 + erf(z/sqrt(2)))) - (1-y)*log(0.5*(1 - erf(z/sqrt(2))))",
    "-y*log((1 + erf(z/sqrt(2)))/2) - (1-y)*log(1 - (1 + erf(z/sqrt(2)))/2)",
    "-y*log(0.5 + 0.5*erf(z/sqrt(2))) - (1-y)*log(0.5 - erf(z/sqrt(2))/2)",
)


@pytest.mark.parametrize(
    ("written", "lifted"),
    [
        (constant(0.5) * (constant(1.0) + ERF), CDF),
        (constant(0.5) - constant(0.5) * ERF, make("normal_cdf", -Z)),
        (constant(1.0) - ERF, constant(2.0) * make("normal_cdf", -Z)),
        (make("log", constant(0.5) + ERF / constant(2.0)), make("log_normal_cdf", Z)),
        (constant(0.5) + ERF, constant(0.5) + ERF),
    ],
)
def test_a_spelling_is_lifted(written: Node, lifted: Node) -> None:
    assert lift(written)[0] is lifted


@pytest.mark.parametrize("text", SPELLINGS)
def test_log_loss_by_probit_has_its_tails(text: str) -> None:
    loss = ls.parse(
        text, target="binary", link="probit" if "p" in text.replace("sqrt", "") and "erf" not in text else None
    )
    raw = np.array([0.0, -10.0, -40.0])
    found = loss.using("numpy").per_example(np.ones(3), raw)
    assert found == pytest.approx(TRUTH, rel=1e-15)
    assert loss.using("numpy").per_example(np.zeros(3), -raw) == pytest.approx(TRUTH, rel=1e-15)
    slope = loss.using("numpy").per_example_gradient(np.ones(3), raw)
    assert slope == pytest.approx([-math.sqrt(2 / math.pi), -10.098093233962512, -40.02496884720726], rel=2e-15)
