"""The tables that commands in documents are tried on: a folder comes in, `my.csv` and `my_classes.csv` are written to it.

Both are samples of sets that scikit-learn ships: 442 patients with diabetes (a real target), 569 tumours (a yes-or-no one).
"""

from __future__ import annotations

import csv
import random
from functools import cache
from pathlib import Path
from typing import Final

SEED: Final = 7
ROWS: Final = 400
COLUMNS: Final = 6


def write_samples(folder: Path) -> None:
    """Write both tables."""
    for name, rows in _tables().items():
        with (folder / name).open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(rows)


@cache
def _tables() -> dict[str, list[list[object]]]:
    from sklearn.datasets import load_breast_cancer, load_diabetes

    return {"my.csv": _sampled(load_diabetes()), "my_classes.csv": _sampled(load_breast_cancer())}


def _sampled(data: object) -> list[list[object]]:
    """Return a header and rows drawn at random: the first columns, and `target`."""
    names = [str(name).replace(" ", "_") for name in data["feature_names"][:COLUMNS]]  # type: ignore[index]
    features, target = data["data"], data["target"]  # type: ignore[index]
    chosen = random.Random(SEED).sample(range(len(target)), ROWS)
    kind = int if set(target) == {0, 1} else float
    return [[*names, "target"], *([*(float(v) for v in features[i][:COLUMNS]), kind(target[i])] for i in chosen)]
