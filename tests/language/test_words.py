"""Words: names that people use elsewhere, letters that look alike, and what is said of them."""

from __future__ import annotations

import importlib
import unicodedata
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import shapetrick as st
from shapetrick.language.elaboration import read
from shapetrick.language.expressions import read_expression
from shapetrick.language.shapes.words import vocabulary
from shapetrick.language.syntax.synonyms import LACKING, TABLE, advice, slip_of, spelt
from shapetrick.numerics.evaluation import EvaluationTape

OURS = frozenset(vocabulary())  # before other tests add rows of their own
LIBRARIES = ("math", "numpy", "numpy.linalg", "scipy.linalg", "scipy.special", "jax.numpy",
             "jax.nn", "torch", "torch.nn.functional", "torch.linalg", "torch.special")  # fmt: skip
S = np.array([[1.3, -0.7], [0.5, 0.9]])
P = np.array([[0.6, 0.1], [0.8, 0.2]])
A, B = np.array([[0.3], [-0.7], [0.5]]), np.array([[0.6], [0.9], [-0.8]])
# A name of the table, what it means where it comes from, and values for `x` or `A`, `a`, `b`, `p`.
MEANT: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
    ("determinant", np.linalg.det, (S,)),
    ("inverse", np.linalg.inv, (S,)), ("transposed", np.transpose, (S,)),
    ("matmul", np.matmul, (S, P)), ("multiply", np.multiply, (S, P)),
    ("divide", np.divide, (S, P)), ("add", np.add, (S, P)), ("subtract", np.subtract, (S, P)),
    ("negative", np.negative, (S,)), ("power", np.power, (P, 1.5)),
    ("reciprocal", np.reciprocal, (S,)), ("kronecker", np.kron, (S, P)),
    ("vdot", np.vdot, (A, B)), ("average", np.average, (S,)),
    ("amax", np.max, (S,)), ("amin", np.min, (S,)), ("fmax", np.fmax, (A, B)),
    ("fmin", np.fmin, (A, B)), ("absolute", np.abs, (A,)), ("sgn", np.sign, (A,)),
    ("exp2", np.exp2, (A,)),
    ("heaviside", lambda x: np.heaviside(x, 0), (A,)),
    ("clamp", np.clip, (A, -0.1, 0.4)),
    ("cot", lambda x: np.cos(x) / np.sin(x), (A,)), ("sec", lambda x: 1 / np.cos(x), (A,)),
    ("csc", lambda x: 1 / np.sin(x), (A,)), ("relu6", lambda x: np.clip(x, 0, 6), (20 * A,)),
    ("expit", lambda x: 1 / (1 + np.exp(-x)), (A,)),
    ("logsigmoid", lambda x: -np.log1p(np.exp(-x)), (A,)),
    ("mse_loss", lambda a, b: np.square(a - b).mean(), (A, B)),
    ("sse", lambda a, b: np.square(a - b).sum(), (A, B)),
    ("mae", lambda a, b: np.abs(a - b).mean(), (A, B)),
    ("softmin", lambda x: np.exp(-x) / np.exp(-x).sum(), (A,)),
    ("l2norm", np.linalg.norm, (A,)), ("l1norm", lambda x: np.abs(x).sum(), (A,)),
]  # fmt: skip


@pytest.mark.parametrize(("name", "meant", "values"), MEANT, ids=[m[0] for m in MEANT])
def test_what_is_offered_means_the_same(
    name: str, meant: Callable[..., Any], values: tuple[Any, ...]
) -> None:
    ours = next(text for text, names in TABLE if name in names.split())
    letters = [c for c in "xABabp" if any(w == c for w in _words(ours))]
    given = {c: np.atleast_2d(v) for c, v in zip(letters, values, strict=True)}
    shapes = "; ".join(f"{c} : {v.shape[0]} x {v.shape[1]}" for c, v in given.items())
    value = EvaluationTape([read_expression(ours, read(shapes))]).run(given, {}, {})[0]
    assert value == pytest.approx(np.atleast_2d(meant(*values)))


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() else " " for c in text).split()


