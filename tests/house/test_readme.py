"""The README: its Python runs, its two commands are whole, and it promises nothing that is not there."""

import doctest
import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

from lossmith.formula.definition import check_definition

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAIN_JOB = (
    "python3 -m venv .venv && . .venv/bin/activate && pip install '.[study]' && lossmith study "
    'examples/flights.parquet --target arr_delay --time date --cost "under=5, over=1"'
)
TESTS = "python3 -m venv .venv && . .venv/bin/activate && pip install -e '.[dev]' && pytest"


def blocks(text, language):
    """Find the code blocks of one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE)


def failures(text):
    """Run all Python blocks in one session and return what went wrong."""
    report = []
    session = doctest.DocTestParser().get_doctest("\n".join(blocks(text, "python")), {}, "README.md", None, 0)
    doctest.DocTestRunner(verbose=False).run(session, out=report.append)
    return "".join(report)


def test_the_python_of_the_readme_runs_and_prints_what_it_says(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert failures(README) == ""


@pytest.mark.parametrize("text", ["```python\n>>> 1 + 1\n3\n```\n", "```python\n>>> import no_such_module\n```\n"])
def test_a_planted_mistake_is_found(text):
    assert failures(text)


def test_every_python_block_can_be_run():
    assert all(">>>" in block for block in blocks(README, "python"))


def test_the_two_commands_stand_there_to_the_letter():
    assert [block.strip() for block in blocks(README, "bash")] == [MAIN_JOB, TESTS]


def test_every_file_that_the_texts_speak_of_exists():
    named = re.findall(r"\]\(([^)#:]+)\)|`((?:src|tests|examples|\.ci)/[\w/.]+)`", README + CONTRIBUTING)
    assert [path for pair in named for path in pair if path and not (ROOT / path).exists()] == []


def test_the_loss_of_the_contributing_page_works_as_a_family_file(tmp_path):
    (text,) = blocks(CONTRIBUTING, "python")
    family = (ROOT / "src" / "lossmith" / "catalogue" / "binary.py").read_text(encoding="utf-8")
    (tmp_path / "family.py").write_text(family + text)
    spec = importlib.util.spec_from_file_location("family", tmp_path / "family.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    made = module.generalised_cross_entropy
    assert check_definition(made).name == "generalised_cross_entropy"
    assert [part for part in ("Domain:", "Shapes:", "Units:", ">>>") if part not in made.summary] == []
    assert re.search(r"\((1[789]|20)\d\d\)", made.source)


def test_contributing_fits_one_screen():
    assert len(CONTRIBUTING.splitlines()) <= 50


def test_the_commands_of_the_continuous_integration_are_sound_shell():
    assert subprocess.run(["bash", "-n", str(ROOT / ".ci" / "run")], check=False).returncode == 0
