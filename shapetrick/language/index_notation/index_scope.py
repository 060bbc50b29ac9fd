"""What is known of the names in a text in letters: shapes, which names are letters, and what the
parts of the text stand for.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ...core.dims import Dim, Shape
from ...core.errors import InferenceError, NameProblem, Span
from ...core.indices import Range, base_of
from ..shapes.errors import Expectation, explain, source
from ..shapes.inference import Inference, Misfit, Undetermined
from ..shapes.unification import is_settled
from ..syntax.constants import IDENTITIES
from ..syntax.index_binders import DELTAS
from ..syntax.selections import Selector
from ..syntax.tree import Callee, SyntaxNode, postorder
from .forms import FormWriter


@dataclass(slots=True)
class IndexNames:
    """The names of a problem: those of values (plain ones and families') and of dimensions."""

    values: set[str]
    families: set[str] = field(default_factory=set)
    dims: set[str] = field(default_factory=set)
    sides: dict[str, tuple[str, str]] = field(default_factory=dict)  # of declared matrices
    axes: dict[tuple[str, int], list[Range | None]] = field(default_factory=dict)  # of families
    symmetric: set[str] = field(default_factory=set)  # declared as such

    def is_letter(self, name: str) -> bool:
        """Whether a name has no other meaning."""
        return not {name} & (self.values | self.families | self.dims)


class MemberMet(Exception):
    """A member stands where the shape of a matrix is asked for."""

    def __init__(self, span: Span) -> None:
        super().__init__()
        self.span = span


@dataclass(slots=True)
class IndexScope:
    """What the expressions of one problem mean. `inference` knows the names' shapes."""

    text: str
    known: IndexNames
    inference: Inference
    said: list[str] = field(default_factory=list)  # what was read as what
    dims: dict[str, Dim] = field(default_factory=dict)  # of letters that are bound, and of sides
    sized: dict[SyntaxNode, Dim] = field(default_factory=dict)  # what stands for dimensions
    parts: dict[SyntaxNode, SyntaxNode] = field(default_factory=dict)  # `A[:,1]` of `A[i,1]`
    counted: dict[Dim, SyntaxNode] = field(default_factory=dict)  # columns of numbers
    classes: dict[str, Dim] = field(default_factory=dict)  # of columns, how many they number

    def has_letters(self, node: SyntaxNode) -> bool:
        """Whether a node is an entry with an index, or binds one."""
        if node.kind == "selected":
            return any(self.letter(s) for s in node.value)
        return node.kind == "bound"

    def letter(self, selector: Selector) -> str:
        """The letter that a selector is; empty for a number, a slice and all."""
        first = selector.first
        if not selector.is_one or first is None:
            return ""
        if first.kind == "name":
            return first.value if self.known.is_letter(first.value) else ""
        for node in postorder(first):
            if node.kind == "name" and self.known.is_letter(node.value):
                raise NameProblem(
                    "an index with a number added to it, or times one, needs the range of its "
                    f"letter: `sum({node.value} = 1..n-1) …`.",
                    first.span,
                )
        return ""

    def is_identity(self, base: SyntaxNode) -> bool:
        """Whether what is indexed is a δ, or an `I`."""
        is_name = base.kind == "name" and (base.value in DELTAS or base.value in IDENTITIES)
        return is_name and base.value not in self.known.values

    def numbers(self, count: Dim) -> SyntaxNode:
        """The column of the numbers from 1 on, the same one for each count."""
        if count not in self.counted:
            size = FormWriter(self.dims, Span(0, 0), self.sized).size(count)
            ones = SyntaxNode("call", (), Callee("ones", None, (size,)), size.span)
            self.counted[count] = SyntaxNode("call", (ones,), Callee("cumsum"), size.span)
        return self.counted[count]

    def shape(self, node: SyntaxNode) -> Shape:
        """The shape of what is in matrix notation. Raises InputError if it isn't settled."""
        inference = self.inference
        try:
            if not inference.knows(node):
                inference.add(node)
            if not is_settled(inference.shape(node)):
                inference.solve()
        except Misfit as misfit:
            taken = [Expectation(root, False) for root in inference.roots]  # of other lines, too
            raise explain(misfit, self.text, inference, taken, ()) from None
        except Undetermined:
            pass
        found = inference.shape(node)
        if not is_settled(found):
            node = next((n for n in postorder(node) if self._is_open(n)), node)
            if node.kind == "name" and base_of(node.value) in self.known.families:
                raise MemberMet(node.span)
            typed = source(self.text, node)
            base = node.value.removesuffix("_bar") if node.kind == "name" else ""
            mean = ""
            if base != node.value and base in self.known.values:
                mean = f" The mean is defined, `{node.value} = mean({base})`."
            raise InferenceError(
                f"the shape of `{typed}` is not declared: where a line has indices, every name "
                f"in it is declared, `{typed} : scalar` or its shape.{mean}",
                node.span,
            )
        return found

    def _is_open(self, node: SyntaxNode) -> bool:
        """Whether a node is a name without a shape."""
        shape = self.inference.shapes.get(node.value) if node.kind == "name" else None
        return shape is not None and not is_settled(self.inference.unifier.shape(shape))
