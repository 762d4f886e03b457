"""What users hold: equality, text and JSON and pickle round trips, binding, refusals, words."""

from __future__ import annotations

import copy
import json
import pickle

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import LossmithError
from tests.properties.cases import CASES, Case

all_cases = pytest.mark.parametrize("case", CASES, ids=repr)


@all_cases
def test_a_loss_is_its_text_its_json_and_its_pickle(case: Case) -> None:
    loss = case.loss
    copies = [
        ls.parse(loss.formula, **loss.declaration),
        ls.from_json(loss.to_json()),
        pickle.loads(pickle.dumps(loss)),
        copy.deepcopy(loss),
    ]
    value = loss.using("numpy").value(case.y, case.raw, case.weight, **case.given)
    for other in copies:
        assert other == loss
        assert hash(other) == hash(loss)
        assert other.using("numpy").value(case.y, case.raw, case.weight, **case.given) == value


def test_bound_parameters_and_weights_by_class_survive_the_round_trip() -> None:
    for loss in (
        ls.get("focal", gamma=1.5, alpha=0.25),
        ls.get("log_loss").reweight({0: 1.0, 1: 20.0}),
        ls.get("log_loss").reweight("balanced"),
        ls.get("mse").reweight(by="price"),
        ls.get("bce", on="probability"),
    ):
        back = ls.from_json(loss.to_json())
        assert back == loss
        assert back.parameters == loss.parameters
        assert back.definition.reweighting == loss.definition.reweighting
    assert ls.get("log_loss").reweight([1, 2]) != ls.get("log_loss")


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "5", '{"lossmith": 99}', "[" * 100_000, '{"lossmith": 1}'])
def test_what_is_no_json_of_a_loss_is_refused(text: str) -> None:
    with pytest.raises(LossmithError):
        ls.from_json(text)


def test_json_is_checked_like_the_text_of_a_user() -> None:
    record = json.loads(ls.get("mse").to_json())
    record["formula"] = "__import__('os').system('true')"
    with pytest.raises(LossmithError):
        ls.from_json(json.dumps(record))


def test_binding_compiles_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    from lossmith import runtime

    made = []
    original = runtime.numpy_function
    monkeypatch.setattr(runtime, "numpy_function", lambda *a: made.append(a) or original(*a))

    @ls.define(target="real")
    def fresh(y, z, width=1.0):  # type: ignore[no-untyped-def]
        return ls.log(1 + ((y - z) / width) ** 2) + 0.123456789

    loss = fresh.using("numpy")
    loss.value_and_gradient([1.0], [0.0])
    built = len(made)
    assert built > 0
    values = {loss.bind(width=w).value_and_gradient([1.0], [0.0])[0] for w in (1.0, 2.0, 3.0)}
    assert len(values) == 3
    assert len(made) == built
    assert fresh(width=2.0).parameters == {"width": 2.0}


def test_wrong_names_get_advice() -> None:
    for call, sentence in (
        (lambda: ls.get("hubr"), '"huber"'),
        (lambda: ls.get("huber", detla=1), '"delta"'),
        (lambda: ls.get("huber").bind(detla=1), '"delta"'),
        (lambda: ls.parse("(y - z)**2", target="reel"), '"real"'),
        (lambda: ls.parse("(y - z)**2", target="real", link="sigmoyd"), '"sigmoid"'),
        (lambda: ls.activation("relo"), '"relu"'),
        (lambda: ls.activation("leaky_relu", slop=1.0), '"slope"'),
        (lambda: ls.get("mse").using("numbo"), "numba"),  # type: ignore[arg-type]
    ):
        with pytest.raises(LossmithError, match=sentence):
            call()


def test_a_loss_is_frozen_and_shows_itself() -> None:
    loss = ls.get("quantile", level=0.9)
    with pytest.raises(AttributeError):
        loss.definition = ls.get("mse").definition  # type: ignore[misc]
    assert "quantile" in repr(loss)
    assert "0.9" in repr(loss)


def test_losses_that_are_no_sum_over_rows_refuse_what_belongs_to_a_row() -> None:
    for name in ("rmse", "dice", "tversky"):
        loss = ls.get(name).using("numpy")
        assert not loss.is_additive
        for method in (loss.per_example, loss.per_example_gradient, loss.per_example_gradient_and_hessian):
            with pytest.raises(LossmithError, match=f"LM310 {name}"):
                method([1.0], [0.5])


def test_value_is_the_weighted_mean_of_the_rows_and_gradient_its_share() -> None:
    for case in CASES:
        if not case.loss.is_additive:
            continue
        loss = case.loss.using("numpy")
        rows = loss.per_example(case.y, case.raw, case.weight, **case.given)
        divisor = case.weight.sum() if loss.expressions.additive.is_mean else 1.0
        assert loss.value(case.y, case.raw, case.weight, **case.given) == pytest.approx(rows.sum() / divisor, rel=1e-13)
        gradient = loss.per_example_gradient(case.y, case.raw, case.weight, **case.given) / divisor
        np.testing.assert_allclose(loss.gradient(case.y, case.raw, case.weight, **case.given), gradient, rtol=1e-14)


def test_multiplying_all_weights_changes_no_mean() -> None:
    for case in CASES:
        loss = case.loss.using("numpy")
        if loss.name == "sum_of_squares_half" or "smooth" in loss.parameters or case.name == "mse_and_dice":
            continue
        one, four = (loss.value(case.y, case.raw, k * case.weight, **case.given) for k in (1.0, 4.0))
        assert one == four, case


def test_the_kernel_and_its_text_can_be_read() -> None:
    for backend in ("numpy", "numba"):
        kernel = ls.get("log_loss").kernel(backend, np.float32)
        assert "def kernel" in kernel.source
        compile(kernel.source, "kernel", "exec")
    with pytest.raises(LossmithError, match=r"LM312"):
        ls.get("mse").source("fortran")
