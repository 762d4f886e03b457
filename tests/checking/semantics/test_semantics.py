"""The probes of meaning: rows, weights, shapes and arrays. Each planted fault is named; right twins are silent."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.checking.derivatives import recognise
from lossmith.checking.semantics import look
from lossmith.checking.subject import Answer, Array, Subject
from tests.checking.losses import BOTH, booster, criterion, faults, generated, known_as, sigmoid, softmax, subject

COLUMNS = frozenset({"ordinal"})
"""Losses that want more columns than anyone's loss is given."""
INDEX: dict[str, Any] = {"kind": "class", "classes": 4, "target": "index"}
ROWS: dict[str, Any] = {"kind": "class", "classes": 4, "target": "rows"}
PAIR = ("value", "gradient")


def _changes_predictions(y: Array, z: Array) -> Any:
    z -= y
    return np.mean(z**2)


def _changes_weights(y: Array, z: Array, w: Array) -> Any:
    w /= w.sum()
    return np.sum(w * (y - z) ** 2)


def _remembers() -> Any:
    last = [0.0]

    def loss(y: Array, z: Array) -> Any:
        last[0] = 0.9 * last[0] + 0.1 * float(np.mean((y - z) ** 2))
        return last[0]

    return loss


def _chunked(y: Array, z: Array) -> Any:
    return np.mean([np.mean(chunk) for chunk in np.array_split((y - z) ** 2, min(4, len(y)))])


def _picked(y: Array, p: Array) -> Array:
    return np.asarray(-np.log(p)[np.arange(len(y)), y])


def _weighted(change: Any, kind: str = "real") -> Subject:
    """The weighted mean of squares, after something was done to the weights."""
    return subject(lambda y, z, w: np.sum(change(w) * (y - z) ** 2) / w.sum(), weighted=True, kind=kind)


def _objective(of_gradient: Any, of_hessian: Any) -> Subject:
    return booster(lambda y, z, w: (of_gradient(w) * (z - y), of_hessian(w) * np.ones_like(z)), weighted=True)


