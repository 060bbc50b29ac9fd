"""Text to a syntax tree, and back: the plain language."""
