"""The command line: arguments come in, one public function is called, and its text goes out.

Exit code 0: done. 1: the answer is no (`verify` found faults). 2: bad input, one clear sentence and no traceback.
130: stopped with Ctrl-C.
"""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from typing import Any, Final

import typer

from lossmith.cli.on_data import descend, study
from lossmith.cli.on_losses import export, list_losses, show, verify
from lossmith.errors import LossmithError

BAD_INPUT: Final = 2
STOPPED: Final = 130
INTERRUPTED: Final = "Stopped. Nothing was left half-written."
NO_SPACE: Final = (
    "LM601 no space is left on the disk; nothing was left half-written. Free some, or choose another --out."
)

COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "study": study,
    "list": list_losses,
    "show": show,
    "export": export,
    "verify": verify,
    "descend": descend,
}

WITH_MINUS: Final = frozenset({"show", "export", "verify"})
"""Commands whose argument may begin with a minus, as formulas do."""


def application() -> typer.Typer:
    """Build the command line from the table of commands."""
    made = typer.Typer(
        name="lossmith",
        help="Write a loss once, as maths; find out which loss pays on your data.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    made.callback()(_root)
    for name, command in COMMANDS.items():
        made.command(name, context_settings={"ignore_unknown_options": name in WITH_MINUS})(command)
    return made


def _root() -> None:
    """Write a loss once, as maths; find out which loss pays on your data."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line, and end the process with its exit code."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code; a bad input is told in one sentence."""
    try:
        application()(arguments, prog_name="lossmith", standalone_mode=True)
    except SystemExit as end:
        return _tell(INTERRUPTED, STOPPED) if end.code == STOPPED else _code(end.code)
    except LossmithError as error:
        return _tell(str(error), BAD_INPUT)
    except (KeyboardInterrupt, EOFError):
        return _tell(INTERRUPTED, STOPPED)
    except OSError as error:
        if error.errno == errno.ENOSPC:
            return _tell(NO_SPACE, BAD_INPUT)
        return _tell(f"LM602 {error.filename or 'a file'}: {error.strerror or error}.", BAD_INPUT)
    return 0


def _code(code: Any) -> int:
    return code if isinstance(code, int) else 0 if code is None else 1


def _tell(sentence: str, code: int) -> int:
    print(sentence, file=sys.stderr)
    return code
