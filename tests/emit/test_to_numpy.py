"""NumPy text: one statement a node, shared parts once, nothing below its inputs."""

from __future__ import annotations

import numpy as np

from lossmith.emit.to_numpy import function_text, statements
from lossmith.formula.node import constant, make, symbol
from lossmith.runtime import numpy_function

X, Y = (symbol(n, "raw", ["example"]) for n in "xy")


def test_shared_parts_are_computed_once() -> None:
    shared = make("exp", X)
    lines, _ = statements({X: "x"}, (shared * shared, shared + constant(1.0)))
    assert sum("np.exp" in line for line in lines) == 1
    assert len(lines) == 3


def test_nothing_below_an_input_is_computed() -> None:
    known = make("exp", X)
    lines, names = statements({known: "k"}, (known * constant(2.0),))
    assert len(lines) == 1
    assert names[known] == "k"


def test_numbers_keep_their_sign() -> None:
    node = X ** constant(-2.0) * constant(-0.0)
    found = numpy_function({X: "x"}, (node,))(np.array([[2.0]]), 1, 1)[0]
    assert found == 0.0
    assert np.signbit(found).all()


def test_the_text_is_a_function_of_its_inputs() -> None:
    text = function_text("kernel", {X: "a", Y: "b"}, (X - Y,))
    assert text.startswith("def kernel(a, b, n_classes, n_groups):")
    compile(text, "kernel", "exec")
