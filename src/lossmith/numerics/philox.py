"""Random numbers that follow from a counter: no state but a number, the same on every machine and device.

Comes in: a seed, a counter and a stream (whole-number arrays, NumPy's or PyTorch's). Goes out: 64 random bits or a normal
number for each. Source: Salmon et al. (2011), Parallel Random Numbers: As Easy as 1, 2, 3 (Philox 2x32, 10 rounds).
"""

from __future__ import annotations

from math import pi
from typing import Any, Final

Array = Any
ROUNDS: Final = 10
MULTIPLIER: Final = 0xD256D193
STEP: Final = 0x9E3779B9
WORD: Final = 0xFFFFFFFF


def bits(seed: int, counter: Array, stream: Array) -> tuple[Array, Array]:
    """Two words of 32 random bits for each counter and stream: int64 arrays of one shape, each below 2**32.

    >>> import numpy as np
    >>> [hex(int(word[0])) for word in bits(0, np.array([0]), np.array([0]))]
    ['0xff1dae59', '0x6cd10df2']
    """
    key, left, right = seed & WORD, counter & WORD, stream & WORD
    for _ in range(ROUNDS):
        product = left * MULTIPLIER  # modulo 2**64
        left, right = ((product >> 32) & WORD) ^ key ^ right, product & WORD
        key = (key + STEP) & WORD
    return left, right


def normals(seed: int, counter: Array, stream: Array, dtype: Any, xp: Any) -> Array:
    """A standard normal number for each counter and stream (Box and Muller 1958); `xp` is numpy or torch.

    >>> import numpy as np
    >>> normals(0, np.array([1, 2]), np.array([0, 0]), np.float64, np).round(3).tolist()
    [-0.377, 0.019]
    """
    one = xp.ones_like(counter, dtype=dtype)
    left, right = (word * one for word in bits(seed, counter, stream))
    radius = xp.sqrt(-2.0 * xp.log((left + 0.5) * 2.0**-32))
    return radius * xp.cos((2.0 * pi * 2.0**-32) * right)
