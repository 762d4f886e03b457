"""Formulas: names, functions, brackets, cases and sums come out as they are read; nothing else comes out of LaTeX."""

import re
from xml.etree import ElementTree

import pytest

import lossmith as ls
from lossmith.errors import ArgumentError
from lossmith.report.pages.mathml import ATTRIBUTES, ELEMENTS, formula

SET = {"class", "style"}  # what the layout adds


def tree(latex, display=False):
    """The formula as a tree."""
    return ElementTree.fromstring(re.search(r"<math.*</math>", formula(latex, display))[0])


def read(latex):
    """The formula as it is read aloud: its texts in order."""
    return " ".join("".join(tree(latex).itertext()).split())


@pytest.mark.parametrize("name", ls.names())
def test_every_loss_has_a_formula_without_script_and_font(name):
    made = tree(ls.get(name).latex, display=True)
    assert {element.tag for element in made.iter()} <= ELEMENTS
    assert {key for element in made.iter() for key in element.attrib} <= ATTRIBUTES | SET
    text = "".join(made.itertext())
    assert "\\" not in text and "&" not in text


def test_a_name_of_several_letters_is_one_name():
    assert [e.text for e in tree(r"\mathrm{smooth} + 1").iter("mi")] == ["smooth"]


def test_names_stand_apart_from_what_they_are_multiplied_by_and_functions_by_their_argument():
    product, applied = tree(r"y \log{\left(p \right)}"), tree(r"\log{\left(p \right)}")
    assert len(list(product.iter("mspace"))) == 1 and not list(applied.iter("mspace"))
    assert len(list(tree(r"\mathrm{level} \left(y - z\right)").iter("mspace"))) == 1
    assert not list(tree(r"a \left(y - z\right)").iter("mspace"))


def test_cases_have_a_brace_as_high_as_they_are_and_cells_to_the_left():
    made = tree(r"\begin{cases} 0 & \text{for}\: x \leq 0 \\ x & \text{otherwise} \end{cases}")
    (brace,) = [mo for mo in made.iter("mo") if mo.text == "{"]
    assert float(re.search(r"scaleY\(([\d.]+)\)", brace.get("style"))[1]) > 2
    assert {cell.get("class") for cell in made.iter("mtd")} == {"left"}
    assert "forx≤0" in "".join(made.itertext()).replace(" ", "")


def test_brackets_grow_with_a_fraction_only():
    low, high = tree(r"\left(x\right)"), tree(r"\left(\frac{x}{2}\right)")
    assert [mo.get("style") for mo in low.iter("mo")] == [None, None]
    assert len({mo.get("style") for mo in high.iter("mo")}) == 1 and None not in {
        mo.get("style") for mo in high.iter("mo")
    }


def test_a_displayed_sum_is_large_and_one_in_a_fraction_is_not():
    latex = r"\sum_{i=1}^{n} x + \frac{\sum_{i=1}^{n} x}{n}"
    assert [mo.get("class") for mo in tree(latex, True).iter("mo") if mo.text == "∑"] == ["big", None]
    assert [mo.get("class") for mo in tree(latex).iter("mo") if mo.text == "∑"] == [None, None]


def test_numbers_that_have_a_name_are_called_by_it():
    assert "π" in read("\\log{\\left(3.141592653589793 \\right)}")
    assert read("13.141592653589793") == "13.141592653589793"


@pytest.mark.parametrize("latex", [r"\nonsense x", r"\frac{1}", r"\left(x", "a & b"])
def test_what_is_not_understood_is_refused_by_name(latex):
    with pytest.raises(ArgumentError, match="LM580") as caught:
        formula(latex)
    assert latex in str(caught.value)


def test_hostile_text_stays_text():
    assert "&lt;script&gt;" in formula(r"\text{<script>alert(1)</script> & more}")
    assert "javascript" not in formula(r"\href{javascript:alert(1)}{x}")
    assert "fixed" not in formula(r"\style{position:fixed}{x}")


def test_a_wide_formula_scrolls_in_its_own_box_and_can_be_reached_by_keyboard():
    assert formula("x").startswith('<div class="formula" tabindex="0"')
    assert formula("x", display=False).startswith("<math")
