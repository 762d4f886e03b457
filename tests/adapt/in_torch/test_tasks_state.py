"""Tasks saved, resumed, moved, and on several processes: the state of a balancer goes on to the last bit."""

import copy
import io
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import lossmith as ls
from lossmith.errors import AdapterError
from tests.adapt.in_torch.case_tasks import ALL, batch, losses

pytestmark = pytest.mark.peers("torch")

ROOT = Path(__file__).parents[3]


# State ----------------------------------------------------------------------------------------------------------------


def steps(tasks, seeds, optimizer=None):
    """Totals of some batches."""
    found = []
    for seed in seeds:
        total = tasks(*batch(seed))
        if optimizer is not None:
            optimizer.zero_grad()
            total.backward()
            optimizer.step()
        found.append(total.item())
        tasks.end_epoch()
    return found


@pytest.mark.parametrize("balance", ALL)
def test_a_training_that_goes_on_is_the_same_to_the_last_bit(balance):
    import torch

    def made():
        tasks = ls.tasks(losses(), balance)
        return tasks, torch.optim.Adam(tasks.parameters(), lr=0.1) if [*tasks.parameters()] else None

    tasks, optimizer = made()
    steps(tasks, range(4), optimizer)
    file = io.BytesIO()
    torch.save([tasks.state_dict(), optimizer and optimizer.state_dict()], file)
    copies = [copy.deepcopy(tasks), pickle.loads(pickle.dumps(tasks))]
    right = steps(tasks, range(4, 8), optimizer)
    again, its_own = made()
    file.seek(0)
    state, own_state = torch.load(file, weights_only=True)
    again.load_state_dict(state)
    if its_own is not None:
        its_own.load_state_dict(own_state)
    assert steps(again, range(4, 8), its_own) == right
    if optimizer is None:
        assert [steps(each, range(4, 8)) for each in copies] == [right, right]


def test_state_moves_in_training_alone():
    import torch

    for balance in ("initial_magnitude", "random", "dynamic_weight_average"):
        tasks = ls.tasks(losses(), balance)
        start = copy.deepcopy(tasks.balancer.state_dict())
        with torch.no_grad():
            tasks(*batch())
        tasks.eval()
        tasks(*batch())
        assert all(torch.equal(start[name], tensor) for name, tensor in tasks.balancer.state_dict().items())
        tasks.train()
        tasks(*batch())
        assert not all(torch.equal(start[name], tensor) for name, tensor in tasks.balancer.state_dict().items())


def test_the_state_of_other_tasks_is_refused():
    state = ls.tasks(losses(), "random", seed=1).state_dict()
    ls.tasks(losses(), "random", seed=1).load_state_dict(state)
    others = [
        ls.tasks(losses(), "random", seed=2),
        ls.tasks({"prices" if name == "price" else name: loss for name, loss in losses().items()}, "random", seed=1),
    ]
    for other in others:
        with pytest.raises(AdapterError, match="the saved tasks are") as caught:
            other.load_state_dict(state)
        assert caught.value.code == "LM465"


def test_learned_weights_are_parameters_and_the_optimizer_finds_their_optimum():
    """Kendall: σ² = value. 300 steps of Adam end within a step of the optimum."""
    import torch

    z, y = batch()
    tasks = ls.tasks(losses(), "uncertainty", form="kendall")
    assert [name for name, _ in tasks.named_parameters()] == ["balancer.log_variance"]
    optimizer = torch.optim.Adam(tasks.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        tasks({name: raw.detach() for name, raw in z.items()}, y).backward()
        optimizer.step()
    report = tasks.report()
    for name, variance in zip(tasks.names, tasks.balancer.log_variance.exp().tolist(), strict=True):
        assert variance == pytest.approx(report[f"{name}/value"], rel=0.05)


def test_precision_of_the_state_stays_and_half_inputs_are_taken():
    import torch

    tasks = ls.tasks(losses(), "initial_magnitude").half()
    assert tasks.balancer.size.dtype == torch.float64 and tasks.balancer.seen.dtype == torch.int64
    z, y = batch()
    small = {name: raw.detach().bfloat16().requires_grad_() for name, raw in z.items()}
    total = tasks(small, y)
    total.backward()
    assert total.item() == 3.0 and all((raw.grad != 0).any() for raw in small.values())


# Several processes ----------------------------------------------------------------------------------------------------


class TwoProcesses:
    """Two processes played one after the other: the first time each says its sums, the second time both are added up."""

    factor = 2.0

    def __init__(self):
        self.said, self.turn, self.at = [[], []], 0, None

    def merge(self, op, sums):
        assert op == "add"
        if self.at is None:
            self.said[self.turn].append(sums.detach().clone())
            return sums
        self.at += 1
        return self.said[0][self.at - 1] + self.said[1][self.at - 1]


@pytest.mark.parametrize("balance", ALL)
def test_processes_weigh_alike_and_as_one_process_with_all_rows(balance):
    """One of them has no row of a task. Float64 sums of 12 rows in another order: a few ulp."""
    import torch

    z, y = batch(0, 12)
    z = {name: raw.detach() for name, raw in z.items()}
    here = torch.arange(12) >= 8  # the rows of "price": all with the second process
    cuts = [slice(0, 7), slice(7, 12)]
    alone = ls.tasks(losses(), balance)
    alone(z, y, None, {"price": here})
    workers, ranks = TwoProcesses(), []
    for at in (None, 0):
        for rank, cut in enumerate(cuts):
            workers.turn, workers.at = rank, at
            made = ls.tasks({n: ls.for_torch(loss, workers=workers) for n, loss in losses().items()}, balance)
            total = made(
                {n: t[cut] for n, t in z.items()}, {n: t[cut] for n, t in y.items()}, None, {"price": here[cut]}
            )
            ranks.append((total.item(), made.report(), made.balancer.state_dict()))
    (first, said, state), (second, said_too, state_too) = ranks[2:]
    assert first == second and said == said_too and all(torch.equal(state[name], state_too[name]) for name in state)
    for name, number in alone.report().items():
        assert said[name] == pytest.approx(number, rel=16 * 2.0**-52)


@pytest.mark.corpus
def test_two_real_processes_train_as_one(tmp_path):
    """Six steps in float64: some ulp of 2**-52 for each."""
    program, found = Path(__file__).with_name("ranks_tasks.py"), tmp_path / "found.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([*command, str(program), str(found)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    off = json.loads(found.read_text())
    assert [*off] == ALL and max(off.values()) <= 1e-13


def test_across_processes_shares_state_and_parameters():
    tasks = ls.tasks(losses(), "uncertainty")
    everywhere = tasks.across()
    assert everywhere.balancer is tasks.balancer and all(c.workers is not None for c in everywhere.criteria)
    assert all(c.workers is None for c in tasks.criteria)
    z, y = batch()
    assert everywhere(z, y) == tasks(z, y)  # a single process
