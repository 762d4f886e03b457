"""Numbers, losses and rules in plain words: values come in, short texts go out."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Mapping
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
    if digits > 8 or abs(value) >= 1e15:
        return f"{value:.4g}"
    text = f"{value:,.{max(digits, 0)}f}"
    return _trimmed(text) if margin is None else text


def amount(cost: float | str) -> str:
    """Write a cost that is a number, or the column that holds it.

    >>> amount(20.0), amount("stake")
    ('20', 'what stake says')
    """
    return f"what {cost} says" if isinstance(cost, str) else number(cost)


def percent(share: float) -> str:
    """Write a probability, and for small ones as one in so many.

    >>> percent(0.5), percent(1 / 21)
    ('50 %', '4.76 % (1 in 21)')
    """
    one_in = f" (1 in {1 / share:.0f})" if 0 < share < 0.1 else ""
    return f"{100 * share:.3g} %{one_in}"


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
    "tweedie": "Tweedie loss",
    "gaussian": "Gaussian log loss",
    "laplace": "Laplace log loss",
    "student_t": "Student-t loss",
    "logistic": "logistic noise loss",
    "log_normal": "log-normal loss",
    "gamma_likelihood": "gamma log loss",
    "poisson_likelihood": "Poisson log loss",
    "negative_binomial": "negative binomial loss",
    "zero_inflated_poisson": "zero-inflated Poisson loss",
    "ordinal": "ordered grades loss",
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


def _signed(amount: float) -> str:
    return f"{'+' if amount >= 0 else '−'} {number(abs(amount))}"


def _by_size(rule: Mapping[str, Any]) -> str:
    least, most = min(rule["amounts"]), max(rule["amounts"])
    if least == most:
        return _signed(least)
    return f"corrected by its size ({_signed(least)} to {_signed(most)})"


def _cuts(rule: Mapping[str, Any]) -> str:
    used = [number(level) for level in rule["levels"] if abs(level) < sys.float_info.max]
    return f"cut at {', '.join(used)}" if used else "the same grade for all"


def _levels_moved(rule: Mapping[str, Any]) -> str:
    return "moved to their share and sorted" if any(rule["amounts"]) else "sorted"


def _then(words: str) -> Callable[[Mapping[str, Any]], str]:
    def say(rule: Mapping[str, Any]) -> str:
        after = rule.get("then", {"rule": "as_is"})
        return words if after["rule"] == "as_is" else f"{words}, {rule_words(after)}"

    return say


RULE_WORDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "as_is": lambda rule: "as it is",
    "shift": lambda rule: _signed(rule["amount"]),
    "scale": lambda rule: f"× {number(rule['factor'])}",
    "shift_by_size": _by_size,
    "threshold": _threshold,
    "row_threshold": lambda rule: "threshold of each row",
    "cheapest_class": _cheapest,
    "cuts": _cuts,
    "sorted_levels": _levels_moved,
    "levels": lambda rule: "with quantiles of its errors",
    "corrected": _then("class weights undone"),
    "recalibrated": _then("recalibrated"),
}
CLOSE: Final = frozenset({"as_is", "shift", "scale", "shift_by_size", "levels"})
"""Rules whose words follow the name of a loss without a comma."""


def rule_words(rule: Mapping[str, Any]) -> str:
    """Write a rule, as it follows the name of a loss.

    >>> rule_words({"rule": "shift", "amount": 13.18}), rule_words({"rule": "threshold", "level": 1 / 21})
    ('+ 13.18', 'threshold 0.04762')
    >>> rule_words({"rule": "corrected", "weights": [1, 20], "then": {"rule": "threshold", "level": 1 / 21}})
    'class weights undone, threshold 0.04762'
    """
    return RULE_WORDS[rule["rule"]](rule)


def way_words(loss: str, rule: Mapping[str, Any]) -> str:
    """Write a loss with its rule: `squared error + 13.18`, `log loss, threshold 0.048`."""
    joint = " " if rule["rule"] in CLOSE else ", "
    return f"{loss}{joint}{rule_words(rule)}"
