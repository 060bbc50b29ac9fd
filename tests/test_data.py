"""Derivations as data: the schema holds, and what is written is read back."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from samples import PROBLEM, UNCHECKED, backward_rule, linear_regression

import shapetrick as st
from shapetrick.render.data import to_dict
from shapetrick.restoration import from_dict

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads((ROOT / "schema" / "derivation.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLES = sorted((ROOT / "examples").glob("*.st"))
REQUESTS = [
    "A : n x n; x : n; grad (x' A x) wrt x",
    "A : n x n; x : n; jac (A x) wrt x",
    "A : n x n symmetric; x : n; J = x' A x; hess J wrt x; grad J wrt A symmetric",
    "X : m x n; W : n x k; Z = tanh(X W); jvp Z wrt W with V; vjp Z wrt X",
    "x : n; J = sum(exp(x)); hvp J wrt x with V",
    "X : m x n; J = norm(commute(m, n) vec(X))^2 + sum(unvec(vec(X), m, n)); grad J wrt X",
    "X : m x (2 n + m + 1); s : scalar positive; J = 0.1 s^3 sum(X) / 7 + pi; grad J wrt s, X",
    "X : m x n; f : elementwise; J = sum(f(X)); hess J wrt X",
    "A : n x n; b : n; J = sum(max(A, axis=0)) + logsumexp(b) - sum(A I); grad J wrt A, b",
    "x : 5; J = sum(x .^ 3); grad J wrt x",
]


def _derivations(text: str) -> list[st.Derivation]:
    return st.read(text).derive()


@pytest.mark.parametrize("text", [*(p.read_text(encoding="utf-8") for p in EXAMPLES), *REQUESTS])
def test_round_trip(text: str) -> None:
    for d in _derivations(text):
        written = json.dumps(d.to_dict(), allow_nan=False)
        VALIDATOR.validate(json.loads(written))
        back = st.from_dict(json.loads(written))
        assert json.dumps(back.to_dict(), allow_nan=False) == written
        assert back.gradient is d.gradient
        assert back.steps == d.steps
        for field in fields(d.result):
            if field.name not in ("request", "steps"):
                assert getattr(back.result, field.name) == getattr(d.result, field.name)
        assert back.result.request == replace(d.result.request, span=None, claim=None)
        assert back.latex() == d.latex()
        assert back.problem.definitions == d.problem.definitions


def test_what_is_read_back_can_be_derived_again() -> None:
    d = st.derive("X : m x d; w : d; y : m; J = norm(X w - y)^2 / 2; grad J wrt w")
    back = st.from_dict(d.to_dict())
    (again,) = st.Problem(back.problem).derive()
    assert again.verified
    assert again.gradient is d.gradient


@pytest.mark.parametrize(
    "result", [linear_regression(), linear_regression(UNCHECKED), backward_rule()]
)
def test_results_put_together_by_hand(result: Any) -> None:
    data = to_dict(result, PROBLEM)
    VALIDATOR.validate(json.loads(json.dumps(data, allow_nan=False)))
    problem, back = from_dict(data)
    assert to_dict(back, problem) == data


def test_shared_expressions_are_written_once() -> None:
    layers = "\n".join(f"Z{i} = tanh(Z{i - 1} W)" for i in range(1, 201))
    text = f"Z0 : m x n; W : n x n\n{layers}\nJ = sum(Z200); grad J wrt Z0"
    (d,) = _derivations(text)
    data = to_dict(d.result, d.problem)  # without the steps
    assert len(data["nodes"]) < 20 * 200
    assert st.from_dict(data).gradient is d.gradient


def test_the_schema_is_one_and_describes_its_fields() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    silent = [
        n for n, p in SCHEMA["properties"].items() if "description" not in p and "$ref" not in p
    ]
    assert not silent


def _without(data: Any, key: str) -> None:
    del data[key]


def _set(path: list[str | int], value: Any) -> Callable[[Any], None]:
    def change(data: Any) -> None:
        for key in path[:-1]:
            data = data[key]
        data[path[-1]] = value

    return change


SPOILT = [
    lambda d: d.update(version=2),
    lambda d: _without(d, "version"),
    lambda d: _without(d, "nodes"),
    lambda d: _without(d, "validation"),
    _set(["kind"], "integral"),
    _set(["gradient_node"], 10_000),
    _set(["gradient_node"], -1),
    _set(["gradient_node"], "0"),
    _set(["nodes", 0, "shape"], ["m"]),
    _set(["nodes", 0, "op"], "__import__"),
    _set(["nodes", 0, "args"], [0]),
    _set(["nodes", -1, "args"], [10_000]),
    _set(["validation", "verdict"], "proved"),
    _set(["steps", 0, "lines", 0, "coefficient"], "1e999999999"),
    _set(["steps"], None),
    _set(["steps", 0, "shape"], ["m-", "-"]),
]


@pytest.mark.parametrize("spoil", SPOILT)
def test_other_data_is_refused(spoil: Callable[[Any], None]) -> None:
    data = copy.deepcopy(st.derive("x : n; J = x' x; grad J wrt x").to_dict())
    spoil(data)
    with pytest.raises(st.InputError):
        st.from_dict(data)


def test_shapes_that_do_not_fit_are_refused() -> None:
    data = st.derive("A : m x n; x : n; J = norm(A x)^2; grad J wrt x").to_dict()
    product = next(e for e in data["nodes"] if e["op"] == "matmul")
    product["args"].reverse()
    with pytest.raises(st.InputError, match="doesn't fit"):
        st.from_dict(data)


@pytest.mark.parametrize("data", [None, [], "text", {}, 3])
def test_what_is_no_derivation_is_refused(data: Any) -> None:
    with pytest.raises(st.InputError, match="no derivation"):
        st.from_dict(data)
