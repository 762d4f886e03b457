"""Proofs about noise models by algebra: that exp(-loss) adds up to the same number whatever the prediction.

Comes in: a `NoiseRow`. Goes out: the reason in words, or nothing where algebra shows none.
"""

from __future__ import annotations

import numpy as np

from lossmith.calculus.properties.bending import case_cuts
from lossmith.calculus.properties.cases import Case, folded
from lossmith.calculus.properties.densities import ALIKE, Known, Numbers
from lossmith.calculus.properties.functionals import of_cross_entropy
from lossmith.calculus.properties.noise_row import NoiseRow, on_pieces
from lossmith.calculus.properties.pieces import local
from lossmith.calculus.properties.symbolic import algebra, exact, is_zero, or_else
from lossmith.calculus.sympy_bridge import to_sympy
from lossmith.errors import UnsupportedError
from lossmith.formula.link import link_named
from lossmith.formula.node import Node, constant, make, substitute


@or_else("")
def shown_constant(row: NoiseRow) -> str:
    """Why the total is one number, or nothing.

    A loss of y - p alone is moved along with the prediction; two outcomes are added up; a cross entropy is a softmax.
    """
    if row.weights:
        return ""
    if row.body is None:
        return _of_place_and_scale(row)
    if row.kind == "class":
        return "exp(-loss) is the row of probabilities" if of_cross_entropy(row.body) else ""
    known = algebra(row.body, row.links[0])
    if known is None:
        return ""
    if row.kind == "binary":
        terms = [make("exp", -substitute(row.node, {row.target: constant(y)})) for y in (0.0, 1.0)]
        both = known.of(terms[0] + terms[1])
        both = both.subs(known.raw, 1 / (1 + known.distance)) if row.body.given else both
        return "the two outcomes add up by algebra" if all(is_zero(both.diff(s)) for s in both.free_symbols) else ""
    if row.kind != "real":
        return ""
    sides = [known.beside(known.value, side).simplify() for side in (1, -1)]
    alone = all(known.raw not in side.free_symbols for side in sides)
    return "the loss depends on the distance of target and prediction alone" if alone else ""


def _of_place_and_scale(row: NoiseRow) -> str:
    """Whether, at y = place + scale r, the loss is log(scale) and a function of r alone, for two heads in some order."""
    if len(row.raws) != 2 or row.kind != "real":
        return ""
    linked = [link_named(link).inverse(raw) for raw, link in zip(row.raws, row.links, strict=True)]
    try:
        loss, target = to_sympy(row.node), to_sympy(row.target)
        heads, sizes = [to_sympy(p) for p in linked], [to_sympy(make("log", p)) for p in linked]
    except UnsupportedError:
        return ""
    raws = {to_sympy(raw) for raw in row.raws}
    r = target.func("r", positive=True)
    for place, scale in ((0, 1), (1, 0)):
        sides = [loss.subs(target, heads[place] + side * heads[scale] * r) - sizes[scale] for side in (1, -1)]
        if not any(raws & side.expand().simplify().free_symbols for side in sides):
            return "a place and a scale: the loss is log(scale) and a function of (y - place) / scale alone"
    return ""


@or_else(False)
def shown_slope(row: NoiseRow, known: Known, numbers: Numbers) -> bool:
    """Whether algebra shows that the gradient is that of the density, for all targets and raw predictions."""
    found = algebra(row.body, row.links[0]) if row.body is not None and known.rational and not row.weights else None
    if found is None:
        return False
    said = {name: exact(found.raw, float(f"{value:.9g}")) for name, value in numbers.items()}
    slope = known.slope(found.target, found.predicted, said) * found.predicted.diff(found.raw)
    return is_zero(found.slope - slope)


@or_else(False)
def shown_on_pieces(case: Case, known: Known, numbers: Numbers) -> bool:
    """Whether the gradient is that of the density on every piece between the corners, by algebra.

    The numbers are as exact as floats: where both are straight lines on a piece, two places say whether they are one.
    """
    found = case_cuts(case)
    if not found.sure:
        return False
    said = {name: float(f"{value:.9g}") for name, value in numbers.items()}
    forms = [known.slope(constant(0.0), case.raw, given) for given in (said, numbers)]
    for point in found.middles if found.at else (-0.3, 0.3):
        slope = local(case.slope, case.raw, point)
        exact_one, near_one = (local(folded(form), case.raw, point) for form in forms)
        if not _is_nothing(slope - exact_one) and not (_is_line(slope, case.raw) and _is_line(near_one, case.raw)):
            return False
    places = np.array([*(on_pieces(found) or (-37.0, -0.5, 0.5, 37.0))])
    own, named = (case.values(form, places) for form in (case.slope, forms[1]))
    return bool(np.allclose(own, named, rtol=ALIKE, atol=0.0))


def _is_nothing(node: Node) -> bool:
    return is_zero(to_sympy(node))


def _is_line(node: Node, raw: Node) -> bool:
    return is_zero(to_sympy(node).diff(to_sympy(raw), 2))
