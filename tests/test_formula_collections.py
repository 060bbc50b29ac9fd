"""The collections of formulas in examples/: each verdict is what the data says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from paths import EXAMPLES

import shapetrick as st
from shapetrick.claims.verdicts import verdict_on
from shapetrick.cli import main
from shapetrick.core.dims import ONE
from shapetrick.core.errors import RequestError
from shapetrick.core.expr import Symbol
from shapetrick.language.formula_files import Formula, read_collection
from shapetrick.numerics.sampling import draw

COLLECTIONS = {path.stem: read_collection(path) for path in sorted(EXAMPLES.glob("*.toml"))}
LONG = {"giles", "deep_learning"}  # decompositions take seconds, and so does importing PyTorch
SIZES = {"m": 4, "n": 5, "d": 3, "k": 4, "e": 2, "p": 6, "r": 2, "v": 7}


def formulas(*names: str) -> list[Any]:
    return [
        pytest.param(f, id=f"{name}-{f.name}", marks=[pytest.mark.slow] if name in LONG else [])
        for name in names
        for f in COLLECTIONS[name].formulas
    ]


def verdict(problem: st.Problem) -> str:
    """What is found of the only claim, without what mends it."""
    if problem.data.equalities:
        return problem.check_equalities()[0].verdict
    (request,) = problem.data.requests
    assert request.claim is not None
    if problem.data.has_families:
        return problem.check()[0].verdict
    if request.claim.value is None:  # it has another shape
        return "wrong"
    return {"verified": "right"}.get(
        found := verdict_on(problem.data, request, request.claim.value).verdict, found
    )


@pytest.mark.parametrize("formula", formulas("matrix_cookbook", "giles"))
def test_what_holds_is_found_right_and_its_neighbours_wrong(formula: Formula) -> None:
    assert formula.claims and formula.refused
    assert bool(formula.book) == bool(formula.erratum)
    for claim in formula.claims:
        assert verdict(st.read(formula.claiming(claim))) == "right", claim
    for claim in (*formula.refused, *formula.book):
        assert verdict(st.read(formula.claiming(claim))) == "wrong", claim


def test_the_cookbooks_equations_are_all_there() -> None:
    names = [f.name for f in COLLECTIONS["matrix_cookbook"].formulas]
    assert names[:113] == [str(number) for number in range(32, 145)]
    assert len({*names}) == len(names)


@pytest.mark.parametrize("formula", formulas("deep_learning"))
def test_derived_gradients_are_those_of_torch(formula: Formula) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    problem = st.read(formula.text)
    arrays = {name: draw(e, SIZES, rng) for name, e in problem.data.symbols.items()}
    asked = {request.wrt.name for request in problem.data.requests}
    tensors = {
        name: torch.tensor(_shaped(x, problem.data.symbols[name]), requires_grad=name in asked)
        for name, x in arrays.items()
    }
    names = {"torch": torch, "F": torch.nn.functional, **tensors}
    value = eval(formula.torch, names)
    for derivation in problem.derive():
        upstream = derivation.result.request.direction
        given = dict(arrays)
        if upstream is None:
            seed = torch.ones_like(value)
        else:
            given[upstream.name] = draw(upstream, SIZES, rng)
            seed = torch.tensor(given[upstream.name]).reshape(value.shape)
        (wanted,) = torch.autograd.grad(value, tensors[derivation.wrt], seed, retain_graph=True)
        found = derivation.evaluate(given, **SIZES)
        assert derivation.verified
        # Some of PyTorch's constants are rounded to single precision, such as a hard sigmoid's 1/6.
        np.testing.assert_allclose(found, wanted.numpy().reshape(found.shape), rtol=1e-7, atol=1e-9)


def _shaped(x: np.ndarray, symbol: Symbol) -> np.ndarray:
    """As PyTorch has it: a column is one axis, a scalar none."""
    rows, cols = symbol.shape
    return x.reshape(()) if rows == cols == ONE else x[:, 0] if cols == ONE else x


def test_check_goes_through_a_collection(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "two.toml"
    path.write_text(
        'title = "Two"\n\n[[formula]]\nname = "a"\ngiven = "x : n"\n'
        'claims = ["grad (x\' x) wrt x = 2 x"]\n\n[[formula]]\nname = "b"\n'
        'given = "A : n x n; x : n"\nclaims = ["grad (x\' A x) wrt x = 2 A x"]\n'
    )
    assert main(["check", str(path), "--quiet"]) == 1
    right, wrong, summary = capsys.readouterr().out.splitlines()
    assert right.startswith(f"{path}:5:7: ") and right.endswith(": right")
    assert wrong.startswith(f"{path}:10:7: ") and "right only where A is symmetric" in wrong
    assert summary == "1 right, 1 wrong"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[formula", "no TOML"),
        ("title = 'x'", "has no formulas"),
        ("[[formula]]\ngiven = 'x : n'", "`name` should be a text"),
        ("[[formula]]\nname = 'a'\nclaim = 'x'", "`claim` is none of name, given"),
        ("[[formula]]\nname = 'a'\nclaims = 'x'", "`claims` should be a list of texts"),
        ("[[formula]]\nname = 'a'\nunsure = 'x'", "`unsure` should be true or a text"),
    ],
)
def test_a_file_that_is_no_collection_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.toml"
    path.write_text(text)
    with pytest.raises(RequestError, match=said):
        read_collection(path)
    assert main(["check", str(path)]) == 2
