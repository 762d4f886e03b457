"""Tasks compiled, under TorchJD, on data whose losses differ a thousandfold, and in the document."""

import re
import runpy
from pathlib import Path

import pytest

import lossmith as ls
from tests.adapt.in_torch.case_tasks import ALL, batch, losses

pytestmark = pytest.mark.peers("torch")

ROOT = Path(__file__).parents[3]


# With others ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("balance", ALL)
def test_it_compiles_as_one_graph(balance):
    import torch

    z, y = batch()
    tasks, whole = ls.tasks(losses(), balance), ls.tasks(losses(), balance)
    compiled = torch.compile(whole, fullgraph=True, backend="eager")
    for _ in range(2):
        torch.testing.assert_close(compiled(z, y), tasks(z, y), rtol=1e-13, atol=0)
    for a, b in zip(tasks.balancer.buffers(), whole.balancer.buffers(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=0)


@pytest.mark.peers("torch", "torchjd")
def test_the_example_with_torchjd_trains_both_tasks():
    """The plain sum of the two, trained as long, leaves the task whose loss is small a good deal behind."""
    example = runpy.run_path(str(ROOT / "examples" / "tasks_with_torchjd.py"))
    before, after = example["trained"](steps=0), example["trained"](steps=100)
    assert all(after[name] < 0.7 * before[name] for name in before)
    from torchjd.aggregation import Sum

    assert after["sold"] < 0.7 * example["trained"](steps=100, aggregator=Sum())["sold"]


@pytest.mark.peers("torch", "torchjd")
@pytest.mark.parametrize("chunk", [None, 1])
def test_jacobians_of_torchjd_are_our_gradients_of_tasks(chunk):
    """All rows at once (vmap over the backward pass) and one by one; the least combination opposes no task (MGDA)."""
    import torch
    from torchjd.aggregation import MGDA
    from torchjd.autojac import backward, jac_to_grad

    torch.manual_seed(0)
    shared = torch.nn.Linear(4, 2, dtype=torch.float64)
    x, y = torch.randn(10, 4, dtype=torch.float64), torch.randn(10, dtype=torch.float64)
    tasks = ls.tasks({"a": ls.get("mse").using("numpy"), "b": ls.get("huber").using("numpy")})
    out = shared(x)
    found = [*tasks.values({"a": out[:, 0], "b": out[:, 1] + out[:, 0]}, {"a": 1000 * y, "b": -y}).values()]
    rows = [torch.autograd.grad(value, shared.weight, retain_graph=True)[0] for value in found]
    backward(found, parallel_chunk_size=chunk)
    torch.testing.assert_close(shared.weight.jac, torch.stack(rows), rtol=1e-12, atol=0)
    jac_to_grad(shared.parameters(), MGDA())
    assert all((shared.weight.grad * row).sum() + 1e-9 * row.norm() > 0 for row in rows)


# Two tasks whose losses differ a thousandfold -------------------------------------------------------------------------


def test_three_balancers_keep_both_tasks_where_the_plain_sum_loses_one():
    import torch

    script = runpy.run_path(str(ROOT / "benchmarks" / "tasks_x1000.py"))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        worst = script["worst"](epochs=60, seed=0)
    finally:
        torch.set_num_threads(threads)
    assert worst.pop("fixed: plain sum") > 1.5
    assert len(worst) >= 3 and max(worst.values()) <= 1.1, worst


# The document ---------------------------------------------------------------------------------------------------------


def test_the_code_of_the_page_runs_and_its_table_is_that_of_the_code():
    from lossmith.algebra.balance_methods import table

    page = (ROOT / "docs" / "tasks.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert len(blocks) >= 6
    namespace = {}
    for block in blocks:
        exec(compile(block, "docs/tasks.md", "exec"), namespace)
    assert table() in page
