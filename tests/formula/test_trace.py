"""From a Python function to a definition: the formula that it writes, and what it may not write."""

import math
import pickle

import numpy as np
import pytest

from lossmith import maths as ls
from lossmith.errors import ArgumentError, FormulaError
from lossmith.formula.definition import bound, check_parameter, resolved
from lossmith.formula.node import symbol
from lossmith.formula.roles import declare
from lossmith.formula.text import to_text
from lossmith.formula.trace import define, trace
from lossmith.numerics.interval import Interval


def said(**declaration):
    """Decorate, and give the text of the formula."""
    return lambda function: to_text(define(**declaration)(function).formula)


def test_a_function_is_called_with_its_roles_and_parameters():
    @define(target="binary", link="sigmoid", domain={"miss": "positive"}, source="a paper")
    def missed(y, p, miss=20.0):
        """Costs."""
        return -miss * y * ls.log(p) - (1 - y) * ls.log(1 - p)

    assert to_text(missed.formula) == "-miss * y * log(p) - (1 - y) * log(1 - p)"
    assert [(p.name, p.default, p.domain) for p in missed.parameters] == [("miss", 20.0, Interval(0.0))]
    assert (missed.name, missed.summary, missed.source) == ("missed", "Costs.", "a paper")


def test_heads_columns_and_several_targets_are_arguments_by_name():
    @said(target="real", heads={"mean": "identity", "scale": "exp"}, columns=("cost",))
    def gaussian(y, mean, scale, cost):
        return cost * (ls.log(scale) + ((y - mean) / scale) ** 2 / 2)

    @said(target={"time": "positive", "event": "binary"}, link="exp")
    def survival(time, event, p):
        return p * time - event * ls.log(p)

    assert gaussian == "cost * (log(scale) + ((y - mean) / scale) ** 2 / 2)"
    assert survival == "p * time - event * log(p)"


def test_a_loss_written_for_numpy_can_be_pasted():
    @said(target="binary")
    def pasted(y, z):
        return np.mean(np.where(z > 0, np.log1p(np.exp(-np.abs(z))), np.maximum(z, 0)) - np.clip(y, 0, 1) * z)

    assert pasted == "mean(where(0 < z, log1p(exp(-abs(z))), maximum(z, 0)) - minimum(maximum(y, 0), 1) * z)"


def test_arguments_whose_default_is_none_are_choices_not_parameters():
    def focal(y, p, alpha=None):
        return -y * ls.log(p) * (1 if alpha is None else alpha)

    declaration = declare("binary", "sigmoid")
    assert to_text(trace(focal, declaration).formula) == "-y * log(p) * 1"
    chosen = trace(focal, declaration, choices={"alpha": 0.25}, name="quarter")
    assert (to_text(chosen.formula), chosen.name, chosen.parameters) == ("-y * log(p) * 0.25", "quarter", ())


def written(function, **declaration):
    return define(**{"target": "real", **declaration})(function)


WRONG = [
    (lambda y, z: 1 if z > y else 2, {}, "LM101", "ls.where"),
    (lambda y, z: math.log(z), {}, "LM102", "ls.log"),
    (lambda y, z: [a for a in z], {}, "LM103", "iteration"),  # noqa: C416
    (lambda y, z: ((y - z) ** 2).mean(), {}, "LM123", "ls.mean"),
    (lambda y, z: (y - z) / len(y), {}, "LM123", "no len()"),
    (lambda y, z: (y - z)[:, 0], {}, "LM123", "subscriptable"),
    (lambda y, z: (y - z) % 2, {}, "LM123", "unsupported operand"),
    (lambda y_true, z: z, {}, "LM120", "y is the target"),
    (lambda y, z: None, {}, "LM122", "returned nothing"),
    (lambda y, z: (y, z), {}, "LM106", "tuple"),
    (lambda y, z: "y - z", {}, "LM106", "str"),
    (lambda y, z: y * 2, {}, "LM117", "no prediction"),
    (lambda y, z: y < z, {}, "LM124", "ls.where"),
    (lambda y, z: z * symbol("stray", "column", ["example"]), {}, "LM116", "stray"),
    (lambda y, z: z * symbol("gamma", "column"), {}, "LM116", "gamma"),
    (lambda y, z: ls.true_class(z), {}, "LM116", "classes"),
    (lambda y, p: -y * ls.log(p), {"target": "class", "link": "softmax"}, "LM118", "ls.over_classes"),
    (lambda y, z: ls.mean(z) - z, {}, "LM119", "ls.mean"),
    (lambda y, z, extra: z, {}, "LM120", "extra"),
    (lambda y, z, *rest: z, {}, "LM120", "rest"),
    (lambda y, zz: zz, {}, "LM120", 'Did you mean "z"'),
    (lambda y, z, level=0.5: z, {"domain": {"level": "(1, 2)"}}, "LM121", "strictly between 1 and 2"),
    (lambda y, z, level=math.nan: z, {}, "LM121", "finite"),
    (lambda y, z, mode="hard": z, {}, "LM121", "'hard'"),
    (lambda y, z, level=0.5: z, {"domain": {"level": "positve"}}, "LM128", 'Did you mean "positive"'),
]


