"""The same losses in PyTorch."""

from __future__ import annotations

import pytest
from written_losses import LOSSES, check

torch = pytest.importorskip("torch", reason="torch is not installed")


@pytest.mark.parametrize("loss", LOSSES)
def test_torch(loss: str) -> None:
    check(loss, "torch", torch.as_tensor)
