"""Remake the measured races of activations that the package ships: steps to a given loss on handwritten digits.

    python benchmarks/activations.py                  # all, about 20 minutes on one core
    python benchmarks/activations.py relu tanh        # these only, printed and not written

What is run is said in `lossmith.teach.activations.race`.
Without names it is written to src/lossmith/teach/activations/activations.json.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

import lossmith as ls
from lossmith.catalogue import ACTIVATIONS
from lossmith.teach.activations import measured as activation_table
from lossmith.teach.activations.race import COURSES, race

FILE = Path(activation_table.__file__).with_name("activations.json")


def main(names: list[str]) -> None:
    """Run the courses for the named activations, or for all that are no row maps."""
    chosen = names or [row.name for row in ACTIVATIONS if not row.row]
    made = f"NumPy {np.__version__}, float64"
    found: dict[str, dict[str, object]] = {name: {} for name in COURSES}
    for course, settings in COURSES.items():
        for name in chosen:
            start = time.perf_counter()
            result = race(ls.activation(name), settings)
            found[course][name] = result
            low, high = result.quartiles
            took = time.perf_counter() - start
            print(
                f"{course:8} {name:13} {result.median:6g} steps ({low:g} to {high:g}) at rate {result.rate:g}, "
                f"{result.weights}; ends at {result.curve[-1]:.3g}; took {took:.0f} s",
                flush=True,
            )
    if not names:
        FILE.write_text(activation_table.to_text(found, made), encoding="utf-8")  # type: ignore[arg-type]
        print(f"written: {FILE.name}")


if __name__ == "__main__":
    main(sys.argv[1:])
