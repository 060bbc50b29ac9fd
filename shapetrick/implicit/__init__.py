"""Functions by their equations: adjoint equations, multipliers, closed forms."""
