"""Python functions, written for NumPy, PyTorch or JAX, read as problems."""
