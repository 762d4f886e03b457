"""Show how far a study is: steps come in; a bar on a terminal, plain lines elsewhere, go to the error stream."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

Step = Callable[[str, float], None]


@contextmanager
def progress(stream: TextIO | None = None) -> Iterator[Step]:
    """Give a function `step(what, share)`, where share is the part of the work that is done, from 0 to 1."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield plain(stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    look = (SpinnerColumn(), TextColumn("{task.description}", markup=False), BarColumn(), TimeElapsedColumn())
    with Progress(*look, console=Console(file=stream), transient=True) as bar:
        task = bar.add_task("reading", total=1.0)
        yield lambda what, share: bar.update(task, description=what, completed=share)


def plain(stream: TextIO) -> Step:
    """Write one line whenever the work changes, none while it only goes on."""
    said: set[str] = set()

    def step(what: str, share: float) -> None:
        if what not in said:
            said.add(what)
            print(f"[{100 * share:3.0f} %] {what} ...", file=stream, flush=True)

    return step
