"""Modules for Octave and C++: their self-tests, run there, find what NumPy finds."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from code_cases import case
from code_problems import PROBLEMS
from random_functions import random_problem
from thinned import thinned

import shapetrick as st
from shapetrick.codegen.matrices import statements
from shapetrick.codegen.matrices.export import LANGUAGES
from shapetrick.codegen.python.export import BY_ROWS
from shapetrick.codegen.python.module import TARGETS as LIBRARIES
from shapetrick.targets import TARGETS, CodeOptions, code

EIGEN = next(
    (p for p in ("/usr/include/eigen3", "/usr/local/include/eigen3") if Path(p).is_dir()), ""
)
octave = pytest.mark.skipif(shutil.which("octave") is None, reason="Octave is not installed")
cpp = pytest.mark.skipif(
    not EIGEN or shutil.which("g++") is None, reason="there is no g++ with Eigen"
)
REGRESSION = "X: m x d; w: d; y: m; J = norm(X w - y)^2 / (2 m); grad J wrt w"
QUICK = ("softmax", "one factorisation", "kronecker", "broadcasting", "abstract network", "names")


def run(command: list[str]) -> str:
    """What a program prints; it has to succeed."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def run_octave(texts: Mapping[str, str], folder: Path) -> str:
    for name, text in texts.items():
        (folder / f"{name}.m").write_text(text, encoding="utf-8")
    calls = "".join(f"source('{folder / name}.m');" for name in texts)
    return run(["octave", "-qfH", "--eval", calls])


def run_cpp(texts: Mapping[str, str], folder: Path) -> str:
    """All modules in one program, each in a namespace, so that Eigen is read once."""
    lines = [line for text in texts.values() for line in text.splitlines()]
    whole = sorted({line for line in lines if line.startswith("#include")})
    for name, text in texts.items():
        (folder / f"{name}.hpp").write_text(text, encoding="utf-8")
        whole.append(f'namespace {name} {{\n#include "{name}.hpp"\n}}')
    calls = " + ".join(f"{name}::main()" for name in texts)
    whole.append(f"int main() {{ return {calls}; }}")
    (folder / "all.cpp").write_text("\n".join(whole) + "\n", encoding="utf-8")
    program = str(folder / "all")
    flags = ["-std=c++17", "-O0", "-I", EIGEN]
    run(["g++", *flags, str(folder / "all.cpp"), "-o", program])
    return run([program])


def written(names: tuple[str, ...], target: str) -> dict[str, str]:
    """The modules of problems, with their tests."""
    return {
        f"p{i}": code(
            case(name).problem.data, case(name).results, target, CodeOptions(self_test=True)
        )
        for i, name in enumerate(names)
    }


def written_random(seeds: range, target: str) -> dict[str, str]:
    """Those of random derivatives, where there are values to test with."""
    found = {}
    for seed in seeds:
        try:
            derivation = st.read(random_problem(seed)).derive()[0]
            if derivation.verified:
                found[f"p{seed}"] = derivation.code(target, self_test=True)
        except st.ShapetrickError as error:
            assert "no code for" not in str(error), random_problem(seed)
    return found


def agreeing(printed: str) -> int:
    assert "WRONG" not in printed
    return len(re.findall(r": ok, off by ", printed))


@octave
@pytest.mark.parametrize(
    "names", [QUICK, pytest.param(tuple(PROBLEMS), marks=pytest.mark.slow)], ids=["some", "all"]
)
def test_octave_finds_what_numpy_finds(names: tuple[str, ...], tmp_path: Path) -> None:
    assert agreeing(run_octave(written(names, "octave"), tmp_path)) > 3 * len(names)


@octave
@pytest.mark.parametrize("first", thinned(range(0, 90, 15), 6))
def test_octave_finds_random_derivatives(first: int, tmp_path: Path) -> None:
    texts = written_random(range(first, first + 15), "octave")
    assert agreeing(run_octave(texts, tmp_path)) >= 3 * len(texts) > 20


@cpp
def test_cpp_finds_what_numpy_finds(tmp_path: Path) -> None:
    names = ("broadcasting", "functions of numbers")
    assert agreeing(run_cpp(written(names, "cpp"), tmp_path)) > 6


@cpp
@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, len(PROBLEMS), 8))
def test_cpp_finds_what_numpy_finds_in_all_problems(first: int, tmp_path: Path) -> None:
    names = tuple(PROBLEMS)[first : first + 8]
    assert agreeing(run_cpp(written(names, "cpp"), tmp_path)) > 3 * len(names)


@cpp
@pytest.mark.slow
@pytest.mark.parametrize("first", range(100, 130, 10))
def test_cpp_finds_random_derivatives(first: int, tmp_path: Path) -> None:
    texts = written_random(range(first, first + 10), "cpp")
    assert agreeing(run_cpp(texts, tmp_path)) >= 3 * len(texts) > 15


