"""A true sample of many cases: some run always, the others with `pytest -m corpus`.

Comes in: cases for `pytest.mark.parametrize`. Goes out: the same cases, most of them marked as a long run.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

MARKED = type(pytest.param())


def every(step: int, cases: Iterable[Any], first: int = 0) -> list[Any]:
    """Every so many of the cases run always, from the one at `first` on; what is marked already stays so."""
    return [case if j % step == first or isinstance(case, MARKED) else _long(case) for j, case in enumerate(cases)]


def _long(case: Any) -> Any:
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.corpus)
