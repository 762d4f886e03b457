"""Ten generated tables on which no loss is better than the usual one: what the study must not be talked into.

Five have bounded or bell-curve noise that falls evenly on both sides, where the squared error is the best loss and no
other gains after its rule: the study must say that the loss does not matter ("same"), and not that nothing can be
learned. Five have their target shuffled over the rows, so that nothing can be learned ("nothing"; "same" says no more).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.advisor_sets import MEAN, MEDIAN, ROWS, Drawn, GeneratedSet, World, absolute, find, squared, waves

if TYPE_CHECKING:
    import polars as pl

EVEN: Final = frozenset({"same"})
SHUFFLED: Final = frozenset({"nothing", "same"})


@dataclass(frozen=True)
class NullSet:
    """A set without a better loss. `accepted` are the answers that say so; `tolerated` also keep the usual loss.

    `tolerated` is "rule" where the usual loss aims at something else than the user, so that its rule does differ.
    """

    base: GeneratedSet
    shuffled: bool
    accepted: frozenset[str]
    tolerated: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """The name of the set."""
        return f"shuffled-{self.base.name}" if self.shuffled else self.base.name

    def generate(self, seed: int, rows: int = ROWS) -> pl.DataFrame:
        """Draw the table; a shuffled one has its target permuted over the rows."""
        import polars as pl

        frame = self.base.generate(seed, rows)
        if not self.shuffled:
            return frame
        order = np.random.default_rng([seed, rows]).permutation(rows)
        return frame.with_columns(pl.Series(self.base.target, frame[self.base.target].to_numpy()[order]))


def uniform(rng: np.random.Generator, w: World) -> Drawn:
    """Noise that is equally likely anywhere between two limits."""
    middle = 12 + 10 * waves(w)
    return middle + rng.uniform(-14.0, 14.0, w["rows"]), middle


def triangular(rng: np.random.Generator, w: World) -> Drawn:
    """Noise between two limits that falls off evenly from its middle."""
    middle = 12 + 10 * waves(w)
    return middle + rng.triangular(-20.0, 0.0, 20.0, w["rows"]), middle


def _even(name: str, options: Mapping[str, Any], **changed: Any) -> NullSet:
    return NullSet(replace(find("gaussian"), name=name, options=options, **changed), False, EVEN)


_FOR_MEDIAN: Final[Mapping[str, Any]] = {"cost": absolute, "aim": 0.5}
RULE: Final = frozenset({"rule"})

NULLS: Final[tuple[NullSet, ...]] = (
    _even("gaussian-mean", MEAN),
    _even("gaussian-median", MEDIAN, **_FOR_MEDIAN),
    _even("gaussian-equal-costs", {"cost": "under=2, over=2"}, cost=lambda y, action: 2 * absolute(y, action), aim=0.5),
    _even("uniform-mean", MEAN, draw=uniform, cost=squared),
    _even("triangular-median", MEDIAN, draw=triangular, **_FOR_MEDIAN),
    NullSet(find("gaussian"), True, SHUFFLED),
    NullSet(find("log-normal"), True, SHUFFLED, RULE),
    NullSet(find("poisson"), True, SHUFFLED),
    NullSet(find("rare-binary"), True, SHUFFLED, RULE),
    NullSet(find("costs-constant-noise"), True, SHUFFLED, RULE),
)
