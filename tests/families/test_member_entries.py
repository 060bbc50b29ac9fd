"""Entries of a matrix beside members: read as a family of numbers, with the gradients of JAX."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import shapetrick as st

Arrays = Mapping[str, jax.Array]
SHAPES = {
    **{"u": (4, 2), "v": (3, 2), "R": (4, 3), "S": (4, 3), "w": (4,), "x": (6,), "h": (3,)},
    **{"c": (2,), "D": (4, 4), "B": (4, 2)},
}
U, V = "u[i] : k for i = 1..m", "v[j] : k for j = 1..n"


def _residual(a: Arrays) -> jax.Array:
    return a["R"] - a["u"] @ a["v"].T


def _smoothed(a: Arrays) -> jax.Array:
    return jnp.convolve(a["x"], a["h"][::-1], "valid")


def _distances(a: Arrays) -> jax.Array:
    return jnp.sum((a["u"][:, None] - a["u"][None]) ** 2, -1)


BESIDE: list[tuple[str, Callable[[Arrays], jax.Array]]] = [
    (f"{U}; {V}; R : m x n; J = sum(i, j) (R[i,j] - u[i]' v[j])^2; grad J wrt u[i]",
     lambda a: jnp.sum(_residual(a) ** 2)),
    ("u_i : k for i = 1..m; v_j : k for j = 1..n; R : m x n; J = sum_ij (R_ij - u_i' v_j)^2; "
     "grad J wrt v_j", lambda a: jnp.sum(_residual(a) ** 2)),
    (f"{U}; {V}; R, S : m x n; e[i,j] = R[i,j] - u[i]' v[j]; J = sum(i, j) S[i,j] e[i,j]^2; "
     "grad J wrt R", lambda a: jnp.sum(a["S"] * _residual(a) ** 2)),
    (f"{U}; {V}; R : m x n\n$L = \\sum_{{i,j}} (R_{{ij}} - u_i^\\top v_j)^2$\n$\\nabla_{{u_i}} L$",
     lambda a: jnp.sum(_residual(a) ** 2)),
    (f"{U}; w : m; J = sum(i) w[i] norm(u[i])^2; grad J wrt w",
     lambda a: jnp.sum(a["w"] * jnp.sum(a["u"] ** 2, 1))),
    (f"{U}; c : k; w : m; J = sum(i) (w[i] - c' u[i])^2 / m; grad J wrt c",
     lambda a: jnp.mean((a["w"] - a["u"] @ a["c"]) ** 2)),
    (f"{U}; D : m x m symmetric; J = sum(i < j) (norm(u[i] - u[j])^2 - D[i,j])^2; grad J wrt u[i]",
     lambda a: jnp.sum(jnp.triu((_distances(a) - a["D"]) ** 2, 1))),
    ("u_i, v_j : k; R : m x n; J = sum_ij (R_ij - u_i' v_j)^2; grad J wrt u_i",
     lambda a: jnp.sum(_residual(a) ** 2)),
    ("c : k\n$u_i \\in \\mathbb{R}^k$, $w_i \\in \\mathbb{R}$\n$s_i = c^T u_i$\n$r_i = w_i - s_i$\n"
     "$L = \\frac1m \\sum_{i=1}^m r_i^2$; grad L wrt c",
     lambda a: jnp.mean((a["w"] - a["u"] @ a["c"]) ** 2)),
    ("u_i, c : k; J = sum(i = 2..m) exp(c' u_i - c' u_{i-1}); grad J wrt u_i",
     lambda a: jnp.sum(jnp.exp((a["u"][1:] - a["u"][:-1]) @ a["c"]))),
    (f"{V}; B : m x k; q_ij = exp(-norm(b_i - v_j)^2); J = sum_i log(sum_j q_ij); grad J wrt v[j]",
     lambda a: jnp.sum(jax.nn.logsumexp(-jnp.sum((a["B"][:, None] - a["v"]) ** 2, -1), 1))),
    ("u_i, v_j : k; q_ij = exp(u_i' v_j)\n"
     "J = sum_{i=1}^m norm((sum_{j=1}^n q_ij v_j) / sum_{j=1}^n q_ij)^2; grad J wrt v_j",
     lambda a: jnp.sum((jax.nn.softmax(a["u"] @ a["v"].T, 1) @ a["v"]) ** 2)),
    (f"{V}; B : m x k; J = sum(i) min(j) norm(b_i - v_j)^2; grad J wrt v[j]",
     lambda a: jnp.sum(jnp.min(jnp.sum((a["B"][:, None] - a["v"]) ** 2, -1), 1))),
    (f"{V}; B : m x k; R : m x n; J = sum_i sum_j R_ij norm(b_i - v_j)^2; grad J wrt B",
     lambda a: jnp.sum(a["R"] * jnp.sum((a["B"][:, None] - a["v"]) ** 2, -1))),
    (f"{U}; B : m x k; J = sum(i) exp(B[i,:] u[i]); grad J wrt B",
     lambda a: jnp.sum(jnp.exp(jnp.sum(a["B"] * a["u"], 1)))),
    ("x : T; h : k; J = sum(t = 1..T-k+1) (sum(q = 1..k) h[q] x[t+q-1])^2; grad J wrt h",
     lambda a: jnp.sum(_smoothed(a) ** 2)),
    ("x : T; h : k; y[t] = sum(q = 1..k) h[q] x[t+q-1] for t = 1..T-k+1; J = sum(t) exp(y[t]); "
     "grad J wrt x", lambda a: jnp.sum(jnp.exp(_smoothed(a)))),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), BESIDE, ids=[text for text, _ in BESIDE])
def test_entries_beside_members_are_members(
    text: str, value: Callable[[Arrays], jax.Array]
) -> None:
    rng = np.random.default_rng(5)
    given = {name: rng.uniform(0.2, 1.2, shape) for name, shape in SHAPES.items()}
    problem = st.read(text)
    (derivation,) = problem.derive()
    name = derivation.wrt.partition("[")[0]
    taken = {
        k: v for k, v in given.items() if f"{k} :" in text or f"{k}[" in text or f"{k}_" in text
    }
    with jax.enable_x64(True):
        arrays = {k: jnp.asarray(v) for k, v in given.items()}
        wanted = jax.grad(lambda a: value({**arrays, name: a}))(arrays[name])
    assert derivation.verified
    found = np.reshape(derivation.function()(**taken), wanted.shape)
    np.testing.assert_allclose(found, wanted, 1e-9, 1e-12)


BELOW = [
    ("W_l : n x n for l = 1..L; h_0 : n; h_l = tanh(W_l h_{l-1}); J = norm(h_L)^2",
     "W[l] : n x n for l = 1..L; h[0] : n; h[l] = tanh(W[l] h[l-1]) for l = 1..L; "
     "J = norm(h[L])^2"),
    ("x_t, mu : n; J = sum_{t=2}^T norm(x_t - x_{t-1} - mu)^2 + norm(x_1)^2",
     "x[t] : n for t = 1..T; mu : n; "
     "J = sum(t = 2..T) norm(x[t] - x[t-1] - mu)^2 + norm(x[1])^2"),
    ("x_i : n for i = 1..m; x_0 : n; J = sum(i) norm(x_i - x_0)^2",
     "x[i] : n for i = 1..m; x_0 : n; J = sum(i = 1..m) norm(x[i] - x_0)^2"),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "plain"), BELOW)
def test_an_index_below_means_the_same_as_in_brackets(typed: str, plain: str) -> None:
    found, wanted = ([str(d.gradient) for d in st.read(text).derive()] for text in (typed, plain))
    assert found == wanted


@pytest.mark.parametrize(
    "text",
    [
        "{U}; y_i = mean(i = 1..m) u[i]; J = norm(y_i)^2",
        "{U}; u_1m = u[1] - u[m]; J = norm(u_1m)^2",
        "x_i, x_j : k; w : n; J = exp(x_i' x_j) + sum(t) w_t",
    ],
)
def test_a_name_that_no_sum_runs_over_is_plain(text: str) -> None:
    problem = st.read(text.format(U=U))
    assert any("_" in name for name in (*problem.data.symbols, *problem.data.definitions))


def test_what_is_read_as_its_entries_is_said() -> None:
    problem = st.read(f"{U}; w : m; J = sum(i) w[i] norm(u[i])^2; grad J wrt w")
    said = "`w` is read as the family `w[i] : scalar for i = 1..m`."
    assert problem.data.readings[0] == said


LAGS: list[tuple[str, str, Callable[[jax.Array], jax.Array]]] = [
    ("sum(i = 1..n-k) x[i] x[i+k]", "x[1..P]' x[k+1..P+k]", lambda x: x[:-2] @ x[2:]),
    ("sum(t = 1..n-k+1) x[t] x[t+k-1]", "x[1..P]' x[k..P+k-1]", lambda x: x[:-1] @ x[1:]),
    ("sum(t = 1..n-k) (x[t] - x[t+k])^2", "sum((x[1..P] - x[k+1..P+k]).^2)",
     lambda x: jnp.sum((x[:-2] - x[2:]) ** 2)),
    ("sum(i = 1..n-k) x[i]^2", "sum(x[1..P].^2)", lambda x: jnp.sum(x[:-2] ** 2)),
    ("sum(i = k..n) exp(x[i])", "sum(exp(x[k..P+k-1]))", lambda x: jnp.sum(jnp.exp(x[1:]))),
    ("sum(i = 1..n-k) sum(j = 1..k) x[i] x[j]^2", "sum(x[1..k].^2) sum(x[1..P])",
     lambda x: jnp.sum(x[:-2]) * jnp.sum(x[:2] ** 2)),
    ("mean(i = 1..n-k) x[i]^2", "mean(x[1..P].^2)", lambda x: jnp.mean(x[:-2] ** 2)),
]  # fmt: skip


@pytest.mark.parametrize(("typed", "plain", "value"), LAGS, ids=[lag[0] for lag in LAGS])
def test_a_lag_by_a_letter_is_a_slice(
    typed: str, plain: str, value: Callable[[jax.Array], jax.Array]
) -> None:
    derivation = st.derive(f"x : n; J = {typed}; grad J wrt x")
    assert derivation.problem.readings[-1] == f"`{typed}` is read as `{plain}`."
    assert derivation.verified
    x = np.random.default_rng(6).uniform(0.2, 1.2, 5)
    with jax.enable_x64(True):
        wanted = jax.grad(value)(jnp.asarray(x))
    np.testing.assert_allclose(np.ravel(derivation.evaluate(x=x, k=2)), wanted, 1e-9)


REFUSED = [
    (f"{U}; w : m; J = sum(i) w[i] norm(u[i])^2 + norm(w)^2", "`w[i] : scalar for i = 1..m`"),
    (f"{U}; Y : k x m; J = sum(i) norm(Y[:,i] - u[i])^2", "`Y[i] : k for i = 1..m`"),
    (f"{U}; X : m x k; J = sum(i) norm(x_i - u[i])^2 + norm(X)", "`X[i] : 1 x k for i = 1..m`"),
    (f"{U}; s : m; w = softmax(s); J = sum(i) w[i] norm(u[i])^2", "`w[i] : scalar for i = 1..m`"),
    ("x_i : d; J = sum(i, j) norm(x_i - x_j)", "with `for i = 1..L`"),
    (
        "x_t : d; J = sum(t = 2..T-s) norm(x_t - x[t-1]) + sum(t = 1..S) norm(x_t)",
        "with `for t = 1..L`",
    ),
    (
        "x_i : d; y : m; z : n; J = sum(i) y_i norm(x_i) + sum(i) z_i norm(x_i)",
        "with `for i = 1..L`",
    ),
    (f"{U}; A : m x n; J = sum(i, j, l) A[i,j,l] norm(u[i])", "it has no entries with an index"),
    ("x : n; w : k; J = sum(t = 1..n-1) t sum(j) w[j]", "`q[t] : scalar const"),
    (f"{U}; J = sum(i) norm(u[i])^2; grad J wrtu[i]", "`wrtu` is not declared as a family"),
    (f"{U}; J = sum(i < j) j norm(u[i] - u[j])^2", "`q[j] : scalar const"),
    ("x : n; J = sum(k) x[k] sum(i = 1..n-k) x[i]", "`k` is no dimension"),
    ("x : n; J = sum(i = 1..n-k) x[i] + sum(k) x[k]", "`k` is no dimension"),
    ("R : m x n; J = sum(i, j) (R[i,j] - u[i]' v[j])^2", "`u[i] : k for i = 1..m`"),
    (f"{U}; u[1,m] = u[1] - u[m]; J = norm(u[1,m])", "has one index"),
    ("J = sum(i) w[i] norm(x[i])^2", "`w[i] : scalar for i = 1..I`"),
]


@pytest.mark.parametrize(("text", "said"), REFUSED)
def test_members_beside_what_is_whole_are_refused(text: str, said: str) -> None:
    with pytest.raises(st.InputError) as refused:
        st.read(text)
    assert said in refused.value.message
    assert refused.value.span is not None


@pytest.mark.parametrize(
    "typed",
    [
        "(sum(i) norm(u[i]))^2",
        "3 (sum(i) a[i] norm(u[i]))^2 + 1",
        "(sum(i) a[i]) norm(u[1]) - sum(i) norm(u[i])^2",
    ],
)
def test_what_is_said_to_be_read_means_the_same(typed: str) -> None:
    text = f"{U}; a[i] : scalar for i = 1..m; J = {{}}; grad J wrt u[i]"
    read = st.read(text.format(typed))
    _, _, said = read.data.readings[-1].partition("is read as `")
    again = st.derive(text.format(said.removesuffix("`.")))
    assert str(again.gradient) == str(read.derive()[0].gradient)
