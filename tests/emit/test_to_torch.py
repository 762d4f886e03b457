"""PyTorch text: every spelling means what the operation says, numbers are worked out, and names are given up in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.compiler import direction, program
from lossmith.emit.table import TABLE, spelling
from lossmith.emit.to_torch import number_text, program_text, result_names, statements
from lossmith.formula.node import OPERATIONS, Node, constant, make, symbol
from lossmith.formula.roles import WEIGHT
from lossmith.interpret import BALLS, interpret

pytestmark = pytest.mark.peers("torch")

LEAVES = [symbol(n, "raw", ["example"]) for n in "abc"]
POINTS = np.array([[0.3, 0.7, 0.2], [1.5, 2.0, -3.0], [0.999, 1.0, 5.0]])
ELEMENTWISE = [
    op for op, row in OPERATIONS.items()
    if op in TABLE and row.arity and not op.startswith(("class_", "example_", "axis_", "logical_"))
    and op not in ("exp_rest", "rest_of_sum", "where", "largest")
]  # fmt: skip


def _run(root: Node, inputs: dict[Node, str], columns: dict[str, Any], classes: int = 1) -> Any:
    """What the text of one node gives for tensors."""
    import torch

    from lossmith.emit import torch_prelude

    lines, (found,) = statements((root,), inputs)
    like = next(iter(columns.values()))
    rows = torch_prelude.Rows(len(like), classes, 1, None, len(like), like, like.dtype, torch.float64)
    space = {**vars(torch_prelude), **columns, "rows": rows}
    exec("\n".join(lines), space)
    return eval(found, space)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("op", ELEMENTWISE)
def test_the_spelling_has_the_meaning_of_the_operation(op: str, dtype: str) -> None:
    import torch

    leaves = LEAVES[: OPERATIONS[op].arity]
    points = POINTS.astype(np.float32).astype(np.float64)
    columns = {n: torch.tensor(points[:, [j]]).to(getattr(torch, dtype)) for j, n in zip(range(len(leaves)), "abc")}  # noqa: B905
    found = _run(make(op, *leaves), dict(zip(leaves, "abc", strict=False)), columns)
    exact = interpret([make(op, *leaves)], {leaf: points[:, [j]] for j, leaf in enumerate(leaves)}, BALLS(200))[0]
    wanted = np.array([b if isinstance(b, bool | np.bool_) else float(b.mid()) for b in exact.ravel()])
    assert OPERATIONS[op].boolean or found.dtype == getattr(torch, dtype)
    bound = {"float32": 1e-5, "float64": 1e-13}[dtype]  # lgamma and digamma lose digits near their roots
    np.testing.assert_allclose(
        np.asarray(found).ravel().astype(float), wanted.astype(float), rtol=bound, atol=bound / 100
    )


@pytest.mark.parametrize("op", sorted(TABLE))
def test_every_operation_has_a_spelling(op: str) -> None:
    assert spelling(op, "torch")


def test_nan_is_passed_on() -> None:
    import torch

    a = {"a": torch.tensor([[float("nan")]], dtype=torch.float64)}
    for root in (
        make("maximum", LEAVES[0], constant(0.0)),
        make("minimum", constant(0.0), LEAVES[0]),
        make("sign", LEAVES[0]),
    ):
        assert torch.isnan(_run(root, {LEAVES[0]: "a"}, a)).all()


def test_classes_are_added_up_and_the_first_largest_is_one() -> None:
    import torch

    leaf = symbol("a", "raw", ["example", "class"])
    a = {"a": torch.tensor([[1.0, 3.0, 3.0], [2.0, -1.0, 0.0]])}
    assert _run(make("class_sum", leaf), {leaf: "a"}, a, 3).tolist() == [[7.0], [1.0]]
    assert _run(make("class_first_max", leaf), {leaf: "a"}, a, 3).tolist() == [
        [False, True, False],
        [True, False, False],
    ]
    assert _run(make("class_sum", constant(2.0)), {}, a, 3) == 6.0


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_rounding_takes_from_an_exponential_is_found(dtype: str) -> None:
    import mpmath as mp
    import torch

    from lossmith.emit.torch_prelude import exp_muladd, exp_rest

    kind, digits = getattr(torch, dtype), {"float32": 24, "float64": 53}[dtype]
    x = torch.linspace(-40.0, 40.0, 101, dtype=kind)  # e**71 is finite in float32
    grown = torch.exp(x)
    with mp.workdps(60):
        rest = [float(mp.exp(mp.mpf(a)) - mp.mpf(b)) for a, b in zip(x.tolist(), grown.tolist(), strict=True)]
        product = [float(mp.exp(mp.mpf(a) * mp.mpf(1.7) - 3)) for a in x.tolist()]
    lost = np.abs(exp_rest(x, grown).double().numpy() - rest) / grown.double().numpy()
    assert lost.max() <= 2.0 ** -(digits + 5)
    error = np.abs(exp_muladd(x, 1.7, -3.0).double().numpy() - product) / np.asarray(product)
    assert error.max() <= 4 * 2.0**-digits
    assert torch.equal(exp_muladd(x, 1.7, -3.0), exp_muladd(1.7, x, -3.0))
    assert torch.equal(exp_muladd(x, 1.7, -3.0), exp_muladd(1.7, x, torch.full_like(x, -3.0)))
    assert torch.equal(exp_muladd(1.0, x, -3.0), exp_muladd(x, 1.0, -3.0))


def test_what_numbers_say_is_worked_out() -> None:
    gamma = symbol("gamma", "parameter")
    loss = ls.get("focal", gamma=1.5)
    text = program_text(program(loss.definition, ("value",), False), _where(loss), {"gamma": 1.5}, False)
    assert "gamma" not in text
    lines, (found,) = statements((make("exp", constant(0.0)) + constant(2.0),), {gamma: "g"})
    assert (lines, found) == ([], "3.0")


def test_a_name_is_given_up_after_its_last_use() -> None:
    loss = ls.get("log_loss")
    lines = program_text(program(loss.definition, ("value",), True), _where(loss), {}, True).splitlines()
    gone: set[str] = set()
    for line in (line.strip() for line in lines[1:]):
        if line.startswith("del "):
            gone |= set(line[4:].split(", "))
        else:
            assert not gone & set(line.replace("(", " ").replace(")", " ").replace(",", " ").split())
    made = [line.split(" = ")[0].strip() for line in lines if " = " in line]
    assert set(made) - gone == {made[-1]}


def test_the_results_are_in_order() -> None:
    loss = ls.get("rmse")
    wanted = program(loss.definition, ("value", "gradient"), True)
    assert result_names(wanted) == ("value", "gradient:0")


@pytest.mark.parametrize("value", [0.1, 5e-324, 1.7976931348623157e308, -0.0, float("inf"), float("-inf")])
def test_numbers_are_written_exactly(value: float) -> None:
    found = eval(number_text(value), {"inf": float("inf"), "nan": float("nan")})
    assert found == value
    assert np.signbit(found) == np.signbit(value)


def _where(loss: Any) -> dict[Node, str]:
    roles = loss.definition.roles
    (raw,) = roles.raw
    return {WEIGHT: "w", raw: "raw", direction(raw): "v", roles.leaves["y"]: "leaves[0]"}
