"""Losses to try: their losses, their words, and formulas with the link that they speak of."""

from __future__ import annotations

import numpy as np
import pytest

import lossmith as ls
from lossmith.advise.models.candidate import LINKS, Candidate, label, loss_of, weight_words

Y = np.array([0.0, 1.0, 1.0])
RAW = np.array([-1.0, 0.5, 2.0])


def test_a_name_with_parameters_is_that_loss() -> None:
    assert loss_of(Candidate("quantile", {"level": 0.9})) == ls.get("quantile", level=0.9)


def test_class_weights_are_put_on_the_loss() -> None:
    weighted = loss_of(Candidate("binary_cross_entropy", class_weight=(1.0, 20.0)))
    plain = ls.get("binary_cross_entropy")
    # the same product in another order of operations: a rounding or two
    found = weighted.per_example(Y, RAW) / plain.per_example(Y, RAW)
    np.testing.assert_allclose(found, [1.0, 20.0, 20.0], rtol=8 * np.finfo(float).eps)


@pytest.mark.parametrize(("kind", "link"), [*LINKS.items(), ("real", "identity"), ("ordinal", "identity")])
def test_a_formula_with_p_has_the_link_of_its_kind(kind: str, link: str) -> None:
    formula = "-log(true_class(p))" if link == "softmax" else "(y - p)**2"
    assert loss_of(Candidate("", formula=formula, kind=kind)).link == link


@pytest.mark.parametrize("kind", ["binary", "count", "real"])
def test_a_formula_with_z_has_none(kind: str) -> None:
    loss = loss_of(Candidate("", formula="where(y>z, 5, 1)*abs(y-z)", kind=kind))
    assert loss.link == "identity"
    np.testing.assert_array_equal(loss.per_example(Y, np.array([1.0, 0.0, 3.0])), [1.0, 5.0, 2.0])


@pytest.mark.parametrize(
    ("candidate", "words"),
    [
        (Candidate("squared_error"), "squared error"),
        (Candidate("quantile", {"level": 5 / 6}), "quantile loss (level 5/6)"),
        (Candidate("quantile", {"level": 0.1}, levels=(0.1, 0.5, 0.9)), "quantile loss (0.1, 0.5, 0.9)"),
        (Candidate("binary_cross_entropy", class_weight=(1.0, 20.0)), "log loss, classes weighing 1 : 20"),
        (
            Candidate("quantile", {"level": 0.5}, by_cost=True),
            "quantile loss (level 0.5), rows weighing what they cost",
        ),
        (Candidate("squared_error", own=True), "LightGBM's own squared error"),
        (Candidate("", formula="abs(y-z)"), "abs(y-z)"),
    ],
)
def test_a_candidate_in_words(candidate: Candidate, words: str) -> None:
    assert label(candidate) == words


def test_weights_are_said_as_a_ratio_and_known_wherever_they_came_from() -> None:
    assert weight_words((0.05, 1.0)) == "1 : 20"
    assert Candidate("x", class_weight=(1.0, 2.0)).weights == Candidate("x", corrects=(1.0, 2.0)).weights == (1.0, 2.0)
    assert Candidate("x").weights == ()


DESIGN = "bce.modulate(gamma=2).reweight([1, 20])"


def test_designs_and_whole_losses_are_candidates_too() -> None:
    made = ls.get("bce").modulate(gamma=2).reweight([1, 20])
    assert loss_of(Candidate("", formula=DESIGN, kind="binary")) == made
    assert loss_of(Candidate("", formula=made.to_json(), kind="binary")) == made
    assert label(Candidate("", formula=DESIGN, kind="binary")) == DESIGN
    assert label(Candidate("", formula=made.to_json(), kind="binary")) == made.name


def test_a_design_says_its_own_target_and_a_formula_in_it_has_that_of_the_data() -> None:
    assert loss_of(Candidate("", formula="poisson.over('count')", kind="count")).target == "nonnegative"
    alone = loss_of(Candidate("", formula="((y - p)**2).truncate(3)", kind="count"))
    assert (alone.target, alone.link) == ("count", "exp")
    beside = loss_of(Candidate("", formula="((y - p)**2).truncate(3) + 0.1*poisson", kind="count"))
    assert (beside.target, beside.link) == ("nonnegative", "exp")
