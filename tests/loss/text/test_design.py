"""Designs as text are the designs that Python makes, and whatever else a text holds is refused in one sentence."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import lossmith as ls
from lossmith.errors import ArgumentError, FormulaError, LossmithError, UnsupportedError
from lossmith.loss.designed import COMBINATORS
from lossmith.loss.text.design import BEHIND, LIMITS

bce, ce, mse, mae, dice = (ls.get(name) for name in ("bce", "ce", "mse", "mae", "dice"))
COUNTS = {what: limit for _, limit, what in LIMITS}

SAME: list[tuple[str, Callable[[], ls.Loss]]] = [
    (
        "bce.modulate(gamma=2).reweight(class_weight={0: 1, 1: 20}).over('count')",
        lambda: bce.modulate(gamma=2).reweight(class_weight={0: 1, 1: 20}).over("count"),
    ),
    (
        "0.7*cross_entropy.smooth(epsilon=0.1) + 0.3*softmax_focal(gamma=2)",
        lambda: 0.7 * ce.smooth(epsilon=0.1) + 0.3 * ls.get("softmax_focal", gamma=2),
    ),
    ("mae.asymmetric(under=5, over=1)", lambda: mae.asymmetric(under=5, over=1)),
    ("mse.error_weight('1 + abs(e)')", lambda: mse.error_weight(lambda e: 1 + abs(e))),
    ('mse.error_weight("1 + abs(e)")', lambda: mse.error_weight("1 + abs(e)")),
    ("(2*bce + focal).select(top=0.2)", lambda: (2 * bce + ls.get("focal")).select(top=0.2)),
    ("bce.select(top=5)", lambda: bce.select(top=5)),
    ("bce.select(between=(0.5, 0.9))", lambda: bce.select(between=(0.5, 0.9))),
    ("bce.select(between=[0.5, 0.9])", lambda: bce.select(between=(0.5, 0.9))),
    ("ce.select(top=3, per='group')", lambda: ce.select(top=3, per="group")),
    ("bce.flood(0.1) - dice/4", lambda: bce.flood(0.1) + -1 * (0.25 * dice)),
    ("-(+mse.zoom(2))*3", lambda: 3 * (-1 * mse.zoom(2))),
    ("2*3*bce.truncate(tau=3)", lambda: 6 * bce.truncate(3)),
    ("focal(gamma=1.5).bind(gamma=3)", lambda: ls.get("focal", gamma=3)),
    ("focal(alpha=0.25).reweight([1, 2*3])", lambda: ls.get("focal", alpha=0.25).reweight([1, 6])),
    ("bce.reweight(by='price').mask('known')", lambda: bce.reweight(by="price").mask("known")),
    ("bce.reweight('balanced')", lambda: bce.reweight("balanced")),
    ("ce.reweight(effective_number(0.99))", lambda: ce.reweight("effective_number(0.99)")),
    ("ce.ignore(-100).adjust().empty('nan')", lambda: ce.ignore(-100).adjust().empty("nan")),
    (" bce . modulate( 1 )\n.margin(0.5) ", lambda: bce.modulate(1).margin(0.5)),
    ("bce.temper(2).soft_cap(1e1)", lambda: bce.temper(2).soft_cap(10)),
    ("mse.tilt(-.5).flood(1.)", lambda: mse.tilt(-0.5).flood(1)),
    ("ｂｃｅ.modulate(2)", lambda: bce.modulate(2)),  # wide letters, which Python reads as plain ones
]


@pytest.mark.parametrize(("text", "made"), SAME, ids=[text for text, _ in SAME])
def test_a_text_is_the_design_that_python_makes(text: str, made: Callable[[], ls.Loss]) -> None:
    read = ls.parse(text)
    assert read == made()
    assert read.parameters == made().parameters


def test_parameters_of_a_design_stay_bindable() -> None:
    assert ls.parse("2*bce.modulate(gamma=2) + dice").bind(gamma=1, smooth=0).parameters == {"gamma": 1, "smooth": 0}


FORMULAS = [
    ("(abs(y - z)).truncate(tau=3)", {"target": "real"}, "minimum(abs(y - z), 3)"),
    ("abs(y - z).truncate(tau=3)", {"target": "real"}, "minimum(abs(y - z), 3)"),
    ("(where(y>z, 5, 1)*abs(y-z)).zoom(2) + mse", {}, "where(y>z, 5, 1)*abs((y-z)/2) + (y-z)**2"),
    ("(k*abs(y-z)).zoom(scale=4)", {"target": "real", "parameters": {"k": 8.0}}, "2*abs(y-z)"),
    ("((y-p)**2).zoom(1) + 0*poisson", {}, "(y-exp(z))**2 + 0*poisson"),
]


@pytest.mark.parametrize(("text", "said", "formula"), FORMULAS)
def test_a_formula_stands_in_a_design_in_brackets(text: str, said: dict[str, Any], formula: str) -> None:
    read = ls.parse(text, **said).using("numpy")
    plain = ls.parse(formula, target=read.target).using("numpy")
    y, raw = np.array([1.0, 4.0, 2.0]), np.array([0.5, -1.0, 3.0])
    np.testing.assert_allclose(read.per_example(y, raw), plain.per_example(y, raw), rtol=8 * np.finfo(float).eps)


def test_what_is_said_beside_a_design_must_be_true_of_it() -> None:
    assert ls.parse("bce.modulate(2)", target="binary", link="sigmoid") == bce.modulate(2)
    titled = ls.parse("bce.modulate(2)", name="mine", source="me").definition
    assert (titled.name, titled.source) == ("mine", "me")
    for said, words in (
        ({"target": "real"}, "kind binary.*real"),
        ({"target": "binary", "link": "probit"}, "link sigmoid.*probit"),
        ({"stages": {"ignored": [1]}}, "combinators"),
    ):
        with pytest.raises(FormulaError, match=f"LM153.*{words}"):
            ls.parse("bce.modulate(2)", **said)


REFUSED: list[tuple[str, dict[str, Any], type[LossmithError], str, int, str]] = [
    # the text, what is said beside it, the error, its code, the column (from 1; 0: none), a word of the advice
    ("bce.modulat(2)", {}, FormulaError, "LM156", 5, 'Did you mean "modulate"'),
    ("mse.modulate(2)", {}, UnsupportedError, "LM295", 5, "error_weight"),
    ("bce.modulate(two)", {}, FormulaError, "LM158", 14, '"two" is no number'),
    ("bce.modulate(gama=2)", {}, FormulaError, "LM157", 5, 'Did you mean "gamma"'),
    ("bce.modulate(1, 2)", {}, FormulaError, "LM157", 5, "modulate(gamma=2.0)"),
    ("bce.truncate()", {}, FormulaError, "LM157", 5, "'tau'"),
    ("ce.ignore('dog')", {}, LossmithError, "", 4, ""),
    ("bce.smooth(epsilon=2)", {}, ArgumentError, "LM205", 5, "less than 1"),
    ("bce.over('rows')", {}, ArgumentError, "LM298", 5, '"count"'),
    ("bce + mse.flood(1)", {}, FormulaError, "LM150", 0, "bce: binary; mse: real"),
    ("import os; os.x()", {}, FormulaError, "LM131", 1, '"import"'),
    ("bce.__class__", {}, FormulaError, "LM131", 5, '"__class__"'),
    ("bce.definition.name", {}, FormulaError, "LM156", 16, '"name"'),
    ("bce.value(1)", {}, FormulaError, "LM156", 5, "computes numbers"),
    ("bce.modulate", {}, FormulaError, "LM156", 5, "modulate(gamma=2.0)"),
    ("bce.to_json()", {}, FormulaError, "LM156", 5, "What can stand there"),
    ("bce.using('numpy')", {}, FormulaError, "LM156", 5, "What can stand there"),
    ("bсe.modulate(2)", {}, FormulaError, "LM154", 1, "U+0441"),
    ("bec.modulate(2)", {}, FormulaError, "LM154", 1, 'Did you mean "bce"'),
    ("y.truncate(3)", {"target": "real"}, FormulaError, "LM154", 1, "brackets"),
    ("np.log(p)", {"target": "binary"}, FormulaError, "LM156", 4, "log(...) alone"),
    ("ls.get('bce').modulate(2)", {}, FormulaError, "LM156", 4, "name of the loss"),
    ("log(bce.modulate(2))", {}, FormulaError, "LM155", 1, "come last"),
    ("bce.modulate(2) > 1", {}, FormulaError, "LM155", 1, "come last"),
    ("bce.modulate(2)[0]", {}, FormulaError, "LM155", 1, "come last"),
    ("[bce.modulate(2)]", {}, FormulaError, "LM155", 1, "come last"),
    ("bce.modulate(2)**2", {}, FormulaError, "LM155", 1, "multiplied or divided by plain numbers"),
    ("bce.modulate(2)*dice", {}, FormulaError, "LM155", 1, "multiplied or divided by plain numbers"),
    ("1 - bce.modulate(2)", {}, FormulaError, "LM155", 1, "multiplied or divided by plain numbers"),
    ("bce.modulate(2)/0", {}, FormulaError, "LM155", 1, "finite"),
    ("~bce.modulate(2)", {}, FormulaError, "LM133", 1, "~"),
    ("(2).modulate(2)", {}, FormulaError, "LM155", 1, "a number stands before it"),
    ("bce.modulate(2)(3)", {}, FormulaError, "LM133", 1, "*"),
    ("bce.modulate('2)", {}, FormulaError, "LM131", 14, "never closed"),
    ("bce.over(f'count')", {}, FormulaError, "LM158", 10, "quotes"),
    ("bce.over(b'count')", {}, FormulaError, "LM158", 10, "quotes"),
    ("bce.over('\\x63ount')", {}, FormulaError, "LM131", 10, "backslash"),
    ("bce.modulate(True)", {}, FormulaError, "LM131", 14, '"True"'),
    ("bce.modulate(2j)", {}, FormulaError, "LM134", 15, "plain digits"),
    ("bce.modulate(*[2])", {}, FormulaError, "LM158", 14, "no number"),
    ("bce.modulate(**{'gamma': 2})", {}, FormulaError, "LM133", 16, "by its name"),
    ("bce.modulate(gamma=2, gamma=3)", {}, FormulaError, "LM133", 29, "by its name"),
    ("bce.reweight({**bce})", {}, FormulaError, "LM158", 14, "no number"),
    ("bce.reweight({[1]: 2})", {}, FormulaError, "LM158", 14, "no number"),
    ("bce.reweight({0: -1, 1: 1})", {}, ArgumentError, "LM283", 5, "class 0"),
    ("mse.error_weight(lambda e: e)", {}, FormulaError, "LM131", 18, "in quotes"),
    ("mse.error_weight('1 + abs(f)')", {}, FormulaError, "LM137", 5, "in quotes, at column 9"),
    ("x = bce.modulate(2)", {}, FormulaError, "LM131", 3, '"="'),
    ("bce.modulate(2) # why", {}, FormulaError, "LM131", 17, "comments"),
    ("bce.modulate(2) if y else dice", {}, FormulaError, "LM131", 17, '"if"'),
    ("bce.modulate(2]", {}, FormulaError, "LM132", 15, "cannot be read"),
    ("huber(delta=-1).truncate(2)", {}, ArgumentError, "LM205", 1, "greater than 0"),
    ("huber(delta=z).truncate(2)", {}, FormulaError, "LM158", 13, '"z" is no number'),
    ("huber(2).truncate(2)", {}, FormulaError, "LM135", 1, "by name"),
    ("(abs(y - q)).truncate(3)", {"target": "real"}, FormulaError, "LM137", 10, '"q" is not known'),
    ("(abs(y - z)).truncate(3)", {}, FormulaError, "LM151", 2, 'target="real"'),
]


@pytest.mark.parametrize(
    ("text", "said", "kind", "code", "column", "advice"), REFUSED, ids=[repr(row[0]) for row in REFUSED]
)
def test_what_is_no_design_is_refused_by_name_and_place(
    text: str, said: dict[str, Any], kind: type[LossmithError], code: str, column: int, advice: str
) -> None:
    with pytest.raises(kind) as caught:
        ls.parse(text, **said)
    first, *rest = caught.value.sentence.splitlines()
    assert caught.value.code.startswith(code)
    assert advice in first
    assert first.startswith(f"column {column}: ") == bool(column)
    assert not column or rest[1].index("^") - 4 == column - 1 or column > 50


@pytest.mark.parametrize("name", sorted(set(dir(ls.Loss)) - set(BEHIND)))
def test_only_combinators_stand_behind_a_point(name: str) -> None:
    for text in (f"bce.{name}", f"bce.{name}()", f"(2*bce).{name}('numpy')"):
        with pytest.raises(FormulaError, match=r"LM1(31|56)"):
            ls.parse(text)


def test_every_combinator_can_be_written() -> None:
    assert {name for name in COMBINATORS if not any(f".{name}(" in text for text, _ in SAME)} == {"robust", "cvar"}
    assert ls.parse("mse.robust(0, 1)") == mse.robust(0, 1)
    assert ls.parse("bce.cvar(alpha=0.1)") == bce.cvar(0.1)


BOMBS = [
    *("(" * 500 + "bce" + ")" * 500 + ".flood(1)", "bce.flood(" + "[" * 500 + "]" * 500 + ")"),
    *("bce" + ".flood(1)" * (COUNTS["combinators"] + 1), "bce" + ".a" * 9_000, "-" * 9_000 + "bce.flood(1)"),
    "+".join(["bce"] * (COUNTS["signs and calls"] + 1)) + "+bce.flood(1)",
    *("bce.flood('" + "a" * 9_900 + "')", "bce.flood(" + "9" * 9_900 + ")", "a" * 9_990 + ".flood(1)"),
    *("bce.flood(" + "*".join(["9" * 60] * 90) + ")", "bce.flood(1/" + "*".join(["9" * 60] * 90) + ")"),
    *("bce.reweight([" + "1," * 9_000 + "])", "bce.reweight({" + "0:1," * 4_500 + "})", "x.y" * 9_000),
    *("mse.error_weight('" + "(" * 500 + "e" + ")" * 500 + "')", "mse.error_weight('1" + "+e" * 4_000 + "')"),
    *("bce.flood(1)" + "**2" * 600, "bce.flood(1)" + " " * 30_000, "bce.flood(1)" + "\0", "bce.flood(\ud800)"),
    *("bce.flood(1) " * 700, "﷽.flood(1)", "\U000e0001.flood(1)", "bce.\u202eflood(1)", "bce.flood(1" + "e9" * 9 + ")"),
]


@pytest.mark.parametrize("text", BOMBS, ids=[f"{text[:12]!r}x{len(text)}" for text in BOMBS])
def test_texts_made_to_break_the_reader_are_refused_like_any_other(text: str) -> None:
    with pytest.raises(LossmithError) as caught:
        ls.parse(text)
    assert len(str(caught.value)) < 1_000


def test_designs_are_read_up_to_the_limits_and_not_beyond() -> None:
    most = COUNTS["combinators"]
    assert len(ls.parse("mse" + ".zoom(2)" * most).parameters) == most
    with pytest.raises(FormulaError, match=f"{most + 1} combinators; at most {most}"):
        ls.parse("mse" + ".zoom(2)" * (most + 1))
    most = COUNTS["signs and calls"]
    assert ls.parse("mse.zoom(2)" + " + mae" * (most - 1)).target == "real"
    with pytest.raises(FormulaError, match=f"{most + 1} signs and calls; at most {most}"):
        ls.parse("mse.zoom(2)" + " + mae" * most)


PIECES = [
    *"yzp0123456789+-*/()<>=!&|~,. eE_^%@:;[]{}'\"#\\\n\t\0éµﬁ²",
    *("bce", "mse", "ce", "dice", "focal", "softmax_focal", "(gamma=2)", "(2*bce + focal)", "(abs(y-z))", "0.5*", " + "),
    *(f".{name}(" for name in BEHIND), *(f".{name}" for name in ("value", "modulat", "__class__", "definition")),
    *("2)", "'count')", "top=0.2)", "{0: 1, 1: 20})", "[1, 2])", "by='a')", "tau=3)", "'1 + abs(e)')", "0.1)", ")"),
    *("effective_number(0.9)", "lambda", " if ", " for ", "None", "import os", "f''", "log(", "where(", "9**9", "example_share"),
]  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join) | st.text(max_size=40))
@example("bce.modulate(2")
@example("example_share(a=2) + bce.flood(1)")
@example("bce.flood(1).")
def test_no_text_raises_anything_but_an_error_with_a_code(text: str) -> None:
    for said in ({}, {"target": "real"}):
        _read_or_refused(text, said)


ARGUMENTS = [
    *(
        "",
        "2",
        "0.1",
        "-1",
        "'count'",
        "[1, 2]",
        "{0: 1, 1: 2}",
        "top=0.2",
        "top=3",
        "by='a'",
        "1e300",
        "0",
        "'abs(e)'",
    ),
    *(
        "1, 2",
        "under=5",
        "effective_number(0.9)",
        "between=(0.1, 0.9)",
        "'e > 1'",
        "[0.5, 0.5]",
        "trim=0.1",
        "negatives=3",
    ),
    *("above=1", "'balanced'", "'nan'", "gamma=1", "'a'", "[]", "{}", "[[1]]", "'1/e'", "1e-300", "[0.2, 0.3, 0.5]"),
]


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from(["bce", "mse", "ce", "focal(gamma=0.5)", "(abs(y-z))", "dice", "poisson", "(bce + 2*focal)"]),
    st.lists(st.tuples(st.sampled_from(BEHIND), st.sampled_from(ARGUMENTS)), min_size=1, max_size=5),
)
def test_any_chain_is_read_and_kept_in_json_or_refused(base: str, calls: list[tuple[str, str]]) -> None:
    loss = _read_or_refused(base + "".join(f".{name}({inside})" for name, inside in calls), {})
    assert loss is None or ls.from_json(loss.to_json()) == loss


def test_damaged_designs_are_read_or_refused_and_never_crash() -> None:
    source = random.Random(4)
    texts = [text for text, _ in SAME]
    for _ in range(2_000):
        marks = list(source.choice(texts))
        for _ in range(source.randint(1, 4)):
            at = source.randrange(len(marks))
            change = source.choice(["swap", "copy", "new"])
            if change == "copy":
                marks.insert(at, source.choice(marks))
            else:
                marks[at] = source.choice(string.printable if change == "new" else "()[]{}'\".,:=")
        _read_or_refused("".join(marks), {})


def _read_or_refused(text: str, said: dict[str, Any]) -> ls.Loss | None:
    try:
        return ls.parse(text, **said)
    except LossmithError as error:
        assert error.code.startswith("LM")
        return None
