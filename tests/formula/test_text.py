"""Text and graph say the same: what is written is read back as the very same formula, exact to the last bit."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lossmith import maths as ls
from lossmith.catalogue import LOSSES
from lossmith.errors import FormulaError
from lossmith.formula.definition import Definition, Parameter
from lossmith.formula.node import constant, make, symbol
from lossmith.formula.parse import EXPONENT_LIMIT, arguments, parse
from lossmith.formula.roles import declare
from lossmith.formula.text import number_text, to_text
from lossmith.numerics.interval import POSITIVE, Interval
from tests.formula.formulas import FORMULAS, GAMMA, P, Y, Z


def read(text, **more):
    declared = {"target": "class", "link": "softmax", "parameters": {"gamma": 2.0}, **more}
    return parse(text, vocabulary=ls.VOCABULARY, **declared).formula


@settings(max_examples=400)
@given(FORMULAS)
def test_writing_then_reading_gives_the_identical_formula(formula):
    # Around the formula stands what every loss must have: a prediction, and no class axis left over.
    whole = ls.mean(ls.over_classes(P * formula))
    try:
        text = to_text(whole)
        back = read(text)
    except FormulaError as error:
        assert error.code in ("LM127", "LM130", "LM136"), error  # too long or too deep; or no finite constant
    else:
        assert back is whole


@pytest.mark.parametrize("word", ls.VOCABULARY)
def test_every_word_is_written_and_read_back(word):
    function = ls.VOCABULARY[word]
    conditions = {"where": 1, "logical_and": 2, "logical_or": 2, "logical_not": 1}.get(word, 0)
    numbers = [Y - Z, GAMMA, P * 2][: function.__code__.co_argcount - conditions]
    formula = function(*[Y > Z, Z >= P][:conditions], *numbers)
    whole = ls.mean(ls.over_classes(P * (ls.where(formula, Y, Z) if word.startswith("logical") else formula)))
    assert read(to_text(whole)) is whole


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_read_back_to_the_last_bit(value):
    assert float(number_text(value)).hex() == value.hex()


BRACKETS = [
    ((Y + Z) * P, "(y + z) * p"),
    (Y + Z * P, "y + z * p"),
    (Y - (Z - P), "y - (z - p)"),
    (Y - Z - P, "y - z - p"),
    (Y / (Z * P), "y / (z * p)"),
    ((Y**Z) ** P, "(y ** z) ** p"),
    (Y ** (Z**P), "y ** z ** p"),
    (-(Y**2), "-y ** 2"),
    ((-Y) ** 2, "(-y) ** 2"),
    (Y ** (-Z), "y ** -z"),
    (-Y * Z, "-y * z"),
    (-(Y * Z), "-(y * z)"),
    (-2 * Y, "-2 * y"),
    (-constant(2.0) * Y, "-(2) * y"),
    (constant(-2.0) ** Y, "(-2) ** y"),
    (constant(-0.0) ** Y, "(-0) ** y"),
    (Y - constant(-2.0), "y - -2"),
    (0 * constant(-0.0) * Y, "0 * -0 * y"),
    (ls.where((Y < Z) & ~(Z > P), Y, Z), "where((y < z) & ~(p < z), y, z)"),
    (ls.where((Y < Z) & (Z < P) | (Y == P), Y, Z), "where((y < z) & (z < p) | (y == p), y, z)"),
    (ls.where(Y != Z, Y, Z), "where(y != z, y, z)"),
    (ls.class_count() * ls.true_class(P) ** GAMMA, "class_count() * true_class(p) ** gamma"),
]


@pytest.mark.parametrize(("formula", "text"), BRACKETS, ids=[text for _, text in BRACKETS])
def test_brackets_stand_where_python_needs_them_and_nowhere_else(formula, text):
    assert to_text(formula) == text
    whole = ls.over_classes(P * formula)
    assert read(f"over_classes(p * ({text}))") is whole


MEANINGS = [
    (make("sigmoid_power", -Z, GAMMA), "sigmoid(-z) ** gamma"),
    (make("one_minus_scaled_exp", Y, -Z), "1 - y * exp(-z)"),
    (make("scaled_exp", Y, Z) * P, "y * exp(z) * p"),
    (P / make("safe_divide", Y, Z), "p / (y / z)"),
    (make("log_ratio", Y, P), "log(y / p)"),
    (make("exp_minus", Z, Y) ** 2, "(exp(z) - y) ** 2"),
    (make("softmax_complement", Z), "1 - softmax(z)"),
    (make("softmax_complement_power", Z, GAMMA), "(1 - softmax(z)) ** gamma"),
    (make("class_others", Z), "over_other_classes(z)"),
    (make("example_rms", Z), "sqrt(mean(z ** 2))"),
    (make("axis_mean", Z, attr="class"), "mean_over_classes(z)"),
    (make("example_sum", Z, attr=("group",)), "sum_per_group(z)"),
]


@pytest.mark.parametrize(("formula", "text"), MEANINGS, ids=[text for _, text in MEANINGS])
def test_operations_that_only_lossmith_makes_are_shown_by_what_they_mean(formula, text):
    assert to_text(formula) == text


def test_a_formula_that_shares_large_parts_is_refused_before_it_fills_the_memory():
    formula = Z
    for _ in range(200):
        formula = formula * formula
    with pytest.raises(FormulaError, match="LM127"):
        to_text(formula)


def test_a_long_chain_is_written_without_recursion():
    formula = Z
    for _ in range(3000):
        formula = formula + Y
    assert to_text(formula).count("+") == 3000


def test_infinite_and_undefined_numbers_are_shown_as_they_are():
    assert [number_text(x) for x in (math.inf, -math.inf, math.nan)] == ["inf", "-inf", "nan"]


def test_text_and_arguments_give_an_equal_definition_again():
    heads = {"mean": "identity", "scale": "exp"}
    declaration = declare({"time": "positive", "event": "binary"}, heads=heads, columns=["cost"])
    time, mean, scale = (
        symbol("time", "target", ["example"]),
        symbol("mean", "prediction", ["example"], 0),
        symbol("scale", "prediction", ["example"], 1),
    )
    nu = symbol("nu", "parameter")
    parameters = (Parameter("nu", 3.0, Interval(0.0, 10.0)), Parameter("tau", None, POSITIVE))
    formula = nu * ls.log(scale) + ((time - mean) / scale) ** 2 / symbol("tau", "parameter")
    first = Definition("student", formula, declaration, parameters, "a paper")
    second = parse(to_text(first.formula), vocabulary=ls.VOCABULARY, **arguments(first))
    assert second.formula is first.formula
    assert second.formula_hash == first.formula_hash
    assert (second.parameters, second.source, second.name) == (first.parameters, first.source, first.name)


def test_powers_up_to_the_limit_are_written_and_read():
    formula = Z**EXPONENT_LIMIT
    assert read(f"over_classes({to_text(formula)})") is ls.over_classes(formula)


@pytest.mark.parametrize("definition", [entry.definition for entry in LOSSES], ids=lambda d: d.name)
def test_every_loss_of_the_catalogue_is_read_back_from_its_text(definition):
    back = parse(to_text(definition.written), vocabulary=ls.VOCABULARY, **arguments(definition))
    assert back.formula is definition.written
    assert back.formula_hash == definition.formula_hash


@pytest.mark.parametrize("number", [1.0, -3.0, 0.1, 1 / 3, 1e-300, 1e15, 2.5e20])
def test_a_number_reads_back_as_it_is(number: float) -> None:
    assert float(number_text(number)) == number
