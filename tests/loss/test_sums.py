"""Sums add up over batches, files and workers: any split, any order, any number of threads, the same bits."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.errors import LossmithError
from tests.sampling import every

N = 1000
RNG = np.random.default_rng(23)
LOSSES = {
    "mse": lambda: ls.get("mse"),
    "log_loss": lambda: ls.get("log_loss"),
    "rmse": lambda: ls.get("rmse"),
    "dice": lambda: ls.get("dice"),
    "focal": lambda: ls.get("focal", gamma=1.5),
    "sum": lambda: ls.get("sum_of_squares_half"),
}


def data(name: str, dtype: Any) -> tuple[Any, Any, Any]:
    """Rows whose sizes lie 4 orders of magnitude apart, so that plain sums differ by their order."""
    spread = 10.0 ** RNG.uniform(-2, 2, size=N) if name in ("mse", "rmse", "sum") else 1.0
    raw = (RNG.normal(size=N) * spread).astype(dtype)
    y = RNG.normal(size=N) * spread if name in ("mse", "rmse", "sum") else RNG.integers(0, 2, size=N).astype(float)
    return y, raw, RNG.uniform(0, 3, size=N) * (RNG.uniform(size=N) > 0.1)


@pytest.mark.parametrize(
    ("name", "dtype", "weighted"),
    every(
        3,
        (
            (name, dtype, weighted)
            for name in LOSSES
            for weighted in (False, True)
            for dtype in (np.float64, np.float32)
        ),
    ),
)
def test_one_piece_or_a_thousand_in_any_order(name: str, dtype: Any, weighted: bool) -> None:
    loss = LOSSES[name]().using("numpy")
    y, raw, w = data(name, dtype)
    weight = w if weighted else None
    whole = loss.value(y, raw, weight)
    for pieces in (1, 43, 1000):
        parts = [
            loss.sums(y[rows], raw[rows], None if weight is None else weight[rows])
            for rows in np.array_split(np.arange(N), pieces)
        ]
        assert sum(parts).value() == whole
        assert sum(parts[i] for i in RNG.permutation(pieces)).value() == whole
        while len(parts) > 1:  # workers merge in pairs
            parts = [a + b for a, b in zip(parts[::2], parts[1::2], strict=False)] + parts[len(parts) // 2 * 2 :]
        assert parts[0].value() == whole


def test_a_plain_sum_would_show_the_split() -> None:
    """The data above are hard: adding the same terms in another order changes the last digits."""
    y, raw, _ = data("mse", np.float64)
    terms = (y - raw) ** 2
    rng = np.random.default_rng(0)
    assert len({float(np.add.reduce(terms[rng.permutation(N)])) for _ in range(200)}) > 1


def test_masked_batches_merge() -> None:
    y, raw, _ = data("log_loss", np.float64)
    loss, mask = ls.get("log_loss").using("numpy"), RNG.uniform(size=N) > 0.5
    whole = loss.value(y, raw, columns={"mask": mask})
    halves = [slice(0, 300), slice(300, N)]
    assert sum(loss.sums(y[h], raw[h], columns={"mask": mask[h]}) for h in halves).value() == whole


def test_batches_without_rows_or_weight_change_nothing() -> None:
    loss = ls.get("dice").using("numpy")
    some = loss.sums([1, 0], [2.0, -1.0])
    for nothing in (loss.sums([], []), loss.sums([1.0], [np.nan], [0.0])):
        assert (some + nothing).value() == (nothing + some).value() == some.value()
        assert nothing.value() == 0.0


def test_classes_and_images_merge() -> None:
    y, raw = RNG.integers(0, 2, size=(6, 3, 5)).astype(float), RNG.normal(size=(6, 3, 5))
    for per in ("class", ("group", "class")):
        loss = ls.parse("1 - 2*sum(y*p)/(sum(y) + sum(p))", target="binary", link="sigmoid", per=per).using("numpy")
        parts = [loss.sums(y[i : i + 2], raw[i : i + 2]) for i in (0, 2, 4)]
        assert sum(parts).value() == loss.value(y, raw)


def test_what_cannot_add_up_is_refused() -> None:
    a, b = ls.get("mse").using("numpy"), ls.get("rmse").using("numpy")
    with pytest.raises(LossmithError, match=r"LM250"):
        a.sums([1.0], [0.0]) + b.sums([1.0], [0.0])
    huber = ls.get("huber").using("numpy")
    with pytest.raises(LossmithError, match=r"LM250"):
        huber.sums([1.0], [0.0]) + huber.bind(delta=2).sums([1.0], [0.0])
    ce = ls.get("ce").using("numpy")
    with pytest.raises(TypeError):
        ce.sums([0], [[1.0, 2.0]]) + 1.0  # type: ignore[operator]
    dice = ls.get("dice").using("numpy")
    with pytest.raises(LossmithError, match=r"LM251"):
        dice.sums([[1, 0]], [[1.0, 2.0]]) + dice.sums([[1, 0, 1]], [[1.0, 2.0, 3.0]])


def test_a_formula_that_must_see_the_data_twice_is_refused_by_name() -> None:
    loss = ls.parse("sqrt(mean((y - z - mean(y - z))**2))", target="real", name="spread").using("numpy")
    with pytest.raises(LossmithError, match=r"LM311 spread"):
        loss.sums([1.0], [0.0])
    residuals = np.array([3.0, 1.0, 8.0])
    assert loss.value(residuals, np.zeros(3)) == pytest.approx(residuals.std(), rel=4e-16)


def test_sums_and_losses_travel_to_a_fresh_process() -> None:
    """By their data: also a loss made by a decorated function in a script, of which the other process knows nothing."""

    @ls.define(target="real", columns=("cost",))
    def costly(y, z, cost, power=2.0):  # type: ignore[no-untyped-def]
        return cost * abs(y - z) ** power

    loss = costly(power=1.5).using("numpy")
    part = loss.sums([1.0], [0.0], columns={"cost": [3.0]})
    code = (
        "import sys, pickle; loss, part = pickle.load(sys.stdin.buffer);"
        "other = loss.sums([0.0], [4.0], columns={'cost': [1.0]});"
        "sys.stdout.buffer.write(pickle.dumps((loss, part + other)))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    run = subprocess.run(
        [sys.executable, "-c", code], input=pickle.dumps((loss, part)), capture_output=True, env=environment, check=True
    )
    back, total = pickle.loads(run.stdout)
    assert back == loss
    assert back.parameters == {"power": 1.5}
    assert total.value() == loss.value([1.0, 0.0], [0.0, 4.0], columns={"cost": [3.0, 1.0]}) == 5.5


@pytest.mark.parametrize("name", ["log_loss", "dice"])
def test_compiled_kernels_split_like_the_reference_and_threads_do_not_show(name: str) -> None:
    n = 50_001
    raw, y, w = RNG.normal(size=n) * 3, RNG.integers(0, 2, size=n).astype(float), RNG.uniform(size=n)
    loss = ls.get(name)
    values = {loss.using("numba", n_threads=t).value(y, raw, w) for t in (1, 2, 3)}
    for pieces in (43, 1000):
        parts = [loss.sums(y[r], raw[r], w[r]) for r in np.array_split(np.arange(n), pieces)]
        values.add(sum(parts).value())
    assert len(values) == 1
    assert values.pop() == pytest.approx(loss.using("numpy").value(y, raw, w), rel=1e-14)
    one, two = (loss.using("numba", n_threads=t).gradient(y, raw, w) for t in (1, 2))
    np.testing.assert_array_equal(one, two)
