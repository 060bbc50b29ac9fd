"""Index notation to matrix notation: entries, sums over letters, and the form in matrices."""
