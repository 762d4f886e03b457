"""Write the page "your notes, checked": real verdicts on `notes.py`, between the words that explain them.

    python docs/write_notes_page.py

Comes in: the functions of `notes.py`. Goes out: `docs/your-notes-checked.md`.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

import lossmith as ls

HERE = Path(__file__).resolve().parent
PAGE = HERE / "your-notes-checked.md"

HEAD = """# Your notes, checked

<!-- written by docs/write_notes_page.py; do not edit: the outputs below are those of the commands above them -->

Three functions that stand in many study notes, exactly as people copy them. Each looks right, and each passes the example
that stands beside it in the notes. `lossmith verify` calls a function at a few hundred places (ordinary ones, huge ones,
perfect predictions, labels that are probabilities, batches cut in two), finds out which loss it is, and says in one line
each what is wrong. The functions are in [notes.py](notes.py); run the commands in the folder of that file.
"""

MSE = """
## Half a sum under the name of a mean

{source}

    lossmith verify notes:mse

{verdict}

The half is there so that the 2 of the square goes away in the derivative: the gradient is then plainly *prediction minus
target*. That changes nothing about which prediction is best, so it is no fault. Two things do follow from it. It is no
**mean**: with twice as many rows the value and its gradient are twice as large, and a learning rate that worked for 32 rows
is too large for 64. And the number cannot be compared with the "MSE" of anybody else:

    lossmith verify notes:mse --reference mse

{against}

The *note* on shapes is about something that costs people days: with targets of shape `(n,)` and predictions of shape
`(n, 1)` NumPy pairs every target with every prediction, and answers without a word. `lossmith` refuses such shapes.

**Write instead** `np.mean((y_true - y_pred) ** 2)`, and divide the learning rate, not the loss, by two.
"""

SIGMOID = """
## Cross entropy of yes or no: no number for a perfect prediction

{source}

    lossmith verify notes:sigmoid_cee

{verdict}

The formula is right; floating point is not kind to it. Where the target is 1 and the prediction is exactly 1, the second
half is `0 * log(0)`: zero times minus infinity, which a computer calls NaN ("not a number"). One such row makes the mean of
all rows NaN, and after one step of training every weight. It happens earlier than one thinks: the sigmoid of 37 *is* 1 in
double precision (of 17 in single precision).

The usual patch, `np.clip(p, 1e-7, 1 - 1e-7)`, removes the NaN and something else with it: beyond the clip the gradient is
exactly 0, so the rows that are most wrong teach nothing.

**Write instead** the same loss from the raw prediction, before the sigmoid. Nothing is clipped, and nothing overflows:

{raw}
"""

SOFTMAX = """
## Cross entropy of classes: right for a single 1 only

{source}

    lossmith verify notes:softmax_cee

{verdict}

With targets such as (0, 1, 0) the sum picks the probability of the true class, and the logarithm of it is the loss. As soon
as a target says (½, ½), because of label smoothing, mixup, or two people who labelled differently, the logarithm of a sum
is not the sum of logarithms. For the prediction (0.9, 0.1):

| | value |
|---|--:|
| the note: -log(½·0.9 + ½·0.1) | {note:.3f} |
| cross entropy: -½·log 0.9 - ½·log 0.1 | {truth:.3f} |

The note's value does not depend on the prediction at all there: every prediction that adds up to 1 gives log 2, and the
gradient says nothing.

**Write instead** `-np.mean(np.sum(y_true * log_probability, axis=1))`, with the logarithm taken of raw predictions
(`scipy.special.log_softmax`), or {loss}
"""


def main() -> int:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")
    return 0


def page() -> str:
    """The whole page, from real runs."""
    notes = _notes()
    soft, guess = np.array([[0.5, 0.5]]), np.array([[0.9, 0.1]])
    cross_entropy = ls.get("cross_entropy", on="probability")
    return HEAD + "".join(
        [
            MSE.format(source=_source(notes.mse), verdict=_verdict(notes.mse), against=_verdict(notes.mse, "mse")),
            SIGMOID.format(source=_source(notes.sigmoid_cee), verdict=_verdict(notes.sigmoid_cee), raw=_raw()),
            SOFTMAX.format(
                source=_source(notes.softmax_cee), verdict=_verdict(notes.softmax_cee),
                note=notes.softmax_cee(soft, guess), truth=cross_entropy.value(soft, guess),
                loss='`ls.get("cross_entropy")`, which takes either kind of target.',
            ),
        ]
    )  # fmt: skip


def _notes() -> ModuleType:
    sys.path.insert(0, str(HERE))
    try:
        import notes
    finally:
        sys.path.pop(0)
    return notes


def _source(function: object) -> str:
    return f"```python\n{inspect.getsource(function).rstrip()}\n```"  # type: ignore[arg-type]


def _verdict(function: object, reference: str | None = None) -> str:
    """What verify prints, without the facts (a page of their own) and the time that it took."""
    lines = str(ls.verify(function, reference=reference)).splitlines()
    at = lines.index("facts")
    end = lines.index("", at)
    kept = lines[:at] + lines[end + 1 : -2]
    return "```text\n" + "\n".join(kept).rstrip() + "\n```"


def _raw() -> str:
    loss = ls.get("bce")
    y, raw = np.array([1.0, 1.0, 0.0]), np.array([800.0, -800.0, 800.0])
    return (
        "```python\n"
        f'>>> import numpy as np\n>>> import lossmith as ls\n>>> loss = ls.get("bce")\n'
        f">>> y, raw = np.array([1.0, 1.0, 0.0]), np.array([800.0, -800.0, 800.0])\n"
        f">>> loss.per_example(y, raw)\n{loss.per_example(y, raw)!r}\n"
        f">>> loss.per_example_gradient(y, raw)\n{loss.per_example_gradient(y, raw)!r}\n\n```"
    )


if __name__ == "__main__":
    sys.exit(main())
