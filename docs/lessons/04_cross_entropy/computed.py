"""Lesson 4, cross entropy: comes in a language, goes out every number and picture of the page."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_wine

import lossmith as ls
from lossmith.report.pages.chart import Bars, Chart, Line, Mark, Spot, Table
from lossmith.report.pages.number import number

Say = Callable[[str, str], str]
Array = Any

BINARY = ls.get("binary_cross_entropy", on="probability").using("numpy")
CLASSES = ls.get("cross_entropy", on="probability").using("numpy")
BETWEEN = ls.get("distribution_cross_entropy").using("numpy")
DIVERGENCE = ls.get("kl_divergence").using("numpy")

OUTCOMES = np.array([0, 1, 0, 0, 1, 1])
PROBABILITIES = np.array([0.5, 0.7, 0.3, 0.2, 0.7, 0.9])
ONE_HOT = np.eye(3)
ROWS = np.array([[0.3, 0.1, 0.6], [0.3, 0.5, 0.2], [0.4, 0.1, 0.5]])
BETTER = [0.6, 0.1, 0.3]
TRUTH = np.array([[0.5, 0.125, 0.125, 0.25]])
UNIFORM = np.array([[0.25, 0.25, 0.25, 0.25]])
SWAPPED = np.array([[0.5, 0.25, 0.125, 0.125]])
STEPS, RATE, FOLDS, MANY = 150, 0.5, 5, 10


def surprise(say: Say) -> dict[str, Any]:
    """What one outcome costs that was given the probability p."""
    p = np.linspace(0.005, 1, 200)
    cost = {value: float(BINARY.value([1], [value])) for value in (0.01, 0.1, 0.5, 0.9, 1.0)}
    return {
        "nine_in_ten": cost[0.9],
        "coin": cost[0.5],
        "one_in_ten": cost[0.1],
        "one_in_hundred": cost[0.01],
        "surprise_picture": Chart(
            say("Surprise", "놀라움"),
            say("probability given to what happened", "실제로 일어난 일에 주었던 확률"),
            "−log p",
            (Line("−log p", tuple(p), tuple(BINARY.per_example(np.ones(len(p)), p))),),
            spots=tuple(Spot(at, cost[at], f"{cost[at]:.3g}") for at in (0.1, 0.5, 0.9)),
        ),
    }


def yes_or_no(say: Say) -> dict[str, Any]:
    """Six outcomes of yes or no."""
    each = BINARY.per_example(OUTCOMES, PROBABILITIES)
    chance = np.where(OUTCOMES == 1, PROBABILITIES, 1 - PROBABILITIES)
    header = (
        *(say("y", "y"), say("p said", "말한 p"), say("probability of what happened", "일어난 일의 확률")),
        say("−log of it", "−log"),
    )
    rows = tuple(
        (int(y), float(p), round(float(c), 12), float(e))
        for y, p, c, e in zip(OUTCOMES, PROBABILITIES, chance, each, strict=True)
    )
    raw = np.array([-1.5, 0.0, 2.0])
    two = np.c_[np.zeros(3), raw]
    return {
        "binary_table": Table(header, rows),
        "binary_mean": BINARY.value(OUTCOMES, PROBABILITIES),
        "binary_best": float(each.min()),
        "raw": "[" + ", ".join(number(float(value)) for value in raw) + "]",
        "raw_binary": ls.get("bce").using("numpy").value([0, 1, 1], raw),
        "raw_classes": ls.get("cross_entropy").using("numpy").value(np.array([0, 1, 1]), two),
    }


def classes() -> dict[str, Any]:
    """Three rows of three classes, and one of them predicted better."""
    each = CLASSES.per_example(ONE_HOT, ROWS)
    better = ROWS.copy()
    better[0] = BETTER
    return {
        "row_first": ROWS[0].tolist(),
        "row_second": ROWS[1].tolist(),
        "row_third": ROWS[2].tolist(),
        "row_better": BETTER,
        "cost_first": float(each[0]),
        "cost_second": float(each[1]),
        "cost_third": float(each[2]),
        "classes_mean": CLASSES.value(ONE_HOT, ROWS),
        "classes_mean_by_number": CLASSES.value(np.array([0, 1, 2]), ROWS),
        "better_first": float(CLASSES.per_example(ONE_HOT, better)[0]),
        "better_mean": CLASSES.value(ONE_HOT, better),
    }


def distributions(say: Say) -> dict[str, Any]:
    """Cross entropy between distributions, taken apart into entropy and divergence."""
    entropy = BETWEEN.value(TRUTH, TRUTH)
    names = (say("uniform", "균등 분포"), say("two swapped", "둘을 맞바꿈"), say("the truth itself", "참 분포 그대로"))
    rows = tuple(
        (name, str(q[0].tolist()), BETWEEN.value(TRUTH, q), entropy, DIVERGENCE.value(TRUTH, q))
        for name, q in zip(names, (UNIFORM, SWAPPED, TRUTH), strict=True)
    )
    header = (
        *(say("prediction", "예측"), "q", say("cross entropy", "교차 엔트로피")),
        *(say("= entropy", "= 엔트로피"), say("+ divergence", "+ KL 발산")),
    )
    return {
        "truth": TRUTH[0].tolist(),
        "entropy": entropy,
        "perplexity": float(np.exp(entropy)),
        "entropy_bits": entropy / float(np.log(2)),
        "cross_uniform": rows[0][2],
        "cross_swapped": rows[1][2],
        "kl_uniform": rows[0][4],
        "kl_swapped": rows[1][4],
        "kl_truth": rows[2][4],
        "parts_table": Table(header, rows),
        "parts_picture": Bars(
            say("Cross entropy and its two parts", "교차 엔트로피와 그 두 부분"),
            say("nats", "내트(nat)"),
            names,
            tuple((header[k], tuple(row[k] for row in rows)) for k in (2, 3, 4)),
        ),
    }


def soft_and_perfect() -> dict[str, Any]:
    """A target of one half each, and a perfect prediction: the loss, and what stands in many notes."""
    half, sure = np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])
    sys.path.insert(0, str(Path(__file__).parents[2]))
    try:
        import notes
    finally:
        sys.path.pop(0)
    with np.errstate(divide="ignore", invalid="ignore"):
        patched = notes.sigmoid_cee(np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    return {
        "soft_cost": CLASSES.value(half, sure),
        "kl_there": DIVERGENCE.value(half, sure),
        "kl_back": DIVERGENCE.value(sure, half),
        "soft_even": CLASSES.value(half, half),
        "soft_notes": notes.softmax_cee(half, sure),
        "soft_notes_even": notes.softmax_cee(half, half),
        "perfect": BINARY.value([1, 0], [1.0, 0.0]),
        "perfect_notes": str(patched),
    }


def loss_of_guessing(count: int) -> float:
    """Cross entropy of saying the same probability for each of so many classes."""
    return CLASSES.value(np.array([0]), np.full((1, count), 1 / count))


@lru_cache
def wines() -> tuple[Array, float, list[float]]:
    """Softmax regression on the wines: shares of the classes, loss of the best constant, loss at each step."""
    x, y = load_wine(return_X_y=True)
    x = np.c_[(x - x.mean(axis=0)) / x.std(axis=0), np.ones(len(x))]
    loss = ls.get("cross_entropy").using("numpy")
    constant = np.broadcast_to(loss.best_constant(y), (len(y), 3))
    weights, losses = np.zeros((x.shape[1], 3)), []
    for _ in range(STEPS + 1):
        value, gradient = loss.value_and_gradient(y, x @ weights)
        losses.append(value)
        weights = weights - RATE * x.T @ gradient
    return np.bincount(y) / len(y), loss.value(y, constant), losses


@lru_cache
def unseen() -> float:
    """Mean cross entropy of the same regression on wines that it has not seen, in FOLDS parts."""
    x, y = load_wine(return_X_y=True)
    loss, part = ls.get("cross_entropy").using("numpy"), np.random.default_rng(0).permutation(len(y)) % FOLDS
    each = np.empty(len(y))
    for k in range(FOLDS):
        seen = part != k
        rows = np.c_[(x - x[seen].mean(axis=0)) / x[seen].std(axis=0), np.ones(len(x))]
        weights = np.zeros((rows.shape[1], 3))
        for _ in range(STEPS):
            weights = weights - RATE * rows[seen].T @ loss.gradient(y[seen], rows[seen] @ weights)
        each[~seen] = loss.per_example(y[~seen], rows[~seen] @ weights)
    return float(each.mean())


def trained(say: Say) -> dict[str, Any]:
    """How many bits the measurements tell about the kind of wine."""
    shares, constant, losses = wines()
    return {
        "n_wines": len(load_wine()["target"]),
        "n_measured": len(load_wine()["feature_names"]),
        "wine_shares": [round(float(s), 3) for s in shares],
        "wine_entropy": float(-(shares * np.log(shares)).sum()),
        "wine_constant": constant,
        "wine_start": losses[0],
        "wine_end": losses[-1],
        "wine_steps": STEPS,
        "wine_folds": FOLDS,
        "wine_unseen": unseen(),
        "wine_bits": (constant - unseen()) / float(np.log(2)),
        "many_classes": MANY,
        "many_start": loss_of_guessing(MANY),
        "wine_picture": Chart(
            say("Cross entropy while a model learns the wines", "와인을 배우는 동안의 교차 엔트로피"),
            say("step", "걸음"),
            say("cross entropy (nats)", "교차 엔트로피(nat)"),
            (Line(say("softmax regression", "소프트맥스 회귀"), tuple(range(STEPS + 1)), tuple(losses)),),
            (
                Mark(losses[0], say("log 3: three equal guesses", "log 3: 셋을 똑같이 추측"), "y"),
                Mark(constant, say("entropy of the classes", "클래스의 엔트로피"), "y"),
            ),
        ),
    }


def computed(say: Say) -> dict[str, Any]:
    """All values of the page, by name.

    >>> round(computed(lambda en, ko: en)["cross_swapped"], 4)
    1.2997
    """
    return surprise(say) | yes_or_no(say) | classes() | distributions(say) | soft_and_perfect() | trained(say)