PLANTED: dict[str, tuple[Subject, str | None]] = {
    "weights ignored": (_weighted(lambda w: np.ones_like(w) * w.sum() / len(w)), "weights_ignored"),
    "weights squared": (_weighted(lambda w: w * w), "weights_twice"),
    "weights reversed": (_weighted(lambda w: w[::-1]), "weights_misplaced"),
    "weights sorted": (_weighted(np.sort), "weights_misplaced"),
    "weights right": (_weighted(lambda w: w), None),
    "weights over rows": (subject(lambda y, z, w: np.mean(w * (y - z) ** 2), weighted=True), None),
    "weights twice divided": (
        subject(lambda y, z, w: np.mean(w * (y - z) ** 2) / w.sum(), weighted=True),
        "denominator",
    ),
    "objective ignores": (_objective(np.ones_like, np.ones_like), "weights_ignored"),
    "hessian ignores": (_objective(lambda w: w, np.ones_like), "weights_ignored"),
    "objective squares": (_objective(lambda w: w * w, lambda w: w * w), "weights_twice"),
    "objective moves": (_objective(lambda w: np.roll(w, 1), lambda w: np.roll(w, 1)), "weights_misplaced"),
    "objective right": (_objective(lambda w: w, lambda w: w), None),
    "value over weights, gradient over rows": (
        subject(lambda y, z, w: (np.sum(w * (y - z) ** 2) / w.sum(), 2 * w * (z - y) / len(y)), PAIR, weighted=True),
        "denominator",
    ),
    "both over weights": (
        subject(lambda y, z, w: (np.sum(w * (y - z) ** 2) / w.sum(), 2 * w * (z - y) / w.sum()), PAIR, weighted=True),
        None,
    ),
    "gradient of the sum": (subject(lambda y, z: (np.mean((y - z) ** 2), 2 * (z - y)), PAIR), None),
    "median": (subject(lambda y, z: np.median(np.abs(y - z))), None),
    "weighted rmse": (subject(lambda y, z, w: np.sqrt(np.sum(w * (y - z) ** 2) / w.sum()), weighted=True), None),
    "divided twice": (subject(lambda y, z: np.mean((y - z) ** 2) / len(y)), "denominator"),
    "one row too few": (subject(lambda y, z: np.sum((y - z) ** 2) / (len(y) - 1)), "denominator"),
    "sum": (subject(lambda y, z: np.sum((y - z) ** 2)), None),
    "mean over classes": (subject(lambda y, z: -np.mean(y * np.log(softmax(z))), **ROWS), "denominator"),
    "sum over classes": (subject(lambda y, z: -np.mean(np.sum(y * np.log(softmax(z)), axis=1)), **ROWS), None),
    "softmax over rows": (subject(lambda y, z: np.mean(_picked(y, softmax(z, axis=0))), **INDEX), "axis"),
    "softmax over classes": (subject(lambda y, z: np.mean(_picked(y, softmax(z))), **INDEX), None),
    "mean of means": (subject(_chunked), "batch_split"),
    "divided by the spread of the batch": (
        subject(lambda y, z: np.mean(((y - z) / (1 + np.std(y))) ** 2)),
        "batch_split",
    ),
    "gradient over its maximum": (
        booster(lambda y, z: ((z - y) / max(1.5, np.abs(z - y).max()), np.ones_like(z))),
        "batch_split",
    ),
    "remembers": (subject(_remembers()), "batch_split"),
    "rmse": (subject(lambda y, z: np.sqrt(np.mean((y - z) ** 2))), None),
    "dice": (
        subject(lambda y, z: 1 - (2 * np.sum(y * sigmoid(z)) + 1) / (y.sum() + sigmoid(z).sum() + 1), kind="binary"),
        None,
    ),
    "changes predictions": (subject(_changes_predictions), "in_place"),
    "changes weights": (subject(_changes_weights, weighted=True), "in_place"),
    "every pair": (subject(lambda y, z: np.mean((y[:, None] - z) ** 2)), "broadcasting"),
    "one hessian": (booster(lambda y, z: (z - y, np.ones(1))), "wrong_shape"),
    "no single row": (subject(lambda y, z: np.mean((y - z) ** 2) if len(y) > 1 else [][0]), "raises"),
}


@pytest.mark.parametrize("name", PLANTED)
@pytest.mark.parametrize("dtypes", [BOTH, ("float32",)])
def test_each_fault_is_named_and_right_ones_are_silent(name: str, dtypes: tuple[str, ...]) -> None:
    from dataclasses import replace

    of, code = PLANTED[name]
    of = replace(of, dtypes=dtypes)
    found = faults(look, of, recognise(of, None))
    assert set(found) == ({code} if code else set()), found


def test_weights_are_told_with_numbers() -> None:
    sentence = faults(look, PLANTED["objective squares"][0])["weights_twice"]
    assert "a row of weight 3.1 has 9.61 times as much as without" in sentence


def test_an_unknown_loss_of_sums_is_a_note() -> None:
    found = [f for f in look(PLANTED["rmse"][0], None, 0) if f.code == "batch_split"]
    assert [f.verdict for f in found] == ["note"] and "the root" in found[0].sentence


def test_columns_against_rows_are_told() -> None:
    quiet = subject(lambda y, z: np.mean((y - z) ** 2))
    assert [f.verdict for f in look(quiet, None, 0) if f.code == "broadcasting"] == ["note"]

    def careful(y: Array, z: Array) -> Any:
        if y.shape != z.shape:
            raise ValueError(f"{y.shape} against {z.shape}")
        return np.mean((y - z) ** 2)

    flat = subject(lambda y, z: np.mean((np.ravel(y) - np.ravel(z)) ** 2))
    for of in (subject(careful), flat):
        assert [f for f in look(of, None, 0) if f.code == "broadcasting"] == []


