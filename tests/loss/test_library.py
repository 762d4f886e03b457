"""The doors to a loss: by name, by function, by text."""

from __future__ import annotations

import json
import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lossmith as ls
from lossmith.errors import FormulaError, LossmithError
from lossmith.loss.library import look_up


@pytest.mark.parametrize(
    ("alias", "name"),
    [("mse", "squared_error"), ("mae", "absolute_error"), ("pinball", "quantile"), ("ce", "cross_entropy"),
     ("bce", "binary_cross_entropy"), ("log_loss", "binary_cross_entropy")],
)  # fmt: skip
def test_aliases_are_the_same_loss(alias: str, name: str) -> None:
    assert ls.get(alias) == ls.get(name)


def test_a_function_of_numpy_and_a_text_are_the_same_loss() -> None:
    @ls.define(target="binary", link="sigmoid", name="own")
    def pasted(y, p):  # type: ignore[no-untyped-def]
        return -y * np.log(p) - (1 - y) * np.log(1 - p)

    assert pasted == ls.parse("-y*log(p) - (1 - y)*log(1 - p)", target="binary", link="sigmoid")


def test_losses_of_the_catalogue_are_words_of_a_text() -> None:
    loss = ls.parse("focal(gamma=1.5) + 0.5*dice()", target="binary", link="sigmoid", per="class").using("numpy")
    y, raw = [1.0, 0.0, 1.0], [0.5, -1.0, 2.0]
    parts = ls.get("focal", gamma=1.5).using("numpy").value(y, raw) + 0.5 * ls.get("dice").using("numpy").value(y, raw)
    assert loss.value(y, raw) == pytest.approx(parts, rel=1e-14)


def test_probabilities_in_place_of_raw_predictions_give_the_same_loss() -> None:
    raw = np.array([0.5, -1.0, 2.0])
    for name in ("binary_cross_entropy", "brier", "focal"):
        loss, given = ls.get(name).using("numpy"), ls.get(name, on="probability").using("numpy")
        np.testing.assert_allclose(
            given.per_example([1, 0, 1], loss.predict(raw)), loss.per_example([1, 0, 1], raw), rtol=1e-14
        )
        with pytest.raises(LossmithError, match=r"LM218.*row 1"):
            given.value([1, 0, 1], [0.5, 1.5, 0.5])


def test_names_by_kind_of_target() -> None:
    assert "dice" in ls.names("binary")
    assert "cross_entropy" not in ls.names("binary")
    assert set(ls.names("real")) < set(ls.names())


def test_what_a_formula_leaves_unsaid_is_taken_from_the_losses_in_it() -> None:
    loss = ls.parse("focal(gamma=1.5) + 0.5*dice")
    said = ls.parse("focal(gamma=1.5) + 0.5*dice", target="binary", link="sigmoid", per="class")
    assert loss.definition.declaration == said.definition.declaration
    assert loss.value([1, 0], [0.5, 2.0]) == said.value([1, 0], [0.5, 2.0])
    assert loss.parameters == {"gamma": 1.5, "smooth": 1.0}  # losses alone keep their parameters
    assert ls.parse("-y*log(p) + bce") == ls.parse("-y*log(p) + bce", target="binary", link="sigmoid")
    assert ls.parse("2*ordinal").definition.declaration.columns == ("low", "high")
    assert ls.parse("2*kl_divergence").definition.declaration.on == "probability"


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("bce + mse", "LM150", "bce: binary; mse: real"),
        ("abs(y - z)", "LM151", 'target="real"'),
        ("hubre", "LM137", 'Did you mean "huber"'),
        ("abs(y - z", "LM131", "never closed"),
        ("import os", "LM131", "import"),
    ],
)
def test_a_formula_that_says_no_target_is_refused_where_no_loss_says_it(text: str, code: str, words: str) -> None:
    with pytest.raises(FormulaError, match=code) as caught:
        ls.parse(text)
    assert words in str(caught.value)


