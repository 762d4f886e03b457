"""What goes wrong in somebody's numbers: NaN, overflow, dead gradients, lost digits, and where.

Comes in: a `Subject`, what it is known to be, a seed. Goes out: `Finding`s.
"""

from lossmith.checking.numbers.look import look

__all__ = ["look"]
