"""The page "your notes, checked" is what its script prints, and says what is wrong with each of the three functions."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

import lossmith as ls

DOCS = Path(__file__).parents[2] / "docs"


def loaded(name: str):
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None and spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_page_is_what_its_script_prints() -> None:
    page = (DOCS / "your-notes-checked.md").read_text(encoding="utf-8")
    assert loaded("write_notes_page").page() == page, "write it: python docs/write_notes_page.py"


@pytest.mark.parametrize(
    ("name", "codes"), [("mse", set()), ("sigmoid_cee", {"nan_at_perfect"}), ("softmax_cee", {"one_hot_only"})]
)
def test_each_function_of_the_notes_is_told_what_is_wrong_with_it(name: str, codes: set[str]) -> None:
    verdict = ls.verify(getattr(loaded("notes"), name))
    assert {found.code for found in verdict.faults} == codes
    assert name != "mse" or "denominator" in {found.code for found in verdict.findings}  # a sum: a note, no fault
