"""The source of a loss runs with only NumPy, and gives the numbers of the loss."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from tests.properties.cases import CASES, Case

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
