"""`verify` in a process of its own: it is ended with its children when the time is over, whatever it does.

Comes in: what `verify` takes, as texts and numbers. Goes out: `Told`, the verdict as text and as data.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from lossmith.checking.finding import Finding
from lossmith.checking.verdict import Verdict
from lossmith.checking.watch import checked_limit, first_line, prints
from lossmith.errors import CommandError

GRACE: Final = 10.0
"""Seconds beyond the limit for starting Python, and for the verdict that the process itself makes at the limit."""


@dataclass(frozen=True)
class Told:
    """A verdict from another process: whether it is free of faults, its text, its data."""

    ok: bool
    text: str
    data: Mapping[str, Any]


def verify_apart(target: str, *, limit: float = 60.0, **asked: Any) -> Told:
    """`lossmith.verify` of a text in a process of its own.

    `asked`: `reference`, `kind`, `takes`, `classes`, `seed`, `full`, as `verify` takes them.
    Raises CommandError with the code and the sentence of the error that `verify` raises for bad input.
    """
    seconds = checked_limit(limit)
    with tempfile.TemporaryDirectory(prefix="lossmith-verify-") as folder:
        answer, printed = Path(folder, "answer.json"), Path(folder, "printed.txt")
        request = {"target": target, "limit": seconds, "answer": str(answer), "asked": asked}
        ended = _run(request, printed, seconds + GRACE)
        said = json.loads(answer.read_text(encoding="utf-8")) if answer.exists() else None
        lines = first_line(printed.read_text(encoding="utf-8", errors="replace"))
    if said is None:
        return _told(
            Verdict(
                target,
                "",
                (_death(ended, seconds), *([prints(lines)] if lines else [])),
                seed=int(asked.get("seed", 0)),
            )
        )
    if "code" in said:
        raise CommandError(said["code"], said["sentence"])
    return Told(said["ok"], said["text"], said["data"])


def _run(request: Mapping[str, Any], printed: Path, seconds: float) -> int | None:
    """The exit code of the process; None where it had to be ended."""
    own = str(Path(__file__).parents[2])
    code = f"import sys; sys.path.append({own!r}); from lossmith.checking.isolation import answer; answer(sys.argv[1])"
    with printed.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-P", "-c", code, json.dumps(request)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process and what it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _death(ended: int | None, seconds: float) -> Finding:
    if ended is None:
        return Finding("never_returns", f"nothing came back within {seconds:g} seconds, and its process was ended.")
    if ended < 0:
        name = signal.Signals(-ended).name if -ended in [*signal.Signals] else str(-ended)
        return Finding("raises", f"its process was ended by the system ({name}) before there was a verdict.")
    return Finding("raises", f"it ended its process with exit code {ended} before there was a verdict.")


def _told(verdict: Verdict) -> Told:
    return Told(verdict.ok, str(verdict), verdict.to_dict())


def answer(request: str) -> None:
    """What the other process does: it checks, and writes the verdict, or the error of a bad input, to a file."""
    from lossmith.checking.verify import verify
    from lossmith.errors import LossmithError

    asked = json.loads(request)
    said: dict[str, Any]
    try:
        verdict = verify(asked["target"], limit=asked["limit"], **asked["asked"])
        told = _told(_with_printed(verdict))
        said = {"ok": told.ok, "text": told.text, "data": told.data}
    except LossmithError as error:
        said = {"code": error.code, "sentence": error.sentence}
    place = Path(asked["answer"])
    half = place.with_suffix(".half")
    half.write_text(json.dumps(said), encoding="utf-8")
    half.replace(place)
    os._exit(0)  # threads and hooks that foreign code has left behind do not keep it


def _with_printed(verdict: Verdict) -> Verdict:
    """What was written past Python's own printing counts too."""
    sys.stdout.flush()
    known = any(found.code == "prints" for found in verdict.findings)
    if known or not os.fstat(1).st_size:
        return verdict
    return replace(
        verdict, findings=(*verdict.findings, prints("text on the standard output, past Python's own printing"))
    )
