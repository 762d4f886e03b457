"""How a formula is set: a tree of MathML comes in, and is changed in place by passes, each of which does one thing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from xml.etree.ElementTree import Element

OPEN, CLOSE = "([{|‖⟨⌊⌈", ")]}|‖⟩⌋⌉"
BIG: Final = "∑∏∫"
FUNCTIONS: Final = frozenset(
    (
        *("log", "ln", "exp", "max", "min", "sinh", "cosh", "tanh", "sin", "cos", "tan", "erf", "erfc", "loggamma"),
        *("softplus", "sigmoid", "softmax", "logsumexp", "sign", "relu", "Pr", "E", "Var"),
    )
)
"""Names that a bracket follows closely; after any other name of several letters it means a product."""

THIN: Final = "0.17em"
TALL: Final = 1.3
"""From this many lines on, a bracket grows with what it holds."""

OPERANDS: Final = frozenset(
    ["mi", "mn", "mfrac", "msqrt", "mroot", "msub", "msup", "msubsup", "mrow", "munder", "mtable"]
)


def join_names(root: Element) -> None:
    """Make a name that was set letter by letter one identifier."""
    for row in [row for row in root.iter("mrow") if len(row) > 1 and all(map(_is_letter, row))]:
        name = "".join(letter.text or "" for letter in row)
        for letter in list(row):
            row.remove(letter)
        row.tag, row.text = "mi", name


def _is_letter(element: Element) -> bool:
    upright = element.get("mathvariant") == "normal" or element.tag == "mn" or element.text == "_"
    return element.tag in ("mi", "mn", "mo") and upright and bool(element.text)


def name_functions(root: Element) -> None:
    """Make an operator that is a word an identifier, so that it gets the room of one."""
    for element in root.iter("mo"):
        text = element.text or ""
        if len(text) > 1 and text.replace("\u2009", "").replace(" ", "").isalpha():
            element.tag = "mi"
            element.attrib.clear()


def embolden(root: Element) -> None:
    """Say by a class what the browsers' own rules for letters leave out."""
    for element in root.iter():
        if "bold" in element.get("mathvariant", ""):
            element.set("class", "bold")
            del element.attrib["mathvariant"]


def space_names(root: Element) -> None:
    """Put a thin space between a name of several letters and what it is multiplied by or applied to."""
    for row in root.iter():
        if row.tag in ("mrow", "mtd", "math", "mstyle", "msqrt"):
            for place in reversed(range(1, len(row))):
                if _needs_space(row[place - 1], row[place]):
                    row.insert(place, Element("mspace", width=THIN))


def _needs_space(left: Element, right: Element) -> bool:
    before, after = _last(left), _first(right)
    word = _word(before)
    if word:
        opens = after.tag == "mo" and (after.text or "") in OPEN and after.get("form") != "postfix"
        return (after.tag in OPERANDS) or (opens and word not in FUNCTIONS)
    closes = before.tag == "mo" and (before.text or "") in CLOSE and before.get("form") != "prefix"
    return bool(_word(after)) and (before.tag in OPERANDS or closes)


def _first(element: Element) -> Element:
    return (
        _first(element[0]) if element.tag in ("mrow", "msub", "msup", "msubsup", "munder") and len(element) else element
    )


def _last(element: Element) -> Element:
    if element.tag in ("msub", "msup", "msubsup", "munder") and len(element):
        return _last(element[0])
    return _last(element[-1]) if element.tag == "mrow" and len(element) else element


def _word(element: Element) -> str:
    text = element.text or ""
    return text if element.tag == "mi" and len(text) > 1 and text[0].isascii() else ""


def align_cells(root: Element) -> None:
    """Set cells left or right as their table asks."""
    for cell in root.iter("mtd"):
        if side := cell.attrib.pop("columnalign", ""):
            cell.set("class", side)


def enlarge_sums(root: Element) -> None:
    """Enlarge the signs of sums in displayed formulas, but in fractions and exponents."""
    if root.get("display") == "block":
        for element in _displayed(root):
            if element.tag == "mo" and (element.text or "") in BIG:
                element.attrib.update({"largeop": "false", "class": "big"})


def _displayed(element: Element) -> Iterator[Element]:
    yield element
    inner = {"mfrac": (), "msup": element[:1], "msub": element[:1], "msubsup": element[:1]}.get(element.tag, element)
    inner = element[:1] if element.tag in ("munder", "mover", "munderover") else inner
    for child in inner:
        yield from _displayed(child)


def stretch_brackets(root: Element) -> None:
    """Give each bracket the height of what it holds."""
    for row in root.iter():
        opened: list[int] = []
        for place, element in enumerate(row):
            if not _stretches(element, row):
                continue
            if element.get("form") == "postfix" or (
                element.get("form") is None and (element.text or " ") in CLOSE and opened
            ):
                first = opened.pop() if opened else place
                _grow(list(row)[first : place + 1])
            elif (element.text or "") in OPEN:
                opened.append(place)
        for first in opened:  # a brace that nothing closes, as of cases
            _grow(list(row)[first:])


def _stretches(element: Element, row: Element) -> bool:
    if element.tag != "mo" or element.get("stretchy") == "false":
        return False
    by_table = any(child.tag == "mtable" for child in row) and (element.text or " ") in OPEN + CLOSE
    return element.get("fence") == "true" or by_table


def _grow(pair: list[Element]) -> None:
    lines = max((height(element) for element in pair if element.tag != "mo"), default=1.0)
    for element in (pair[0], pair[-1]):
        if element.tag == "mo" and element.text:
            element.set("stretchy", "false")
            if lines >= TALL:
                element.set("style", f"transform:scaleY({lines:.2g})")


def raise_roots(root: Element) -> None:
    """Draw a root over what is several lines high by its sign and a line; browsers leave the sign small."""
    for element in [element for element in root.iter("msqrt") if height(element) >= TALL]:
        inner = Element("mrow", {"class": "under"})
        inner.extend(list(element))
        style = f"transform:scaleY({height(inner):.2g})"
        sign = Element("mo", {"stretchy": "false", "form": "prefix", "lspace": "0", "rspace": "0", "style": style})
        sign.text = "√"
        element[:] = [sign, inner]
        element.tag = "mrow"


def height(element: Element) -> float:
    """Return about how many lines high a part of a formula is."""
    inner = [height(child) for child in element]
    if element.tag == "mfrac":
        return 0.9 * sum(inner) + 0.1
    if element.tag == "mtable":
        return sum(inner) * 1.12
    if element.tag == "munderover":
        return inner[0] + 1.3
    most = max(inner, default=1.0)
    return most + 0.15 if element.tag in ("msup", "msubsup", "munder") else most


def drop_empty(root: Element) -> None:
    """Take out brackets without a sign, which stand for a side that has none."""
    for row in list(root.iter()):
        for element in [child for child in row if child.tag == "mo" and not (child.text or "").strip()]:
            row.remove(element)


PASSES: Final[tuple[Callable[[Element], None], ...]] = (
    join_names,
    name_functions,
    embolden,
    space_names,
    align_cells,
    enlarge_sums,
    stretch_brackets,
    raise_roots,
    drop_empty,
)
"""What is done to every formula, in this order."""
