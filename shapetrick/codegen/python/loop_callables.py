"""Generated loops as a function: compiled, and called with arrays, and lists of these for families.

The face is that of `codegen/python/callables.py`; a length is an argument too, `L=3`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from ...core.dims import extent, shape_text
from ...core.errors import OperandError, ShapeError
from ...core.expr import Expr
from ...core.families import Families
from ...core.functions import TABLE
from ...core.indices import numbered
from ...families.forward_backward import Answer
from .callables import MODULES, compiled
from .loops import Parameter
from .operations import Library


class GeneratedLoops:
    """A function of keyword arguments, named as in the problem; `source` is its text.

    A family is a list of its members, and a gradient by it comes as one. A gradient has the shape
    in which its variable was given."""

    def __init__(
        self,
        source: str,
        name: str,
        parameters: Sequence[Parameter],
        answers: Sequence[Answer],
        families: Families,
        library: Library,
        alone: bool,
    ) -> None:
        self.source = source
        self._function: Callable[..., Any] = compiled(source)[name]
        self._library: Library = library
        self._alone = alone
        self._parameters = parameters
        self._answers = answers
        self._families = families
        self.parameters = tuple(p.name for p in parameters)

    def __call__(self, /, **values: Any) -> Any:
        """The gradient, or a dictionary of all values and gradients. Raises OperandError,
        ShapeError."""
        names = {p.name for p in self._parameters} | {p.identifier for p in self._parameters}
        unknown = [name for name in values if name not in names]
        if unknown:
            raise OperandError(f"`{unknown[0]}` is no argument: there are {self._listed}.")
        given = {p.name: self._given(p, values) for p in self._parameters}
        found = self._function(**{p.identifier: given[p.name] for p in self._parameters})
        found = found if len(self._answers) > 1 else (found,)
        results = {
            a.key: self._result(a, x, values) for a, x in zip(self._answers, found, strict=True)
        }
        return list(results.values())[-1] if self._alone else results

    @property
    def _listed(self) -> str:
        return ", ".join(f"`{name}`" for name in self.parameters)

    def _given(self, p: Parameter, values: Any) -> Any:
        """What was given for a parameter, as arrays. Raises OperandError, ShapeError."""
        found = next((values[n] for n in (p.name, p.identifier) if n in values), None)
        if found is None and p.name in TABLE and self._library == "numpy":
            value = TABLE[p.name].value
            return lambda *arrays: value(*arrays, None)
        if found is None:
            raise OperandError(f"`{p.name}` has no value: the arguments are {self._listed}.")
        if p.listed and not (isinstance(found, Sequence) or len(getattr(found, "shape", ())) > 2):
            raise OperandError(f"`{p.name}` is a family: give a list of its members.")
        if p.value is None:
            return found
        if not p.listed:
            return self._array(p.name, p.value, found)
        return [self._array(p.name, p.value, x) for x in found]

    def _array(self, name: str, e: Expr, value: Any) -> Any:
        module, convert = MODULES[self._library]
        try:
            array = getattr(import_module(module), convert)(value) * 1.0
            shape = tuple(array.shape)
        except (TypeError, ValueError, RuntimeError) as error:
            raise OperandError(f"the value of `{name}` is no array of numbers: {error}") from None
        axes = len(extent(e.shape))
        large = [size for size in shape if size != 1]
        if len(shape) > 2 or (len(shape) < 2 and axes == 2) or (axes < 2 and len(large) > axes):
            raise ShapeError(f"`{name}` is {shape_text(e.shape)}: not an array of shape {shape}.")
        return array

    def _result(self, answer: Answer, found: Any, values: Any) -> Any:
        """A gradient in the shape in which its variable was given."""
        if answer.result is None:
            return found
        wrt = answer.result.request.wrt
        own = values.get(wrt.base)
        if answer.listed:
            return [self._shaped(x, y) for x, y in zip(found, own or found, strict=False)]
        if wrt.index is not None and own is not None:
            numbers = numbered({letter: values[letter] for letter in self._families.lengths})
            first = self._families.first(wrt.base)
            own = own[wrt.index.within(numbers).offset - first.within(numbers).offset]
        return self._shaped(found, own)

    def _shaped(self, found: Any, like: Any) -> Any:
        shape = tuple(getattr(like, "shape", ()))
        module, convert = MODULES[self._library]
        array = getattr(import_module(module), convert)(found)
        size = 1
        for side in shape:
            size *= side
        fits = shape and size == (array.numel() if hasattr(array, "numel") else array.size)
        return array.reshape(shape) if fits else found
