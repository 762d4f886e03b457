"""What tests of tensors share: the library itself, with its random state put to a known place.

Comes in: nothing. Goes out: the fixture `torch`, for tests that are marked `pytest.mark.peers("torch")`.
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def torch() -> Any:
    """PyTorch, imported when a test runs."""
    import torch

    torch.manual_seed(0)
    return torch
