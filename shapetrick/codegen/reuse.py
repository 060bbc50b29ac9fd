"""Products of entries that are computed anyway are summed, not formed again within a sum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..core.traversal import postorder
from .ir import ArrayOperation, Graph, Value, rewritten

_AXES: Mapping[ArrayOperation, int | None] = {"inner": None, "row_dots": 1, "column_dots": 0}


def with_products_reused(graph: Graph, roots: Sequence[Value]) -> dict[Value, Value]:
    """Every node that the roots need; sums of products that are there are plain sums."""
    products: dict[frozenset[Value], Value] = {}
    for v in postorder(roots):
        if v.op == "mul" and len(v.args) == 2 and all(a.shape == v.shape for a in v.args):
            products[frozenset(v.args)] = v

    def change(v: Value) -> Value:
        product = products.get(frozenset(v.args)) if v.op in _AXES else None
        if product is None or product.shape != v.args[0].shape:
            return v
        return graph.reduced("sum", product, _AXES[v.op])

    return rewritten(graph, roots, change)
