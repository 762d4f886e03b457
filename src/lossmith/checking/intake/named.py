"""Things by name: `module:function`, of the current folder as well; names of losses, formulas and designs.

Comes in: a text. Goes out: the object, or a `Loss`. Importing a module runs it: it may raise, print or hang.
"""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path
from typing import Any, Final

from lossmith.checking.finding import Finding
from lossmith.checking.intake.hints import CallError, Hints
from lossmith.checking.intake.returned import finding_of
from lossmith.errors import ArgumentError, LossmithError, did_you_mean

_MODULE: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*|.*\.py:.*")
_PYTHON: Final = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


def is_address(text: str) -> bool:
    """Whether a text is an address `module:function`.

    >>> is_address("my_losses:focal"), is_address("where(y > z, 5, 1) * abs(y - z)")
    (True, False)
    """
    return _MODULE.fullmatch(text.strip()) is not None


def imported(address: str) -> Any:
    """The object at an address; the current folder is looked into first.

    Raises ArgumentError LM354 where there is no such module or object, `CallError` where importing the module fails.
    """
    where, _, path = address.strip().partition(":")
    if where.endswith(".py"):
        raise ArgumentError(
            "LM354",
            f'"{address}": write the module without .py and dots for folders: {_dotted(where)}:{path or "NAME"}.',
        )
    found: Any = _module(where)
    for part in path.split("."):
        if not hasattr(found, part):
            listed = [name for name, value in vars(found).items() if not name.startswith("_") and callable(value)]
            raise ArgumentError("LM354", f'"{where}" has nothing called "{part}".{did_you_mean(part, listed)}')
        found = getattr(found, part)
    return found


def _dotted(where: str) -> str:
    return ".".join(Path(where.removesuffix(".py")).parts)


def _module(where: str) -> Any:
    """A module, imported anew from the current folder where it lies there."""
    here = str(Path.cwd())
    sys.path.insert(0, here)
    try:
        return importlib.import_module(where)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{where}.".startswith(f"{error.name}."):
            raise CallError(where, finding_of(error, "nothing: it fails when it is imported")) from None
        hint = did_you_mean(where, [p.stem for p in Path(here).glob("*.py")])
        raise ArgumentError(
            "LM354", f'there is no module "{where}", neither in this folder nor among the installed ones.{hint}'
        ) from None
    except (Exception, SystemExit) as error:
        raise CallError(where, _at_import(error)) from None
    finally:
        sys.path.remove(here)


def _at_import(error: BaseException) -> Finding:
    text = " ".join(str(error).split())[:200] or "no message"
    return Finding("raises", f"{type(error).__name__}: {text}; when its module was imported.")


def read_text(text: str, hints: Hints) -> Any:
    """A `Loss` by name, formula or design, or what stands at an address."""
    from lossmith.loss.library import look_up

    if is_address(text):
        return imported(text)
    if "\n" not in text and text.strip().endswith(".py"):
        raise ArgumentError(
            "LM354", f'"{text}": say which function of the file: {_dotted(text.strip())}:NAME (without .py).'
        )
    try:
        return look_up(text, {}, hints.kind)[0]
    except LossmithError:
        if text.isidentifier() and Path(f"{text}.py").is_file():
            said = f'"{text}" is no loss, but a file of this folder: say which function of it, as in {text}:NAME.'
            raise ArgumentError("LM354", said) from None
        raise
