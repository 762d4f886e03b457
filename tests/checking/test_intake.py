"""Every form in which losses come is recognised, called as its library calls it, and told what it is for."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.checking.intake import FORMS, CallError, intake, title_of
from lossmith.checking.subject import Answer, Subject
from lossmith.errors import ArgumentError, FormulaError

Y = np.array([0.0, 1.0, 1.0, 0.0])
Z = np.array([-0.5, 0.25, 1.5, 2.0])
P = 1.0 / (1.0 + np.exp(-Z))
CLASSES = np.array([2, 0, 1, 1])
LOGITS = np.array([[0.5, -1.0, 2.0], [0.0, 0.25, 0.5], [1.0, 1.5, -0.5], [-2.0, 0.0, 1.0]])
SOFT = np.exp(LOGITS) / np.exp(LOGITS).sum(axis=1, keepdims=True)


def taken(thing: Any, **hints: Any) -> Subject:
    found = intake(thing, **hints)
    assert isinstance(found, Subject)
    return found


def asked(thing: Any, y: Any, z: Any, w: Any = None, **hints: Any) -> Answer:
    return taken(thing, **hints).call(y, z.copy(), w)


# Functions of arrays: what they give, in which order, for which target ----------------------------------------


def half_mse(y_true, y_pred):
    return np.mean((y_true - y_pred) ** 2) / 2


def squared_rows(prediction, target):
    return (prediction - target) ** 2


def unnamed(a, b):
    return np.mean(np.abs(a - b))


def log_rows(y, p):
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def clipped(y, u):
    v = np.clip(u, 1e-7, 1 - 1e-7)
    return -np.mean(y * np.log(v) + (1 - y) * np.log(1 - v))


def from_raw(y, v):
    return np.mean(np.logaddexp(0, v) - y * v)


def rate(y, v):
    return np.mean(np.exp(v) - y * v)


def rate_of_scale(y, v):
    return np.mean(v - y * np.log(v))


def step(y_true, y_pred):
    p = 1 / (1 + np.exp(-y_pred))
    return p - y_true, p * (1 - p)


def upside_down(y, v):
    return 2 * (y - v), 2 * np.ones_like(v)


def value_and_grad(y, z):
    return (y - z) ** 2, 2 * (z - y)


def three(y, z):
    return np.mean((y - z) ** 2), 2 * (z - y) / len(y), np.full(len(y), 2 / len(y))


def mse_grad(y, z):
    return 2 * (z - y)


def as_mapping(y, z):
    return {"loss": np.mean((y - z) ** 2), "grad": 2 * (z - y) / len(y)}


def named_metric(y_true, y_pred):
    return "mae", float(np.mean(np.abs(y_true - y_pred))), False


def weighted(y, z, sample_weight=None):
    return np.average((y - z) ** 2, weights=sample_weight)


def sparse(y, scores):
    shifted = scores - scores.max(axis=1, keepdims=True)
    picked = shifted[np.arange(len(y)), y.astype(int)]
    return np.mean(np.log(np.exp(shifted).sum(axis=1)) - picked)


def one_hot(t, q):
    return -np.sum(t * np.log(q), axis=1)


def one_hot_finished(y, v):
    return -np.sum(y * np.log(v + 1e-12)) / len(y)


def of_scale(y, v):
    return np.mean(y * np.exp(-v) + v)


def margin(y, v):
    return np.mean(np.maximum(0, 1 - y * v))


def dice_of_scale(y, v):
    return 1 - (2 * np.sum(v * y) + 1) / (np.sum(v) + np.sum(y) + 1)


def mse_dx(y, z):
    return 2 * (z - y)


def huber_delta_1(y, z):
    r = np.abs(y - z)
    return np.where(r < 1, r * r / 2, r - 0.5)


class Called:
    def __call__(self, y_true, y_pred):
        return np.mean((y_true - y_pred) ** 2)


PLAIN: list[tuple[Callable[..., Any], str, str, str, set[str], bool]] = [
    (half_mse, "real", "raw", "number", {"value"}, False),
    (squared_rows, "real", "raw", "number", {"value"}, True),
    (unnamed, "real", "raw", "number", {"value"}, False),
    (log_rows, "binary", "probability", "number", {"value"}, True),
    (clipped, "binary", "probability", "number", {"value"}, False),
    (from_raw, "binary", "raw", "number", {"value"}, False),
    (rate, "count", "raw", "number", {"value"}, False),
    (rate_of_scale, "positive", "probability", "number", {"value"}, False),
    (step, "binary", "raw", "number", {"gradient", "hessian"}, False),
    (upside_down, "real", "raw", "number", {"gradient", "hessian"}, False),
    (value_and_grad, "real", "raw", "number", {"value", "gradient"}, True),
    (three, "real", "raw", "number", {"value", "gradient", "hessian"}, False),
    (mse_grad, "real", "raw", "number", {"gradient"}, False),
    (as_mapping, "real", "raw", "number", {"value", "gradient"}, False),
    (named_metric, "real", "raw", "number", {"value"}, False),
    (weighted, "real", "raw", "number", {"value"}, False),
    (of_scale, "positive", "raw", "number", {"value"}, False),
    (margin, "binary", "raw", "number", {"value"}, False),
    (dice_of_scale, "binary", "probability", "number", {"value"}, False),
    (mse_dx, "real", "raw", "number", {"gradient"}, False),
    (huber_delta_1, "real", "raw", "number", {"value"}, True),
    (sparse, "class", "raw", "index", {"value"}, False),
    (one_hot, "class", "probability", "rows", {"value"}, True),
    (one_hot_finished, "class", "probability", "rows", {"value"}, False),
    (Called(), "real", "raw", "number", {"value"}, False),
    (functools.partial(half_mse), "real", "raw", "number", {"value"}, False),
]


@pytest.mark.parametrize(("thing", "kind", "takes", "target", "gives", "per_row"), PLAIN)
def test_a_function_says_what_it_is_by_what_it_does(
    thing: Any, kind: str, takes: str, target: str, gives: set[str], per_row: bool
) -> None:
    found = taken(thing)
    assert (found.form, found.kind, found.takes, found.target) == ("plain", kind, takes, target)
    assert (found.gives, found.per_row) == (gives, per_row)
    assert found.curvature == (gives == {"gradient", "hessian"})
    assert found.weighted == (thing is weighted)
    assert found.classes == (1 if target == "number" else 3)
    assert any("taken to be" in sentence for sentence in found.assumed)


def test_outcomes_of_minus_one_and_one_are_handed_over_as_such() -> None:
    found = taken(margin)
    assert found.call(np.array([0.0, 1.0]), np.array([0.5, 0.5]), None).value == pytest.approx((1.5 + 0.5) / 2)
    assert any("-1 and 1" in sentence for sentence in found.assumed)


def test_hints_are_no_assumptions_and_go_first() -> None:
    found = taken(half_mse, kind="positive", takes="probability")
    assert (found.kind, found.takes, found.assumed) == ("positive", "probability", ())
    several = taken(sparse, classes=5)
    assert several.classes == 5
    assert several.call(np.arange(5), np.zeros((5, 5)), None).value == pytest.approx(np.log(5))


def test_the_order_of_arguments_goes_by_their_names() -> None:
    def pinball(y_pred, y_true):
        return np.mean(np.maximum(0.9 * (y_true - y_pred), -0.1 * (y_true - y_pred)))

    def other(a, y):
        return pinball(a, y)

    for thing in (pinball, other):
        assert asked(thing, np.array([3.0]), np.array([1.0])).value == pytest.approx(0.9 * 2)


def test_numbers_come_out_as_the_function_gives_them() -> None:
    found = asked(step, Y, Z)
    np.testing.assert_array_equal(found.gradient, P - Y)
    np.testing.assert_array_equal(found.hessian, P * (1 - P))
    assert asked(sparse, CLASSES, LOGITS).value == pytest.approx(-np.log(SOFT[range(4), CLASSES]).mean())


def test_a_call_hands_over_the_arrays_as_they_are() -> None:
    def sorts(y_true, y_pred):
        y_pred.sort()
        return np.mean((y_true - y_pred) ** 2)

    z = np.array([3.0, 1.0])
    taken(sorts).call(np.array([0.0, 0.0]), z, None)
    assert z.tolist() == [1.0, 3.0]


def test_a_number_of_classes_that_is_fixed_is_found() -> None:
    def softmax_of_four(y, scores):
        assert scores.shape[1] == 4
        return sparse(y, scores)

    assert taken(softmax_of_four).classes == 4


# Texts -------------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return tmp_path


def test_names_formulas_and_designs_are_losses() -> None:
    assert intake("mse") == ls.get("mse")
    assert intake("where(y > z, 5, 1) * abs(y - z)") == ls.parse("where(y > z, 5, 1) * abs(y - z)", target="real")
    assert intake("bce.modulate(gamma=2)") == ls.get("bce").modulate(2)
    assert intake("-y*log(p)", kind="count").link == "exp"
    assert intake(ls.get("huber")) == ls.get("huber")


def test_an_address_is_looked_up_in_the_current_folder(folder: Path) -> None:
    (folder / "own_losses.py").write_text(
        "def mse(y, z): return ((y - z) ** 2).mean()\n"
        "class Deep:\n"
        "    def calc_ders_range(self, approxes, targets, weights):\n"
        "        return [(t - a, -1.0) for a, t in zip(approxes, targets)]\n"
        "class Space:\n    inner = mse\n"
    )
    assert taken("own_losses:mse").name == "mse"
    assert taken("own_losses:Deep").form == "catboost"
    assert taken("own_losses:Space.inner").kind == "real"
    assert str(folder) not in sys.path
    with pytest.raises(ArgumentError, match=r'LM354 "own_losses" has nothing called "mze"\. Did you mean "mse"\?'):
        intake("own_losses:mze")
    with pytest.raises(ArgumentError, match=r'LM354 there is no module "own_loses".*Did you mean "own_losses"\?'):
        intake("own_loses:mse")
    with pytest.raises(ArgumentError, match=r"LM354 .*own_losses:mse"):
        intake("own_losses.py:mse")
    with pytest.raises(ArgumentError, match=r"LM354 .*own_losses:NAME"):
        intake("own_losses.py")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("raise ValueError('not today')", "ValueError: not today; when its module was imported"),
        ("import sys; sys.exit(2)", "SystemExit: 2"),
        ("import not_there_at_all", "not_there_at_all"),
        ("def f(:", "SyntaxError"),
    ],
)
def test_a_module_that_fails_when_it_is_imported(folder: Path, text: str, said: str) -> None:
    (folder / "broken_module.py").write_text(text)
    with pytest.raises(CallError, match=said) as caught:
        intake("broken_module:f")
    assert caught.value.finding.code == "raises"


# What cannot be taken in -------------------------------------------------------------------------------------


def raising(y, z):
    raise RuntimeError("no  \n luck")


def leaving(y, z):
    sys.exit(3)


def outer(y, z):
    return np.outer(y, z)


def nothing(y, z):
    return None


def text(y, z):
    return np.array(["a"] * len(y))


def ragged(y, z):
    return [[1.0], [1.0, 2.0], [], []]


def four(y, z):
    return y, y, y, y


@pytest.mark.parametrize(
    ("thing", "code", "said"),
    [
        (raising, "raises", r"RuntimeError: no luck; called with y_true \(7,\) and predictions \(7,\)"),
        (leaving, "raises", r"it calls sys.exit\(3\)"),
        (outer, "wrong_shape", r"the value has shape \(7, 7\) for predictions of shape \(7,\)"),
        (nothing, "wrong_shape", "it returns None"),
        (text, "wrong_shape", "holds no numbers"),
        (ragged, "wrong_shape", "lists of unequal lengths"),
        (four, "wrong_shape", "it returns 4 things"),
    ],
)
def test_what_fails_when_it_is_called_says_how(thing: Any, code: str, said: str) -> None:
    with pytest.raises(CallError, match=said) as caught:
        intake(thing)
    assert caught.value.finding.code == code
    assert caught.value.finding.verdict == "fault"


def constant(y, v):
    return np.zeros(len(y))


def one_argument(y):
    return y


def needs_alpha(y, z, alpha):
    return alpha * y


@pytest.mark.parametrize(
    ("thing", "hints", "said"),
    [
        (constant, {}, "LM352 constant: neither its name nor what it does"),
        (one_argument, {}, "LM350 one_argument: a loss takes a target and a prediction"),
        (needs_alpha, {}, "LM350 needs_alpha: it needs more than a target and a prediction: alpha"),
        (17, {}, "LM355 int is no loss"),
        (half_mse, {"kind": "binry"}, 'LM356 kind is one of .*Did you mean "binary"'),
        (half_mse, {"takes": "odds"}, 'LM356 takes is "raw" or "probability"'),
        (half_mse, {"classes": 1}, "LM356 classes is a whole number from 2 on, got 1"),
        (half_mse, {"classes": True}, "LM356 classes"),
    ],
)
def test_bad_input_gets_one_sentence(thing: Any, hints: dict[str, Any], said: str) -> None:
    with pytest.raises(ArgumentError, match=said):
        intake(thing, **hints)


def test_a_text_that_is_no_loss_is_refused_as_everywhere() -> None:
    with pytest.raises((FormulaError, ArgumentError), match="LM"):
        intake("import os")
    with pytest.raises(ArgumentError, match="LM271"):
        intake("no_such_loss")


def test_every_form_has_a_title() -> None:
    assert len({row.name for row in FORMS}) == len(FORMS)
    assert all(title_of(row.name) for row in FORMS)
