"""Noise models in plain words: which noise the errors look like, what that means, and which loss belongs to it.

Comes in: names and fitted parameters. Goes out: sentences for people who know no statistics.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from lossmith.report.words import loss_words

Parameters = Mapping[str, float]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2g}"


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %" if share < 1 else f"{100 * share:,.0f} %"


def _wild(degrees: float) -> str:
    """What the degrees of freedom say about wild rows."""
    levels = (
        (3.0, "most errors are moderate, but wild rows are far more frequent than in a bell curve"),
        (10.0, "heavier tails than a bell curve: wild rows are more frequent, above and below"),
    )
    return next((words for most, words in levels if degrees <= most), "almost a bell curve, with a few more wild rows")


# name of the definition -> what it is called, and what it means
NOUNS: Final[Mapping[str, Callable[[Parameters], str]]] = {
    "gaussian": lambda p: f"a bell curve (typical error {_short(math.sqrt(2 / math.pi) * p['scale'])})",
    "laplace": lambda p: f"Laplace noise (typical error {_short(p['scale'])})",
    "student_t": lambda p: f"Student-t noise ({_short(p['degrees'])} degrees of freedom)",
    "logistic": lambda p: f"logistic noise (typical error {_short(2 * math.log(2) * p['scale'])})",
    "log_normal": lambda p: "log-normal noise",
    "gamma_likelihood": lambda p: "gamma noise",
    "poisson_likelihood": lambda p: "Poisson counts",
    "negative_binomial": lambda p: "negative binomial counts",
    "zero_inflated_poisson": lambda p: "Poisson counts with extra zeros",
    "tweedie": lambda p: "Tweedie noise",
}
MEANINGS: Final[Mapping[str, Callable[[Parameters], str]]] = {
    "gaussian": lambda p: (
        "errors fall evenly above and below, are as large for small predictions as for large ones, and wild rows are rare"
    ),
    "laplace": lambda p: (
        "many rows lie very near the prediction, and large errors are more frequent than in a bell curve, above and below"
    ),
    "student_t": lambda p: _wild(p["degrees"]),
    "logistic": lambda p: "nearly a bell curve, with somewhat more large errors, above and below",
    "log_normal": lambda p: (
        f"errors multiply: two of three values lie within a factor of {_short(math.exp(p['sigma']))} of the prediction, "
        "and the largest lie far above it"
    ),
    "gamma_likelihood": lambda p: (
        f"the spread grows with the prediction (about {_percent(p['shape'] ** -0.5)} of it), "
        "and large errors are mostly upward"
    ),
    "poisson_likelihood": lambda p: (
        "each counts events that do not depend on each other; the spread is the square root of the prediction"
    ),
    "negative_binomial": lambda p: (
        "they vary more than counts of events that do not depend on each other; around a prediction of 10 the spread is "
        f"{_short(math.sqrt(10 + 100 * p['dispersion']))}, not {_short(math.sqrt(10))}"
    ),
    "zero_inflated_poisson": lambda p: f"{_percent(p['zero'])} of the rows are zero whatever the prediction",
    "tweedie": lambda p: "some values are exactly zero, the others are amounts whose spread grows with the prediction",
}


def noise_words(name: str, parameters: Parameters) -> str:
    """Write what a noise is called, with the number that matters.

    >>> noise_words("student_t", {"degrees": 3.14159, "scale": 2.0})
    'Student-t noise (3.1 degrees of freedom)'
    """
    return NOUNS[name](parameters) if name in NOUNS else name.replace("_", " ")


def meaning_words(name: str, parameters: Parameters) -> str:
    """Write what a noise means for the errors; an empty text where nothing is known of it.

    >>> meaning_words("gamma_likelihood", {"shape": 4.0})
    'the spread grows with the prediction (about 50 % of it), and large errors are mostly upward'
    """
    return MEANINGS[name](parameters) if name in MEANINGS else ""


def found_words(name: str, loss_name: str, parameters: Parameters) -> str:
    """Write which noise was found, what it means and which loss belongs to it.

    >>> print(found_words("poisson_likelihood", "poisson", {}))
    Given the predictions, the values look like Poisson counts: each counts events that do not depend on each other; the \
spread is the square root of the prediction. The loss that belongs to it is Poisson loss.
    """
    meaning = meaning_words(name, parameters)
    noun = noise_words(name, parameters)
    found = f"Given the predictions, the values look like {noun}{': ' if meaning else ''}{meaning}."
    return f"{found} The loss that belongs to it is {loss_words(loss_name, {})}."


def tied_words(others: tuple[str, ...]) -> str:
    """Write which other noises cannot be told apart from the one that was found.

    >>> tied_words(("logistic noise", "gamma noise"))
    'On these rows logistic noise and gamma noise cannot be told apart from it.'
    """
    names = others[0] if len(others) == 1 else ", ".join(others[:-1]) + " and " + others[-1]
    return f"On these rows {names} cannot be told apart from it."


def gain_words(nats: float, other: str) -> str:
    """Write by how much more probable the held-out values are than under another noise (`nats` per row).

    >>> gain_words(0.35, "a bell curve")
    'It makes a typical held-out value 1.4 times as probable as a bell curve does.'
    """
    if nats > math.log(1000):
        return f"It makes a typical held-out value more than 1,000 times as probable as {other} does."
    times = (
        f"{math.exp(nats):.3f}" if nats < 0.05 else f"{math.exp(nats):.2g}" if nats < 2 else f"{math.exp(nats):,.0f}"
    )
    return f"It makes a typical held-out value {times} times as probable as {other} does."
