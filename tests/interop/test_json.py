"""Derivations as data: the schema holds, and what is written is read back."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import jsonschema
import numpy as np
import pytest
from derived import derivations
from paths import ROOT
from samples import PROBLEM, UNCHECKED, backward_rule, linear_regression
from thinned import thinned

import shapetrick as st
from shapetrick.interop.json_export import to_dict
from shapetrick.interop.json_import import from_dict
from shapetrick.render import article
from shapetrick.render.layout import plain
from shapetrick.render.terminal import Style, problem_rows, result_rows

SCHEMA = json.loads((ROOT / "schema" / "derivation.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
EXAMPLES = sorted((ROOT / "examples").glob("*.st"))
STEPS = Style(steps=True)
CHAIN = (
    "W[l] : n[l-1] x n[l] for l = 1..L; s[l] : elementwise for l = 1..L; Z[0] : m x n[0]; "
    "Z[l] = s[l](Z[l-1] W[l]) for l = 1..L; J = sum(Z[L]); grad J wrt W[l]"
)
REQUESTS = [
    "A : n x n; x : n; grad (x' A x) wrt x",
    "A : n x n; x : n; jac (A x) wrt x",
    "A : n x n symmetric; x : n; J = x' A x; hess J wrt x; grad J wrt A symmetric",
    "X : m x n; W : n x k; Z = tanh(X W); jvp Z wrt W with V; vjp Z wrt X",
    "x : n; J = sum(exp(x)); hvp J wrt x with V",
    "X : m x n; W : n x n; Z = tanh(X W); J = norm(X + Z W)^2; hvp J wrt W with V",
    "X : m x n; J = norm(commute(m, n) vec(X))^2 + sum(unvec(vec(X), m, n)); grad J wrt X",
    "X : m x (2 n + m + 1); s : scalar positive; J = 0.1 s^3 sum(X) / 7 + pi; grad J wrt s, X",
    "X : m x n; f : elementwise; J = sum(f(X)); hess J wrt X",
    "A : n x n; b : n; J = sum(max(A, axis=0)) + logsumexp(b) - sum(A I); grad J wrt A, b",
    "x : 5; J = sum(x .^ 3); grad J wrt x",
    "A, Q : n x n; Y : n x n where A Y + Y A' = Q; vjp Y wrt A",
    "A : n x n; b : n; x : n where A x = b; J = norm(x)^2; grad J wrt A",
    "S : n x n posdef; L : n x n lower where L L' = S; vjp L wrt S",
    "A : n x n symmetric; x[0] : n; x[t] = A x[t-1] for t = 1..T; vjp x[T] wrt A symmetric",
    "W[l] : (2 n[l-1] + 1) x n for l = 1..L; v[t] : n positive for t = 1..T; J = "
    "(sum(l = 1..L) norm(W[l])^2) + sum(t = 1..T) sum(log(v[t])); grad J wrt W[l], v[t]",
    "X : m x n; f[l] : elementwise for l = 1..3; Z[0] = X; Z[l] = f[l](Z[l-1]) for l = 1..3; J = "
    "sum(Z[3]); grad J wrt X",
]


@pytest.mark.parametrize(
    "text", [*thinned(p.read_text(encoding="utf-8") for p in EXAMPLES), *thinned(REQUESTS, 2)]
)
def test_round_trip(text: str) -> None:
    for d in derivations(text):
        written = json.dumps(d.to_dict(), allow_nan=False)
        VALIDATOR.validate(json.loads(written))
        back = st.from_dict(json.loads(written))
        assert json.dumps(back.to_dict(), allow_nan=False) == written
        assert back.gradient is d.gradient
        assert back.steps == d.steps
        for field in fields(d.result):
            if field.compare and field.name not in ("request", "steps"):
                assert getattr(back.result, field.name) == getattr(d.result, field.name)
        assert back.result.request == replace(d.result.request, span=None, claim=None)
        assert _shown(back) == _shown(d)
        assert back.problem.definitions == d.problem.definitions


def _doubled(data: Any) -> None:
    data["nodes"].append({"op": "number", "args": [], "shape": ["1", "1"], "value": "2"})
    at = data["gradient_node"]
    product = {"op": "times", "args": [len(data["nodes"]) - 1, at], "shape": data["shape"]}
    data["nodes"].append(product)
    data["gradient_node"] = len(data["nodes"]) - 1


@pytest.mark.parametrize(
    "change",
    [
        _doubled,
        lambda d: d.pop("fingerprint"),
        lambda d: d.update(of_node=d["gradient_node"], kind="vjp", with_node=d["wrt_node"]),
        lambda d: d.update(symmetric=True),
        lambda d: d["validation"].update(max_relative_error=0.0),
    ],
)
def test_what_was_changed_is_not_verified(change: Callable[[Any], None]) -> None:
    data = st.derive("A : n x n; J = tr(A A); grad J wrt A").to_dict()
    assert st.from_dict(json.loads(json.dumps(data))).verified
    change(data)
    back = st.from_dict(data)
    assert not back.verified
    assert "changed" in back.validation.reason


def test_numbers_may_be_written_by_another_program() -> None:
    data = st.derive("x : n; J = 0.5 x' x; grad J wrt x").to_dict()
    text = json.dumps(data).replace(".0,", ",").replace(".0}", "}")
    assert st.from_dict(json.loads(text)).verified


def _shown(d: st.Derivation) -> list[str]:
    """As text, LaTeX, Markdown and HTML, without the arrangements to be tried by hand: these are
    not read back."""
    result = replace(d.result, steps=d.steps)
    rows = [*problem_rows(d.problem, STEPS), *result_rows(result, STEPS)]
    parts = [*article.problem_parts(d.problem), *article.derivation_parts([result], d.problem)]
    page = re.sub('<details class="arranging".*?</details>', "", d.html(), flags=re.DOTALL)
    return [plain(rows), d.latex(), article.latex(parts), article.markdown(parts), page]


@pytest.mark.parametrize("text", ["X : m x d; w : d; J = norm(X w)^2 / 2; grad J wrt w", CHAIN])
def test_what_is_read_back_can_be_derived_again(text: str) -> None:
    d = st.derive(text)
    back = st.from_dict(d.to_dict())
    (again,) = st.Problem(back.problem).derive()
    assert again.verified
    assert again.gradient is d.gradient
    assert again.result.recursion == d.result.recursion


def test_families_that_are_read_back_can_be_evaluated() -> None:
    d = st.derive(CHAIN)
    back = st.from_dict(d.to_dict())
    values = {
        "Z": [np.ones((1, 2))],
        "W": [np.eye(2), np.ones((2, 3))],
        "s": [lambda x, order: np.exp(x), lambda x, order: (2 * x, 2 + 0 * x)[order]],
    }
    for x, y in zip(back.evaluate(values, L=2), d.evaluate(values, L=2), strict=True):
        assert np.array_equal(x, y)
    assert back.code("numpy") == d.code("numpy")
    sizes = {"m": 2, "n": 3, "n[0]": 4, "L": 5}
    assert back.account(sizes) == d.account(sizes)


@pytest.mark.parametrize(
    "request_",
    [
        "jac H[t] wrt X[s]",
        "jac H[T] wrt X[s]",
        "vjp H[t] wrt X[s]",
        "jvp H[t] wrt W",
        "hess sum(t = 1..T) sum(s = 1..T) exp(tr(X[t]' X[s])) wrt X[i], X[j]",
    ],
)
def test_derivatives_of_and_by_members_are_read_back(request_: str) -> None:
    problem = st.read(
        "X[t] : m x d for t = 1..T; H[0] : m x k; W : d x k\n"
        f"H[t] = tanh(H[t-1] + X[t] W) for t = 1..T; {request_}"
    )
    for d in problem.derive():
        back = st.from_dict(json.loads(json.dumps(d.to_dict())))
        assert back.result.recursion == d.result.recursion
        assert back.code("numpy") == d.code("numpy")


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
    (d,) = derivations(text)
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


CHAIN_SPOILT = [
    lambda d: _without(d, "recursion"),
    lambda d: _without(d["problem"], "families"),
    lambda d: _without(d["recursion"], "kept"),
    _set(["recursion", "gradient"], []),
    _set(["recursion", "least"], {"L": 0}),
    _set(["recursion", "least"], {"L": 1, "T": 1}),
    _set(["recursion", "backward", 0, "for"], "l = 1.."),
    _set(["recursion", "backward", 0, "shape"], ["1", "1"]),
    _set(["recursion", "kept", 0], 10_000),
    _set(["problem", "families", "lengths"], ["T"]),
    _set(["problem", "families", "members", 0, "name"], "W[t]"),
    _set(["problem", "families", "members", 0, "name"], "W"),
    _set(["problem", "families", "members", -1, "shape"], ["m", "n[m"]),
    _set(["problem", "families", "functions", 0, "for"], 3),
]


@pytest.mark.parametrize("spoil", CHAIN_SPOILT)
def test_other_families_are_refused(spoil: Callable[[Any], None]) -> None:
    data = st.derive(CHAIN).to_dict()
    spoil(data)
    with pytest.raises(st.InputError):
        st.from_dict(data)


def _paths(data: Any) -> list[list[str | int]]:
    """The way to every value in it."""
    if not isinstance(data, dict | list):
        return []
    inner: Any = data.items() if isinstance(data, dict) else enumerate(data)
    return [path for key, x in inner for path in ([key], *([key, *p] for p in _paths(x)))]


@pytest.mark.parametrize("value", [None, "x", -1, 10_000, [], {}, ["l = 1..L"]])
def test_a_damaged_value_is_refused_or_can_be_shown(value: Any) -> None:
    whole = st.derive(CHAIN).to_dict()
    refused = 0
    for path in _paths(whole):
        data = copy.deepcopy(whole)
        _set(path, value)(data)
        try:
            back = st.from_dict(data)
        except st.InputError:
            refused += 1
            continue
        back.to_dict()
        plain(result_rows(replace(back.result, steps=back.steps), STEPS))
    assert refused


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
