"""Make all documents as plain HTML, and check them: links, anchors, files named, and code blocks.

    python docs/build.py --out site
    python docs/build.py --out site --only lessons      (or losses, activations, descent, documents, part of a name)

Comes in: the Markdown of this repository, the lessons with their `computed.py`, the catalogue. Goes out: a folder of pages
that needs no server and no network. Ends with code 1 and one sentence naming file and line where something is wrong.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterable
from concurrent.futures import Executor, ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
if str(ROOT) not in sys.path:
    sys.path.insert(0, str(ROOT))

for threads in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(threads, "1")  # matrices are small here: more threads only wait for each other

from docs.builder.blocks import run_all  # noqa: E402
from docs.builder.generated import Job, jobs, lessons  # noqa: E402
from docs.builder.layout import whole  # noqa: E402
from docs.builder.links import check_anchors, check_written  # noqa: E402
from docs.builder.markdown import COPIES, made  # noqa: E402
from docs.builder.record import LESSONS, BuildError, Made, Page, Site  # noqa: E402

DOCUMENTS: Final = (
    Page("docs/index.md", "index.html", "Lossmith", "home"),
    Page("docs/start.md", "start.html", "Start in five minutes", "start"),
    Page("docs/design.md", "design.html", "Design a loss", "design"),
    Page("docs/frameworks.md", "frameworks.html", "Frameworks", "frameworks"),
    Page("docs/pytorch.md", "pytorch.html", "PyTorch", "frameworks"),
    Page("docs/scikit-learn.md", "scikit-learn.html", "scikit-learn", "frameworks"),
    Page("docs/splitting.md", "splitting.html", "Split batches", "frameworks"),
    Page("docs/tasks.md", "tasks.html", "Several tasks", "frameworks"),
    Page("docs/accuracy.md", "accuracy.html", "How accuracy is measured", "accuracy", values="docs/accuracy.py"),
    Page("docs/certificates.md", "certificates.html", "Certificates", "accuracy"),
    Page("docs/your-notes-checked.md", "your-notes-checked.html", "Your notes, checked", "design"),
    Page("CONTRIBUTING.md", "contributing.html", "Contributing", "contributing", run=False),
    Page("README.md", "readme.html", "README", "start", run=False),
)
"""Every document beside the lessons. The Python of those that are not run here is run by `tests/house/test_readme.py`."""

LANGUAGES: Final = ("en", "ko")
LIST_OF_LESSONS: Final = f"{LESSONS}/index.html"
GROUPS: Final = ("losses", "activations", "descent", "shared")
"""The pages made from code, as `--only` names them."""

PROCESSES: Final = 2


def lesson_pages(root: Path) -> tuple[Page, ...]:
    """Find the lessons: a folder with `computed.py` and a text for each language."""
    found = [
        (text, text.parent / "computed.py")
        for language in LANGUAGES
        for text in sorted((root / "docs" / "lessons").glob(f"*/{language}.md"))
    ]
    return tuple(
        Page(
            text.relative_to(root).as_posix(),
            f"lessons/{text.parent.name}{'' if text.stem == 'en' else '_' + text.stem}.html",
            section=LESSONS,
            language=text.stem,
            values=values.relative_to(root).as_posix(),
        )
        for text, values in found
    )


def build(
    root: Path,
    out: Path,
    documents: Iterable[Page],
    made_from_code: Iterable[Job],
    pool: Executor,
    only: str,
    run: bool,
) -> None:
    """Make the pages that `only` names (all by default), and check them; raises BuildError."""
    pages = tuple(page for page in documents if (root / page.source).exists())
    work = tuple(made_from_code)
    outputs = frozenset(job.file for job in work) | {LIST_OF_LESSONS}
    chosen_work = [job for job in work if only in ("", job.group, job.file) or job.group == "shared"]
    with pool:
        texts = [(job.file, pool.submit(job.text)) for job in chosen_work]
        try:
            read = read_documents(Site(root, pages, outputs), only, run)
            write_documents(root, out, read, only)
            for file, text in texts:
                write(out, file, text.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    told(f"{len(texts)} files made from code")
    count = check_written(out, {*outputs, *(page.output for page in pages)} if only else ())
    told(f"{count} links lead somewhere")


def read_documents(site: Site, only: str, run: bool) -> tuple[Made, ...]:
    """Read the documents that `only` names, and check their links and their code."""
    read = tuple(made(page, site) for page in site.pages if _is_chosen(page, only))
    if not read and only not in ("", LESSONS, "documents", *GROUPS) and only not in site.outputs:
        raise BuildError("docs/build.py", 1, f'--only {only}: no document, lesson or group has "{only}" in its name.')
    check_anchors(read)
    told(f"{len(read)} documents read")
    if run:
        run_all(read, told)
        told("code blocks run")
    return read


def _is_chosen(page: Page, only: str) -> bool:
    kind = LESSONS if page.is_lesson else "documents"
    return only in ("", kind) or (only not in GROUPS and only in page.source)


def write_documents(root: Path, out: Path, read: tuple[Made, ...], only: str) -> None:
    """Write documents, the files that they link to, and the list of lessons."""
    for document in read:
        write(out, document.page.output, whole(document, read))
        copy_files(root, out, document)
    if only in ("", LESSONS):
        write(out, LIST_OF_LESSONS, lessons(read))


def copy_files(root: Path, out: Path, document: Made) -> None:
    """Copy the files that a document links to and that are no page."""
    for file in document.files:
        place = out / COPIES / file
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / file, place)


def write(out: Path, file: str, text: str) -> None:
    """Write a file of the site."""
    place = out / file
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text, encoding="utf-8")


STARTED: Final = time.monotonic()


def told(text: str) -> None:
    """Say how far the build is."""
    print(f"{time.monotonic() - STARTED:6.1f} s  {text}", flush=True)


def main(arguments: list[str] | None = None) -> int:
    """Read the command line and build; 1 where something is wrong."""
    parser = argparse.ArgumentParser(description="Make and check the documents.")
    parser.add_argument("--out", type=Path, default=Path("site"), help="the folder to write (its pages are replaced)")
    parser.add_argument(
        "--only", default="", help="lessons, documents, losses, activations, descent, or part of a source's name"
    )
    parser.add_argument("--no-run", action="store_true", help="do not run the code blocks")
    options = parser.parse_args(arguments)
    try:
        documents = (*DOCUMENTS, *lesson_pages(ROOT))
        pool = ProcessPoolExecutor(PROCESSES, get_context("spawn"))
        build(ROOT, options.out, documents, jobs(), pool, options.only, not options.no_run)
    except BuildError as fault:
        print(fault, file=sys.stderr)
        return 1
    told(f"done: {options.out / 'index.html'}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
