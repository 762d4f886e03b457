"""Small pictures with one digit somewhere in noise: a seed comes in, pixels with what lies around them, and ink, go out."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

Array = Any

SIDE, NOISE, PICTURES = 24, 0.5, 24
"""Side of a picture in pixels, standard deviation of the noise, pictures in each half."""


@lru_cache
def scenes(seed: int) -> tuple[Array, Array, Array, Array]:
    """Pictures with one digit somewhere in noise: the 5 x 5 pixels around each pixel, and whether it is ink."""
    digits = load_digits().images / 16
    rng = np.random.default_rng(seed)
    pictures = rng.normal(size=(2 * PICTURES, SIDE, SIDE)) * NOISE
    ink = np.zeros(pictures.shape)
    for picture, mask in zip(pictures, ink, strict=True):
        digit, (row, column) = digits[rng.integers(len(digits))], rng.integers(0, SIDE - 7, 2)
        picture[row : row + 8, column : column + 8] += digit
        mask[row : row + 8, column : column + 8] = digit >= 0.5
    padded = np.pad(pictures, ((0, 0), (2, 2), (2, 2)))
    around = np.lib.stride_tricks.sliding_window_view(padded, (5, 5), axis=(1, 2)).reshape(-1, 25)
    half = PICTURES * SIDE**2
    return around[:half], ink.ravel()[:half], around[half:], ink.ravel()[half:]


def overlap(found: Array, y: Array) -> float:
    """The dice coefficient of a mask: twice what both have, divided by what each has."""
    return float(2 * (found * y).sum() / (found.sum() + y.sum()))
