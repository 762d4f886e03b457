"""Files and functions stay small enough to be read at one go."""

from pathlib import Path

import pytest

from tests.house import rules

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("folder", ["src", "tests", "examples"])
def test_files_and_functions_are_small(folder):
    assert rules.oversized(ROOT / folder) == []


def test_the_median_function_is_very_small():
    assert rules.median_function(ROOT / "src") < rules.MEDIAN_FUNCTION_LINES


@pytest.mark.parametrize(
    "text",
    ["# a line\n" * 401, "def f():\n" + "    pass\n" * 40, "class A:\n    async def f(self):\n" + "     pass\n" * 40],
)
def test_a_planted_giant_is_found(tmp_path, text):
    (tmp_path / "a.py").write_text(text)
    assert len(rules.oversized(tmp_path)) == 1
    assert "def" not in text or rules.median_function(tmp_path) > rules.MEDIAN_FUNCTION_LINES


def test_a_docstring_does_not_count(tmp_path):
    (tmp_path / "a.py").write_text('def f():\n    """' + "words\n" * 100 + '    """\n' + "    pass\n" * 39)
    assert rules.oversized(tmp_path) == []
