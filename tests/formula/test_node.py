"""The graph: equal expressions are one object, nothing is lost, nothing is simplified, nothing is guessed."""

import copy
import gc
import math
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import special

from lossmith import maths as ls
from lossmith.errors import FormulaError
from lossmith.formula.node import (
    OPERATIONS,
    as_node,
    constant,
    fingerprint,
    make,
    make_from,
    rebuild,
    substitute,
    symbol,
    symbols,
    walk,
)
from tests.formula.formulas import FORMULAS, GAMMA, P, Y, Z, operations


def test_equal_expressions_are_one_object():
    assert (Y - Z) ** 2 is (Y - Z) ** 2
    assert ls.log(1 - P) is ls.log(1 - P)
    assert symbol("z", "raw", ["class", "example"]) is Z
    assert Y + Z is not Z + Y


def test_numbers_are_one_object_by_their_bits():
    assert constant(0.1) is constant(0.1)
    assert constant(2) is constant(2.0)
    assert constant(0.0) is not constant(-0.0)
    assert constant(math.nan) is constant(-math.nan * 0)
    assert constant(0.1) is not constant(math.nextafter(0.1, 1))


def test_leaves_differ_by_role_axes_and_position():
    leaves = [
        symbol("a", "raw"),
        symbol("a", "target"),
        symbol("a", "raw", ["example"]),
        symbol("a", "raw", ["example"], 1),
    ]
    assert len({id(leaf) for leaf in leaves}) == 4


@given(FORMULAS)
def test_copies_and_pickles_are_the_same_object(formula):
    assert pickle.loads(pickle.dumps(formula)) is formula
    assert copy.copy(formula) is formula
    assert copy.deepcopy(formula) is formula


def test_nodes_that_nobody_holds_are_forgotten():
    from lossmith.formula.node import _NODES

    before = len(_NODES)
    kept = [ls.exp(Z + i / 7919) for i in range(1000)]
    assert len(_NODES) >= before + 2000
    del kept
    gc.collect()
    assert len(_NODES) < before + 1000


def test_threads_that_build_the_same_formula_hold_the_same_object():
    found = []
    start = threading.Barrier(8)

    def build():
        start.wait()
        found.append([ls.exp(Z * (i + 0.25)) for i in range(300)])

    threads = [threading.Thread(target=build) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len({id(row[i]) for row in found}) == 1 for i in range(300))


def test_a_formula_is_frozen():
    for name in ("op", "args", "attr", "axes", "other"):
        with pytest.raises(AttributeError):
            setattr(Z + 1, name, None)


@pytest.mark.parametrize("formula", [0 * Z, Z - Z, Z * 1, Z + 0, Z / Z, make("negative", -Z), Z**1, ls.log(ls.exp(Z))])
def test_nothing_is_simplified_because_nan_must_stay_nan(formula):
    assert operations(formula)
    assert Z in set(walk(formula))


REFUSED_BY_PYTHON = [
    (lambda: bool(Z > 0), "LM101", "ls.where"),
    (lambda: 1 if Z > 0 else 2, "LM101", "ls.where"),
    (lambda: 0 < Z < 1, "LM101", "chained"),
    (lambda: (Z > 0) and (Y > 0), "LM101", "&"),
    (lambda: not (Z > 0), "LM101", "~"),
    (lambda: max(Z, 0), "LM101", "ls.where"),
    (lambda: math.log(Z), "LM102", "ls.log"),
    (lambda: float(Z), "LM102", "no number"),
    (lambda: sum(Z), "LM103", "over_classes"),
    (lambda: [a for a in Z], "LM103", "over_classes"),  # noqa: C416
    (lambda: make("log", Z, Z), "LM105", "vocabulary"),
    (lambda: make("cosine", Z), "LM105", "vocabulary"),
    (lambda: Z + "1", "LM106", "str"),
    (lambda: Z * [1, 2], "LM106", "list"),
    (lambda: Z - None, "LM106", "NoneType"),
    (lambda: Z * np.ones(3), "LM106", "ndarray"),
    (lambda: np.ones(3) * Z, "LM106", "ndarray"),
    (lambda: Z * 10**400, "LM106", "int"),
]


@pytest.mark.parametrize(("use", "code", "advice"), REFUSED_BY_PYTHON)
def test_what_python_cannot_do_with_a_formula_is_refused_with_advice(use, code, advice):
    with pytest.raises(FormulaError, match=code) as caught:
        use()
    assert advice in caught.value.sentence


@pytest.mark.parametrize("number", [3, 3.0, np.float64(3), np.float32(3), np.int64(3), np.array(3.0)])
def test_numbers_of_every_kind_become_the_same_constant(number):
    assert Z * number is Z * 3
    assert number * Z is 3 * Z


