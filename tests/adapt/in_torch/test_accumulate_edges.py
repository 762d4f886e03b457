"""Micro-batches without rows, and what is no micro-batch."""

from __future__ import annotations

import pytest

import lossmith as ls
from tests.adapt.in_torch import case_430 as rows_430

pytestmark = pytest.mark.peers("torch")
EVERY = rows_430.every()


@pytest.mark.parametrize("name", ["cross entropy", "focal over positives", "rmse", "dice"])
def test_empty_micro_batches_change_nothing_and_empty_batches_are_boring(torch, name: str) -> None:
    case, data = EVERY[name], rows_430.tensors(torch.float64)
    model, terms = rows_430.terms(case, torch.float64, [0, 400, 0, 30])
    for term in terms:
        term.backward()
    assert rows_430.difference(rows_430.gradient_of(model), rows_430.whole(case, torch.float64)[1]) <= 1e-12
    data["mask"] = torch.zeros(430, dtype=torch.bool)
    terms = ls.accumulate(ls.for_torch(case.loss), rows_430.parts(case, data, model, [400, 0, 30]))
    for term in terms:
        assert term.requires_grad
        term.backward()
    assert terms.value == 0
    assert not rows_430.gradient_of(model).any()


def test_the_rule_for_no_rows_looks_at_all_micro_batches(torch) -> None:
    criterion = ls.for_torch(ls.get("mse").empty("nan").using("numpy"))
    some = torch.ones(3, requires_grad=True), torch.zeros(3)
    none = torch.ones(0, requires_grad=True), torch.zeros(0)
    terms = ls.accumulate(criterion, [some, none])
    assert sum(terms) == 1.0
    assert sum(ls.accumulate(criterion, [none, none])).isnan()


def test_mistakes_are_told(torch) -> None:
    criterion = ls.for_torch(ls.get("rmse").using("numpy"))
    z, y = torch.ones(3, requires_grad=True), torch.zeros(3)

    def refused(code, batches, criterion=criterion):
        with pytest.raises(ls.LossmithError) as caught:
            list(ls.accumulate(criterion, batches))
        assert caught.value.code == code

    refused("LM451", [(z, y)], criterion.loss)
    refused("LM450", [])
    refused("LM450", [(z,)])
    refused("LM450", [(3.0, y)])
    refused("LM450", [(z, [0.0])])
    refused("LM450", [(z, y)], ls.for_torch(ls.get("mse"), reduction="none"))
    refused("LM453", [(z, y), (z[:, None], y[:, None])])
    refused("LM453", [(z, y, None, {"mask": y == 0, "extra": y}), (z, y)])
    sizes = iter([3, 2])
    refused("LM452", [(lambda: z[: next(sizes)], y)])
    with pytest.raises(ls.LossmithError, match="LM454"):
        _ = ls.accumulate(criterion, [(z, y)]).value
