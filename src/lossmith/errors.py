"""Every error that Lossmith raises: what was asked, what was expected, what was found, what to do.

Comes in: a code and one sentence. Goes out: an exception whose text is `LM104 sentence`.
This module imports nothing of Lossmith.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class LossmithError(Exception):
    """Base of all errors; `code` is stable, `sentence` is the text without it."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(f"{code} {sentence}")
        self.code = code
        self.sentence = sentence

    def __reduce__(self) -> tuple[type[LossmithError], tuple[str, str]]:
        return type(self), (self.code, self.sentence)


class FormulaError(LossmithError, ValueError):
    """LM1xx: a formula that cannot be read, or that means nothing."""


class ArgumentError(LossmithError, ValueError):
    """LM2xx: shapes, targets, weights or parameters that a loss cannot take."""


class UnsupportedError(LossmithError, NotImplementedError):
    """LM3xx: something that this loss, target or machine cannot do, with the reason."""


class AdapterError(LossmithError, ValueError):
    """LM4xx: a request that another library cannot serve."""


class DataError(LossmithError, ValueError):
    """LM5xx: a table, a column or an option of a study that cannot be used."""


class CommandError(LossmithError, ValueError):
    """LM6xx: a command line that cannot be carried out."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ` Did you mean "x"?` for the closest known name, else an empty text.

    >>> did_you_mean("hubre", ["huber", "gamma"])
    ' Did you mean "huber"?'
    >>> did_you_mean("MSE", ["mse", "mae"])
    ' Did you mean "mse"?'
    """
    plain = {word.lower(): word for word in known}
    close = get_close_matches(name.lower(), plain, n=1)
    return f' Did you mean "{plain[close[0]]}"?' if close else ""
