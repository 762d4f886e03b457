"""What a comparison on more rows than memory costs: rows, seconds, peak memory, and the sums of two ways.

Comes in: how many rows, and over how many files they are spread; the data are made here, in a temporary folder. Goes out:
for one file and for the folder, each in a process of its own: seconds of every step, the peak memory of the whole process,
and the sums in hex, which must be the same. `python benchmarks/many_rows.py [rows] [files]`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

import lossmith as ls
from lossmith.advise.data.encode import encode, make_encoding
from lossmith.advise.data.scan import open_rows, sample_rows
from lossmith.advise.data.scan_profile import lazy_profile
from lossmith.advise.data.table import read_table
from lossmith.advise.judge.stream import Judging, Reading, Way, loss_way, stream_costs, tally_of
from lossmith.advise.judge.tally import Tallies
from lossmith.algebra.decision import UnderOver, cost_per_row

Floats = NDArray[np.float64]
FEATURES: Final = 9
SAMPLE: Final = 100_000
TREES: Final = 20
COSTS: Final = UnderOver(under=5 / 6, over=1 / 6)
SETTINGS: Final = {"verbosity": -1, "num_leaves": 15, "seed": 1, "num_threads": 1, "deterministic": True}


def made(rng: np.random.Generator, rows: int) -> pl.DataFrame:
    """Nine features, and a target whose noise grows with one of them."""
    X = rng.random((rows, FEATURES), dtype=np.float32)
    y = 20 * X[:, 0] + 10 * np.sin(6 * X[:, 1]) + (1 + 4 * X[:, 2]) * rng.standard_gamma(2, rows, dtype=np.float32)
    return pl.DataFrame({**{f"x{j}": X[:, j] for j in range(FEATURES)}, "y": y})


def write(folder: Path, rows: int, files: int) -> None:
    """Write the rows as a folder of files, and as one file."""
    (folder / "many").mkdir()
    rng = np.random.default_rng(0)
    cuts = np.linspace(0, rows, files + 1).astype(int)
    for number, count in enumerate(np.diff(cuts).tolist()):
        made(rng, count).write_parquet(folder / "many" / f"part-{number:05}.parquet", compression="uncompressed")
    pl.scan_parquet(folder / "many").sink_parquet(folder / "one.parquet", compression="uncompressed")


def ways(models: dict[str, Any]) -> tuple[Way, ...]:
    """Squared error as usual, by what decisions cost; and the quantile loss, by its own value (the same unit)."""
    usual = Way("squared error", "squared_error", lambda rows, said: cost_per_row(COSTS, rows.y, said))
    return usual, loss_way("quantile 5/6", "quantile", models["quantile"], lambda rows, said: said)


def peak_memory() -> float:
    """Return the peak memory of this process in MiB. (On Linux `ru_maxrss` also counts the parent before it started us.)"""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if "VmHWM" in line) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def judge(path: Path) -> None:
    """Sample, learn, compare on all other rows, and say what it took."""
    clock = [time.perf_counter()]
    source = open_rows(path)
    frame, numbers = sample_rows(source, SAMPLE, seed=1)
    clock.append(time.perf_counter())
    seen = lazy_profile(source, "y")
    clock.append(time.perf_counter())
    table = read_table(frame, target="y")
    encoding = make_encoding(table, np.arange(table.frame.height))
    X, y = encode(encoding, table.frame).matrix, table.frame["y"].to_numpy()
    losses = {"squared_error": ls.get("squared_error"), "quantile": ls.get("quantile", level=COSTS.level)}
    boosters = {name: ls.for_lightgbm(loss).train(X, y, params=SETTINGS, rounds=TREES) for name, loss in losses.items()}
    models = {name: lambda matrix, booster=booster: booster.predict(matrix) for name, booster in boosters.items()}
    clock.append(time.perf_counter())
    judging = Judging(encoding, models, ways(losses), Reading("y"))
    costs = stream_costs(source, judging, skip=numbers)
    clock.append(time.perf_counter())
    gap = Tallies((tally_of(costs),), 0.0).estimate(0, 1)
    sample, profile, learn, compare = np.diff(clock).tolist()
    peak = peak_memory()
    print(f"{path.name}: {source.rows:,} rows in {len(source.parts):,} file(s); {costs.rows:,} compared")
    print(f"  seconds: sample {sample:.1f}, profile {profile:.1f}, learn {learn:.1f}, compare {compare:.1f}")
    print(f"  peak memory of the process: {peak:.0f} MiB")
    print(f"  mean of y {seen.mean.hex()}, variance {seen.variance.hex()}")
    print(
        f"  difference {gap.mean:.5f} ± {gap.margin():.5f}; the loss by its Sums {costs.sums['quantile 5/6'].value().hex()}"
    )
    totals = zip(costs.ways, costs.totals.hi.tolist(), costs.totals.lo.tolist(), strict=True)
    print(*(f"  sum of {name}: {hi.hex()} {lo.hex()}" for name, hi, lo in totals), sep="\n", flush=True)


def main(rows: int, files: int) -> int:
    """Make the data, judge both layouts in fresh processes, and compare what they print."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        write(Path(folder), rows, files)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*.parquet")) / 2**30
        print(f"written in {time.perf_counter() - began:.1f} s: {size:.2f} GiB", flush=True)
        said = []
        for name in ("one.parquet", "many"):
            command = [sys.executable, __file__, "--judge", str(Path(folder) / name)]
            said.append(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            print(said[-1], end="", flush=True)
    one, many = ([line for line in text.splitlines() if "0x" in line] for text in said)
    print("the same bit for bit" if one == many else "NOT the same")
    return 0 if one == many else 1


if __name__ == "__main__":
    if sys.argv[1:2] == ["--judge"]:
        judge(Path(sys.argv[2]))
    else:
        sys.exit(main(*(int(argument) for argument in (*sys.argv[1:], *("1_000_000", "1_000")[len(sys.argv) - 1 :]))))
