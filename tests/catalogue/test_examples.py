"""The example in the words of each loss runs and prints what it says."""

from __future__ import annotations

import doctest

import pytest

from lossmith.catalogue import LOSSES
from lossmith.formula.definition import Definition
from tests.sampling import every

EVERY = [d for entry in LOSSES for d in (entry.definition, *entry.when_given.values())]


@pytest.mark.parametrize("definition", every(2, EVERY), ids=lambda d: f"{d.name}-{len(d.parameters)}")
def test_the_example_of_a_loss_is_true(definition: Definition) -> None:
    test = doctest.DocTestParser().get_doctest(definition.summary, {}, definition.name, None, None)
    assert test.examples
    report: list[str] = []
    assert doctest.DocTestRunner().run(test, out=report.append).failed == 0, "".join(report)
