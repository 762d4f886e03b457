"""`import lossmith` is light, and all of it can be imported with the core dependencies alone."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[2] / "src"
HEAVY = (
    *("scipy", "sympy", "numba", "llvmlite", "polars", "narwhals", "lightgbm", "sklearn", "plotly", "jinja2"),
    *("torch", "jax", "pandas"),
)
OPTIONAL = ("polars", "narwhals", "lightgbm", "sklearn", "plotly", "jinja2", "torch", "jax", "pandas", "pyarrow")

ROOMS = ("lossmith.adapt.in_torch.", "lossmith.adapt.in_sklearn.", "lossmith.emit.torch_")
"""What is loaded for one framework alone, and imports it; the doors into it are loaded by the public names."""

LOADED = """
import sys, {package}
print([name for name in {heavy!r} if name in sys.modules])
"""

BLOCKED = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {optional!r}:
            raise ModuleNotFoundError(f"{{name}} is absent", name=name)

sys.meta_path.insert(0, Absent())
package = importlib.import_module({package!r})
for name in dir(package):
    getattr(package, name)
for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
    if not found.name.endswith("__main__") and not found.name.startswith({rooms!r}):
        importlib.import_module(found.name)
"""


def run(code, folder):
    """Run Python text in a new process that looks for packages in `folder` first."""
    environment = {**os.environ, "PYTHONPATH": str(folder)}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)


def plant(folder, text):
    """Make a package whose import does what it should not."""
    (folder / "planted").mkdir()
    (folder / "planted" / "__init__.py").write_text(text)
    (folder / "planted" / "part.py").write_text("")


def test_importing_lossmith_loads_nothing_heavy():
    result = run(LOADED.format(package="lossmith", heavy=HEAVY), SOURCE)
    assert (result.stdout.strip(), result.returncode) == ("[]", 0), result.stderr


@pytest.mark.parametrize("name", ["sympy", "polars"])
def test_a_planted_heavy_import_is_seen(tmp_path, name):
    plant(tmp_path, f"import {name}")
    assert name in run(LOADED.format(package="planted", heavy=HEAVY), tmp_path).stdout


def test_every_public_name_and_every_module_loads_with_the_core_alone():
    result = run(BLOCKED.format(package="lossmith", optional=OPTIONAL, rooms=ROOMS), SOURCE)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "text", ["import polars", "def __getattr__(name):\n    import jinja2\ndef __dir__():\n    return ['page']"]
)
def test_a_planted_optional_import_is_seen(tmp_path, text):
    plant(tmp_path, text)
    result = run(BLOCKED.format(package="planted", optional=OPTIONAL, rooms=ROOMS), tmp_path)
    assert result.returncode == 1 and "is absent" in result.stderr
