"""Whatever the code that is checked does, there is a verdict in time: it raises, prints, sleeps, loops, exits, dies."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import lossmith as ls
from lossmith.checking import semantics
from lossmith.checking.finding import Finding
from lossmith.checking.isolation import GRACE, Told, verify_apart
from lossmith.checking.subject import Subject
from lossmith.checking.watch import AGAIN, TimeUp, Watch, first_line, has_timer, time_limit
from lossmith.errors import ArgumentError, CommandError

LIMIT = 2.0

WILD = textwrap.dedent("""
    import numpy as np

    def right(y_true, y_pred):
        return np.mean((y_true - y_pred) ** 2)

    def wrong(y_true, y_pred):
        return 2 * (y_true - y_pred), 2 * np.ones_like(y_pred)

    def noisy(y_true, y_pred):
        print("step", 1)
        return right(y_true, y_pred)

    def noisy_below(y_true, y_pred):
        import os
        os.write(1, b"from below")
        return right(y_true, y_pred)

    def raising(y_true, y_pred):
        raise ValueError("sad")

    def sleeping(y_true, y_pred):
        import time
        time.sleep(1000)

    def looping(y_true, y_pred):
        while True:
            try:
                while True:
                    pass
            except:
                pass

    def outside_python(y_true, y_pred):
        a = np.ones((4000, 4000))
        for _ in range(10):
            a = np.linalg.svd(a)[0]
        return right(y_true, y_pred)

    def leaving(y_true, y_pred):
        import sys
        sys.exit(3)

    def dying(y_true, y_pred):
        import os
        os._exit(7)

    def killed(y_true, y_pred):
        import os, signal
        os.kill(os.getpid(), signal.SIGKILL)

    def deep(y_true, y_pred):
        return deep(y_true, y_pred)

    def asking(y_true, y_pred):
        return float(input("a number? "))

    def slow(y_true, y_pred):
        import time
        time.sleep(0.15)
        return right(y_true, y_pred)

    def later(y_true, y_pred):
        import time
        if np.max(np.abs(y_pred)) > 2:
            time.sleep(1000)
        return right(y_true, y_pred)

    def with_child(y_true, y_pred):
        import os, subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1000)"])
        with open("child.txt", "w") as file:
            file.write(str(child.pid))
        child.wait()
