"""LaTeX to the syntax tree of the plain language."""
