"""Several processes on one batch: the same gradient as one process, under DistributedDataParallel and FSDP.

`ranks_430.py` runs the grid, started once by torchrun; here its records are looked at.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import lossmith as ls
from tests.adapt.in_torch.case_430 import BOUND, cases, others

pytestmark = pytest.mark.peers("torch")
ROOT = Path(__file__).parents[3]


def _torchrun(place: Path, *words: str) -> dict:
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "4"]
    command += ["-m", "tests.adapt.in_torch.ranks_430", str(place), *words]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(place.read_text())


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return _torchrun(tmp_path_factory.mktemp("ranks") / "found.json")


def _worst(records: list[dict], **named: object) -> float:
    chosen = [r for r in records if all(r[name] == value for name, value in named.items())]
    assert chosen
    return max(max(r["off"], r["value_off"]) for r in chosen)


@pytest.mark.parametrize("name", cases())
def test_every_cut_over_processes_gives_the_gradient_of_all_rows(found: dict, name: str) -> None:
    grid = {(r["processes"], r["micro_batches"]) for r in found["grid"] if r["loss"] == name and r["way"] == "ddp"}
    assert grid == {(p, m) for p in (1, 2, 4) for m in (1, 4, 43)}
    assert _worst(found["grid"], loss=name, way="ddp") <= BOUND


@pytest.mark.parametrize("way", ["fsdp", "summed"])
@pytest.mark.parametrize("name", cases())
def test_sharded_and_summed_gradients_are_the_same(found: dict, name: str, way: str) -> None:
    assert {r["processes"] for r in found["grid"] if r["way"] == way and r["loss"] == name} == {2, 4}
    assert _worst(found["grid"], loss=name, way=way) <= BOUND


@pytest.mark.parametrize("name", others())
def test_losses_that_need_all_rows_in_other_ways(found: dict, name: str) -> None:
    assert _worst(found["grid"], loss=name, processes=4) <= BOUND


def test_in_double_precision_nothing_but_rounding_is_left(found: dict) -> None:
    assert _worst(found["grid"], dtype="float64") <= 1e-12  # 430 rounded terms


def test_a_process_with_another_loss_is_told_on_every_process(found: dict) -> None:
    assert len(found["quarrel"]) == 4
    for told in found["quarrel"]:
        assert told.startswith("LM456")
        assert "process 0 has add of (3,) for rmse" in told
        assert "process 2 add of (3,) for squared_error" in told


@pytest.mark.corpus
def test_the_whole_grid(tmp_path: Path) -> None:
    records = _torchrun(tmp_path / "found.json", "all")["grid"]
    assert len(records) == 5 * 2 * 3 * (1 + 2 * 3) + 2 * len(others())
    assert _worst(records) <= BOUND


# Without other processes -----------------------------------------------------------------------------------------------


def test_one_process_alone_is_all_there_are() -> None:
    import torch

    criterion = ls.for_torch(ls.get("rmse").using("numpy"))
    z, y = torch.tensor([1.0, 5.0], requires_grad=True), torch.zeros(2)
    for gradients in ("averaged", "summed"):
        across = criterion.across(gradients=gradients)
        assert across.workers.factor == 1.0
        assert across.loss == criterion.loss
        assert torch.equal(across(z, y), criterion(z, y))
        assert torch.equal(*(torch.autograd.grad(c(z, y), z)[0] for c in (across, criterion)))
    assert criterion.workers is None
    assert pickle.loads(pickle.dumps(criterion.across())).workers.averaged


def test_other_words_are_refused() -> None:
    with pytest.raises(ls.LossmithError, match=r'LM455 .*"averaged".*"summed", got "mean"'):
        ls.for_torch(ls.get("mse")).across(gradients="mean")


def test_sums_are_joined_in_double_words_and_the_rest_as_it_says() -> None:
    import torch

    from lossmith.adapt.in_torch.workers import JOIN

    parts = np.array([[1.0, 1e16, -np.inf], [1e100, 1.0, 2.0], [1.0, 1.0, 3.0], [-1e100, -1e16, 4.0]])
    everyone = torch.from_numpy(parts)
    assert JOIN["add"](everyone).tolist() == [2.0, 2.0, -np.inf]  # plain addition loses every 1.0
    assert JOIN["max"](everyone).tolist() == [1e100, 1e16, 4.0]
    assert JOIN["logsumexp"](torch.tensor([[-np.inf, 0.0], [-np.inf, 0.0]], dtype=torch.float64)).tolist() == [
        -np.inf,
        np.log(2),
    ]
