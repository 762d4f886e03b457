"""The rewriting engine: what matches, in which order, and that it ends."""

from __future__ import annotations

import pytest

from lossmith.formula.node import Node, constant, make, symbol
from lossmith.formula.rewrite import Procedure, Rule, apply_rule, match, rewrite, wildcard

X, Y, Z = (symbol(name, "raw", ["example"]) for name in "xyz")
A, B = wildcard("A"), wildcard("B")
ONE = constant(1.0)


def negated(node: Node) -> Node:
    return make("negative", node)


def test_a_wildcard_means_the_same_everywhere() -> None:
    assert [*match(A - A, X - X, {})]
    assert not [*match(A - A, X - Y, {})]


@pytest.mark.parametrize("node", [ONE + X, X + ONE])
def test_commuting_arguments_match_in_either_order(node: Node) -> None:
    (found,) = match(ONE + A, node, {})
    assert found[A] is X


def test_arguments_that_do_not_commute_match_in_their_order_only() -> None:
    assert not [*match(ONE - A, X - ONE, {})]
    assert next(match(ONE - A, ONE - X, {}))[A] is X


def test_all_ways_to_match_are_tried_before_a_condition_gives_up() -> None:
    rule = Rule("test", A * B, A, "", lambda found: found[B] is Y)
    assert apply_rule(rule, X * Y) is X
    assert apply_rule(rule, Y * X) is X
    assert apply_rule(rule, X * Z) is None


def test_numbers_match_exactly() -> None:
    assert not [*match(ONE + A, constant(1.0000000000000002) + X, {})]


def test_rewriting_goes_from_the_leaves_upwards_until_nothing_changes() -> None:
    rules = [Rule("double", negated(negated(A)), A, "")]
    node: Node = X
    for _ in range(10):
        node = make("negative", node)
    rewritten, steps = rewrite(node, rules)
    assert rewritten is X
    assert len(steps) == 5


def test_shared_parts_are_rewritten_once() -> None:
    shared = negated(negated(X))
    rewritten, steps = rewrite(shared * shared, [Rule("double", negated(negated(A)), A, "")])
    assert rewritten is X * X
    assert len(steps) == 1


def test_a_rule_that_grows_for_ever_is_stopped() -> None:
    grown, steps = rewrite(make("exp", X), [Rule("grow", make("exp", A), make("exp", A + ONE), "")], limit=7)
    assert len(steps) == 8
    assert grown.op == "exp"


def test_a_procedure_is_a_rule_without_a_pattern() -> None:
    swap = Procedure("swap", lambda n: n.args[1] - n.args[0] if n.op == "subtract" and n.args[0] is X else None, "")
    assert rewrite(X - Y, [swap])[0] is Y - X
    assert rewrite(Y - X, [swap])[0] is Y - X
