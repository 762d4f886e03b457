"""The texts of all lessons: one form for questions and answers, links between lessons, Korean as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

LESSONS = Path(__file__).parents[2] / "docs" / "lessons"
TEXTS = sorted(LESSONS.glob("*/??.md"))
VALUE = re.compile(r"\{\{.*?\}\}")
ASKED = re.compile(r"\d\. \*[^*]*\?\* .*VALUE.*")
"""A question in italics, then an answer with a value that is computed."""


def name(text: Path) -> str:
    return f"{text.parent.name}/{text.stem}"


def test_there_are_fourteen_lessons_in_two_languages() -> None:
    assert len(TEXTS) == 28


@pytest.mark.parametrize("text", TEXTS, ids=name)
def test_every_question_is_answered_by_a_value_in_one_form(text: Path) -> None:
    heading = "## 질문\n" if text.stem == "ko" else "## Questions\n"
    section = text.read_text(encoding="utf-8").split(heading)[1].split("\n## ")[0].split("\n\n")
    lines = next(part for part in section if part.strip()).strip().splitlines()
    assert len(lines) >= 5 and [line for line in lines if not ASKED.fullmatch(VALUE.sub("VALUE", line))] == []


@pytest.mark.parametrize("text", TEXTS, ids=name)
def test_a_lesson_that_is_named_is_linked(text: Path) -> None:
    words = text.read_text(encoding="utf-8")
    assert re.findall(r"(?<!\[)\blessons? \d+|\(\d+과\)|\d+과[를을] 보", words) == []


@pytest.mark.parametrize("lesson", sorted({text.parent for text in TEXTS}), ids=lambda folder: folder.name)
def test_korean_has_the_sections_of_english_and_its_own_marks(lesson: Path) -> None:
    english, korean = ((lesson / f"{language}.md").read_text(encoding="utf-8") for language in ("en", "ko"))
    assert len(re.findall(r"^## ", english, re.M)) == len(re.findall(r"^## ", korean, re.M))
    assert re.findall(r"[\d}] %(?!\w)", korean) == []  # a percent sign follows its number at once
    assert re.findall(r"[^\w\s*}]\*\*[가-힣]", korean) == []  # such stars would not end the bold
    drawn = (lesson / "computed.py").read_text(encoding="utf-8")
    assert re.findall(r'"[^"\n]*[가-힣][^"\n]*\d %[^"\n]*"|"[^"\n]*\d %[^"\n]*[가-힣][^"\n]*"', drawn) == []
