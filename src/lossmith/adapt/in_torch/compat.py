"""The losses of torch.nn in our arithmetic, with torch's own denominators, so that people switch and keep their curve.

Comes in: a module of torch.nn, or one of our losses. Goes out: a `Form`: which of our losses is called, what is spread over
the rows, and what its sum is divided by. `ROWS` is the table; documents print it, tests go through it row by row.

The eight classes are those that programs use most, as far as the source of Hugging Face's transformers tells: cross entropy
by far, squared error and log loss with logits, then the others; HuberLoss is the other spelling of SmoothL1Loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import Tensor, nn

from lossmith.adapt.in_torch import fused, plain
from lossmith.adapt.in_torch.call import Call
from lossmith.adapt.in_torch.plain_rows import refuse
from lossmith.calculus.additivity import TOTAL
from lossmith.errors import AdapterError, did_you_mean
from lossmith.loss.handle import Loss
from lossmith.loss.library import get, parse

if TYPE_CHECKING:
    from lossmith.adapt.in_torch.criterion import Criterion

Targets = Tensor | Mapping[str, Tensor]
Columns = Mapping[str, Tensor] | None


# The table ------------------------------------------------------------------------------------------------------------

USUAL: Final[Mapping[str, str]] = {"mean": "weight", "sum": "one", "none": ""}
"""PyTorch's reductions, by what `Loss.over` calls them."""


@dataclass(frozen=True)
class Row:
    """One class of torch.nn: our loss of the same formula, made from its arguments, and how torch divides.

    `mean` says in words what torch's mean divides by; `divided` names (in `PARTS`) what that is for us, empty where it is
    our own mean. `ours`: the loss of the catalogue of the same formula. `fills`: tensors of the module that are spread over
    the elements. `off`: where torch's own float32 value is further than 4 ulp from the exact one, as measured in the tests.
    """

    like: type[nn.Module]
    make: Callable[[Any], Loss]
    mean: str
    ours: str = ""
    divided: str = ""
    fills: tuple[str, ...] = ()
    classes: bool = False
    reductions: Mapping[str, str] = field(default_factory=lambda: USUAL)
    off: str = ""

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.like.__name__


def _smooth_absolute(module: nn.SmoothL1Loss) -> Loss:
    if module.beta == 0:
        return get("absolute_error")
    text = "where(abs(y - z) < beta, (y - z) ** 2 / (2 * beta), abs(y - z) - beta / 2)"
    said = {"beta": (1.0, "positive")}
    return parse(text, target="real", name="smooth_absolute_error", parameters=said).bind(beta=module.beta)


def _log_loss(module: nn.BCEWithLogitsLoss) -> Loss:
    if module.pos_weight is None:
        return get("binary_cross_entropy")
    text = "-pos_weight * y * log(p) - (1 - y) * log(1 - p)"
    name = "positive_weighted_binary_cross_entropy"
    return parse(text, target="binary", link="sigmoid", columns=("pos_weight",), name=name)


def _cross_entropy(module: nn.CrossEntropyLoss) -> Loss:
    loss = _by_class(get("cross_entropy"), module)
    return loss.smooth(module.label_smoothing) if module.label_smoothing else loss


def _likelihood(module: nn.NLLLoss) -> Loss:
    text = "-true_class(z)"
    return _by_class(parse(text, target="class", link="identity", name="negative_log_likelihood"), module)


def _by_class(loss: Loss, module: Any) -> Loss:
    """Weights by class, and the class number that means absent."""
    if module.weight is not None:
        loss = loss.reweight(dict(enumerate(module.weight.double().tolist())))
    return loss.ignore(module.ignore_index)


def _divergence(module: nn.KLDivLoss) -> Loss:
    text, target = ("exp(y) * (y - z)", "real") if module.log_target else ("y * log(y) - y * z", "nonnegative")
    return parse(text, target=target, name="kl_divergence_of_logarithms")


ALL, ELEMENTS = "the number of elements", "the number of elements, whatever they weigh"
TARGETS: Final = "the class weights of the targets that are not ignored"
ROWS: Final = (
    Row(nn.MSELoss, lambda module: get("squared_error"), ALL, "squared_error"),
    Row(nn.L1Loss, lambda module: get("absolute_error"), ALL, "absolute_error"),
    Row(nn.SmoothL1Loss, _smooth_absolute, ALL),
    Row(nn.HuberLoss, lambda module: get("huber", delta=module.delta), ELEMENTS, "huber", "elements"),
    Row(
        nn.BCEWithLogitsLoss,
        _log_loss,
        ELEMENTS,
        "binary_cross_entropy",
        "elements",
        fills=("weight", "pos_weight"),
        off="a row that is right and sure: thousands of ulp",
    ),
    Row(
        nn.CrossEntropyLoss,
        _cross_entropy,
        f"{TARGETS}, before they are smoothed; the number of rows, where targets are shares",
        "cross_entropy",
        "targets",
        classes=True,
        off="a row that is right and sure: some 100 ulp",
    ),
    Row(nn.NLLLoss, _likelihood, TARGETS, classes=True),
    Row(
        nn.KLDivLoss,
        _divergence,
        'the number of elements; with "batchmean", the entries of the first axis',
        reductions={**USUAL, "batchmean": "examples"},
    ),
)
"""The eight losses of torch.nn that are used most."""


