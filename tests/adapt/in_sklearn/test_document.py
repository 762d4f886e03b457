"""The document on scikit-learn: its examples run."""

import doctest
from pathlib import Path

DOCUMENT = Path(__file__).parents[3] / "docs" / "scikit-learn.md"


def test_its_examples_run():
    outcome = doctest.testfile(str(DOCUMENT), module_relative=False, encoding="utf-8")
    assert outcome.attempted > 20 and outcome.failed == 0
