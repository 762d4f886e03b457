"""A loss in plain words: every sentence says what the kernels do, and no loss is left without words."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lossmith as ls
from lossmith.loss.explain import WIDTH, effects, explain
from tests.properties.cases import CASES, Case
from tests.sampling import every

MOST_LINES = 20  # formulas that are long themselves included


def numbers(loss: Any) -> dict[str, float]:
    return {k: v for k, v in loss.parameters.items() if v is not None}


def told(loss: Any) -> str:
    return explain(loss.definition, numbers(loss))


def sentences(loss: Any) -> str:
    """The text without its line breaks."""
    return re.sub(r"\n +", " ", told(loss))


def check(loss: Any) -> None:
    text = told(loss)
    assert loss.name in re.sub(r"\n +", " ", text)
    assert all(line.strip() for line in text.splitlines())
    assert all(len(line) <= WIDTH for line in text.splitlines())
    assert len(text.splitlines()) <= MOST_LINES
    said = " ".join(effects(loss.definition, numbers(loss)))
    assert not re.search(r"\bnan\b|\binf\b|None|\{|<", said)


@pytest.mark.parametrize("case", every(2, CASES), ids=repr)
def test_every_loss_can_be_explained(case: Case) -> None:
    check(case.loss)
    assert ("denominator" in told(case.loss)) == case.loss.is_additive


DESIGNS = [
    ls.get("bce") + ls.get("dice"),
    0.7 * ls.get("mse") + 0.3 * ls.get("mae"),
    ls.get("mse").error_weight("1 + abs(e)"),
    ls.get("huber").zoom(10).asymmetric(under=5),
    ls.get("bce").modulate(2).reweight({0: 1, 1: 5}).smooth(0.1),
    ls.get("bce").adjust([0.9, 0.1]).temper(2).soft_cap(8).margin(0.5),
    ls.get("ce").adjust([0.7, 0.2, 0.1]).smooth(0.1).ignore(2),
    ls.get("mse").truncate(9).mask("keep").reweight(by="price").empty("nan"),
    ls.get("half_squared_error").robust(-2, 3),
    ls.get("bce").select(negatives=3).over("one"),
    ls.get("bce").select(top=5, per="group"),
    ls.get("mae").select(above=0.7),
    ls.get("mse").tilt(0.1).flood(0.2),
    ls.get("mse").cvar(0.1),
    ls.get("bce").reweight("balanced"),
    ls.get("bce").adjust(),
    ls.from_costs(under=5, over=1).loss,
    ls.from_costs(matrix=[[0, 1], [20, 0]]).loss,
    ls.parse("z*0", target="real"),
    ls.parse("-p", target="binary", link="sigmoid"),
    ls.parse("where(abs(y - z) < 1, 0, 1)", target="real"),
    ls.parse("(y - z)**2 * cost", target="real", columns=("cost",)),
    ls.parse("log(mean(exp(abs(y - z))))", target="real"),
]  # fmt: skip


@pytest.mark.parametrize("loss", DESIGNS, ids=lambda loss: loss.name)
def test_every_design_can_be_explained(loss: Any) -> None:
    check(loss)


def test_parameters_count_with_the_values_they_have() -> None:
    open_one = ls.parse("where(y>z, q, 1-q)*abs(y-z)", target="real", parameters={"q": (None, "(0, 1)")})
    assert "bind it" in told(open_one)
    assert "quantile 0.9:" in told(open_one.bind(q=0.9)) and "quantile(level=0.9)" in told(open_one.bind(q=0.9))
    assert "quantile 0.75:" in told(ls.get("quantile").bind(level=0.75))


# What it estimates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (ls.get("mse"), "the mean: the average target of similar rows [sampled ("),
        (ls.get("mae"), "the median: half of the targets of similar rows lie below it [sampled ("),
        (ls.get("quantile", level=0.9), "the quantile 0.9: 90 % of the targets of similar rows lie below it"),
        (ls.get("expectile", level=0.75), "the expectile 0.75: an average of similar rows in which a target above it"),
        (ls.get("bce"), "the probability: how often similar rows are positive [sampled ("),
        (ls.get("ce"), "the probability: how often similar rows are of each class [sampled ("),
        (ls.parse("softplus(z) - y*z", target="binary"), "the probability (of the raw prediction through sigmoid)"),
        (ls.get("bce").reweight([1, 20]), "a shifted probability: as if positive rows counted 20 times [measured]"),
        (
            ls.get("ce").reweight([1, 2, 5]),
            "a shifted probability: as if rows of the classes 0 to 2 counted 1, 2 and 5 times [measured]",
        ),
    ],
    ids=lambda v: getattr(v, "name", ""),
)
def test_what_is_estimated_is_said_with_its_evidence(loss: Any, words: str) -> None:
    assert f"It estimates {words}" in sentences(loss)


@settings(max_examples=20, deadline=None)
@given(st.floats(0.2, 50.0))
def test_shifts_and_the_way_back_are_those_of_a_trained_model(weight: float) -> None:
    loss = ls.get("bce").reweight([1.0, round(weight, 2)]).using("numpy")
    text = sentences(loss)
    if round(weight, 2) == 1:
        assert "The way back" not in text
        return
    found = re.search(r"where the truth is 5 % it says ([\d.]+) %", text)
    trained = loss.predict([loss.best_constant([0.0, 1.0], [0.95, 0.05])])[0]
    assert found and float(found[1]) == pytest.approx(100 * trained, rel=6e-3)  # three digits
    back = re.search(r"The way back: (.*?)\.(?: |\n|$)", text.split("A m")[0] + text.split("says odds")[1])
    assert back
    truth = eval(back[1], {}, {"p": trained})
    assert truth == pytest.approx(0.05, rel=1e-3)


def test_the_way_back_for_classes_is_that_of_a_trained_model() -> None:
    loss = ls.get("ce").reweight([1, 2, 5]).using("numpy")
    shares = np.array([0.6, 0.3, 0.1])
    trained = loss.predict(np.atleast_2d(loss.best_constant([0, 1, 2], shares)))[0]
    assert "divide the probabilities by 1, 2 and 5, then make them add up to 1" in sentences(loss)
    back = trained / [1, 2, 5]
    np.testing.assert_allclose(back / back.sum(), shares, rtol=1e-6)


def test_where_probabilities_are_bent_the_map_is_told() -> None:
    loss = ls.get("focal").using("numpy")
    found = re.search(r"where 1 % are positive it says ([\d.]+) %, where 10 %: ([\d.]+) %", sentences(loss))
    assert found
    for share, said in zip((0.01, 0.1), found.groups(), strict=True):
        trained = loss.predict([loss.best_constant([0.0, 1.0], [1 - share, share])])[0]
        assert float(said) == pytest.approx(100 * trained, rel=6e-3)


def test_without_a_name_the_place_beside_median_and_mean_is_told() -> None:
    assert "it settles at 8.85, below both" in sentences(ls.get("student_t"))
    assert "above both" in sentences(ls.parse("exp(y-z) - (y-z) - 1", target="real"))
    assert "between the two" in sentences(ls.get("huber", delta=10))
    assert "next to the mean" in sentences(ls.get("mse").flood(0.1))
    assert "has no name" in sentences(ls.get("zero_inflated_poisson"))  # the form of its slopes alone says mean
    assert "which these are changes as the model learns" in sentences(ls.get("mse").select(trim=0.1))


# How it treats errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (ls.get("mse"), "Too low and too high cost the same at equal distance, whatever the distance."),
        (ls.get("mae").asymmetric(under=5), "A prediction 1 too low costs 5 times one 1 too high, at every size."),
        (ls.get("mse").asymmetric(over=3), "A prediction 1 too high costs 3 times one 1 too low, at every size."),
        (ls.get("poisson"), "too low costs more than too high: 1.01 times at 0.1, 1.07 times at 1, 2.04 times at 10."),
        (ls.parse("(y - 2*z)**2", target="real"), "A row whose target is 20 costs least elsewhere than at 20."),
        (ls.get("bce"), "A miss costs as much as a false alarm of the same certainty."),
        (ls.get("bce").reweight([1, 20]), "A missed positive costs 20 times a false alarm of the same certainty."),
        (ls.get("focal", alpha=0.25), "A false alarm costs 3 times a missed positive of the same certainty."),
        (ls.get("mse"), "grows in proportion to its error: ten times the error pulls ten times as hard."),
        (ls.parse("-(y-z)**2", target="real"), "every row pushes its prediction away from its target."),
        (ls.get("mae"), "Every error pulls as hard as any other, however large it is."),
        (ls.parse("abs(y-z)**3", target="real"), "ten times the error pulls 100 times as hard."),
        (ls.get("huber"), "beside that of an error of 1: 0.1 times at 0.1 and as hard at 10, the same further out."),
        (ls.get("student_t"), "0.125 times at 0.1 and 0.481 times at 10, fading to 0.005 times at 1,000."),
        (ls.get("mse").truncate(9), "0.1 times at 0.1 and nothing at 10."),
        (ls.get("bce"), "one that is right (99 %) pulls 50 times less, a wrong one (1 %) pulls 1.98 times as hard."),
        (ls.get("focal"), "pulls 99,800 times less (log loss: 50 times less)"),
        (ls.get("bce").smooth(0.1), "one that is right (99 %) pulls 0.0889 times the other way"),
        (ls.get("dice"), "an undecided positive one pulls 10.1 times another"),
    ],
    ids=lambda v: getattr(v, "name", ""),
)
def test_errors_and_their_pull_are_told(loss: Any, words: str) -> None:
    assert words in sentences(loss)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (ls.parse("where(y>z, 5, 1)*abs(y-z)", target="real"), "Row by row it is exactly 6 * quantile(level=5/6) (equal at"),
        (ls.get("mse"), "It is a standard loss; row by row it is exactly 2 * half_squared_error"),
        (ls.get("rmse"), "apart from the root, row by row it is exactly squared_error"),
        (ls.get("gaussian"), "0.5 * squared_error plus 0.91894, whatever is predicted"),
        (ls.get("poisson_likelihood"), "poisson plus a part that the target alone decides"),
        (ls.get("bce").reweight([1, 20]), "binary_cross_entropy, counted once where y is 0 and 20 times where y is 1"),
        (ls.get("huber").asymmetric(under=3), "counted 3 times where the prediction is too low and once where it is too"),
        (ls.get("bce").adjust([0.9, 0.1]), "binary_cross_entropy of z + tau * log_prior"),
        (ls.get("bce").temper(2), "binary_cross_entropy of z / T"),
        (ls.get("mse").select(trim=0.1), "Apart from the choice of rows, row by row it is exactly squared_error"),
        (ls.get("huber"), "of the others, nearest is"),
        (ls.get("focal"), "none is near; least far is"),
        (ls.parse("abs(y-z) + where(y>z, 3, 0)", target="real"), "it pulls exactly as absolute_error does, but its value"),
        (ls.get("ordinal"), "It is a standard loss.\n"),
    ],
    ids=lambda v: getattr(v, "name", ""),
)  # fmt: skip
def test_the_nearest_standard_loss_is_told(loss: Any, words: str) -> None:
    assert words in sentences(loss)


def test_what_is_held_fixed_is_told() -> None:
    by_row = ls.parse("where(y>z, under, over)*abs(y-z)", target="real", columns=("under", "over"))
    assert told(by_row).startswith("What follows is measured where under = 1 and over = 2.")
    heads = ls.parse("log(s) + (y-m)**2/(2*s**2)", target="real", heads={"m": "identity", "s": "exp"})
    assert told(heads).startswith("What follows is measured for m alone where s = 1.")
    assert "s = exp(z_s)" in told(heads)


# What it is made of -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (ls.get("mse"), "denominator: the sum over rows of sample_weight"),
        (ls.get("sum_of_squares_half"), "denominator: 1 (nothing is divided)"),
        (ls.get("mse").over("count"), "denominator: the number of rows, whatever they weigh"),
        (ls.get("bce").over("positives"), "denominator: maximum(count(y), 1)"),
        (ls.get("bce").over("examples"), "denominator: the number of entries of the first axis"),
        (ls.get("dice"), "finished per class"),
        (ls.get("mse").select(top=0.2), "chosen = largest(loss, top * sum(1), 1)"),
        (ls.get("mse").select(top=0.2), "numerator: the sum over rows of sample_weight * chosen * (y - z) ** 2"),
        (ls.get("mse").select(top=0.2), "denominator: the weight of the chosen rows"),
        (ls.get("ce").reweight([1, 2]), "a weight of its class (0: 1, 1: 2)"),
        (ls.get("ce").reweight("balanced"), "a balanced class weight, which fit(y_true) makes a number"),
        (ls.get("ce").reweight("effective_number(0.9)"), "by the effective number of rows (0.9)"),
        (ls.get("mse").reweight(by="price"), 'sample_weight is multiplied by the column "price"'),
        (ls.get("mse").mask("keep"), 'rows for which the column "keep" says no are absent'),
        (ls.get("ce").ignore(7), "rows whose target is 7 are absent"),
        (ls.get("ce").smooth(0.2), "the target is mixed with epsilon = 0.2 of all classes alike"),
        (ls.get("bce").soft_cap(5), "z is read as c * tanh(z / c), in training and in predict"),
        (ls.get("bce").adjust(), "log_prior: of the class shares that fit(y_true) finds; it is added in training only"),
        (ls.get("bce").adjust([0.9, 0.1]), "log_prior: of the class shares 0.9, 0.1;"),
        (ls.get("mse"), "Without rows the loss is 0 and so is its gradient."),
        (ls.get("mse").empty("nan"), "Without rows the loss is not a number (NaN)."),
        (ls.get("mse").empty("error"), "Without rows there is no loss: asking for it is an error."),
    ],
    ids=lambda v: getattr(v, "name", ""),
)  # fmt: skip
def test_stages_and_denominators_are_told(loss: Any, words: str) -> None:
    assert words in sentences(loss)


# What was false once ------------------------------------------------------------------------------------------------

MAE, MSE, BCE, CE = (ls.get(name) for name in ("mae", "mse", "bce", "ce"))
POINTS = ls.from_costs(points=[(-60, 300), (-10, 20), (0, 0), (15, 10), (60, 190)]).loss
BOTH_SIDES = ls.get("huber").zoom(15).asymmetric(5, 1).truncate(20)


@pytest.mark.parametrize(
    ("loss", "raw_of"),
    [(CE.temper(4), lambda read: 4 * read), (CE.soft_cap(3), lambda read: 3 * np.arctanh(read / 3))],
    ids=["temper", "soft_cap"],
)
def test_classes_are_read_as_predict_reads_them(loss: Any, raw_of: Any) -> None:
    assert "It estimates the probability: how often similar rows are of each class" in sentences(loss)
    shares = np.array([0.6, 0.3, 0.1])
    middle = np.log(shares) - np.log(shares).mean()
    raw = np.tile(raw_of(middle), (3, 1))
    gradient = loss.using("numpy").gradient([0, 1, 2], raw, shares)
    np.testing.assert_allclose(gradient.sum(axis=0), 0.0, atol=1e-15)  # a minimum: log loss is convex in what is read
    np.testing.assert_allclose(loss.using("numpy").predict(raw)[0], shares, rtol=1e-13)


def test_how_far_a_soft_cap_lets_predictions_reach_is_told() -> None:
    loss = CE.soft_cap(3)
    most = loss.using("numpy").predict(np.array([[800.0, -800.0, -800.0]]))[0, 0]
    assert f"reach no further than {100 * most:.3g} % for a class" in sentences(loss)
    assert "reach no further" not in sentences(CE.temper(4))


@pytest.mark.parametrize(
    ("loss", "words", "false"),
    [
        (MAE.select(above=30), "only errors from 30 on pull towards the truth", "Neither too low|No error pulls"),
        (MSE.truncate(0.001), "only errors up to 0.0316 pull towards the truth", "No error pulls"),
        (ls.get("huber", delta=50), "10 times at 10, 50 times from 50 on", "the same further out"),
        (ls.get("huber").zoom(100), "10 times at 10, 100 times from 100 on", "the same further out"),
        (MAE.error_weight("where(abs(e)>50,10,1)"), "10 times from 50 on", "the same further out"),
        (POINTS, "3 times at 10, 4.8 times at 15, 1.5 times at 100", "at every size"),
        (POINTS, "too low, as hard at 0.1 and as hard at 10, 2.8 times beyond 10; too high,", "the same further out"),
        (BOTH_SIDES, "5 times at 10, 3.24 times at 100, the same at 1,000", "at every size"),
        (BOTH_SIDES, "nothing from about 75 on; too high, 0.1 times at 0.1 and 10 times at 10,", "10 times at 10;"),
        (ls.get("huber").zoom(0.1).flood(0.2), "0.1 times at 0.01, as hard at 0.1", "Every error pulls as hard"),
        (MAE.error_weight("1+5*(abs(e)<10)"), "Too low and too high cost the same", "costs more"),
        (BCE.reweight(by="amount"), 'one each, but as much as "amount" says.\nOf rows so counted, it', "^It estimates"),
        (BCE.reweight(by="amount"), "(equal at 56 points), each row counted as it weighs", "points\\)\\."),
        (BCE.adjust([0.851, 0.149], tau=1.5), "Beyond what a right answer of the same certainty costs, a", "A missed"),
        (MSE.flood(500), "What it estimates is not known here", "it settles at"),  # two minima, on either side of the mean
        (MSE.asymmetric(1, 0), "What it estimates is not known here", "it settles at"),  # whatever is above all targets
        (ls.get("logistic"), "2.16 times at 10, nearly the same further out", "from about"),
        (BCE.reweight([0, 1]), "Only a missed positive costs anything", "the other nothing|inf"),
        (BCE.reweight([1, 0]), "Only a false alarm costs anything", "the other nothing|inf"),
        (BCE.select(above=0.7), "An undecided row (50 % for what happened) does not pull; one that", "e\\+|gamma=1000"),
        (MAE.error_weight("where(abs(e)>50,10,1)"), "there it pulls 10 times as hard", "pulls 1 times"),
        (BOTH_SIDES, "nearest is", "pulls 1 times"),
        (MAE.asymmetric(1, 2).select(top=0.9), "With the choice of rows, what it estimates has no name", "^What it est"),
        (ls.mix({"bce": 1, "dice": 1}), "If nothing tells 100 rows apart", "tells rows apart"),
    ],
    ids=lambda v: getattr(v, "name", ""),
)  # fmt: skip
def test_what_was_false_is_told_as_it_is(loss: Any, words: str, false: str) -> None:
    assert words in sentences(loss)
    assert not re.search(false, sentences(loss), re.MULTILINE)


def test_what_is_told_of_rows_together_is_so_with_that_number_of_rows() -> None:
    loss = ls.mix({"bce": 1, "dice": 1})
    said = re.search(r"tells (\d+) rows apart, where 1 % are positive it says ([\d.]+) %", sentences(loss))
    assert said
    y = (np.arange(int(said[1])) < int(said[1]) // 100).astype(float)
    trained = loss.using("numpy").predict([loss.using("numpy").best_constant(y)])[0]
    assert float(said[2]) == pytest.approx(100 * trained, rel=6e-3)  # three digits