def test_what_was_handed_over_is_looked_at_not_a_copy() -> None:
    seen: list[Array] = []

    def call(y: Array, z: Array, w: Array | None) -> Answer:
        seen.append(y)
        return Answer(value=np.mean((y - z) ** 2))

    before = [a.copy() for a in seen]
    look(Subject("f", "plain", "real", "raw", call, frozenset({"value"})), None, 0)
    assert len(seen) > len(before) and len({id(a) for a in seen}) > 3


def test_an_empty_batch_that_raises_is_a_note() -> None:
    of = booster(lambda y, z: ((z - y) / 1.0 + 0.0 * np.max(z), np.ones_like(z)))
    assert [(f.code, f.verdict) for f in look(of, None, 0)] == [("raises", "note")]


@pytest.mark.parametrize("name", [n for n in ls.names() if n not in COLUMNS])
def test_no_false_alarm_on_standalone_code_of_the_catalogue(name: str) -> None:
    for of in generated(name):
        assert faults(look, of, known_as(name, of)) == {}


def test_few_calls_are_made() -> None:
    calls: list[int] = []

    def counted(y: Array, z: Array, w: Array) -> Any:
        calls.append(1)
        return np.sum(w * (y - z) ** 2) / w.sum()

    look(subject(counted, weighted=True), None, 0)
    assert len(calls) <= 100


def test_metrics_of_scikit_learn() -> None:
    from sklearn import metrics

    for name, kind, takes in (
        ("mean_squared_error", "real", "raw"),
        ("mean_absolute_error", "real", "raw"),
        ("median_absolute_error", "real", "raw"),
        ("mean_pinball_loss", "real", "raw"),
        ("root_mean_squared_error", "real", "raw"),
        ("mean_poisson_deviance", "count", "probability"),
        ("log_loss", "binary", "probability"),
        ("brier_score_loss", "binary", "probability"),
        ("hinge_loss", "binary", "raw"),
    ):
        metric = getattr(metrics, name)
        of = subject(
            lambda y, p, w, metric=metric: metric(y, p, sample_weight=w), kind=kind, takes=takes, weighted=True
        )
        assert faults(look, of, recognise(of, None)) == {}, name


@pytest.mark.peers("torch")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_torch(dtype: str) -> None:
    torch = pytest.importorskip("torch")
    nn, classes = torch.nn, {"classes": 3, "target": "index"}
    several = torch.tensor([1.0, 2.0, 3.0], dtype=getattr(torch, dtype))
    cases: dict[str, tuple[Subject, str | None]] = {
        "mse": (criterion(torch, nn.MSELoss(), "real", dtype), None),
        "mse by row": (criterion(torch, nn.MSELoss(reduction="none"), "real", dtype, per_row=True), None),
        "huber": (criterion(torch, nn.HuberLoss(), "real", dtype), None),
        "bce": (criterion(torch, nn.BCEWithLogitsLoss(), "binary", dtype), None),
        "ce": (criterion(torch, nn.CrossEntropyLoss(), "class", dtype, **classes), None),
        "weighted ce": (criterion(torch, nn.CrossEntropyLoss(weight=several), "class", dtype, **classes), None),
        "smoothed ce": (criterion(torch, nn.CrossEntropyLoss(label_smoothing=0.1), "class", dtype, **classes), None),
        "divided twice": (criterion(torch, lambda z, y: ((z - y) ** 2).mean() / len(y), "real", dtype), "denominator"),
        "every pair": (criterion(torch, lambda z, y: ((z[:, None] - y) ** 2).mean(), "real", dtype), "broadcasting"),
        "softmax over rows": (
            criterion(torch, lambda z, y: nn.functional.nll_loss(z.log_softmax(dim=0), y), "class", dtype, **classes),
            "axis",
        ),
    }
    for name, (of, code) in cases.items():
        found = faults(look, of, recognise(of, None))
        assert set(found) == ({code} if code else set()), (name, found)