""")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "wild_losses.py").write_text(WILD)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(name: str, limit: float = 30.0) -> Told:
    return verify_apart(f"wild_losses:{name}", limit=limit)


def codes(found: Told) -> list[str]:
    return [row["code"] for row in found.data["findings"] if row["verdict"] == "fault"]


def test_a_verdict_from_another_process_is_that_of_this_one(folder: Path) -> None:
    right, wrong = told("right"), told("wrong")
    assert (right.ok, codes(right)) == (True, [])
    assert (wrong.ok, codes(wrong)) == (False, ["gradient_sign"])
    assert wrong.text.startswith("wrong: 1 fault: the gradient has the opposite sign.")

    def own(y_true, y_pred):  # type: ignore[no-untyped-def]
        return 2 * (y_true - y_pred), 2 * np.ones_like(y_pred)

    here = ls.verify(own).to_dict()
    assert here["findings"] == wrong.data["findings"]
    assert here["calls"] == wrong.data["calls"]


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("raising", "raises", "ValueError: sad"),
        ("leaving", "raises", "sys.exit(3)"),
        ("dying", "raises", "exit code 7"),
        ("killed", "raises", "SIGKILL"),
        ("deep", "raises", "RecursionError"),
        ("asking", "raises", "EOFError"),
        ("noisy", "prints", '"step 1"'),
        ("noisy_below", "prints", "standard output"),
    ],
)
def test_what_breaks_is_told_in_one_line(folder: Path, name: str, code: str, said: str) -> None:
    found = told(name)
    assert not found.ok
    (sentence,) = (row["text"] for row in found.data["findings"] if row["code"] == code)
    assert said in sentence
    assert "Traceback" not in found.text and "\n\n\n" not in found.text


@pytest.mark.parametrize("name", ["sleeping", "looping", "outside_python", "later", "with_child"])
def test_what_does_not_come_back_is_ended(folder: Path, name: str) -> None:
    began = time.monotonic()
    found = told(name, LIMIT)
    assert codes(found) == ["never_returns"]
    assert time.monotonic() - began < LIMIT + GRACE + 5.0  # seconds for the start of Python, on a busy machine


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="groups of processes are of POSIX")
def test_children_are_ended_too(folder: Path) -> None:
    told("with_child", LIMIT)
    child = int((folder / "child.txt").read_text())
    for _ in range(50):
        if not _is_running(child):
            return
        time.sleep(0.1)
    raise AssertionError("the child still runs")


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def test_what_is_only_slow_is_no_fault(folder: Path) -> None:
    found = told("slow", LIMIT)
    assert codes(found) == []
    assert any("2 seconds was over" in row["why"] for row in found.data["not_checked"])
    assert "Not all was checked" in found.text.splitlines()[0]


def test_bad_input_keeps_its_code(folder: Path) -> None:
    for target, code in (("wild_losses:rihgt", "LM354"), ("no_such_loss", "LM271"), ("wild_losses:right(", "LM")):
        with pytest.raises(CommandError) as caught:
            verify_apart(target)
        assert caught.value.code.startswith(code)
    for limit in (0, -1.0, float("nan"), float("inf"), True):
        with pytest.raises(ArgumentError, match="LM357"):
            verify_apart("mse", limit=limit)


def test_a_module_of_the_folder_does_not_stand_before_those_of_python(folder: Path) -> None:
    (folder / "signal.py").write_text("raise RuntimeError('the wrong one')")
    assert told("right").ok


# The timer in this process -----------------------------------------------------------------------------------


def test_the_timer_breaks_into_code_that_catches_everything() -> None:
    def endless(y_true, y_pred):  # type: ignore[no-untyped-def]
        while True:
            with contextlib.suppress(Exception):
                time.sleep(1000)

    began = time.monotonic()
    found = ls.verify(endless, limit=1.0)
    assert [one.code for one in found.faults] == ["never_returns"]
    assert time.monotonic() - began < 1.0 + 10 * AGAIN


def test_what_was_found_before_the_time_was_over_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(y_true, y_pred):  # type: ignore[no-untyped-def]
        print("hello")
        if y_pred.ndim > 1:
            time.sleep(1000)
        return 2 * (y_true - y_pred), 2 * np.ones_like(y_pred)

    def look(subject: Subject, known: object, seed: int) -> list[Finding]:
        subject.call(np.zeros((2, 1)), np.zeros((2, 1)), None)
        return []

    monkeypatch.setattr(semantics, "look", look)
    assert {one.code for one in ls.verify(late, limit=2.0).faults} == {"gradient_sign", "never_returns", "prints"}


@pytest.mark.skipif(not has_timer(), reason="there is no timer here")
def test_the_timer_of_somebody_else_goes_on() -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: rung.append(number))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(TimeUp), time_limit(0.05):
            time.sleep(5)
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] < 0.3
        time.sleep(0.4)
        assert rung == [signal.SIGALRM]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_in_another_thread_the_verdict_says_that_there_is_no_timer() -> None:
    found: list[ls.LossmithError | object] = []
    thread = threading.Thread(target=lambda: found.append(ls.verify(lambda y_true, y_pred: (y_true - y_pred) ** 2)))
    thread.start()
    thread.join()
    (verdict,) = found
    assert verdict.ok  # type: ignore[attr-defined]
    assert verdict.not_checked[0][0] == "whether it comes back"  # type: ignore[attr-defined]


def test_first_lines_are_short() -> None:
    assert first_line("\n  \n a \n b") == "a"
    assert len(first_line("x" * 500)) < 100
    assert Watch().first_line == ""
    assert sys.stdout is not None
