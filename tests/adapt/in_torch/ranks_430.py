"""The grid of 430 rows on several processes: `torchrun --nproc-per-node 4 -m tests.adapt.in_torch.ranks_430 OUT [all]`.

Comes in: the place of a file. Goes out: that file, one JSON record for each combination of loss, dtype, processes,
micro-batches and way of joining gradients, with the relative difference from the gradient of all rows at once.
The tests that start it are marked `pytest.mark.peers("torch")`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import Any

import lossmith as ls
from tests.adapt.in_torch.case_430 import (
    CUTS,
    Case,
    cases,
    difference,
    gradient_of,
    network,
    others,
    parts,
    tensors,
    whole,
)


def averaged(model: Any, group: Any) -> tuple[Any, Callable[[], Any] | None]:
    """DistributedDataParallel: gradients are averaged, once, at the last micro-batch."""
    from torch.nn.parallel import DistributedDataParallel

    wrapped = DistributedDataParallel(model, process_group=group)
    return wrapped, wrapped.no_sync


def sharded(model: Any, group: Any) -> tuple[Any, Callable[[], Any] | None]:
    """FSDP: parameters are sharded, gradients averaged while they are scattered."""
    import torch.distributed as dist
    from torch.distributed.device_mesh import DeviceMesh
    from torch.distributed.fsdp import fully_shard

    mesh = DeviceMesh.from_group(group or dist.group.WORLD, "cpu")
    fully_shard(model, mesh=mesh)

    @contextmanager
    def no_sync() -> Iterator[None]:
        model.set_requires_gradient_sync(False)
        yield
        model.set_requires_gradient_sync(True)

    return model, no_sync


def summed(model: Any, group: Any) -> tuple[Any, Callable[[], Any] | None]:
    """Nothing is joined while gradients are computed; `joined` adds them up afterwards."""
    return model, None


DTYPES = ("float64", "float32")
WAYS = {"ddp": averaged, "fsdp": sharded, "summed": summed}


def joined(way: str, found: Any, group: Any) -> Any:
    """The gradient that all processes have in the end."""
    if way == "summed":
        import torch.distributed as dist

        dist.all_reduce(found, group=group)
    return found


def one(case: Case, dtype: Any, way: str, rank: int, cuts: list[list[int]], group: Any) -> tuple[Any, float]:
    """The gradient and the value that this process ends with."""
    model, no_sync = WAYS[way](network(case, dtype), group)
    sizes = list(cuts[rank])
    if way == "fsdp":  # every forward gathers the parameters from all, so all need as many
        sizes += [0] * (max(map(len, cuts)) - len(sizes))
    start = [0, *accumulate(map(sum, cuts))][rank]
    batches = parts(case, tensors(dtype), model, sizes, start)
    criterion = ls.for_torch(case.loss, path=case.path).across(
        group=group, gradients="summed" if way == "summed" else "averaged"
    )
    if max(map(len, cuts)) == 1:
        make, target, weight, columns = batches[0]
        value = criterion(make(), target, weight, columns=columns)
        value.backward()
        value = value.detach()
    else:
        terms = ls.accumulate(criterion, batches, no_sync=no_sync)
        for term in terms:
            term.backward()
        value = terms.value
    return joined(way, gradient_of(model), group), float(value)


Combination = tuple[str, int, int, str]


def combinations(everything: bool) -> Iterator[Combination]:
    """Way, processes, micro-batches and dtype of each combination."""
    for processes in (1, 2, 4):
        for n_batches in (1, 4, 43):
            for dtype in DTYPES:
                yield "ddp", processes, n_batches, dtype
                if processes > 1 and (everything or (n_batches == 4 and dtype == "float32")):
                    yield "summed", processes, n_batches, dtype
                    yield "fsdp", processes, n_batches, dtype


def grid(named: dict[str, Case], wanted: Callable[[], Iterator[Combination]], groups: dict[int, Any]) -> list[dict]:
    """One record for each combination that this process takes part in."""
    import torch
    import torch.distributed as dist

    rank, found = dist.get_rank(), []
    for name, case in named.items():
        if rank:
            dist.barrier()  # process 0 compiles, the others find it compiled
        whole_of = {dtype: whole(case, getattr(torch, dtype)) for dtype in DTYPES}
        if not rank:
            dist.barrier()
        for way, processes, n_batches, dtype in wanted():
            if rank < processes:
                value, gradient = whole_of[dtype]
                cuts = CUTS[processes][n_batches]
                got, total = one(case, getattr(torch, dtype), way, rank, cuts, groups[processes])
                told = {"loss": name, "way": way, "processes": processes, "micro_batches": n_batches, "dtype": dtype}
                value_off = abs(total - float(value)) / abs(float(value))
                found.append({**told, "off": difference(got, gradient), "value_off": value_off})
    return found


def quarrel(group: Any) -> str:
    """What a process is told when it computes another loss than the others."""
    import torch
    import torch.distributed as dist

    loss = ls.get("mse" if dist.get_rank() == 2 else "rmse").using("numpy")
    try:
        ls.for_torch(loss).across(group)(torch.ones(3), torch.zeros(3))
    except ls.LossmithError as error:
        return str(error)
    return "nothing"


def main(place: Path, everything: bool) -> None:
    """Run the grid; process 0 writes what it finds."""
    import torch
    import torch.distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group("gloo")
    groups = {1: dist.new_group([0]), 2: dist.new_group([0, 1]), 4: None}
    found = grid(cases("numba" if everything else "numpy"), lambda: combinations(everything), groups)
    found += grid(others(), lambda: iter([("ddp", 4, 1, "float64"), ("ddp", 4, 4, "float64")]), groups)
    said: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(said, quarrel(None))
    if dist.get_rank() == 0:
        place.write_text(json.dumps({"grid": found, "quarrel": said}))
    dist.barrier()
    dist.destroy_process_group()
    os._exit(0)  # at once: threads of groups that wrapped models hold on to may outlive them and abort


if __name__ == "__main__":
    main(Path(sys.argv[1]), "all" in sys.argv[2:])
