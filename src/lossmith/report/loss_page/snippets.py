"""Code to copy: exactly this loss, with its numbers, in each framework.

Comes in: a loss. Goes out: `Snippet` records. Where a framework cannot take the loss, the reason stands in place of the code.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import numpy as np

from lossmith.errors import LossmithError
from lossmith.formula.text import number_text
from lossmith.loss.handle import Loss
from lossmith.report.loss_page.scenes import CLASSES, TELLING, columns_of
from lossmith.report.loss_page.written import command_text, python_text


@dataclass(frozen=True)
class Snippet:
    """Code for one framework and a remark; without code the remark is the reason why there is none."""

    framework: str
    code: str
    note: str = ""


def snippets(loss: Loss) -> tuple[Snippet, ...]:
    """Code to copy for this loss: Python, LightGBM, PyTorch, scikit-learn, JavaScript, the command line.

    >>> import lossmith as ls
    >>> for found in snippets(ls.get("huber", delta=2))[:2]:
    ...     print(found.code)
    import numpy as np
    import lossmith as ls
    <BLANKLINE>
    loss = ls.get("huber", delta=2)
    y_true = np.array([-2.0, 0.0, 2.0])
    raw_prediction = np.zeros(3)
    value = loss.value(y_true, raw_prediction)
    gradient = loss.gradient(y_true, raw_prediction)
    import lossmith as ls
    <BLANKLINE>
    loss = ls.get("huber", delta=2)
    model = ls.for_lightgbm(loss).train(X, y)
    y_pred = model.predict(X)
    >>> [found.note for found in snippets(ls.get("dice")) if not found.code][0].split(".")[0]
    'dice: boosting needs a loss whose total is a sum over rows, and this one is not'
    """
    said = python_text(loss)
    return tuple(make(loss, said) for make in MAKERS)


# Rows to try it on --------------------------------------------------------------------------------------------------

NUMBERS: Final[Mapping[str, tuple[str, str]]] = {
    "numpy": ("np.array({})", "np.inf"),
    "torch": ("torch.tensor({})", "torch.inf"),
    "js": ("{}", "Infinity"),
}
"""How an array is written, and infinity in it."""


@dataclass(frozen=True)
class Example:
    """A few rows in one language: targets, columns, and the shape of the raw predictions and what they are."""

    targets: str
    columns: str
    shape: tuple[int, ...]
    raw: float


def _example(loss: Loss, language: str) -> Example:
    declaration = loss.definition.declaration
    values = TELLING[loss.target].values
    rows = len(values) if not declaration.has_classes or loss.target == "binary" else CLASSES
    if loss.target in ("class", "simplex"):
        values = tuple(float(k) for k in range(CLASSES))
    targets = {
        name: _rows_of(kind, values if j == 0 else TELLING[kind].values, rows)
        for j, (name, kind) in enumerate(declaration.target)
    }
    columns = columns_of(loss, values, loss.target)
    width = len(declaration.heads) or (CLASSES if loss.target in ("class", "simplex") else 0)
    one = next(iter(targets.values()))
    given = declaration.on == "probability"
    return Example(
        _array(one, language, loss.target in WHOLE) if len(targets) == 1 else _mapping(targets, language),
        _mapping(dict(columns), language) if columns else "",
        (rows, width) if width else (rows,),
        (1 / CLASSES if width else 0.5) if given else 0.0,
    )


def _rows_of(kind: str, values: Sequence[float], rows: int) -> Sequence[Any]:
    """Targets of so many rows; shares lean towards one class each."""
    if kind == "simplex":
        return [[0.6 if k == j else 0.2 for k in range(CLASSES)] for j in range(rows)]
    return [float(y) for y in np.resize(np.asarray(values), rows)]


def _array(values: Sequence[Any], language: str, whole: bool = False) -> str:
    form, infinity = NUMBERS[language]
    text = number_text if whole or language == "js" else repr

    def inner(value: Any) -> str:
        if isinstance(value, list | tuple):
            return f"[{', '.join(map(inner, value))}]"
        if math.isinf(value):
            return infinity if value > 0 else f"-{infinity}"
        return text(float(value))

    return form.format(inner(list(values)))


def _mapping(named: Mapping[str, Sequence[Any]], language: str) -> str:
    return "{" + ", ".join(f'"{name}": {_array(values, language)}' for name, values in named.items()) + "}"


WHOLE: Final = ("class", "ordinal", "binary", "count")
"""Kinds of targets that are written without a point."""


def _full(example: Example, module: str) -> str:
    """An array of raw predictions, all alike."""
    shape = f"({', '.join(map(str, example.shape))})" if len(example.shape) > 1 else str(example.shape[0])
    if example.raw == 0.0:
        return f"{module}.zeros({shape}"
    inside = shape if len(example.shape) > 1 else f"({shape},)"
    return f"{module}.full({inside}, {'1 / 3' if example.raw < 0.5 else '0.5'}"


# Frameworks ---------------------------------------------------------------------------------------------------------


def _joined(*lines: str) -> str:
    return "\n".join(lines)


def _python(loss: Loss, said: str) -> Snippet:
    rows = _example(loss, "numpy")
    columns = [f"columns = {rows.columns}"] if rows.columns else []
    more = ", columns=columns" if columns else ""
    note = (
        "Targets and raw predictions are arrays; everything else of a loss is on this object, or lossmith.facts(loss)."
    )
    return Snippet(
        "Python, NumPy",
        _joined(
            "import numpy as np",
            "import lossmith as ls",
            "",
            f"loss = {said}",
            f"y_true = {rows.targets}",
            f"raw_prediction = {_full(rows, 'np')})",
            *columns,
            f"value = loss.value(y_true, raw_prediction{more})",
            f"gradient = loss.gradient(y_true, raw_prediction{more})",
        ),
        note,
    )


def _training_columns(loss: Loss) -> str:
    """The columns of the training rows, which the reader has under their names."""
    named = [name for name, _ in columns_of(loss, TELLING[loss.target].values[:1] or (0.0,), loss.target)]
    return "{" + ", ".join(f'"{name}": {name}' for name in named) + "}" if named else ""


def _lightgbm(loss: Loss, said: str) -> Snippet:
    if reason := _why_not_boosted(loss):
        return Snippet("LightGBM", "", reason)
    columns = _training_columns(loss)
    more = f", columns={columns}" if columns else ""
    return Snippet(
        "LightGBM",
        _joined(
            "import lossmith as ls",
            "",
            f"loss = {said}",
            f"model = ls.for_lightgbm(loss{more}).train(X, y)",
            "y_pred = model.predict(X)",
        ),
        "X holds a row of features for each target in y. The model is a plain lightgbm.Booster: it starts from the loss's best "
        "constant, and saved it needs nothing of Lossmith.",
    )


MISSING: Final = "LM401"


def _why_not_boosted(loss: Loss) -> str:
    """Why LightGBM cannot take the loss, in the words of the adapter, which loads it; empty where it can."""
    if loss.is_additive and loss.definition.declaration.on == "raw":
        return ""
    from lossmith.adapt.in_lightgbm import for_lightgbm

    try:
        for_lightgbm(loss)
    except LossmithError as error:
        if error.code != MISSING:
            return error.sentence
    return f"{loss.name}: boosting needs a loss of raw predictions whose total is a sum over rows, and this one is not."


def _pytorch(loss: Loss, said: str) -> Snippet:
    rows = _example(loss, "torch")
    more = f", columns={rows.columns}" if rows.columns else ""
    return Snippet(
        "PyTorch",
        _joined(
            "import torch",
            "import lossmith as ls",
            "",
            f"criterion = ls.for_torch({said})",
            f"raw_prediction = {_full(rows, 'torch')}, requires_grad=True)",
            f"y_true = {rows.targets}",
            f"loss = criterion(raw_prediction, y_true{more})",
            "loss.backward()",
        ),
        "In place of raw_prediction stands what your model puts out, before any sigmoid or softmax."
        if loss.link not in ("identity", None)
        else "In place of raw_prediction stands what your model puts out.",
    )


def _sklearn(loss: Loss, said: str) -> Snippet:
    declaration, reason = loss.definition.declaration, _why_not_fitted(loss)
    first = ("import lossmith as ls", "", f"loss = {said}")
    if not reason:
        method = "predict_proba" if loss.link in ("sigmoid", "softmax") else "predict"
        lines = ("model = ls.for_sklearn(loss).linear(penalty=0.1).fit(X, y)", f"y_pred = model.{method}(X)")
        note = "X holds a row of features for each target in y. `.boosted()` in place of `.linear(...)` gives boosted trees."
        return Snippet("scikit-learn", _joined(*first, *lines), note)
    if declaration.columns or loss.definition.row_weights or len(declaration.target) > 1:
        return Snippet("scikit-learn", "", reason)
    measured = "value = ls.for_sklearn(loss).metric(y_true, y_pred)"
    return Snippet("scikit-learn", _joined(*first, measured), reason)


def _why_not_fitted(loss: Loss) -> str:
    """Why scikit-learn's fit cannot take the loss, in the words of the adapter; empty where it can."""
    declaration = loss.definition.declaration
    if len(declaration.target) > 1 or loss.target == "simplex":
        return f"{loss.name}: scikit-learn's fit takes one target column y, and this loss needs {_targets_said(loss)}."
    if declaration.on == "probability":
        return f"{loss.name}: it takes probabilities, within which a linear model does not stay; predictions are measured by it."
    if loss.definition.row_weights:
        named = ", ".join(row.column for row in loss.definition.row_weights if row.column is not None)
        return f"{loss.name}: it weighs rows by a column ({named}), for which scikit-learn's fit has no place."
    if loss.is_additive and not declaration.columns:
        return ""
    if find_spec("sklearn") is None:
        return f"{loss.name}: no model can be fitted by it; its scorer works."
    from lossmith.adapt.in_sklearn.model import loss_of

    try:
        loss_of(loss, "")
    except LossmithError as error:
        return error.sentence
    return ""


