"""Members in an expression, and over which an index runs where nothing is said of it: over those of
the others that have it, `Q[b] = X[b] W` for all b that X has."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import replace

from ...core.indices import Index, Member, Range, base_of, parts, written
from .tree import (
    Asked,
    Declaration,
    Definition,
    FunctionDefinition,
    Solving,
    Statement,
    SyntaxNode,
    given_by,
    postorder,
    values_named,
)

# By a family's name and the index's place; None for a number.
AxisRanges = Mapping[tuple[str, int], Sequence[Range | None]]


def member_of(node: SyntaxNode) -> Member | None:
    """The member that a name, or a declared function's call, is of; None of anything else."""
    name = node.value[0] if node.kind == "abstract" else node.value
    return name if isinstance(name, Member) else None


def member_letters(node: SyntaxNode) -> set[str]:
    """The letters in the indices of a member."""
    name = member_of(node)
    return set() if name is None else {t for i in name.indices for t in i.terms}


def letters_of_members(root: SyntaxNode) -> set[str]:
    """The letters in the indices of all members in an expression."""
    return {t for node in postorder(root) for t in member_letters(node)}


def ranges_said(s: Statement) -> Sequence[Range]:
    """The ranges that a statement ends with."""
    return () if isinstance(s, (FunctionDefinition, Solving)) else s.ranges


def running_letters(s: Statement) -> set[str]:
    """The letters of the members of which a statement says something, and of its ranges."""
    names = s.wrt if isinstance(s, Asked) else values_named(s)
    own = {t for name, _ in names for i in parts(name)[1] for t in i.terms}
    return own | {over.letter for over in ranges_said(s)}


def axes_of(s: Declaration | Definition) -> Iterator[tuple[tuple[str, int], Range | None]]:
    """The ranges that a statement gives to the indices of its families; None for a number's."""
    runs = {Index(r.letter): r for r in s.ranges}
    for name in (n for n, _ in values_named(s) if isinstance(n, Member)):
        for axis, index in enumerate(name.indices):
            yield (name.base, axis), runs.get(index)


def range_of(letter: str, root: SyntaxNode, axes: AxisRanges) -> Range | None:
    """Where an index runs, where all members that have it alone run over the same."""
    found = {
        over and over.lettered(letter)
        for name in map(member_of, postorder(root))
        if name is not None
        for axis, index in enumerate(name.indices)
        if index == Index(letter)
        for over in axes.get((name.base, axis), ())
    }
    return found.pop() if len(found) == 1 else None


def with_ranges(statements: Sequence[Statement]) -> tuple[list[Statement], list[str]]:
    """The statements with the ranges that definitions leave out, and what is said of them."""
    if not any(_unranged(s) for s in statements):
        return list(statements), []
    given = given_by(statements)
    meant = {*map(base_of, (name for s in given for name, _ in values_named(s)))}
    meant.update(t for s in given for r in s.ranges for t in r.letters)
    shapes = (part.sides or () for s in given if isinstance(s, Declaration) for part in s.parts)
    meant.update(name for sides in shapes for side in sides for name in side.dim.names)
    axes: dict[tuple[str, int], list[Range | None]] = {}
    found: list[Statement] = []
    said: list[str] = []
    for s in statements:
        if isinstance(s, Definition) and (more := _left_out(s, axes, meant)):
            found.append(replace(s, ranges=(*s.ranges, *more)))
            said.append(f"`{s.name.name}` is defined for `{written(more)}`.")
        else:
            found.append(s)
        if isinstance(told := found[-1], (Declaration, Definition)):
            for axis, over in axes_of(told):
                axes.setdefault(axis, []).append(over)
    return found, said


def _left_out(s: Definition, axes: AxisRanges, meant: Container[str]) -> Sequence[Range]:
    """The ranges of the letters that stand in a definition's head without one."""
    ranges = (range_of(t, s.body, axes) for t in _unranged(s) if t not in meant)
    return tuple([over for over in ranges if over is not None])


def _unranged(s: Statement) -> list[str]:
    """The letters in a definition's head that have no range."""
    if not isinstance(s, Definition):
        return []
    letters = [i.letter for i in parts(s.name.name)[1] if i.letter and i == Index(i.letter)]
    return [t for t in letters if all(t != over.letter for over in s.ranges)]
