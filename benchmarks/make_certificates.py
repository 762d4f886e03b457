"""Measure every catalogue loss against the exact truth and write the certificates that Lossmith ships.

    python benchmarks/make_certificates.py [--size 1500] [--table] [NAME ...]

Writes `src/lossmith/certificates.json` whole, or replaces the rows of the losses named. `--table` prints Markdown.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from lossmith.certificate import Certificate, from_json, table, to_json
from lossmith.checking.certify import FULL, certify_loss, variants
from lossmith.loss.library import names

PATH = Path(__file__).resolve().parents[1] / "src" / "lossmith" / "certificates.json"


def main() -> int:
    """Parse the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="losses to measure again (default: all)")
    parser.add_argument("--size", type=int, default=FULL, help="rows for each output and format")
    parser.add_argument("--table", action="store_true", help="only print the table of what is shipped")
    given = parser.parse_args()
    if given.table:
        print(table(from_json(PATH.read_text(encoding="utf-8"))))
        return 0
    wanted = given.names or list(names())
    kept = [c for c in from_json(PATH.read_text(encoding="utf-8")) if c.loss not in wanted] if given.names else []
    PATH.write_text(to_json(_in_order([*kept, *_measured(wanted, given.size)])), encoding="utf-8")
    return 0


def _measured(wanted: list[str], size: int) -> list[Certificate]:
    found: list[Certificate] = []
    for name in wanted:
        for loss in variants(name):
            start = time.perf_counter()
            certificates = certify_loss(loss, size=size)
            over = [f"{c.output} {c.backend} {c.dtype}" for c in certificates if not c.meets]
            seconds = time.perf_counter() - start
            print(
                f"{certificates[0].title}: {seconds:.1f} s, over: {', '.join(over) or 'none'}",
                file=sys.stderr,
                flush=True,
            )
            found += certificates
    return found


def _in_order(certificates: list[Certificate]) -> list[Certificate]:
    order = list(names())
    return sorted(certificates, key=lambda c: order.index(c.loss))


if __name__ == "__main__":
    sys.exit(main())
