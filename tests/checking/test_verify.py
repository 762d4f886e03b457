"""`verify` from end to end: each form gets its verdict, and the verdict is data, text and exit code."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.checking import verify as module
from lossmith.checking.finding import FAULTS, Finding
from lossmith.checking.verdict import Verdict
from lossmith.errors import ArgumentError, FormulaError


def sigmoid(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def half_mse(y, p):
    return np.mean((y - p) ** 2) / 2


def objective(y_true, y_pred):
    return sigmoid(y_pred) - y_true, sigmoid(y_pred) * sigmoid(-y_pred)


def by_probability(y_true, y_pred):
    p = sigmoid(y_pred)
    return (p - y_true) / (p * (1 - p)), 1 / (p * (1 - p)) ** 2


def lightgbm_l2(preds, train_data):
    return preds - train_data.get_label(), np.ones_like(preds)


class Climbing:
    def calc_ders_range(self, approxes, targets, weights):
        w = np.ones(len(targets)) if weights is None else weights
        return [(w[i] * (targets[i] - approxes[i]), -w[i]) for i in range(len(targets))]


class Falling:
    def calc_ders_range(self, approxes, targets, weights):
        return [(-a, -b) for a, b in Climbing().calc_ders_range(approxes, targets, weights)]


def sigmoid_cee(y, p):
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def softmax_cee(y, p):
    return -np.mean(np.log(np.sum(y * p, axis=1)))


VERDICTS: list[tuple[Any, dict[str, Any], set[str]]] = [
    (half_mse, {}, set()),
    (objective, {}, set()),
    (lightgbm_l2, {}, set()),
    (Climbing, {}, set()),
    (by_probability, {"kind": "binary"}, {"gradient_of_probability"}),
    (Falling, {}, {"catboost_sign"}),
    (sigmoid_cee, {}, {"nan_at_perfect"}),
    (softmax_cee, {}, {"one_hot_only"}),
]


@pytest.mark.parametrize(("thing", "hints", "codes"), VERDICTS)
def test_each_form_gets_its_verdict(thing: Any, hints: dict[str, Any], codes: set[str]) -> None:
    found = ls.verify(thing, **hints)
    assert codes <= {one.code for one in found.faults} if codes else found.ok, str(found)
    assert found.ok == (not codes)
    assert found.calls > 10 and found.points >= found.calls
    assert found.seconds < 30.0  # the bar for every verdict
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["ok"] == found.ok
    assert str(found).startswith(f"{found.name}: ")


def test_the_same_seed_gives_the_same_verdict() -> None:
    first, second = (ls.verify(by_probability, kind="binary", seed=3).to_dict() for _ in range(2))
    assert {k: v for k, v in first.items() if k != "seconds"} == {k: v for k, v in second.items() if k != "seconds"}


def test_a_loss_of_ours_is_measured() -> None:
    found = ls.verify("huber")
    assert found.ok, str(found)
    assert {(c.output, c.backend, c.dtype) for c in found.certificates} == {
        (output, backend, dtype)
        for output in ("value", "gradient", "hessian")
        for backend in ("numpy", "numba")
        for dtype in ("float32", "float64")
    }
    assert found.facts is not None
    assert found.points == sum(c.points for c in found.certificates)


def test_what_a_certificate_breaks_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    real = module.certify_loss

    def strict(loss: Any, **given: Any) -> Any:
        return real(loss, **given, bound=1e-9)

    monkeypatch.setattr(module, "certify_loss", strict)
    found = ls.verify("bce")
    assert {one.code for one in found.faults} == {"inaccurate"}
    assert "units in the last place" in found.faults[0].sentence and " at y=" in found.faults[0].sentence


def test_a_formula_is_read_with_the_kind_that_is_said() -> None:
    found = ls.verify("-y*log(p) - (1-y)*log(1-p)", kind="binary")
    assert found.ok and "link sigmoid" in found.taken_for


def test_what_has_several_heads_is_not_measured_and_says_so() -> None:
    @ls.define(target="real", heads={"mean": "identity", "scale": "exp"}, name="two_heads")
    def two_heads(y, mean, scale):  # type: ignore[no-untyped-def]
        return ls.log(scale) + ((y - mean) / scale) ** 2 / 2

    found = ls.verify(two_heads)
    assert found.certificates == ()
    assert any(what == "numbers" for what, _ in found.not_checked)


def test_a_reference_says_what_it_shall_be() -> None:
    assert ls.verify(half_mse, reference="half_squared_error").ok
    assert ls.verify(half_mse, reference="(y - z)**2 / 2").ok
    assert ls.verify(half_mse, reference=ls.get("half_squared_error")).ok
    assert {one.code for one in ls.verify(half_mse, reference="squared_error").faults} == {"value_factor"}
    assert not ls.verify(half_mse, reference="absolute_error").ok
    assert not ls.verify("mse", reference="mae").ok
    assert ls.verify("mse", reference="squared_error").ok
    assert ls.verify(objective, reference="-y*log(p) - (1-y)*log(1-p)").ok  # the target is the function's


def test_the_kind_of_the_reference_is_the_kind_of_the_thing() -> None:
    def loss(y, p):  # type: ignore[no-untyped-def]
        return np.mean((y - p) ** 2)

    assert "binary target and a prediction on the target's scale" in ls.verify(loss, reference="brier").taken_for


def test_what_fails_gets_a_verdict_and_no_traceback() -> None:
    def raising(y, z):  # type: ignore[no-untyped-def]
        raise KeyError("gamma")

    found = ls.verify(raising)
    assert [one.code for one in found.faults] == ["raises"]
    assert "KeyError: 'gamma'" in str(found)


def test_bad_input_is_no_verdict() -> None:
    cases: list[tuple[Callable[[], Any], str]] = [
        (lambda: ls.verify(3), "LM355"),
        (lambda: ls.verify(half_mse, kind="number"), "LM356"),
        (lambda: ls.verify(half_mse, limit=0), "LM357"),
        (lambda: ls.verify(half_mse, reference="no_such"), "LM271"),
        (lambda: ls.verify(half_mse, reference="(y - z"), "LM1"),
        (lambda: ls.verify("log(-1 - z*z)"), "LM146"),
    ]
    for call, code in cases:
        with pytest.raises((ArgumentError, FormulaError), match=code):
            call()


def test_a_check_that_fails_itself_is_told_and_the_others_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    from lossmith.checking import semantics

    def broken(*arguments: Any) -> list[Finding]:
        raise ZeroDivisionError("here")

    monkeypatch.setattr(semantics, "look", broken)
    found = ls.verify(sigmoid_cee)
    assert ("semantics", "ZeroDivisionError: here") in found.not_checked
    assert "nan_at_perfect" in {one.code for one in found.faults}


def test_a_verdict_is_plain_data_whatever_it_holds() -> None:
    findings = tuple(Finding(code, "seen.") for code in FAULTS)
    found = Verdict("f", "a function", findings, assumed=("a.",), not_checked=(("b", "c"),), seconds=math.inf)
    said = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(said["findings"]) == len(FAULTS)
    assert said["seconds"] == "inf"
    assert repr(found) == f"<Verdict f: {len(FAULTS)} faults>"
