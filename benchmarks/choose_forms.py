"""Which floating-point form is used where: measure costs and errors of all candidates, print or record what is chosen.

    python benchmarks/choose_forms.py           # print what would be recorded
    python benchmarks/choose_forms.py --write   # and record it in src/lossmith/stable/chosen.py

Comes in: the candidates of `stable/choose.py`. Goes out: the tables `COSTS` and `CHOSEN`. A hand-over that was recorded
before is kept where it still lies within what is allowed. Costs are times of NumPy kernels; only their order matters.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path
from timeit import repeat

import numpy as np

from lossmith.checking.remaining import kernel_floats
from lossmith.formula.node import OPERATIONS, walk
from lossmith.interpret import System
from lossmith.stable import chosen
from lossmith.stable.choose import QUESTIONS, choose, keeps, worst_at
from lossmith.stable.chosen import CHOSEN, Chosen

ROWS = 20_000
POINTS = 1500


def costs(floats: System) -> dict[str, float]:
    """Seconds of each operation that a candidate uses, in those of a multiplication, to one digit."""
    used = {n.op for q in QUESTIONS.values() for form in q.candidates.values() for n in walk(form) if n.args}
    random = np.random.default_rng(0)
    columns = [random.uniform(0.1, 0.9, size=(ROWS, 1)) for _ in range(3)]

    def seconds(op: str) -> float:
        args = columns[: OPERATIONS[op].arity]
        args = [args[0] < 0.5, *args[1:]] if op == "where" else args
        return min(repeat(lambda: floats(op, *args), number=20, repeat=15))

    unit = seconds("multiply")
    return {op: float(f"{max(1.0, seconds(op) / unit):.1g}") for op in sorted(used)}


def kept(name: str, found: Chosen, floats: System) -> Chosen:
    """The same with the hand-over that is recorded, if that is still as good."""
    before = CHOSEN.get(name)
    if before is None or not keeps(before, found, worst := worst_at(name, before, floats, POINTS)):
        return found
    return replace(found, at=before.at, worst=worst)


def rounded(found: Chosen) -> Chosen:
    """Measured numbers to three digits, the interval no wider than it was."""
    low, high = (
        (0.0, found.high)
        if found.near == found.far
        else (float(f"{found.low * 1.005:.3g}"), float(f"{found.high * 0.995:.3g}"))
    )
    return replace(found, low=low, high=high, worst=float(f"{found.worst:.3g}"))


def tables(measured: dict[str, float], found: dict[str, Chosen]) -> str:
    """The two tables as Python text."""
    cost_rows = "".join(f'        "{op}": {cost:g},\n' for op, cost in measured.items())
    rows = "".join(f'        "{name}": {_row(row)},\n' for name, row in found.items())
    return (
        "COSTS: Final[Mapping[str, float]] = MappingProxyType(\n    {\n" + cost_rows + "    }\n)\n"
        '"""What an operation costs in a NumPy kernel, in multiplications."""\n\n'
        "CHOSEN: Final[Mapping[str, Chosen]] = MappingProxyType(\n    {\n" + rows + "    }\n)\n"
    )


def _row(row: Chosen) -> str:
    high = "math.inf" if np.isinf(row.high) else repr(row.high)
    return f'Chosen("{row.near}", "{row.far}", {row.at!r}, {row.low!r}, {high}, {row.worst!r})'


def main() -> None:
    """Measure, print, and record if asked."""
    parser = argparse.ArgumentParser(description="Choose floating-point forms by measured error and cost.")
    parser.add_argument("--write", action="store_true", help="record the tables")
    wanted = parser.parse_args().write
    floats = kernel_floats()
    measured = costs(floats)
    found = {name: rounded(kept(name, choose(name, floats, measured, POINTS), floats)) for name in QUESTIONS}
    text = tables(measured, found)
    print(text)
    if wanted:
        path = Path(str(chosen.__file__))
        head, rest = path.read_text(encoding="utf-8").split("COSTS: Final", 1)
        path.write_text(head + text + rest[rest.index('"""What was chosen') :], encoding="utf-8")


if __name__ == "__main__":
    main()