def test_a_loss_is_looked_up_by_name_formula_or_design() -> None:
    assert look_up("huber", {"delta": 2.0}) == (ls.get("huber", delta=2), "")
    assert look_up("bce.modulate(2)", {"gamma": 1.0}) == (ls.get("focal", gamma=1), "")
    loss, remark = look_up(" where(y>z, 5, 1) * abs(y-z)", {})
    assert (loss.target, loss.name) == ("real", "where(y>z, 5, 1) * abs(y-z)")
    assert "--target" in remark
    assert look_up("-y*log(p)", {}, target="binary")[0].link == "sigmoid"
    assert look_up("-y*log(p)", {}, target="binary", link="probit")[0].link == "probit"
    for text, target, code in (("-y*log(p)", None, "LM159"), ("bce", "real", "LM153"), ("hubre", None, "LM271")):
        with pytest.raises(LossmithError, match=code):
            look_up(text, {}, target)


def test_json_of_before_the_stages_is_read_and_that_of_nothing_is_not() -> None:
    record = json.loads(ls.get("huber").to_json())
    assert ls.from_json(json.dumps(record)) == ls.get("huber")
    for change in (
        {"declaration": {"target": "real", "surprise": 1}},
        {"declaration": {"target": "real", "columns": 5}},
        {"declaration": {"target": "real", "parameters": {"delta": 1}}},
        {"declaration": {"target": "real", "parameters": {"delta": {"value": "x", "domain": "real"}}}},
        {"declaration": {"target": "real", "parameters": {"delta": {"value": 1, "domain": 7}}}},
        {"declaration": {"target": 5}},
        {"declaration": {}},
        {"declaration": {"target": "real", "stages": 7}},
        {"declaration": {"target": "real", "heads": [1]}},
        {"declaration": {"target": "real", "link": ["exp"]}},
        {"formula": "delta * abs(y - z) + q"},
        {"lossmith": 2},
    ):
        with pytest.raises(LossmithError, match="LM1"):
            ls.from_json(json.dumps(record | change))


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.sampled_from(["real", "binary", "z", "zero", "y"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["y", "delta", "value", "domain", "classes",
        "column", "beta", "mask", "smoothing", "ignored", "reweighting", "priors", "reading", "empty"]), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
KEYS = ["target", "link", "heads", "columns", "per", "class_axis", "on", "parameters", "source", "name", "stages"]


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(KEYS), PLAIN, st.sampled_from(["bce", "huber", "ce"]))
def test_no_json_raises_anything_but_an_error_with_a_code(key: str, value: Any, name: str) -> None:
    record = json.loads(ls.get(name).to_json())
    record["declaration"][key] = value
    try:
        assert isinstance(ls.from_json(json.dumps(record)), ls.Loss)
    except LossmithError as error:
        assert error.code.startswith("LM")


EMPTY = [
    ("log(-1 - (y - z)**2)", {"target": "real"}, r"log\(-1 - \(y - z\) \*\* 2\) is not a finite number"),
    ("1 + sqrt(-1 - abs(z))", {"target": "real"}, r"sqrt\(-1 - abs\(z\)\) is not"),
    ("log(p - 1)", {"target": "binary", "link": "sigmoid"}, r"log\(sigmoid\(z\) - 1\) is not"),
    ("mean(log(-exp(z)))", {"target": "count"}, r"log\(-exp\(z\)\) is not"),
    ("over_classes(y * log(-p))", {"target": "class", "link": "softmax"}, r"log\(-softmax\(z\)\) is not"),
    ("exp(1000 + z*z)", {"target": "real"}, "is not a finite number"),
    ("bce.modulate(gamma=2) + log(-1 - z*z)", {}, "LM"),
]


@pytest.mark.parametrize(("formula", "said", "words"), EMPTY)
def test_a_formula_without_a_number_anywhere_is_refused_with_the_part_to_blame(
    formula: str, said: dict[str, Any], words: str
) -> None:
    with pytest.raises(FormulaError, match=words):
        ls.parse(formula, **said)


