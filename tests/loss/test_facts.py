"""`ls.facts`: one record for every loss, found when looked at, printed as a table, plain as data."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import pytest

import lossmith as ls
from lossmith.calculus.properties.table import PROPERTIES
from tests.sampling import every

SLOWEST = 8.0  # seconds for all facts of one loss on a busy machine; 5 on an idle one
DESIGNS = ["bce.modulate(2)", "mse.robust(0, 1)", "-1*mse", "bce.reweight([1, 20])", "2*bce.smooth(0.1) + dice"]


@pytest.mark.parametrize("text", every(2, [*ls.names(), *DESIGNS]))
def test_every_loss_prints_quickly_and_its_counterexamples_run(text: str) -> None:
    start = time.process_time()
    known = ls.facts(text)
    shown = str(known)
    assert time.process_time() - start < SLOWEST
    assert all(row.title in shown for row in PROPERTIES.values()) and "None" not in shown
    assert max(map(len, shown.splitlines())) <= 120
    for name, fact in known:
        if fact.evidence == "refuted":
            assert fact.note, name
        if fact.counterexample is not None:
            exec(fact.counterexample, {})


def test_nothing_is_found_before_it_is_looked_at() -> None:
    known = ls.facts("bce")
    assert known._found == {}
    assert known.functional is known.functional
    assert set(known._found) == {"functional"}


def test_the_record_gives_facts_by_name_by_iteration_and_as_plain_data() -> None:
    known = ls.facts(ls.get("quantile", level=0.9))
    assert [name for name, _ in known] == list(PROPERTIES)
    plain = json.loads(json.dumps(known.to_dict(), allow_nan=False))
    assert plain["facts"]["functional"]["value"]["level"] == 0.9
    assert plain["facts"]["noise_model"]["answer"].startswith("asymmetric Laplace")
    assert "functional" in dir(known)
    with pytest.raises(AttributeError, match="no fact is called"):
        _ = known.functionl


@pytest.mark.parametrize(
    ("one", "other"), [("mse", "(y - z)**2"), ("bce.modulate(2)", "focal"), ("2*mae", "2*abs(y - z)")]
)
def test_facts_follow_from_the_formula_not_from_the_name(one: str, other: str) -> None:
    answers = [[fact.value for _, fact in ls.facts(text)] for text in (one, other)]
    assert answers[0] == answers[1]


def test_a_negative_multiple_has_the_facts_of_its_own_formula() -> None:
    assert ls.facts("-1*mse").noise_model.value is None
    assert ls.facts("-1*mse").functional.value.name == "not named yet"


def test_several_heads_and_columns_are_no_obstacle() -> None:
    heads = {"mean": "identity", "scale": "exp"}
    known = ls.facts(ls.parse("log(scale) + abs(y - mean)/scale", target="real", heads=heads))
    assert known.noise_model.value.normaliser == pytest.approx(2.0, rel=1e-6)
    assert "None" not in str(known)
    assert "cost" in str(ls.facts(ls.parse("cost * abs(y - z)", target="real", columns=("cost",))))


def test_what_is_no_loss_is_refused_in_one_sentence() -> None:
    with pytest.raises(ls.LossmithError, match="LM275 facts are known of losses, got float"):
        ls.facts(3.0)  # type: ignore[arg-type]
    with pytest.raises(ls.LossmithError, match='Did you mean "huber"'):
        ls.facts("hubre")


def test_a_parameter_that_is_not_set_is_named() -> None:
    @ls.define(target="real")
    def wide(y, z, *, width):  # type: ignore[no-untyped-def]
        return ((y - z) / width) ** 2

    with pytest.raises(ls.LossmithError, match="LM206 wide: width"):
        ls.facts(wide)
    assert ls.facts(wide.bind(width=2.0)).functional.value.text == "mean"


def test_the_import_and_the_record_itself_load_no_algebra() -> None:
    code = "import sys, lossmith as ls; ls.facts('mse'); print('sympy' in sys.modules, 'scipy' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]


# What study notes get wrong: the fact, the loss, its kind of target, and the answer in words.
PUBLISHED_MISTAKES = [
    ("strongly_convex", "log_cosh", None, "no"),
    ("strictly_convex", "maximum(0, abs(y - z) - 0.5)**2", "real", "no"),
    ("strongly_convex", "maximum(0, abs(y - z) - 0.5)**2", "real", "no"),
    ("lipschitz", "where((2*y - 1)*z > 0, 0, 1)", "binary", "no"),
    ("strongly_convex", "abs(y - z)**3", "real", "no"),
    ("convex", "focal", None, "no"),
    ("proper", "focal", None, "no"),
    ("convex", "-1*mse", None, "no"),
]


@pytest.mark.parametrize(("name", "text", "target", "answer"), PUBLISHED_MISTAKES)
def test_published_mistakes_come_out_right(name: str, text: str, target: str | None, answer: str) -> None:
    known = ls.facts(ls.parse(text) if target is None else ls.parse(text, target=target))
    assert known.to_dict()["facts"][name]["answer"] == answer
    fact = getattr(known, name)
    assert fact.evidence in ("refuted", "proved")
    if fact.evidence == "refuted":
        exec(fact.counterexample, {})