def _targets_said(loss: Loss) -> str:
    named = [name for name, _ in loss.definition.declaration.target]
    return "shares of classes" if len(named) == 1 else f"several: {', '.join(named)}"


def _javascript(loss: Loss, said: str) -> Snippet:
    try:
        loss.source("js")
    except LossmithError as error:
        return Snippet("JavaScript", "", error.sentence)
    rows, typed = _example(loss, "js"), command_text(loss)
    how = (
        f"lossmith export {typed} --to js --out loss.mjs"
        if typed
        else 'in Python: open("loss.mjs", "w").write(loss.source("js"))'
    )
    options = [f"columns: {rows.columns}"] if rows.columns else []
    options += [f"classes: {rows.shape[1]}"] if loss.definition.declaration.has_classes and len(rows.shape) > 1 else []
    more = f", {{ {', '.join(options)} }}" if options else ""
    targets = _flat(rows.targets) if loss.target == "simplex" else rows.targets
    number = {0.0: "0", 0.5: "0.5"}.get(rows.raw, "1 / 3")
    return Snippet(
        "JavaScript",
        _joined(
            f"// {how}",
            'import { loss } from "./loss.mjs";',
            "",
            f"const yTrue = {targets};",
            f"const rawPrediction = new Float64Array({math.prod(rows.shape)}).fill({number});",
            f"const value = loss.value(yTrue, rawPrediction{more});",
            f"const gradient = loss.gradient(yTrue, rawPrediction{more});",
        ),
        "The file needs nothing else, in a browser or in Node.js."
        + (" Numbers of classes or heads stand row by row." if len(rows.shape) > 1 else ""),
    )


def _flat(text: str) -> str:
    """Rows one behind the other."""
    return text.replace("[[", "[").replace("]]", "]").replace("], [", ", ")


def _command(loss: Loss, said: str) -> Snippet:
    typed = command_text(loss)
    if typed is None:
        return Snippet(
            "Command line",
            "",
            f"{loss.name}: it has more than a formula, a target and a link, for which the command line has no place. In Python: "
            'ls.show(loss), loss.source("numpy").',
        )
    return Snippet(
        "Command line",
        _joined(f"lossmith show {typed} --out loss.html", f"lossmith export {typed} --to numpy --out loss.py"),
        "A page like this one, and the loss as one NumPy file that needs nothing of Lossmith.",
    )


MAKERS: Final[tuple[Callable[[Loss, str], Snippet], ...]] = (
    _python,
    _lightgbm,
    _pytorch,
    _sklearn,
    _javascript,
    _command,
)
