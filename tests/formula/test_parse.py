"""Reading formula texts: the same formula as in Python, and every other text refused by name and place."""

import math
import random
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lossmith import maths as ls
from lossmith.errors import FormulaError
from lossmith.formula.definition import Definition
from lossmith.formula.node import symbol
from lossmith.formula.parse import parse
from lossmith.formula.scan import NESTING_LIMIT
from lossmith.formula.text import TEXT_LIMIT
from lossmith.formula.trace import define

Y, Z, P = (symbol(n, r, ["example"]) for n, r in (("y", "target"), ("z", "raw"), ("p", "prediction")))


def read(text, target="binary", link="sigmoid", **more) -> Definition:
    return parse(text, target=target, link=link, vocabulary=ls.VOCABULARY, **more)


def refusal(text, **more) -> FormulaError:
    with pytest.raises(FormulaError) as caught:
        read(text, **more)
    return caught.value


READ = [
    ("-y*log(p) - (1-y)*log(1-p)", -Y * ls.log(P) - (1 - Y) * ls.log(1 - P)),
    ("where(y > z, 5, 1) * abs(y - z)", ls.where(Y > Z, 5, 1) * ls.abs(Y - Z)),
    ("  (y - z)\n  ** 2 ", (Y - Z) ** 2),
    ("sqrt(mean((y - z)**2))", ls.sqrt(ls.mean((Y - Z) ** 2))),
    ("1 - (2*sum(y*p) + 1)/(sum(y) + sum(p) + 1)", 1 - (2 * ls.sum(Y * P) + 1) / (ls.sum(Y) + ls.sum(P) + 1)),
    ("where((y == 1) | ~(z < 0), p, .5e-3)", ls.where((Y == 1) | ~(Z < 0), P, 0.5e-3)),
    ("+z", Z),
    ("ｌｏｇ(ｐ)", ls.log(P)),
]


@pytest.mark.parametrize(("text", "formula"), READ, ids=[text for text, _ in READ])
def test_a_text_is_the_formula_that_python_writes(text, formula):
    assert read(text).formula is formula


def test_pi_is_the_float_next_to_pi():
    assert read("z * pi").formula is Z * math.pi


def test_constant_arithmetic_is_kept_as_it_is_written():
    assert read("z * (1 / 3)").formula is not Z * (1 / 3)
    assert read("0*z + (z - z)").formula is 0 * Z + (Z - Z)


def test_true_class_reads_the_target():
    read_back = read("-log(true_class(p))", target="class", link="softmax").formula
    y, p = (symbol(n, r, ["example", "class"]) for n, r in (("y", "target"), ("p", "prediction")))
    assert read_back is -ls.log(ls.over_classes(y * p))


