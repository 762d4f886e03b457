"""The recipes for trainers, and the page that tells of them: trained weights are those of the whole batch."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

import lossmith as ls

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "splitting.md"
BOUND = 1e-5
"""A few steps in float32, of which each adds rounding of 2**-24 for each of up to 200 rows, in another order."""

pytestmark = pytest.mark.filterwarnings("ignore")  # of the trainers themselves


def _recipe(name: str) -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "examples" / f"split_with_{name}.py"))


def _off(found: Any, wanted: Any) -> float:
    return float((found - wanted).norm() / wanted.norm())


@pytest.mark.peers("torch", "transformers", "accelerate")
def test_the_trainer_of_transformers_trains_as_with_the_whole_batch() -> None:
    recipe = _recipe("transformers")
    mean = ls.for_torch(ls.get("cross_entropy").ignore(-100))

    def mean_of_means(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
        return mean(outputs.logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten()) / 4

    whole = recipe["trained"](rows=8, steps=1)
    assert _off(recipe["trained"](rows=2, steps=4), whole) <= BOUND
    assert _off(recipe["trained"](rows=2, steps=4, loss=mean_of_means), whole) > 1000 * BOUND


@pytest.mark.peers("torch", "accelerate")
def test_accelerate_trains_as_with_the_whole_batch() -> None:
    trained = _recipe("accelerate")["trained"]
    whole = trained(size=200, steps=1)
    for size, steps in ((50, 4), (10, 20)):
        assert _off(trained(size, steps), whole) <= BOUND


@pytest.mark.peers("torch", "lightning")
def test_lightning_trains_as_with_the_whole_batch_by_hand_and_by_itself() -> None:
    recipe = _recipe("lightning")
    by_hand, trained = recipe["ByHand"], recipe["trained"]
    mean = ls.get("cross_entropy").ignore(-100)
    whole = trained(by_hand(mean, 200), 200)
    assert _off(trained(by_hand(mean, 30), 200), whole) <= BOUND
    assert _off(trained(recipe["ByItself"](), 50, 4), whole) <= BOUND


@pytest.mark.corpus
@pytest.mark.peers("torch", "accelerate")
def test_accelerate_on_two_processes(tmp_path: Path) -> None:
    import os
    import subprocess
    import sys

    import torch

    program = (
        f"import runpy, torch; trained = runpy.run_path({str(ROOT / 'examples' / 'split_with_accelerate.py')!r})['trained']\n"
        f"found = trained(size=25, steps=4)\n"
        f"if torch.distributed.get_rank() == 0: torch.save(found, {str(tmp_path / 'found.pt')!r})\n"
        "torch.distributed.destroy_process_group()\n"
    )
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([*command, str(tmp_path / "program.py")], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    assert _off(torch.load(tmp_path / "found.pt"), _recipe("accelerate")["trained"](size=200, steps=1)) <= BOUND


@pytest.mark.peers("torch")
def test_the_code_of_the_page_runs() -> None:
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 8
    namespace: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), namespace)


@pytest.mark.peers("torch")
def test_the_figures_of_the_page_are_those_measured() -> None:
    import torch

    from tests.adapt.in_torch import case_430

    told = [
        float(x) for x in re.findall(r"^\| .*? \| (\d\.\d) \| below", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    found = []
    for case in case_430.cases().values():
        wrong = case_430.mean_of_means(case, torch.float64, [400, 10, 10, 10])
        found.append(round(case_430.difference(wrong, case_430.whole(case, torch.float64)[1]), 1))
    assert told == found
