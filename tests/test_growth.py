"""What a derivation costs grows no faster than the problem: counted in calls, not in seconds."""

from __future__ import annotations

import pytest
from effort import calls
from growth import FAMILIES

import shapetrick as st
from shapetrick.lengths import length

SIZES = (30, 60)
MOST = 1.25  # how many times as many calls by element; where it is quadratic, nearly 2


def effort(text: str) -> int:
    """How many functions are called from the text to the verdict."""
    verified = []
    count = calls(lambda: verified.extend(d.verified for d in st.read(text).derive()))
    assert verified == [True]
    return count


# A trace of n factors X has a gradient of n terms of n factors each; in the others, what is handed
# down from layer to layer is a sum of n terms, and is simplified as a whole in each.
LONGER = ("trace", "residual", "linear")
LINEAR = {f.name: f for f in FAMILIES if not f.name.startswith(LONGER)}


@pytest.mark.parametrize("name", LINEAR)
def test_calls_by_element(name: str) -> None:
    family = LINEAR[name]
    st.read(family.text(3)).derive()  # finds the rules
    small, large = (effort(family.text(n)) / n for n in SIZES)
    assert large <= MOST * small


def test_sums_that_are_handed_down_are_written_once() -> None:
    (family,) = (f for f in FAMILIES if f.name.startswith("residual"))
    lengths = []
    for n in (15, 30):
        (derivation,) = st.read(family.text(n)).derive()
        assert derivation.verified
        answer = [derivation.gradient, *(e for _, e in derivation.definitions)]
        lengths.append(sum(map(length, answer)) / n)
    assert lengths[1] <= 1.1 * lengths[0]
