"""To the form that a textbook prints."""
