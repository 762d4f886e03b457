"""Every file says what it is, public methods show a call, lists are whole, and no text names one machine's folders."""

from pathlib import Path

import pytest

import lossmith
from tests.house import rules

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src" / "lossmith"


@pytest.mark.parametrize("folder", ["src", "tests", "examples"])
def test_every_file_has_a_docstring(folder):
    assert rules.without_docstring(ROOT / folder) == []


def test_every_public_method_of_a_loss_shows_an_example():
    assert rules.methods_without_example(PACKAGE / "loss" / "handle.py", "Loss") == []


def test_every_public_function_shows_an_example():
    vocabulary = set(dir(__import__("lossmith.maths", fromlist=["maths"])))
    functions = [getattr(lossmith, name) for name in lossmith.__all__ if name not in vocabulary]
    assert [f.__name__ for f in functions if callable(f) and not _is_error(f) and ">>>" not in (f.__doc__ or "")] == []


def _is_error(thing) -> bool:
    return isinstance(thing, type) and issubclass(thing, Exception)


def test_every_loss_of_a_family_file_stands_in_the_one_list():
    assert rules.unlisted(PACKAGE / "catalogue") == []


def test_no_tracked_file_names_a_folder_of_one_machine():
    assert rules.machine_paths(rules.tracked_files(ROOT)) == []


def test_planted_faults_are_found(tmp_path):
    (tmp_path / "__init__.py").write_text("LOSSES: tuple = (kept,)")
    (tmp_path / "family.py").write_text("@define()\ndef kept(): ...\n\n@define()\ndef lost(): ...")
    (tmp_path / "loss.py").write_text("class Loss:\n    def a(self):\n        '>>> 1'\n    def b(self):\n        '.'")
    (tmp_path / "note.md").write_text("see " + "/" + "home/me/data")
    assert rules.unlisted(tmp_path) == ["family.py:5: lost"]
    assert rules.methods_without_example(tmp_path / "loss.py", "Loss") == ["loss.py:4: b"]
    assert len(rules.without_docstring(tmp_path)) == 3
    assert len(rules.machine_paths(rules.tracked_files(tmp_path))) == 1
