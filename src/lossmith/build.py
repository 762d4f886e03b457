"""Generated kernel text → a compiled function, kept on disk; and the threads that run it.

Comes in: the text of one Numba kernel. Goes out: a callable that compiles once per signature and machine, and loads
in later processes. The folder is private to the user, every file appears whole or not at all, and each compiled
file is loaded only if its checksum is the one written after compiling; anything else is deleted and built anew.
"""

from __future__ import annotations

import atexit
import hashlib
import itertools
import json
import linecache
import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from threading import Lock
from types import ModuleType
from typing import Any, Final, final

from lossmith.errors import ArgumentError

SERIAL_CHUNKS: Final = 16
"""Fewer chunks than this run on the calling thread: waking another one costs about 30 µs, a chunk 2 to 10 µs."""
PIECES_PER_THREAD: Final = 4
FIXED_TIME: Final = 946_684_800
"""The modification time of every source file. Its name is a hash of its text, so that the time says nothing, and
two processes that write the same file do not outdate each other's compiled files."""


# The folder ------------------------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """Where kernels are kept: `LOSSMITH_CACHE`, else the user's cache folder; a temporary one if that is not private.

    A folder that another user owns or may write to is not used, because compiled code is loaded from it.
    """
    return _folder(os.environ.get("LOSSMITH_CACHE", ""), os.getpid())


@lru_cache(maxsize=8)
def _folder(asked: str, process: int) -> Path:
    wanted = (Path(asked).expanduser() if asked else _user_cache() / "lossmith") / "kernels" / version_key()
    try:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_private(wanted):
            with tempfile.TemporaryFile(dir=wanted):
                return wanted
    except (OSError, RuntimeError):
        pass
    temporary = Path(tempfile.mkdtemp(prefix="lossmith-"))
    atexit.register(_remove, temporary, process)
    return temporary


def _remove(folder: Path, process: int) -> None:
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)


def _user_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _is_private(folder: Path) -> bool:
    if not hasattr(os, "getuid"):
        return True
    found = folder.stat()
    return found.st_uid == os.getuid() and not found.st_mode & 0o022


@lru_cache(maxsize=1)
def version_key() -> str:
    """Everything besides the text that compiled code depends on: Python, NumPy, Numba, llvmlite and our own functions.

    Numba adds the processor and its features by itself.
    """
    import llvmlite
    import numba
    import numpy

    mark = hashlib.sha256(repr((sys.version, numpy.__version__, numba.__version__, llvmlite.__version__)).encode())
    for path in sorted((Path(__file__).parent / "emit").glob("*math*.py")):
        mark.update(path.read_bytes())
    return mark.hexdigest()[:16]


def _write(path: Path, text: str) -> None:
    """Write a file so that others see it whole or not at all."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.utime(name, (FIXED_TIME, FIXED_TIME))
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


# Compiled functions ----------------------------------------------------------------------------------------------


@final
class Kernel:
    """A compiled function and its files: call it like the function in the text."""

    def __init__(self, text: str, name: str, folder: Path) -> None:
        self.text, self.name = text, name
        self._path = folder / f"lossmith_{hashlib.sha256(f'{name} {text}'.encode()).hexdigest()[:32]}.py"
        self._lock = Lock()
        self._sealed = 0
        self._function = self._load()

    def __call__(self, *arguments: Any) -> Any:
        """Run; compiles on the first call with arguments of new types."""
        try:
            result = self._function(*arguments)
        except OSError:  # the disk is full, or the folder has gone: without a cache it still works
            self._function = self._plain()
            return self._function(*arguments)
        if len(self._function.overloads) != self._sealed:
            self._seal()
        return result

    @property
    def loaded(self) -> int:
        """How many signatures came from the disk."""
        return sum(self._function.stats.cache_hits.values())

    def _load(self) -> Any:
        try:
            if not self._path.is_file() or self._path.read_text(encoding="utf-8", errors="replace") != self.text:
                _write(self._path, self.text)
            function = self._run(self.text)
            self._drop_unsealed(function)
            return function
        except (OSError, RuntimeError):
            return self._plain()

    def _plain(self) -> Any:
        """The function without a cache."""
        return self._run(self.text.replace("cache=True", "cache=False"))

    def _run(self, text: str) -> Any:
        """Execute the text as a module of its own; Numba finds it by its name when it loads what it compiled."""
        module = ModuleType(self._path.stem)
        module.__file__ = str(self._path)
        sys.modules[module.__name__] = module
        linecache.cache[str(self._path)] = (len(text), None, text.splitlines(keepends=True), str(self._path))
        exec(compile(text, str(self._path), "exec"), module.__dict__)
        return getattr(module, self.name)

    def _files(self, function: Any) -> list[Path]:
        """What Numba has written for this kernel."""
        folder = function.stats.cache_path
        return sorted(Path(folder).glob(f"{self._path.stem}.*.nb[ic]")) if folder else []

    def _sums(self, function: Any) -> dict[str, str]:
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in self._files(function)}

    def _drop_unsealed(self, function: Any) -> None:
        """Delete compiled files unless all are as when sealed; Numba reads them later, at the first call."""
        sealed: Any = None
        with suppress(OSError, ValueError):
            sealed = json.loads(self._path.with_suffix(".json").read_text(encoding="utf-8"))
        if self._sums(function) != sealed:
            for file in self._files(function):
                file.unlink(missing_ok=True)

    def _seal(self) -> None:
        """Write down the checksums of what was just compiled."""
        with self._lock:
            self._sealed = len(self._function.overloads)
            with suppress(OSError):
                _write(self._path.with_suffix(".json"), json.dumps(self._sums(self._function)))


