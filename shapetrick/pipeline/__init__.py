"""The way of one request, from the chain rule to the verdict."""
