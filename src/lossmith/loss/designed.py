"""The combinators as methods: every one makes a new loss from this one, in one formula.

Comes in: numbers, names of columns, formulas of the error. Goes out: a loss of the same class. What each does is said in
`algebra`; here is only its name, and what people need to know to use it.

Their order is fixed, whatever the order of the calls: target (ignore, smooth), weights, raw prediction (temper, soft_cap,
adjust, margin), loss of a row, choice of rows, denominator, finished number.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Self

import numpy as np

from lossmith.algebra import combine, finishing, raws, select, targets, terms
from lossmith.algebra.parts import Bound
from lossmith.algebra.reweight import ClassWeight, reweighted
from lossmith.errors import ArgumentError
from lossmith.formula.node import Node, symbol
from lossmith.loss.shown import Shown


class Designed(Shown):
    """What can be made of a loss. Parameters stay bindable: `loss.modulate(2).bind(gamma=1)`."""

    @abstractmethod
    def _bound(self) -> Bound: ...

    @abstractmethod
    def _of(self, made: Bound) -> Self: ...

    def __add__(self, other: Self) -> Self:
        """The sum of two losses of the same target."""
        if not isinstance(other, Designed):
            return NotImplemented
        return self._of(combine.add(self._bound(), other._bound()))

    def __mul__(self, factor: float) -> Self:
        """A multiple of the loss."""
        if isinstance(factor, bool) or not isinstance(factor, int | float | np.floating | np.integer):
            return NotImplemented
        return self._of(combine.scale(self._bound(), float(factor)))

    __rmul__ = __mul__

    def __radd__(self, other: int) -> Self:
        """So that `sum(losses)` works, which starts from 0."""
        return self if isinstance(other, int) and other == 0 else NotImplemented

    def __neg__(self) -> Self:
        """Minus the loss."""
        return self * -1.0

    def __sub__(self, other: Self) -> Self:
        """The difference of two losses of the same target."""
        return self + -other if isinstance(other, Designed) else NotImplemented

    def __truediv__(self, divisor: float) -> Self:
        """The loss divided by a number."""
        if isinstance(divisor, bool) or not isinstance(divisor, int | float | np.floating | np.integer) or divisor == 0:
            return NotImplemented
        return self * (1.0 / float(divisor))

    # weights and targets

    def reweight(self, class_weight: ClassWeight | None = None, *, by: str | None = None) -> Self:
        """Weigh rows by class (numbers, "balanced", `effective_number(beta)`) or by a column; on top of `sample_weight`.

        Such weights enter the denominator of the mean. A soft label is a mixture of hard ones: each part is weighed.
        What depends on the training set is bound by `fit`. Raises `ArgumentError` LM280 to LM286.

        >>> import lossmith as ls
        >>> ls.get("log_loss").reweight({0: 1, 1: 20}).gradient([1, 0], [0.0, 0.0]).round(4).tolist()
        [-0.4762, 0.0238]
        """
        bound = self._bound()
        return self._of(replace(bound, definition=reweighted(bound.definition, class_weight, by)))

    def mask(self, by: str) -> Self:
        """Rows in which the column `by` is false (or 0) are absent.

        >>> import lossmith as ls
        >>> ls.get("mse").mask("valid").value([1.0, 9.0], [0.0, 0.0], columns={"valid": [True, False]})
        1.0
        """
        return self._of(targets.mask(self._bound(), by))

    def ignore(self, index: int) -> Self:
        """Rows whose target is this class number are absent.

        >>> import lossmith as ls
        >>> round(ls.get("cross_entropy").ignore(255).value([0, 255], [[0.0, 0.0], [9.0, 0.0]]), 6)
        0.693147
        """
        return self._of(targets.ignore(self._bound(), index))

    def smooth(self, epsilon: float = 0.1) -> Self:
        """Mix the target with `epsilon` of all classes alike; weights by class then weigh the smoothed target.

        Source: Szegedy et al. (2016), arXiv:1512.00567, section 7.

        >>> import lossmith as ls
        >>> ls.get("ce").smooth(0.2) == ls.get("label_smoothed_cross_entropy", epsilon=0.2)
        True
        """
        return self._of(targets.smooth(self._bound(), epsilon))

    def empty(self, rule: str) -> Self:
        """What the loss is without rows: "zero" (the default), "nan" or "error".

        >>> import lossmith as ls
        >>> ls.get("mse").empty("nan").value([], [])
        nan
        """
        return self._of(targets.empty(self._bound(), rule))

    # the raw prediction

    def adjust(self, prior: Sequence[float] | None = None, tau: float = 1.0) -> Self:
        """Train with z + tau * log(prior): the model then predicts as if all classes were equally frequent.

        `prior`: the share of each class (two for yes or no); None: found by `fit`. `predict` uses z alone.
        Source: Menon et al. (2021), arXiv:2007.07314, eq. 10.

        >>> import lossmith as ls
        >>> round(ls.get("bce").adjust([0.99, 0.01]).predict([0.0]).item(), 3)
        0.5
        """
        return self._of(raws.adjust(self._bound(), prior, tau))

    def margin(self, m: float) -> Self:
        """Train as if the truth were `m` less likely on the raw scale: it must win by a margin.

        Source: Wang et al. (2018), arXiv:1801.05599, eq. 5.

        >>> import lossmith as ls
        >>> ls.get("bce").margin(1.0).value([1], [1.0]) == ls.get("bce").value([1], [0.0])
        True
        """
        return self._of(raws.margin(self._bound(), m))

    def temper(self, T: float) -> Self:
        """Divide raw predictions by a temperature, in `predict` too: above 1 softer, below 1 sharper probabilities.

        >>> import lossmith as ls
        >>> ls.get("bce").temper(2.0).predict([3.0]) == ls.get("bce").predict([1.5])
        array([ True])
        """
        return self._of(raws.temper(self._bound(), T))

    def soft_cap(self, c: float) -> Self:
        """Hold raw predictions softly between -c and c, in `predict` too: c * tanh(z / c).

        Source: Gemma Team (2024), arXiv:2408.00118, section 2.

        >>> import lossmith as ls
        >>> round(ls.get("bce").soft_cap(5.0).value([0], [1e6]), 4)
        5.0067
        """
        return self._of(raws.soft_cap(self._bound(), c))

    # the loss of a row

    def asymmetric(self, under: float = 1.0, over: float = 1.0) -> Self:
        """Times `under` where the prediction lies below the target, times `over` elsewhere.

        >>> import lossmith as ls
        >>> ls.get("mae").asymmetric(under=5, over=1).per_example([10.0, 10.0], [8.0, 13.0]).tolist()
        [10.0, 3.0]
        """
        return self._of(terms.asymmetric(self._bound(), under, over))

    def error_weight(self, f: Callable[[Node], Any] | str) -> Self:
        """Times a weight that is a formula of the error e = y - prediction: `lambda e: 1 + abs(e)`, or that text in `e`.

        The weight is part of the loss and differentiated with it; wrap it in `ls.stop_gradient` for one that is not.

        >>> import lossmith as ls
        >>> ls.get("mae").error_weight("1 + abs(e)").per_example([3.0], [1.0]).tolist()
        [6.0]
        """
        return self._of(terms.error_weight(self._bound(), weight_formula(f) if isinstance(f, str) else f))

    def zoom(self, scale: float) -> Self:
        """The loss of the error in units of `scale`: what it treats as small ends at `scale` in place of 1.

        >>> import lossmith as ls
        >>> ls.get("huber").zoom(0.1).value([0.05], [0.0]) == ls.get("huber").value([0.5], [0.0])
        True
        """
        return self._of(terms.zoom(self._bound(), scale))

    def modulate(self, gamma: float = 2.0) -> Self:
        """The focal factor (1 - probability of the truth) ** gamma: rows that are already right count less.

        Source: Lin et al. (2017), arXiv:1708.02002, eq. 4.

        >>> import lossmith as ls
        >>> ls.get("bce").modulate(1.5) == ls.get("focal", gamma=1.5)
        True
        """
        return self._of(terms.modulate(self._bound(), gamma))

    def truncate(self, tau: float) -> Self:
        """The smaller of the loss of a row and `tau`: rows beyond it pull no more.

        >>> import lossmith as ls
        >>> ls.get("mse").truncate(4.0).per_example([0.0, 0.0], [1.0, 9.0]).tolist()
        [1.0, 4.0]
        """
        return self._of(terms.truncate(self._bound(), tau))

    def robust(self, alpha: float, c: float) -> Self:
        """Barron's general robust shape, the loss of a row standing for half a squared error: 2 as it is, below 1 robust.

        Source: Barron (2019), arXiv:1701.03077, eq. 1; alpha <= 2, c > 0.

        >>> import lossmith as ls
        >>> round(ls.get("half_squared_error").robust(0.0, 1.0).value([2.0], [0.0]), 6)  # log(1 + 2**2 / 2)
        1.098612
        """
        return self._of(terms.robust(self._bound(), alpha, c))

    # which rows, and what the sum is divided by

    def select(self, *amount: Any, per: str | None = None, **how: Any) -> Self:
        """Look at some rows only, chosen by their own loss; the sum is divided by the weight that was chosen.

        One of: `top=0.2` (the hardest fifth), `top=5` (the five hardest; `per="group"`: of each group),
        `negatives=3` (all positives and three hard negatives for each), `above=0.7` (a loss of at least that),
        `between=(0.5, 0.9)` (without the easiest half and the hardest tenth), `trim=0.1` (without the hardest tenth).
        The choice is over all rows of the call, counts as a number for the gradient, and lets equal rows share.

        >>> import lossmith as ls
        >>> ls.get("mae").select(top=2).value([0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 9.0])
        6.0
        """
        if amount:
            raise ArgumentError("LM299", f"{self._bound().name}: say what {amount[0]!r} is: select(top={amount[0]!r}).")
        return self._of(select.select(self._bound(), per, **how))

    def cvar(self, alpha: float) -> Self:
        """The mean loss of the hardest share `alpha` of the rows (conditional value at risk).

        >>> import lossmith as ls
        >>> ls.get("mae").cvar(0.25).value([0.0, 0.0, 0.0, 0.0], [1.0, 2.0, 3.0, 9.0])
        9.0
        """
        return self._of(select.cvar(self._bound(), alpha))

    def tilt(self, t: float) -> Self:
        """log(mean(exp(t * loss))) / t: above 0 hard rows count more, up to the worst alone; below 0 less.

        Source: Li et al. (2021), arXiv:2007.01162, eq. 2.

        >>> import lossmith as ls
        >>> round(ls.get("mae").tilt(100.0).value([0.0, 0.0], [1.0, 9.0]), 6)
        8.993069
        """
        return self._of(select.tilt(self._bound(), t))

    def over(self, denominator: str) -> Self:
        """Divide the sum over rows by "weight" (a mean), "count", "positives", "examples" or "one" (nothing).

        >>> import lossmith as ls
        >>> ls.get("mae").over("count").value([1.0, 1.0], [0.0, 0.0], [3.0, 1.0])
        2.0
        """
        return self._of(finishing.over(self._bound(), denominator))

    def flood(self, b: float) -> Self:
        """|L - b| + b of the finished number L: below the level `b` the gradient turns round.

        Source: Ishida et al. (2020), arXiv:2002.08709.

        >>> import lossmith as ls
        >>> ls.get("mse").flood(0.5).value([0.0], [0.0])
        1.0
        """
        return self._of(finishing.flood(self._bound(), b))


def weight_formula(text: str) -> Callable[[Node], Node]:
    """A weight written as text in `e`, as a function of the error."""
    from lossmith.formula.node import substitute
    from lossmith.formula.parse import parse_expression
    from lossmith.maths import VOCABULARY

    e = symbol("e", "column", ["example"])
    found = parse_expression(text, {"e": e}, VOCABULARY)
    return lambda error: substitute(found, {e: error})


COMBINATORS: Final[tuple[str, ...]] = tuple(name for name in vars(Designed) if not name.startswith("_"))
"""The names of all combinators, in the order of this file."""

Weights = Mapping[Any, float]
