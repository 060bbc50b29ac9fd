"""Where a definition's name is written, or what the problem has, and where something longer."""

from __future__ import annotations

import pytest

import shapetrick as st

ANSWERS = [
    ("x, z : d; c, p : scalar positive; k = (x' z + c)^p; grad k wrt x",
     "p (x' z + c)^(p - 1) z"),
    ("x, z : d; c, p : scalar positive; k = (x' z + c)^p; hess k wrt x",
     "p (p - 1) (x' z + c)^(p - 2) z z'"),
    ("A : n x n posdef; x : n; q : scalar positive; J = (x' A x)^q; grad J wrt x",
     "2 q (x' A x)^(q - 1) A x"),
    ("x : d; c, p : scalar positive; k = (x' x + c)^p; grad log(k) wrt x",
     "2 p x / (x' x + c)"),
    ("x : d; p : scalar positive; s = 1 + x' x; k = s^p; J = k^2; grad J wrt x",
     "4 p k s^(p - 1) x"),
    ("x : d; p : scalar positive; k = (1 + norm(x)^2)^(p/2); grad k wrt x",
     "p k x / (1 + norm(x)^2)"),
    ("x, y : d; k, l : scalar positive; r = norm(x - y); U = k exp(-r / l) / r; grad U wrt x",
     "U (1 / l + 1 / r) (y - x) / r"),
    ("r, l, b : n positive; k : scalar positive; U = k exp(-r ./ l) ./ r; J = b' U; grad J wrt r",
     "-b .* U .* (1 ./ l + 1 ./ r)"),
    ("a, b, c, x : scalar positive; f = exp(-x / a - x / b) / (x + c); grad f wrt x",
     "-f (1 / a + 1 / b + 1 / (x + c))"),
    ("p, q, a, b : scalar positive; J = a (p / q)^7 + b (p / q)^4; grad J wrt p",
     "(7 a (p / q)^7 + 4 b (p / q)^4) / p"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wanted"), ANSWERS, ids=[row[0] for row in ANSWERS])
def test_an_answer_is_written_so(text: str, wanted: str) -> None:
    d = st.derive(text)
    assert d.verified
    assert str(d.gradient) == wanted
