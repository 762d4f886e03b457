"""The linear model under our losses against scikit-learn's own, 10⁵ rows and 100 features, on two threads.

Comes in: nothing (`python benchmarks/sklearn_linear_speed.py [turns] [rows] [features] [first case]`). Goes out: a table,
one line for each peer: seconds of both (medians), the median of the ratios of turns that followed each other, and the share
of the objective that each left above the lowest one known. Each peer's tolerance is the loosest of a few that reaches the gap
that ours reaches, or the gap of 1e-9 if ours is below; so a peer never works for digits that we do not have.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
from sklearn.linear_model import GammaRegressor, LogisticRegression, PoissonRegressor, QuantileRegressor
from threadpoolctl import threadpool_limits

import lossmith as ls

THREADS = 2
GAP = 1e-9
PENALTY = 1e-3
TOLERANCES = (1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8)

Floats = np.ndarray[Any, np.dtype[np.float64]]
Peer = Callable[[float, int], Any]


@dataclass(frozen=True)
class Case:
    """A loss, the peers that minimise the same, the kind of targets, and how many rows of all."""

    loss: str
    kind: str
    peers: dict[str, Peer]
    share: float = 1.0
    penalty: float = PENALTY


def _logistic(solver: str) -> Peer:
    return lambda tol, n: LogisticRegression(C=1 / (PENALTY * n), solver=solver, tol=tol, max_iter=10_000)


def _poisson(solver: str) -> Peer:
    return lambda tol, n: PoissonRegressor(alpha=PENALTY, solver=solver, tol=tol, max_iter=10_000)


def _gamma(solver: str) -> Peer:
    return lambda tol, n: GammaRegressor(alpha=PENALTY, solver=solver, tol=tol, max_iter=10_000)


BOTH = ("lbfgs", "newton-cholesky")
CASES = (
    Case("log_loss", "binary", {f"LogisticRegression({s})": _logistic(s) for s in BOTH}),
    Case("cross_entropy", "class", {f"LogisticRegression({s}), 5 classes": _logistic(s) for s in BOTH}),
    Case("poisson", "count", {f"PoissonRegressor({s})": _poisson(s) for s in BOTH}),
    Case("gamma", "positive", {f"GammaRegressor({s})": _gamma(s) for s in BOTH}),
    Case("quantile", "real", {"QuantileRegressor(highs)": lambda tol, n: QuantileRegressor(alpha=0.0)}, 0.02, 0.0),
)


def rows(kind: str, n: int, p: int) -> tuple[Floats, Floats]:
    """Features that hang together, of sizes from 0.3 to 3, and targets of the kind."""
    rng = np.random.default_rng(7)
    X = (rng.normal(size=(n, p)) + 0.5 * rng.normal(size=(n, 1))) * np.geomspace(0.3, 3, p)
    signal = X @ (rng.normal(size=p) / np.geomspace(0.3, 3, p) / np.sqrt(p))
    draw: dict[str, Callable[[], Any]] = {
        "binary": lambda: rng.random(n) < 1 / (1 + np.exp(-signal)),
        "class": lambda: np.argmax(X[:, :5] / X[:, :5].std(axis=0) + rng.gumbel(size=(n, 5)), axis=1),
        "count": lambda: rng.poisson(np.exp(signal / 2)),
        "positive": lambda: rng.gamma(2.0, np.exp(signal / 2)) + 1e-6,
        "real": lambda: signal + rng.standard_t(3, n),
    }
    return X, np.asarray(draw[kind](), dtype=np.float64)


def objective(case: Case, X: Floats, y: Floats, model: Any) -> float:
    """What both minimise, computed from the definition."""
    loss, weights = ls.get(case.loss), np.atleast_2d(model.coef_)
    raw = X @ weights.T + model.intercept_
    value = loss.value(y, raw if len(weights) > 1 else raw[:, 0]) / abs(loss.factor)
    return value + case.penalty / 2 * float((weights**2).sum())


def timed(model: Any, X: Floats, y: Floats) -> float:
    start = time.perf_counter()
    model.fit(X, y)
    return time.perf_counter() - start


def loosest(case: Case, peer: Peer, X: Floats, y: Floats, goal: float) -> tuple[float, float]:
    """The loosest tolerance with which the peer comes down to the goal, and where it comes to."""
    reached = np.inf
    for tol in TOLERANCES:
        reached = objective(case, X, y, peer(tol, len(X)).fit(X, y))
        if reached <= goal:
            return tol, reached
    return TOLERANCES[-1], reached


def compare(case: Case, n: int, p: int, turns: int) -> None:
    X, y = rows(case.kind, n, p)
    ours = ls.for_sklearn(ls.get(case.loss))

    def own(tol: float) -> Any:
        return ours.linear(penalty=case.penalty, tol=tol)

    lowest = objective(case, X, y, own(1e-13).fit(X, y))
    found = objective(case, X, y, own(GAP).fit(X, y))
    for title, peer in case.peers.items():
        tol, reached = loosest(case, peer, X, y, max(found, lowest + GAP * abs(lowest)))
        pairs = [(timed(own(GAP), X, y), timed(peer(tol, n), X, y)) for _ in range(turns)]
        mine, theirs = (median(pair[k] for pair in pairs) for k in (0, 1))
        gaps = [(end - min(lowest, reached)) / abs(lowest) for end in (found, reached)]
        print(
            f"{case.loss:14} {n:7} x {p:3}  ours {mine:7.3f} s  {title:40} {theirs:7.3f} s  "
            f"theirs/ours {median(b / a for a, b in pairs):6.2f}  above the lowest: {gaps[0]:.0e} {gaps[1]:.0e}",
            flush=True,
        )


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    turns, n, p, first = (int(word) for word in (*sys.argv[1:], *("5", "100000", "100", "0")[len(sys.argv) - 1 :]))
    os.environ.setdefault("NUMBA_NUM_THREADS", str(THREADS))
    with threadpool_limits(THREADS):
        for case in CASES[first:]:
            compare(case, int(n * case.share), p, turns)


if __name__ == "__main__":
    main()