@octave
def test_a_wrong_module_fails_its_own_test(tmp_path: Path) -> None:
    text = st.read(REGRESSION).code("octave", self_test=True)
    (tmp_path / "p.m").write_text(text.replace("X.' *", "2 * X.' *"), encoding="utf-8")
    done = subprocess.run(
        ["octave", "-qfH", str(tmp_path / "p.m")], capture_output=True, text=True, check=False
    )
    assert done.returncode
    assert "WRONG" in done.stdout


@pytest.mark.parametrize("target", LANGUAGES)
@pytest.mark.parametrize(
    ("text", "blocks", "word"),
    [
        ("W[l]: n x n for l = 1..L; J = sum(l = 1..L) norm(W[l])^2; grad J wrt W[l]", False,
         "families"),
        (REGRESSION, True, "rows taken apart"),
    ],
)  # fmt: skip
def test_what_has_no_code_is_refused(target: str, text: str, blocks: bool, word: str) -> None:
    with pytest.raises(st.ShapetrickError, match=f"no code for .*{word}.* the target numpy"):
        st.read(text).code(target, blocks=blocks)


def test_what_one_language_lacks_is_refused_there_alone() -> None:
    problem = st.read("x: n positive; J = sum(trigamma(x)); grad J wrt x")
    with pytest.raises(st.ShapetrickError, match="no code for `hurwitz` in Octave"):
        problem.code("octave")
    assert "Eigen::numext::zeta" in problem.code("cpp")


def test_every_target_is_offered() -> None:
    assert (*LIBRARIES, *BY_ROWS, *LANGUAGES) == TARGETS


def test_names_are_those_of_the_language() -> None:
    text = "σ: n; end: n; sum: n; double: n; J = σ' end + norm(sum - double)^2; grad J wrt σ, sum"
    octave_text, cpp_text = (st.read(text).code(target) for target in LANGUAGES)
    assert re.search(r"\(sigma, end_2, sum_\w*, double_?\w*\)", octave_text)
    assert "Eigen::VectorXd& σ" in cpp_text
    assert "Eigen::VectorXd& double," not in cpp_text


def test_rows_are_given_and_returned_as_rows() -> None:
    text = st.read("X: m x n; r: 1 x n; J = norm(X - r)^2; grad J wrt r").code("cpp")
    assert "const Eigen::RowVectorXd& r" in text
    assert "std::tuple<double, Eigen::RowVectorXd>" in text


def test_nothing_of_the_text_is_run() -> None:
    text = 'x: n  # \\\nJ = norm(  # */ system("ls") %}\n x)^2\ngrad J wrt x'
    for target, mark in (("octave", "%"), ("cpp", "//")):
        lines = st.read(text).code(target).splitlines()
        assert all(line.startswith(mark) for line in lines if "system" in line)
    assert not any(line.startswith("//") and line.endswith("\\") for line in lines)


def test_whole_numbers_divide_as_reals() -> None:
    text = st.read("x: n; J = sum(x.^3) / 3 + 1/7; grad J wrt x").code("cpp")
    assert not re.search(r"(?<![\w.])\d+ / \d+(?![\d.])", text.split("value_and_gradients(")[1])


LAYER = "W : n x n; A : k x k; Z : n x k where Z = tanh(W Z A + 1); J = norm(Z); grad J wrt W"

# Multipliers that only equations determine, of a symmetric unknown and of several.
THROUGH_EQUATIONS = {
    "polar": "X : n x n; U, P = polar(X); J = sum(sin(U)) + sum(P.^3); grad J wrt X",
    "pair": "A : n x n; v : n, lam : scalar where A v = lam v, v' v = 1; J = lam^2 + sum(v)^2; "
    "grad J wrt A",
    "factors": "X : m x n; Q, R = qr(X); J = sum(sin(Q.^2)) + sum(R.^2); grad J wrt X",
}


@pytest.mark.parametrize(
    ("target", "runs"),
    [
        pytest.param("octave", run_octave, marks=octave),
        pytest.param("cpp", run_cpp, marks=[cpp, pytest.mark.slow]),
    ],
)
def test_multipliers_are_solved_for(
    target: str,
    runs: Callable[[Mapping[str, str], Path], str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = {n: st.read(t).code(target, self_test=True) for n, t in THROUGH_EQUATIONS.items()}
    monkeypatch.setattr(statements, "MOST_DENSE", 0)  # as where the systems are large
    texts["pair_large"] = st.read(THROUGH_EQUATIONS["pair"]).code(target, self_test=True)
    texts["layer_large"] = st.read(LAYER).code(target, self_test=True)
    said = runs(texts, tmp_path)
    assert "WRONG" not in said
    assert said.count(": ok") >= 2 * len(texts)
