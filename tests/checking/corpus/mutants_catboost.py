"""Mutants for CatBoost, which climbs: objects whose methods give derivatives of minus the loss, each with one fault.

Comes in: nothing. Goes out: `MUTANTS`.
"""

from __future__ import annotations

import math

import numpy as np

from tests.checking.corpus.record import BINARY, CLASSES, SQUARED, loss, rows


def chance(z):
    return 1 / (1 + math.exp(-z)) if z >= 0 else math.exp(z) / (1 + math.exp(z))


class Ranged:
    """Shared walk over rows: `ders(y, z)` gives both derivatives of one row."""

    def ders(self, y, z):
        raise NotImplementedError

    def calc_ders_range(self, approxes, targets, weights):
        found = [self.ders(y, z) for y, z in zip(targets, approxes, strict=True)]
        return found if weights is None else [(w * a, w * b) for w, (a, b) in zip(weights, found, strict=True)]


class Descends(Ranged):
    def ders(self, y, z):
        p = chance(z)
        return p - y, p * (1 - p)


class SecondPositive(Ranged):
    def ders(self, y, z):
        p = chance(z)
        return y - p, p * (1 - p)


class OfProbabilities(Ranged):
    def ders(self, y, z):
        return y / z - (1 - y) / (1 - z), -y / z**2 - (1 - y) / (1 - z) ** 2


class HalfGradient(Ranged):
    def ders(self, y, z):
        p = chance(z)
        return 0.5 * (y - p), -p * (1 - p)


class QuantileSwapped(Ranged):
    def ders(self, y, z):
        return (0.1 if y > z else -0.9), -1.0


class SecondZero(Ranged):
    def ders(self, y, z):
        return float(np.sign(y - z)), 0.0


class SquaredAgainst(Ranged):
    def ders(self, y, z):
        return z - y, -1.0


class WeightsOnFirstOnly:
    def calc_ders_range(self, approxes, targets, weights):
        found = []
        for i, (y, z) in enumerate(zip(targets, approxes, strict=True)):
            p = chance(z)
            found.append(((y - p) * (1 if weights is None else weights[i]), -p * (1 - p)))
        return found


class WeightsTwice(Ranged):
    def ders(self, y, z):
        return y - z, -1.0

    def calc_ders_range(self, approxes, targets, weights):
        once = super().calc_ders_range(approxes, targets, weights)
        return once if weights is None else [(w * a, w * b) for w, (a, b) in zip(weights, once, strict=True)]


class Classes:
    """Softmax over the classes of one row, from a shifted exponential."""

    def chances(self, approxes):
        e = np.exp(np.asarray(approxes) - np.max(approxes))
        return e / e.sum()

    def calc_ders_multi(self, approxes, target, weight):
        p = self.chances(approxes)
        der1 = weight * (np.eye(len(p))[int(target)] - p)
        return list(der1), [list(row) for row in weight * (np.outer(p, p) - np.diag(p))]


class ClassesDescend(Classes):
    def calc_ders_multi(self, approxes, target, weight):
        der1, der2 = super().calc_ders_multi(approxes, target, weight)
        return [-d for d in der1], [[-d for d in row] for row in der2]


class ClassesSecondPositive(Classes):
    def calc_ders_multi(self, approxes, target, weight):
        der1, der2 = super().calc_ders_multi(approxes, target, weight)
        return der1, [[-d for d in row] for row in der2]


class ClassesUnshifted(Classes):
    def chances(self, approxes):
        e = np.exp(np.asarray(approxes))
        return e / e.sum()


class ClassesWithoutWeight(Classes):
    def calc_ders_multi(self, approxes, target, weight):
        return super().calc_ders_multi(approxes, target, 1.0)


class ClassesFromTheEnd(Classes):
    def calc_ders_multi(self, approxes, target, weight):
        return super().calc_ders_multi(approxes, len(approxes) - 1 - target, weight)


class MetricWithoutWeights:
    def is_max_optimal(self):
        return False

    def evaluate(self, approxes, target, weight):
        return float(np.sum((np.asarray(approxes[0]) - target) ** 2)), float(len(target))

    def get_final_error(self, error, weight):
        return error / weight


class MetricHalfWeighted(MetricWithoutWeights):
    def evaluate(self, approxes, target, weight):
        w = np.ones(len(target)) if weight is None else np.asarray(weight)
        return float(np.sum(w * w * (np.asarray(approxes[0]) - target) ** 2)), float(w.sum())


MUTANTS = rows(
    ("binary, descends", Descends(), "catboost_sign", BINARY),
    ("binary, second derivative positive", SecondPositive(), "hessian_negative|hessian_wrong|catboost_sign", BINARY),
    ("binary, raw for probability", OfProbabilities(), "logits_taken_for_probabilities|gradient_of_probability",
     BINARY),
    ("binary, half the gradient", HalfGradient(), "gradient_factor", BINARY),
    ("binary, weights on the first only", WeightsOnFirstOnly(), "weights_ignored", BINARY),
    ("quantile, sides swapped", QuantileSwapped(), "alpha_swapped|arguments_swapped",
     {"kind": "real", "reference": loss("quantile", level=0.9)}),
    ("absolute, second derivative zero", SecondZero(), "hessian_zero", {"kind": "real", "reference": "absolute_error"}),
    ("squared, first against second", SquaredAgainst(), "gradient_sign|catboost_sign", SQUARED),
    ("squared, weights twice", WeightsTwice(), "weights_twice", SQUARED),
    ("classes, descend", ClassesDescend(), "catboost_sign", CLASSES),
    ("classes, second derivative positive", ClassesSecondPositive(), "hessian_negative|hessian_wrong|catboost_sign",
     CLASSES),
    ("classes, unshifted exp", ClassesUnshifted(), "nan_region|overflow_region", CLASSES),
    ("classes, weight not used", ClassesWithoutWeight(), "weights_ignored", CLASSES),
    ("classes, from the end", ClassesFromTheEnd(), "classes_swapped|class_order", CLASSES),
    ("metric, weights not used", MetricWithoutWeights(), "weights_ignored", SQUARED),
    ("metric, weights squared", MetricHalfWeighted(), "weights_twice", SQUARED),
    source="catboost",
)  # fmt: skip
