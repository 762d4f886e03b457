"""Losses over classes that the tests of their kernels go through: with one pass and two, gathers, sums and powers."""

from __future__ import annotations

from typing import Any, Final

import lossmith as ls


@ls.define(target="class", link="softmax", per="class")
def class_dice(y: Any, p: Any, smooth: float = 1.0) -> Any:
    return 1 - (2 * ls.sum(y * p) + smooth) / (ls.sum(y) + ls.sum(p) + smooth)


@ls.define(target="class", link="softmax")
def class_brier(y: Any, p: Any) -> Any:
    return ls.over_classes((y - p) ** 2)


LOSSES: Final[dict[str, ls.Loss]] = {
    "cross entropy": ls.get("cross_entropy"),
    "smoothed": ls.get("cross_entropy").smooth(0.1),
    "focal": ls.get("softmax_focal"),
    "tempered": ls.get("cross_entropy").temper(0.7),
    "dice": class_dice,
    "brier": class_brier,
}
