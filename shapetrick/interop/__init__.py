"""Other forms: SymPy and JSON."""
