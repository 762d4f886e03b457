"""Each layer imports from its left only; heavy packages are imported inside functions, in their own files."""

from pathlib import Path

import pytest

from tests.conftest import PEERS
from tests.house import rules

PACKAGE = Path(__file__).parents[2] / "src" / "lossmith"
TESTS = PACKAGE.parents[1] / "tests"


def plant(folder, path, text):
    """Write one file into a package of its own, which breaks a rule."""
    file = folder / "lossmith" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return folder / "lossmith"


def test_every_import_follows_the_order_of_the_layers():
    assert rules.wrong_imports(PACKAGE) == []


def test_every_file_and_folder_of_the_package_is_a_layer():
    entries = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert entries - {"__init__", "__main__"} <= set(rules.LAYERS)


@pytest.mark.parametrize(
    "path, text",
    [
        ("numerics/a.py", "from lossmith.formula.node import Node"),
        ("numerics/a.py", "def f():\n    from lossmith import loss"),
        ("errors.py", "import lossmith.numerics.formats"),
        ("emit/a.py", "import lossmith"),
        ("emit/a.py", "def f():\n    from lossmith import show"),
        ("loss/a.py", "from lossmith import show"),
        ("loss/a.py", "def f():\n    from lossmith import study"),
        ("formula/a.py", "from . import node"),
        ("calculus/a.py", "import scipy.special"),
        ("calculus/a.py", "if True:\n    import sympy"),
        ("calculus/a.py", "def f():\n    import sympy"),
        ("calculus/a.py", "class A:\n    import torch"),
        ("advise/a.py", "def f():\n    import requests"),
        ("loss.py", "import typer"),
        ("odd.py", "import lossmith.errors"),
    ],
)
def test_a_planted_import_is_found(tmp_path, path, text):
    assert len(rules.wrong_imports(plant(tmp_path, path, text))) == 1


@pytest.mark.parametrize(
    "path, text",
    [
        ("__init__.py", "from lossmith.loss import Loss"),
        ("loss.py", "from __future__ import annotations\nimport math, numpy\nfrom lossmith.build import built"),
        ("numerics/a.py", "from lossmith.numerics.formats import ulp\ndef f():\n    import scipy.special"),
        ("calculus/sympy_bridge.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import sympy"),
        ("calculus/sympy_bridge.py", "def f():\n    import sympy"),
        ("cli/a.py", "import typer\ndef f():\n    from lossmith.advise.study import study"),
    ],
)
def test_a_lawful_import_is_left_alone(tmp_path, path, text):
    assert rules.wrong_imports(plant(tmp_path, path, text)) == []


def test_tests_import_other_libraries_under_the_mark_peers_only():
    assert rules.peers_without_mark(TESTS, PEERS) == []


@pytest.mark.parametrize(
    "text", ["import torch\n@pytest.mark.peers('torch')\ndef f(): pass", "def f():\n    from jax import numpy"]
)
def test_a_planted_peer_is_found(tmp_path, text):
    (tmp_path / "test_a.py").write_text(text)
    assert len(rules.peers_without_mark(tmp_path, PEERS)) == 1
