"""A small set of planted faults (sign, factor, dropped guard): the laws must catch every one of them.

If a mutant survives, the laws have become blind, whatever else is green.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lossmith import compiler, runtime
from lossmith.calculus import derivative, diagonal
from lossmith.calculus.terms import ONE
from lossmith.formula import definition
from lossmith.formula.node import constant, make
from lossmith.kernel import schedule
from lossmith.numerics.double_word import Pair
from lossmith.stable import forms
from tests.properties import laws
from tests.properties.cases import CASES

Patch = pytest.MonkeyPatch


def _forget() -> None:
    for module in (compiler, runtime, definition):
        for thing in vars(module).values():
            if hasattr(thing, "cache_clear"):
                thing.cache_clear()


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    """Formulas and kernels of a mutant must not be found, nor left behind, in a cache."""
    _forget()
    yield
    _forget()


def gradient(name: str) -> None:
    case = next(c for c in CASES if c.name == name)
    laws.assert_gradient_is_derivative(case, case.loss.using("numpy"), case.weight)


def hessian(name: str) -> None:
    case = next(c for c in CASES if c.name == name)
    laws.assert_hessian_is_diagonal(case, case.loss.using("numpy"), case.weight)


def hvp(name: str) -> None:
    case = next(c for c in CASES if c.name == name)
    laws.assert_hvp_is_second_derivative(case, case.loss.using("numpy"), case.weight)


def value(name: str) -> None:
    case = next(c for c in CASES if c.name == name)
    laws.assert_value_is_exact(case, case.loss.using("numpy"), case.weight)


def absent(name: str) -> None:
    case = next(c for c in CASES if c.name == name)
    laws.assert_weight_zero_is_absent(case, case.loss.using("numpy"))


def nan(name: str) -> None:
    case = next(c for c in CASES if c.name == name)
    laws.assert_nan_propagates(case, case.loss.using("numpy"))


def _partial(op: str, mutant: Callable[..., Any]) -> Callable[[Patch], None]:
    return lambda patch: patch.setitem(derivative.PARTIALS, op, mutant)


def _form(op: str, mutant: Callable[..., Any]) -> Callable[[Patch], None]:
    return lambda patch: patch.setitem(forms.FORMS, op, mutant)


def _mean_without_divisor(patch: Patch) -> None:
    patch.setitem(derivative.EXAMPLE_REVERSE, "example_mean", lambda n, adjoint: adjoint)


def _slope_of_softmax(patch: Patch) -> None:
    patch.setitem(diagonal.OWN_SLOPE, "softmax", lambda n: n)


def _weight_without_select(patch: Patch) -> None:
    for module in (schedule, compiler):
        patch.setattr(module, "select_present", lambda node, weight, otherwise=None: node)


def _own_class_only(patch: Patch) -> None:
    patch.setattr(
        derivative, "reverse_log_softmax", lambda z, a: None if a is None else a * make("softmax_complement", z)
    )


def _no_nan_guard(patch: Patch) -> None:
    patch.setattr(compiler, "_guard", lambda node, leaf: node)


MUTANTS: dict[str, tuple[Callable[[Patch], None], Callable[[str], None], str]] = {
    "sign of the slope of softplus": (
        _partial("softplus", lambda n: (-make("sigmoid", n.args[0]),)), gradient, "binary_cross_entropy"),
    "factor in the slope of a power": (
        _partial("power", lambda n: (n.args[0], None)), gradient, "squared_error"),
    "quotient without its second term": (
        _partial("safe_divide", lambda n: (make("safe_divide", ONE, n.args[1]), None)), gradient, "sigmoid_overlap"),
    "branches of where exchanged": (
        _partial("where", lambda n: (None, make("where", n.args[0], constant(0.0), ONE),
                                     make("where", n.args[0], ONE, constant(0.0)))), gradient, "quantile"),
    "tanh for its slope": (_partial("log_cosh", lambda n: (n.args[0],)), gradient, "log_cosh"),
    "half of the slope of a sigmoid": (
        _partial("sigmoid", lambda n: (make("sigmoid", n.args[0]),)), hessian, "binary_cross_entropy"),
    "log softmax without the other classes": (_own_class_only, gradient, "label_smoothed_cross_entropy"),
    "a mean that is a sum": (_mean_without_divisor, gradient, "log_mean_exp"),
    "diagonal of softmax without its complement": (_slope_of_softmax, hessian, "cross_entropy"),
    "sign of the slope of a scaled exponential": (
        _partial("scaled_exp", lambda n: (make("exp", n.args[1]), -n)), gradient, "gamma"),
    "half of the curvature of an exponential": (
        _partial("exp_minus", lambda n: (constant(0.5) * make("exp", n.args[0]), None)), hvp, "poisson"),
    "softplus without its tail": (_form("softplus", lambda x: make("maximum", x, constant(0.0))), value, "binary_cross_entropy"),
    "sigmoid for positive numbers only": (
        _form("sigmoid", lambda x: ONE / (ONE + make("exp", -make("abs", x)))), value, "brier"),
    "0 log 0 without its guard": (_form("xlogy", lambda a, b: a * make("log", b)), value, "kl_at_zero"),
    "absent rows without the select": (_weight_without_select, absent, "squared_error"),
    "absent rows of classes without the select": (_weight_without_select, absent, "softmax_focal"),
    "a slope without the guard against NaN": (_no_nan_guard, nan, "absolute_error"),
}  # fmt: skip


def _zero_log_zero(_: str) -> None:
    import lossmith as ls

    found = ls.get("distribution_cross_entropy").using("numpy").value([[1.0, 0.0]], [[1.0, 0.0]])
    assert found == 0.0


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_fault_is_caught(name: str, monkeypatch: Patch) -> None:
    plant, law, case = MUTANTS[name]
    law = _zero_log_zero if case == "kl_at_zero" else law
    law(case)  # green without the fault
    _forget()
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        law(case)


def test_sums_that_drop_the_low_word_are_caught(monkeypatch: Patch) -> None:
    import numpy as np

    import lossmith as ls

    def split() -> set[float]:
        raw = np.random.default_rng(2).normal(size=500) * 10.0 ** np.random.default_rng(3).uniform(-3, 3, size=500)
        loss, zero = ls.get("mse").using("numpy"), np.zeros(1)
        parts = [loss.sums(zero, raw[i : i + 1]) for i in range(500)]
        return {sum(parts).value(), sum(parts[::-1]).value()}

    assert len(split()) == 1
    for op in ("example_sum", "example_count"):
        monkeypatch.setitem(runtime.JOINERS, op, lambda a, b: Pair(a.hi + b.hi, np.zeros_like(a.hi)))
    assert len(split()) == 2
