"""The noise model behind a loss: the density of the target of which it is the negative log likelihood, or none.

Comes in: a definition and parameter values. Goes out: a fact. exp(-loss) must add up over all targets to one finite
number, whatever the prediction (its normaliser); or the slope is that of a density known by name, and only a part that
depends on the target alone is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from lossmith.calculus.evidence import Fact
from lossmith.calculus.properties.densities import Known, Numbers, recognised
from lossmith.calculus.properties.functionals import estimates
from lossmith.calculus.properties.noise_code import differing_code, endless_code
from lossmith.calculus.properties.noise_proof import shown_constant, shown_on_pieces, shown_slope
from lossmith.calculus.properties.noise_row import (
    Floats,
    NoiseRow,
    at_pieces,
    case_of_distance,
    noise_row,
    of_distance,
    totals_at,
)
from lossmith.calculus.properties.totals import POINTS
from lossmith.formula.definition import Definition

CONSTANT: Final = 1e-6  # totals that differ by less, over their size, are one number: the rule of summation is as exact


@dataclass(frozen=True)
class NoiseModel:
    """A density of the target given the prediction.

    `numbers`: its parameters. `normaliser`: what exp(-loss) adds up to, None where a part of the target alone
    (`left_out`, a factor of the density) is missing from the loss and it adds up to no constant.
    """

    name: str
    formula: str
    numbers: tuple[tuple[str, float], ...]
    normaliser: float | None
    normaliser_text: str = ""
    left_out: str = ""
    source: str = ""

    @property
    def text(self) -> str:
        """In words.

        >>> NoiseModel("Laplace", "exp(-|y - p|) / 2", (("scale", 1.0),), 2.0).text
        'Laplace, scale 1, normaliser 2'
        """
        numbers = "".join(f", {name} {value:.6g}" for name, value in self.numbers)
        if self.normaliser is None:
            return f"{self.name}{numbers}" + (
                f"; the loss leaves out the factor {self.left_out}" if self.left_out else ""
            )
        return f"{self.name}{numbers}, normaliser {self.normaliser:.7g}"


def noise_model(definition: Definition, parameters: Mapping[str, float] | None = None) -> Fact[NoiseModel | None]:
    """The density behind a loss, with its normaliser; None where there is none (or none is seen: `open`).

    >>> import lossmith as ls
    >>> noise_model(ls.get("half_squared_error").definition).value.text
    'Gaussian (bell curve), scale 1, normaliser 2.506628'
    >>> noise_model(ls.get("focal").definition).value is None
    True
    """
    row = noise_row(definition, parameters)
    if isinstance(row, Fact):
        return row
    case = case_of_distance(row, definition, parameters)
    row, found = _named(at_pieces(row, case))
    row = of_distance(row, case)
    totals = totals_at(row)
    if np.isnan(totals).any():
        return Fact(None, "open", note=f"the loss is no number at some targets, added up over {row.over}")
    known = totals[np.isfinite(totals)]
    constant = known.size == totals.size and np.ptp(known) <= CONSTANT * known.max() and known.max() > 0
    if constant:
        said = shown_on_pieces(case, *found) if case and found else len(row.raws) > 1
        return _complete(row, definition, parameters, found, float(np.median(known)), said)
    if found is not None and len(row.raws) == 1:
        return _up_to_the_target(row, *found)
    if not known.size or known.size < totals.size:
        return _endless(row, totals)
    return _differing(row, totals)


def _named(row: NoiseRow) -> tuple[NoiseRow, tuple[Known, Numbers] | None]:
    """The density that people know by name, if the slopes are its own, through the declared link or exp.

    With several heads the others stay where they are: the first must be the place, the mean or another known number.
    """
    if row.kind not in NUMBERS:
        return row, None
    for tried in row.readings():
        one = tried.of_first_head()
        found = recognised(one.slope_at, one.places(), one.kind)
        if found is not None:
            return tried, (found[0], {} if len(row.raws) > 1 else found[1])
    return row, None


NUMBERS: Final = ("real", "positive", "nonnegative", "count")


def _complete(
    row: NoiseRow,
    definition: Definition,
    parameters: Mapping[str, float] | None,
    found: tuple[Known, Numbers] | None,
    normaliser: float,
    said: bool,
) -> Fact[NoiseModel | None]:
    """The totals are one number; `said`: the density is shown to have its name."""
    note = shown_constant(row)
    proved = bool(note) and ((found is not None and said) or row.kind not in NUMBERS)
    model = _of_known(*found, normaliser) if found else _unnamed(row, definition, parameters, normaliser)
    if proved:
        return Fact(model, "proved", note=note)
    if found and found[0].alone == "" and shown_slope(row, found[0], found[1]):
        return Fact(model, "proved", note="the gradient is that of this density")
    return Fact(model, "sampled", len(row.grid) if len(row.grid) > 1 else POINTS, note=note)


def _of_known(known: Known, numbers: Numbers, normaliser: float | None) -> NoiseModel:
    said = tuple((name, float(f"{numbers[name]:.9g}")) for name in known.shows if name in numbers)
    left_out = "" if normaliser is not None else known.alone
    return NoiseModel(known.name, known.formula, said, normaliser, known.normaliser, left_out, known.source)


def _unnamed(
    row: NoiseRow, definition: Definition, parameters: Mapping[str, float] | None, normaliser: float
) -> NoiseModel:
    name = UNNAMED.get(row.kind, OWN)
    if row.kind in UNNAMED and estimates(definition, parameters).value.name != "probability":
        name += " of another probability than the prediction"
    return NoiseModel(name, "exp(-loss) / normaliser", (), normaliser, f"what exp(-loss) adds up to over {row.over}")


OWN: Final = "a density of its own"
UNNAMED: Final = {"binary": "Bernoulli", "class": "categorical"}


def _up_to_the_target(row: NoiseRow, known: Known, numbers: Numbers) -> Fact[NoiseModel | None]:
    model = _of_known(known, numbers, None)
    if shown_slope(row, known, numbers):
        return Fact(model, "proved", note="the gradient is that of this density")
    return Fact(model, "sampled", len(row.places()[0]))


def _endless(row: NoiseRow, totals: Floats) -> Fact[NoiseModel | None]:
    """Somewhere the total is not finite."""
    at = int(np.flatnonzero(~np.isfinite(totals))[0])
    note = f"exp(-loss) does not add up to a finite number over {row.over} (at raw prediction {row.said(at)})"
    code = endless_code(row, at)
    return Fact(None, "refuted", 1, note, code) if code else Fact(None, "open", note=note)


def _differing(row: NoiseRow, totals: Floats) -> Fact[NoiseModel | None]:
    """The total depends on the prediction."""
    low, high = int(np.argmin(totals)), int(np.argmax(totals))
    note = (
        f"exp(-loss) adds up to {totals[low]:.6g} over {row.over} at raw prediction {row.said(low)}, "
        f"and to {totals[high]:.6g} at {row.said(high)}"
    )
    return Fact(None, "refuted", 2, note, differing_code(row, low, high))
