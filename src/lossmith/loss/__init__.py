"""What users hold: losses by name, function or text, and everything that follows from one.

Comes in: definitions, arrays. Goes out: `Loss`, `Sums`, activations, numbers.
"""

from lossmith.loss.handle import Loss
from lossmith.loss.library import define, from_json, get, names, parse
from lossmith.loss.sums import Sums

__all__ = ["Loss", "Sums", "define", "from_json", "get", "names", "parse"]
