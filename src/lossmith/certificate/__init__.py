"""A kernel's numbers against the exact truth: how far off, where, and whether that keeps the contract.

Comes in: a `Subject` (one output of one loss, as exact formula), the values of its leaves and the computed numbers.
Goes out: a `Certificate`, plain data; `shipped` reads those that come with Lossmith, `table` prints them.

The contract: no NaN, no infinity where the truth rounds to a finite number, and an error of at most `bound` units.
A unit is one ulp at scale s. Rule (a): s is the truth itself. The other rules are consulted only where (a) alone would
not do, and are counted: (b) near a change of sign, s = |z * slope| / 4; (c) soft targets, s is the mixture of the sizes
at hard targets; (d) near the end of the format, s is its least scale; (e) a value that is a sum of terms of both signs,
s = sum of |terms|; (k) one float beside a kink or a jump, the truth on its other side counts as well.
"""

from lossmith.certificate.judge import Case, certify, contradictions, exact
from lossmith.certificate.record import EVERYDAY, Certificate, bound_of, from_json, shipped, table, to_json
from lossmith.certificate.scales import Subject, sum_of_sizes

__all__ = [
    "EVERYDAY",
    "Case",
    "Certificate",
    "Subject",
    "bound_of",
    "certify",
    "contradictions",
    "exact",
    "from_json",
    "shipped",
    "sum_of_sizes",
    "table",
    "to_json",
]
