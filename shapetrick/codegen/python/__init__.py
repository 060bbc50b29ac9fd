"""A plan as Python: NumPy, JAX and PyTorch."""
