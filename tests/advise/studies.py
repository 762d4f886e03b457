"""Small studies of every kind and option: names come in, tables and finished studies go out, each made once."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from lossmith.advise.study import Study, study

N = 500
KINDS = ("real", "positive", "nonnegative", "count", "fraction", "binary", "class", "ordinal")
MATRIX = [[0, 1, 5], [1, 0, 1], [9, 2, 0]]


@cache
def frame(kind: str, seed: int = 0, rows: int = N) -> pl.DataFrame:
    """A table with a number, a category, a date, a hostile column name, holes, weights, groups, stakes and a target."""
    rng = np.random.default_rng([seed, KINDS.index(kind)])
    x, place = rng.normal(size=rows), rng.integers(0, 3, rows)
    line = x + 0.6 * place - 0.6
    noise = rng.normal(size=rows)
    return pl.DataFrame(
        {
            "x": np.where(rng.uniform(size=rows) < 0.03, np.nan, x),
            "공항": np.array(["김포", "인천", 'a"b\n\\'])[place],
            "<script>alert(1)</script>": np.round(rng.normal(size=rows), 3),
            "day": np.sort(rng.integers(0, 60, rows)),
            "customer": rng.integers(0, 60, rows),
            "weight": np.round(rng.uniform(0.5, 2.0, rows), 2),
            "stake": np.round(rng.uniform(0.1, 10.0, rows), 1),
            "name": [f"row-{i}" for i in range(rows)],
            "y": target(kind, line, noise, rng),
        }
    ).with_columns(pl.col("x").fill_nan(None))


def target(kind: str, line: Any, noise: Any, rng: np.random.Generator) -> Any:
    """A target of this kind that follows a line."""
    grades = np.digitize(line + 0.6 * noise, [-0.6, 0.7])
    made = {
        "real": lambda: np.round(5 * line + 4 * noise, 2),
        "positive": lambda: np.round(np.exp(line + 0.5 * noise), 3) + 0.001,
        "nonnegative": lambda: np.where(rng.uniform(size=len(line)) < 0.3, 0.0, np.round(np.exp(line), 3)),
        "count": lambda: rng.poisson(np.exp(0.6 * line)),
        "fraction": lambda: np.round(1 / (1 + np.exp(-line - 0.5 * noise)), 4),
        "binary": lambda: np.where(rng.uniform(size=len(line)) < 1 / (1 + np.exp(1.5 - 2 * line)), "yes", "no"),
        "class": lambda: np.array(["가", "나", "다"])[grades],
        "ordinal": lambda: grades + 1,
    }
    return made[kind]()


LINEAR: dict[str, Any] = {"model": "linear", "quick": True, "drop": ("day", "customer", "weight", "stake", "name")}
KEPT: dict[str, Any] = {"model": "linear", "quick": True, "id": "name"}
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    **{kind: (kind, LINEAR) for kind in KINDS},
    "boosted": ("real", LINEAR | {"model": "boosted", "cost": "under=5, over=1"}),
    "boosted classes": ("class", LINEAR | {"model": "boosted", "cost": MATRIX}),
    "boosted binary": ("binary", LINEAR | {"model": "boosted", "cost": "false_negative=20, false_positive=1"}),
    "boosted levels": ("real", LINEAR | {"model": "boosted", "estimate": "quantile=0.1,0.5,0.9"}),
    "cost": ("real", LINEAR | {"cost": {"under": 5, "over": 1}}),
    "cost by row": ("real", KEPT | {"cost": "under=5, over=1, column=stake", "drop": "day"}),
    "errors": ("binary", LINEAR | {"cost": "false_negative=20, false_positive=1"}),
    "errors by row": ("binary", KEPT | {"cost": "false_negative=stake, false_positive=2", "drop": ["day", "weight"]}),
    "two by two": ("binary", LINEAR | {"cost": [[1, 2], [9, 0]]}),
    "matrix": ("class", LINEAR | {"cost": MATRIX}),
    "matrix of grades": ("ordinal", LINEAR | {"cost": MATRIX}),
    "stakes of classes": ("class", KEPT | {"cost": "column=stake"}),
    "mean": ("count", LINEAR | {"estimate": "mean"}),
    "median": ("positive", LINEAR | {"estimate": "median"}),
    "quantile": ("nonnegative", LINEAR | {"estimate": "quantile=0.9"}),
    "levels": ("real", LINEAR | {"estimate": "quantile=0.1,0.5,0.9"}),
    "probability": ("binary", LINEAR | {"estimate": "probability", "positive": "no"}),
    "weights": ("real", KEPT | {"weight": "weight", "drop": ["day", "customer"]}),
    "groups": ("real", KEPT | {"group": "customer"}),
    "time": ("real", KEPT | {"time": "day", "cost": "under=5, over=1"}),
    "time and groups": ("real", KEPT | {"time": "day", "group": "customer"}),
    "losses": ("real", LINEAR | {"loss": ["log_cosh", "where(y>z, 5, 1)*abs(y-z)"], "cost": "under=5, over=1"}),
    "weighted formula": (
        "binary",
        LINEAR | {"loss": "-20*y*log(p) - (1-y)*log(1-p)", "cost": "false_negative=20, false_positive=1"},
    ),
    "limit": ("real", LINEAR | {"time_limit": 1e-3}),
    "sample": ("real", LINEAR | {"rows": 300, "cost": "under=5, over=1"}),
}


@cache
def studied(name: str) -> Study:
    """The study of this name, written to a folder of its own."""
    kind, options = OPTIONS[name]
    folder = Path(home()) / name.replace(" ", "-")
    return study(frame(kind), target="y", kind=kind, out=folder, **options)


@cache
def home() -> str:
    """A folder for the studies of this process, removed when it ends."""
    import atexit
    import shutil

    made = tempfile.mkdtemp(prefix="lossmith-studies-")
    atexit.register(shutil.rmtree, made, ignore_errors=True)
    return made


def folder_of(made: Study) -> Path:
    """Where the study was written."""
    assert made.folder is not None
    return made.folder


def written(made: Study, table: pl.DataFrame, name: str = "new.csv") -> str:
    """The path of the table as a CSV file beside the study, without the target."""
    path = folder_of(made).parent / f"{folder_of(made).name}-{name}"
    table.drop("y").write_csv(path)
    return str(path)
