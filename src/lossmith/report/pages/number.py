"""A number comes in, its text for people goes out: a few significant digits, a true minus sign, powers of ten."""

from __future__ import annotations

import math
from typing import Final

SUPERSCRIPTS: Final = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
PLAIN_FROM, PLAIN_TO = 1e-4, 1e7
"""Sizes between which a number is written without a power of ten."""


def number(value: float, digits: int = 4) -> str:
    """Return a number with `digits` significant digits; whole numbers below ten million keep all of theirs.

    >>> number(1234.5678), number(-0.00001234), number(300000), number(2.5)
    ('1,235', '−1.234×10⁻⁵', '300,000', '2.5')
    """
    value = float(value)
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if value == 0 or (value.is_integer() and abs(value) < PLAIN_TO):
        return signed(f"{int(value):,}")
    rounded = float(f"{value:.{digits - 1}e}")
    return power(rounded, digits) if not PLAIN_FROM <= abs(rounded) < PLAIN_TO else signed(_plain(rounded, digits))


def _plain(rounded: float, digits: int) -> str:
    places = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:,.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def power(value: float, digits: int = 4) -> str:
    """Return a number as a mantissa times a power of ten; a mantissa of one is left out.

    >>> power(1e-12), power(2.5e8)
    ('10⁻¹²', '2.5×10⁸')
    """
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
    ten = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    return signed(ten if mantissa == "1" else "-" + ten if mantissa == "-1" else f"{mantissa}×{ten}")


def signed(text: str) -> str:
    """Return a text of a number with a minus sign in place of its hyphen.

    >>> signed("-3")
    '−3'
    """
    return "−" + text[1:] if text.startswith("-") else text
