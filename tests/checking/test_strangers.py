"""Faults and correct losses as strangers write them: one cause, one finding; and no alarm where nothing is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls


def codes(thing: Any, **hints: Any) -> list[str]:
    return [fault.code for fault in ls.verify(thing, **hints).faults]


def clipped(lowest: float) -> Any:
    def value(y_true: Any, y_pred: Any) -> Any:
        p = np.clip(y_pred, lowest, 1 - lowest)
        return -np.mean(y_true * np.log(p) + (1 - y_true) * np.log(1 - p))

    return value


@pytest.mark.parametrize("lowest", [0.05, 0.01])
def test_probabilities_that_are_clipped_far_inside_stop_pulling(lowest: float) -> None:
    assert codes(clipped(lowest), kind="binary", takes="probability") == ["dead_gradient"]


def test_clipping_at_the_last_digit_of_the_format_is_no_fault() -> None:
    def value(y_true: Any, y_pred: Any) -> Any:
        gap = np.finfo(y_pred.dtype).eps
        p = np.clip(y_pred, gap, 1 - gap)
        return -np.mean(y_true * np.log(p) + (1 - y_true) * np.log(1 - p))

    assert codes(value, kind="binary", takes="probability") == []


def strictly_positive(y_true: Any, y_pred: Any) -> Any:
    """Raises for a target of 0, as the gamma deviance of scikit-learn does."""
    if (y_true <= 0).any() or (y_pred <= 0).any():
        raise ValueError("strictly positive y and y_pred")
    return 2 * np.mean(np.log(y_pred / y_true) + y_true / y_pred - 1)


def test_a_loss_of_positive_targets_may_refuse_a_target_of_0() -> None:
    assert codes(strictly_positive, kind="positive", takes="probability") == []


def test_the_gamma_deviance_of_scikit_learn_is_no_fault() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    assert codes(metrics.mean_gamma_deviance, kind="positive", takes="probability") == []


def test_the_level_of_a_quantile_on_the_wrong_side_is_named_once() -> None:
    def value(y_true: Any, y_pred: Any) -> Any:
        d = y_true - y_pred
        return np.mean(np.where(d > 0, (1 - 0.9) * d, -0.9 * d))

    def derivatives(y_true: Any, y_pred: Any) -> Any:
        return np.where(y_true > y_pred, -0.2, 0.8), np.ones_like(y_pred)

    assert codes(value, reference="pinball(level=0.9)") == ["alpha_swapped"]
    assert codes(derivatives, reference="pinball(level=0.8)") == ["alpha_swapped"]


def test_swapped_outcomes_are_no_dead_gradient_too() -> None:
    def derivatives(y: Any, raw: Any) -> Any:
        p = 1 / (1 + np.exp(-raw))
        return p - (1 - y), p * (1 - p)

    assert codes(derivatives, kind="binary", reference="bce") == ["probability_swapped"]


def test_rows_and_classes_mixed_up_are_no_split_of_the_batch_too() -> None:
    def objective(preds: Any, train_data: Any) -> Any:
        y = train_data.get_label().astype(int)
        z = np.reshape(preds, (len(y), 3))
        e = np.exp(z - z.max(axis=1, keepdims=True))
        p = e / e.sum(axis=1, keepdims=True)
        return (p - np.eye(3)[y]).ravel(), (p * (1 - p)).ravel()

    assert "batch_split" not in codes(objective, kind="class", classes=3, reference="cross_entropy")
    assert "class_order" in codes(objective, kind="class", classes=3, reference="cross_entropy")


def test_a_threshold_leaves_no_gradient_anywhere() -> None:
    torch = pytest.importorskip("torch")

    def criterion(raw: Any, target: Any) -> Any:
        p = (torch.sigmoid(raw) > 0.5).float()
        return ((p - target) ** 2).mean() + 0 * raw.sum()

    assert codes(criterion, kind="binary", takes="raw") == ["dead_gradient"]


def test_the_name_of_a_file_without_a_function_is_answered_with_how_to_say_it(tmp_path, monkeypatch) -> None:
    (tmp_path / "mine_of_this_test.py").write_text("def f(y, z):\n    return y - z\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ls.LossmithError, match=r"LM354 .*mine_of_this_test:NAME"):
        ls.verify("mine_of_this_test")
