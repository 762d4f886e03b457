"""The README's lines for PyTorch run as they stand."""

from __future__ import annotations

import doctest
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.peers("torch")

README = Path(__file__).parents[3] / "README.md"


def test_the_lines_for_pytorch_run() -> None:
    (block,) = re.findall(r"^```py\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    report: list[str] = []
    lines = doctest.DocTestParser().get_doctest(f">>> import lossmith as ls\n{block}", {}, "README.md", None, 0)
    doctest.DocTestRunner(verbose=False).run(lines, out=report.append)
    assert "".join(report) == ""