REFUSED = [
    # what is asked for, the code, the column (from 1), a word of the advice
    ("-y*ln(p)", "LM137", 4, "log"),
    ("pow(z, 2)", "LM137", 1, "power"),
    ("lgo(p)", "LM137", 1, 'Did you mean "log"'),
    ("gamma*z", "LM137", 1, 'parameters={"gamma"'),
    ("print(z)", "LM137", 1, "print"),
    ("р*z", "LM137", 1, "U+0440"),
    ("y^2", "LM131", 2, "**"),
    ("z²", "LM131", 2, "** 2"),
    ("y − z", "LM131", 3, "plain -"),
    ("z // 2", "LM131", 3, "/"),
    ("z % 2", "LM131", 3, "remainder"),
    ("p.real", "LM131", 2, "attributes"),
    ("().__class__.__bases__[0]", "LM131", 3, "attributes"),
    ("__import__('os').system('true')", "LM131", 1, "__import__"),
    ("z['a']", "LM131", 2, "subscripts"),
    ("[z for z in y]", "LM131", 1, "lists"),
    ("{z: y}", "LM131", 1, "dictionaries"),
    ("f'{z}'", "LM131", 2, "strings"),
    ('z + "a"', "LM131", 5, "strings"),
    ("lambda: z", "LM131", 1, "functions"),
    ("z if y else p", "LM131", 3, "where"),
    ("not z", "LM131", 1, "~"),
    ("y and z", "LM131", 3, "&"),
    ("z for y", "LM131", 3, "over_classes"),
    ("True * z", "LM131", 1, "comparison"),
    ("None", "LM131", 1, "None"),
    ("await z", "LM131", 1, "await"),
    ("z; y", "LM131", 2, "one expression"),
    ("z # y", "LM131", 3, "comments"),
    ("(z := 3)", "LM131", 4, "naming"),
    ("z = 3", "LM131", 3, "=="),
    ("a @ b", "LM131", 3, "over_classes"),
    ("z\\\n+y", "LM131", 2, "not part"),
    ("z\0", "LM131", 2, "not part"),
    ("\ud800", "LM131", 1, "not part"),
    ("z)", "LM131", 2, "closes nothing"),
    ("((z)", "LM131", 1, "never closed"),
    ("z +", "LM132", 4, "missing"),
    ("z y", "LM132", 3, "cannot be read"),
    ("z, p", "LM133", 1, "several formulas"),
    ("log(*z)", "LM133", 5, "not part"),
    ("log(a=z)", "LM133", 7, "by position"),
    ("log(**z)", "LM133", 7, "by position"),
    ("where(0 < y < 1, z, p)", "LM133", 7, "(a < b) & (b < c)"),
    ("2(z)", "LM133", 1, "*"),
    ("exp(z)(p)", "LM133", 1, "*"),
    ("2z", "LM134", 2, "*"),
    ("0x10*z", "LM134", 2, "plain digits"),
    ("1_000*z", "LM134", 2, "plain digits"),
    ("z*1j", "LM134", 4, "plain digits"),
    ("007*z", "LM134", 1, "begins with 0"),
    ("1e999*z", "LM134", 1, "larger"),
    ("1e-999*z", "LM134", 1, "smaller"),
    ("9" * 5000 + "*z", "LM134", 1, "characters"),
    ("log(z, z)", "LM135", 1, "log(a)"),
    ("where(y > 0, z)", "LM135", 1, "where(condition, a, b)"),
    ("log", "LM135", 1, "log(...)"),
    ("exp(log)", "LM135", 5, "log(...)"),
    ("y(1 - p)", "LM135", 1, "y * (...)"),
    ("(y > 0) & p", "LM135", 1, "brackets"),
    ("~p", "LM135", 1, "brackets"),
    ("where(y, z, p)", "LM125", 1, "comparison"),
    ("9**9**9*z", "LM136", 1, "powers go up to"),
    ("9**999*z", "LM136", 1, "finite"),
    ("z**1e6", "LM136", 1, "powers go up to"),
    ("z**(2*600)", "LM136", 1, "powers go up to"),
    ("1/0*z", "LM136", 1, "finite"),
    ("(-8)**0.5*z", "LM136", 1, "finite"),
]


@pytest.mark.parametrize(("text", "code", "column", "advice"), REFUSED, ids=[repr(row[0])[:30] for row in REFUSED])
def test_what_is_not_a_formula_is_refused_by_name_and_place(text, code, column, advice):
    error = refusal(text)
    assert error.code == code
    assert error.sentence.startswith(f"column {column}: ")
    assert advice in error.sentence.splitlines()[0]
    assert error.sentence.splitlines()[-1].strip() == "^"


@pytest.mark.parametrize("text", ["", "   \n\t ", None, 3, b"z", ["z"]])
def test_no_text_is_refused(text):
    assert refusal(text).code == "LM130"


MEANINGLESS = [
    ("y", {}, "LM117"),
    ("z == 3", {}, "LM124"),
    ("mean(z) + z", {}, "LM119"),
    ("true_class(p)", {}, "LM116"),
    ("p", {"target": "class", "link": "softmax"}, "LM118"),
    ("p", {"link": "sigmoyd"}, "LM110"),
    ("p", {"target": "bianry"}, "LM111"),
    ("p", {"parameters": ["p"]}, "LM109"),
    ("p", {"columns": 3}, "LM109"),
    ("p", {"heads": ("a",)}, "LM109"),
    ("p", {"parameters": {"p": 1.0}}, "LM114"),
    ("p", {"parameters": {"w": 1.0}}, "LM114"),
    ("p*a", {"parameters": {"a": (5.0, "(0, 1)")}}, "LM121"),
    ("p*a", {"parameters": {"a": "five"}}, "LM121"),
    ("p*a", {"parameters": {"a": (0.5, "(0; 1)")}}, "LM128"),
]


