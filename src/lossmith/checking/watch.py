"""Calls of foreign code under watch: how many, how long, what was printed; and a limit on the time.

Comes in: a call; a limit in seconds. Goes out: the same call, watched; `TimeUp` where the time is over.

The limit is a timer of the process (POSIX, main thread), which breaks in between two steps of Python. Elsewhere there is
none, and code outside Python that does not come back is not broken into: the command line, which runs the check in a
process of its own, ends it all the same.
"""

from __future__ import annotations

import contextlib
import io
import math
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, Final

import numpy as np

from lossmith.checking.finding import Finding
from lossmith.checking.subject import Answer, Array, Call
from lossmith.errors import ArgumentError

AGAIN: Final = 0.5
"""Seconds after which the timer rings again: code may catch everything, the first ring too."""
SHOWN: Final = 80


class TimeUp(BaseException):
    """The time is over; no `Exception`, so that code which catches those lets it through."""


class ExitError(RuntimeError):
    """The code that was called wants to end the program."""


@dataclass(eq=False)
class Watch:
    """What was seen of the calls. `last`: the shape of the predictions of the last one; `latest`: its seconds."""

    calls: int = 0
    rows: int = 0
    last: str = ""
    latest: float = 0.0
    printed: io.StringIO = field(default_factory=io.StringIO)

    @property
    def first_line(self) -> str:
        """The first line that was printed, shortened; empty where nothing was.

        >>> watch = Watch(); watch.printed.write("step 1\\nstep 2\\n")
        14
        >>> watch.first_line
        'step 1'
        """
        return first_line(self.printed.getvalue())


def first_line(text: str) -> str:
    """The first line of a text that holds something, shortened."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= SHOWN else f"{line[:SHOWN]}..."


def prints(line: str) -> Finding:
    """The fault that it prints.

    >>> prints("step 1").text
    'it prints: "step 1"; training would print it in every round: leave it out.'
    """
    return Finding("prints", f'"{line}"; training would print it in every round: leave it out.')


def watched(call: Call, watch: Watch) -> Call:
    """The same call, counted; `sys.exit` in it becomes an error, floating-point flags stay quiet."""

    def counted(y_true: Array, prediction: Array, sample_weight: Array | None) -> Answer:
        watch.calls += 1
        watch.rows += int(prediction.shape[0]) if prediction.ndim else 1
        began, watch.last = time.monotonic(), str(prediction.shape)
        try:
            with np.errstate(all="ignore"), no_exit():
                return call(y_true, prediction, sample_weight)
        finally:
            watch.latest = time.monotonic() - began

    return counted


@contextlib.contextmanager
def no_exit() -> Iterator[None]:
    """`sys.exit` in foreign code is an error of that code."""
    try:
        yield
    except SystemExit as end:
        raise ExitError(f"it calls sys.exit({end.code!r})") from None


@contextlib.contextmanager
def quiet(watch: Watch) -> Iterator[None]:
    """What is printed is kept for the verdict; warnings are not shown."""
    with contextlib.redirect_stdout(watch.printed), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def checked_limit(limit: float) -> float:
    """The limit in seconds, or an error that says what it must be."""
    is_number = isinstance(limit, int | float) and not isinstance(limit, bool)
    if not is_number or not math.isfinite(limit) or limit <= 0:
        raise ArgumentError("LM357", f"limit is a number of seconds greater than 0, got {limit!r}.")
    return float(limit)


NO_TIMER: Final = (
    "there is a timer in the main thread of Linux and macOS only; `lossmith verify` has a limit everywhere"
)


def has_timer() -> bool:
    """Whether the time can be limited here."""
    return hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[bool]:
    """`TimeUp` is raised in here after so many seconds; yields whether there is a timer."""
    if not has_timer():
        yield False
        return
    began = time.monotonic()
    before = signal.signal(signal.SIGALRM, _ring)
    left, again = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN)
    try:
        yield True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)
        if left:  # somebody else's timer goes on
            signal.setitimer(signal.ITIMER_REAL, max(1e-3, left - (time.monotonic() - began)), again)


def _ring(number: int, frame: FrameType | None) -> Any:
    raise TimeUp
