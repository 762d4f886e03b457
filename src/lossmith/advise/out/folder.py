"""Write a folder whole or not at all: a name and the files come in, one rename at the end makes them appear."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from lossmith.errors import DataError
from lossmith.report.study.record import is_study


def choose_folder(out: str | os.PathLike[str] | None, target: str, *, force: bool) -> Path:
    """Return where the study goes; refuses (LM551 to LM553) before any work is done.

    Without `out` it is `study-COLUMN` in the working folder, made safe as a name, with the next free number. A given
    `out` that exists is replaced only with `force`, and only if it holds a study.
    """
    if out is None:
        folder = next(place for place in _names(f"study-{safe_name(target)}") if not place.exists())
    else:
        folder = Path(out)
        if folder.is_symlink() or folder.exists():
            _check_replaceable(folder, force)
    if not folder.absolute().parent.is_dir():
        raise DataError(
            "LM553", f'the folder "{folder.absolute().parent}" for the study does not exist. Make it first.'
        )
    if not os.access(folder.absolute().parent, os.W_OK):
        raise DataError("LM553", f'no permission to write into "{folder.absolute().parent}". Choose another --out.')
    return folder


def _names(stem: str) -> Iterator[Path]:
    yield Path(stem)
    number = 2
    while True:
        yield Path(f"{stem}-{number}")
        number += 1


def safe_name(text: str) -> str:
    """Make a text safe as part of a file name: letters and digits of any script, `-` and `_`; at most 60.

    >>> safe_name("<script>/../x y"), safe_name("지연 시간"), safe_name("..")
    ('script-x-y', '지연-시간', 'target')
    """
    return re.sub(r"[^\w]+", "-", text).strip("-_")[:60].strip("-_") or "target"


def _check_replaceable(folder: Path, force: bool) -> None:
    if not force:
        raise DataError(
            "LM551", f'"{folder}" exists already. Choose another --out, or replace an old study with --force.'
        )
    record = folder / "study.json"
    with contextlib.suppress(OSError, UnicodeDecodeError):
        if not folder.is_symlink() and is_study(record.read_text(encoding="utf-8")):
            return
    raise DataError("LM552", f'"{folder}" is not a study (it holds no study.json of ours), so --force leaves it alone.')


def write_folder(folder: Path, files: Mapping[str, str], *, force: bool = False) -> Path:
    """Write `files` (name, perhaps in one folder below, to text) into a hidden sibling, then rename it to `folder`.

    `force` replaces an old study.

    Whatever interrupts this leaves either the old folder or the new one, and no hidden sibling.
    """
    folder = folder.absolute()
    partial = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}-", suffix=".partial", dir=folder.parent))
    try:
        for name, text in files.items():
            _write(partial / name, text)
        partial.chmod(0o777 & ~_umask())
        _put(partial, folder, force)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _put(partial: Path, folder: Path, force: bool) -> None:
    if not folder.exists():
        partial.rename(folder)
        return
    _check_replaceable(folder, force)
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name[:40]}-", suffix=".old", dir=folder.parent))
    try:
        folder.rename(old)  # an empty folder may be replaced by a rename
        try:
            partial.rename(folder)
        except BaseException:
            old.rename(folder)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)
