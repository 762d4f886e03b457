"""What somebody's loss is, and what is wrong with its derivatives and its meaning.

Comes in: a `Subject`, a reference if there is one. Goes out: `recognise` says what it is, `look` what is wrong with it.
"""

from lossmith.checking.derivatives.known import Known
from lossmith.checking.derivatives.recognition import recognise
from lossmith.checking.derivatives.verdicts import look

__all__ = ["Known", "look", "recognise"]
