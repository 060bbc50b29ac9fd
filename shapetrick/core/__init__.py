"""Plain data that all stages share: dimensions, the operation table, expressions, problems,
results."""
