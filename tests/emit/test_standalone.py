"""The source of a loss runs with only NumPy, and gives the numbers of the loss."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import UnsupportedError
from tests.properties.cases import CASES, Case
from tests.sampling import every

WITHOUT = [c for c in CASES if "group" in c.loss.definition.declaration.per]
WITH = [c for c in CASES if c not in WITHOUT]


def module_of(loss: ls.Loss) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "standalone"}
    exec(compile(loss.source("numpy"), "standalone", "exec"), namespace)
    return namespace


@pytest.mark.parametrize("case", WITH, ids=repr)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_source_gives_the_numbers_of_the_loss(case: Case, weighted: bool) -> None:
    loss = case.loss.using("numpy")
    weight = case.weight if weighted else None
    source = module_of(loss)
    arguments = (case.y, case.raw, *case.columns.values())
    value = source["value"](*arguments, sample_weight=weight)
    assert value == pytest.approx(loss.value(case.y, case.raw, weight, **case.given), rel=1e-14)
    gradient = source["gradient"](*arguments, sample_weight=weight)
    expected = loss.gradient(case.y, case.raw, weight, **case.given)
    np.testing.assert_allclose(gradient, expected, rtol=1e-12, atol=1e-15 * np.abs(expected).max())
    np.testing.assert_allclose(source["predict"](case.raw), loss.predict(case.raw), rtol=1e-14)
    if loss.is_additive:
        rows = source["per_example"](*arguments, sample_weight=weight)
        np.testing.assert_allclose(rows, loss.per_example(case.y, case.raw, weight, **case.given), rtol=1e-14)
        pair = loss.per_example_gradient_and_hessian(case.y, case.raw, weight, **case.given)
        for found, exact in zip(source["gradient_and_hessian"](*arguments, sample_weight=weight), pair, strict=True):
            np.testing.assert_allclose(found, exact, rtol=1e-12, atol=1e-15)


def test_the_source_runs_where_lossmith_is_not(tmp_path: Path) -> None:
    (tmp_path / "loss.py").write_text(ls.get("focal", gamma=1.5, alpha=0.25).source("numpy"), encoding="utf-8")
    code = (
        "import sys\nsys.modules['lossmith'] = None\nimport loss\n"
        "print(repr(loss.value([1, 0, 1], [0.5, -2.0, 30.0], sample_weight=[1, 2, 0])))"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    exact = ls.get("focal", gamma=1.5, alpha=0.25).using("numpy").value([1, 0, 1], [0.5, -2.0, 30.0], [1, 2, 0])
    assert float(run.stdout) == pytest.approx(exact, rel=1e-14)


def test_parameters_may_be_changed_in_the_source() -> None:
    source = module_of(ls.get("huber", delta=2.0))
    assert source["value"]([0.0], [10.0]) == 18.0
    assert source["value"]([0.0], [10.0], p_delta=1.0) == 9.5


def test_class_numbers_and_one_hot_rows_give_the_same() -> None:
    source = module_of(ls.get("ce"))
    raw = np.array([[1.0, 2.0, 3.0], [0.0, 5.0, 1.0]])
    assert source["value"]([2, 0], raw) == source["value"](np.eye(3)[[2, 0]], raw)


def test_absent_rows_may_hold_anything() -> None:
    source = module_of(ls.get("log_loss"))
    assert source["value"]([1.0, np.nan], [0.5, np.nan], sample_weight=[1.0, 0.0]) == ls.get("log_loss").value(
        [1.0], [0.5]
    )


def test_names_of_users_are_never_pasted_as_code() -> None:
    name = '"""\nimport os\nos.abort()\n"""'
    loss = ls.parse("(y - z)**2", target="real", name=name)
    assert "os.abort()\n" not in loss.source("numpy").replace(" ", "")
    assert module_of(loss)["value"]([1.0], [0.0]) == 1.0


RNG = np.random.default_rng(3)
ROWS = 30
RAW, CLASS_RAW = RNG.normal(size=ROWS), RNG.normal(size=(ROWS, 3))
WEIGHTS = RNG.integers(0, 3, ROWS).astype(float)
COLUMNS = {"kept": (RNG.random(ROWS) < 0.5).astype(float), "worth": RNG.random(ROWS)}
OUTCOMES = {"hard": (RNG.random(ROWS) < 0.4).astype(float), "soft": RNG.random(ROWS)}
CLASSES = {"hard": RNG.integers(0, 3, ROWS), "soft": RNG.dirichlet(np.ones(3), ROWS)}
BCE, CE = ls.get("bce"), ls.get("ce")
OF_TWO = [
    BCE.reweight({0: 1, 1: 20}), BCE.reweight([2, 3]).smooth(0.2), BCE.adjust([0.9, 0.1], tau=0.5), BCE.temper(2),
    BCE.soft_cap(3).margin(0.2), BCE.over("count"), BCE.over("positives"), BCE.over("examples"), BCE.select(negatives=2),
    BCE.tilt(0.5), BCE.flood(0.1), BCE.mask("kept").reweight(by="worth"),
]  # fmt: skip
OF_CLASSES = [
    CE.reweight([1, 2, 3]), CE.reweight([1, 2, 3]).smooth(0.1), CE.adjust([0.5, 0.3, 0.2]), CE.temper(3).smooth(0.1),
    CE.modulate(1.5).over("count"), CE.cvar(0.3),
]  # fmt: skip


def _same_numbers(loss: ls.Loss, y: Any, raw: Any) -> None:
    module, names = module_of(loss), loss.declaration["columns"]
    given = {f"c_{name}": COLUMNS[name] for name in names}
    columns = {name: COLUMNS[name] for name in names} or None
    exact, gradient = loss.value_and_gradient(y, raw, WEIGHTS, columns=columns)
    close = {"rtol": 0, "atol": 1e-13 * max(1.0, abs(exact))}  # of a few dozen terms of order 1, in another order
    np.testing.assert_allclose(module["value"](y, raw, sample_weight=WEIGHTS, **given), exact, **close)
    np.testing.assert_allclose(module["gradient"](y, raw, sample_weight=WEIGHTS, **given), gradient, **close)
    np.testing.assert_allclose(module["predict"](raw), loss.predict(raw), **close)


@pytest.mark.parametrize("labels", OUTCOMES)
@pytest.mark.parametrize("loss", every(2, OF_TWO), ids=lambda loss: loss.name)
def test_the_source_of_a_design_of_two_outcomes_gives_its_numbers(loss: ls.Loss, labels: str) -> None:
    _same_numbers(loss, OUTCOMES[labels], RAW)


@pytest.mark.parametrize("labels", CLASSES)
@pytest.mark.parametrize("loss", every(2, OF_CLASSES), ids=lambda loss: loss.name)
def test_the_source_of_a_design_of_classes_gives_its_numbers(loss: ls.Loss, labels: str) -> None:
    _same_numbers(loss, CLASSES[labels], CLASS_RAW)


def test_the_source_leaves_ignored_targets_out() -> None:
    y = CLASSES["hard"].copy()
    y[3] = 255
    _same_numbers(CE.ignore(255).reweight([1, 2, 3]), y, CLASS_RAW)


def test_a_choice_in_each_group_has_no_standalone_source() -> None:
    with pytest.raises(UnsupportedError, match="LM316"):
        BCE.select(top=2, per="group").source()