@pytest.mark.parametrize(("text", "more", "code"), MEANINGLESS)
def test_a_formula_that_means_nothing_is_refused(text, more, code):
    assert refusal(text, **more).code == code


BOMBS = [
    "(" * 10_000,
    "(" * 10_000 + "z" + ")" * 10_000,
    "(" * 9_000 + "z" + ")" * 9_000,
    "-" * 19_000 + "z",
    "~" * 19_000 + "z",
    "z" + "**z" * 6_000,
    "z" + "+z" * 9_000,
    "z" + "<z" * 9_000,
    "log(" * 4_000 + "z" + ")" * 4_000,
    "-(" * 6_000 + "z" + ")" * 6_000,
    "lambda:" * 2_000 + "z",
    "not " * 4_000 + "z",
    "[" * 10_000,
    "z if z else " * 1_500 + "z",
    "z," * 9_999,
    "log(" + "z," * 9_000 + "z)",
    "9" * 19_999,
    "0." + "0" * 19_000 + "1*z",
    "1e" + "9" * 1_000 + "*z",
    "**".join(["9"] * 400) + "*z",
    "z" * 19_999,
    "z" * (TEXT_LIMIT + 1),
    "z" * 59 + "*" + "ｚ" * 60,
    "ｚ" * 19_999,
    "\U000e0001z",
    "‮z",
    "﷽" * 100,
]


@pytest.mark.parametrize("text", BOMBS, ids=[f"{text[:6]!r}x{len(text)}" for text in BOMBS])
def test_texts_made_to_break_the_reader_are_refused_like_any_other(text):
    assert len(str(refusal(text))) < 1_000


@pytest.mark.parametrize(("before", "after"), [("(", ")"), ("-(", ")"), ("log(", ")"), ("-", ""), ("2**(", ")")])
def test_nesting_is_read_up_to_the_limit_and_not_beyond(before, after):
    count = NESTING_LIMIT // (1 + before.startswith("-("))
    assert isinstance(read(before * count + "z" + after * count), Definition)
    error = refusal(before * (count + 1) + "z" + after * (count + 1))
    assert error.code == "LM130"
    assert f"more than {NESTING_LIMIT} deep" in error.sentence


def test_long_sums_are_read():
    assert read("z" + " + z*y" * 200).formula.op == "add"


PIECES = [
    *"yzp0123456789+-*/()<>=!&|~,. eE_^%@:;[]{}'\"#\\\n\t\0éµﬁ²",
    "**", "log", "where", "exp(", "mean(", "sum(", "true_class(", "lambda",
    " if ", " else ", " for ", " in ", "__class__",
    "1e309", "9**9", "==", "True", "import os", "f''", "class_count()", "gamma", "=", ":=", "*z", "**z",
]  # fmt: skip


@settings(max_examples=1500)
@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=40))
@example("log(p")
@example("𝐥𝐨𝐠(z)")
def test_no_text_raises_anything_but_a_formula_error(text):
    try:
        definition = read(text, parameters={"gamma": 2.0})
    except FormulaError as error:
        assert error.code.startswith("LM1")
    else:
        assert isinstance(definition, Definition)


def test_damaged_formulas_are_read_or_refused_and_never_crash():
    source = random.Random(20130)
    text = "where((y > 0) & (z <= 1), -miss * y * log(p), (1 - y) ** 2) + sqrt(mean((y - z) ** 2))"
    for _ in range(1500):
        marks = list(text)
        for _ in range(source.randint(1, 4)):
            at = source.randrange(len(marks))
            change = source.choice(["drop", "swap", "copy", "new"])
            if change == "drop":
                del marks[at]
            elif change == "copy":
                marks.insert(at, marks[source.randrange(len(marks))])
            else:
                marks[at] = source.choice(string.printable if change == "new" else text)
        try:
            read("".join(marks), parameters={"miss": 20.0})
        except FormulaError as error:
            assert error.code.startswith("LM1")


