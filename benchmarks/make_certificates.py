"""Measure every catalogue loss against the exact truth and write the certificates that Lossmith ships.

    python benchmarks/make_certificates.py [--size 1500] [--document] [NAME ...]

Writes `src/lossmith/certificates.json` whole, or replaces the rows of the losses named, and prints the table of
`docs/certificates.md` from it. `--document` prints that table only, from what is shipped.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from lossmith.certificate import Certificate, from_json, table, to_json
from lossmith.checking.certify import FULL, certify_loss, variants
from lossmith.loss.library import names

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "certificates.md"
PATH = Path(__file__).resolve().parents[1] / "src" / "lossmith" / "certificates.json"


def main() -> int:
    """Parse the arguments, measure, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help="losses to measure again (default: all)")
    parser.add_argument("--size", type=int, default=FULL, help="rows for each output and format")
    parser.add_argument("--document", action="store_true", help="only write docs/certificates.md from what is shipped")
    given = parser.parse_args()
    if given.document:
        DOCUMENT.write_text(document(from_json(PATH.read_text(encoding="utf-8"))), encoding="utf-8")
        return 0
    wanted = given.names or list(names())
    kept = [c for c in from_json(PATH.read_text(encoding="utf-8")) if c.loss not in wanted] if given.names else []
    found = _in_order([*kept, *_measured(wanted, given.size)])
    PATH.write_text(to_json(found), encoding="utf-8")
    DOCUMENT.write_text(document(found), encoding="utf-8")
    return 0


def document(certificates: Sequence[Certificate]) -> str:
    """The page of certificates: how to read them, what they come to, and the table."""
    over = sum(not c.meets for c in certificates)
    faults = sum(c.nan + c.false_infinity + c.false_zero for c in certificates)
    points = sum(c.points for c in certificates)
    return f"""# Certificates

<!-- written by benchmarks/make_certificates.py from src/lossmith/certificates.json; do not edit -->

Every loss that comes with Lossmith is measured: its value, gradient and hessian, computed by both kinds of kernel in
float32 and float64, against the exact result (balls of arbitrary precision that are narrowed until they round to one
number). Raw predictions go from the least float to the largest, and lie close around every place where something cancels.

This page holds {len(certificates):,} certificates over {points:,} numbers: {len(certificates) - over:,} keep the contract,
{over:,} do not. NaN, false infinities and false zeros: {faults:,}.

*worst ulp* and *median ulp*: how far a number is from the truth, in units of its own last place. *units*: the same at the
scale that the contract allows, which is wider only beside a change of sign (b), for a soft label as the mixture that it is
(c), next to the least float (d), for a value that is a sum of terms of both signs (e), and on a kink (k); *used* counts the
numbers that were judged so. *allowed*: 4 for the everyday losses, 16 for all others.
`lossmith verify NAME` measures again, and says where the worst point lies.

{table(certificates)}
"""


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
