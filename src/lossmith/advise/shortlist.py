"""Choose losses to try: a `Profile` and costs come in, 4 to 6 candidates with a reason each go out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from lossmith.advise.profile import Profile


@dataclass(frozen=True)
class Candidate:
    """A loss to try: `ls.get(loss_name, **parameters)`, and why. Exactly one candidate of a list `is_default`."""

    loss_name: str
    parameters: dict[str, float] = field(default_factory=dict)
    reason: str = ""
    is_default: bool = False


def shortlist(profile: Profile, cost: Mapping[str, float] | None = None) -> tuple[Candidate, ...]:
    """Return 4 to 6 losses that fit the target (and the costs), the default first."""
    raise NotImplementedError
