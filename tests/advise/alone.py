"""A study's `predict.py` where Lossmith cannot be imported: a folder and arguments come in, rows of answers go out."""

from __future__ import annotations

import contextlib
import csv
import io
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ABSENT = ("lossmith", "polars", "pandas", "numba", "sympy")


class Blocked:
    """A finder that finds none of these packages, nor anything inside them."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        """Refuse the name, or leave it to the other finders."""
        if name.partition(".")[0] in ABSENT:
            raise ImportError(f"{name} is not installed here")


@contextlib.contextmanager
def without() -> Iterator[None]:
    """Let this process forget these packages, and find them no more, for a while."""
    kept = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in ABSENT}
    for name in kept:
        del sys.modules[name]
    blocker = Blocked()
    sys.meta_path.insert(0, blocker)  # type: ignore[arg-type]
    try:
        yield
    finally:
        sys.meta_path.remove(blocker)  # type: ignore[arg-type]
        sys.modules.update(kept)


def answers(folder: Path, *arguments: str) -> list[dict[str, str]]:
    """Run the program in this process, with those packages out of reach."""
    out = io.StringIO()
    with without(), contextlib.redirect_stdout(out):
        runpy.run_path(str(folder / "predict.py"))["main"](list(arguments))
    return list(csv.DictReader(io.StringIO(out.getvalue())))


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program in a process of its own that cannot import them."""
    code = (
        "import sys, runpy\n"
        "class Blocked:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] in {ABSENT!r}: raise ImportError(name)\n"
        "sys.meta_path.insert(0, Blocked())\n"
        f"sys.argv = ['predict.py', *{arguments!r}]\n"
        f"runpy.run_path({str(folder / 'predict.py')!r}, run_name='__main__')\n"
    )
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, encoding="utf-8", check=False)
