"""Products in index notation: what is equal, and how it is written shortest."""
