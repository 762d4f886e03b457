"""A target given as class numbers: a pass taken apart at the row's class gives the numbers of the pass for one-hot rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lossmith as ls
from lossmith.compiler import program
from lossmith.emit.class_plan import planned
from lossmith.emit.class_precision import narrow_enough
from lossmith.emit.class_targets import HERE, AtTarget, at_target, row_factors_first, simplified, unguarded
from lossmith.emit.to_numpy import needed
from lossmith.emit.writer import Leaf
from lossmith.formula.node import Node, constant, make, symbol, walk
from lossmith.kernel.program import Pass
from lossmith.runtime import numpy_function, parameters_of, read_leaves
from tests.emit.class_cases import LOSSES

RNG = np.random.default_rng(6)
RAW = RNG.normal(size=(40, 5)) * 4
RAW[:5] = [[1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [800, 0, 1, 0, 0], [-1e5, 1e5, 0, 3, 2], [2, 1, 0, 2, -3]]
CLASS = RNG.integers(0, 5, size=40)
CLASS[:5] = [1, 3, 0, 1, 3]
Z, Y = symbol("z", "raw", ["example", "class"]), symbol("y", "target", ["example", "class"])
FACTOR = symbol("w", "column", ["example"])


def passes(loss: ls.Loss) -> tuple[Pass, ...]:
    return program(loss.definition, ("value", "gradient"), False).passes


def target_of(loss: ls.Loss) -> Node:
    return loss.definition.roles.leaves["y"]


def numbers_of(roots: tuple[Node, ...], given: dict[Node, Any]) -> list[Any]:
    """The roots by the NumPy reference."""
    function = numpy_function({node: f"a{j}" for j, node in enumerate(given)}, roots)
    with np.errstate(all="ignore"):
        return [np.broadcast_to(r, RAW.shape) for r in function(*given.values(), RAW.shape[1], 1)]


def both_ways(loss: ls.Loss, part: Pass) -> tuple[list[Any], list[Any]]:
    """All roots of a pass: with one-hot rows, and taken apart."""
    target = target_of(loss)
    given: dict[Node, Any] = {n: RAW if n is not target else np.eye(5)[CLASS] for n in read_leaves(part)}
    given |= {n: loss.parameters[repr(n)] for n in parameters_of(part)}
    given |= {n: np.full((1, 5 if "class" in n.axes else 1), 0.5 + j) for j, n in enumerate(part.inputs)}
    found = at_target(part, target)
    assert found is not None
    apart = {node: a for node, a in given.items() if node is not target} | {HERE: CLASS[:, None] == np.arange(5)}
    for mark, leaf in found.looked_up.items():
        apart[mark] = np.take_along_axis(np.broadcast_to(apart[leaf], RAW.shape), CLASS[:, None], axis=1)
    for mark, first in found.is_first.items():
        apart[mark] = np.take_along_axis(numbers_of((first,), apart)[0], CLASS[:, None], axis=1)
    return numbers_of(part.roots, given), numbers_of(found.parts.roots, apart)


@pytest.mark.parametrize("name", LOSSES)
def test_a_pass_taken_apart_gives_the_same_numbers(name: str) -> None:
    for part in passes(LOSSES[name]):
        for whole, apart in zip(*both_ways(LOSSES[name], part), strict=True):
            np.testing.assert_allclose(apart, whole, rtol=4e-15, atol=0.0)


@pytest.mark.parametrize("name", LOSSES)
def test_the_target_is_gone(name: str) -> None:
    target = target_of(LOSSES[name])
    for part in passes(LOSSES[name]):
        found = at_target(part, target)
        assert found is not None
        assert not any(n is target for n in needed(found.parts.roots, dict.fromkeys(part.inputs, "")))


def test_of_cross_entropy_one_sum_over_the_classes_is_left() -> None:
    loss = LOSSES["cross entropy"]
    (part,), target = passes(loss), target_of(loss)
    found = at_target(part, target)
    assert found is not None
    ops = [node.op for node in walk(*found.parts.roots)]
    assert (ops.count("class_sum"), ops.count("class_max"), ops.count("class_first_max")) == (1, 1, 1)
    assert [first.args[0].op for first in found.is_first.values()] == [
        "symbol"
    ]  # of the predictions, not of the target


def test_an_unknown_number_of_another_class_must_still_be_met() -> None:
    """The sum of y * z is z at the target, but NaN where any z of the row is: there the loop stays."""
    body = make("class_sum", Y * Z)
    assert at_target(Pass((), (body,), (), ()), Y) is None
    assert at_target(Pass((), (body - make("class_max", Z),), (), ()), Y) is not None


def test_conditions_that_are_known_fold() -> None:
    zero, one = constant(0.0), constant(1.0)
    assert simplified(make("where", Y > 0, Z, FACTOR), (one, Z, FACTOR)) is Z
    assert simplified(Y * Z, (zero, Z)) is zero and simplified(Y * Z, (one, Z)) is Z
    assert simplified(Y - Z, (zero, Z)) is -Z and simplified(Y + Z, (zero, Z)) is Z
    assert simplified(-Z, (-Z,)) is Z
    assert simplified(Y < Z, (zero, one)) is one


def test_a_guard_goes_only_where_the_unknown_shows_without_it() -> None:
    def guard(node: Node) -> Node:
        return make("where", make("equal", Z, Z), node, Z)

    product = FACTOR * make("exp", Z)
    assert unguarded(guard(product)) is product
    for kept in (FACTOR, make("where", FACTOR > 0, Z, FACTOR), make("maximum", Z, FACTOR)):
        assert unguarded(guard(kept)) is guard(kept)


def test_one_multiplication_a_class_is_left() -> None:
    found = row_factors_first(-(FACTOR * ((Z * FACTOR) * constant(2.0))))
    wide = [node for node in walk(found) if node.args and "class" in node.axes]
    assert len(wide) == 1 and wide[0].op == "multiply"
    (value,) = numpy_function({Z: "a", FACTOR: "b"}, (found,))(np.array([[3.0, 5.0]]), np.array([[7.0]]), 2, 1)
    np.testing.assert_array_equal(value, [[-294.0, -490.0]])


@pytest.mark.parametrize(
    ("name", "narrow"),
    [("cross entropy", True), ("focal", False), ("smoothed", False), ("brier", False), ("tempered", False)],
)
def test_float32_is_kept_where_nothing_magnifies_its_roundings(name: str, narrow: bool) -> None:
    part, target = passes(LOSSES[name])[0], target_of(LOSSES[name])
    stored = [Leaf(node, "index" if node is target else "matrix") for node in read_leaves(part)]
    assert planned(part, stored, True).narrow is narrow
    assert not planned(part, stored, False).narrow
    assert not narrow_enough(AtTarget(part))  # one-hot rows vary over the classes, and may be shares
