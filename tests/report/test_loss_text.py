"""What `lossmith show` and `lossmith list` print: a loss by name, as a formula or as a design, and one sentence for others."""

from __future__ import annotations

import pytest

import lossmith as ls
from lossmith import cli
from lossmith.loss.designed import COMBINATORS
from lossmith.report.loss_text import listing, page
from tests.sampling import every

SHOWN = [
    (["mse"], ["squared_error", "(y - z) ** 2", "estimates         mean", "accuracy          numpy float64: at worst"]),
    (["quantile", "--set", "level=0.9"], ["quantile(level=0.9)", "quantile 0.9"]),
    (["focal(gamma=1.5) + 0.5*dice"], ["target    binary", "link      sigmoid", "not a sum over the examples"]),
    (["where(y>z, 5, 1)*abs(y-z)"], ["quantile 0.833333", "target    real", "--target says another kind", "kink"]),
    (["-y*log(p) - (1-y)*log(1-p)", "--target", "binary"], ["link      sigmoid", "estimates         probability"]),
    (["-y*log(p) - (1-y)*log(1-p)", "--target", "binary", "--link", "probit"], ["link      probit"]),
    (
        ["bce.modulate(gamma=2).over('count')"],
        ["bce.modulate(gamma=2).over('count')", "numbers   gamma=2", "Lin et al."],
    ),
    (["bce.modulate(gamma=2)", "--set", "gamma=1"], ["numbers   gamma=1"]),
    (["mae.asymmetric(under=5, over=1)"], ["quantile 0.833333", "numbers   under=5, over=1"]),
    (["(abs(y - z)).truncate(tau=3)"], ["minimum(abs(y - z), tau)", "--target says another kind"]),
    (["(2*bce + focal).select(top=0.2)"], ["numbers   gamma=2, top=0.2", "target    binary"]),
    (["ce.temper(2).adjust().ignore(255)"], ["log_prior", "target    class"]),
    (["log_normal", "--target", "positive"], ["log_normal"]),
]


@pytest.mark.parametrize(("words", "shown"), SHOWN, ids=[" ".join(words) for words, _ in SHOWN])
def test_a_loss_is_shown(words: list[str], shown: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", *words]) == 0
    text = capsys.readouterr().out
    assert all(part in text for part in shown)
    assert all(f"\n{part}" in text for part in ("formula   ", "target    ", "link      ", "gradient  ", "hessian   "))
    assert "estimates         " in text and "accuracy          " in text
    assert "\n\n\n" not in text and "None" not in text


@pytest.mark.parametrize("name", every(2, ls.names()))
def test_the_page_of_every_loss_holds_what_explain_says(name: str) -> None:
    loss = ls.get(name)
    assert loss.explain() in page(loss)
    assert loss.formula in page(loss)


REFUSED = [
    (["hubre"], 'LM271 there is no loss "hubre". Did you mean "huber"?'),
    (["bce.modulat(2)"], 'LM156 column 5: "modulat" is not known behind a loss. Did you mean "modulate"?'),
    (["mse.modulate(2)"], "LM295 column 5: squared_error: modulate"),
    (["bce + mse"], "LM150"),
    (["-y*log(p)"], "LM159"),
    (["mse", "--target", "binary"], "LM153"),
    (["abs(y-z)", "--target", "reel"], 'Did you mean "real"'),
    (["abs(y-z)", "--link", "sigmoyd"], 'Did you mean "sigmoid"'),
    (["mse", "--set", "level"], "LM603"),
    (["mse", "--set", "level=1"], "LM203"),
    (["import os"], "LM131"),
    ([""], "LM130"),
    (["bce.modulate(2)" * 2_000], "LM130"),
]


@pytest.mark.parametrize(("words", "sentence"), REFUSED, ids=[repr(words[0][:20]) for words, _ in REFUSED])
def test_what_cannot_be_shown_is_one_sentence(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["show", *words]) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert sentence in shown.err.splitlines()[0]
    assert "Traceback" not in shown.err


def test_an_option_that_show_does_not_have_is_bad_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", "mse", "--tarrget", "real"]) == 2
    assert "--tarrget" in capsys.readouterr().err


def test_the_list_says_what_can_stand_behind_a_loss(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["list", "--target", "count"]) == 0
    text = capsys.readouterr().out
    assert text.rstrip("\n") == listing([ls.get(name) for name in ls.names("count")])
    assert all(name in text for name in COMBINATORS)
    assert max(map(len, text.splitlines())) <= 120
