"""Numbers, losses and rules in plain words: values come in, short texts go out."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Final


def number(value: float | None, margin: float | None = None) -> str:
    """Write a number with as many digits as its margin bears out (two digits of the margin), else four.

    >>> number(35.4183, 0.42), number(123456.7, 230.0), number(0.04812)
    ('35.42', '123,457', '0.04812')
    """
    if value is None or not math.isfinite(value):
        return "not defined"
    size = margin if margin and math.isfinite(margin) else abs(value) / 1000
    if value == 0 and not size:
        return "0"
    digits = 1 - math.floor(math.log10(size)) if size else 0
    if margin is None:
        digits -= 1
    if digits > 8:
        return f"{value:.4g}"
    text = f"{value:,.{max(digits, 0)}f}"
    return _trimmed(text) if margin is None else text


def _trimmed(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def with_margin(value: float | None, margin: float | None, fine: float | None = None) -> str:
    """Write `35.42 ± 0.42`, both as precisely as the margin (or the finer one) bears out; else the number alone.

    >>> with_margin(62.18, 13.1), with_margin(62.18, 13.1, fine=2.7)
    ('62 ± 13', '62.2 ± 13.1')
    """
    if value is None or not math.isfinite(value) or not margin or not math.isfinite(margin):
        return number(value, fine)
    if fine and margin < fine / 20:  # the digits of the table would show it as 0
        fine = margin
    return f"{number(value, fine or margin)} ± {number(margin, fine or margin)}"


def typical(margins: Iterable[float | None]) -> float | None:
    """Return the middle one (the lower of two) of the margins above 0: what the digits of a whole table go by.

    >>> typical([0.0, 3.1, None, 0.2, 9.0]), typical([])
    (3.1, None)
    """
    known = sorted(m for m in margins if m is not None and math.isfinite(m) and m > 0)
    return known[(len(known) - 1) // 2] if known else None


LOSS_WORDS: Final[Mapping[str, str]] = {
    "binary_cross_entropy": "log loss",
    "log_cosh": "log-cosh loss",
    "quantile": "quantile loss",
    "expectile": "expectile loss",
    "poisson": "Poisson loss",
    "gamma": "gamma loss",
    "huber": "Huber loss",
    "brier": "Brier score",
    "focal": "focal loss",
    "softmax_focal": "focal loss",
    "dice": "dice loss",
    "tversky": "Tversky loss",
}


def loss_words(name: str, parameters: Mapping[str, float]) -> str:
    """Write a loss with its parameters.

    >>> loss_words("quantile", {"level": 5 / 6})
    'quantile loss (level 5/6)'
    """
    if name == "focal" and parameters.get("gamma") == 0 and "alpha" in parameters:
        return loss_words("weighted_log_loss", {"weight": parameters["alpha"]})
    words = LOSS_WORDS.get(name, name.replace("_", " "))
    inside = ", ".join(
        f"{key.replace('_', ' ')} {_fraction(value)}" for key, value in parameters.items() if value is not None
    )
    return f"{words} ({inside})" if inside else words


def _fraction(value: float) -> str:
    """Write 5/6 as 5/6: a ratio of small whole numbers that no short decimal gives."""
    near = Fraction(value).limit_denominator(99)
    exact = math.isclose(float(near), value, rel_tol=1e-14) and f"{value:.4g}" != repr(value).removesuffix(".0")
    return str(near) if exact else f"{value:.4g}"


def _threshold(rule: Mapping[str, Any]) -> str:
    level = float(rule["level"])
    if level <= 0:
        return "always yes"
    return "never yes" if level > 1 else f"threshold {level:.4g}"


def _cheapest(rule: Mapping[str, Any]) -> str:
    usual = all(value == float(i != j) for i, row in enumerate(rule["matrix"]) for j, value in enumerate(row))
    return "most probable class" if usual else "cheapest class"


RULE_WORDS: Final[Mapping[str, Any]] = {
    "as_is": lambda rule: "as it is",
    "shift": lambda rule: f"{'+' if rule['amount'] >= 0 else '−'} {number(abs(rule['amount']))}",
    "scale": lambda rule: f"× {number(rule['factor'])}",
    "threshold": _threshold,
    "cheapest_class": _cheapest,
}


def rule_words(rule: Mapping[str, Any]) -> str:
    """Write a rule, as it follows the name of a loss.

    >>> rule_words({"rule": "shift", "amount": 13.18}), rule_words({"rule": "threshold", "level": 1 / 21})
    ('+ 13.18', 'threshold 0.04762')
    """
    words: str = RULE_WORDS[rule["rule"]](rule)
    return words


def way_words(loss: str, rule: Mapping[str, Any]) -> str:
    """Write a loss with its rule: `squared error + 13.18`, `log loss, threshold 0.048`."""
    joint = ", " if rule["rule"] in ("threshold", "cheapest_class") else " "
    return f"{loss}{joint}{rule_words(rule)}"
