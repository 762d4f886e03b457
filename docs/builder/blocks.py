"""Code in documents: blocks come in and are run; a BuildError with the line of the first that does not do as it says goes out.

Python sessions (`>>>`) of one document share their names. Shell blocks that begin with `lossmith` run each in a folder of its
own, with `my.csv` and `my_classes.csv` in it.
"""

from __future__ import annotations

import doctest
import importlib.util
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import chdir
from pathlib import Path
from typing import Final

from docs.builder.record import Block, BuildError, Made
from docs.builder.samples import write_samples

PYTHON: Final = ("python", "pycon")
SHELL: Final = ("bash", "sh")
OPTIONAL: Final = ("torch", "transformers", "accelerate", "lightning", "sklearn", "torchjd", "scipy")
"""Libraries whose examples are passed over where they are not installed."""

ANSWERS: Final = (0, 1)
"""Exit codes of a command that worked: 1 is the answer "no"."""

AT_ONCE: Final = 2
SECONDS: Final = 120


def run_all(documents: Iterable[Made], told: Callable[[str], None]) -> None:
    """Run the blocks of all documents, equal ones once."""
    chosen = [document for document in documents if document.page.run]
    sessions = {_session(document): document for document in reversed(chosen)}
    commands = {
        block.text: (document, block) for document in reversed(chosen) for block in shell_blocks(document.blocks)
    }
    told(f"{len(sessions)} Python sessions and {len(commands)} command blocks")
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [pool.submit(run_command, document.page.source, block) for document, block in commands.values()]
        try:
            for document in sessions.values():
                run_session(document)
            for task in running:
                task.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _session(document: Made) -> str:
    return "\0".join(block.text for block in python_blocks(document.blocks))


def python_blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    """Return the blocks that are Python sessions."""
    return (block for block in blocks if block.language in PYTHON and ">>>" in block.text)


def shell_blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    """Return the blocks that are commands of Lossmith."""
    return (block for block in blocks if block.language in SHELL and block.text.startswith("lossmith "))


def run_session(document: Made) -> None:
    """Run the Python of a document; raises BuildError at the first answer that is another."""
    source = document.page.source
    example = doctest.DocTestParser().get_doctest(_in_place(document.blocks), {}, source, source, 0)
    if any(f"import {name}" in e.source or f"from {name}" in e.source for e in example.examples for name in _absent()):
        return
    try:
        with tempfile.TemporaryDirectory(prefix="lossmith-docs-") as folder, chdir(folder):
            write_samples(Path(folder))
            doctest.DebugRunner(verbose=False, optionflags=doctest.ELLIPSIS).run(example, out=lambda text: None)
    except doctest.DocTestFailure as failure:
        said = f"expected {failure.example.want.strip()!r}, got {failure.got.strip()!r}."
        raise BuildError(source, failure.example.lineno + 1, said) from None
    except doctest.UnexpectedException as failure:
        kind, error, _ = failure.exc_info
        raise BuildError(source, failure.example.lineno + 1, f"{kind.__name__}: {error}.") from None


def _in_place(blocks: Iterable[Block]) -> str:
    """Return the sessions with every line at the number that it has in the document."""
    lines: list[str] = []
    for block in python_blocks(blocks):
        lines += [""] * (block.line - 1 - len(lines))
        lines += block.text.splitlines()
    return "\n".join(lines) + "\n"


def _absent() -> list[str]:
    return [name for name in OPTIONAL if importlib.util.find_spec(name) is None]


def run_command(source: str, block: Block) -> None:
    """Run a block of commands in a folder of its own; raises BuildError where it fails."""
    with tempfile.TemporaryDirectory(prefix="lossmith-docs-") as folder:
        write_samples(Path(folder))
        try:
            done = subprocess.run(
                ["bash", "-e", "-c", block.text],
                cwd=folder,
                env=_surroundings(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
                timeout=SECONDS,
            )
        except subprocess.TimeoutExpired:
            raise BuildError(source, block.line, f"the command takes longer than {SECONDS} seconds.") from None
    if done.returncode not in ANSWERS or "Traceback" in done.stderr:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing").splitlines()[-1]
        raise BuildError(source, block.line, f"the command ends with code {done.returncode} and says: {said}")


def _surroundings() -> dict[str, str]:
    """Return the environment: the `lossmith` of this Python, and no browser."""
    own = str(Path(sys.executable).parent)
    return os.environ | {"PATH": own + os.pathsep + os.environ.get("PATH", ""), "BROWSER": "true"}
