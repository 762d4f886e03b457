"""Lossmith: write a loss once, as maths.

The public names, listed once. Importing this loads no framework and compiles nothing; each name is loaded when used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lossmith.adapt.in_lightgbm import for_lightgbm as for_lightgbm
    from lossmith.adapt.in_sklearn.entry import for_sklearn as for_sklearn
    from lossmith.adapt.in_torch.doors import accumulate as accumulate
    from lossmith.adapt.in_torch.doors import for_torch as for_torch
    from lossmith.adapt.in_torch.doors import tasks as tasks
    from lossmith.advise.look.profile import profile as profile
    from lossmith.advise.study import study as study
    from lossmith.algebra.reweight import effective_number as effective_number
    from lossmith.checking.verify import verify as verify
    from lossmith.errors import LossmithError as LossmithError
    from lossmith.loss.activation import activation as activation
    from lossmith.loss.costs import from_costs as from_costs
    from lossmith.loss.handle import Loss as Loss
    from lossmith.loss.known_facts import facts as facts
    from lossmith.loss.library import define as define
    from lossmith.loss.library import from_json as from_json
    from lossmith.loss.library import get as get
    from lossmith.loss.library import names as names
    from lossmith.loss.library import parse as parse
    from lossmith.loss.mixing import mix as mix
    from lossmith.loss.sums import Sums as Sums
    from lossmith.maths import *  # noqa: F403
    from lossmith.teach.activations.door import show as show
    from lossmith.teach.descent.walk import descend as descend

__version__ = "0.1.0"

_PUBLIC = {
    "Loss": "lossmith.loss.handle",
    "LossmithError": "lossmith.errors",
    "Sums": "lossmith.loss.sums",
    "accumulate": "lossmith.adapt.in_torch.doors",
    "activation": "lossmith.loss.activation",
    "define": "lossmith.loss.library",
    "descend": "lossmith.teach.descent.walk",
    "effective_number": "lossmith.algebra.reweight",
    "facts": "lossmith.loss.known_facts",
    "for_lightgbm": "lossmith.adapt.in_lightgbm",
    "for_sklearn": "lossmith.adapt.in_sklearn.entry",
    "for_torch": "lossmith.adapt.in_torch.doors",
    "from_costs": "lossmith.loss.costs",
    "from_json": "lossmith.loss.library",
    "get": "lossmith.loss.library",
    "mix": "lossmith.loss.mixing",
    "names": "lossmith.loss.library",
    "parse": "lossmith.loss.library",
    "profile": "lossmith.advise.look.profile",
    "show": "lossmith.teach.activations.door",
    "study": "lossmith.advise.study",
    "tasks": "lossmith.adapt.in_torch.doors",
    "verify": "lossmith.checking.verify",
}

__all__ = [*_PUBLIC]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    words = import_module("lossmith.maths")
    if name in words.VOCABULARY or name in words.__all__:
        return getattr(words, name)
    raise AttributeError(f"module 'lossmith' has no attribute {name!r}")


def __dir__() -> list[str]:
    own = {name for name in globals() if name.startswith("__")}
    return sorted({*own, *_PUBLIC, *import_module("lossmith.maths").VOCABULARY, "pi"})
