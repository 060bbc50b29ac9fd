"""Values at points: evaluation, sampling, finite differences."""
