"""What `lossmith show LOSS --steps` prints: every pass, every rule by name, no pages of noise, and what remains."""

from __future__ import annotations

import re

import pytest

import lossmith as ls
from lossmith import cli
from lossmith.compiler import story
from lossmith.formula.node import make, walk
from lossmith.report.steps_text import PARTS, WIDTH, apart, formula_lines, is_named, steps_page, title
from lossmith.stable.hazards import hazard_of
from tests.sampling import every

PASSES = (
    *("1  as written", "2  links resolved", "3  lifted", "4  gradient, differentiated", "5  gradient, made safe"),
    *("6  hessian, differentiated", "7  hessian, made safe", "8  plain operations", "hazards that remain"),
)

SHOWN = [
    (
        ["-y*log(p)-(1-y)*log(1-p)", "--target", "binary", "--link", "sigmoid"],
        ["p = sigmoid(z)", "- underflow in log sigmoid: ", "       log(sigmoid(z))\n    -> -softplus(-z)"],
    ),
    (
        ["log(1+exp(z))-y*z", "--target", "binary"],
        ["- overflow in log1p exp: ", "       log(1 + exp(z))\n    -> softplus(z)", "softplus(a) is log(1 + e ** a)"],
    ),
    (["focal"], ["- product in sigmoid power: ", "    -> sigmoid_power(z, gamma)", "gradient: none found at "]),
    (["cross_entropy"], ["    -> log_softmax(z)", "class_first_max"]),
    (["dice"], ["loss = 1 - "]),
]


@pytest.mark.parametrize(("words", "shown"), SHOWN, ids=[w[0] for w, _ in SHOWN])
def test_the_steps_are_shown(words: list[str], shown: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", *words, "--steps"]) == 0
    text = capsys.readouterr().out
    at = [text.index(f"\n{title}") for title in PASSES]
    assert at == sorted(at)
    assert all(part in text for part in shown), text
    assert "None" not in text and "\n\n\n" not in text and "?A" not in text


def test_without_the_flag_the_page_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["show", "focal"]) == 0
    text = capsys.readouterr().out
    assert "facts, each with its evidence" in text and "hazards that remain" not in text


LARGE = ["student_t", "tweedie", "softmax_focal", "zero_inflated_poisson", "dice", "bce.modulate(gamma=2).smooth(0.1)"]


@pytest.mark.parametrize("name", every(3, LARGE))
def test_large_formulas_are_cut_into_parts(name: str) -> None:
    text = steps_page(ls.parse(name))
    assert len(text.splitlines()) < 260
    long = [line for line in text.splitlines() if len(line) > WIDTH + 40]
    assert not [line for line in long if "    at  " not in line], long


def test_parts_are_named_once_and_before_they_are_used() -> None:
    made = ls.get("focal").expressions
    lines = formula_lines((("hessian", made.hessian[0]),))
    parts = [line.strip().partition(" = ") for line in lines[1:] if " = " in line]
    assert 1 < len(parts) <= PARTS + 1
    for j, (name, _, text) in enumerate(parts):
        assert set(re.findall(r"\bu\d+", text)) <= {other for other, *_ in parts[:j]}
        assert name == f"u{j + 1}"


def test_what_was_cut_is_counted() -> None:
    z = ls.parse("z", target="real").definition.formula
    grown = z
    for k in range(30):
        grown = make("exp", grown * grown) + grown / (k + 2)
    lines = formula_lines((("loss", grown),))
    assert re.fullmatch(r"\s*\.\.\. \(\d+ more parts\)", lines[-1]) and len(lines) == PARTS + 2


def test_every_rule_that_is_applied_is_kept() -> None:
    """The steps of the stable tables are not dropped, and lead from what goes in to what comes out."""
    stages = {stage.name: stage for stage in story(ls.get("poisson").definition)}
    stage = stages["stabilised: gradient"]
    assert [step.hazard for step in stage.steps] == ["cancellation_at_root_of_exp"]
    (step,) = stage.steps
    assert step.before is stage.before[0][1] and step.after is stage.after[0][1] and step.why
    assert all(hazard_of(s.hazard) for s in stages["lifted"].steps)


def test_the_passes_end_in_the_formulas_of_the_loss() -> None:
    loss = ls.get("focal")
    stages = {stage.name: stage for stage in story(loss.definition)}
    assert stages["stabilised: gradient"].after[0][1] is loss.expressions.gradient[0]
    assert stages["stabilised: hessian"].after[0][1] is loss.expressions.hessian[0]
    left = {n.op for _, node in stages["plain operations"].after for n in walk(node)}
    assert not left & {"sigmoid", "softplus", "sigmoid_power"}


def test_what_remains_is_told_with_operation_place_and_size() -> None:
    text = steps_page(ls.parse("log(3 + sinh(z)**2) - y*z", target="binary"))
    found = text[text.index("hazards that remain") :]
    assert "numbers are wrong" in found
    assert re.search(r"- overflow: .*\n\s+in  \S.*\n\s+at  y = \S+, z = \S+: this gave -?inf in place of", found)
    assert re.search(r"so  the value is inf in place of \d", found)


def test_a_loss_that_cannot_be_looked_at_says_so() -> None:
    several = ls.parse("(y - m)**2/s + log(s)", target="real", heads={"m": "identity", "s": "exp"}, name="several")
    assert "not looked for: LM320 several" in steps_page(several)


def test_names_of_rules_are_words() -> None:
    assert title("overflow_in_log1p_exp") == "overflow in log1p exp"
    assert is_named("softmax_complement") and not is_named("log")


def test_two_numbers_are_told_apart_with_as_few_digits_as_show_it() -> None:
    assert apart(1.5, "2.5") == ("1.5", "2.5")
    assert apart(1.2345678, "1.2345679") == ("1.2345678", "1.2345679")
    assert apart(float("inf"), "1.9700711e+434") == ("inf", "1.9701e+434")
    assert apart(float("nan"), "inf") == ("nan", "Infinity")
