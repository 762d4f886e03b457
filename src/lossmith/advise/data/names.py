"""What names say: the name of a column comes in, its unit goes out; the names of two classes, the positive one.

The words are plain lists, in English and Korean; a name that is in none of them says nothing.
"""

from __future__ import annotations

import re

from lossmith.errors import DataError, did_you_mean


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


POSITIVE_WORDS = _words(
    "yes y true positive pos fraud churn churned default sick ill disease died dead malignant spam bad fail failed "
    "failure late 예 있음 양성 불량 사기 이탈 참"
)
NEGATIVE_WORDS = _words(
    "no n false negative neg normal healthy benign ham good ok none legitimate alive absent 아니오 없음 음성 정상 거짓"
)
UNIT_WORDS = _words(
    "seconds minutes hours days weeks months years dollars usd eur euros gbp krw won yen kg grams km miles meters "
    "metres percent"
)


def unit_of(name: str) -> str:
    """Return the unit that a column's name ends with, else the name itself.

    >>> unit_of("delay_minutes"), unit_of("price (USD)"), unit_of("arr_delay")
    ('minutes', 'USD', 'arr_delay')
    """
    words = re.findall(r"[^\W_]+", name)
    return words[-1] if words and words[-1].lower() in UNIT_WORDS and len(words) > 1 else name


def positive_class(named: list[str], rare_first: list[str], uneven: bool, asked: str | None) -> tuple[str, str]:
    """Return the class that counts as 1, and why: asked for, by value, by its word, as the rarer one, by order."""
    if asked is not None:
        if asked not in named:
            shown = '" and "'.join(named)
            raise DataError(
                "LM514",
                f'The positive class "{asked}" is not in the target, which has "{shown}".{did_you_mean(asked, named)}',
            )
        return asked, "as you said"
    numbers = [_number(name) for name in named]
    if None not in numbers:
        return max(zip(numbers, named, strict=True))[1], "as the larger number"
    truths = [name for name in named if {other.lower() for other in named} == {"f", "t"} and name.lower() == "t"]
    worded = truths or [name for name in named if name.lower() in POSITIVE_WORDS]
    worded = worded or [name for name in named if not _negative(name)]
    if len(worded) == 1:
        return worded[0], "by its word"
    return (rare_first[0], "as the rarer one") if uneven else (named[-1], "as the later in the alphabet")


def _negative(name: str) -> bool:
    """Whether a name says no: `no`, or `not sick` next to `sick`."""
    lower = name.lower()
    return lower in NEGATIVE_WORDS or lower.startswith(("no ", "not ", "non-", "non_", "no_", "not_"))


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def natural_order(name: str) -> tuple[int, float, str]:
    """Sort key: numbers by value, before texts."""
    number = _number(name)
    return (1, 0.0, name) if number is None or number != number else (0, number, name)