def table() -> str:
    """The table as Markdown."""
    lines = [
        "| torch.nn | ours | a mean is divided by | one row of torch's own off by more than 4 ulp |",
        "|---|---|---|---|",
    ]
    for row in ROWS:
        ours = row.make(row.like()).name
        lines.append(f"| `{row.name}` | `{ours}` | {row.mean} | {row.off or 'no'} |")
    return "\n".join(lines)


# Forms ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Part:
    """Our loss with its own mean; and, where torch divides by something else, the sum and what it is divided by.

    `divisor` is a loss of the same rows whose value is that number: the total weight, as torch sees it. It is asked in
    every call, or (`if_weighted`) in calls with weights alone, and then without them.
    """

    loss: Loss
    total: Loss
    divisor: Loss | None = None
    if_weighted: bool = False


@dataclass(frozen=True, eq=False)
class Form:
    """How a criterion answers like a loss of torch.nn.

    `shares` is the part for targets that are shares of classes, `part` that for all others, `whole` where none of them is
    ignored. `fills` are tensors of the module, spread over the elements of every call: "weight", and declared columns.
    """

    like: str
    part: Part
    whole: Part
    shares: Part
    reduction: str
    classes: bool
    fills: Mapping[str, Tensor]
    weighed: int | None = None
    """How many classes the module has weights for."""

    @property
    def loss(self) -> Loss:
        """Our loss."""
        return self.part.loss

    @property
    def divides(self) -> bool:
        """Whether some calls are divided by something that the loss itself does not hold."""
        return self.part.divisor is not None or self.shares.divisor is not None


def of(module: nn.Module, reduction: str | None = None) -> Form:
    """A loss of torch.nn in our arithmetic.

    Raises `AdapterError` LM440 for a module that is none of the table, LM441 for a reduction that it does not have.

    >>> of(nn.HuberLoss(delta=2.0)).loss.parameters
    {'delta': 2.0}
    """
    row = next((row for row in ROWS if row.like is type(module)), None)
    if row is None:
        raise _unknown(type(module).__name__, "give one of these, or a Loss")
    given: Any = module
    fills = {name: getattr(given, name).detach().clone() for name in row.fills if getattr(given, name) is not None}
    weighed = len(given.weight) if row.classes and given.weight is not None else None
    return replace(_form(row, row.make(given), reduction or given.reduction, fills), weighed=weighed)


def like_torch(loss: Loss, reduction: str | None = None) -> Form:
    """One of our losses with the denominators of the torch.nn loss of the same formula."""
    row = next((row for row in ROWS if row.ours and _same_formula(loss, row.ours)), None)
    if row is None:
        raise _unknown(loss.name, "leave compat= out: the denominator is what the formula says")
    return _form(row, loss, reduction or "mean", {})


def _unknown(name: str, advice: str) -> AdapterError:
    known = ", ".join(row.name for row in ROWS)
    return AdapterError("LM440", f"{name} is not among the losses of torch.nn that are known here ({known}); {advice}.")


def _same_formula(loss: Loss, name: str) -> bool:
    """Whether a loss is that of the catalogue, apart from weights, smoothing and ignored targets."""
    definition, known = loss.definition, get(name).definition
    said = replace(definition.declaration, columns=())
    return definition.formula is known.formula and said == known.declaration and definition.reading is None


def _form(row: Row, loss: Loss, reduction: str, fills: Mapping[str, Tensor]) -> Form:
    if reduction not in row.reductions:
        known = ", ".join(f'"{name}"' for name in row.reductions)
        hint = did_you_mean(str(reduction), row.reductions)
        raise AdapterError("LM441", f"{row.name}: reduction takes {known}, got {reduction!r}.{hint}")
    word = row.reductions[reduction]
    make, mean, whole = PARTS[row.divided], reduction == "mean", _changed(loss, ignored=())
    parts = make(loss, word, mean), make(whole, word, mean), make(whole, word, mean, shares=True)
    return Form(row.name, *parts, reduction, row.classes, fills)


def _as_said(loss: Loss, word: str, mean: bool, shares: bool = False) -> Part:
    """Our own denominator."""
    return Part(divided(loss, word) if word else loss, loss)


def divided(loss: Loss, by: str) -> Loss:
    """The loss over a denominator; the loss itself where that is its own."""
    changed = loss.over(by)
    return loss if changed == loss else changed