# Losses by name inside a text.


@define(target="binary", link="sigmoid")
def log_loss(y, p):
    return -y * ls.log(p) - (1 - y) * ls.log(1 - p)


@define(target="binary", link="sigmoid", per="class", domain={"smooth": "nonnegative"})
def dice(y, p, smooth=1.0):
    return 1 - (2 * ls.sum(y * p) + smooth) / (ls.sum(y) + ls.sum(p) + smooth)


@define(target="real", domain={"scale": "positive"})
def scaled(y, z, *, scale):
    return ((y - z) / scale) ** 2


LOSSES = {"log_loss": log_loss, "dice": dice, "scaled": scaled, "log_cosh": lambda: ls.log(ls.cosh(Y - Z))}


def test_a_loss_stands_in_a_text_by_its_name():
    assert read("3*log_loss", functions=LOSSES).formula is 3 * log_loss.formula


def test_a_loss_of_another_link_is_written_out_in_z():
    p = ls.sigmoid(Z)
    found = read("log_loss + p**2", link="exp", functions=LOSSES).formula
    assert found is -Y * ls.log(p) - (1 - Y) * ls.log(1 - p) + P**2


def test_what_the_declaration_leaves_open_is_taken_from_the_losses():
    found = read("log_loss + dice", link=None, functions=LOSSES)
    assert (found.declaration.link, found.declaration.per) == ("sigmoid", ("class",))
    assert found.formula is read("log_loss + dice", per="class", functions=LOSSES).formula
    # Two links, or a p of the text's own: nothing is taken over, and p is written out.
    assert read("log_loss + scaled(scale=1)", link=None, functions=LOSSES).declaration.link is None
    assert read("log_loss + p", link=None, functions=LOSSES).declaration.link is None


def test_numbers_given_by_name_take_the_place_of_parameters():
    assert read("scaled(scale=2)", link=None, functions=LOSSES).formula is ((Y - Z) / 2) ** 2


def test_beside_a_finished_loss_the_others_are_averaged():
    found = read("log_loss + 0.5*dice(smooth=0)", per="class", functions=LOSSES).formula
    y, p = (symbol(n, r, ["example", "class"]) for n, r in (("y", "target"), ("p", "prediction")))
    mean = ls.mean(-y * ls.log(p) - (1 - y) * ls.log(1 - p))
    assert found is mean + 0.5 * (1 - (2 * ls.sum(y * p) + 0) / (ls.sum(y) + ls.sum(p) + 0))


def test_a_word_with_arguments_stays_a_word_where_a_loss_has_its_name():
    assert read("log_cosh(z) + log_cosh", functions=LOSSES).formula is ls.log_cosh(Z) + ls.log(ls.cosh(Y - Z))


LOSS_REFUSED = [
    ("dice", {"per": "group"}, "LM138", 'per="class"'),
    ("dice(smooth=-1)", {"per": "class"}, "LM138", "at least 0"),
    ("dice(smoth=1)", {"per": "class"}, "LM138", 'Did you mean "smooth"'),
    ("dice(2)", {}, "LM135", "by name"),
    ("dice(smooth=y)", {}, "LM133", "number"),
    ("dice(smooth=1, smooth=2)", {}, "LM133", "once"),
    ("dice(**y)", {}, "LM133", "once"),
    ("scaled", {}, "LM138", "no default"),
    ("log_los", {}, "LM137", 'Did you mean "log_loss"'),
    ("log_loss", {"target": {"event": "binary"}}, "LM138", '"y"'),
]


@pytest.mark.parametrize(("text", "more", "code", "advice"), LOSS_REFUSED)
def test_a_loss_that_does_not_fit_is_refused(text, more, code, advice):
    error = refusal(text, functions=LOSSES, **more)
    assert (error.code, advice in error.sentence) == (code, True), error
