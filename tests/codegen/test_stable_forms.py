"""Losses that are written out, and their gradients, are finite and right from 1e-3 to 800."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from written_losses import LOSSES, OF_ROWS, check, check_rows


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_numpy(loss: str) -> None:
    check(loss, "numpy", np.asarray)


@pytest.mark.parametrize("loss", LOSSES)
def test_jax(loss: str) -> None:
    with jax.enable_x64(True):
        check(loss, "jax", jax.numpy.asarray)


@pytest.mark.parametrize("loss", OF_ROWS)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_rows(loss: str) -> None:
    check_rows(loss)