NUMPY = [
    (lambda: np.log(P), ls.log(P)),
    (lambda: np.exp(-Z), ls.exp(-Z)),
    (lambda: np.maximum(0, Z), ls.maximum(0, Z)),
    (lambda: np.square(Y - Z), (Y - Z) ** 2),
    (lambda: np.abs(Z), ls.abs(Z)),
    (lambda: np.greater(Y, Z), Y > Z),
    (lambda: np.greater_equal(Y, Z), Y >= Z),
    (lambda: np.not_equal(Y, Z), Y != Z),
    (lambda: np.power(Z, 2), Z**2),
    (lambda: np.reciprocal(Z), 1 / Z),
    (lambda: np.log10(Z), ls.log(Z) / math.log(10.0)),
    (lambda: np.log2(Z), ls.log(Z) / math.log(2.0)),
    (lambda: np.logaddexp(0, Z), 0 + ls.softplus(Z - 0)),
    (lambda: np.where(Y > Z, 1, P), ls.where(Y > Z, 1, P)),
    (lambda: np.where(Y, 1, P), ls.where(Y != 0, 1, P)),
    (lambda: np.clip(Z, -1, 1), ls.clip(Z, -1, 1)),
    (lambda: np.mean(Z), ls.mean(Z)),
    (lambda: np.sum(Z), ls.sum(Z)),
    (lambda: np.logical_and(Y > 0, Z > 0), (Y > 0) & (Z > 0)),
    (lambda: np.float64(2) ** Z, 2**Z),
    (lambda: special.expit(Z), ls.sigmoid(Z)),
    (lambda: special.gammaln(Z), ls.lgamma(Z)),
    (lambda: special.xlogy(Y, P), ls.xlogy(Y, P)),
    (lambda: special.erf(Z), ls.erf(Z)),
]


@pytest.mark.parametrize(("pasted", "meant"), NUMPY)
def test_numpy_functions_build_the_formula_they_compute(pasted, meant):
    assert pasted() is meant


NOT_NUMPY = [
    lambda: np.arctan(Z),
    lambda: np.add.reduce(Z),
    lambda: np.exp(Z, out=None, where=True),
    lambda: np.sum(Z, axis=1),
    lambda: np.mean(Z, 0),
    lambda: np.max(Z),
    lambda: np.where(Z > 0),
    lambda: np.concatenate([Z, Z]),
    lambda: np.nan_to_num(Z),
    lambda: np.zeros_like(Z),
]


@pytest.mark.parametrize("use", NOT_NUMPY)
def test_numpy_functions_without_a_meaning_here_are_refused_by_name(use):
    with pytest.raises(FormulaError, match=r"LM107 .*numpy\."):
        use()


@settings(max_examples=200)
@given(FORMULAS)
def test_the_fingerprint_does_not_see_the_order_of_arguments_that_commute(formula):
    def swapped(node, args):
        return make_from(node.op, args[::-1] if OPERATIONS[node.op].commutative else args, node.attr)

    assert fingerprint(rebuild(formula, swapped)) == fingerprint(formula)


@pytest.mark.parametrize("other", [Z - Y, Y - Z + 0, Y + Z, (Y - Z) * 1, Y - P, Y - symbol("z", "raw", ["example"])])
def test_the_fingerprint_sees_every_other_difference(other):
    assert fingerprint(other) != fingerprint(Y - Z)


@pytest.mark.parametrize("seed", ["1", "2"])
def test_the_fingerprint_is_the_same_in_every_process(seed):
    program = (
        "from lossmith.formula.node import *\n"
        "z = symbol('z', 'raw', ['example', 'class'])\n"
        "print(fingerprint(make('log', z + 0.1) * symbol('gamma', 'parameter')))"
    )
    environment = os.environ | {"PYTHONHASHSEED": seed}
    said = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert said.stdout.strip() == fingerprint(ls.log(Z + 0.1) * GAMMA)


def test_walking_gives_arguments_first_and_each_node_once():
    shared = ls.exp(Z)
    order = walk(shared + shared * Y)
    assert len(order) == len(set(order))
    place = {node: i for i, node in enumerate(order)}
    assert all(place[a] < place[node] for node in order for a in node.args)


def test_symbols_are_found_by_role_in_order_of_use():
    assert list(map(repr, symbols(GAMMA * Y - Z * Y))) == ["gamma", "y", "z"]
    assert [repr(s) for s in symbols(GAMMA * Y - Z, role="parameter")] == ["gamma"]


def test_substitution_reaches_every_use():
    assert substitute((Y - P) ** 2 + P, {P: ls.sigmoid(Z)}) is (Y - ls.sigmoid(Z)) ** 2 + ls.sigmoid(Z)


AXES = [
    (Z, {"example", "class"}),
    (GAMMA, set()),
    (ls.over_classes(Z), {"example"}),
    (ls.max_over_classes(Z) - Z, {"example", "class"}),
    (ls.softmax(Z), {"example", "class"}),
    (ls.mean(Z), {"class"}),
    (ls.mean(ls.over_classes(Z)), set()),
    (ls.class_count(), set()),
    (make("example_sum", Z, attr=("group",)), {"class", "group"}),
    (make("axis_mean", ls.mean(Z), attr="class"), set()),
]


@pytest.mark.parametrize(("formula", "axes"), AXES)
def test_a_reduction_removes_its_axis_and_only_that(formula, axes):
    assert set(formula.axes) == axes


def test_a_long_chain_and_a_doubling_graph_cost_no_more_than_their_size():
    chain, doubled = Z, Z
    for _ in range(5000):
        chain = chain + 1
        doubled = doubled * doubled
    for formula in (chain, doubled):
        assert len(walk(formula)) <= 5002
        assert len(fingerprint(formula)) == 64
        assert len(repr(formula)) < 10_000
        assert pickle.loads(pickle.dumps(formula)) is formula


def test_what_is_a_node_stays_itself():
    assert as_node(Z) is Z
    assert as_node(True) is constant(1)
