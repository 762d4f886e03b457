"""What somebody's loss does with rows, weights, shapes and arrays.

Comes in: a `Subject`, what it is known to be, a seed. Goes out: `Finding`s.
"""

from lossmith.checking.semantics.look import look

__all__ = ["look"]
