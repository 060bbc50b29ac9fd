"""PyTorch's functions as problems, against its automatic differentiation of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from traced_functions import agrees, cases, refused_at_its_line

import shapetrick as st

torch = pytest.importorskip("torch", reason="torch is not installed")
refused_torch_functions = pytest.importorskip("refused_torch_functions")
torch_functions = pytest.importorskip("torch_functions")
numbered_classes = pytest.importorskip("numbered_classes")


class Torch:
    @staticmethod
    def value(f: Any, given: Any) -> Any:
        return f(**{name: torch.tensor(x) for name, x in given.items()}).numpy()

    @staticmethod
    def gradients(f: Any, given: Any, names: list[str], weights: Any) -> Any:
        tensors = {name: torch.tensor(x) for name, x in given.items()}
        for name in names:
            tensors[name].requires_grad_()
        (f(**tensors) * torch.tensor(weights)).sum().backward()
        return {name: tensors[name].grad for name in names}


@pytest.mark.parametrize(("f", "shapes"), cases(torch_functions))
def test_functions_for_torch(f: Any, shapes: str) -> None:
    agrees(f, shapes, Torch)


@pytest.mark.parametrize(("f", "shapes"), cases(refused_torch_functions))
def test_what_cannot_be_followed_is_refused_at_its_line(f: Any, shapes: str) -> None:
    refused_at_its_line(f, shapes)


@pytest.mark.filterwarnings("ignore:Converting a tensor")
def test_another_gradient_than_that_of_the_values_is_refused() -> None:
    with pytest.raises(st.InputError, match="another gradient for its library"):
        st.read(lambda x: torch.tensor([x.sum(), x.max()]).prod(), x="n")


def overwritten(x: Any) -> Any:
    y = torch.exp(x)
    y.add_(1)
    return y.sum()


def test_what_the_library_has_no_gradient_of_is_refused() -> None:
    with pytest.raises(st.InputError, match="no gradient for its own library: one of the variabl"):
        st.read(overwritten, x="n")


def test_there_are_many_of_them() -> None:
    assert len(cases(torch_functions)) >= 20


def test_a_function_of_two_libraries_is_refused() -> None:
    with pytest.raises(st.InputError):
        st.read(lambda x: torch.stack([x, x]).sum() + np.sum(x), x="n")


def variance(x: Any) -> Any:
    return torch.var(x)


def test_the_sample_variance_is_recognised() -> None:
    text = st.read(variance, x="n").data.text
    assert text.splitlines()[1] == "J = sum((x - mean(x)).^2) / (n - 1)"


def test_one_axis_stays_one_axis() -> None:
    d = st.derive(lambda X, w: (X @ w).sum(), X="m x d", w="d", wrt="w")
    assert tuple(d.function("torch")(X=torch.ones(5, 3), w=torch.ones(3)).shape) == (3,)


@pytest.mark.parametrize("loss", ["cross_entropy", "nll", "gathered", "indexed", "one_hot"])
def test_numbers_of_classes_stand_for_their_one_hot_matrix(loss: str) -> None:
    f = getattr(numbered_classes, loss)
    d = st.derive(f, Z="n x c", y="n", wrt="Z")
    assert d.verified
    assert any("`y` numbers classes" in said for said in d.problem.readings)
    z, y = np.linspace(-1, 2, 12).reshape(4, 3), np.array([2, 0, 1, 1])
    tensor = torch.tensor(z, requires_grad=True)
    f(tensor, torch.tensor(y)).backward()
    found = d.function("numpy")(Z=z, y=np.eye(3)[y])
    np.testing.assert_allclose(found, tensor.grad.numpy(), rtol=1e-9, atol=1e-12)


def test_numbers_of_classes_are_no_values_besides() -> None:
    with pytest.raises(st.InputError, match="is a value in another"):
        st.read(numbered_classes.mixed, Z="n x c", y="n")
