"""What a quantile costs on held-out rows: LightGBM's own objective against ours under each curvature policy.

Comes in: nothing; three noises, two label scales, two levels, made here. Goes out: a table of held-out losses, each
divided by that of LightGBM's own objective, and the seconds of a run. `python benchmarks/boosting_pinball.py [rounds]`.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final

import lightgbm
import numpy as np
from numpy.typing import NDArray

import lossmith as ls

Floats = NDArray[np.float64]
ROWS: Final = 6000
PARAMS: Final = {"verbosity": -1, "num_leaves": 31, "learning_rate": 0.1, "seed": 1, "num_threads": 1}
NOISES: Final[dict[str, Callable[[np.random.Generator], Floats]]] = {
    "normal": lambda rng: rng.normal(size=ROWS),
    "student t, 2": lambda rng: rng.standard_t(2, ROWS),
    "exponential": lambda rng: 2 * rng.exponential(size=ROWS),
}


def made(seed: int, noise: str, scale: float) -> tuple[Floats, Floats]:
    """Six features; a mean with a step, a wave and a product; noise whose width depends on a feature."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(ROWS, 6))
    mean = 2 * X[:, 0] + 2 * np.sin(2 * X[:, 1]) + X[:, 2] * X[:, 3]
    return X, scale * (mean + np.exp(0.4 * X[:, 4]) * NOISES[noise](rng))


def unit_curvature(loss: Any, X: Floats, y: Floats, rounds: int) -> Any:
    """What people write by hand: the gradient, and 1 for the hessian."""
    start = loss.best_constant(y)

    def objective(raw: Floats, _: Any) -> tuple[Floats, Floats]:
        return loss.per_example_gradient(y, raw), np.ones(len(y))

    data = lightgbm.Dataset(X, y, init_score=np.full(len(y), start))
    trained = lightgbm.train({**PARAMS, "objective": objective}, data, rounds)
    return ls.for_lightgbm(loss).bake(trained, start)


def main(rounds: int) -> None:
    """Print one line for each noise, scale and level."""
    print(f"{'noise':14}{'scale':>6}{'level':>7}{'own':>10}{'unit':>8}{'ours':>8}{'own s':>8}{'ours s':>8}")
    for noise in NOISES:
        for scale in (1.0, 1000.0):
            for level in (0.5, 0.9):
                loss = ls.get("quantile", level=level)
                (X, y), (held, truth) = (made(seed, noise, scale) for seed in (0, 1))
                began = time.perf_counter()
                own = lightgbm.train(
                    {**PARAMS, "objective": "quantile", "alpha": level}, lightgbm.Dataset(X, y), rounds
                )
                middle = time.perf_counter()
                ours = ls.for_lightgbm(loss).train(X, y, params=PARAMS, rounds=rounds)
                ended = time.perf_counter()
                unit = unit_curvature(loss, X, y, rounds)
                base, by_unit, by_us = (loss.value(truth, model.predict(held)) for model in (own, unit, ours))
                print(
                    f"{noise:14}{scale:6g}{level:7g}{base:10.4f}{by_unit / base:8.3f}{by_us / base:8.3f}"
                    f"{middle - began:8.2f}{ended - middle:8.2f}",
                    flush=True,
                )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
