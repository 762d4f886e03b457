"""The count of skipped peer tests is printed, and fails a run that was to have them all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

CONFTEST = Path(__file__).parents[1] / "conftest.py"
TEST = """
import pytest

@pytest.mark.peers("a_library_that_nobody_has")
@pytest.mark.parametrize("n", [1, 2])
def test_against_another_library(n): ...

@pytest.mark.peers("pytest")
def test_against_a_library_that_is_here(): ...
"""


def run(folder, **environment):
    """Run the planted tests in a process of their own."""
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "pytest.ini").write_text("[pytest]\nmarkers = peers: another library\n")
    (folder / "test_planted.py").write_text(TEST)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(folder)]
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "LOSSMITH_PEERS"))}
    return subprocess.run(command, capture_output=True, text=True, env=inherited | environment, check=False)


@pytest.mark.parametrize("environment, code", [({}, 0), ({"LOSSMITH_PEERS": "required"}, 1)])
def test_skipped_peers_are_counted_and_fail_where_they_are_required(tmp_path, environment, code):
    result = run(tmp_path, **environment)
    assert "2 peer tests skipped: pip install '.[peers]'" in result.stdout
    assert "1 passed, 2 skipped" in result.stdout and result.returncode == code
