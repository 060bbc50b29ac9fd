"""Generated code that takes part in automatic differentiation, or carries its own test."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from code_cases import CLOSE, Case, case, key_of, library
from code_problems import PROBLEMS
from jax.test_util import check_grads
from paths import EXAMPLES
from thinned import thinned

from shapetrick.api import read
from shapetrick.cli import main
from shapetrick.codegen.options import CodeOptions
from shapetrick.codegen.python.callables import GeneratedFunction, compiled
from shapetrick.codegen.python.export import code
from shapetrick.codegen.python.export import function as function_of
from shapetrick.codegen.python.module import RULES, TARGETS
from shapetrick.core.errors import RequestError
from shapetrick.core.expr import Expr

FILES = sorted(EXAMPLES.glob("*.st"))
PLAIN = [path for path in FILES if not read(path.read_text("utf-8")).data.has_families]

# ------------------------------------------------------------- as part of automatic differentiation


def in_variables(
    one: Case, entry: GeneratedFunction, function: Any, xp: Any
) -> tuple[Any, list[Any]]:
    """A rule as a function of the arrays that it is differentiated by, and these."""
    by = {r.request.wrt for r in one.results if r.request.of is entry.outputs[0].expression}
    inputs = entry.given.inputs
    waves = one.given(entry.given.functions.values(), xp)
    fixed = {inputs[e]: xp.asarray(one.arrays[e.name]) for e in inputs if e not in by}
    chosen = [e for e in inputs if e in by]

    def f(*arrays: Any) -> Any:
        given = {}
        for e, x in zip(chosen, arrays, strict=True):
            definite = "posdef" in e.attributes
            given[inputs[e]] = (x + x.T) / 2 if definite else x
        return function(**given, **_scalars(fixed, entry), **waves)

    return f, [_scalar(e, xp.asarray(one.arrays[e.name])) for e in chosen]


def _scalar(e: Expr, x: Any) -> Any:
    return x.reshape(()) if e.is_scalar else x


def _scalars(given: Mapping[str, Any], entry: GeneratedFunction) -> dict[str, Any]:
    by_name = {name: e for e, name in entry.given.inputs.items()}
    return {name: _scalar(by_name[name], x) for name, x in given.items()}


@pytest.mark.parametrize("target", RULES)
@pytest.mark.parametrize("name", thinned(PROBLEMS, 4))
def test_backward_rules_pass_the_frameworks_own_check(name: str, target: str) -> None:
    xp, one = library(target), case(name).rules_only()
    function = function_of(one.problem.data, one.results, target)
    for entry, callable_ in function._functions:
        f, arrays = in_variables(one, entry, callable_, xp)
        if target == "torch-function":
            tensors = [x.clone().requires_grad_() for x in arrays]
            assert xp.autograd.gradcheck(f, tensors)
        else:
            check_grads(f, arrays, order=1, modes=["rev"], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("target", RULES)
def test_a_rule_is_the_value_as_a_function(target: str) -> None:
    library(target)
    one = case("attention")
    value = one.problem.function(target)(**{k: one.arrays[k] for k in "QKV"})
    assert list(value) == ["A"]
    np.testing.assert_allclose(np.asarray(value["A"]), one.expected()["A"], **CLOSE)


def test_a_gradient_that_nobody_derived_is_refused_by_torch() -> None:
    torch = library("torch")
    J = read("X: m x d; w: d; J = norm(X w)^2; grad J wrt w").function("torch-function")
    X, w = torch.ones(3, 2, requires_grad=True), torch.ones(2, requires_grad=True)
    with pytest.raises(NotImplementedError, match="by X"):
        J(X=X, w=w)["J"].backward()


def test_torch_saves_what_the_backward_pass_needs_and_no_more() -> None:
    text = read("X: m x d; W: d x k; Z = tanh(X W); vjp Z wrt W").code("torch-function")
    assert "ctx.save_for_backward(X, Z)" in text
    linear = read("X: m x d; W: d x k; vjp (X W) wrt W").code("torch-function")
    assert "ctx.save_for_backward(X)" in linear


@pytest.mark.parametrize("target", RULES)
def test_rules_are_for_gradients_alone(target: str) -> None:
    with pytest.raises(RequestError, match="no backward rule"):
        read("A: m x n; x: n; jac (A x) wrt x").code(target)


# ---------------------------------------------------------------------------------- the self-test


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", thinned(PROBLEMS, 5))
def test_the_module_tests_itself(
    name: str, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    library(target)
    one = case(name).rules_only() if target in RULES else case(name)
    text = code(one.problem.data, one.results, target, CodeOptions(self_test=True))
    assert compiled(text)["self_test"]() == 0
    assert len(capsys.readouterr().out.splitlines()) >= len({key_of(r) for r in one.results})


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("path", thinned(PLAIN, 4), ids=lambda path: path.stem)
def test_examples_as_code_that_tests_itself(
    path: Path, target: str, capsys: pytest.CaptureFixture[str]
) -> None:
    library(target)
    status = main(["code", str(path), "--target", target, "--self-test"])
    out, err = capsys.readouterr()
    problem = read(path.read_text(encoding="utf-8")).data
    if status and any(r.system is not None for r in problem.requests):
        assert "a solution is no derivative" in err or "no rules" in err
    elif status and problem.systems:
        said = ("only code for what has a closed form", "no solver for", "no rules")
        assert any(words in err for words in said)
    elif status:
        assert "no backward rule" in err
        assert target in RULES
    else:
        assert compiled(out)["self_test"]() == 0


@pytest.mark.parametrize("target", TARGETS)
def test_a_wrong_gradient_is_found(target: str, tmp_path: Path) -> None:
    library(target)
    text = read(PROBLEMS["ridge"].replace(", lam", "")).code(target, self_test=True)
    wrong = re.sub(r"((?:grad_J_w|w_bar) = )", r"\1 1.001 * ", text)
    assert wrong != text
    for source, status in ((text, 0), (wrong, 1)):
        script = tmp_path / "gradients.py"
        script.write_text(source, encoding="utf-8")
        run = subprocess.run([sys.executable, script], capture_output=True, text=True, check=False)
        assert run.returncode == status, run.stderr
        assert run.stdout.startswith("grad J wrt w: " + ("WRONG" if status else "ok"))


def test_inputs_are_drawn_where_the_functions_are_defined() -> None:
    text = read("x: n; J = sum(log(x)) + sum(asin(x)); grad J wrt x").code("numpy", self_test=True)
    assert compiled(text)["self_test"]() == 0


@pytest.mark.parametrize("kind", ["grad", "vjp", "jac", "hess", "jvp", "hvp"])
@pytest.mark.parametrize("given", ["J = 2", "v : scalar; J = asin(v')", "v : m; J = norm(v)"])
def test_of_what_does_not_depend_on_its_variable(given: str, kind: str) -> None:
    text = read(f"S : k x k; {given}; {kind} J wrt S").code("numpy", self_test=True)
    assert compiled(text)["self_test"]() == 0


@pytest.mark.parametrize("kind", ["jvp", "hvp"])
@pytest.mark.parametrize("attributes", ["symmetric", "posdef", "diagonal", "diagonal posdef"])
@pytest.mark.parametrize("value", ["det(S)", "tr(inv(S) S' A)"])
def test_a_matrix_of_a_structure_is_moved_among_its_like(
    value: str, attributes: str, kind: str
) -> None:
    text = read(f"S : n x n {attributes}; A : n x n; {kind} {value} wrt S with V")
    assert compiled(text.code("numpy", self_test=True))["self_test"]() == 0
