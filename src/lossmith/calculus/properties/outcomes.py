"""Expected losses where the truth is a share of ones, or shares of classes: what propriety and calibration are about.

Comes in: a definition and parameter values. Goes out: `Outcomes`, which gives the loss of each outcome at chosen raw
predictions, weighed as the definition weighs classes; and Python text that says the same in the public words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lossmith.calculus.evidence import Body, body_of, is_class_kind
from lossmith.calculus.properties.cases import studied
from lossmith.calculus.properties.holes import lost
from lossmith.formula.definition import Definition
from lossmith.formula.link import link_named
from lossmith.interpret import NUMPY, interpret
from lossmith.numerics.interval import DOMAINS

Floats = NDArray[np.float64]
OF_OUTCOMES: Final = ("binary", "fraction", "class", "simplex")


@dataclass(frozen=True, eq=False)
class Outcomes:
    """The loss of each outcome (no, yes; or class 0, 1, 2) at a raw prediction, with the weights of the classes."""

    body: Body
    weights: Mapping[int, float]
    columns: tuple[str, ...]

    @property
    def of_classes(self) -> bool:
        """Whether an outcome is one of several classes, a raw prediction a row."""
        return is_class_kind(self.body)

    @property
    def is_weighed(self) -> bool:
        """Whether the weights of the outcomes differ."""
        return len({*self.weights.values(), *({1.0} if len(self.weights) < 2 else set())}) > 1

    def rows(self, listed: Sequence[tuple[float, ...]]) -> list[tuple[float, ...]]:
        """Those rows that have as many classes as the weights say; stretched ones if there is none such."""
        count = max(self.weights, default=-1) + 1
        if not self.weights:
            return list(listed)
        return [row for row in listed if len(row) == count] or [
            tuple(row[k % len(row)] * 0.9 ** (k // len(row)) for k in range(count)) for row in listed
        ]

    def weight(self, outcome: int) -> float:
        """The weight of rows with this outcome."""
        return self.weights.get(outcome, 1.0)

    def losses(self, raws: Floats) -> Floats:
        """(points, outcomes): the weighed loss of each outcome at each raw prediction; raws are (points, 1 or classes)."""
        count = raws.shape[1] if self.of_classes else 2
        found = [self.weight(k) * self._of(k, raws, self.body.node)[:, 0] for k in range(count)]
        return np.stack(found, axis=1)

    def slopes(self, raws: Floats) -> Floats:
        """(points, outcomes, 1 or classes): the weighed gradient of each outcome."""
        count = raws.shape[1] if self.of_classes else 2
        return np.stack([self.weight(k) * self._of(k, raws, self.body.slope) for k in range(count)], axis=1)

    def _of(self, outcome: int, raws: Floats, root: Any) -> Floats:
        target = np.eye(raws.shape[1])[[outcome]] if self.of_classes else np.array([[float(outcome)]])
        leaves = {self.body.target: np.repeat(target, len(raws), axis=0), self.body.raw: raws}
        with np.errstate(all="ignore"):
            found = interpret([root], {**self.body.fixed, **leaves}, NUMPY)[0]
        width = raws.shape[1] if root is self.body.slope else 1
        return np.asarray(np.broadcast_to(found, (len(raws), width)), dtype=np.float64)

    def balls(self, raws: Floats) -> Any:
        """The same as `losses`, rigorous."""
        count = raws.shape[1] if self.of_classes else 2
        hard = np.eye(count) if self.of_classes else np.array([[0.0], [1.0]])
        repeated = np.repeat(raws, count, axis=0)
        found = self.body.at(
            [self.body.node], {self.body.target: np.tile(hard, (len(raws), 1)), self.body.raw: repeated}
        )
        weights = np.tile(np.array([self.weight(k) for k in range(count)]), len(raws))
        from flint import arb

        weighed = np.array(
            [arb(float(w)) * ball for w, ball in zip(weights, found[0][:, 0], strict=True)], dtype=object
        )
        return weighed.reshape(len(raws), count)

    def predicted(self, link: str, raws: Floats) -> Floats:
        """The prediction through a link."""
        with np.errstate(all="ignore"):
            return np.asarray(
                interpret([self.body.predicted(link)], {**self.body.fixed, self.body.raw: raws}, NUMPY)[0]
            )


def outcomes(definition: Definition, parameters: Mapping[str, float] | None = None) -> Outcomes | str:
    """The outcomes of a loss of yes or no, or of classes; or the reason (in words) why there are none to look at."""
    body = body_of(definition, parameters)
    if isinstance(body, str):
        return body
    if body.kind not in OF_OUTCOMES:
        return NO_OUTCOMES
    if body.row_wise and not is_class_kind(body):
        return "the entries of a row are looked at together"
    weights = class_weights(definition)
    if weights is None:
        return "the class weights are not fitted yet"
    study = studied(definition, parameters)
    if not isinstance(study, str) and (missing := lost(study)):
        return missing
    named = [row.column for row in definition.reweighting if row.column]
    return Outcomes(body, weights, (*definition.declaration.columns, *named))


ASKED: Final = "asked of"  # a note that begins so says why the question does not arise
NO_OUTCOMES: Final = f"{ASKED} yes-or-no targets and classes; this target is a number"


def class_weights(definition: Definition) -> dict[int, float] | None:
    """The weight of each class whose weight is said, or None where they are to be fitted."""
    table: dict[int, float] = {}
    for row in definition.reweighting:
        if row.column is None and row.classes is None:
            return None
        table.update({k: table.get(k, 1.0) * weight for k, weight in row.classes or ()})
    return table


def is_probability(body: Body, link: str) -> bool:
    """Whether what is predicted through this link lies between 0 and 1 (or is a row that adds up to 1)."""
    wanted = "simplex" if is_class_kind(body) else "fraction"
    if body.given:
        return link_named(body.link).image == wanted
    return link_named(link).image == wanted


def line_of_raws(body: Body, count: int = 81) -> Floats:
    """Raw predictions of one number, from far on one side to far on the other: (points, 1)."""
    image = DOMAINS[body.image]
    if np.isfinite(image.low) and np.isfinite(image.high):
        shares = np.linspace(image.low, image.high, count + 2)[1:-1]
        return np.asarray(shares.reshape(-1, 1))
    steps = np.linspace(-1.0, 1.0, count)
    return np.asarray((np.sinh(4.0 * steps) / 4.0).reshape(-1, 1))


def expected_text(found: Outcomes, shares: Sequence[float]) -> str:
    """Python text of the expected loss under these shares, of `loss` at a raw prediction."""
    said = "".join(f'"{name}": [1.75], ' for name in found.columns)
    columns = f", columns={{{said[:-2]}}}" if said else ""
    if not found.of_classes:
        return (
            f"share = {shares[1]!r}\n"
            "def expected(raw):\n"
            f"    no, yes = (loss.per_example([y], [raw]{columns})[0] for y in (0.0, 1.0))\n"
            "    return share * yes + (1 - share) * no\n"
        )
    rows = np.eye(len(shares)).tolist() if found.body.kind == "simplex" else list(range(len(shares)))
    return (
        f"shares, classes = {list(shares)!r}, {rows!r}\n"
        "def expected(raw):\n"
        f"    return sum(s * loss.per_example([y], [raw]{columns})[0] for s, y in zip(shares, classes))\n"
    )


def rounded(value: float) -> float:
    """A number with few digits, for people to read."""
    return float(f"{value:.6g}")


def shown(values: Floats) -> str:
    """A raw prediction, or a row of them, as Python text."""
    numbers = [rounded(float(v)) for v in np.ravel(values)]
    return repr(numbers[0]) if len(numbers) == 1 else repr(numbers)
