"""Dimensions with unknowns, and the equations between them that have been found to hold."""

from __future__ import annotations

from ...core.dims import ONE, Dim, Shape, shape_text

MARK = "?"  # first letter of an unknown dimension's name; no name that is typed has it


class Unifier:
    """What unknown dimensions are equal to, as far as equations tell; grows only."""

    def __init__(self) -> None:
        self._bound: dict[str, Dim] = {}
        self._apart: set[str] = set()  # unknowns that are not 1
        self._made = 0
        self.postponed: list[tuple[Dim, Dim]] = []  # equations that determine no unknown yet
        self.changed: list[str] = []  # unknowns that became known since the reader last emptied it

    def fresh(self, apart: bool = False) -> Dim:
        """A new unknown; `apart` if it is known not to be 1."""
        self._made += 1
        name = f"{MARK}{self._made}"
        if apart:
            self._apart.add(name)
        return Dim.of(name)

    def copy(self) -> Unifier:
        """An equal one that can be tried out."""
        other = Unifier()
        other._bound, other._apart = dict(self._bound), set(self._apart)
        other._made, other.postponed = self._made, list(self.postponed)
        return other

    def resolve(self, dim: Dim) -> Dim:
        """The dimension with all that is known put in."""
        bound = self._bound
        if not bound:
            return dim
        passed = []
        name = _lone(dim)
        while name is not None and name in bound:
            passed.append(name)
            dim = bound[name]
            name = _lone(dim)
        while known := {v: bound[v] for v in unknowns(dim) if v in bound}:
            dim = dim.substitute(known)
        for name in passed:
            bound[name] = dim
        return dim

    def shape(self, shape: Shape) -> Shape:
        """The shape with all that is known put in."""
        return (self.resolve(shape[0]), self.resolve(shape[1])) if self._bound else shape

    def is_apart(self, dim: Dim) -> bool:
        """Whether a resolved dimension is known not to be 1."""
        if not is_open(dim):
            return dim != ONE
        name = _lone(dim)
        return name is None or name in self._apart

    def unify(self, a: Dim, b: Dim) -> bool:
        """Make two dimensions equal; false if they can't be."""
        a, b = self.resolve(a), self.resolve(b)
        if a == b:
            return True
        name, other = _lone(a), _lone(b)
        if name is not None and (other is None or _age(name) > _age(other)):
            return self._bind(name, b)
        if other is not None:
            return self._bind(other, a)
        if not is_open(a) and not is_open(b):
            return False
        solved = _solve(a, b)
        if solved is not None:
            return self._bind(*solved)
        self.postponed.append((a, b))
        return True

    def unify_shapes(self, a: Shape, b: Shape) -> bool:
        """Make two shapes equal; false if they can't be."""
        return self.unify(a[0], b[0]) and self.unify(a[1], b[1])

    def retry(self) -> bool:
        """Look at the postponed equations again; false if one can't hold."""
        waiting, self.postponed = self.postponed, []
        fits = True
        for a, b in waiting:
            fits = self.unify(a, b) and fits
        return fits

    def _bind(self, name: str, dim: Dim) -> bool:
        if name in unknowns(dim) or (name in self._apart and dim == ONE):
            return False
        other = _lone(dim)
        if other is not None and name in self._apart:
            self._apart.add(other)
        self._bound[name] = dim
        self.changed.append(name)
        return True


def _age(name: str) -> int:
    """The later made, the higher: an old unknown stays, as more nodes look at it."""
    return int(name[len(MARK) :])


def unknowns(dim: Dim) -> list[str]:
    """The unknown names in a dimension."""
    return [n for names, _ in dim.terms for n in names if n[0] == MARK]


def is_open(dim: Dim) -> bool:
    """Whether unknowns occur in it."""
    return any(n[0] == MARK for names, _ in dim.terms for n in names)


def is_settled(shape: Shape) -> bool:
    """Whether both sides are known."""
    return not is_open(shape[0]) and not is_open(shape[1])


def open_text(shape: Shape) -> str:
    """`m×?`: a shape as far as it is known."""
    blank = Dim.of(MARK)
    rows, cols = (blank if is_open(dim) else dim for dim in shape)
    return shape_text((rows, cols))


def _lone(dim: Dim) -> str | None:
    """The unknown, if the dimension is nothing else."""
    if len(dim.terms) == 1:
        names, k = dim.terms[0]
        if k == 1 and len(names) == 1 and names[0][0] == MARK:
            return names[0]
    return None


def _solve(a: Dim, b: Dim) -> tuple[str, Dim] | None:
    """An unknown that the equation determines, and its value: `?1 + 1 = n + 1`, `m ?1 = 2 m n`."""
    if len(a.terms) == len(b.terms) == 1:
        return _solve_products(a, b)
    difference = a - b
    for names, k in difference.terms:
        if abs(k) == 1 and len(names) == 1 and names[0][0] == MARK:
            rest = Dim(tuple((n, -k * c) for n, c in difference.terms if n != names))
            if names[0] not in unknowns(rest) and all(c > 0 for _, c in rest.terms):
                return names[0], rest
    return None


def _solve_products(a: Dim, b: Dim) -> tuple[str, Dim] | None:
    (left, j), (right, k) = a.terms[0], b.terms[0]
    own, others = list(left), list(right)
    for name in left:
        if name in others:
            own.remove(name)
            others.remove(name)
    for side, rest, p, q in ((own, others, j, k), (others, own, k, j)):
        if len(side) == 1 and side[0][0] == MARK and q % p == 0:
            return side[0], Dim(((tuple(rest), q // p),))
    return None
