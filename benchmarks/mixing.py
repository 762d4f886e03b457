"""What a combination costs at run time, against its formula written by hand and against its parts: times and ratios.

    python benchmarks/mixing.py [--rows 2000000] [--repeats 15]

Each round times every contestant once, so that a slow moment of the machine hits all of them; medians are printed, of value
and gradient together. "parts" calls the three losses one after the other and adds up, as one would without `mix`.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np

import lossmith as ls
from lossmith.compiler import program

WRITTEN = (
    "0.5 * (-y*log(p) - (1-y)*log(1-p)) + 0.3 * (-y*(1-p)**gamma*log(p) - (1-y)*p**gamma*log(1-p)) + 0.2 * (y-p)**2"
)


def contestants(rows: int) -> dict[str, Callable[[], object]]:
    """The mix of three losses, the same written by hand, and the three by themselves."""
    rng = np.random.default_rng(0)
    raw = rng.normal(size=rows)
    y = (rng.random(rows) < 0.3).astype(np.float64)
    parts = {"bce": 0.5, "focal": 0.3, "brier": 0.2}
    mixed = ls.mix({ls.get(name): weight for name, weight in parts.items()})
    by_hand = ls.parse(WRITTEN, target="binary", link="sigmoid", parameters={"gamma": (2.0, "nonnegative")})
    alone = [ls.get(name) for name in parts]
    passes = len(program(mixed.definition, ("value", "gradient"), False).passes)
    print(f"mix of {', '.join(parts)}: {passes} pass over {rows:,} rows")

    def added() -> object:
        found = [loss.value_and_gradient(y, raw) for loss in alone]
        weighed = zip(parts.values(), found, strict=True)
        return sum(weight * gradient for weight, (_, gradient) in weighed)

    return {
        "mix": lambda: mixed.value_and_gradient(y, raw),
        "written by hand": lambda: by_hand.value_and_gradient(y, raw),
        "parts, added up": added,
    }


def main() -> None:
    """Time all of them in turns."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--repeats", type=int, default=15)
    given = parser.parse_args()
    runs = contestants(given.rows)
    for run in runs.values():
        run()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(given.repeats):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    least = statistics.median(times["mix"])
    for name, found in times.items():
        median = statistics.median(found)
        print(f"{name:20} {median * 1e3:8.1f} ms   {median / least:5.2f} x mix")


if __name__ == "__main__":
    main()