def test_a_mistake_that_is_not_about_formulas_is_left_alone():
    with pytest.raises(TypeError, match="'int' has no len"):
        written(lambda y, z: len(3))


@pytest.mark.parametrize(("function", "declaration", "code", "words"), WRONG)
def test_what_a_function_may_not_write_is_refused_with_advice(function, declaration, code, words):
    with pytest.raises(FormulaError, match=code) as caught:
        written(function, **declaration)
    assert words in caught.value.sentence


def test_a_parameter_after_the_star_must_be_bound_and_says_so():
    def scaled(y, z, *, scale, power=2.0):
        return ((y - z) / scale) ** power

    definition = written(scaled, domain={"scale": "positive"})
    assert bound(definition, {"scale": 3}) == (3.0, 2.0)
    with pytest.raises(ArgumentError, match=r"LM206 .*scale"):
        bound(definition, {})
    for value, code in ((0, "LM205"), (math.inf, "LM205"), (math.nan, "LM205"), ("x", "LM204"), (None, "LM204")):
        with pytest.raises(ArgumentError, match=rf"{code} .*scale"):
            check_parameter(definition, "scale", value)
    with pytest.raises(ArgumentError, match=r'LM203 .*Did you mean "scale"'):
        check_parameter(definition, "scael", 1.0)


RESOLVED = [
    (lambda y, z: (y - z) ** 2, {}, "mean((y - z) ** 2)"),
    (lambda y, z: ls.sqrt(ls.mean((y - z) ** 2)), {}, "sqrt(mean((y - z) ** 2))"),
    (lambda y, p: -y * ls.log(p), {"link": "sigmoid"}, "mean(-y * log(sigmoid(z)))"),
    (lambda y, p: -y * ls.log(p), {"link": "exp"}, "mean(-y * log(exp(z)))"),
    (lambda y, p: ls.sum(y * p), {"per": "class"}, "mean_over_classes(sum(y * z))"),
    (
        lambda y, p: ls.sum(y * p),
        {"per": ("group", "class")},
        "mean_over_groups(mean_over_classes(sum_per_group(y * z)))",
    ),
    (lambda y, a, b: y * a / b, {"heads": {"a": "identity", "b": "exp"}}, "mean(y * z_a / exp(z_b))"),
]


@pytest.mark.parametrize(("function", "declaration", "text"), RESOLVED, ids=[row[-1] for row in RESOLVED])
def test_the_full_formula_has_its_links_and_means_written_out(function, declaration, text):
    assert to_text(resolved(written(function, **declaration))) == text


def test_the_mean_over_the_examples_is_added_only_where_nothing_is_summed():
    plain = written(lambda y, z: (y - z) ** 2)
    finished = written(lambda y, z: ls.mean((y - z) ** 2))
    assert resolved(plain) is resolved(finished)


def test_definitions_are_pickled_by_their_data():
    definition = written(lambda y, z, level=0.5: ls.where(y > z, level, 1 - level) * ls.abs(y - z), name="pinball")
    again = pickle.loads(pickle.dumps(definition))
    assert again.formula is definition.formula
    assert (again.formula_hash, again.parameters, again.name) == (
        definition.formula_hash,
        definition.parameters,
        "pinball",
    )


def test_the_hash_sees_formula_and_declaration_but_not_parameter_values():
    def loss(y, z, level=0.5):
        return level * (y - z) ** 2

    def other(y, z, level=0.7):
        return level * (y - z) ** 2

    assert written(loss).formula_hash == written(other).formula_hash
    assert written(loss).formula_hash != written(loss, target="positive").formula_hash
    assert written(loss).formula_hash != written(lambda y, z, level=0.5: level * (y - z) ** 4).formula_hash
