"""Declarations: who is who in a formula, and which declarations contradict themselves."""

import pytest

from lossmith.errors import FormulaError
from lossmith.formula.link import LINKS
from lossmith.formula.node import symbol_of
from lossmith.formula.roles import TARGET_KINDS, declare, roles


def axes(declaration):
    return {name: "".join(sorted(axis[0] for axis in leaf.axes)) for name, leaf in roles(declaration).leaves.items()}


AXES = [
    (declare("real"), {"y": "e", "z": "e", "p": "e"}),
    (declare("binary", "sigmoid"), {"y": "e", "z": "e", "p": "e"}),
    (declare("class", "softmax"), {"y": "ce", "z": "ce", "p": "ce"}),
    (declare("simplex"), {"y": "ce", "z": "ce", "p": "ce"}),
    (declare("binary", "sigmoid", per="class"), {"y": "ce", "z": "ce", "p": "ce"}),
    (declare("binary", "sigmoid", per="group"), {"y": "e", "z": "e", "p": "e"}),
    (declare("real", "softmax"), {"y": "e", "z": "ce", "p": "ce"}),
    (declare("real", columns=["cost"]), {"y": "e", "z": "e", "p": "e", "cost": "e"}),
    (declare("real", heads={"mean": "identity", "scale": "exp"}), {"y": "e", "mean": "e", "scale": "e"}),
    (declare({"time": "positive", "event": "binary"}), {"time": "e", "event": "e", "z": "e", "p": "e"}),
    (declare({"label": "class", "cost": "real"}), {"label": "ce", "cost": "e", "z": "ce", "p": "ce"}),
]


@pytest.mark.parametrize(("declaration", "expected"), AXES)
def test_each_leaf_varies_over_the_axes_that_its_kind_has(declaration, expected):
    assert axes(declaration) == expected


def test_heads_stand_in_raw_in_their_order_each_with_its_link():
    found = roles(declare("real", heads={"mean": "identity", "scale": "exp"}))
    assert [(repr(p), repr(z), link) for p, z, link in found.linked] == [
        ("mean", "z_mean", "identity"),
        ("scale", "z_scale", "exp"),
    ]
    assert [symbol_of(z).position for z in found.raw] == [0, 1]


@pytest.mark.parametrize("link", LINKS)
def test_on_probability_the_prediction_is_taken_as_it_is(link):
    ((_, _, applied),) = roles(declare("binary", link, on="probability")).linked
    assert applied == "identity"


@pytest.mark.parametrize("kind", TARGET_KINDS)
def test_every_kind_of_target_can_be_declared_under_any_name(kind):
    assert "label" in roles(declare({"label": kind})).leaves


REFUSED = [
    (lambda: declare("bianry"), "LM111", 'Did you mean "binary"'),
    (lambda: declare("real", "sigmoyd"), "LM110", 'Did you mean "sigmoid"'),
    (lambda: declare("real", heads={"a": "logg"}), "LM110", "Known: "),
    (lambda: declare("real", "exp", heads={"a": "exp"}), "LM112", "not both"),
    (lambda: declare("real", heads=("a", "b")), "LM109", "links by name"),
    (lambda: declare("real", columns={"cost": (0, None)}), "LM109", "names"),
    (lambda: declare("real", per="row"), "LM113", "row"),
    (lambda: declare("real", columns=["a b"]), "LM114", "a b"),
    (lambda: declare("real", columns=["_a"]), "LM114", "_a"),
    (lambda: declare("real", columns=["mask"]), "LM114", "mask"),
    (lambda: declare("real", columns=["lambda"]), "LM114", "lambda"),
    (lambda: declare({"w": "real"}), "LM114", "w"),
    (lambda: declare("real", columns=["y"]), "LM115", "twice"),
    (lambda: declare("real", columns=["a", "a"]), "LM115", "twice"),
    (lambda: declare("real", heads={"a": "exp"}, columns=["a"]), "LM115", "twice"),
    (lambda: declare("real", columns=["z"]), "LM115", "twice"),
    (lambda: declare({"p": "real"}), "LM115", "twice"),
]


@pytest.mark.parametrize(("declared", "code", "words"), REFUSED)
def test_a_declaration_that_contradicts_itself_is_refused(declared, code, words):
    with pytest.raises(FormulaError, match=code) as caught:
        declared()
    assert words in caught.value.sentence


def test_declarations_are_data_that_compare_and_hash():
    assert declare("real", columns=["a"]) == declare({"y": "real"}, columns=("a",))
    assert len({declare("real"), declare("real"), declare("positive")}) == 2
