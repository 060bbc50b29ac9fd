"""Everything that is shown: expressions and results as text, terminal output and data."""
