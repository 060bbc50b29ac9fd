"""Is my gradient right? Judgement, repair, and what is said of it."""
