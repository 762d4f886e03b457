"""What a loss reads beside its target and the final output."""

from __future__ import annotations

import pytest

import lossmith as ls
from lossmith.calculus.properties.dependence import dependence

CASES = [
    ("mse", ()),
    ("focal", ()),
    ("ce", ()),
    ("ordinal", ("the columns low and high",)),
    ("dice", ("all rows together",)),
    ("rmse", ("all rows together",)),
    ("bce.reweight([1, 20])", ("weights of the classes",)),
    ("bce.reweight('balanced')", ("weights of the classes, fitted on training rows",)),
    ("mse.reweight(by='cost')", ("weights in the column cost",)),
    ("ce.adjust()", ("shares of the classes, fitted on training rows",)),
    ("ce.ignore(255)", ("leaves out rows with the target 255",)),
]


@pytest.mark.parametrize(("text", "found"), CASES)
def test_what_a_loss_reads_is_listed(text: str, found: tuple[str, ...]) -> None:
    fact = dependence(ls.parse(text).definition)
    assert fact.value == found and fact.evidence == "proved"


def test_a_parameter_without_a_default_is_to_be_set() -> None:
    @ls.define(target="real")
    def wide(y, z, *, width):  # type: ignore[no-untyped-def]
        return ((y - z) / width) ** 2

    assert dependence(wide.definition).value == ("numbers to be set: width",)
    assert dependence(wide.bind(width=2.0).definition, {"width": 2.0}).value == ()
