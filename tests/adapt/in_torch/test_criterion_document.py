"""The document on PyTorch: its tables are those of the code, and its examples run."""

import doctest
import re
from pathlib import Path

import pytest

import lossmith as ls
from lossmith.adapt.in_torch import paths

pytestmark = pytest.mark.peers("torch")

DOCUMENT = Path(__file__).parents[3] / "docs" / "pytorch.md"


def between(name):
    """The text between two marks of the document."""
    found = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"the document has no marks <!-- {name} --> and <!-- /{name} -->"
    return found[1]


def test_the_table_of_paths_is_that_of_the_code():
    assert between("paths") == paths.table()


def test_the_table_of_torch_s_losses_is_that_of_the_code():
    from lossmith.adapt.in_torch import compat

    assert between("compat") == compat.table()


def test_every_reduction_stands_in_the_document():
    from lossmith.adapt.in_torch.criterion import REDUCTIONS

    told = set(re.findall(r'"(\w+)"', DOCUMENT.read_text(encoding="utf-8").split("## The last layer")[0]))
    assert set(REDUCTIONS) <= told


def test_its_examples_run(monkeypatch):
    """On the reference kernels, which need no compiling; what the kernels give is tested elsewhere."""
    get = ls.get
    monkeypatch.setattr(ls, "get", lambda *name, **how: get(*name, **how).using("numpy"))
    outcome = doctest.testfile(str(DOCUMENT), module_relative=False, optionflags=doctest.ELLIPSIS, encoding="utf-8")
    assert outcome.attempted > 25 and outcome.failed == 0