@cache
def _built(text: str, name: str, folder: Path) -> Kernel:
    return Kernel(text, name, folder)


def build(source_text: str, name: str) -> Kernel:
    """Make the function `name` of a generated text callable.

    The text is a whole module of generated code, its function decorated with
    `@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")`. Nothing is compiled before the first
    call. Equal texts share one compiled function, in this process and in later ones.

    >>> text = "from numba import njit\\n@njit(cache=True, nogil=True)\\ndef twice(x):\\n    return 2 * x\\n"
    >>> build(text, "twice")(21)
    42
    """
    return _built(source_text, name, cache_folder())


@final
@dataclass(frozen=True)
class Careful:
    """A kernel in float32 arithmetic, and the one in float64 that computes the chunks at which it is in doubt.

    The first returns how many there are; they are marked in the second word of the last sum of a chunk.
    """

    short: Callable[..., int]
    exact: Callable[[], Callable[..., Any]]

    def __call__(self, *arguments: Any) -> None:
        if self.short(*arguments):
            *given, first, last = arguments
            marks = given[-2][-1, :, 1]
            for chunk in range(first, last):
                if marks[chunk]:
                    self.exact()(*given, chunk, chunk + 1)


# Threads ---------------------------------------------------------------------------------------------------------

_pools: dict[int, ThreadPoolExecutor] = {}
_pool_lock = Lock()


def _forget_pools() -> None:
    """A forked child has none of its parent's threads; it starts its own when it needs them."""
    global _pool_lock
    _pool_lock = Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pools)


def _pool(helpers: int) -> ThreadPoolExecutor:
    with _pool_lock:
        if helpers not in _pools:
            _pools[helpers] = ThreadPoolExecutor(helpers, thread_name_prefix="lossmith")
        return _pools[helpers]


def default_threads() -> int:
    """The processors this process may use, at most `LOSSMITH_NUM_THREADS`."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("LOSSMITH_NUM_THREADS", "").strip()
    if not limit:
        return available
    if not (limit.isascii() and limit.isdigit() and int(limit) > 0):
        raise ArgumentError("LM241", f"LOSSMITH_NUM_THREADS must be a whole number of at least 1, found {limit!r}.")
    return min(available, int(limit))


def run_chunks(
    kernel: Callable[..., Any], n_chunks: int, arguments: tuple[Any, ...] = (), n_threads: int | None = None
) -> None:
    """Call `kernel(*arguments, first, last)` so that every chunk from 0 to n_chunks is done once, on several threads.

    The kernel must release the interpreter lock and write each chunk's results to places of its own: then nothing
    depends on the number of threads. Works in forked children, and inside a thread that is itself running chunks.

    >>> done = [0] * 100
    >>> def work(first, last):
    ...     done[first:last] = [1] * (last - first)
    >>> run_chunks(work, 100, n_threads=3)
    >>> sum(done)
    100
    """
    if n_threads is not None and n_threads < 1:
        raise ArgumentError("LM242", f"n_threads must be at least 1, got {n_threads}. Leave it out to use all.")
    threads = min(n_threads or default_threads(), n_chunks)
    if threads < 2 or n_chunks < SERIAL_CHUNKS:
        kernel(*arguments, 0, n_chunks)
        return
    pieces = min(n_chunks, threads * PIECES_PER_THREAD)
    borders = [n_chunks * j // pieces for j in range(pieces + 1)]
    _share(lambda j: kernel(*arguments, borders[j], borders[j + 1]), pieces, threads - 1)


def _share(work: Callable[[int], Any], pieces: int, helpers: int) -> None:
    """Helpers and the caller take the next piece until none is left; a helper that never starts is not waited for."""
    ticket = itertools.count()

    def take() -> None:
        while (j := next(ticket)) < pieces:
            work(j)

    futures: list[Future[None]] = []
    with suppress(RuntimeError):  # at shutdown, or where no thread can be started, the caller does all the work
        futures.extend(_pool(helpers).submit(take) for _ in range(helpers))
    try:
        take()
    finally:
        waiting = [future for future in futures if not future.cancel()]
        for future in waiting:
            future.exception()
    for future in waiting:
        future.result()
