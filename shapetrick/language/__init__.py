"""Text to expressions and back."""
