"""TABLE: the function of a module that solves a linear system by its rule, in each library, where
the module calls it.

Small systems are solved by their matrix, large ones by GMRES, without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .operations import Library

SOLVE = "_solve_by_rule"  # no name of a problem begins so
MOST_DENSE = 1500  # entries for which the matrix is formed

TABLE: Mapping[Library, str] = {
    "numpy": f'''
def {SOLVE}(rule: Callable[[Array], Array], right: Array) -> Array:
    """Solve `rule(entries) = right`, of a linear rule; a large system by GMRES."""
    right = 1.0 * right
    if right.size <= {MOST_DENSE}:
        return np.linalg.solve(np.column_stack([rule(x) for x in np.eye(right.size)]), right)
    operator = scipy.sparse.linalg.LinearOperator(2 * right.shape, rule, dtype=right.dtype)
    least = np.finfo(right.dtype).eps ** 0.75
    entries, failed = scipy.sparse.linalg.gmres(
        operator, right, rtol=least, restart=200, maxiter=20
    )
    if failed:
        raise np.linalg.LinAlgError("GMRES does not converge: the system may be singular")
    return entries
''',
    "jax": f'''
def {SOLVE}(
    rule: Callable[[jax.Array], jax.Array], right: jax.Array
) -> jax.Array:
    """Solve `rule(entries) = right`, of a linear rule; a large system by GMRES, or NaN."""
    if right.size <= {MOST_DENSE}:
        matrix = jax.vmap(rule, out_axes=1)(jnp.eye(right.size, dtype=right.dtype))
        return jnp.linalg.solve(matrix, right)
    rounding = jnp.finfo(right.dtype).eps
    entries, _ = jax.scipy.sparse.linalg.gmres(
        rule, right, tol=rounding**0.85, restart=200, maxiter=20, solve_method="incremental"
    )
    off = jnp.linalg.norm(rule(entries) - right)
    return jnp.where(off <= jnp.sqrt(rounding) * jnp.linalg.norm(right), entries, jnp.nan)
''',
    "torch": f'''
def {SOLVE}(rule: Callable[[Tensor], Tensor], right: Tensor) -> Tensor:
    """Solve `rule(entries) = right`, of a linear rule; a large system by GMRES."""
    if len(right) <= {MOST_DENSE}:
        units = torch.eye(len(right), dtype=right.dtype, device=right.device)
        return torch.linalg.solve(torch.column_stack([rule(x) for x in units]), right)
    size, least = torch.linalg.norm(right), torch.finfo(right.dtype).eps ** 0.75
    entries, off = torch.zeros_like(right), size
    basis, images = right[:, None] / size, right.new_zeros(len(right), 0)
    while off > least * size and len(images.T) < len(right):
        image = rule(basis[:, -1])
        images = torch.column_stack([images, image])
        weights = torch.linalg.lstsq(images, right[:, None]).solution[:, 0]
        entries, off = basis @ weights, torch.linalg.norm(right - images @ weights)
        for _ in range(2):  # twice is enough for what rounding leaves
            image = image - basis @ (basis.T @ image)
        basis = torch.column_stack([basis, image / torch.linalg.norm(image)])
    if not off <= least ** 0.5 * size:
        raise torch.linalg.LinAlgError("GMRES does not converge: the system may be singular")
    return entries
''',
}


def helpers(lines: Iterable[str], library: Library) -> list[str]:
    """The lines of what a module has besides those that call it."""
    if not any(f"{SOLVE}(" in line for line in lines):
        return []
    return [*TABLE[library].strip().splitlines(), "", ""]
