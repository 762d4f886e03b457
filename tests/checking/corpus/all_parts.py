"""The corpus by parts; the files that need other libraries are asked for their samples only then.

Comes in: the name of a part. Goes out: its `Sample`s.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Final

from tests.checking.corpus.record import Sample

PARTS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "numpy": (("mutants_numpy", "MUTANTS"),),
    "boosters": (("mutants_boosters", "MUTANTS"),),
    "torch": (("mutants_torch", "MUTANTS"),),
    "jax": (("mutants_jax", "MUTANTS"),),
    "correct": (("correct", "CORRECT"), ("correct_peers", "CORRECT")),
    "libraries": (("correct", "FAULTY_LIBRARIES"), ("correct_peers", "FAULTY_LIBRARIES")),
}
"""Part: (file, table) of it."""
PEERS: Final[Mapping[str, tuple[str, ...]]] = {"torch": ("torch",), "jax": ("jax", "optax"), "optax": ("jax", "optax")}
"""What must be installed for the samples of a source."""


def samples(part: str) -> tuple[Sample, ...]:
    """The samples of a part, in the order of its files."""
    tables = [getattr(import_module(f"tests.checking.corpus.{file}"), name) for file, name in PARTS[part]]
    return tuple(sample for table in tables for sample in table)
