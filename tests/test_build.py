"""Kernels on disk and threads: loaded in later processes, rebuilt when damaged, alive after a fork, always the same bits."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from lossmith import build as module
from lossmith.build import Kernel, build, cache_folder, default_threads, run_chunks
from lossmith.errors import ArgumentError

TEXT = """\
import numpy as np
from numba import njit

from lossmith.emit.vectormath import add_up, exp_f64


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def kernel(x, out, sums, first, last):
    lanes = np.empty(64)
    terms = np.empty(256)
    for c in range(first, last):
        lo = 256 * c
        hi = min(lo + 256, x.shape[0])
        a = x[lo:hi]
        o = out[lo:hi]
        for i in range(a.shape[0]):
            o[i] = exp_f64(a[i])
            terms[i] = o[i]
        add_up(terms, hi - lo, lanes, sums, c)
"""
N = 100 * 256 - 7
X = np.random.default_rng(0).normal(size=N)

PROCESS = f"""\
import sys
import numpy as np
from lossmith.build import build
k = build({TEXT!r}, "kernel")
x = np.linspace(-1.0, 1.0, 256)
out, sums = np.empty_like(x), np.empty((1, 2))
k(x, out, sums, 0, 1)
print(k.loaded, float(sums[0, 0]).hex())
"""


def fresh_process(folder: Path, code: str = PROCESS) -> str:
    """Run a program in a new process with `folder` as its cache."""
    environment = {**os.environ, "LOSSMITH_CACHE": str(folder), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def results(n_threads: int) -> tuple[bytes, bytes]:
    out, sums = np.empty_like(X), np.empty((100, 2))
    run_chunks(build(TEXT, "kernel"), 100, (X, out, sums), n_threads)
    return out.tobytes(), sums.tobytes()


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A cache folder with the kernel in it, and what a process printed that found it there."""
    folder = tmp_path_factory.mktemp("kernels")
    assert fresh_process(folder).startswith("0 ")
    return folder, fresh_process(folder)


def test_a_later_process_loads_what_an_earlier_one_compiled(compiled: tuple[Path, str]) -> None:
    assert compiled[1].startswith("1 ")


def run_once(folder: Path) -> tuple[int, str]:
    """Load the kernel from a folder anew: how many signatures came from the disk, and its sum."""
    kernel = Kernel(TEXT, "kernel", folder)
    x = np.linspace(-1.0, 1.0, 256)
    out, sums = np.empty_like(x), np.empty((1, 2))
    kernel(x, out, sums, 0, 1)
    return kernel.loaded, float(sums[0, 0]).hex()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the compiled kernel in it."""
    made = tmp_path_factory.mktemp("damaged")
    run_once(made)
    return made


@pytest.mark.parametrize("ending", ["*.py", "*.json", "*.nbi", "*.nbc"])
@pytest.mark.parametrize("damage", ["truncated", "overwritten", "deleted"])
def test_a_damaged_file_is_rebuilt(folder: Path, ending: str, damage: str) -> None:
    loaded, wanted = run_once(folder)
    assert loaded == 1
    (path,) = folder.rglob(ending)
    whole = path.read_bytes()
    if damage == "deleted":
        path.unlink()
    else:
        path.write_bytes(whole[: len(whole) // 2] + (b"" if damage == "truncated" else b"x" * (len(whole) // 2)))
    assert run_once(folder)[1] == wanted
    assert run_once(folder) == (1, wanted), "the rebuilt entry is used again"


def test_two_processes_may_compile_the_same_kernel_at_once(tmp_path: Path, compiled: tuple[Path, str]) -> None:
    outputs: list[str] = []
    threads = [threading.Thread(target=lambda: outputs.append(fresh_process(tmp_path))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = compiled[1].split()[1]
    assert [line.split()[1] for line in outputs] == [wanted, wanted]
    assert fresh_process(tmp_path).split()[1] == wanted


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners or modes of files")
def test_the_folder_is_the_users_alone(compiled: tuple[Path, str]) -> None:
    (path,) = compiled[0].rglob("*.py")
    assert path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners or modes of files")
def test_a_folder_that_others_may_write_to_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOSSMITH_CACHE", str(tmp_path))
    own = cache_folder()
    assert own.is_relative_to(tmp_path)
    own.chmod(0o777)
    module._folder.cache_clear()
    elsewhere = cache_folder()
    module._folder.cache_clear()
    assert not elsewhere.is_relative_to(tmp_path)
    assert elsewhere.stat().st_mode & 0o077 == 0


def test_a_place_that_cannot_hold_a_folder_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    assert fresh_process(tmp_path / "file").startswith("0 ")


def test_a_kernel_works_when_its_folder_disappears(tmp_path: Path) -> None:
    kernel = Kernel(TEXT, "kernel", tmp_path)
    for path in sorted(tmp_path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    tmp_path.rmdir()
    tmp_path.write_text("in its place")
    out, sums = np.empty(256), np.empty((1, 2))
    kernel(np.zeros(256), out, sums, 0, 1)
    assert sums.tolist() == [[256.0, 0.0]]


def test_equal_texts_share_one_function() -> None:
    assert build(TEXT, "kernel") is build(TEXT, "kernel")


def test_one_two_and_five_threads_give_the_same_bits() -> None:
    assert results(1) == results(2) == results(5)


@pytest.mark.parametrize("n_chunks", [0, 1, 15, 16, 17, 1000])
@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_every_chunk_is_done_once(n_chunks: int, n_threads: int) -> None:
    done = np.zeros(n_chunks, dtype=int)

    def work(first: int, last: int) -> None:
        done[first:last] += 1

    run_chunks(work, n_chunks, n_threads=n_threads)
    assert (done == 1).all()


def test_an_error_in_one_piece_reaches_the_caller() -> None:
    def work(first: int, last: int) -> None:
        if first <= 50 < last:
            raise ValueError("piece of chunk 50")

    for n_threads in (1, 3):
        with pytest.raises(ValueError, match="piece of chunk 50"):
            run_chunks(work, 100, n_threads=n_threads)


def test_a_piece_may_itself_run_chunks() -> None:
    done = np.zeros((32, 32), dtype=int)

    def row(first: int, last: int) -> None:
        for j in range(first, last):
            run_chunks(lambda a, b, j=j: done[j, a:b].__iadd__(1), 32, n_threads=3)  # type: ignore[misc]

    run_chunks(row, 32, n_threads=3)
    assert (done == 1).all()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_computes_the_same_with_threads_of_its_own() -> None:
    wanted = results(2)
    child = os.fork()
    if child == 0:
        try:
            same = results(2) == wanted
        except BaseException:
            same = False
        os._exit(0 if same else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_threads_follow_the_environment_and_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LOSSMITH_NUM_THREADS", raising=False)
    available = default_threads()
    monkeypatch.setenv("LOSSMITH_NUM_THREADS", "1")
    assert default_threads() == 1
    monkeypatch.setenv("LOSSMITH_NUM_THREADS", str(available + 100))
    assert default_threads() == available
    for wrong in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv("LOSSMITH_NUM_THREADS", wrong)
        with pytest.raises(ArgumentError, match=r"LM241 .*whole number"):
            default_threads()


def test_fewer_than_one_thread_is_refused() -> None:
    with pytest.raises(ArgumentError, match="LM242"):
        run_chunks(lambda first, last: None, 100, n_threads=0)