def test_a_function_without_a_number_anywhere_is_refused_too() -> None:
    with pytest.raises(FormulaError, match="LM146 own"):

        @ls.define(target="real", name="own")
        def own(y, z):  # type: ignore[no-untyped-def]
            return ls.log(-1 - (y - z) ** 2)


@pytest.mark.parametrize(
    ("formula", "said"),
    [
        ("log(y) * z", {"target": "real"}),
        ("where(y > z, log(-1 - z*z), 1) * z", {"target": "real"}),
        ("log(z - 1e6)", {"target": "real"}),
        ("sqrt(mean((y - z)**2)) - log(-1 + mean(z*z))", {"target": "real"}),
        ("abs(y - z)**a", {"target": "real", "parameters": {"a": (None, "(2, 3)")}}),
        ("log(-1 - c*c) + z", {"target": "real", "columns": ("c",)}),
    ],
)
def test_a_formula_with_numbers_somewhere_is_read(formula: str, said: dict[str, Any]) -> None:
    assert ls.parse(formula, **said).formula


@pytest.mark.parametrize("name", ls.names())
def test_no_loss_of_the_catalogue_is_empty(name: str) -> None:
    assert ls.from_json(ls.get(name).to_json()) == ls.get(name)


BEYOND: list[tuple[str, dict[str, Any], str]] = [
    ("abs(y - z)**5000", {}, "LM136"),
    ("log(-1 - z*z)", {}, "LM146"),
    ("maximum(z, " * 17 + "y" + ")" * 17, {}, "LM144"),
    ("delta*abs(y - z)", {"parameters": {"delta": {"value": -1.0, "domain": "positive"}}}, "LM121"),
    ("delta*abs(y - z)", {"parameters": {"delta": {"value": None, "domain": "(1, 1)"}}}, "LM145"),
    ("delta*abs(y - z)", {"parameters": {"delta": {"value": None, "domain": "[2, 2)"}}}, "LM145"),
    ("z", {"parameters": {f"a{i}": {"value": 1.0, "domain": "real"} for i in range(4000)}}, "LM130"),
    ("z", {"columns": [f"c{i}" for i in range(4000)]}, "LM130"),
    ("z", {"heads": {f"c{i}": "exp" for i in range(4000)}}, "LM130"),
    ("+".join(["z"] * 9000), {}, "LM130"),
    ("huber(delta=-1)", {"parameters": {}}, "LM138|LM205"),
]


@pytest.mark.parametrize(("formula", "said", "code"), BEYOND)
def test_json_is_checked_as_a_text_is(formula: str, said: dict[str, Any], code: str) -> None:
    """The same code from the text and from JSON, and in no time: the slowest of these took a minute before it had a limit."""
    record = json.loads(ls.get("mse").to_json())
    record["formula"] = formula
    record["declaration"].update(said)
    began = time.perf_counter()
    with pytest.raises(LossmithError, match=code):
        ls.from_json(json.dumps(record))
    given = {key: value for key, value in said.items() if key != "parameters"}
    numbers = {k: (v["value"], v["domain"]) for k, v in said.get("parameters", {}).items()}
    with pytest.raises(LossmithError, match=code):
        ls.parse(formula, target="real", parameters=numbers, **given)
    assert time.perf_counter() - began < 5.0  # seconds; a hundred times what it takes


def test_branches_may_stand_in_each_other_up_to_a_limit() -> None:
    deep = ls.parse("maximum(z, " * 16 + "y" + ")" * 16, target="real")
    assert deep.using("numpy").value([3.0], [2.0]) == 3.0
    beside = "+".join(f"maximum(z - {i}, 0)" for i in range(40))
    assert ls.parse(beside, target="real").using("numpy").value([0.0], [2.0]) == 3.0
