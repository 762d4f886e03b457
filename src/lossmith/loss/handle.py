"""`Loss`, what users hold: a definition, the values of its parameters, and lazily compiled kernels.

Comes in: definitions from the catalogue, a decorated function or a text. Goes out: numbers for arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lossmith.algebra.parts import Bound, full_name
from lossmith.calculus.facts import Facts
from lossmith.compiler import Expressions, expressions
from lossmith.errors import ArgumentError
from lossmith.formula.definition import Definition, bound, check_parameter
from lossmith.formula.parse import arguments
from lossmith.formula.text import to_text, with_numbers
from lossmith.kernel.rows import Array, Rows, load
from lossmith.loss import evaluate
from lossmith.loss.designed import Designed
from lossmith.loss.evaluate import Kernel, Request
from lossmith.loss.explain import explain, facts_of
from lossmith.loss.prediction import fitted_to, predict
from lossmith.loss.start import best_constant
from lossmith.loss.sums import Sums
from lossmith.loss.text.stages import stages_said
from lossmith.loss.thresholds import Scores, Thresholds, scores
from lossmith.runtime import Backend

Targets = Any
Raw = ArrayLike
Weights = ArrayLike | None
Columns = Mapping[str, ArrayLike] | None


@final
@dataclass(frozen=True, eq=False, repr=False)
class Loss(Designed):
    """A loss function, complete: value, derivatives, sums, best constant, link, text.

    Make one with `lossmith.get`, `lossmith.define` or `lossmith.parse`. All methods take
    `(y_true, raw_prediction, sample_weight=None, *, columns=None)`; outputs have the dtype of `raw_prediction`.

    >>> import lossmith as ls
    >>> loss = ls.get("quantile", level=0.9)
    >>> loss.value([10.0, 20.0], [12.0, 12.0])
    3.7
    """

    definition: Definition
    values: tuple[tuple[str, float], ...] = ()
    backend: Backend = "numba"
    n_threads: int | None = None

    @property
    def name(self) -> str:
        """The name, for people; of a design, what was done to which loss, with the numbers that it has now.

        >>> import lossmith as ls
        >>> ls.get("bce").modulate(2).bind(gamma=1.5).name
        'binary_cross_entropy.modulate(gamma=1.5)'
        """
        return with_numbers(self.definition.name, self.parameters)

    @property
    def parameters(self) -> dict[str, float | None]:
        """The parameters and their values; None where one is still to be bound."""
        given = dict(self.values)
        return {p.name: given.get(p.name, p.default) for p in self.definition.parameters}

    @property
    def target(self) -> str:
        """The kind of the (first) target."""
        return self.definition.declaration.target[0][1]

    @property
    def link(self) -> str:
        """The map from raw predictions to the target's scale; "identity" if predictions are given on that scale."""
        declaration = self.definition.declaration
        return "identity" if declaration.on == "probability" else declaration.link or "identity"

    @property
    def formula(self) -> str:
        """The formula as text, which `lossmith.parse` reads back."""
        return to_text(self.definition.written)

    @property
    def declaration(self) -> dict[str, Any]:
        """What `lossmith.parse` needs beside the formula to give an equal loss.

        >>> import lossmith as ls
        >>> loss = ls.get("focal", gamma=1.5)
        >>> ls.parse(loss.formula, **loss.declaration) == loss
        True
        """
        said = arguments(self.definition) | stages_said(self.definition)
        said["parameters"] = {p.name: (self.parameters[p.name], p.domain) for p in self.definition.parameters}
        return said

    @property
    def latex(self) -> str:
        """The formula in LaTeX."""
        from lossmith.calculus.sympy_bridge import to_latex

        return to_latex(self.definition.written)

    @property
    def is_additive(self) -> bool:
        """Whether the total is a sum over rows (derived from the formula)."""
        return self.expressions.additive is not None

    @property
    def factor(self) -> float:
        """The explicit numeric factor in front of the mean or sum, which boosters divide out."""
        additive = self.expressions.additive
        return 1.0 if additive is None else additive.factor

    @property
    def expressions(self) -> Expressions:
        """The exact formulas of value, gradient and hessian."""
        return expressions(self.definition)

    @property
    def facts(self) -> Facts:
        """What is known of the loss at its parameter values, each fact with its evidence."""
        return facts_of(self.definition, tuple(self._request().parameters.items()))

    @property
    def is_strictly_convex(self) -> bool:
        """Whether the loss bends upwards everywhere in the raw prediction (derived)."""
        return self.facts.strictly_convex.value

    @property
    def is_smooth(self) -> bool:
        """Whether the gradient has no jump (derived)."""
        return self.facts.smooth.value

    @property
    def content_hash(self) -> tuple[str, str]:
        """Two parts: the formula with its declaration, and the parameter values."""
        weights = repr(self.definition.reweighting) if self.definition.reweighting else ""
        numbers = ",".join(f"{k}={'unbound' if v is None else v.hex()}" for k, v in sorted(self.parameters.items()))
        return self.definition.formula_hash, numbers + weights

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Loss) and self.content_hash == other.content_hash

    def __hash__(self) -> int:
        return hash(self.content_hash)

    def __repr__(self) -> str:
        return f"<Loss {with_numbers(full_name(self.definition), self.parameters)}: {self.formula}>"

    def bind(self, **parameters: float) -> Loss:
        """The same loss with other parameter values; compiles nothing.

        >>> import lossmith as ls
        >>> ls.get("huber").bind(delta=2).parameters
        {'delta': 2.0}
        """
        checked = {name: check_parameter(self.definition, name, value) for name, value in parameters.items()}
        return replace(self, values=tuple(sorted({**dict(self.values), **checked}.items())))

    def __call__(self, **parameters: float) -> Loss:
        """The same as `bind`."""
        return self.bind(**parameters)

    def using(self, backend: Backend = "numba", n_threads: int | None = None) -> Loss:
        """The same loss computed by "numba" (the default) or by "numpy" (the reference), on so many threads.

        >>> import lossmith as ls
        >>> ls.get("mse").using("numpy").value([1.0], [3.0])
        4.0
        """
        if backend not in ("numba", "numpy"):
            raise ArgumentError("LM201", f'a backend is "numba" or "numpy", got {backend!r}.')
        return replace(self, backend=backend, n_threads=n_threads)

    def value(
        self, y_true: Targets, raw_prediction: Raw, sample_weight: Weights = None, *, columns: Columns = None
    ) -> float:
        """The finished loss, from at least float64 sums.

        >>> import lossmith as ls
        >>> ls.get("mae").value([1.0, 2.0], [0.0, 4.0])
        1.5
        """
        return self._arrays(("value",), y_true, raw_prediction, sample_weight, columns)[0]

    def gradient(
        self, y_true: Targets, raw_prediction: Raw, sample_weight: Weights = None, *, columns: Columns = None
    ) -> Array:
        """The derivative of `value` by every raw prediction; same shape and dtype.

        >>> import lossmith as ls
        >>> ls.get("mse").gradient([1.0, 2.0], [0.0, 4.0]).tolist()
        [-1.0, 2.0]
        """
        return self._arrays(("gradient",), y_true, raw_prediction, sample_weight, columns)[1][0]

    def value_and_gradient(
        self, y_true: Targets, raw_prediction: Raw, sample_weight: Weights = None, *, columns: Columns = None
    ) -> tuple[float, Array]:
        """Both, in one pass where the formula allows it.

        >>> import lossmith as ls
        >>> value, gradient = ls.get("mse").value_and_gradient([0.0, 0.0], [3.0, 4.0])
        >>> value, gradient.tolist()
        (12.5, [3.0, 4.0])
        """
        value, (gradient,) = self._arrays(("value", "gradient"), y_true, raw_prediction, sample_weight, columns)
        return value, gradient

    def sums(
        self,
        y_true: Targets,
        raw_prediction: Raw,
        sample_weight: Weights = None,
        *,
        columns: Columns = None,
        thresholds: Thresholds | None = None,
    ) -> Sums:
        """The statistics that the loss needs of these rows; they add up over batches, files and workers.

        `thresholds`: for a loss that chooses rows, what `scores` of all batches say. Raises `UnsupportedError` LM311
        where the formula must see the data twice, LM315 where rows must be chosen first.

        >>> import lossmith as ls
        >>> loss = ls.get("dice")
        >>> parts = [loss.sums([1, 0], [2.0, -1.0]), loss.sums([1], [0.5])]
        >>> sum(parts).value() == loss.value([1, 0, 1], [2.0, -1.0, 0.5])
        True
        """
        return evaluate.sums(self._request(), self._rows(y_true, raw_prediction, sample_weight, columns), thresholds)

    def scores(
        self, y_true: Targets, raw_prediction: Raw, sample_weight: Weights = None, *, columns: Columns = None
    ) -> Scores:
        """The first round of a loss that chooses rows: what these rows show; add up, then `.thresholds()` for `sums`.

        >>> import lossmith as ls
        >>> list(ls.get("mae").select(top=1).scores([0.0, 0.0], [1.0, 9.0]).thresholds().borders.values())
        [{None: (9.0, 1.0)}]
        """
        rows = self._rows(y_true, raw_prediction, sample_weight, columns)
        return scores(self.definition, self._request().parameters, rows)

    def per_example(
        self, y_true: Targets, raw_prediction: Raw, sample_weight: Weights = None, *, columns: Columns = None
    ) -> Array:
        """Every row's own term, weighted if weights are given, never divided; shape of the example axes.

        >>> import lossmith as ls
        >>> ls.get("half_squared_error").per_example([1.0, 2.0], [0.0, 4.0]).tolist()
        [0.5, 2.0]
        """
        return self._arrays(("per_example",), y_true, raw_prediction, sample_weight, columns)[1][0]

    def per_example_gradient(
        self, y_true: Targets, raw_prediction: Raw, sample_weight: Weights = None, *, columns: Columns = None
    ) -> Array:
        """The derivative of every row's own term by its raw prediction; shape of `raw_prediction`.

        >>> import lossmith as ls
        >>> ls.get("log_loss").per_example_gradient([1, 0], [0.0, 0.0]).tolist()
        [-0.5, 0.5]
        """
        return self._arrays(("per_example_gradient",), y_true, raw_prediction, sample_weight, columns)[1][0]

    def per_example_gradient_and_hessian(
        self, y_true: Targets, raw_prediction: Raw, sample_weight: Weights = None, *, columns: Columns = None
    ) -> tuple[Array, Array]:
        """First and second derivative (the diagonal) of every row's own term, in one pass.

        Raises `UnsupportedError` (LM310) where the total is not a sum over rows.

        >>> import lossmith as ls
        >>> [a.tolist() for a in ls.get("poisson").per_example_gradient_and_hessian([2.0], [0.0])]
        [[-1.0], [1.0]]
        """
        wanted = ("per_example_gradient", "per_example_hessian")
        gradient, hessian = self._arrays(wanted, y_true, raw_prediction, sample_weight, columns)[1]
        return gradient, hessian

    def hvp(
        self, y_true: Targets, raw_prediction: Raw, v: Raw, sample_weight: Weights = None, *, columns: Columns = None
    ) -> Array:
        """The hessian of `value` times the direction `v` (shape of `raw_prediction`), without the matrix.

        >>> import lossmith as ls
        >>> ls.get("mse").hvp([0.0, 0.0], [1.0, 2.0], [1.0, 0.0]).tolist()
        [1.0, 0.0]
        """
        request = self._request()
        rows = self._rows(y_true, raw_prediction, sample_weight, columns)
        return evaluate.evaluate(request, ("hvp",), evaluate.with_direction(self.definition, rows, v))[1][0]

    def predict(self, raw_prediction: ArrayLike) -> Array:
        """From raw predictions to the target's scale: the inverse link.

        >>> import lossmith as ls
        >>> ls.get("log_loss").predict([0.0]).tolist()
        [0.5]
        """
        return predict(self.definition, raw_prediction, dict(self.parameters))

    def best_constant(
        self, y_true: Targets, sample_weight: Weights = None, *, columns: Columns = None
    ) -> float | NDArray[np.float64]:
        """The constant raw prediction of least loss: where training should start.

        A float, or an array over heads or classes (minus infinity for a class that never occurs); of an interval the middle.
        Raises `NoBestConstantError` LM262 where none is best: the loss sinks towards one side, or no constant matters.

        >>> import lossmith as ls
        >>> ls.get("mae").best_constant([1.0, 2.0, 10.0])
        2.0
        """
        return best_constant(self._request(), y_true, sample_weight, columns)

    def fit(self, y_true: Targets, sample_weight: Weights = None, *, columns: Columns = None) -> Loss:
        """Bind what depends on the training set: balanced class weights, effective numbers, class priors.

        >>> import lossmith as ls
        >>> loss = ls.get("log_loss").reweight("balanced").fit([0, 0, 0, 1])
        >>> loss.per_example([1], [0.0]).round(4).tolist()
        [1.3863]
        """
        return replace(self, definition=fitted_to(self.definition, y_true, sample_weight, columns))

    def explain(self) -> str:
        """What the loss does, in plain sentences: what it estimates, which errors it looks at, what is divided by what.

        >>> import lossmith as ls
        >>> print(ls.get("mse").explain())
        It estimates the mean: the average target of similar rows [sampled (338 points)].
        Too low and too high cost the same at equal distance, whatever the distance.
        The pull of a row grows in proportion to its error: ten times the error pulls ten times as hard.
        It is a standard loss; row by row it is exactly 2 * half_squared_error (equal at 278 points).
        squared_error is a mean over rows.
        numerator: the sum over rows of sample_weight * (y - z) ** 2
        denominator: the sum over rows of sample_weight (the number of rows, if there are no weights)
        Rows of weight 0 are absent. Without rows the loss is 0 and so is its gradient.
        """
        return explain(self.definition, {name: v for name, v in self.parameters.items() if v is not None})

    def source(self, backend: str = "numpy") -> str:
        """Standalone code of this loss, "numpy" or "js" (an ES module), which runs without Lossmith.

        >>> import lossmith as ls
        >>> "def gradient(y_true, raw_prediction" in ls.get("focal").source("numpy")
        True
        """
        return evaluate.source_of(self._request(), backend)

    def kernel(self, backend: Backend = "numba", dtype: Any = np.float64) -> Kernel:
        """The generated kernel: `.source` (text) and `.certificate` (measured accuracy; empty if not measured).

        >>> import lossmith as ls
        >>> "def kernel" in ls.get("mse").kernel("numpy").source
        True
        """
        return evaluate.kernel_of(self._request(), backend, np.dtype(dtype))

    def to_json(self) -> str:
        """The loss as JSON: its formula, declaration, parameter values; `lossmith.from_json` reads it back.

        >>> import lossmith as ls
        >>> loss = ls.get("tversky", alpha=0.3, beta=0.7)
        >>> ls.from_json(loss.to_json()) == loss
        True
        """
        from lossmith.loss.library import to_json

        return to_json(self)

    def _request(self) -> Request:
        """How this loss is computed: its definition, bound parameters, backend and threads."""
        values = bound(self.definition, dict(self.values))
        names = (p.name for p in self.definition.parameters)
        return Request(self.definition, dict(zip(names, values, strict=True)), self.backend, self.n_threads)

    def _bound(self) -> Bound:
        return Bound(self.definition, self.values)

    def _of(self, made: Bound) -> Loss:
        return Loss(made.definition, made.values, self.backend, self.n_threads)

    def _rows(self, y_true: Targets, raw: Raw, weight: Weights, columns: Columns) -> Rows:
        return load(self.definition, y_true, raw, weight, columns, parameters=self._request().parameters)

    def _arrays(
        self, wanted: tuple[str, ...], y_true: Targets, raw: Raw, weight: Weights, columns: Columns
    ) -> tuple[float, list[Array]]:
        return evaluate.evaluate_arguments(self._request(), wanted, y_true, raw, weight, columns)
