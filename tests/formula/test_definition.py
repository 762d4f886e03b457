"""Definitions: what is refused, what the full formula is, and what the hash sees."""

from __future__ import annotations

import pytest

import lossmith as ls
from lossmith.errors import LossmithError
from lossmith.formula.definition import bound, resolved
from lossmith.formula.node import OPERATIONS, walk


def text(formula: str, target: str = "real", **declared: object) -> ls.Loss:
    return ls.parse(formula, target=target, **declared)


@pytest.mark.parametrize(
    ("formula", "declared", "code"),
    [
        ("y * 2", {}, "LM117"),
        ("y < z", {}, "LM124"),
        ("y * log(p)", {"target": "class", "link": "softmax"}, "LM118"),
        ("mean(z) + z", {}, "LM119"),
        ("(y - q) ** 2", {}, "LM"),
    ],
)
def test_formulas_that_mean_nothing_are_refused(formula: str, declared: dict[str, str], code: str) -> None:
    with pytest.raises(LossmithError, match=code):
        text(formula, **declared)


def test_without_a_reduction_the_mean_is_taken() -> None:
    assert resolved(text("(y - z)**2").definition) is resolved(text("mean((y - z)**2)").definition)


def test_per_class_takes_the_plain_mean_over_classes() -> None:
    loss = text("1 - 2*sum(y*p)/(sum(y)+sum(p))", "binary", link="sigmoid", per="class").using("numpy")
    y, raw = [[1, 0], [1, 1], [0, 0]], [[1.0, -1.0], [0.5, 0.25], [0.0, 2.0]]
    columns = [loss.value([row[k] for row in y], [row[k] for row in raw]) for k in (0, 1)]
    assert loss.value(y, raw) == pytest.approx(sum(columns) / 2, rel=4e-16)


def test_the_hash_sees_formula_and_declaration_but_not_parameter_values_or_argument_order() -> None:
    def key(formula: str, **declared: object) -> str:
        return text(formula, **declared).definition.formula_hash

    assert key("(y - z)**2 + 1") == key("1 + (y - z)**2")
    assert key("(y - z)**2") != key("(z - y)**2")
    assert key("p*y", target="positive", link="exp") != key("p*y", target="positive", link="softplus")
    huber = ls.get("huber")
    assert huber.bind(delta=2).definition.formula_hash == huber.definition.formula_hash


def test_equality_and_hash_go_by_content() -> None:
    a, b = text("k*(y - z)**2", parameters={"k": (1.0, "real")}), text("k*(y - z)**2", parameters={"k": (1.0, "real")})
    assert a == b
    assert hash(a) == hash(b)
    assert a != a.bind(k=2)
    assert a.content_hash[0] == a.bind(k=2).content_hash[0]
    assert a.bind(k=2).bind(k=1) == a
    assert len({a, b, a.bind(k=2)}) == 2
    assert a != "text"


def test_parameters_are_checked_and_unbound_ones_refused_by_name() -> None:
    definition = ls.get("huber").definition
    assert bound(definition, {}) == (1.0,)
    for values, code in (({"detla": 1.0}, "LM203.*delta"), ({"delta": "x"}, "LM204"), ({"delta": -1.0}, "LM205")):
        with pytest.raises(LossmithError, match=code):
            bound(definition, values)

    @ls.define(target="real")
    def scaled(y, z, *, size):  # type: ignore[no-untyped-def]
        return ((y - z) / size) ** 2

    with pytest.raises(LossmithError, match=r"LM206.*size"):
        scaled.value([1.0], [0.0])
    assert scaled(size=2).using("numpy").value([1.0], [0.0]) == 0.25


def test_resolved_formulas_are_one_number() -> None:
    for name in ls.names():
        node = resolved(ls.get(name).definition)
        assert not node.axes
        assert not OPERATIONS[node.op].boolean
        assert all(leaf.attr.role != "prediction" for leaf in walk(node) if leaf.op == "symbol")  # type: ignore[union-attr]
