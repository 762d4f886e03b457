"""What a check found: one line each, under a fixed name; and the table of these names.

Comes in: nothing. Goes out: `Finding`s, and `FAULTS`: every fault that is looked for, its section and its title.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, TypeAlias

Section: TypeAlias = Literal["numbers", "derivatives", "semantics", "facts"]

FAULTS: Final[Mapping[str, tuple[Section, str]]] = MappingProxyType(
    {
        "raises": ("semantics", "it raises an error"),
        "wrong_shape": ("semantics", "it returns a wrong shape"),
        "prints": ("semantics", "it prints"),
        "never_returns": ("semantics", "it does not come back"),
        "value_wrong": ("semantics", "the value is not the reference's"),
        "value_sign": ("semantics", "the value has the opposite sign"),
        "value_factor": ("semantics", "the value is off by a factor"),
        "gradient_sign": ("derivatives", "the gradient has the opposite sign"),
        "gradient_factor": ("derivatives", "the gradient is off by a factor"),
        "gradient_of_probability": ("derivatives", "the gradient is by the probability, not by the raw prediction"),
        "gradient_wrong": ("derivatives", "the gradient is wrong"),
        "catboost_sign": ("derivatives", "CatBoost wants the derivatives of minus the loss"),
        "detached": ("derivatives", "a term does not reach the gradient"),
        "hessian_wrong": ("derivatives", "the hessian is wrong"),
        "hessian_negative": ("derivatives", "the hessian is negative"),
        "hessian_zero": ("derivatives", "the hessian is zero"),
        "kink_slope": ("derivatives", "the slope at a kink is none of the two sides'"),
        "dead_gradient": ("derivatives", "the gradient is dead"),
        "class_order": ("semantics", "the order of rows and classes is mixed up"),
        "classes_swapped": ("semantics", "classes are swapped"),
        "alpha_swapped": ("semantics", "a weight is on the wrong class or side"),
        "probability_swapped": ("semantics", "p and 1 - p are swapped"),
        "arguments_swapped": ("semantics", "target and prediction are swapped"),
        "weights_ignored": ("semantics", "sample weights are ignored"),
        "weights_twice": ("semantics", "sample weights are applied twice"),
        "weights_misplaced": ("semantics", "sample weights go to the wrong rows"),
        "denominator": ("semantics", "the denominator is wrong"),
        "axis": ("semantics", "it is summed over a wrong axis"),
        "one_hot_only": ("semantics", "it is right for one-hot targets only"),
        "broadcasting": ("semantics", "shapes (n, 1) and (n,) are spread against each other"),
        "batch_split": ("semantics", "it depends on how the batch is split"),
        "in_place": ("semantics", "it changes its inputs"),
        "logits_taken_for_probabilities": ("semantics", "raw predictions are taken for probabilities"),
        "probabilities_taken_for_logits": ("semantics", "probabilities are taken for raw predictions"),
        "nan_region": ("numbers", "it is NaN"),
        "overflow_region": ("numbers", "it overflows"),
        "nan_at_perfect": ("numbers", "it is NaN for a perfect prediction"),
        "inaccurate": ("numbers", "digits are lost"),
    }
)
"""Every fault that is looked for: {name: (section of the report, title)}."""


@dataclass(frozen=True)
class Finding:
    """A fault (`fault`), or something worth knowing that is none (`note`), told in one line."""

    code: str
    sentence: str
    verdict: Literal["fault", "note"] = "fault"

    @property
    def section(self) -> Section:
        """Where the report shows it.

        >>> Finding("in_place", "It sorted y_true.").section
        'semantics'
        """
        return FAULTS[self.code][0]

    @property
    def text(self) -> str:
        """The title of the fault, and what was seen.

        >>> Finding("prints", '"step 1".').text
        'it prints: "step 1".'
        """
        return f"{FAULTS[self.code][1]}: {self.sentence}"