def _by_elements(loss: Loss, word: str, mean: bool, shares: bool = False) -> Part:
    """The mean divides by the number of elements, whatever they weigh."""
    part = _as_said(loss, word, mean)
    count = _changed(loss, formula=TOTAL, reweighting=())
    weighs = bool(loss.definition.reweighting)
    return replace(part, total=loss.over("one"), divisor=count, if_weighted=not weighs) if mean else part


def _by_targets(loss: Loss, word: str, mean: bool, shares: bool = False) -> Part:
    """The mean divides by the class weights of the targets before they are smoothed; by the rows where these are shares."""
    part, definition = _as_said(loss, word, mean), loss.definition
    if not mean or not definition.weighs_classes or not (shares or definition.smoothing):
        return part
    weights = definition.row_weights if shares else definition.reweighting
    count = _changed(loss, formula=TOTAL, reweighting=weights, smoothing=())
    return replace(part, total=loss.over("one"), divisor=count)


PARTS: Final[dict[str, Callable[..., Part]]] = {"": _as_said, "elements": _by_elements, "targets": _by_targets}


def _changed(loss: Loss, **changes: Any) -> Loss:
    return replace(loss, definition=replace(loss.definition, **changes))


# Calls ----------------------------------------------------------------------------------------------------------------


def evaluate(
    criterion: Criterion, form: Form, input: Tensor, target: Targets, weight: Tensor | None, columns: Columns
) -> Tensor:
    """One call of a criterion that answers like a loss of torch.nn."""
    single = form.classes and isinstance(input, Tensor) and input.ndim == 1
    if single:  # one row of classes, without an axis of rows
        input, target = input.unsqueeze(0), _row(target)
    if isinstance(input, Tensor):
        weight, columns = filled(criterion, form, input, weight, columns)
    call = Call(form.loss, criterion.per_row, input, target, weight, columns, criterion.workers)
    part = _part_for(form, call)
    if part.divisor is None or (part.if_weighted and weight is None):
        if part is not form.part:
            call = Call(part.loss, call.per_row, input, target, weight, columns, call.workers)
        found = criterion.answer(call)
        return found.squeeze(0) if single and criterion.per_row else found
    total = criterion.answer(replace(call, loss=part.total))
    if part.if_weighted and call.workers is None and "mask" not in (columns or {}):
        return total / max(input.numel(), 1)
    with torch.no_grad():
        seen = replace(call, loss=part.divisor, input=input.detach(), weight=None if part.if_weighted else weight)
        divisor = plain.apply(seen)
    if part.loss.definition.empty == "zero":
        divisor = torch.where(divisor == 0, torch.ones_like(divisor), divisor)
    return total / divisor


def _part_for(form: Form, call: Call) -> Part:
    """The part for targets like these; on the processor it is cheap to see that none is ignored, and saves a weight."""
    if not form.classes or not isinstance(call.target, Tensor) or not isinstance(call.input, Tensor):
        return form.part
    if _same_shape(call.target, call.input):
        return form.shares
    if call.workers is None and not torch.compiler.is_compiling() and fused.takes(call):
        y = call.target.detach().numpy()
        if not any((y == number).any() for number in form.loss.definition.ignored):
            return form.whole
    return form.part


def _row(target: Targets) -> Targets:
    return target.unsqueeze(0) if isinstance(target, Tensor) else target


def _same_shape(target: Targets, input: Tensor) -> bool:
    return isinstance(target, Tensor) and target.shape == input.shape


def filled(
    criterion: Criterion, form: Form, input: Tensor, weight: Tensor | None, columns: Columns
) -> tuple[Tensor | None, Columns]:
    """Weights and columns with what the module of torch.nn held, spread over the elements as torch does."""
    if form.weighed is not None and input.ndim > 1 and input.shape[1] != form.weighed:
        classes = f"{input.shape[1]}: input has shape {tuple(input.shape)}"
        refuse("LM449", f"{form.like}: weight must have a number for each class, {classes}, got {form.weighed}.")
    for name in form.fills:
        held = _spread(form, name, getattr(criterion, name), input)
        if name == "weight":
            weight = (
                held
                if weight is None
                else held * weight.reshape(*weight.shape, *(1 for _ in input.shape[weight.ndim :]))
            )
        else:
            columns = {**(columns or {}), name: held}
    return weight, columns


def _spread(form: Form, name: str, held: Tensor, input: Tensor) -> Tensor:
    try:
        return held.to(torch.promote_types(held.dtype, input.dtype)).expand(input.shape)
    except RuntimeError:
        found = tuple(held.shape), tuple(input.shape)
        sentence = f"{form.like}: {name} of shape {found[0]} cannot be spread over input {found[1]}."
    raise AdapterError("LM449", sentence)
