"""Show how far a study is: steps come in; a bar on a terminal, plain lines elsewhere, go to the error stream."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Step = Callable[[str, int, int], None]


@contextmanager
def progress(stream: TextIO | None = None) -> Iterator[Step]:
    """Give a function `step(what, done, total)`; total 0 means "not known yet"."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield lambda what, done, total: print(_line(what, done, total), file=stream, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    look = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*look, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task("reading", total=None)
        yield lambda what, done, total: bar.update(
            task, description=what, completed=max(done - 1, 0), total=total or None
        )


def _line(what: str, done: int, total: int) -> str:
    return f"[{done}/{total}] {what} ..." if total else f"{what} ..."
