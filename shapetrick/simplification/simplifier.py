"""Simplification: the shortest form found, written with the problem's own definitions.

Every node goes through the passes after its arguments, round by round until that changes nothing.
A form is taken only if it is no longer than what it replaces, so this ends.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..algebra.common_factors import with_common_in_front
from ..algebra.contraction import flip
from ..algebra.index_terms import Term
from ..algebra.monomials import Product, multiplied
from ..algebra.symmetry import Symmetry
from ..core.contents import inside
from ..core.cost import has_minus, is_below, length, outline
from ..core.dims import ONE, Shape
from ..core.expr import (
    MINUS,
    UNIT,
    Add,
    Expr,
    MatMul,
    Name,
    Number,
    Power,
    Times,
    Transpose,
    add,
    call,
    exact,
    matmul,
    negate,
    transpose,
)
from ..core.functions import TABLE
from ..core.results import Rewriting
from ..core.structure import factors_of, has_transposes
from ..core.traversal import postorder, rebuild, remembered
from .arguments import with_opposite_argument
from .definition_folding import is_homogeneous
from .diagonals import with_diagonals
from .factor_order import (
    places_of_scalars,
    with_constants_first,
    with_letters_first,
    with_name_outside,
)
from .identities import COMPLEMENTED
from .kinks import is_condition
from .networks import Networks
from .passes import PassPlace, passes_for
from .powers import with_equal_powers
from .rewriting import Rewriter, Rows

MOST_ROUNDS = 8
MOST_TURNED = 8  # products within each other, out of which a transpose is taken
DEEPEST = 8  # how often what a pass has made is looked into again


class Simplifier:
    """Simplifies expressions of one problem; what it found is kept in one memo."""

    def __init__(self, definitions: Iterable[Expr] = (), roots: Iterable[Expr] = ()) -> None:
        self._memo: dict[Any, Any] = {}  # by what was found, and of what
        self._simple: dict[Expr, Expr] = {}
        self._sums: set[Expr] = set()  # of the problem
        self._powers: set[Expr] = set()  # likewise
        self.is_symmetric = Symmetry()
        rewriter = Rewriter(self.is_symmetric, length)
        self._last = rewriter.by(Rows.LAST)
        self.networks = Networks(self._memo, self.is_symmetric, rewriter, self, _alone)
        definitions, roots = list(definitions), list(roots)
        nodes = [*postorder([*definitions, *roots])]
        self._places = places_of_scalars(nodes)
        for e in nodes:
            if isinstance(e, Add):
                self.networks.signs.learn(e)
                self._sums.add(e)
            elif isinstance(e, Power):
                self._powers.add(e)
            elif is_condition(e):
                self.networks.has_conditions = True
        used = {e for e in postorder(roots) if isinstance(e, Name)}
        for definition in definitions:
            inner = definition in used and definition not in roots
            self._learn(definition, inner or _may_recur(definition.args[0]))
        for definition in reversed(definitions[:-1]):
            self._learn_by_later_names(definition)

    def _learn(self, definition: Expr, simplified: bool) -> None:
        """Notes a definition: its body is replaced by its name wherever it turns up, also where it
        does so `simplified`."""
        body = definition.args[0]
        if not body.args:
            return
        self.networks.known.learn(definition)
        for form in dict.fromkeys([body, self(body)] if simplified else [body]):
            self.networks.folding.learn(definition, form)
            if form.op == COMPLEMENTED:
                opposite = call(form.op, multiplied([MINUS, *form.args]))
                self.networks.folding.learn_as(opposite, add(UNIT, negate(definition)))
        self._memo.clear()
        self._simple.clear()

    def _learn_by_later_names(self, definition: Expr) -> None:
        """Notes a definition with the names of its parts, those that come later too: where `u = A x
        / norm(A x); J = norm(A x)`, `u` is `A x / J`."""
        body = definition.args[0]
        form = rebuild(body, [self.named(a) for a in body.args]) if body.args else body
        if form is not body:
            self.networks.folding.learn(definition, form)
            self._memo.clear()

    def __call__(self, e: Expr) -> Expr:
        """The simplified expression: of the same shape and value, and no longer."""
        key = Simplifier, e
        if key not in self._memo:
            whole = e if isinstance(e, Name) else self._with_simple_args(e)
            self._memo[key] = self._simple[e] = self._shortest(whole, PassPlace.WHOLE)
        found: Expr = self._memo[key]
        return found

    def write(self, terms: Sequence[Term], shape: Shape) -> Expr | None:
        """The terms as one simplified expression, or None if a term has no form in matrices."""
        written = self.networks.write(self.networks.collected(terms), shape)
        return None if written is None else self(written)

    def answer(self, e: Expr) -> Expr:
        """A simplified expression that is not taken further, with the identities for answers."""
        known: dict[Expr, Expr] = self._memo.setdefault(Simplifier.answer, {})

        def finished(x: Expr) -> Expr:
            if not x.args or isinstance(x, Name):
                return x
            x = with_opposite_argument(self.networks, rebuild(x, [known[a] for a in x.args]))
            x = with_common_in_front(with_equal_powers(x, self._powers), self._sums)
            x = with_letters_first(x, self._places)
            x = self._with_transpose_outside(x)
            return x if x in self._sums else with_name_outside(with_constants_first(x))

        return remembered(known, self._last.everywhere(e), finished, into_names=False)

    def _with_transpose_outside(self, e: Expr) -> Expr:
        """A sum or product of transposes as the transpose of one, where that is shorter by two, and
        else a transpose of one as these; of two factors each keeps its own, and so does a sum in
        which others would be turned. A sum of the problem is seen as it is there."""
        if ONE in e.shape:
            return e
        if isinstance(e, Transpose):
            inner = e.args[0]
            is_chain = isinstance(inner, MatMul) and inner.args[2:] and has_transposes(e)
            if not is_chain and not isinstance(inner, (Add, Times)):
                return e
            found = flip(inner, self.is_symmetric, MOST_TURNED)
            return found if is_chain or length(found) + 2 <= length(e) else e
        if not isinstance(e, (Add, MatMul)) or not has_transposes(e):
            return e
        args = [flip(a, self.is_symmetric) for a in e.args]
        inner = add(*args) if isinstance(e, Add) else matmul(*reversed(args))
        least = 2 if isinstance(e, MatMul) else 3 if has_transposes(inner) else 1
        least = 0 if inner in self._sums else least
        return transpose(inner) if length(inner) + 1 + least <= length(e) else e

    def with_diagonals(self, e: Expr) -> Expr:
        """Rows or columns scaled as people write it in a Jacobian: `diag(v) A`, not `v .* A`."""
        found = with_diagonals(e, self.networks.signs, self.is_symmetric)
        if found is not e:
            self.networks.log.append(Rewriting("scaled by diag", e, found))
        return found

    def named(self, e: Expr) -> Expr:
        """The expression as it stands, with definitions written by their names."""
        known: dict[Expr, Expr] = self._memo.setdefault(Simplifier.named, {})
        fold = self.networks.folding.fold

        def by_name(x: Expr) -> Expr:
            found = x if isinstance(x, Name) else fold(x)
            if isinstance(found, Name):
                return found
            return fold(rebuild(x, [known[a] for a in x.args]))

        return remembered(known, e, by_name, into_names=False)

    def steps_to(self, e: Expr) -> tuple[Rewriting, ...]:
        """The steps that led to an expression: their result is in it, or in where another began.
        Those that only write a product in another order are no steps to a reader."""
        log = [*self.networks.rewriter.log, *self.networks.log, *self._last.log]
        wanted = set(postorder([e], into=lambda x: not isinstance(x, Name))) if log else set()
        found = []
        for step in reversed(log):
            if step.after in wanted and step.before not in wanted:
                wanted.update(postorder([step.before], into=lambda x: not isinstance(x, Name)))
                found.append(step)
        return tuple(s for s in reversed(found) if length(s.after) < length(s.before))

    # ------------------------------------------------------------------------------ the loop

    def _shortest(self, e: Expr, place: PassPlace, depth: int = 0) -> Expr:
        """The node after the passes, round by round until that changes nothing; of forms that turn
        into each other, one that doesn't depend on where one began."""
        forms = [e]
        for _ in range(1 if depth else MOST_ROUNDS):  # within a pass, the next round looks again
            found = self._after_passes(forms[-1], place)
            if found is forms[-1]:
                break
            if depth < DEEPEST:
                found = self._with_simple_args(found, depth + 1)
            if found in forms:
                return min(forms[forms.index(found) :], key=lambda x: (length(x), outline(x)))
            forms.append(found)
        return forms[-1]

    def _after_passes(self, e: Expr, place: PassPlace, behind: int = 0) -> Expr:
        """The node after the passes that come behind so many of them."""
        if not e.args or isinstance(e, Name):
            return e
        kind: Any = type(e)  # a type checker asks for the hash of its objects
        for count, step in passes_for(kind, place, inside(e), behind):
            found = self.networks.made(step.change, e)
            if found is not None and found is not e:
                return self._after_passes(found, place, count)
        return e

    def _with_simple_args(self, e: Expr, depth: int = 0) -> Expr:
        """The expression with all that is new below it simplified, arguments first."""
        simple = self._simple
        if isinstance(e, Name):
            return e
        order = [*postorder(e.args, into=lambda x: not isinstance(x, Name) and x not in simple)]
        alone = {a for x in (*order, e) if not _is_product(x) for a in x.args}
        for x in order:
            if x not in simple:
                simple[x] = x  # while it is being looked at
                place = PassPlace.ALONE if depth or x in alone else PassPlace.FACTOR
                simple[x] = self._shortest(self._rebuilt(x), place, depth)
        return self._rebuilt(e)

    def _rebuilt(self, e: Expr) -> Expr:
        """The expression with its arguments simplified; a summand keeps its minus."""
        if isinstance(e, Name):
            return e
        return rebuild(
            e, [(self._summand(a) if isinstance(e, Add) else self._simple[a]) for a in e.args]
        )

    def _summand(self, a: Expr) -> Expr:
        """A summand simplified: in a sum `-A (y - x)` is as short as `A (x - y)`, and which of the
        two it is depends on how the problem writes `y - x`."""
        found = self._simple[a]
        if not has_minus(a) or has_minus(found) or isinstance(a, Number):
            return found
        kept = rebuild(a, [self._simple[x] for x in a.args])
        return kept if has_minus(kept) and length(kept) <= length(found) + 1 else found


def _alone(e: Expr) -> Expr:
    """What has no definitions, simplified."""
    return Simplifier()(e)


def _is_product(e: Expr) -> bool:
    return isinstance(e, (Times, MatMul, Transpose))


def _is_root(e: Expr) -> bool:
    return isinstance(e, Power) and ((p := exact(e.args[1])) is None or p.denominator != 1)


def _may_recur(value: Expr) -> bool:
    """Whether a value may be a factor of its own derivative, as that of `exp`, a quotient or a root
    is."""
    parts = factors_of(value)
    if any(is_below(a) or _is_root(a) for a in parts):
        return True
    if any(is_homogeneous(a, Product.of(value).factors) for a in parts):
        return True
    factors = [a.args[0] if isinstance(a, Power) else a for a in parts]
    rows = [TABLE[a.op] for a in factors if a.op in TABLE]
    return any(re.search(r"\by\b", text) for row in rows for text in row.derivative)
