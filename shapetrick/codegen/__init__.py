"""The plan of a computation, before it is text."""
