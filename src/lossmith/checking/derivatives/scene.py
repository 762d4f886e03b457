"""What an explanation starts from, and what it says: the truth about a loss where it was looked at, and predictions.

Comes in: nothing (records and what builds them). Goes out: `Scene` and `Prediction`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from lossmith.checking.derivatives.known import plain_parts, true_parts
from lossmith.checking.derivatives.points import Points
from lossmith.checking.derivatives.seen import Parts, Seen
from lossmith.checking.subject import Array
from lossmith.loss.handle import Loss


@dataclass(frozen=True, eq=False)
class Scene:
    """What was seen, the loss that it is measured by (None: only its own value is known), its truth and its factor."""

    seen: Seen
    loss: Loss | None
    true: Parts
    factor: float | None

    @property
    def at(self) -> Points:
        """Where the loss was looked at."""
        return self.seen.at

    def elsewhere(self, y: Array | None = None, prediction: Array | None = None) -> Parts | None:
        """The truth with other targets or predictions in the same rows."""
        if self.loss is None:
            return None
        at = replace(
            self.at,
            y=self.at.y if y is None else y,
            prediction=self.at.prediction if prediction is None else prediction,
        )
        return true_parts(self.loss, at)


@dataclass(frozen=True, eq=False)
class Prediction:
    """What would be seen, by part; `said` completes the sentence. `whole`: of the call with all rows together."""

    parts: Parts
    said: str
    whole: bool = False


def picked(parts: Parts, *names: str, times: float = 1.0) -> Parts:
    return {name: times * parts[name] for name in names if name in parts}


def with_less(true: Parts, names: Sequence[str], times: float, said: str) -> Iterator[Prediction]:
    """Some parts times a number; then only the first of them."""
    yield Prediction(picked(true, *names, times=times), said)
    yield Prediction(picked(true, names[0], times=times), said)


def of_losses(scene: Scene, made: Iterator[tuple[str, Loss]], said: str) -> Iterator[Prediction]:
    for words, loss in made:
        parts = plain_parts(loss, scene.at)
        if parts is not None:
            yield Prediction(parts, said.format(words=words.replace("{", "(").replace("}", ")"), loss="{loss}"))
