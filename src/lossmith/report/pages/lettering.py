"""How much room a text takes in a picture: a text comes in, its width in letter heights and its lines go out.

SVG does not break lines, so that they are broken here, by widths that hold for common sans-serif faces.
"""

from __future__ import annotations

import unicodedata
from typing import Final

WIDE: Final = 1.0
USUAL: Final = 0.56
NARROW: Final = dict.fromkeys("iIjlftr.,:;'|!()[] ·", 0.31)
BROAD: Final = dict.fromkeys("mwMW@%", 0.86)
ROOM: Final = 1.12
"""What a broad face needs (DejaVu Sans is one) beside the mean one."""


def width(text: str, size: float) -> float:
    """Return about how wide a text is at a letter size.

    >>> width("loss", 10) < width("LOSS of it", 10)
    True
    """
    return ROOM * size * sum(_letter(letter) for letter in text)


def _letter(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return WIDE
    if unicodedata.combining(letter):
        return 0.0
    return NARROW.get(letter) or BROAD.get(letter) or (0.66 if letter.isupper() else USUAL)


def wrapped(text: str, size: float, room: float) -> tuple[str, ...]:
    """Return a text in lines that fit a room; a word that is longer than the room is broken.

    >>> wrapped("one two three", 10, 50)
    ('one two', 'three')
    """
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and width(joined, size) <= room:
            lines[-1] = joined
        else:
            lines += _pieces(word, size, room)
    return tuple(lines)


def _pieces(word: str, size: float, room: float) -> list[str]:
    pieces = [""]
    for letter in word:
        if pieces[-1] and width(pieces[-1] + letter, size) > room:
            pieces.append("")
        pieces[-1] += letter
    return pieces