def test_every_name_has_one_meaning() -> None:
    names = [name for _, listed in TABLE for name in listed.split()]
    assert len({*names}) == len(names)
    assert not {*names} & (OURS | LACKING)
    assert not LACKING & OURS


@pytest.mark.parametrize("library", LIBRARIES)
def test_no_function_of_a_library_passes_for_a_slip(library: str) -> None:
    found = (
        importlib.import_module(library) if "torch" not in library else pytest.importorskip(library)
    )
    names = [n for n in dir(found) if callable(getattr(found, n, None)) and n not in OURS]
    assert names
    assert not [name for name in names if slip_of(name, OURS)]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("tahn", "tanh"), ("sigmod", "sigmoid"), ("sofmax", "softmax"), ("lodget", "logdet"),
     ("tanhh", "tanh"), ("nrom", "norm")],
)  # fmt: skip
def test_slips_of_the_fingers(typed: str, meant: str) -> None:
    assert advice(typed, vocabulary()) == f"Did you mean `{meant}`?"


def test_names_that_differ_in_case() -> None:
    assert [spelt(n, vocabulary()) for n in ("Exp", "ReLU", "TR", "TRACE")] == [
        "exp(…)", "relu(…)", "tr(…)", "trace(…)",
    ]  # fmt: skip


def test_a_function_of_ones_own_is_not_advised_for_matrix_functions() -> None:
    for name in ("eig", "expm", "pinv", "sqrtm", "Cholesky", "sort"):
        assert "elementwise" not in advice(name, vocabulary())
    assert "`rho : elementwise`" in advice("rho", vocabulary())
    assert "elementwise" not in advice("rho", vocabulary(), arguments=2)


# ----------------------------------------------------------------------------------- letters


@pytest.mark.parametrize("x", ["𝑥", "𝐱", "𝗑", "ｘ", "𝓍"])
def test_letters_of_mathematics_are_plain_letters(x: str) -> None:
    assert str(st.derive(f"x : n; J = {x}'{x}; grad J wrt x").gradient) == "2 x"
    assert str(st.derive(f"{x} : n; J = {x}' x; grad J wrt x").gradient) == "2 x"


@pytest.mark.parametrize(("one", "other"), [("µ", "μ"), ("ϕ", "φ"), ("ϵ", "ε")])
def test_variants_of_greek_letters_are_one(one: str, other: str) -> None:
    assert str(st.derive(f"{one} : n; J = {other}' {one}; grad J wrt {other}").gradient) == (
        f"2 {other}"
    )


def test_full_width_text_is_read() -> None:
    assert str(st.derive("ｘ：ｎ；Ｊ＝２ ｘ' ｘ；grad J wrt x").gradient) == "4 x"


@pytest.mark.parametrize("odd", [*"АВЕКМНОРСТХасеорхуѕіј", *"ΑΒΕΖΗΙΚΜΝΟΡΤΥΧο"])
def test_letters_that_look_alike_are_refused(odd: str) -> None:
    """A Cyrillic or Greek letter beside the Latin one that it looks like."""
    from shapetrick.language.syntax.letters import _ALIKE

    plain = odd.translate(_ALIKE)
    assert plain.isascii()
    for text in (f"{plain} : n; J = {odd}' {plain}", f"{odd} : n; J = {plain}' {odd}"):
        with pytest.raises(st.NameProblem, match=unicodedata.name(odd)) as found:
            st.read(text)
        assert found.value.span is not None
        assert text[found.value.span.start] == odd


def test_other_alphabets_alone_are_names() -> None:
    assert str(st.derive("вес : n; J = вес' вес; grad J wrt вес").gradient) == "2 вес"
    assert str(st.derive("θ, ρ, ν : n; v : n; J = θ' ρ + ν' v; grad J wrt θ").gradient) == "ρ"
    assert str(st.derive("l : n; ℓ = l' l; grad ℓ wrt l").gradient) == "2 l"
