"""Log loss against scikit-learn and PyTorch, in one run: prints times and ratios.

    python benchmarks/log_loss.py [--rows 4000000] [--threads 2] [--repeats 15]

Each round times every contestant once, so that a slow moment of the machine hits all of them; medians are printed.
Compared are float32 arrays: value, gradient and hessian together; gradient and hessian; value and gradient.
scikit-learn runs `loss` and `gradient_hessian`, or `loss_gradient`; PyTorch a forward and two backwards, or one backward
(and, for itself, p*(1-p) by hand in place of the second). Everybody returns new arrays. Contestants that are not
installed are left out, and the report says so. "Writing" is a pass that reads both inputs and writes two outputs: the
least that any implementation could take.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Contestants = dict[str, Callable[[], object]]


def ours(y_true: Floats, raw_prediction: Floats) -> Contestants:
    """The public methods of Lossmith."""
    import lossmith as ls
    from lossmith.loss.evaluate import evaluate_arguments

    loss = ls.get("binary_cross_entropy")
    everything = ("value", "per_example_gradient", "per_example_hessian")
    return {
        "lossmith value+gradient+hessian": lambda: evaluate_arguments(
            loss._request(), everything, y_true, raw_prediction, None, None
        ),
        "lossmith gradient+hessian": lambda: loss.per_example_gradient_and_hessian(y_true, raw_prediction),
        "lossmith value+gradient": lambda: loss.value_and_gradient(y_true, raw_prediction),
    }


def sklearn(y_true: Floats, raw_prediction: Floats, threads: int) -> Contestants:
    """The private Cython loss that scikit-learn's boosting and linear models run."""
    from sklearn._loss.loss import HalfBinomialLoss

    loss = HalfBinomialLoss()
    return {
        "sklearn gradient+hessian": lambda: loss.gradient_hessian(y_true, raw_prediction, n_threads=threads),
        "sklearn value+gradient+hessian": lambda: (
            loss.loss(y_true, raw_prediction, n_threads=threads).mean(),
            loss.gradient_hessian(y_true, raw_prediction, n_threads=threads),
        ),
        "sklearn value+gradient": lambda: loss.loss_gradient(y_true, raw_prediction, n_threads=threads)[0].mean(),
    }


def torch(y_true: Floats, raw_prediction: Floats, threads: int) -> Contestants:
    """PyTorch, eager."""
    import torch

    torch.set_num_threads(threads)
    y, z = torch.from_numpy(y_true), torch.from_numpy(raw_prediction).requires_grad_(True)

    def value_and_gradient() -> object:
        z.grad = None
        torch.nn.functional.binary_cross_entropy_with_logits(z, y).backward()
        return z.grad

    def by_hand() -> object:
        value_and_gradient()
        with torch.no_grad():
            p = torch.sigmoid(z)
            return z.grad, p * (1 - p)

    def by_autograd() -> object:
        total = torch.nn.functional.binary_cross_entropy_with_logits(z, y, reduction="sum")
        (gradient,) = torch.autograd.grad(total, z, create_graph=True)
        return total, gradient, torch.autograd.grad(gradient.sum(), z)[0]

    return {
        "torch gradient+hessian": by_autograd,
        "torch value+gradient+hessian": by_autograd,
        "torch, p*(1-p) by hand, gradient+hessian": by_hand,
        "torch value+gradient": value_and_gradient,
    }


def floor(y_true: Floats, raw_prediction: Floats) -> Contestants:
    """Reading two arrays and writing two, on one thread of NumPy."""
    a, b = np.empty_like(y_true), np.empty_like(y_true)
    return {"writing": lambda: (np.copyto(a, y_true), np.copyto(b, raw_prediction))}


def medians(contestants: Contestants, repeats: int) -> dict[str, float]:
    """Milliseconds of each, interleaved, after one unmeasured round."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for call in contestants.values():
        call()
    for _ in range(repeats):
        for name, call in contestants.items():
            start = time.perf_counter()
            call()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: statistics.median(found) for name, found in times.items()}


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4_000_000)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    os.environ["LOSSMITH_NUM_THREADS"] = str(options.threads)
    random = np.random.default_rng(0)
    raw_prediction = random.normal(0.0, 3.0, options.rows).astype(np.float32)
    y_true = (random.random(options.rows) < 0.4).astype(np.float32)
    contestants = ours(y_true, raw_prediction) | floor(y_true, raw_prediction)
    for name, make in {"sklearn": sklearn, "torch": torch}.items():
        if importlib.util.find_spec(name):
            contestants |= make(y_true, raw_prediction, options.threads)
        else:
            print(f"{name} is not installed: left out")
    report(medians(contestants, options.repeats), options.rows)


def report(found: dict[str, float], rows: int) -> None:
    """A line for each contestant: time, and how many times as long as Lossmith's it is."""
    print(f"{rows:,} rows of float32")
    for name, time_ms in sorted(found.items(), key=lambda item: (item[0].rpartition(" ")[2], item[1])):
        reference = found.get("lossmith " + name.rpartition(" ")[2])
        ratio = f"{time_ms / reference:8.1f} x" if reference else ""
        print(f"{name:42} {time_ms:9.2f} ms {ratio}")


if __name__ == "__main__":
    main()
