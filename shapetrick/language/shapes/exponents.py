"""Letters in exponents of a matrix: natural numbers that nobody declared, and those over which a
sum runs, `sum(r = 0..k-1) A^r G B^(k-1-r)`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..syntax.tree import SyntaxNode, postorder

HERMITIAN = "H"  # raised, what a conjugate transpose is called


def letters_in_exponents(
    nodes: Iterable[SyntaxNode], is_square: Callable[[SyntaxNode], bool]
) -> Iterator[SyntaxNode]:
    """The names in exponents of what is square, and those over which a sum runs."""
    for node in nodes:
        if node.kind == "^" and is_square(node.args[0]):
            yield from _names(node.args[1])
        elif runs_over_exponent(node):
            yield from (n for n in exponents_below(node) if n.value in node.value.letters)
            yield from (n for n in exponents_below(node) if n.value == node.value.letter)


def runs_over_exponent(node: SyntaxNode) -> bool:
    """Whether it is a sum of which the letter stands in an exponent."""
    if node.kind != "running":
        return False
    return any(n.value == node.value.letter for n in exponents_below(node))


def exponents_below(root: SyntaxNode) -> Iterator[SyntaxNode]:
    """The names in all exponents within an expression."""
    for node in postorder(root):
        if node.kind == "^":
            yield from _names(node.args[1])


def _names(root: SyntaxNode) -> Iterator[SyntaxNode]:
    return (n for n in postorder(root) if n.kind == "name")
