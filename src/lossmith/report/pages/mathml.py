"""LaTeX comes in, MathML goes out: formulas that a browser sets by itself, without script and without font.

Few machines have a font made for mathematics, and without one a browser stretches no bracket and enlarges no sum; so the
tall brackets carry their height, and the sums their size, as a style.
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from html import escape
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from lossmith.errors import ArgumentError
from lossmith.report.pages.math_layout import PASSES

CONSTANTS: Final = {
    repr(math.pi): r"\pi",
    repr(math.log(2 * math.pi) / 2): r"\tfrac{1}{2} \log{\left(2 \pi \right)}",
    repr(math.log(math.pi)): r"\log{\left(\pi \right)}",
}
"""Numbers that people know by another name, as their digits stand in formulas."""

SPELLED: Final = (
    (re.compile(r"\\operatorname\*"), r"\\operatorname"),
    (re.compile(r"\\(begin|end)\{aligned\}"), r"\\\1{align*}"),
    (re.compile(r"\\tfrac"), r"\\frac"),
)
"""What the converter does not know, and what it does."""

WHOLE: Final = re.compile(r"(?<![\d.])\d{17,}(?![\d.])")
"""A whole number with more digits than a float holds."""

TEN: Final = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?) \\cdot 10\^")
"""A number times a power of ten."""

TEXT: Final = re.compile(r"\\text\{([^{}]*)\}")
"""Words in a formula, which the converter hands on without escaping them."""

ELEMENTS: Final = frozenset(
    (
        *(
            "math",
            "menclose",
            "mfrac",
            "mi",
            "mn",
            "mo",
            "mover",
            "mpadded",
            "mphantom",
            "mroot",
            "mrow",
            "ms",
            "mspace",
        ),
        *("msqrt", "mstyle", "msub", "msubsup", "msup", "mtable", "mtd", "mtext", "mtr", "munder", "munderover"),
    )
)
PARTS: Final = {"mfrac": 2, "mover": 2, "mroot": 2, "msub": 2, "msubsup": 3, "msup": 2, "munder": 2, "munderover": 3}
"""How many parts some elements have."""

ATTRIBUTES: Final = frozenset(
    (
        *("accent", "columnalign", "columnspacing", "display", "displaystyle", "fence", "form", "largeop"),
        *("linethickness", "lspace", "mathvariant", "movablelimits", "rowspacing", "rspace", "scriptlevel"),
        *("separator", "stretchy", "width"),
    )
)
"""What the converter may say of an element; styles, classes and addresses that LaTeX can name are left out."""


@lru_cache(maxsize=4096)
def formula(latex: str, display: bool = True) -> str:
    r"""Return a formula as one `<math>` element; a displayed one stands in a box that scrolls if it is wide.

    Raises ArgumentError LM580 where the formula holds what cannot be shown.

    >>> formula(r"\mathrm{level} + 1", display=False)
    '<math display="inline"><mrow><mi>level</mi><mo>+</mo><mn>1</mn></mrow></math>'
    """
    root = _converted(latex, display)
    _check(root, latex)
    for change in PASSES:
        change(root)
    made = ElementTree.tostring(root, encoding="unicode")
    return f'<div class="formula" tabindex="0" role="group">{made}</div>' if display else made


def _converted(latex: str, display: bool) -> Element:
    from latex2mathml.converter import convert

    try:
        made: str = convert(spelled(latex), display="block" if display else "inline")
        return ElementTree.fromstring(made.replace(' xmlns="http://www.w3.org/1998/Math/MathML"', "", 1))
    except (Exception, RecursionError) as error:  # the converter has many errors of its own, IndexError among them
        raise _unknown(latex, f"{type(error).__name__} {error}".strip()) from None


def spelled(latex: str) -> str:
    r"""Return a formula in words that the converter knows, with known numbers by their names.

    >>> spelled(r"\operatorname*{argmin} + 3.141592653589793")
    '\\operatorname{argmin} + \\pi'
    >>> spelled(r"1.0 \cdot 10^{-10} + 25000000000000000000")
    '10^{-10} + 2.5 \\cdot 10^{19}'
    """
    latex = TEXT.sub(lambda found: rf"\text{{{escape(found[1], quote=False)}}}", latex)
    for digits, name in CONSTANTS.items():
        latex = re.sub(rf"(?<![\d.]){re.escape(digits)}(?![\d.e])", name.replace("\\", r"\\"), latex)
    latex = TEN.sub(_short_factor, WHOLE.sub(_by_power, latex))
    for pattern, known in SPELLED:
        latex = pattern.sub(known, latex)
    return latex


def _by_power(found: re.Match[str]) -> str:
    """The digits that a float holds, and a power of ten."""
    digits, _, power = f"{float(found[0]):e}".partition("e")
    shortest, _, _ = repr(float(found[0])).partition("e")
    return rf"{shortest if 'e' in repr(float(found[0])) else digits} \cdot 10^{{{int(power)}}}"


def _short_factor(found: re.Match[str]) -> str:
    """No point behind a whole factor, and no factor 1."""
    factor = found[1].removesuffix(".0")
    return "10^" if factor == "1" else rf"{factor} \cdot 10^"


def _check(root: Element, latex: str) -> None:
    """Refuse what was not understood, and drop what no formula needs."""
    for element in root.iter():
        if element.tag not in ELEMENTS:
            raise _unknown(latex, f"<{element.tag}> is no part of a formula")
        for name in [name for name in element.attrib if name not in ATTRIBUTES]:
            del element.attrib[name]
        if len(element) != PARTS.get(element.tag, len(element)):
            raise _unknown(latex, f"a part of <{element.tag}> is missing")
        text = element.text or ""
        if element.tag != "mtext" and ("\\" in text or text == "&"):
            raise _unknown(latex, f"{text} is not known")


def _unknown(latex: str, why: str) -> ArgumentError:
    return ArgumentError(
        "LM580", f"the formula {latex} cannot be shown: {why}. Write it with commands of LaTeX's mathematics."
    )
