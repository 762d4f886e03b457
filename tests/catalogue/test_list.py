"""The list of shipped losses: names, aliases, parameters, words, and how a name is looked up."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable

import pytest

from lossmith.catalogue import ACTIVATIONS, LOSSES, find, find_activation, names
from lossmith.errors import ArgumentError
from lossmith.formula.definition import Definition, check_definition, resolved
from lossmith.formula.node import symbols

PROMISED: dict[str, dict[str, float]] = {
    "squared_error": {},
    "half_squared_error": {},
    "sum_of_squares_half": {},
    "rmse": {},
    "absolute_error": {},
    "huber": {"delta": 1.0},
    "log_cosh": {},
    "quantile": {"level": 0.5},
    "expectile": {"level": 0.5},
    "poisson": {},
    "gamma": {},
    "binary_cross_entropy": {},
    "cross_entropy": {},
    "label_smoothed_cross_entropy": {"epsilon": 0.1},
    "focal": {"gamma": 2.0},
    "softmax_focal": {"gamma": 2.0},
    "dice": {"smooth": 1.0},
    "tversky": {"alpha": 0.5, "beta": 0.5, "smooth": 1.0},
    "brier": {},
    "distribution_cross_entropy": {},
    "kl_divergence": {},
    "gaussian": {"scale": 1.0},
    "laplace": {"scale": 1.0},
    "student_t": {"degrees": 4.0, "scale": 1.0},
    "logistic": {"scale": 1.0},
    "log_normal": {"sigma": 1.0},
    "gamma_likelihood": {"shape": 1.0},
    "tweedie": {"power": 1.5},
    "poisson_likelihood": {},
    "negative_binomial": {"dispersion": 1.0},
    "zero_inflated_poisson": {"zero": 0.25},
    "ordinal": {},
}
ALIASES = {"mse": "squared_error", "mae": "absolute_error", "pinball": "quantile", "ce": "cross_entropy"}
ALIASES |= {"bce": "binary_cross_entropy", "log_loss": "binary_cross_entropy"}
EVERY = [d for entry in LOSSES for d in (entry.definition, *entry.when_given.values())]


def test_the_names_and_defaults_are_those_promised() -> None:
    found = {e.name: {p.name: p.default for p in e.definition.parameters} for e in LOSSES}
    assert PROMISED.items() <= found.items()


def test_every_alias_leads_to_its_loss_and_no_name_is_taken_twice() -> None:
    keys = [key for e in LOSSES for key in (e.name, *e.aliases)]
    assert len(keys) == len(set(keys))
    assert {alias: find(alias).name for alias in ALIASES} == ALIASES


@pytest.mark.parametrize("definition", EVERY, ids=lambda d: f"{d.name}-{len(d.parameters)}")
class TestEveryDefinition:
    """What holds for each shipped formula."""

    def test_its_words_come_in_one_order(self, definition: Definition) -> None:
        summary = definition.summary
        places = [summary.index(word) for word in ("Domain:", "Shapes:", "Units:", ">>>")]
        assert places == sorted(places)
        assert re.match(r"^[A-Z][^\n]*\.\n\n", summary)

    def test_its_source_has_a_year(self, definition: Definition) -> None:
        assert re.search(r"\((1[789]|20)\d\d\)", definition.source)

    def test_it_means_something_once_its_links_are_applied(self, definition: Definition) -> None:
        root = resolved(check_definition(definition))
        assert not root.axes
        assert symbols(root, role="raw")
        assert not symbols(root, role="prediction")

    def test_it_survives_pickling(self, definition: Definition) -> None:
        back = pickle.loads(pickle.dumps(definition))
        assert back.formula is definition.formula
        assert back.formula_hash == definition.formula_hash


def test_no_two_losses_have_the_same_formula_and_declaration() -> None:
    assert len({d.formula_hash for d in EVERY}) == len(EVERY)


def test_a_given_alpha_makes_focal_loss_a_formula_with_alpha() -> None:
    assert "alpha" not in {p.name for p in find("focal").parameters}
    weighted = find("focal", given=["alpha", "gamma"])
    assert {p.name for p in weighted.parameters} == {"gamma", "alpha"}
    assert weighted.name == "focal"


def test_on_probability_changes_the_meaning_of_the_input_and_nothing_else() -> None:
    raw, given = find("binary_cross_entropy"), find("binary_cross_entropy", on="probability")
    assert given.formula is raw.formula
    assert given.formula_hash != raw.formula_hash
    assert "sigmoid" not in repr(resolved(given))
    assert find("kl_divergence", on="probability") is find("kl_divergence")


def test_a_loss_without_a_link_has_no_probabilities() -> None:
    with pytest.raises(ArgumentError, match="LM270 squared_error"):
        find("mse", on="probability")


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: find("hubre"), 'LM271 there is no loss "hubre". Did you mean "huber"?'),
        (lambda: find("MSE"), 'LM271 there is no loss "MSE". Did you mean "mse"?'),
        (lambda: find(None), 'LM271 there is no loss "None". Known:'),  # type: ignore[arg-type]
        (lambda: find("huber", on="logits"), "LM272"),
        (lambda: names("reel"), 'LM273 there is no target kind "reel". Did you mean "real"?'),
        (lambda: find_activation("reluu"), 'LM274 there is no activation "reluu". Did you mean "relu"?'),
    ],
)
def test_wrong_names_are_answered_with_the_nearest(call: Callable[[], object], text: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(text)):
        call()


def test_names_by_target_kind() -> None:
    assert names() == tuple(e.name for e in LOSSES)
    assert {"binary_cross_entropy", "brier", "focal", "dice", "tversky"} <= set(names("binary"))
    assert not {"poisson", "cross_entropy", "squared_error"} & set(names("binary"))
    assert "poisson" in names("count") and "gamma" not in names("count") and "squared_error" in names("count")
    counts = {"poisson_likelihood", "negative_binomial", "zero_inflated_poisson"}
    assert counts | {"tweedie"} <= set(names("count")) and not counts & set(names("nonnegative"))
    assert {"log_normal", "gamma_likelihood", "tweedie"} <= set(names("positive")) and "log_normal" not in names("real")
    assert {"ordinal", "cross_entropy"} <= set(names("ordinal")) and "ordinal" not in names("class")
    assert {"cross_entropy", "label_smoothed_cross_entropy", "softmax_focal"} <= set(names("class"))
    assert not {"focal", "kl_divergence", "huber"} & set(names("class"))


def test_activations_are_those_promised() -> None:
    expected = (
        "identity sigmoid tanh relu leaky_relu prelu elu celu selu gelu silu swish mish softplus log_sigmoid softsign "
        "scaled_tanh relu6 hard_tanh hard_sigmoid hard_swish exponential softmax"
    )
    assert [a.name for a in ACTIVATIONS] == expected.split()
    assert [a.name for a in ACTIVATIONS if a.row] == ["softmax"]
    assert all(a.latex and a.source for a in ACTIVATIONS)
